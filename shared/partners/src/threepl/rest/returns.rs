//! `POST /returns`, `PUT /returns/{id}`, `POST /returns/{id}/cancel`, `GET /returns`, and the messages about returns.

use std::collections::BTreeSet;

use domain::returns::{
    Announced, Announcement, AnnouncementWithdrawal, AnnouncementWithdrawn, Disposition, Receipt, ReceivedGoods,
    Scanned,
};
use domain::{EffectRequest as _, ExternalId, LineNo, Quantity, Rejection, ReturnCommand, ReturnId, Serial};
use engine::delivery::Delivery;
use engine::inbound::Unmappable;
use engine::partner::{Attempt, CallFailure, Secrets};
use engine::returns::{ReceiptQuery, ReceiptReported};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::client::rejection::rejection;
use crate::client::transport::{Method, Transport};
use crate::client::{Answer, FirstStep, PartnerClient};
use crate::registry::{Partner, Receipts};
use crate::rest::{Items, Line, same_lines};
use crate::wire::fields::{self, Place, Report};
use crate::wire::times::{self, Moment};

#[derive(Serialize)]
struct NewReturn<'a> {
    reference: String,
    rma: &'a str,
    site: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking: Option<&'a str>,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Existing {
    id: ExternalId,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Created {
    id: ExternalId,
}

/// Our reference of a parcel: the return and the parcel's number.
fn reference(return_id: &ReturnId, no: u32) -> String {
    format!("{return_id}-{no}")
}

/// Announces a parcel, or edits what was announced.
pub(crate) async fn announce<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    announcement: &Announcement,
    attempt: Attempt,
) -> Result<Announced, CallFailure> {
    let expected = &announcement.expected;
    let maps = &client.partner.maps;
    let body = NewReturn {
        reference: reference(&announcement.return_id, expected.no),
        rma: announcement.rma.as_str(),
        site: maps.their_site(&expected.site),
        tracking: expected.tracking.as_ref().map(domain::Tracking::as_str),
        lines: expected.lines.iter().map(|line| Line::from_quantity(line, maps)).collect(),
    };
    let announced = |reference| Announced { no: expected.no, revision: announcement.revision, reference };
    let key = Some(announcement.key());
    if let Some(known) = &announcement.known_as {
        // To edit with the same content again changes nothing.
        let put = client.write(Method::Put, client.url(&["returns", known.as_str()])?, key, &body)?;
        return match client.call(&put).await? {
            Answer::Done(_) => Ok(announced(known.clone())),
            Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::NotFound(reply) => {
                Err(CallFailure::Refused(rejection(&reply)))
            }
        };
    }
    if let FirstStep::LookUp { then_wait } = client.first_step(attempt)? {
        if let Some(existing) = find(client, &body).await? {
            return Ok(announced(existing));
        }
        client.require_settled(then_wait)?;
    }
    let post = client.write(Method::Post, client.url(&["returns"])?, key, &body)?;
    match client.call(&post).await? {
        Answer::Done(reply) => Ok(announced(client.read::<Created>(&reply)?.id)),
        Answer::Conflict(reply) if rejection(&reply).code == "KEY_REUSED" => {
            let existing = find(client, &body).await?;
            let existing =
                existing.ok_or_else(|| client.unreadable("the key is in use, and the look-up finds nothing"));
            existing.map(announced)
        }
        Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::NotFound(reply) => {
            Err(CallFailure::Refused(rejection(&reply)))
        }
    }
}

/// The live return under our reference with the content of `body`.
async fn find<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    body: &NewReturn<'_>,
) -> Result<Option<ExternalId>, CallFailure> {
    let existing: Vec<Existing> = look_up(client, &body.reference).await?;
    let mut live = existing.into_iter().filter(|it| it.status.as_deref() != Some("cancelled")).peekable();
    let is_none = live.peek().is_none();
    match live.find(|existing| same_lines(&existing.lines, &body.lines)) {
        Some(existing) => Ok(Some(existing.id)),
        None if is_none => Ok(None),
        None => {
            let why = format!("the return of {} has other content than ours", body.reference);
            Err(CallFailure::Refused(Rejection::new(domain::rejection::DUPLICATE_DIFFERS, why)))
        }
    }
}

