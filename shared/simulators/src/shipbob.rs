//! A warehouse that speaks the shapes of ShipBob's public API 1.0, as far as our path needs them.
//!
//! It has no idempotency key and refuses a second order with the same `reference_id` with 422; `GET /1.0/order?ReferenceIds=…`
//! finds an order; `x-retry-after` has the wait after a 429; a message's topic is in the header `x-webhook-topic`, and its body
//! is the shipment. "Labeled" is not shipped, and `Completed` is not delivered.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Value, json};

use crate::exchange::{
    Effect, Handled, Method, Named, Numbers, Reply, Request, UNKNOWN_OPERATION, Webhook, fnv, later, written,
};
use crate::habits::respelled;
use crate::parse;
use crate::work::{Job, Line, Pace, Package, Status, WarehouseWork, WorkEvent};

/// The warehouse's state.
#[derive(Debug)]
pub struct Shipbob {
    id: String,
    numbers: Numbers,
    work: WarehouseWork,
    orders: Vec<Order>,
    calls: VecDeque<Timestamp>,
    /// Requests a minute, over a sliding window, before it answers 429; unlimited without it.
    pub rate_per_minute: Option<usize>,
    /// How long an order stays invisible to a look-up, in milliseconds.
    pub settle_ms: u64,
    /// Accepts an order although it has one with this `reference_id`, as vendors without that check do.
    pub accepts_duplicates: bool,
}

/// What the API shows of an order beside its shipments.
#[derive(Debug)]
struct Order {
    id: u64,
    channel: u64,
    asked: Value,
    made: Timestamp,
}

impl Shipbob {
    /// An empty warehouse. `run` makes its numbers differ from those of other runs.
    #[must_use]
    pub fn new(id: &str, run: &str, pace: Pace) -> Self {
        Self {
            id: id.to_owned(),
            numbers: Numbers::new(run),
            work: WarehouseWork::new(pace),
            orders: Vec::new(),
            calls: VecDeque::new(),
            rate_per_minute: None,
            settle_ms: 0,
            accepts_duplicates: false,
        }
    }

    /// Deletes everything but the counters and the pace.
    pub fn reset(&mut self) {
        self.work.reset();
        self.orders.clear();
        self.calls.clear();
    }

    /// Its pace.
    pub fn pace_mut(&mut self) -> &mut Pace {
        &mut self.work.pace
    }

    /// The operation and reference of a request.
    #[must_use]
    pub fn named(&self, request: &Request) -> Named {
        let (operation, reference) = match (request.method, request.segments().as_slice()) {
            (Method::Post, [_, "order"]) => ("fulfillment.create", request.field("reference_id")),
            (Method::Get, [_, "order"]) => ("fulfillment.read", request.query.get("ReferenceIds").cloned()),
            (Method::Get, [_, "order", id] | [_, "order", id, "shipment"]) => {
                ("fulfillment.read", self.reference_of(id))
            }
            (Method::Post, [_, "order", id, "cancel"]) => ("fulfillment.cancel", self.reference_of(id)),
            (Method::Get, [_, "channel"]) => ("channel.read", None),
            _ => (UNKNOWN_OPERATION, None),
        };
        Named { operation, reference, key: request.key().map(str::to_owned) }
    }

