//! A warehouse that speaks our REST protocol: `docs/partners/rest.md`.

use domain::fulfillment::{Accepted, FulfillmentRequest, Milestone, MilestoneKind, Packed, Rejected, Voided};
use domain::order::{ServiceLevel, Share};
use domain::party::Party;
use domain::{EffectRequest as _, FulfillmentCommand, LineNo, PackageId, Quantity, Rejection};
use engine::delivery::Delivery;
use engine::inbound::{Reported, Unmappable};
use engine::partner::{Attempt, CallFailure, Secrets, WarehouseAnswer};
use serde::{Deserialize, Serialize};

use crate::exchange::{Answer, Desk, FirstStep, Told, without};
use crate::fields::{self, Place, Report};
use crate::registry::{Fill, Maps, Meaning, Partner, milestone};
use crate::times::{self, Moment};
use crate::transport::{Method, Reply, Transport};
use crate::wire::{Address, Items, Line, same_lines};

/// POST /fulfillments
#[derive(Serialize)]
struct Request<'a> {
    reference: String,
    site: &'a str,
    service_level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fill: Option<&'static str>,
    ship_to: Address,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Requested {
    id: String,
    status: Option<String>,
    reason: Option<String>,
}

/// An item of GET /fulfillments
#[derive(Deserialize)]
struct Kept {
    id: String,
    status: Option<String>,
    reason: Option<String>,
    lines: Vec<Line>,
    site: Option<String>,
    ship_to: Option<Address>,
}

/// Asks the warehouse to ship.
pub(crate) async fn request<S: Secrets, T: Transport>(
    desk: &Desk<'_, S, T>,
    request: &FulfillmentRequest,
    party: &Party,
    attempt: Attempt,
) -> Result<WarehouseAnswer, CallFailure> {
    let maps = &desk.partner.maps;
    let level = match request.service_level {
        ServiceLevel::Standard => "standard",
        ServiceLevel::Expedited => "expedited",
    };
    let body = Request {
        reference: request.fulfillment.to_string(),
        site: maps.their_site(&request.site),
        service_level: maps.their_service_level(request.service_level).unwrap_or(level),
        fill: match desk.partner.fill {
            Fill::Partial => None,
            Fill::Whole => Some("whole"),
        },
        ship_to: Address::from(party),
        lines: request.lines.iter().map(|share| Line::share(share, maps)).collect(),
    };
    if let FirstStep::Look { then_wait } = desk.first_step(attempt)? {
        if let Some(found) = look(desk, &body, party).await? {
            return Ok(found);
        }
        desk.absent(then_wait)?;
    }
    let ask = desk.write(Method::Post, desk.url(&["fulfillments"])?, Some(request.key()), &body)?;
    match desk.ask(&ask).await? {
        Answer::Done(reply) => {
            let Requested { id, status, reason } = desk.read(&reply)?;
            answer(desk, &id, status.as_deref(), reason.map(|reason| without(&reason, party)))
        }
        Answer::Unprocessable(reply) => {
            let told = Told::of(&reply).without(party);
            if told.code == "REJECTED" {
                return Ok(WarehouseAnswer::Rejected(Rejected { reason: told.reason }));
            }
            Err(CallFailure::Refused(told.into_rejection()))
        }
        Answer::Conflict(reply) if Told::of(&reply).code == "KEY_REUSED" => {
            let found = look(desk, &body, party).await?;
            found.ok_or_else(|| desk.garbage("the key is taken, and nothing stands under the reference"))
        }
        Answer::Conflict(reply) | Answer::Absent(reply) => Err(refused(&reply, party)),
    }
}

/// What stands under our reference.
async fn look<S: Secrets, T: Transport>(
    desk: &Desk<'_, S, T>,
    body: &Request<'_>,
    party: &Party,
) -> Result<Option<WarehouseAnswer>, CallFailure> {
    let mut url = desk.url(&["fulfillments"])?;
    url.query_pairs_mut().append_pair("reference", &body.reference);
    let reply = match desk.ask(&desk.get(url)).await? {
        Answer::Done(reply) => reply,
        Answer::Absent(_) => return Ok(None),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => return Err(refused(&reply, party)),
    };
    let Items { items } = desk.read::<Items<Kept>>(&reply)?;
    let live: Vec<Kept> = items.into_iter().filter(|kept| kept.status.as_deref() != Some("cancelled")).collect();
    let same = |kept: &&Kept| {
        same_lines(&kept.lines, &body.lines)
            && kept.site.as_ref().is_none_or(|site| site == body.site)
            && kept.ship_to.as_ref().is_none_or(|address| *address == body.ship_to)
    };
    match live.iter().find(same) {
        Some(kept) => {
            let reason = kept.reason.as_ref().map(|reason| without(reason, party));
            answer(desk, &kept.id, kept.status.as_deref(), reason).map(Some)
        }
        None if live.is_empty() => Ok(None),
        None => {
            let why = format!("the fulfilment of {} says something else than ours", body.reference);
            Err(CallFailure::Refused(Rejection::new("DUPLICATE_DIFFERS", why)))
        }
    }
}

