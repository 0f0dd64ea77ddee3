//! A warehouse that speaks our REST protocol: `docs/partners/rest.md`.

use std::collections::BTreeSet;

use domain::fulfillment::{
    Accepted, Closed, FulfillmentRequest, Inquiry, Milestone, MilestoneKind, Packed, Rejected, TracedGoods, Voided,
    Withdrawal, Withdrawn,
};
use domain::order::{LineQuantity, ServiceLevel};
use domain::party::Party;
use domain::{EffectRequest as _, FulfillmentCommand, FulfillmentId, LineNo, PackageId, Quantity, Rejection, Serial};
use engine::delivery::Delivery;
use engine::inbound::{Reported, Unmappable};
use engine::partner::{Attempt, CallFailure, Secrets, WarehouseAnswer, WithdrawalAnswer};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exchange::{Answer, CrmUpdated, FirstStep, HttpRequest, PartnerClient, bare, without};
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
struct Existing {
    id: String,
    status: Option<String>,
    reason: Option<String>,
    lines: Vec<Line>,
    site: Option<String>,
    ship_to: Option<Address>,
}

/// Its name and whether it is still on.
#[derive(Deserialize)]
struct Named {
    id: String,
    #[serde(default)]
    status: Option<String>,
}

/// Asks the warehouse to ship.
pub(crate) async fn request<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &FulfillmentRequest,
    party: &Party,
    attempt: Attempt,
) -> Result<WarehouseAnswer, CallFailure> {
    let maps = &client.partner.maps;
    let level = match request.service_level {
        ServiceLevel::Standard => "standard",
        ServiceLevel::Expedited => "expedited",
    };
    let body = Request {
        reference: request.fulfillment.to_string(),
        site: maps.their_site(&request.site),
        service_level: maps.their_service_level(request.service_level).unwrap_or(level),
        fill: match client.partner.fill {
            Fill::Partial => None,
            Fill::Whole => Some("whole"),
        },
        ship_to: Address::from(party),
        lines: request.lines.iter().map(|goods| Line::line_quantity(goods, maps)).collect(),
    };
    if let FirstStep::Look { then_wait } = client.first_step(attempt)? {
        if let Some(found) = look(client, &body, party).await? {
            return Ok(found);
        }
        client.absent(then_wait)?;
    }
    let ask = client.write(Method::Post, client.url(&["fulfillments"])?, Some(request.key()), &body)?;
    match client.ask(&ask).await? {
        Answer::Done(reply) => {
            let Requested { id, status, reason } = client.read(&reply)?;
            answer(client, &id, status.as_deref(), reason.map(|reason| without(&reason, party)))
        }
        Answer::Unprocessable(reply) => {
            let told = CrmUpdated::with(&reply, |words| without(words, party));
            if told.code == "REJECTED" {
                return Ok(WarehouseAnswer::Rejected(Rejected { reason: told.reason }));
            }
            Err(CallFailure::Refused(told.into_rejection()))
        }
        Answer::Conflict(reply) if CrmUpdated::of(&reply).code == "KEY_REUSED" => {
            let found = look(client, &body, party).await?;
            found.ok_or_else(|| client.garbage("the key is taken, and nothing stands under the reference"))
        }
        Answer::Conflict(reply) | Answer::Absent(reply) => Err(refused(&reply, party)),
    }
}

/// What stands under our reference.
async fn look<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    body: &Request<'_>,
    party: &Party,
) -> Result<Option<WarehouseAnswer>, CallFailure> {
    let mut url = client.url(&["fulfillments"])?;
    url.query_pairs_mut().append_pair("reference", &body.reference);
    let reply = match client.ask(&client.get(url)).await? {
        Answer::Done(reply) => reply,
        Answer::Absent(_) => return Ok(None),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => return Err(refused(&reply, party)),
    };
    let Items { items } = client.read::<Items<Existing>>(&reply)?;
    let live: Vec<Existing> =
        items.into_iter().filter(|existing| existing.status.as_deref() != Some("cancelled")).collect();
    let same = |existing: &&Existing| {
        same_lines(&existing.lines, &body.lines)
            && existing.site.as_ref().is_none_or(|site| site == body.site)
            && existing.ship_to.as_ref().is_none_or(|address| *address == body.ship_to)
    };
    match live.iter().find(same) {
        Some(existing) => {
            let reason = existing.reason.as_ref().map(|reason| without(reason, party));
            answer(client, &existing.id, existing.status.as_deref(), reason).map(Some)
        }
        None if live.is_empty() => Ok(None),
        None => {
            let why = format!("the fulfillment of {} says something else than ours", body.reference);
            Err(CallFailure::Refused(Rejection::new(domain::workflow::DUPLICATE_DIFFERS, why)))
        }
    }
}

