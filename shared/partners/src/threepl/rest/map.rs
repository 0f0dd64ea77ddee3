//! A warehouse's messages, and its answers to inquiries, as our commands.

use std::collections::BTreeSet;

use domain::fulfillment::{Accepted, Closed, Milestone, Packed, Rejected, TracedGoods, Voided};
use domain::order::LineQuantity;
use domain::shipment::MilestoneKind;
use domain::{FulfillmentCommand, LineNo, PackageId, Quantity, Serial};
use engine::delivery::Delivery;
use engine::inbound::{Reported, Unmappable};
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::client::rejection::without_digits;
use crate::registry::{Maps, Meaning, Partner, milestone};
use crate::wire::fields::{self, Place, Report};
use crate::wire::times::{self, Moment};

/// Reads a message.
pub(crate) fn read_report(partner: &Partner, delivery: &Delivery) -> Result<Reported, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    if fields::is_our_own(&root) {
        return Err(Unmappable::Unrelated(fields::OUR_OWN));
    }
    let Some(kind) = root.at("type").text() else { return report.into_result(None).map_err(Unmappable::Malformed) };
    let reader = match kind {
        "fulfillment.accepted" => accepted,
        "fulfillment.rejected" => rejected,
        "package.packed" => packed,
        "package.voided" => voided,
        "fulfillment.completed" => completed,
        "shipment.milestone" => milestone_reached,
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
    report.into_result(reported).map_err(Unmappable::Malformed)
}

fn accepted(data: &Place<'_>, _: &Maps, _: Moment) -> Option<Vec<FulfillmentCommand>> {
    Some(vec![FulfillmentCommand::RecordAccepted(Accepted { reference: data.at("id").parse()? })])
}

fn rejected(data: &Place<'_>, _: &Maps, _: Moment) -> Option<Vec<FulfillmentCommand>> {
    let reason = data.at("reason").optional_sentence(500).map(|reason| without_digits(&reason));
    let reason = reason.unwrap_or_else(|| "the warehouse named no reason".to_owned());
    Some(vec![FulfillmentCommand::RecordRejected(Rejected { reason })])
}

fn completed(data: &Place<'_>, _: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    // A sender that does not know its packages yet may send an empty list. Believed, it would make all of them short, and their
    // goods would be shipped twice. The answer to the inquiry that follows is believed.
    let listed = data.at("packages").present().map(|packages| packages.items()).filter(|items| !items.is_empty());
    let packages = match listed {
        Some(items) => Some(items.iter().map(Place::parse).collect::<Option<BTreeSet<_>>>()?),
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
        let sum: Decimal = lines.iter().map(|line| line.quantity.amount()).sum();
        if total.decimal()? != sum {
            total.refuse("is not the sum of the lines");
        }
    }
    let traced = items.iter().zip(&lines).map(|(place, line)| traced(place, line)).collect::<Option<Vec<_>>>()?;
    // A line with 0 says that nothing of it is in the package. One with such lines only says nothing: if it leaves, its content is
    // asked for.
    let lines: Vec<LineQuantity> = lines.into_iter().filter(|line| !line.quantity.is_zero()).collect();
    if lines.is_empty() {
        return Some(vec![]);
    }
    Some(vec![FulfillmentCommand::RecordPacked(Packed {
        package: id?,
        at: moment.at,
        lines,
        carrier,
        tracking,
        traced: traced.into_iter().flatten().collect(),
        unassigned: vec![],
    })])
}

/// The lot and serial numbers of a packed line; `None` if it has none.
fn traced(place: &Place<'_>, packed: &LineQuantity) -> Option<Option<TracedGoods>> {
    let lot = place.at("lot").optional_parse();
    let serials: BTreeSet<Serial> = place.at("serials").items().iter().map(Place::parse).collect::<Option<_>>()?;
    let is_traced = !packed.quantity.is_zero() && (lot.is_some() || !serials.is_empty());
    let LineQuantity { line, sku, quantity } = packed.clone();
    Some(is_traced.then_some(TracedGoods { line, sku, quantity, lot, serials }))
}

fn voided(data: &Place<'_>, _: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    package_voided(&data.at("package"), moment)
}

fn package_voided(place: &Place<'_>, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    Some(vec![FulfillmentCommand::RecordVoided(Voided { package: package(place)?, at: moment.at })])
}

/// A milestone may carry the package's content, because the message about the content may be lost.
fn milestone_reached(data: &Place<'_>, maps: &Maps, moment: Moment) -> Option<Vec<FulfillmentCommand>> {
    let package = data.at("package");
    let is_with_content = package.object().is_some() && !package.at("lines").is_absent();
    let content = if is_with_content { package_packed(&package, maps, moment) } else { Some(vec![]) };
    let milestone = package_milestone(&package, data, maps, moment);
    content.zip(milestone).map(|(content, milestone)| content.into_iter().chain(milestone).collect())
}

fn package_milestone(
    place: &Place<'_>,
    data: &Place<'_>,
    maps: &Maps,
    moment: Moment,
) -> Option<Vec<FulfillmentCommand>> {
    let id = package(place);
    let word = data.at("milestone").optional_words(64);
    let raw = data.at("carrier_code").optional_words(64);
    if word.is_none() && raw.is_none() {
        data.at("milestone").refuse("is missing");
    }
    let status = word.or_else(|| raw.clone())?;
    // The document comes first: a partner may use one of our names with another meaning.
    let meaning = maps.status(&status).or_else(|| milestone(&status).map(Meaning::Milestone));
    let (kind, code) = match meaning {
        Some(Meaning::Milestone(kind)) => (kind, raw.or_else(|| (kind.as_str() != status).then_some(status))),
        Some(Meaning::Rejected) => {
            let reason = format!("status {status}");
            return Some(vec![FulfillmentCommand::RecordRejected(Rejected { reason })]);
        }
        Some(Meaning::Nothing) => return Some(vec![]),
        None => (MilestoneKind::Unknown, Some(status)),
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

/// Reads the answer to an inquiry: all that happened to one fulfillment. A cancelled one yields nothing, because only we cancel,
/// and the withdrawal records the answer.
pub(super) fn read_fulfillment(item: &Place<'_>, partner: &Partner, now: Timestamp) -> Option<Vec<FulfillmentCommand>> {
    let maps = &partner.maps;
    let moment = |place: &Place<'_>| times::read(place, &partner.time_zone, now);
    let received = Moment::received(now);
    let mut commands = match item.at("status").optional_text() {
        Some("cancelled") => return Some(vec![]),
        Some("rejected") => rejected(item, maps, received)?,
        _ => accepted(item, maps, received)?,
    };
    for package in item.at("packages").items() {
        let (packed_at, voided_at) = (package.at("packed_at"), package.at("voided_at"));
        if !packed_at.is_absent() {
            commands.extend(package_packed(&package, maps, moment(&packed_at)?)?);
        }
        for fact in package.at("milestones").items() {
            commands.extend(package_milestone(&package, &fact, maps, moment(&fact.at("occurred_at"))?)?);
        }
        if !voided_at.is_absent() {
            commands.extend(package_voided(&package, moment(&voided_at)?)?);
        }
    }
    let completed_at = item.at("completed_at");
    if !completed_at.is_absent() {
        let packages =
            item.at("packages").items().iter().map(|package| package.at("id").parse()).collect::<Option<_>>();
        let at = moment(&completed_at)?.at;
        commands.push(FulfillmentCommand::RecordClosed(Closed { at, packages: Some(packages?) }));
    }
    Some(commands)
}
