//! Requests, withdraws and inquires about fulfillments, which are the vendor's orders.

use domain::fulfillment::{Accepted, FulfillmentRequest, Inquiry, Rejected, Withdrawal, Withdrawn};
use domain::party::Party;
use domain::{EffectRequest as _, FulfillmentCommand, FulfillmentId, Rejection};
use engine::Code;
use engine::partner::{Attempt, CallFailure, Secrets, WarehouseAnswer, WithdrawalAnswer};
use engine::redact::without_party;
use serde::de::DeserializeOwned;

use super::map;
use super::wire::{Cancelled, ExistingOrder, NewOrder, OrderId};
use crate::client::failures::ours;
use crate::client::rejection::without_digits;
use crate::client::transport::{Method, Reply, Transport};
use crate::client::{Answer, FirstStep, HttpRequest, PartnerClient};
use crate::wire::fields::Report;

/// The client, with the channel that every request names.
pub(crate) struct Channel<'a, S, T> {
    pub(crate) client: &'a PartnerClient<'a, S, T>,
    pub(crate) id: u64,
}

impl<S: Secrets, T: Transport> Channel<'_, S, T> {
    /// Requests that the warehouse ships to `party`.
    pub(crate) async fn request(
        &self,
        request: &FulfillmentRequest,
        party: &Party,
        attempt: Attempt,
    ) -> Result<WarehouseAnswer, CallFailure> {
        let order = map::new_order(request, party, &self.client.partner.maps)?;
        if let FirstStep::LookUp { then_wait } = self.client.first_step(attempt)? {
            if let Some(existing) = self.find(&order, party).await? {
                return Ok(existing);
            }
            self.client.require_settled(then_wait)?;
        }
        let url = self.client.url(&["1.0", "order"])?;
        let post = self.client.write(Method::Post, url, Some(request.key()), &order)?;
        match self.call(post).await? {
            Answer::Done(reply) => {
                let OrderId { id } = self.client.read(&reply)?;
                self.accepted(id)
            }
            // A duplicate and a rejection have the same status; the look-up tells which it is.
            Answer::Unprocessable(reply) => match self.find(&order, party).await? {
                Some(existing) => Ok(existing),
                None if names(&reply, "reference_id") => {
                    let cause = "it reports a duplicate and does not list it yet".into();
                    Err(CallFailure::Unknown { code: Code::PartnerBusy, cause })
                }
                None => {
                    let reason = reasons(&reply, |words| without_party(words, party));
                    Ok(WarehouseAnswer::Rejected(Rejected { reason }))
                }
            },
            Answer::Conflict(reply) | Answer::NotFound(reply) => Err(refused(&reply, party)),
        }
    }

    /// The order under our reference with the same content. A cancelled order keeps its reference in use, so it counts.
    async fn find(&self, order: &NewOrder<'_>, party: &Party) -> Result<Option<WarehouseAnswer>, CallFailure> {
        let reply = match self.get_orders(&order.reference_id).await? {
            Answer::Done(reply) => reply,
            Answer::NotFound(_) => return Ok(None),
            Answer::Conflict(reply) | Answer::Unprocessable(reply) => return Err(refused(&reply, party)),
        };
        let mut existing: Vec<ExistingOrder> = self.client.read(&reply)?;
        // If the vendor ignored the filter, it would list all orders.
        existing.retain(|existing| existing.reference_id.as_ref() == Some(&order.reference_id));
        let Some(first) = existing.first() else { return Ok(None) };
        let differs = |why: &str| {
            let why = format!("the order of {} {why}", order.reference_id);
            Err(CallFailure::Refused(Rejection::new(domain::rejection::DUPLICATE_DIFFERS, why)))
        };
        match existing.iter().find(|existing| existing.is_same(order)) {
            Some(existing) if existing.status.as_deref() == Some("Cancelled") => differs("was cancelled there"),
            Some(existing) => self.accepted(existing.id).map(Some),
            None => differs(&format!("has other content than ours (its number there is {})", first.id)),
        }
    }

    fn accepted(&self, id: u64) -> Result<WarehouseAnswer, CallFailure> {
        let reference = id.to_string().parse().map_err(|_| self.client.unreadable("an order without a usable id"))?;
        Ok(WarehouseAnswer::Accepted(Accepted { reference }))
    }

    /// Withdraws a fulfillment by the vendor's id, or by our reference if we have no id.
    pub(crate) async fn withdraw(&self, withdrawal: &Withdrawal) -> Result<WithdrawalAnswer, CallFailure> {
        if let Some(reference) = &withdrawal.reference {
            return self.cancel(withdrawal, reference.as_str()).await;
        }
        let then_wait = self.client.settle_wait(withdrawal.sent_until)?;
        let mut answer = Withdrawn { reference: None };
        // One at most: the vendor accepts a reference once.
        for OrderId { id } in self.look_up(&withdrawal.fulfillment).await? {
            match self.cancel(withdrawal, &id.to_string()).await? {
                WithdrawalAnswer::Withdrawn(withdrawn) => answer = withdrawn,
                WithdrawalAnswer::TooLate(why) => return Ok(WithdrawalAnswer::TooLate(why)),
            }
        }
        if answer.reference.is_none() {
            self.client.require_settled(then_wait)?;
        }
        Ok(WithdrawalAnswer::Withdrawn(answer))
    }

    /// Cancels one order. The vendor answers 200 in any case, with a result for each shipment.
    async fn cancel(&self, withdrawal: &Withdrawal, id: &str) -> Result<WithdrawalAnswer, CallFailure> {
        let url = self.client.url(&["1.0", "order", id, "cancel"])?;
        let cancelled: Cancelled = match self.call(self.client.post_empty(url, withdrawal.key())).await? {
            Answer::Done(reply) => self.client.read(&reply)?,
            Answer::Conflict(reply) | Answer::NotFound(reply) | Answer::Unprocessable(reply) => {
                return Err(refused_without_digits(&reply));
            }
        };
        let Cancelled { order, canceled_shipment_results: results } = cancelled;
        if let Some(failed) = results.iter().find(|result| !result.is_success) {
            let reason = failed.reason.as_deref().unwrap_or("the warehouse named no reason");
            return Ok(WithdrawalAnswer::TooLate(Rejection::new("TOO_LATE", without_digits(reason))));
        }
        // Without shipments, the order's own status has to say it.
        if results.is_empty() && order.and_then(|order| order.status).as_deref() != Some("Cancelled") {
            return Err(self.client.unreadable("a cancellation without a result"));
        }
        let reference = id.parse().map_err(|_| self.client.unreadable("an order without a usable id"))?;
        Ok(WithdrawalAnswer::Withdrawn(Withdrawn { reference: Some(reference) }))
    }

    /// Asks for an order with all its shipments. It is read like a message.
    pub(crate) async fn inquire(&self, inquiry: &Inquiry) -> Result<Vec<FulfillmentCommand>, CallFailure> {
        let orders: Vec<serde_json::Value> = self.look_up(&inquiry.fulfillment).await?;
        let report = Report::default();
        let (partner, now) = (self.client.partner, self.client.cx.now);
        let read = orders.iter().map(|order| map::read_shipments(&report.root(order), partner, now));
        let read = read.collect::<Option<Vec<_>>>();
        let commands = report.into_result(read).map_err(|offences| self.client.offences(&offences))?;
        Ok(commands.into_iter().flatten().collect())
    }

    /// All orders under our reference.
    async fn look_up<K: DeserializeOwned>(&self, fulfillment: &FulfillmentId) -> Result<Vec<K>, CallFailure> {
        let reference = fulfillment.to_string();
        let reply = match self.get_orders(&reference).await? {
            Answer::Done(reply) => reply,
            Answer::NotFound(_) => return Ok(vec![]),
            Answer::Conflict(reply) | Answer::Unprocessable(reply) => return Err(refused_without_digits(&reply)),
        };
        let mut orders: Vec<serde_json::Value> = self.client.read(&reply)?;
        // If the vendor ignored the filter, it would list all orders.
        orders.retain(|order| order.get("reference_id").and_then(serde_json::Value::as_str) == Some(&reference));
        let read = |order| {
            serde_json::from_value(order).map_err(|error| self.client.unreadable(&engine::redact::json_error(&error)))
        };
        orders.into_iter().map(read).collect()
    }

    async fn get_orders(&self, reference: &str) -> Result<Answer, CallFailure> {
        let mut url = self.client.url(&["1.0", "order"])?;
        url.query_pairs_mut().append_pair("ReferenceIds", reference);
        self.call(self.client.get(url)).await
    }

    async fn call(&self, mut request: HttpRequest) -> Result<Answer, CallFailure> {
        request.headers.push(("shipbob_channel_id", self.id.to_string()));
        self.client.call(&request).await
    }
}

