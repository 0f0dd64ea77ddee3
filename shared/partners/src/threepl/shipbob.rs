//! A warehouse with the shapes of ShipBob's public API 1.0: `docs/partners/shipbob.md`.
//!
//! There is no idempotency key; a second order with the same `reference_id` is refused with 422 and is found by it. A message
//! is the shipment itself, its topic in `x-webhook-topic`. `LabeledCreated` ("shipped" in the vendor's words) means that a
//! label is printed; `Completed` means that the shipment left the building. Neither is more than that.

use std::collections::BTreeSet;

use domain::fulfillment::{
    Accepted, Closed, FulfillmentRequest, Inquiry, Milestone, MilestoneKind, Packed, Rejected, TracedGoods, Withdrawal,
    Withdrawn,
};
use domain::order::{LineQuantity, ServiceLevel};
use domain::party::Party;
use domain::{EffectRequest as _, FulfillmentCommand, FulfillmentId, LineNo, PackageId, Quantity, Rejection, Serial};
use engine::Code;
use engine::delivery::Delivery;
use engine::inbound::{Reported, Unmappable};
use engine::partner::{Attempt, CallFailure, Secrets, WarehouseAnswer, WithdrawalAnswer};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exchange::{Answer, FirstStep, HttpRequest, PartnerClient, bare, ours, without};
use crate::fields::{self, Place, Report};
use crate::registry::{Maps, Meaning, Partner};
use crate::times;
use crate::transport::{Method, Reply, Transport};

/// POST /1.0/order
#[derive(Serialize)]
struct NewOrder<'a> {
    reference_id: String,
    order_number: String,
    shipping_method: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location_id: Option<u64>,
    recipient: Recipient,
    products: Vec<Product>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Recipient {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    address: Address,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Address {
    address1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address2: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    company_name: Option<String>,
    city: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zip_code: Option<String>,
    country: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Product {
    reference_id: String,
    quantity: u64,
    external_line_id: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quantity_unit_of_measure_code: Option<String>,
}

/// An order as the API shows it.
#[derive(Deserialize)]
struct Existing {
    id: u64,
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    recipient: Option<Recipient>,
    #[serde(default)]
    products: Vec<Product>,
}

/// An order's name.
#[derive(Deserialize)]
struct Named {
    id: u64,
}

/// POST /1.0/order/{id}/cancel
#[derive(Deserialize)]
struct Cancelled {
    #[serde(default)]
    order: Option<OrderStatus>,
    #[serde(default)]
    canceled_shipment_results: Vec<ShipmentCancelled>,
}

#[derive(Deserialize)]
struct OrderStatus {
    status: Option<String>,
}

#[derive(Deserialize)]
struct ShipmentCancelled {
    is_success: bool,
    #[serde(default)]
    reason: Option<String>,
}

/// Asks the warehouse to ship.
pub(crate) async fn request<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    channel: u64,
    request: &FulfillmentRequest,
    party: &Party,
    attempt: Attempt,
) -> Result<WarehouseAnswer, CallFailure> {
    let order = new_order(request, party, &client.partner.maps)?;
    if let FirstStep::Look { then_wait } = client.first_step(attempt)? {
        if let Some(found) = look(client, channel, &order, party).await? {
            return Ok(found);
        }
        client.absent(then_wait)?;
    }
    let ask = client.write(Method::Post, client.url(&["1.0", "order"])?, Some(request.key()), &order)?;
    match client.ask(&in_channel(ask, channel)).await? {
        Answer::Done(reply) => {
            let Existing { id, .. } = client.read(&reply)?;
            accepted(client, id)
        }
        // A duplicate and a refusal have the same status; what stands under the reference tells which it is.
        Answer::Unprocessable(reply) => match look(client, channel, &order, party).await? {
            Some(found) => Ok(found),
            None if names(&reply, "reference_id") => {
                let code = Code::PartnerBusy;
                Err(CallFailure::Unknown { code, cause: "a duplicate, it says, and does not show it yet".into() })
            }
            None => {
                let reason = reasons(&reply, |words| without(words, party));
                Ok(WarehouseAnswer::Rejected(Rejected { reason }))
            }
        },
        Answer::Conflict(reply) | Answer::Absent(reply) => Err(refused(&reply, party)),
    }
}

fn new_order<'a>(request: &FulfillmentRequest, party: &Party, maps: &'a Maps) -> Result<NewOrder<'a>, CallFailure> {
    let level = match request.service_level {
        ServiceLevel::Standard => "Standard",
        ServiceLevel::Expedited => "Expedited",
    };
    let product = |goods: &LineQuantity| {
        let amount = goods.quantity.amount();
        let quantity = amount.to_u64().filter(|whole| Decimal::from(*whole) == amount);
        let Some(quantity) = quantity else {
            let why = format!("line {}: this warehouse counts whole units only", goods.line);
            return Err(CallFailure::Refused(Rejection::new("FRACTION", why)));
        };
        Ok(Product {
            reference_id: maps.their_sku(&goods.sku).to_owned(),
            quantity,
            external_line_id: Some(goods.line.0.get()),
            quantity_unit_of_measure_code: Some(maps.their_unit(&goods.quantity.uom()).to_owned()),
        })
    };
    let Party { name, company, line1, line2, city, region, postal_code, country, phone, email } = party.clone();
    let address = Address {
        address1: line1,
        address2: line2,
        company_name: company,
        city,
        state: region,
        zip_code: Some(postal_code),
        country,
    };
    Ok(NewOrder {
        reference_id: request.fulfillment.to_string(),
        order_number: request.fulfillment.to_string(),
        shipping_method: maps.their_service_level(request.service_level).unwrap_or(level),
        kind: "DTC",
        // The vendor's sites are numbers; a site that is not mapped to one is left to the vendor to choose.
        location_id: maps.their_site(&request.site).parse().ok(),
        recipient: Recipient { name, email, phone_number: phone, address },
        products: request.lines.iter().map(product).collect::<Result<_, _>>()?,
    })
}