    /// Handles a request.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Handled {
        if let Some(reply) = self.limited(now) {
            return reply.into();
        }
        match (request.method, request.segments().as_slice()) {
            (Method::Post, [_, "order"]) => self.create(request, now).unwrap_or_else(Handled::only),
            (Method::Get, [_, "order"]) => self.list(request, now).into(),
            (Method::Get, [_, "order", id]) => self.read(id, Self::order).into(),
            (Method::Get, [_, "order", id, "shipment"]) => self.read(id, Self::shipments).into(),
            (Method::Post, [_, "order", id, "cancel"]) => self.cancel(id),
            (Method::Get, [_, "channel"]) => {
                Reply::json(200, &json!([{"id": 1, "name": "crossdock", "scopes": ["orders_read", "orders_write"]}]))
                    .into()
            }
            _ => Reply::json(404, &json!({"message": "Not Found"})).into(),
        }
    }

    /// The messages about everything that has happened by now.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Webhook> {
        let mut webhooks = Vec::new();
        while let Some((at, job, event)) = self.work.step(now) {
            webhooks.extend(self.webhook(at, job, &event));
        }
        webhooks
    }

    /// The time of the next event.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.work.next_due()
    }

    /// How many events are still to come.
    #[must_use]
    pub fn planned(&self) -> usize {
        self.work.planned()
    }

    /// All documents, as JSON.
    #[must_use]
    pub fn state(&self) -> Value {
        json!({"fulfillments": self.work.jobs})
    }

    fn create(&mut self, request: &Request, now: Timestamp) -> Result<Handled, Reply> {
        let channel = request
            .header("shipbob_channel_id")
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or_else(|| invalid(400, "shipbob_channel_id", "the channel header is missing or no number"))?;
        let body = request.json().map_err(|_| invalid(400, "", "the body is no JSON"))?;
        let reference = needed(&body, "reference_id")?.to_owned();
        needed(&body, "shipping_method")?;
        let recipient = body.get("recipient").unwrap_or(&Value::Null);
        needed(recipient, "name")?;
        let address = recipient.get("address").unwrap_or(&Value::Null);
        for field in ["address1", "city", "country"] {
            needed(address, field)?;
        }
        let lines = products(&body)?;
        if !self.accepts_duplicates && self.work.jobs.iter().any(|job| job.reference == reference) {
            return Err(invalid(422, "reference_id", "an order with this reference_id already exists"));
        }
        let mut script = self.work.script(&reference, &lines);
        // ShipBob has no order without a shipment: a shipment of which it finds nothing becomes an exception.
        if script.finds_nothing_of(&lines) {
            script.short_by = 0;
            script.reject_later.get_or_insert_with(|| "OUT_OF_STOCK".to_owned());
        }
        if let Some(reason) = &script.reject {
            return Err(invalid(422, "products", reason));
        }
        let id = self.numbers.next_integer("order");
        let numbers = &mut self.numbers;
        let job = self.work.take(id.to_string(), reference.clone(), lines, &script, now, || {
            numbers.next_integer("shipment").to_string()
        });
        self.orders.push(Order { id, channel, asked: body, made: now });
        let reply = Reply::json(201, &self.order(job));
        let effect =
            Effect { kind: "fulfillment", id: id.to_string(), reference, key: request.key().map(str::to_owned) };
        Ok(Handled::done(reply, effect))
    }

    fn list(&self, request: &Request, now: Timestamp) -> Reply {
        let wanted: Option<Vec<&str>> =
            request.query.get("ReferenceIds").map(|text| text.split(',').map(str::trim).collect());
        let orders: Vec<Value> = self
            .work
            .jobs
            .iter()
            .zip(&self.orders)
            .enumerate()
            .filter(|(_, (job, order))| {
                later(order.made, self.settle_ms).max(job.shown_from) <= now
                    && wanted.as_ref().is_none_or(|wanted| wanted.contains(&job.reference.as_str()))
            })
            .map(|(index, _)| self.order(index))
            .collect();
        Reply::json(200, &json!(orders))
    }

    fn read(&self, id: &str, show: impl FnOnce(&Self, usize) -> Value) -> Reply {
        self.find(id).map_or_else(
            || Reply::json(404, &json!({"message": "Order not found"})),
            |job| Reply::json(200, &show(self, job)),
        )
    }

    fn cancel(&mut self, id: &str) -> Handled {
        let Some(index) = self.find(id) else {
            return Reply::json(404, &json!({"message": "Order not found"})).into();
        };
        let already = self.work.jobs.get(index).is_some_and(|job| job.status == Status::Cancelled);
        let cancelled = self.work.cancel(index);
        let reason = (!cancelled).then_some("the shipment is already being packed");
        let results: Vec<Value> = self
            .work
            .jobs
            .get(index)
            .into_iter()
            .flat_map(|job| &job.packages)
            .map(|package| {
                json!({
                    "shipment_id": number(&package.id),
                    "action": "Cancel",
                    "is_success": cancelled,
                    "reason": reason,
                })
            })
            .collect();
        let body = json!({"order": self.order(index), "canceled_shipment_results": results});
        if !cancelled {
            // The vendor answers 200 and reports the failure per shipment.
            return Reply::json(200, &body).into();
        }
        let mut handled = Handled::only(Reply::json(200, &body));
        if !already {
            handled.effects.push(Effect {
                kind: "fulfillment_cancelled",
                id: id.to_owned(),
                reference: self.reference_of(id).unwrap_or_default(),
                key: None,
            });
        }
        handled
    }

    fn limited(&mut self, now: Timestamp) -> Option<Reply> {
        let limit = self.rate_per_minute?;
        let minute = SignedDuration::from_secs(60);
        while self.calls.front().is_some_and(|&oldest| now.duration_since(oldest) >= minute) {
            self.calls.pop_front();
        }
        if self.calls.len() < limit {
            self.calls.push_back(now);
            return None;
        }
        let oldest = self.calls.front().copied().unwrap_or(now);
        let wait = minute.as_secs() - now.duration_since(oldest).as_secs();
        let reply = Reply::json(429, &json!({"message": "Too many requests"}));
        Some(reply.with_header("x-retry-after", &wait.max(1).to_string()))
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.work.jobs.iter().position(|job| job.id == id)
    }

    fn reference_of(&self, id: &str) -> Option<String> {
        let job = self.work.jobs.get(self.find(id)?)?;
        Some(job.reference.clone())
    }

    fn order(&self, index: usize) -> Value {
        let (Some(job), Some(order)) = (self.work.jobs.get(index), self.orders.get(index)) else {
            return Value::Null;
        };
        let mut recipient = order.asked.get("recipient").cloned().unwrap_or(Value::Null);
        if job.respells {
            let address = respelled(&recipient["address"]);
            recipient = respelled(&recipient);
            recipient["address"] = address;
        }
        json!({
            "id": order.id,
            "created_date": written(order.made),
            "purchase_date": order.asked.get("purchase_date").cloned().unwrap_or(Value::Null),
            "reference_id": job.reference,
            "order_number": order.asked.get("order_number").cloned().unwrap_or(Value::Null),
            "status": order_status(job),
            "type": order.asked.get("type").cloned().unwrap_or_else(|| json!("DTC")),
            "channel": {"id": order.channel, "name": "crossdock"},
            "shipping_method": order.asked.get("shipping_method"),
            "recipient": recipient,
            "products": job.shown_lines().iter().map(|line| shown_product(line, job)).collect::<Vec<_>>(),
            "tags": [],
            "shipments": self.shipments(index),
        })
    }

    fn shipments(&self, index: usize) -> Value {
        let (Some(job), Some(order)) = (self.work.jobs.get(index), self.orders.get(index)) else {
            return Value::Null;
        };
        let as_of = |package: &Package| package.touched_at().unwrap_or(order.made);
        job.packages.iter().map(|package| shipment(order, job, package, as_of(package))).collect()
    }

    fn webhook(&mut self, at: Timestamp, index: usize, event: &WorkEvent) -> Option<Webhook> {
        let (job, order) = (self.work.jobs.get(index)?, self.orders.get(index)?);
        if job.is_unreported(event) {
            return None;
        }
        let (topic, package) = match event {
            // The vendor confirms an order by its answer alone, and packing by the label.
            WorkEvent::Accepted | WorkEvent::Packed { .. } | WorkEvent::Closed { .. } => return None,
            WorkEvent::Rejected { .. } => ("order.shipment.exception", job.packages.first()?),
            WorkEvent::Voided { package } => ("order.shipment.cancelled", job.packages.get(*package)?),
            WorkEvent::Milestone { package, name } => (topic(name), job.packages.get(*package)?),
        };
        let body = shipment(order, job, package, at);
        let reference = job.reference.clone();
        let header = ("x-webhook-topic".to_owned(), topic.to_owned());
        let headers = (!job.without_topic).then_some(header).into_iter().collect();
        let number = self.numbers.next("msg");
        Some(Webhook {
            id: format!("{}_{number}", self.id),
            topic: topic.to_owned(),
            reference,
            headers,
            body: body.to_string().into_bytes(),
        })
    }
}