async fn look_up<S: Secrets, T: Transport, K: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    reference: &str,
) -> Result<Vec<K>, CallFailure> {
    let mut url = client.url(&["returns"])?;
    url.query_pairs_mut().append_pair("reference", reference);
    match client.call(&client.get(url)).await? {
        Answer::Done(reply) => client.read::<Items<K>>(&reply).map(|found| found.items),
        Answer::NotFound(_) => Ok(vec![]),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => Err(CallFailure::Refused(rejection(&reply))),
    }
}

/// Withdraws an announcement by the warehouse's id, or by our reference if we have no id.
pub(crate) async fn withdraw<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    withdrawal: &AnnouncementWithdrawal,
) -> Result<AnnouncementWithdrawn, CallFailure> {
    let ids = match &withdrawal.known_as {
        Some(known) => vec![known.clone()],
        None => {
            let then_wait = client.settle_wait(withdrawal.sent_until)?;
            let existing: Vec<Existing> = look_up(client, &reference(&withdrawal.return_id, withdrawal.no)).await?;
            client.require_settled(then_wait)?;
            existing.into_iter().map(|existing| existing.id).collect()
        }
    };
    for id in ids {
        let key = format!("{}/{id}", withdrawal.key());
        let post = client.post_empty(client.url(&["returns", id.as_str(), "cancel"])?, key);
        match client.call(&post).await? {
            Answer::Done(_) | Answer::NotFound(_) => {}
            // The goods are there: the warehouse expects them no more either, and reports what came.
            Answer::Conflict(reply) if rejection(&reply).code == "TOO_LATE" => {}
            Answer::Conflict(reply) | Answer::Unprocessable(reply) => {
                return Err(CallFailure::Refused(rejection(&reply)));
            }
        }
    }
    Ok(AnnouncementWithdrawn { no: withdrawal.no })
}

/// Asks what the warehouse received of one return. It is read by the reader of the warehouse's messages, so that a question after those
/// messages yields the same commands.
pub(crate) async fn read_receipts<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    query: &ReceiptQuery,
) -> Result<Vec<ReturnCommand>, CallFailure> {
    let reply = match client.call(&client.get(client.url(&["returns", query.reference.as_str()])?)).await? {
        Answer::Done(reply) => reply,
        Answer::NotFound(_) => return Ok(vec![]),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => return Err(CallFailure::Refused(rejection(&reply))),
    };
    let item: serde_json::Value = client.read(&reply)?;
    let report = Report::default();
    let place = report.root(&item);
    let at = times::first(&[place.at("updated_at")], &client.partner.time_zone, client.cx.now);
    let read = at.and_then(|moment| receipts(&place, client.partner, moment, None));
    report.into_result(read).map_err(|offences| client.offences(&offences))
}

const UPDATED: &str = "return.updated";
const SCANNED: &str = "return.scanned";

/// Reads a message about a return.
pub(crate) fn read_receipt(partner: &Partner, delivery: &Delivery) -> Result<ReceiptReported, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    if fields::is_our_own(&root) {
        return Err(Unmappable::Unrelated(fields::OUR_OWN));
    }
    let Some(kind) = root.at("type").text() else { return report.into_result(None).map_err(Unmappable::Malformed) };
    let data = root.at("data");
    let times = [data.at("occurred_at"), root.at("timestamp")];
    let moment = || times::first(&times, &partner.time_zone, delivery.received_at);
    let commands = match kind {
        UPDATED => {
            let message = data.at("report").optional_text().unwrap_or(&delivery.id);
            moment().and_then(|moment| receipts(&data, partner, moment, Some(message)))
        }
        SCANNED => moment().map(|moment| vec![ReturnCommand::RecordScanned(Scanned { at: moment.at })]),
        other => return Err(Unmappable::UnknownTopic(fields::topic(other))),
    };
    let reference = data.object().and_then(|_| data.at("id").parse());
    let reported = || {
        let return_id = data.at("reference").optional_text().and_then(ours);
        Some(ReceiptReported { return_id, reference: reference?, at: moment()?.at, commands: commands? })
    };
    let reported = reported();
    report.into_result(reported).map_err(Unmappable::Malformed)
}

