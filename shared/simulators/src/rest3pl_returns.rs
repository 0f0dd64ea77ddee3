//! Returns at a warehouse that speaks our REST protocol. It reports cumulatively: each message has all lines as they are now, so
//! that a later one may have fewer goods of a line than an earlier one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::{Effect, Handled, Method, Named, Numbers, Reply, Request, UNKNOWN_OPERATION, Webhook, written};
use crate::keys::{IdempotencyKeys, Lookup};
use crate::parse;

/// The warehouse's returns.
#[derive(Debug)]
pub(crate) struct Returns {
    warehouse: String,
    numbers: Numbers,
    keys: IdempotencyKeys,
    all: Vec<WarehouseReturn>,
}

#[derive(Debug, Serialize)]
struct WarehouseReturn {
    id: String,
    /// Ours; empty for goods that no one announced.
    reference: String,
    rma: String,
    status: String,
    /// What it expects, as it was asked.
    lines: Value,
    #[serde(skip)]
    received: BTreeMap<String, Value>,
    updated_at: String,
}

impl WarehouseReturn {
    /// As a question shows it.
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "reference": self.reference,
            "status": self.status,
            "updated_at": self.updated_at,
            "lines": self.received.values().collect::<Vec<_>>(),
        })
    }
}

impl Returns {
    pub(crate) fn new(warehouse: &str, run: &str) -> Self {
        let keys = IdempotencyKeys::default();
        Self { warehouse: warehouse.to_owned(), numbers: Numbers::new(run), keys, all: Vec::new() }
    }

    pub(crate) fn reset(&mut self) {
        self.keys = IdempotencyKeys::default();
        self.all.clear();
    }

    pub(crate) fn named(&self, request: &Request) -> Named {
        let reference_of = |id: &str| self.all.iter().find(|it| it.id == id).map(|it| it.reference.clone());
        let (operation, reference) = match (request.method, request.segments().as_slice()) {
            (Method::Post, ["returns"]) => ("return.create", request.field("reference")),
            (Method::Put, ["returns", id]) => ("return.change", reference_of(id)),
            (Method::Post, ["returns", id, "cancel"]) => ("return.cancel", reference_of(id)),
            (Method::Get, ["returns"]) => ("return.read", request.query.get("reference").cloned()),
            (Method::Get, ["returns", id]) => ("return.read", reference_of(id)),
            _ => (UNKNOWN_OPERATION, None),
        };
        Named { operation, reference, key: request.key().map(str::to_owned) }
    }

    pub(crate) fn handle(&mut self, request: &Request, now: Timestamp) -> Handled {
        match (request.method, request.segments().as_slice()) {
            (Method::Post, ["returns"]) => {
                self.keyed("return.create", request, |it, body, key| it.create(body, key, now))
            }
            (Method::Put, ["returns", id]) => {
                self.keyed("return.change", request, |it, body, key| it.change(id, body, key, now))
            }
            (Method::Post, ["returns", id, "cancel"]) => {
                self.keyed("return.cancel", request, |it, _, key| it.cancel(id, key, now))
            }
            (Method::Get, ["returns"]) => {
                let wanted = request.query.get("reference");
                let fits = |it: &&WarehouseReturn| wanted.is_none_or(|wanted| *wanted == it.reference);
                let items: Vec<&WarehouseReturn> = self.all.iter().filter(fits).collect();
                Reply::json(200, &json!({"items": items})).into()
            }
            (Method::Get, ["returns", id]) => {
                let found = self.all.iter().find(|it| it.id == *id);
                found.map_or_else(unknown, |it| Reply::json(200, &it.shown())).into()
            }
            _ => Reply::refused(404, "NOT_FOUND", "the warehouse has no such resource").into(),
        }
    }

    /// All documents, as JSON.
    pub(crate) fn state(&self) -> Value {
        let one = |it: &WarehouseReturn| {
            let mut all = it.shown();
            if let Some(all) = all.as_object_mut() {
                all.insert("rma".to_owned(), json!(it.rma));
                all.insert("expected".to_owned(), it.lines.clone());
            }
            all
        };
        self.all.iter().map(one).collect()
    }

