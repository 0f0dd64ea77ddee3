//! Requests, withdraws and inquires about fulfillments.

use domain::fulfillment::{Accepted, FulfillmentRequest, Inquiry, Rejected, Withdrawal, Withdrawn};
use domain::order::ServiceLevel;
use domain::party::Party;
use domain::{EffectRequest as _, FulfillmentCommand, FulfillmentId, Rejection};
use engine::partner::{Attempt, CallFailure, Secrets, WarehouseAnswer, WithdrawalAnswer};
use engine::redact::without_party;
use serde::de::DeserializeOwned;

use super::map::read_fulfillment;
use super::wire::{Address, Created, ExistingFulfillment, IdAndStatus, NewFulfillment};
use crate::client::rejection::{rejection, rejection_with, without_digits};
use crate::client::transport::{Method, Reply, Transport};
use crate::client::{Answer, FirstStep, PartnerClient};
use crate::registry::{Fill, Partner};
use crate::rest::{Items, Line, same_lines};
use crate::wire::fields::Report;

/// Requests that the warehouse ships to `party`.
pub(crate) async fn request<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &FulfillmentRequest,
    party: &Party,
    attempt: Attempt,
) -> Result<WarehouseAnswer, CallFailure> {
    let body = body(request, party, client.partner);
    if let FirstStep::LookUp { then_wait } = client.first_step(attempt)? {
        if let Some(existing) = find(client, &body, party).await? {
            return Ok(existing);
        }
        client.require_settled(then_wait)?;
    }
    let post = client.write(Method::Post, client.url(&["fulfillments"])?, Some(request.key()), &body)?;
    match client.call(&post).await? {
        Answer::Done(reply) => {
            let Created { id, status, reason } = client.read(&reply)?;
            answer(client, &id, status.as_deref(), reason.map(|reason| without_party(&reason, party)))
        }
        Answer::Unprocessable(reply) => {
            let rejection = rejection_with(&reply, |words| without_party(words, party));
            if rejection.code == "REJECTED" {
                return Ok(WarehouseAnswer::Rejected(Rejected { reason: rejection.reason }));
            }
            Err(CallFailure::Refused(rejection))
        }
        Answer::Conflict(reply) if rejection(&reply).code == "KEY_REUSED" => {
            let existing = find(client, &body, party).await?;
            existing.ok_or_else(|| client.unreadable("the key is in use, and the look-up by reference finds nothing"))
        }
        Answer::Conflict(reply) | Answer::NotFound(reply) => Err(refused(&reply, party)),
    }
}

fn body<'a>(request: &'a FulfillmentRequest, party: &Party, partner: &'a Partner) -> NewFulfillment<'a> {
    let maps = &partner.maps;
    let level = match request.service_level {
        ServiceLevel::Standard => "standard",
        ServiceLevel::Expedited => "expedited",
    };
    NewFulfillment {
        reference: request.fulfillment.to_string(),
        site: maps.their_site(&request.site),
        service_level: maps.their_service_level(request.service_level).unwrap_or(level),
        requested_by: request.requested_by.map(|date| date.to_string()),
        fill: match partner.fill {
            Fill::Partial => None,
            Fill::Whole => Some("whole"),
        },
        ship_to: Address::from(party),
        lines: request.lines.iter().map(|line| Line::from_quantity(line, maps)).collect(),
    }
}

/// The fulfillment under our reference with the content of `body`. Cancelled ones do not count.
async fn find<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    body: &NewFulfillment<'_>,
    party: &Party,
) -> Result<Option<WarehouseAnswer>, CallFailure> {
    let mut url = client.url(&["fulfillments"])?;
    url.query_pairs_mut().append_pair("reference", &body.reference);
    let reply = match client.call(&client.get(url)).await? {
        Answer::Done(reply) => reply,
        Answer::NotFound(_) => return Ok(None),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => return Err(refused(&reply, party)),
    };
    let Items { items } = client.read::<Items<ExistingFulfillment>>(&reply)?;
    let live: Vec<ExistingFulfillment> =
        items.into_iter().filter(|existing| existing.status.as_deref() != Some("cancelled")).collect();
    let is_same = |existing: &&ExistingFulfillment| {
        same_lines(&existing.lines, &body.lines)
            && existing.site.as_ref().is_none_or(|site| site == body.site)
            && existing.ship_to.as_ref().is_none_or(|place| place.may_be(&body.ship_to))
    };
    match live.iter().find(is_same) {
        Some(existing) => {
            let reason = existing.reason.as_ref().map(|reason| without_party(reason, party));
            answer(client, &existing.id, existing.status.as_deref(), reason).map(Some)
        }
        None if live.is_empty() => Ok(None),
        None => {
            let why = format!("the fulfillment of {} has other content than ours", body.reference);
            Err(CallFailure::Refused(Rejection::new(domain::rejection::DUPLICATE_DIFFERS, why)))
        }
    }
}