/// Asks for a fulfillment back.
pub(crate) async fn withdraw<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    withdrawal: &Withdrawal,
) -> Result<WithdrawalAnswer, CallFailure> {
    if let Some(reference) = &withdrawal.reference {
        return cancel(client, withdrawal, reference.as_str()).await;
    }
    let then_wait = client.settling(withdrawal.sent_until)?;
    let existing = read_kept::<_, _, Named>(client, &withdrawal.fulfillment).await?;
    let (over, live): (Vec<Named>, Vec<Named>) =
        existing.into_iter().partition(|existing| matches!(existing.status.as_deref(), Some("cancelled" | "rejected")));
    let mut answer = None;
    for existing in &live {
        match cancel(client, withdrawal, &existing.id).await? {
            WithdrawalAnswer::Withdrawn(withdrawn) => answer = Some(withdrawn),
            WithdrawalAnswer::TooLate(why) => return Ok(WithdrawalAnswer::TooLate(why)),
        }
    }
    client.absent(then_wait)?;
    let gone = over.first().map(|existing| withdrawn(client, &existing.id)).transpose()?;
    Ok(WithdrawalAnswer::Withdrawn(answer.or(gone).unwrap_or(Withdrawn { reference: None })))
}

/// Cancels one fulfillment. One that is cancelled already is cancelled.
async fn cancel<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    withdrawal: &Withdrawal,
    id: &str,
) -> Result<WithdrawalAnswer, CallFailure> {
    let key = Some(format!("{}/{id}", withdrawal.key()));
    let ask = HttpRequest {
        body: vec![],
        ..client.write(Method::Post, client.url(&["fulfillments", id, "cancel"])?, key, &())?
    };
    match client.ask(&ask).await? {
        Answer::Done(_) => withdrawn(client, id).map(WithdrawalAnswer::Withdrawn),
        Answer::Conflict(reply) if CrmUpdated::of(&reply).code == "TOO_LATE" => {
            Ok(WithdrawalAnswer::TooLate(CrmUpdated::with(&reply, bare).into_rejection()))
        }
        Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::Absent(reply) => {
            Err(CallFailure::Refused(CrmUpdated::with(&reply, bare).into_rejection()))
        }
    }
}

fn withdrawn<S: Secrets, T: Transport>(client: &PartnerClient<'_, S, T>, id: &str) -> Result<Withdrawn, CallFailure> {
    let reference = id.parse().map_err(|_| client.garbage("a fulfillment without a usable id"))?;
    Ok(Withdrawn { reference: Some(reference) })
}

/// Asks how a fulfillment stands. What it tells is read by what reads the messages, so that a poll behind them says nothing new.
pub(crate) async fn inquire<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    inquiry: &Inquiry,
) -> Result<Vec<FulfillmentCommand>, CallFailure> {
    let existing = read_kept::<_, _, serde_json::Value>(client, &inquiry.fulfillment).await?;
    let report = Report::default();
    let now = client.cx.now;
    let read =
        existing.iter().map(|existing| stands(&report.root(existing), client.partner, now)).collect::<Option<Vec<_>>>();
    let commands = report.unless_wrong(read).map_err(|offences| {
        let places = offences.iter().map(|o| format!("{}: {}", o.pointer, o.detail)).collect::<Vec<_>>();
        client.garbage(&places.join("; "))
    })?;
    Ok(commands.into_iter().flatten().collect())
}

/// Every fulfillment under our reference.
async fn read_kept<S: Secrets, T: Transport, K: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    fulfillment: &FulfillmentId,
) -> Result<Vec<K>, CallFailure> {
    let mut url = client.url(&["fulfillments"])?;
    url.query_pairs_mut().append_pair("reference", &fulfillment.to_string());
    match client.ask(&client.get(url)).await? {
        Answer::Done(reply) => client.read::<Items<K>>(&reply).map(|found| found.items),
        Answer::Absent(_) => Ok(vec![]),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => {
            Err(CallFailure::Refused(CrmUpdated::with(&reply, bare).into_rejection()))
        }
    }
}

/// One fulfillment with all that became of it. What we withdrew ourselves is answered elsewhere.
fn stands(existing: &Place<'_>, partner: &Partner, now: Timestamp) -> Option<Vec<FulfillmentCommand>> {
    let maps = &partner.maps;
    let moment = |place: &Place<'_>| times::read(place, &partner.time_zone, now);
    let outcome = Moment::outcome(now);
    let mut commands = match existing.at("status").optional_text() {
        Some("cancelled") => return Some(vec![]),
        Some("rejected") => rejected(existing, maps, outcome)?,
        _ => accepted(existing, maps, outcome)?,
    };
    for package in existing.at("packages").items() {
        let (packed_at, voided_at) = (package.at("packed_at"), package.at("voided_at"));
        if !packed_at.is_absent() {
            commands.extend(package_packed(&package, maps, moment(&packed_at)?)?);
        }
        for fact in package.at("milestones").items() {
            commands.extend(package_passed(&package, &fact, maps, moment(&fact.at("occurred_at"))?)?);
        }
        if !voided_at.is_absent() {
            commands.extend(package_voided(&package, moment(&voided_at)?)?);
        }
    }
    let completed_at = existing.at("completed_at");
    if !completed_at.is_absent() {
        let packages =
            existing.at("packages").items().iter().map(|package| package.at("id").parse()).collect::<Option<_>>();
        let at = moment(&completed_at)?.at;
        commands.push(FulfillmentCommand::RecordClosed(Closed { at, packages: Some(packages?) }));
    }
    Some(commands)
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
    let reference = id.parse().map_err(|_| client.garbage("a fulfillment without a usable id"))?;
    Ok(WarehouseAnswer::Accepted(Accepted { reference }))
}