/// The return in a reference of ours. Any other text is the sender's own.
fn ours(reference: &str) -> Option<ReturnId> {
    let (id, no) = reference.rsplit_once('-')?;
    no.bytes().all(|byte| byte.is_ascii_digit()).then(|| id.parse().ok()).flatten()
}

/// Every line of a return as the warehouse has it now. `message` names the report where the warehouse reports increments.
fn receipts(place: &Place<'_>, partner: &Partner, moment: Moment, message: Option<&str>) -> Option<Vec<ReturnCommand>> {
    let reference: ExternalId = place.at("id").parse()?;
    let rank = match place.at("status").optional_text() {
        Some("completed") => 3,
        Some("processing") => 2,
        Some("arrived") => 1,
        Some(_) | None => 0,
    };
    let prefix = match (partner.receipts, message) {
        (Some(Receipts::Cumulative), _) => String::new(),
        (Some(Receipts::Incremental), Some(message)) => format!("{message}/"),
        (Some(Receipts::Incremental), None) => {
            // Its own list has sums, which would count once more what its messages said.
            return Some(vec![]);
        }
        (None, _) => {
            place.refuse("cannot be counted: the partner's document does not declare warehouse.receipts");
            return None;
        }
    };
    let line = |line: &Place<'_>| {
        let key: ExternalId = line.at("key").parse()?;
        let named = line.at("line");
        let number = if named.is_absent() { Some(None) } else { line_no(&named).map(Some) };
        let sku_place = line.at("sku");
        let sku = sku_place.text().and_then(|text| sku_place.take(partner.maps.sku(text)));
        let lot = line.at("lot").optional_parse();
        let serials: BTreeSet<Serial> = line.at("serials").items().iter().map(Place::parse).collect::<Option<_>>()?;
        let goods = line.at("received").items();
        let goods = goods.iter().map(|goods| received(goods, &line.at("uom"), partner)).collect::<Option<Vec<_>>>();
        Some(ReturnCommand::RecordReceipt(Receipt {
            warehouse: partner.id.clone(),
            reference: reference.clone(),
            key: line.at("key").take(format!("{prefix}{key}").parse())?,
            as_of: moment.at,
            rank,
            reverses: line.at("reverses").flag(false),
            line: number?,
            sku: sku?,
            lot,
            serials,
            goods: goods?,
        }))
    };
    place.at("lines").items().iter().map(line).collect()
}

fn line_no(place: &Place<'_>) -> Option<LineNo> {
    place.whole(1..=u64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok()).and_then(LineNo::new)
}

/// Goods in one state. A word that we do not have is kept as the warehouse's own, and a person looks at it.
fn received(place: &Place<'_>, uom: &Place<'_>, partner: &Partner) -> Option<ReceivedGoods> {
    let unit = uom.text().and_then(|text| uom.take(partner.maps.unit(text)));
    let amount_place = place.at("quantity");
    let amount = amount_place.decimal();
    let word = place.at("disposition").optional_words(64);
    let disposition = match &word {
        None => Disposition::Returned,
        Some(word) => Disposition::ALL.iter().find(|it| it.as_str() == word).copied().unwrap_or(Disposition::Unknown),
    };
    let action = place.at("action").optional_words(64);
    let unknown = word.filter(|_| disposition == Disposition::Unknown);
    let quantity = amount_place.take(Quantity::new(amount?, unit?))?;
    Some(ReceivedGoods { disposition, quantity, action: action.or(unknown).unwrap_or_default() })
}
