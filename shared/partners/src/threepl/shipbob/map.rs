//! A fulfillment request as the vendor's order, and the vendor's messages as our commands.

use std::collections::BTreeSet;

use domain::fulfillment::{
    Accepted, Closed, FulfillmentRequest, Milestone, Packed, Rejected, TracedGoods, UnassignedGoods,
};
use domain::order::{LineQuantity, ServiceLevel};
use domain::party::Party;
use domain::shipment::MilestoneKind;
use domain::{FulfillmentCommand, LineNo, Lot, PackageId, Quantity, Rejection, Serial, Uom};
use engine::delivery::Delivery;
use engine::http::Request;
use engine::inbound::{Reported, Unmappable};
use engine::partner::CallFailure;
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::wire::{Address, NewOrder, Product, Recipient};
use crate::client::rejection::without_digits;
use crate::registry::{Maps, Meaning, Partner};
use crate::wire::fields::{self, Place, Report};
use crate::wire::times;

pub(super) fn new_order<'a>(
    request: &FulfillmentRequest,
    party: &Party,
    maps: &'a Maps,
) -> Result<NewOrder<'a>, CallFailure> {
    let level = match request.service_level {
        ServiceLevel::Standard => "Standard",
        ServiceLevel::Expedited => "Expedited",
    };
    let product = |line: &LineQuantity| {
        let amount = line.quantity.amount();
        let quantity = amount.to_u64().filter(|whole| Decimal::from(*whole) == amount);
        let Some(quantity) = quantity else {
            let why = format!("line {}: this warehouse counts whole units only", line.line);
            return Err(CallFailure::Refused(Rejection::new("FRACTION", why)));
        };
        Ok(Product {
            reference_id: maps.their_sku(&line.sku).to_owned(),
            quantity,
            external_line_id: Some(line.line.0.get()),
            quantity_unit_of_measure_code: Some(maps.their_unit(&line.quantity.uom()).to_owned()),
        })
    };
    let Party { name, company, line1, line2, city, region, postal_code, country, phone, email } = party.clone();
    let address = Address {
        address1: line1,
        address2: line2,
        company_name: company,
        city,
        state: region,
        zip_code: postal_code,
        country,
    };
    Ok(NewOrder {
        reference_id: request.fulfillment.to_string(),
        order_number: request.fulfillment.to_string(),
        shipping_method: maps.their_service_level(request.service_level).unwrap_or(level),
        kind: "DTC",
        // The vendor's sites are numbers. Without one, the vendor chooses the site.
        location_id: maps.their_site(&request.site).parse().ok(),
        recipient: Recipient { name, email, phone_number: phone, address },
        products: request.lines.iter().map(product).collect::<Result<_, _>>()?,
    })
}

/// The vendor's statuses, which a partner's document may override. A detail after a slash makes another status: `Completed` has
/// left the building, `Completed/Delivered` has arrived, and `Completed` with a detail that is not listed is unknown.
const MEANINGS: [(&str, Meaning); 17] = [
    ("None", Meaning::Nothing),
    ("Processing", Meaning::Nothing),
    ("ImportReview", Meaning::Nothing),
    ("Exception", Meaning::Milestone(MilestoneKind::OnHold)),
    ("OnHold", Meaning::Milestone(MilestoneKind::OnHold)),
    ("LabeledCreated", Meaning::Milestone(MilestoneKind::LabelCreated)),
    ("Completed", Meaning::Milestone(MilestoneKind::PickedUp)),
    ("Completed/InTransit", Meaning::Milestone(MilestoneKind::InTransit)),
    ("Completed/OutForDelivery", Meaning::Milestone(MilestoneKind::OutForDelivery)),
    ("Completed/AvailableForPickup", Meaning::Milestone(MilestoneKind::ReadyForPickup)),
    ("Completed/Delivered", Meaning::Milestone(MilestoneKind::Delivered)),
    ("Completed/DeliveryException", Meaning::Milestone(MilestoneKind::DeliveryDelayed)),
    ("Completed/DeliveryAttemptFailed", Meaning::Milestone(MilestoneKind::DeliveryFailed)),
    ("Completed/ReturnedToSender", Meaning::Milestone(MilestoneKind::ReturnToSender)),
    ("Cancelled", Meaning::Milestone(MilestoneKind::Cancelled)),
    ("Cancelled/Cancelled", Meaning::Milestone(MilestoneKind::Cancelled)),
    ("Completed/Processing", Meaning::Milestone(MilestoneKind::PickedUp)),
];