/// What stands under our reference.
async fn look<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    channel: u64,
    order: &NewOrder<'_>,
    party: &Party,
) -> Result<Option<WarehouseAnswer>, CallFailure> {
    let mut url = client.url(&["1.0", "order"])?;
    url.query_pairs_mut().append_pair("ReferenceIds", &order.reference_id);
    let reply = match client.ask(&in_channel(client.get(url), channel)).await? {
        Answer::Done(reply) => reply,
        Answer::Absent(_) => return Ok(None),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => return Err(refused(&reply, party)),
    };
    let mut existing: Vec<Existing> = client.read(&reply)?;
    // A filter that the vendor ignores would show every order there is. A cancelled order keeps its reference taken, so that
    // it is looked at, too.
    existing.retain(|existing| existing.reference_id.as_ref() == Some(&order.reference_id));
    let Some(first) = existing.first() else { return Ok(None) };
    let differs = |why: &str| {
        let why = format!("the order of {} {why}", order.reference_id);
        Err(CallFailure::Refused(Rejection::new(domain::workflow::DUPLICATE_DIFFERS, why)))
    };
    match existing.iter().find(|existing| same(existing, order)) {
        Some(existing) if existing.status.as_deref() == Some("Cancelled") => differs("was cancelled there"),
        Some(existing) => accepted(client, existing.id).map(Some),
        None => differs(&format!("says something else than ours (its number there is {})", first.id)),
    }
}

/// Asks for a fulfillment back.
pub(crate) async fn withdraw<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    channel: u64,
    withdrawal: &Withdrawal,
) -> Result<WithdrawalAnswer, CallFailure> {
    if let Some(reference) = &withdrawal.reference {
        return cancel(client, channel, withdrawal, reference.as_str()).await;
    }
    let then_wait = client.settling(withdrawal.sent_until)?;
    let mut answer = Withdrawn { reference: None };
    // The vendor takes a reference once.
    for existing in read_kept::<_, _, Named>(client, channel, &withdrawal.fulfillment).await? {
        match cancel(client, channel, withdrawal, &existing.id.to_string()).await? {
            WithdrawalAnswer::Withdrawn(withdrawn) => answer = withdrawn,
            WithdrawalAnswer::TooLate(why) => return Ok(WithdrawalAnswer::TooLate(why)),
        }
    }
    if answer.reference.is_none() {
        client.absent(then_wait)?;
    }
    Ok(WithdrawalAnswer::Withdrawn(answer))
}