fn answer<S: Secrets, T: Transport>(
    desk: &Desk<'_, S, T>,
    id: &str,
    status: Option<&str>,
    reason: Option<String>,
) -> Result<WarehouseAnswer, CallFailure> {
    if status == Some("rejected") {
        let reason = reason.map_or_else(|| "the warehouse named no reason".to_owned(), |r| engine::redact::text(&r));
        return Ok(WarehouseAnswer::Rejected(Rejected { reason }));
    }
    let reference = id.parse().map_err(|_| desk.garbage("a fulfilment without a usable id"))?;
    Ok(WarehouseAnswer::Accepted(Accepted { reference }))
}

fn refused(reply: &Reply, party: &Party) -> CallFailure {
    CallFailure::Refused(Told::of(reply).without(party).into_rejection())
}

/// Reads what the warehouse reports.
pub(crate) fn read_report(partner: &Partner, delivery: &Delivery) -> Result<Reported, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    let Some(kind) = root.at("type").text() else { return report.unless_wrong(None).map_err(Unmappable::Malformed) };
    let reader = match kind {
        "fulfillment.accepted" => accepted,
        "fulfillment.rejected" => rejected,
        "package.packed" => packed,
        "package.voided" => voided,
        "shipment.milestone" => passed,
        "test" | "ping" => return Err(Unmappable::Unrelated("a test message")),
        other => return Err(Unmappable::UnknownTopic(fields::topic(other))),
    };
    let data = root.at("data");
    let reported = data.object().and_then(|_| {
        let fulfillment = data.at("reference").parse();
        let times = [data.at("occurred_at"), root.at("timestamp")];
        let moment = times::first(&times, &partner.time_zone, delivery.received_at)?;
        let commands = reader(&data, &partner.maps, moment);
        Some(Reported { fulfillment: fulfillment?, commands: commands? })
    });
    report.unless_wrong(reported).map_err(Unmappable::Malformed)
}

fn accepted(data: &Place<'_>, _: &Maps, _: Moment) -> Option<Vec<FulfillmentCommand>> {
    Some(vec![FulfillmentCommand::RecordAccepted(Accepted { reference: data.at("id").parse()? })])
}

fn rejected(data: &Place<'_>, _: &Maps, _: Moment) -> Option<Vec<FulfillmentCommand>> {
    let reason = data.at("reason").optional_words(500).map(|reason| engine::redact::text(&reason));
    let reason = reason.unwrap_or_else(|| "the warehouse named no reason".to_owned());
    Some(vec![FulfillmentCommand::RecordRejected(Rejected { reason })])
}

fn packed(data: &Place<'_>, maps: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    let place = data.at("package");
    let id = package(&place);
    let lines = place.at("lines").some_items("needs at least one line");
    let read: Option<Vec<Share>> = lines.and_then(|lines| lines.iter().map(|line| share(line, maps)).collect());
    let carrier = carrier(&place.at("carrier"), maps);
    let tracking = place.at("tracking").optional_parse();
    Some(vec![FulfillmentCommand::RecordPacked(Packed {
        package: id?,
        at: moment.at,
        lines: read?,
        carrier,
        tracking,
    })])
}

fn voided(data: &Place<'_>, _: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    Some(vec![FulfillmentCommand::RecordVoided(Voided { package: package(&data.at("package"))?, at: moment.at })])
}

fn passed(data: &Place<'_>, maps: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    let place = data.at("package");
    let id = package(&place);
    let word = data.at("milestone").optional_words(64);
    let raw = data.at("carrier_code").optional_words(64);
    if word.is_none() && raw.is_none() {
        data.at("milestone").refuse("is missing");
    }
    let told = word.or_else(|| raw.clone())?;
    // The document has the first word: a partner may use one of our names for something else.
    let meaning = maps.status(&told).or_else(|| milestone(&told).map(Meaning::Milestone));
    let (kind, code) = match meaning {
        Some(Meaning::Milestone(kind)) => (kind, raw.or_else(|| (kind.as_str() != told).then_some(told))),
        Some(Meaning::Rejected) => {
            let reason = format!("status {told}");
            return Some(vec![FulfillmentCommand::RecordRejected(Rejected { reason })]);
        }
        Some(Meaning::Nothing) => return Some(vec![]),
        None => (MilestoneKind::Unknown, Some(told)),
    };
    let (carrier, tracking) = (carrier(&place.at("carrier"), maps), place.at("tracking").optional_parse());
    let Moment { at, clock_ahead } = moment;
    let milestone = Milestone { package: id?, milestone: kind, at, code, clock_ahead, carrier, tracking };
    Some(vec![FulfillmentCommand::RecordMilestone(milestone)])
}

fn package(place: &Place<'_>) -> Option<PackageId> {
    place.object()?;
    place.at("id").parse()
}

fn carrier(place: &Place<'_>, maps: &Maps) -> Option<domain::Carrier> {
    let text = place.optional_text()?;
    place.take(maps.carrier(text))
}

fn share(place: &Place<'_>, maps: &Maps) -> Option<Share> {
    place.object()?;
    let line =
        place.at("line").whole(1..=u64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok()).and_then(LineNo::new);
    let (sku, uom, quantity) = (place.at("sku"), place.at("uom"), place.at("quantity"));
    let read_sku = sku.text().and_then(|text| sku.take(maps.sku(text)));
    let read_uom = uom.text().and_then(|text| uom.take(maps.unit(text)));
    let amount = quantity.decimal();
    let read_quantity = quantity.take(Quantity::new(amount?, read_uom?));
    Some(Share { line: line?, sku: read_sku?, quantity: read_quantity? })
}