/// Whether a rejection, a map from fields to what is wrong with them, names `field`.
fn names(reply: &Reply, field: &str) -> bool {
    let body = engine::json::read(&reply.body).unwrap_or_default();
    body.get(field).is_some() || body.get("errors").is_some_and(|errors| errors.get(field).is_some())
}

/// The vendor's reasons in one line, redacted by `clean`.
fn reasons(reply: &Reply, clean: impl FnOnce(&str) -> String) -> String {
    let body = engine::json::read(&reply.body).unwrap_or_default();
    let mut reasons = Vec::new();
    for (field, why) in body.as_object().into_iter().flatten() {
        let texts = why.as_array().into_iter().flatten().chain([why]).filter_map(serde_json::Value::as_str);
        reasons.extend(texts.map(|text| format!("{field}: {text}")));
    }
    if reasons.is_empty() { "the warehouse named no reason".to_owned() } else { clean(&reasons.join("; ")) }
}

fn refused(reply: &Reply, party: &Party) -> CallFailure {
    if reply.status == 404 {
        return ours(Code::PartnerRefused, "the API is not under base_url");
    }
    let (code, reason) = (format!("HTTP_{}", reply.status), reasons(reply, |words| without_party(words, party)));
    CallFailure::Refused(Rejection { code, reason })
}

/// For requests in which we do not know the receiver.
fn refused_without_digits(reply: &Reply) -> CallFailure {
    let (code, reason) = (format!("HTTP_{}", reply.status), reasons(reply, without_digits));
    CallFailure::Refused(Rejection { code, reason })
}