/// Cancels one order. The vendor answers 200 whatever comes of it, and says for each shipment whether it worked.
async fn cancel<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    channel: u64,
    withdrawal: &Withdrawal,
    id: &str,
) -> Result<WithdrawalAnswer, CallFailure> {
    let url = client.url(&["1.0", "order", id, "cancel"])?;
    let ask = HttpRequest { body: vec![], ..client.write(Method::Post, url, Some(withdrawal.key()), &())? };
    let cancelled: Cancelled = match client.ask(&in_channel(ask, channel)).await? {
        Answer::Done(reply) => client.read(&reply)?,
        Answer::Conflict(reply) | Answer::Absent(reply) | Answer::Unprocessable(reply) => {
            let (code, reason) = (format!("HTTP_{}", reply.status), reasons(&reply, bare));
            return Err(CallFailure::Refused(Rejection { code, reason }));
        }
    };
    let Cancelled { order, canceled_shipment_results: results } = cancelled;
    if let Some(existing) = results.iter().find(|result| !result.is_success) {
        let reason = existing.reason.as_deref().unwrap_or("the warehouse named no reason");
        return Ok(WithdrawalAnswer::TooLate(Rejection::new("TOO_LATE", bare(reason))));
    }
    // No shipment to speak for the order, and the order says nothing: nobody knows.
    if results.is_empty() && order.and_then(|order| order.status).as_deref() != Some("Cancelled") {
        return Err(client.garbage("a cancellation without a result"));
    }
    let reference = id.parse().map_err(|_| client.garbage("an order without a usable id"))?;
    Ok(WithdrawalAnswer::Withdrawn(Withdrawn { reference: Some(reference) }))
}

/// Asks how a fulfillment stands: its order, with all shipments, as a message would have it.
pub(crate) async fn inquire<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    channel: u64,
    inquiry: &Inquiry,
) -> Result<Vec<FulfillmentCommand>, CallFailure> {
    let existing = read_kept::<_, _, serde_json::Value>(client, channel, &inquiry.fulfillment).await?;
    let report = Report::default();
    let read = existing.iter().map(|existing| read_order(&report.root(existing), client.partner, client.cx.now));
    let read = read.collect::<Option<Vec<_>>>();
    let commands = report.unless_wrong(read).map_err(|offences| {
        let places = offences.iter().map(|o| format!("{}: {}", o.pointer, o.detail)).collect::<Vec<_>>();
        client.garbage(&places.join("; "))
    })?;
    Ok(commands.into_iter().flatten().collect())
}

/// Every order under our reference; a filter that the vendor ignores would show every order there is.
async fn read_kept<S: Secrets, T: Transport, K: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    channel: u64,
    fulfillment: &FulfillmentId,
) -> Result<Vec<K>, CallFailure> {
    let reference = fulfillment.to_string();
    let mut url = client.url(&["1.0", "order"])?;
    url.query_pairs_mut().append_pair("ReferenceIds", &reference);
    let reply = match client.ask(&in_channel(client.get(url), channel)).await? {
        Answer::Done(reply) => reply,
        Answer::Absent(_) => return Ok(vec![]),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => {
            let (code, reason) = (format!("HTTP_{}", reply.status), reasons(&reply, bare));
            return Err(CallFailure::Refused(Rejection { code, reason }));
        }
    };
    let mut orders: Vec<serde_json::Value> = client.read(&reply)?;
    orders.retain(|order| order.get("reference_id").and_then(serde_json::Value::as_str) == Some(&reference));
    let read =
        |order| serde_json::from_value(order).map_err(|error| client.garbage(&engine::redact::json_error(&error)));
    orders.into_iter().map(read).collect()
}

/// Whether an order that the vendor shows is the one that we send; what it does not show is not held against it.
fn same(existing: &Existing, order: &NewOrder<'_>) -> bool {
    let sorted = |products: &[Product]| {
        let mut products = products.to_vec();
        products.sort();
        products
    };
    let bare =
        |product: &Product| Product { external_line_id: None, quantity_unit_of_measure_code: None, ..product.clone() };
    let shown = existing.products.iter().all(|product| product.external_line_id.is_some());
    let products = |products: &[Product]| -> Vec<Product> {
        if shown {
            let unit = |p: &Product| Product { quantity_unit_of_measure_code: None, ..p.clone() };
            sorted(&products.iter().map(unit).collect::<Vec<_>>())
        } else {
            sorted(&products.iter().map(bare).collect::<Vec<_>>())
        }
    };
    products(&existing.products) == products(&order.products)
        && existing.recipient.as_ref().is_none_or(|recipient| *recipient == order.recipient)
}

fn accepted<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    id: u64,
) -> Result<WarehouseAnswer, CallFailure> {
    let reference = id.to_string().parse().map_err(|_| client.garbage("an order without a usable id"))?;
    Ok(WarehouseAnswer::Accepted(Accepted { reference }))
}

fn in_channel(mut ask: HttpRequest, channel: u64) -> HttpRequest {
    ask.headers.push(("shipbob_channel_id", channel.to_string()));
    ask
}