/// The topic of a message without the header.
const UNNAMED: &str = "unnamed";

/// A webhook's topic, which is a header.
pub(crate) fn topic(request: &Request) -> String {
    fields::topic(request.header("x-webhook-topic").unwrap_or(UNNAMED))
}

/// Reads a message.
pub(crate) fn read_report(partner: &Partner, delivery: &Delivery) -> Result<Reported, Unmappable> {
    match delivery.topic.as_str() {
        "order.shipped"
        | "order.shipment.tracking.updated"
        | "order.shipment.tracking_received"
        | "order.shipment.delivered"
        | "order.shipment.exception"
        | "order.shipment.on_hold"
        | "order.shipment.cancelled" => {}
        // The header is not signed, and the status decides: a shipment is known by its members.
        UNNAMED if is_shipment(&delivery.body) => {}
        other => return Err(Unmappable::UnknownTopic(fields::topic(other))),
    }
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    let reported = root.object().and_then(|_| {
        let fulfillment = root.at("reference_id").parse();
        let commands = read_shipments(&root, partner, delivery.received_at);
        Some(Reported { fulfillment: fulfillment?, commands: commands? })
    });
    report.into_result(reported).map_err(Unmappable::Malformed)
}

/// Whether a body is a shipment, or an order with its shipments.
fn is_shipment(body: &[u8]) -> bool {
    let body = fields::json(body).unwrap_or_default();
    body.get("status").is_some() && (body.get("order_id").is_some() || body.get("shipments").is_some())
}

/// Reads one shipment, or an order with its shipments. Nothing more is packed for an order that is `Fulfilled`.
pub(super) fn read_shipments(
    root: &Place<'_>,
    partner: &Partner,
    received_at: Timestamp,
) -> Option<Vec<FulfillmentCommand>> {
    let listed = root.at("shipments").present();
    let shipments = listed.as_ref().map_or_else(|| vec![root.clone()], Place::items);
    let order = if listed.is_some() { root.at("id") } else { root.at("order_id") };
    let accepted = FulfillmentCommand::RecordAccepted(Accepted { reference: number(&order)?.parse().ok()? });
    let mut commands = vec![accepted];
    let mut departures = Vec::new();
    for shipment in &shipments {
        commands.extend(read_shipment(shipment, partner, received_at)?);
        departures.extend(shipment.at("actual_fulfillment_date").present());
    }
    if listed.is_some() && root.at("status").optional_text() == Some("Fulfilled") {
        let times = departures.iter().map(|place| times::read(place, &partner.time_zone, received_at));
        // The order has no time of completion; its last departure is taken.
        if let Some(at) = times.collect::<Option<Vec<_>>>()?.iter().map(|moment| moment.at).max() {
            let package = |command: &FulfillmentCommand| {
                if let FulfillmentCommand::RecordMilestone(milestone) = command {
                    Some(milestone.package.clone())
                } else {
                    None
                }
            };
            let packages = Some(commands.iter().filter_map(package).collect());
            commands.push(FulfillmentCommand::RecordClosed(Closed { at, packages }));
        }
    }
    Some(commands)
}

