//! A warehouse that speaks our REST protocol.
//!
//! It accepts a request once per key and has no other guard against shipping twice: the same reference under another key is a
//! second order, and the ledger shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::exchange::{Effect, Handled, Method, Named, Numbers, Reply, Request, Webhook, written};
use crate::habits::respelled;
use crate::keys::{IdempotencyKeys, Lookup};
use crate::parse;
use crate::rest3pl_returns::Returns;
use crate::work::{Job, Line, Pace, Package, WarehouseWork, WorkEvent};

/// The warehouse's state.
#[derive(Debug)]
pub struct Rest3pl {
    id: String,
    numbers: Numbers,
    keys: IdempotencyKeys,
    work: WarehouseWork,
    /// What each request asked for, in the order of the jobs.
    asked: Vec<Value>,
    returns: Returns,
}

impl Rest3pl {
    /// An empty warehouse. `run` makes its numbers differ from those of other runs.
    #[must_use]
    pub fn new(id: &str, run: &str, pace: Pace) -> Self {
        Self {
            id: id.to_owned(),
            numbers: Numbers::new(run),
            keys: IdempotencyKeys::default(),
            work: WarehouseWork::new(pace),
            asked: Vec::new(),
            returns: Returns::new(id, run),
        }
    }

    /// Deletes everything but the counters and the pace.
    pub fn reset(&mut self) {
        self.keys = IdempotencyKeys::default();
        self.work.reset();
        self.asked.clear();
        self.returns.reset();
    }

    /// Its pace.
    pub fn pace_mut(&mut self) -> &mut Pace {
        &mut self.work.pace
    }

    /// The operation and reference of a request.
    #[must_use]
    pub fn named(&self, request: &Request) -> Named {
        let (operation, reference) = match (request.method, request.segments().as_slice()) {
            (Method::Post, ["fulfillments"]) => ("fulfillment.create", request.field("reference")),
            (Method::Get, ["fulfillments"]) => ("fulfillment.read", request.query.get("reference").cloned()),
            (Method::Get, ["fulfillments", id]) => ("fulfillment.read", self.reference_of(id)),
            (Method::Post, ["fulfillments", id, "cancel"]) => ("fulfillment.cancel", self.reference_of(id)),
            _ => return self.returns.named(request),
        };
        Named { operation, reference, key: request.key().map(str::to_owned) }
    }

    /// Handles a request.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Handled {
        match (request.method, request.segments().as_slice()) {
            (Method::Post, ["fulfillments"]) => self.create(request, now),
            (Method::Get, ["fulfillments"]) => self.list(request, now).into(),
            (Method::Get, ["fulfillments", id]) => self
                .find(id)
                .map_or_else(|| unknown().into(), |(index, _)| Reply::json(200, &self.listed(index)).into()),
            (Method::Post, ["fulfillments", id, "cancel"]) => self.cancel(id, request),
            _ => self.returns.handle(request, now),
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
        json!({"fulfillments": self.work.jobs, "returns": self.returns.state()})
    }

    /// The warehouse counts goods of a return, cumulatively: `lines` replace what it said of the lines with the same `key`.
    pub fn receive(&mut self, reference: &str, status: &str, lines: &[Value], now: Timestamp) -> Webhook {
        self.returns.receive(reference, status, lines, now)
    }

    /// The carrier scanned a return's parcel.
    pub fn scan(&mut self, reference: &str, now: Timestamp) -> Option<Webhook> {
        self.returns.scan(reference, now)
    }

    fn create(&mut self, request: &Request, now: Timestamp) -> Handled {
        let (key, body) = match self.keys.look_up("fulfillment.create", request) {
            Lookup::New { key, body } => (key, body),
            Lookup::Settled(handled) => return handled,
        };
        let (reference, lines) = match asked(&body) {
            Ok(asked) => asked,
            Err(reply) => return reply.into(),
        };
        let script = self.work.script(&reference, &lines);
        if let Some(reason) = &script.reject {
            return Reply::refused(422, "REJECTED", reason).into();
        }
        let id = self.numbers.next("F");
        let numbers = &mut self.numbers;
        self.work.take(id.clone(), reference.clone(), lines, &script, now, || numbers.next("P"));
        let reply = Reply::json(201, &json!({"id": id, "status": "accepted"}));
        self.asked.push(body.clone());
        self.keys.keep("fulfillment.create", key.clone(), body, &reply);
        let effect = Effect { kind: "fulfillment", id, reference, key: Some(key) };
        Handled::done(reply, effect)
    }

    fn list(&self, request: &Request, now: Timestamp) -> Reply {
        let reference = request.query.get("reference");
        let wanted = |(_, job): &(usize, &Job)| {
            reference.is_none_or(|reference| *reference == job.reference) && job.shown_from <= now
        };
        let items: Vec<Value> =
            self.work.jobs.iter().enumerate().filter(wanted).map(|(index, _)| self.listed(index)).collect();
        Reply::json(200, &json!({"items": items}))
    }