/// Whether a refusal, a map from fields to what is wrong with them, names `field`.
fn names(reply: &Reply, field: &str) -> bool {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    body.get(field).is_some() || body.get("errors").is_some_and(|errors| errors.get(field).is_some())
}

/// What `clean` leaves of the vendor's reasons, as one line.
fn reasons(reply: &Reply, clean: impl FnOnce(&str) -> String) -> String {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let mut reasons = Vec::new();
    for (field, why) in body.as_object().into_iter().flatten() {
        let texts = why.as_array().into_iter().flatten().chain([why]).filter_map(serde_json::Value::as_str);
        reasons.extend(texts.map(|text| format!("{field}: {text}")));
    }
    if reasons.is_empty() { "the warehouse named no reason".to_owned() } else { clean(&reasons.join("; ")) }
}

fn refused(reply: &Reply, party: &Party) -> CallFailure {
    if reply.status == 404 {
        return ours(Code::PartnerRefused, "the base_url leads nowhere");
    }
    let (code, reason) = (format!("HTTP_{}", reply.status), reasons(reply, |words| without(words, party)));
    CallFailure::Refused(Rejection { code, reason })
}

/// What the vendor's statuses mean, the same for all of its customers; a document may say otherwise. A detail makes a status
/// another one: `Completed` has left, `Completed/Delivered` has arrived, and `Completed` with a detail that nobody knows is
/// unknown.
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

/// Reads what the warehouse reports.
pub(crate) fn read_report(partner: &Partner, delivery: &Delivery) -> Result<Reported, Unmappable> {
    match delivery.topic.as_str() {
        "order.shipped"
        | "order.shipment.tracking.updated"
        | "order.shipment.tracking_received"
        | "order.shipment.delivered"
        | "order.shipment.exception"
        | "order.shipment.on_hold"
        | "order.shipment.cancelled" => {}
        other => return Err(Unmappable::UnknownTopic(fields::topic(other))),
    }
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    let reported = root.object().and_then(|_| {
        let fulfillment = root.at("reference_id").parse();
        let commands = read_order(&root, partner, delivery.received_at);
        Some(Reported { fulfillment: fulfillment?, commands: commands? })
    });
    report.unless_wrong(reported).map_err(Unmappable::Malformed)
}

/// One shipment, or an order with all of its own. An order that is fulfilled packs nothing more.
fn read_order(root: &Place<'_>, partner: &Partner, received_at: Timestamp) -> Option<Vec<FulfillmentCommand>> {
    let several = root.at("shipments").present();
    let shipments = several.as_ref().map_or_else(|| vec![root.clone()], Place::items);
    let order = if several.is_some() { root.at("id") } else { root.at("order_id") };
    let accepted = FulfillmentCommand::RecordAccepted(Accepted { reference: number(&order)?.parse().ok()? });
    let mut commands = vec![accepted];
    let mut left = Vec::new();
    for shipment in &shipments {
        commands.extend(read_shipment(shipment, partner, received_at)?);
        left.extend(shipment.at("actual_fulfillment_date").present());
    }
    if several.is_some() && root.at("status").optional_text() == Some("Fulfilled") {
        let times = left.iter().map(|place| times::read(place, &partner.time_zone, received_at));
        // The order has no time of its own for it: its last departure is it.
        if let Some(at) = times.collect::<Option<Vec<_>>>()?.iter().map(|moment| moment.at).max() {
            let of = |command: &FulfillmentCommand| {
                if let FulfillmentCommand::RecordMilestone(told) = command { Some(told.package.clone()) } else { None }
            };
            let packages = Some(commands.iter().filter_map(of).collect());
            commands.push(FulfillmentCommand::RecordClosed(Closed { at, packages }));
        }
    }
    Some(commands)
}