fn refused(reply: &Reply, party: &Party) -> CallFailure {
    CallFailure::Refused(CrmUpdated::with(reply, |words| without(words, party)).into_rejection())
}

/// Reads what the warehouse reports.
pub(crate) fn read_report(partner: &Partner, delivery: &Delivery) -> Result<Reported, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    if fields::is_our_own(&root) {
        return Err(Unmappable::Unrelated(fields::OUR_OWN));
    }
    let Some(kind) = root.at("type").text() else { return report.unless_wrong(None).map_err(Unmappable::Malformed) };
    let reader = match kind {
        "fulfillment.accepted" => accepted,
        "fulfillment.rejected" => rejected,
        "package.packed" => packed,
        "package.voided" => voided,
        "fulfillment.completed" => completed,
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
    let reason = data.at("reason").optional_words(500).map(|reason| bare(&reason));
    let reason = reason.unwrap_or_else(|| "the warehouse named no reason".to_owned());
    Some(vec![FulfillmentCommand::RecordRejected(Rejected { reason })])
}

fn completed(data: &Place<'_>, _: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    let listed = data.at("packages").present();
    let packages = listed.map(|packages| packages.items().iter().map(Place::parse).collect::<Option<BTreeSet<_>>>());
    let packages = match packages {
        Some(packages) => Some(packages?),
        None => None,
    };
    Some(vec![FulfillmentCommand::RecordClosed(Closed { at: moment.at, packages })])
}

fn packed(data: &Place<'_>, maps: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    package_packed(&data.at("package"), maps, moment)
}

fn package_packed(place: &Place<'_>, maps: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    let id = package(place);
    let items = place.at("lines").some_items("needs at least one line")?;
    let read: Option<Vec<LineQuantity>> = items.iter().map(|line| line_quantity(line, maps)).collect();
    let carrier = carrier(&place.at("carrier"), maps);
    let tracking = place.at("tracking").optional_parse();
    let lines = read?;
    let total = place.at("total_quantity");
    if !total.is_absent() {
        let sum: Decimal = lines.iter().map(|goods| goods.quantity.amount()).sum();
        if total.decimal()? != sum {
            total.refuse("is not what the lines come to");
        }
    }
    let traced = items.iter().zip(&lines).map(|(place, goods)| traced(place, goods)).collect::<Option<Vec<_>>>()?;
    Some(vec![FulfillmentCommand::RecordPacked(Packed {
        package: id?,
        at: moment.at,
        lines,
        carrier,
        tracking,
        traced: traced.into_iter().flatten().collect(),
    })])
}

/// The lot and the pieces' own numbers that a packed line tells, if it tells any.
fn traced(place: &Place<'_>, goods: &LineQuantity) -> Option<Option<TracedGoods>> {
    let lot = place.at("lot").optional_parse();
    let serials: BTreeSet<Serial> = place.at("serials").items().iter().map(Place::parse).collect::<Option<_>>()?;
    let told = lot.is_some() || !serials.is_empty();
    let LineQuantity { line, sku, quantity } = goods.clone();
    Some(told.then_some(TracedGoods { line, sku, quantity, lot, serials }))
}

fn voided(data: &Place<'_>, _: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    package_voided(&data.at("package"), moment)
}

fn package_voided(place: &Place<'_>, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    Some(vec![FulfillmentCommand::RecordVoided(Voided { package: package(place)?, at: moment.at })])
}

fn passed(data: &Place<'_>, maps: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    package_passed(&data.at("package"), data, maps, moment)
}

fn package_passed(place: &Place<'_>, data: &Place<'_>, maps: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    let id = package(place);
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

fn line_quantity(place: &Place<'_>, maps: &Maps) -> Option<LineQuantity> {
    place.object()?;
    let line =
        place.at("line").whole(1..=u64::from(u32::MAX)).and_then(|n| u32::try_from(n).ok()).and_then(LineNo::new);
    let (sku, uom, quantity) = (place.at("sku"), place.at("uom"), place.at("quantity"));
    let read_sku = sku.text().and_then(|text| sku.take(maps.sku(text)));
    let read_uom = uom.text().and_then(|text| uom.take(maps.unit(text)));
    let amount = quantity.decimal();
    let read_quantity = quantity.take(Quantity::new(amount?, read_uom?));
    Some(LineQuantity { line: line?, sku: read_sku?, quantity: read_quantity? })
}