    /// The warehouse counts goods: `lines` replace what it said of the lines with the same `key`. Goods of a parcel that it does
    /// not expect make a return of its own, under its own id. Returns the message with all lines.
    pub(crate) fn receive(&mut self, reference: &str, status: &str, lines: &[Value], now: Timestamp) -> Webhook {
        let known = self.all.iter().position(|it| it.reference == reference && it.status != "cancelled");
        let index = known.unwrap_or_else(|| {
            let id = self.numbers.next("R");
            self.all.push(WarehouseReturn {
                id,
                reference: reference.to_owned(),
                rma: String::new(),
                status: "arrived".to_owned(),
                lines: json!([]),
                received: BTreeMap::new(),
                updated_at: written(now),
            });
            self.all.len() - 1
        });
        let mut shown = json!({});
        if let Some(it) = self.all.get_mut(index) {
            for line in lines {
                let key = line.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
                it.received.insert(key, line.clone());
            }
            status.clone_into(&mut it.status);
            it.updated_at = written(now);
            shown = it.shown();
        }
        self.message("return.updated", shown, reference, now)
    }

    /// The carrier scanned a parcel.
    pub(crate) fn scan(&mut self, reference: &str, now: Timestamp) -> Option<Webhook> {
        let it = self.all.iter().find(|it| it.reference == reference)?;
        let data = json!({"id": it.id, "reference": it.reference});
        Some(self.message("return.scanned", data, reference, now))
    }

    fn message(&mut self, topic: &str, mut data: Value, reference: &str, now: Timestamp) -> Webhook {
        if let Some(data) = data.as_object_mut() {
            data.insert("occurred_at".to_owned(), json!(written(now)));
        }
        let body = json!({"type": topic, "timestamp": written(now), "data": data});
        Webhook {
            id: format!("{}_{}", self.warehouse, self.numbers.next("ret")),
            topic: topic.to_owned(),
            reference: reference.to_owned(),
            headers: BTreeMap::new(),
            body: body.to_string().into_bytes(),
        }
    }

    fn keyed(
        &mut self,
        operation: &'static str,
        request: &Request,
        write: impl FnOnce(&mut Self, &Value, &str) -> Result<(Value, Effect), Reply>,
    ) -> Handled {
        let (key, body) = match self.keys.look_up(operation, request) {
            Lookup::New { key, body } => (key, body),
            Lookup::Settled(handled) => return handled,
        };
        match write(self, &body, &key) {
            Ok((answer, effect)) => {
                let reply = Reply::json(201, &answer);
                self.keys.keep(operation, key, body, &reply);
                Handled::done(reply, effect)
            }
            Err(reply) => reply.into(),
        }
    }

    fn create(&mut self, body: &Value, key: &str, now: Timestamp) -> Result<(Value, Effect), Reply> {
        let reference = parse::text(body, "reference")?.to_owned();
        let rma = parse::text(body, "rma")?.to_owned();
        parse::lines(body)?;
        let id = self.numbers.next("R");
        self.all.push(WarehouseReturn {
            id: id.clone(),
            reference: reference.clone(),
            rma,
            status: "announced".to_owned(),
            lines: body.get("lines").cloned().unwrap_or_default(),
            received: BTreeMap::new(),
            updated_at: written(now),
        });
        Ok((json!({"id": id}), effect("return", id, reference, key)))
    }

    fn change(&mut self, id: &str, body: &Value, key: &str, now: Timestamp) -> Result<(Value, Effect), Reply> {
        parse::lines(body)?;
        let it = self.expected(id)?;
        it.lines = body.get("lines").cloned().unwrap_or_default();
        it.updated_at = written(now);
        let reference = it.reference.clone();
        Ok((json!({"id": id}), effect("return_changed", id.to_owned(), reference, key)))
    }

    fn cancel(&mut self, id: &str, key: &str, now: Timestamp) -> Result<(Value, Effect), Reply> {
        let it = self.expected(id)?;
        "cancelled".clone_into(&mut it.status);
        it.updated_at = written(now);
        let reference = it.reference.clone();
        Ok((json!({"id": id, "status": "cancelled"}), effect("return_cancelled", id.to_owned(), reference, key)))
    }

    /// A return of which nothing came.
    fn expected(&mut self, id: &str) -> Result<&mut WarehouseReturn, Reply> {
        let it = self.all.iter_mut().find(|it| it.id == id).ok_or_else(unknown)?;
        if it.received.is_empty() { Ok(it) } else { Err(Reply::refused(409, "TOO_LATE", "the goods are here")) }
    }
}

fn effect(kind: &'static str, id: String, reference: String, key: &str) -> Effect {
    Effect { kind, id, reference, key: Some(key.to_owned()) }
}

fn unknown() -> Reply {
    Reply::refused(404, "NOT_FOUND", "there is no such return")
}