/// What one shipment, which is one package, says: its content and its status.
fn read_shipment(place: &Place<'_>, partner: &Partner, received_at: Timestamp) -> Option<Vec<FulfillmentCommand>> {
    place.object()?;
    let maps = &partner.maps;
    let id_place = place.at("id");
    let package: Option<PackageId> = number(&id_place).and_then(|id| id_place.take(id.parse()));
    let status = place.at("status").words(64)?;
    let detail = place.at("status_details").items().first().and_then(|detail| detail.at("name").optional_words(64));
    let said = detail.map_or_else(|| status.clone(), |detail| format!("{status}/{detail}"));
    let known = MEANINGS.iter().find(|(known, _)| *known == said).map(|(_, meaning)| *meaning);
    // An exception's or a hold's detail is its reason, not another status.
    let by_reason =
        || matches!(status.as_str(), "Exception" | "OnHold").then_some(Meaning::Milestone(MilestoneKind::OnHold));
    let meaning = maps.status(&said).or(known).or_else(by_reason);
    let milestone = match meaning {
        Some(Meaning::Nothing) => return Some(vec![]),
        Some(Meaning::Rejected) => {
            let reason =
                place.at("status_details").items().first().and_then(|d| d.at("description").optional_words(200));
            let reason = reason.map_or(said.clone(), |reason| format!("{said}: {}", bare(&reason)));
            return Some(vec![FulfillmentCommand::RecordRejected(Rejected { reason })]);
        }
        Some(Meaning::Milestone(kind)) => kind,
        None => MilestoneKind::Unknown,
    };
    let moment = times::first(&times_of(milestone, place), &partner.time_zone, received_at);
    let made = times::first(&[place.at("created_date")], &partner.time_zone, received_at);
    let tracking_place = place.at("tracking");
    let carrier_place = tracking_place.at("carrier");
    let carrier = carrier_place.clone().optional_text().and_then(|text| carrier_place.take(maps.carrier(text)));
    let tracking = tracking_place.at("tracking_number").optional_parse();
    let lines = products(&place.at("products"), maps)?;
    let traced = traced(&place.at("products"), &lines)?;
    let (package, moment) = (package?, moment?);
    let mut commands = Vec::new();
    // Every message repeats the content. It is told as of the shipment's making, so that a repetition is nothing new, and by
    // each, so that none has to come first. What is on hold or cancelled is not packed.
    let packed = !matches!(milestone, MilestoneKind::OnHold | MilestoneKind::Cancelled);
    if packed && !lines.is_empty() {
        let (package, at) = (package.clone(), made?.at);
        commands.push(FulfillmentCommand::RecordPacked(Packed {
            package,
            at,
            lines,
            carrier: None,
            tracking: None,
            traced,
        }));
    }
    commands.push(FulfillmentCommand::RecordMilestone(Milestone {
        package,
        milestone,
        at: moment.at,
        code: Some(said),
        clock_ahead: moment.clock_ahead,
        carrier,
        tracking,
    }));
    Some(commands)
}

/// Where the time of a milestone stands; the general ones last.
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

fn products(place: &Place<'_>, maps: &Maps) -> Option<Vec<LineQuantity>> {
    place.items().iter().map(|product| line_quantity(product, maps)).collect()
}

fn line_quantity(place: &Place<'_>, maps: &Maps) -> Option<LineQuantity> {
    place.object()?;
    let number = place.at("external_line_id").whole(1..=u64::from(u32::MAX));
    let line = number.and_then(|n| u32::try_from(n).ok()).and_then(LineNo::new);
    let own = place.at("reference_id");
    let sku_place = if own.is_absent() { place.at("sku") } else { own };
    let sku = sku_place.text().and_then(|text| sku_place.take(maps.sku(text)));
    let uom_place = place.at("quantity_unit_of_measure_code");
    let uom = match uom_place.clone().optional_words(10) {
        Some(text) => uom_place.take(maps.unit(&text)),
        None => Some(domain::Uom::EACH),
    };
    let quantity_place = place.at("quantity");
    let whole = quantity_place.whole(1..=1_000_000_000_000)?;
    let quantity = quantity_place.take(Quantity::new(Decimal::from(whole), uom?));
    Some(LineQuantity { line: line?, sku: sku?, quantity: quantity? })
}

/// The lots and serial numbers of a shipment's products, which the vendor tells by inventory item.
fn traced(place: &Place<'_>, lines: &[LineQuantity]) -> Option<Vec<TracedGoods>> {
    let mut all = Vec::new();
    for (product, goods) in place.items().iter().zip(lines) {
        for item in product.at("inventory_items").items() {
            let lot = item.at("lot").optional_parse();
            let serials: BTreeSet<Serial> =
                item.at("serial_numbers").items().iter().map(Place::parse).collect::<Option<_>>()?;
            if lot.is_none() && serials.is_empty() {
                continue;
            }
            let quantity_place = item.at("quantity");
            let whole = quantity_place.whole(1..=1_000_000_000_000)?;
            let quantity = quantity_place.take(Quantity::new(Decimal::from(whole), goods.quantity.uom()))?;
            all.push(TracedGoods { line: goods.line, sku: goods.sku.clone(), quantity, lot, serials });
        }
    }
    Some(all)
}

/// An id that is a number on the wire.
fn number(place: &Place<'_>) -> Option<String> {
    place.whole(1..=u64::MAX).map(|id| id.to_string())
}