/// A shipment as the API and the messages show it, as of `at`.
fn shipment(order: &Order, job: &Job, package: &Package, at: Timestamp) -> Value {
    let last = package.milestones.last().map(String::as_str);
    let (status, detail) = shown_status(job, package, last);
    let why = job.reason.as_deref().unwrap_or_default();
    let details: Vec<Value> =
        detail.into_iter().map(|name| json!({"id": fnv(&name) % 1000, "name": name, "description": why})).collect();
    let tracking = package.packed.then(|| {
        json!({
            "carrier": package.carrier,
            "carrier_service": "Ground",
            "tracking_number": package.tracking,
            "tracking_url": format!("https://tracking.example/{}", package.tracking),
        })
    });
    json!({
        "id": number(&package.id),
        "order_id": order.id,
        "reference_id": job.reference,
        "status": status,
        "status_details": details,
        "created_date": written(order.made),
        "last_update_at": written(at),
        "last_tracking_update_at": package.packed.then(|| written(at)),
        "actual_fulfillment_date": package.left_at().map(written),
        "delivery_date": (last == Some("delivered")).then(|| written(at)),
        "location": {"id": 9, "name": "Moreno Valley (CA)"},
        "ship_option": order.asked.get("shipping_method"),
        "tracking": tracking,
        "products": package.lines.iter().map(|line| shown_product(line, job)).collect::<Vec<_>>(),
    })
}