/// Reads one shipment, which is one package: its content and its status.
fn read_shipment(place: &Place<'_>, partner: &Partner, received_at: Timestamp) -> Option<Vec<FulfillmentCommand>> {
    place.object()?;
    let maps = &partner.maps;
    let id_place = place.at("id");
    let package: Option<PackageId> = number(&id_place).and_then(|id| id_place.take(id.parse()));
    let status = place.at("status").words(64)?;
    let detail = place.at("status_details").items().first().and_then(|detail| detail.at("name").optional_words(64));
    let status_code = detail.map_or_else(|| status.clone(), |detail| format!("{status}/{detail}"));
    let known = MEANINGS.iter().find(|(code, _)| *code == status_code).map(|(_, meaning)| *meaning);
    // The detail of an exception or a hold is its reason, not another status.
    let on_hold =
        || matches!(status.as_str(), "Exception" | "OnHold").then_some(Meaning::Milestone(MilestoneKind::OnHold));
    let meaning = maps.status(&status_code).or(known).or_else(on_hold);
    let milestone = match meaning {
        Some(Meaning::Nothing) => return Some(vec![]),
        Some(Meaning::Rejected) => {
            let reason =
                place.at("status_details").items().first().and_then(|d| d.at("description").optional_words(200));
            let reason =
                reason.map_or(status_code.clone(), |reason| format!("{status_code}: {}", without_digits(&reason)));
            return Some(vec![FulfillmentCommand::RecordRejected(Rejected { reason })]);
        }
        Some(Meaning::Milestone(kind)) => kind,
        None => MilestoneKind::Unknown,
    };
    let moment = times::first(&times_of(milestone, place), &partner.time_zone, received_at);
    let created = times::first(&[place.at("created_date")], &partner.time_zone, received_at);
    let tracking_place = place.at("tracking");
    let carrier_place = tracking_place.at("carrier");
    let carrier = carrier_place.clone().optional_text().and_then(|text| carrier_place.take(maps.carrier(text)));
    let tracking = tracking_place.at("tracking_number").optional_parse();
    let Content { lines, traced, unassigned } = content(&place.at("products"), maps)?;
    let (package, moment) = (package?, moment?);
    let mut commands = Vec::new();
    // Every message repeats the content. Each is read, so that messages may arrive in any order, and all have the shipment's
    // creation as their time, so that a repetition changes nothing. A shipment that is on hold or cancelled is not packed.
    let is_packed = !matches!(milestone, MilestoneKind::OnHold | MilestoneKind::Cancelled);
    if is_packed && !(lines.is_empty() && unassigned.is_empty()) {
        let (package, at) = (package.clone(), created?.at);
        commands.push(FulfillmentCommand::RecordPacked(Packed {
            package,
            at,
            lines,
            carrier: None,
            tracking: None,
            traced,
            unassigned,
        }));
    }
    commands.push(FulfillmentCommand::RecordMilestone(Milestone {
        package,
        milestone,
        at: moment.at,
        code: Some(status_code),
        clock_ahead: moment.clock_ahead,
        carrier,
        tracking,
    }));
    Some(commands)
}

/// The members that may have a milestone's time, the most specific first.
fn times_of<'v>(kind: MilestoneKind, place: &Place<'v>) -> [Place<'v>; 3] {
    let own = match kind {
        MilestoneKind::PickedUp => "actual_fulfillment_date",
        MilestoneKind::Delivered => "delivery_date",
        MilestoneKind::LabelCreated | MilestoneKind::OnHold | MilestoneKind::Cancelled | MilestoneKind::Unknown => {
            "last_update_at"
        }
        MilestoneKind::InTransit
        | MilestoneKind::DeliveryDelayed
        | MilestoneKind::OutForDelivery
        | MilestoneKind::ReadyForPickup
        | MilestoneKind::DeliveryFailed
        | MilestoneKind::ReturnToSender => "last_tracking_update_at",
    };
    [place.at(own), place.at("last_update_at"), place.at("created_date")]
}

/// The content of a shipment.
#[derive(Default)]
struct Content {
    lines: Vec<LineQuantity>,
    traced: Vec<TracedGoods>,
    unassigned: Vec<UnassignedGoods>,
}

/// Reads the products. The vendor's published messages have neither the order line nor the product's quantity: such a product is
/// named by its SKU, with the quantities of its inventory items.
fn content(place: &Place<'_>, maps: &Maps) -> Option<Content> {
    let mut content = Content::default();
    let mut is_read = true;
    for product in place.items() {
        is_read &= read_product(&product, maps, &mut content).is_some();
    }
    is_read.then_some(content)
}