/// Withdraws a fulfillment by the warehouse's id, or by our reference if we have no id.
pub(crate) async fn withdraw<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    withdrawal: &Withdrawal,
) -> Result<WithdrawalAnswer, CallFailure> {
    if let Some(reference) = &withdrawal.reference {
        return cancel(client, withdrawal, reference.as_str()).await;
    }
    let then_wait = client.settle_wait(withdrawal.sent_until)?;
    let existing: Vec<IdAndStatus> = look_up(client, &withdrawal.fulfillment).await?;
    let will_not_ship = |existing: &IdAndStatus| matches!(existing.status.as_deref(), Some("cancelled" | "rejected"));
    let (closed, live): (Vec<IdAndStatus>, Vec<IdAndStatus>) = existing.into_iter().partition(will_not_ship);
    let mut answer = None;
    for existing in &live {
        match cancel(client, withdrawal, &existing.id).await? {
            WithdrawalAnswer::Withdrawn(withdrawn) => answer = Some(withdrawn),
            WithdrawalAnswer::TooLate(why) => return Ok(WithdrawalAnswer::TooLate(why)),
        }
    }
    client.require_settled(then_wait)?;
    let earlier = closed.first().map(|existing| withdrawn(client, &existing.id)).transpose()?;
    Ok(WithdrawalAnswer::Withdrawn(answer.or(earlier).unwrap_or(Withdrawn { reference: None })))
}

/// Cancels one fulfillment; one that is cancelled already answers the same.
async fn cancel<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    withdrawal: &Withdrawal,
    id: &str,
) -> Result<WithdrawalAnswer, CallFailure> {
    let key = format!("{}/{id}", withdrawal.key());
    let post = client.post_empty(client.url(&["fulfillments", id, "cancel"])?, key);
    match client.call(&post).await? {
        Answer::Done(_) => withdrawn(client, id).map(WithdrawalAnswer::Withdrawn),
        Answer::Conflict(reply) if rejection(&reply).code == "TOO_LATE" => {
            Ok(WithdrawalAnswer::TooLate(rejection_with(&reply, without_digits)))
        }
        Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::NotFound(reply) => {
            Err(CallFailure::Refused(rejection_with(&reply, without_digits)))
        }
    }
}

fn withdrawn<S: Secrets, T: Transport>(client: &PartnerClient<'_, S, T>, id: &str) -> Result<Withdrawn, CallFailure> {
    let reference = id.parse().map_err(|_| client.unreadable("a fulfillment without a usable id"))?;
    Ok(Withdrawn { reference: Some(reference) })
}

/// Asks for a fulfillment's state. It is read by the readers of the warehouse's messages, so that an inquiry after those
/// messages yields the same commands.
pub(crate) async fn inquire<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    inquiry: &Inquiry,
) -> Result<Vec<FulfillmentCommand>, CallFailure> {
    let existing: Vec<serde_json::Value> = look_up(client, &inquiry.fulfillment).await?;
    let report = Report::default();
    let read = existing.iter().map(|item| read_fulfillment(&report.root(item), client.partner, client.cx.now));
    let read = read.collect::<Option<Vec<_>>>();
    let commands = report.into_result(read).map_err(|offences| client.offences(&offences))?;
    Ok(commands.into_iter().flatten().collect())
}

/// All fulfillments under our reference, cancelled ones included.
async fn look_up<S: Secrets, T: Transport, K: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    fulfillment: &FulfillmentId,
) -> Result<Vec<K>, CallFailure> {
    let mut url = client.url(&["fulfillments"])?;
    url.query_pairs_mut().append_pair("reference", &fulfillment.to_string());
    match client.call(&client.get(url)).await? {
        Answer::Done(reply) => client.read::<Items<K>>(&reply).map(|found| found.items),
        Answer::NotFound(_) => Ok(vec![]),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => {
            Err(CallFailure::Refused(rejection_with(&reply, without_digits)))
        }
    }
}

fn answer<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    id: &str,
    status: Option<&str>,
    reason: Option<String>,
) -> Result<WarehouseAnswer, CallFailure> {
    if status == Some("rejected") {
        let reason = reason.unwrap_or_else(|| "the warehouse named no reason".to_owned());
        return Ok(WarehouseAnswer::Rejected(Rejected { reason }));
    }
    let reference = id.parse().map_err(|_| client.unreadable("a fulfillment without a usable id"))?;
    Ok(WarehouseAnswer::Accepted(Accepted { reference }))
}

fn refused(reply: &Reply, party: &Party) -> CallFailure {
    CallFailure::Refused(rejection_with(reply, |words| without_party(words, party)))
}