/// Status and detail as the vendor combines them: `Completed` without a detail has left the building, no more.
fn shown_status(job: &Job, package: &Package, last: Option<&str>) -> (&'static str, Option<String>) {
    if package.voided || job.status == Status::Cancelled {
        return ("Cancelled", None);
    }
    if job.status == Status::Rejected {
        return ("Exception", Some("OutOfStock".to_owned()));
    }
    match last {
        None => ("Processing", None),
        Some("label_created") => ("LabeledCreated", None),
        Some("picked_up") => ("Completed", None),
        Some("in_transit") => ("Completed", Some("InTransit".to_owned())),
        Some("out_for_delivery") => ("Completed", Some("OutForDelivery".to_owned())),
        Some("delivered") => ("Completed", Some("Delivered".to_owned())),
        Some("delivery_failed") => ("Completed", Some("DeliveryAttemptFailed".to_owned())),
        Some("delivery_delayed") => ("Completed", Some("DeliveryException".to_owned())),
        Some("return_to_sender") => ("Completed", Some("ReturnedToSender".to_owned())),
        Some("on_hold") => ("OnHold", None),
        // A script's text is sent unchanged, to test unknown codes.
        Some(other) => ("Completed", Some(other.to_owned())),
    }
}

fn topic(milestone: &str) -> &'static str {
    match milestone {
        "label_created" => "order.shipped",
        "delivered" => "order.shipment.delivered",
        "on_hold" => "order.shipment.on_hold",
        "cancelled" => "order.shipment.cancelled",
        _ => "order.shipment.tracking.updated",
    }
}

fn order_status(job: &Job) -> &'static str {
    match job.status {
        Status::Accepted => "Processing",
        Status::Rejected => "Exception",
        Status::Cancelled => "Cancelled",
        Status::Packing => {
            if job.packages.iter().any(Package::left) {
                "PartiallyFulfilled"
            } else {
                "Processing"
            }
        }
        Status::Completed => "Fulfilled",
    }
}

/// A packed product. The vendor's published messages have neither the order line nor the product's quantity and unit.
fn shown_product(line: &Line, job: &Job) -> Value {
    let mut product = product(line);
    if let Some(members) = product.as_object_mut().filter(|_| job.as_published) {
        for own in ["external_line_id", "quantity", "quantity_unit_of_measure_code"] {
            members.remove(own);
        }
    }
    product
}

fn product(line: &Line) -> Value {
    let mut product = plain_product(line);
    if let Some(item) = product.pointer_mut("/inventory_items/0").and_then(Value::as_object_mut) {
        item.extend(line.lot.as_ref().map(|lot| ("lot".to_owned(), json!(lot))));
        if !line.serials.is_empty() {
            item.insert("serial_numbers".to_owned(), json!(line.serials));
        }
    }
    product
}

fn plain_product(line: &Line) -> Value {
    let (id, quantity) = (fnv(&line.sku) % 1_000_000, line.quantity.to_u64());
    json!({
        "id": id,
        "reference_id": line.sku,
        "sku": line.sku,
        "name": line.sku,
        "external_line_id": line.line,
        "quantity": quantity,
        "quantity_unit_of_measure_code": line.uom,
        "inventory_items": [{"id": id, "name": line.sku, "quantity": quantity, "quantity_committed": quantity}],
    })
}

fn products(body: &Value) -> Result<Vec<Line>, Reply> {
    let products = body
        .get("products")
        .and_then(Value::as_array)
        .filter(|products| !products.is_empty())
        .ok_or_else(|| invalid(400, "products", "an order needs products"))?;
    (1_i64..)
        .zip(products)
        .map(|(index, product)| {
            let sku = needed(product, "reference_id")?;
            if !sku.starts_with("SKU-") || parse::has_part(sku, "UNKNOWN") {
                return Err(invalid(422, "products", "a product is not known"));
            }
            let quantity = product
                .get("quantity")
                .and_then(Value::as_u64)
                .filter(|quantity| (1..=1_000_000).contains(quantity))
                .ok_or_else(|| invalid(400, "products", "a quantity is a positive integer"))?;
            let text = |name: &str| product.get(name).and_then(Value::as_str);
            let line = product.get("external_line_id").and_then(Value::as_i64).unwrap_or(index);
            let uom = text("quantity_unit_of_measure_code").unwrap_or("EA");
            Ok(Line::new(line, sku, Decimal::from(quantity), uom))
        })
        .collect()
}

fn needed<'a>(body: &'a Value, name: &str) -> Result<&'a str, Reply> {
    body.get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid(400, name, "this field is required"))
}

/// The vendor's refusal: a map of fields to what is wrong with them.
fn invalid(status: u16, field: &str, why: &str) -> Reply {
    Reply::json(status, &json!({field: [why]}))
}

/// Shipment ids are numbers on the wire and texts here.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or(Value::Null, Value::from)
}