    fn cancel(&mut self, id: &str, request: &Request) -> Handled {
        let (key, body) = match self.keys.look_up("fulfillment.cancel", request) {
            Lookup::New { key, body } => (key, body),
            Lookup::Settled(handled) => return handled,
        };
        let Some((index, job)) = self.find(id) else {
            return unknown().into();
        };
        let reference = job.reference.clone();
        if !self.work.cancel(index) {
            return Reply::refused(409, "TOO_LATE", "packing has begun").into();
        }
        let reply = Reply::json(200, &json!({"id": id, "status": "cancelled"}));
        self.keys.keep("fulfillment.cancel", key.clone(), body, &reply);
        let effect = Effect { kind: "fulfillment_cancelled", id: id.to_owned(), reference, key: Some(key) };
        Handled::done(reply, effect)
    }

    fn listed(&self, index: usize) -> Value {
        let (Some(job), Some(asked)) = (self.work.jobs.get(index), self.asked.get(index)) else { return Value::Null };
        let mut all = listed(job);
        if let (Some(all), Some(address)) = (all.as_object_mut(), asked.get("ship_to")) {
            let shown = if job.respells { respelled(address) } else { address.clone() };
            all.insert("ship_to".to_owned(), shown);
        }
        all
    }

    fn find(&self, id: &str) -> Option<(usize, &Job)> {
        self.work.jobs.iter().enumerate().find(|(_, job)| job.id == id)
    }

    fn reference_of(&self, id: &str) -> Option<String> {
        self.find(id).map(|(_, job)| job.reference.clone())
    }

    fn webhook(&mut self, at: Timestamp, job: usize, event: &WorkEvent) -> Option<Webhook> {
        let job = self.work.jobs.get(job)?;
        if job.is_unreported(event) {
            return None;
        }
        let mut data = json!({"reference": job.reference, "id": job.id, "occurred_at": written(at)});
        let (topic, more) = match event {
            WorkEvent::Accepted => ("fulfillment.accepted", json!({})),
            WorkEvent::Rejected { reason } => ("fulfillment.rejected", json!({"reason": reason})),
            WorkEvent::Closed { again } => match job.named(*again) {
                Some(packages) => ("fulfillment.completed", json!({"packages": packages})),
                None => ("fulfillment.completed", json!({})),
            },
            WorkEvent::Packed { package } => {
                ("package.packed", json!({"package": shown(job, job.packages.get(*package)?)}))
            }
            WorkEvent::Voided { package } => {
                ("package.voided", json!({"package": shown(job, job.packages.get(*package)?)}))
            }
            WorkEvent::Milestone { package, name } => (
                "shipment.milestone",
                json!({
                    "package": shown(job, job.packages.get(*package)?),
                    "milestone": name,
                    "carrier_code": carrier_code(name),
                }),
            ),
        };
        if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
            data.extend(more.clone());
        }
        let reference = job.reference.clone();
        let body = json!({"type": topic, "timestamp": written(at), "data": data});
        let number = self.numbers.next("msg");
        Some(Webhook {
            id: format!("{}_{number}", self.id),
            topic: topic.to_owned(),
            reference,
            headers: BTreeMap::new(),
            body: body.to_string().into_bytes(),
        })
    }
}

fn asked(body: &Value) -> Result<(String, Vec<Line>), Reply> {
    let reference = parse::text(body, "reference")?.to_owned();
    let address = body.get("ship_to").unwrap_or(&Value::Null);
    for field in ["name", "line1", "city", "postal_code", "country"] {
        parse::text(address, field).map_err(|_| Reply::refused(422, "REJECTED", &format!("ship_to has no {field}")))?;
    }
    Ok((reference, parse::lines(body)?))
}

/// A request as a query shows it: everything that its messages report, with times.
fn listed(job: &Job) -> Value {
    let passed = |(name, at): (&str, Timestamp)| json!({"milestone": name, "carrier_code": carrier_code(name), "occurred_at": written(at)});
    let package = |package: &Package| {
        let mut all = shown(job, package);
        if let Some(all) = all.as_object_mut() {
            all.insert("packed_at".to_owned(), json!(package.packed_at.map(written)));
            all.insert("voided_at".to_owned(), json!(package.voided_at.map(written)));
            all.insert("milestones".to_owned(), package.passed().map(passed).collect());
        }
        all
    };
    json!({
        "id": job.id,
        "reference": job.reference,
        "status": job.status,
        "reason": job.reason,
        "lines": job.shown_lines(),
        "completed_at": job.closed_at.map(written),
        "packages": job.packages.iter().filter(|package| package.packed).map(package).collect::<Vec<_>>(),
    })
}

fn shown(job: &Job, package: &Package) -> Value {
    let mut lines = package.lines.clone();
    if job.lists_zeros {
        let has = |line: &Line| package.lines.iter().any(|packed| packed.line == line.line);
        let others = job.lines.iter().filter(|line| !has(line));
        lines.extend(others.map(|line| Line::new(line.line, &line.sku, Decimal::ZERO, &line.uom)));
    }
    json!({
        "id": package.id,
        "carrier": package.carrier,
        "tracking": package.tracking,
        "lines": lines,
        "total_quantity": package.total,
    })
}

/// The carrier's code beside our milestone, as such feeds have both.
fn carrier_code(milestone: &str) -> String {
    match milestone {
        "label_created" => "MP".to_owned(),
        "picked_up" => "PU".to_owned(),
        "in_transit" => "IT".to_owned(),
        "out_for_delivery" => "OD".to_owned(),
        "delivered" => "DL".to_owned(),
        other => other.to_ascii_uppercase(),
    }
}

fn unknown() -> Reply {
    Reply::refused(404, "NOT_FOUND", "there is no such fulfillment")
}