fn read_product(place: &Place<'_>, maps: &Maps, content: &mut Content) -> Option<()> {
    place.object()?;
    let line_place = place.at("external_line_id");
    let line = line_place.clone().present().map(|place| {
        let number = place.whole(1..=u64::from(u32::MAX));
        number.and_then(|number| u32::try_from(number).ok()).and_then(LineNo::new)
    });
    let own = place.at("reference_id");
    let sku_place = if own.is_absent() { place.at("sku") } else { own };
    let sku = sku_place.text().and_then(|text| sku_place.take(maps.sku(text)));
    let uom_place = place.at("quantity_unit_of_measure_code");
    let uom = match uom_place.clone().optional_words(10) {
        Some(text) => uom_place.take(maps.unit(&text)),
        None => Some(Uom::EACH),
    };
    let items = place.at("inventory_items").items();
    let quantity_place = place.at("quantity");
    let sum = if quantity_place.is_absent() { sum_of_items(&items)? } else { Some(count(&quantity_place, uom?)?) };
    let (sku, uom) = (sku?, uom?);
    // Nothing of the product is in the shipment.
    if sum.is_some_and(Quantity::is_zero) {
        return Some(());
    }
    let traces = items.iter().map(|item| traced(item, uom)).collect::<Option<Vec<_>>>()?;
    let traces: Vec<_> = traces.into_iter().flatten().collect();
    match (line, sum) {
        (Some(line), Some(quantity)) => {
            let line = line?;
            content.lines.push(LineQuantity { line, sku: sku.clone(), quantity });
            let goods = |(quantity, lot, serials)| TracedGoods { line, sku: sku.clone(), quantity, lot, serials };
            content.traced.extend(traces.into_iter().map(goods));
        }
        // What the items with a lot or serial numbers do not cover is a part without them.
        (None, Some(quantity)) => {
            let mut rest = quantity;
            for (part, lot, serials) in traces {
                rest = rest.less(part).unwrap_or(rest);
                content.unassigned.push(UnassignedGoods { sku: sku.clone(), quantity: Some(part), lot, serials });
            }
            if !rest.is_zero() {
                let (lot, serials) = (None, BTreeSet::new());
                content.unassigned.push(UnassignedGoods { sku, quantity: Some(rest), lot, serials });
            }
        }
        // Components of a bundle do not tell how many bundles they are.
        (_, None) => {
            let (lot, serials) = (None, BTreeSet::new());
            content.unassigned.push(UnassignedGoods { sku, quantity: None, lot, serials });
        }
    }
    Some(())
}

/// The sum of a product's inventory items, in eaches; `Some(None)` if they are different articles, the components of a bundle, or
/// if there are none.
fn sum_of_items(items: &[Place<'_>]) -> Option<Option<Quantity>> {
    let mut sum = Quantity::zero(Uom::EACH);
    let mut ids = BTreeSet::new();
    for item in items {
        let id = item.at("id");
        ids.insert(if id.is_absent() { None } else { Some(number(&id)?) });
        let place = item.at("quantity");
        sum = place.take(sum.plus(count(&place, Uom::EACH)?))?;
    }
    Some((ids.len() == 1).then_some(sum))
}

fn count(place: &Place<'_>, uom: Uom) -> Option<Quantity> {
    let whole = place.whole(0..=1_000_000_000_000)?;
    place.take(Quantity::new(Decimal::from(whole), uom))
}

type Trace = (Quantity, Option<Lot>, BTreeSet<Serial>);

/// The lot and serial numbers of an inventory item; `Some(None)` if it has none.
fn traced(item: &Place<'_>, uom: Uom) -> Option<Option<Trace>> {
    let lot = item.at("lot").optional_parse();
    let serials: BTreeSet<Serial> =
        item.at("serial_numbers").items().iter().map(Place::parse).collect::<Option<_>>()?;
    if lot.is_none() && serials.is_empty() {
        return Some(None);
    }
    let quantity = count(&item.at("quantity"), uom)?;
    Some((!quantity.is_zero()).then_some((quantity, lot, serials)))
}

/// An id that the vendor sends as a number.
fn number(place: &Place<'_>) -> Option<String> {
    place.whole(1..=u64::MAX).map(|id| id.to_string())
}
