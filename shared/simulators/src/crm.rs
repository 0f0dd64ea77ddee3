//! The CRM: it has the customers' orders and shows their status.
//!
//! It stores every update, and as an order's status the update with the highest version; an older one is refused with 409 and
//! the stored version. An order from elsewhere (a portal, a test) exists from its first update on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::exchange::{Effect, Handled, Method, Named, Numbers, Reply, Request, UNKNOWN_OPERATION, Webhook, written};

/// The CRM's state.
#[derive(Debug)]
pub struct Crm {
    numbers: Numbers,
    orders: BTreeMap<String, Value>,
    statuses: BTreeMap<String, Value>,
    returns: BTreeMap<String, Value>,
    updates: Vec<Value>,
    /// Whether it sends a message for every change of an order's status, ours included.
    pub echo: bool,
}

impl Crm {
    /// An empty CRM. `run` makes its numbers differ from those of other runs.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self {
            numbers: Numbers::new(run),
            orders: BTreeMap::new(),
            statuses: BTreeMap::new(),
            returns: BTreeMap::new(),
            updates: Vec::new(),
            echo: false,
        }
    }

    /// Deletes everything but the counters, so that no number is used twice.
    pub fn reset(&mut self) {
        let numbers = self.numbers.clone();
        *self = Self { numbers, ..Self::new("") };
    }

    /// The next number for an order of the CRM's own.
    pub fn next_order(&mut self) -> String {
        self.numbers.next("CRM")
    }

    /// Creates an order and its message. The order's `id` names it.
    ///
    /// # Errors
    /// Says what is wrong with an order without an id.
    pub fn create(&mut self, order: Value, now: Timestamp) -> Result<(Effect, Webhook), String> {
        let Some(id) = order.get("id").and_then(Value::as_str).map(str::to_owned) else {
            return Err("an order needs an id".to_owned());
        };
        self.orders.insert(id.clone(), order.clone());
        let effect = Effect { kind: "order", id: id.clone(), reference: id.clone(), key: None };
        let webhook = self.webhook("order.created", order, &id, None, now);
        Ok((effect, webhook))
    }

    /// A message about an order that was made before: `order.cancelled`, `order.held`, `order.hold_released`, `order.amended`.
    /// `data` has its `id`.
    ///
    /// # Errors
    /// Says what is wrong with a message without an id.
    pub fn message(&mut self, topic: &str, data: Value, now: Timestamp) -> Result<Webhook, String> {
        let Some(id) = data.get("id").and_then(Value::as_str).map(str::to_owned) else {
            return Err("a change needs the order's id".to_owned());
        };
        Ok(self.webhook(topic, data, &id, None, now))
    }

    fn webhook(&mut self, topic: &str, data: Value, reference: &str, origin: Option<&str>, now: Timestamp) -> Webhook {
        let mut body = json!({"type": topic, "timestamp": written(now), "data": data});
        if let (Some(origin), Some(body)) = (origin, body.as_object_mut()) {
            body.insert("origin".to_owned(), json!(origin));
        }
        Webhook {
            id: self.numbers.next("msg_crm"),
            topic: topic.to_owned(),
            reference: reference.to_owned(),
            headers: BTreeMap::new(),
            body: body.to_string().into_bytes(),
        }
    }

    /// The operation and reference of a request.
    #[must_use]
    pub fn named(&self, request: &Request) -> Named {
        let (operation, reference) = match (request.method, request.segments().as_slice()) {
            (Method::Put, ["orders", id, "status"]) => ("status.put", Some((*id).to_owned())),
            (Method::Put, ["returns", id, "status"]) => ("return_status.put", Some((*id).to_owned())),
            (Method::Get, ["orders", id]) => ("order.read", Some((*id).to_owned())),
            _ => (UNKNOWN_OPERATION, None),
        };
        Named { operation, reference, key: request.key().map(str::to_owned) }
    }

    /// Handles a request.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Handled {
        match (request.method, request.segments().as_slice()) {
            (Method::Put, ["orders", id, "status"]) => self.update_status(id, request, now),
            (Method::Put, ["returns", id, "status"]) => self.update_return(id, request),
            (Method::Get, ["orders", id]) => self.read(id).into(),
            _ => Reply::refused(404, "NOT_FOUND", "the CRM has no such resource").into(),
        }
    }

    /// All documents, as JSON.
    #[must_use]
    pub fn state(&self) -> Value {
        json!({
            "orders": self.orders.values().collect::<Vec<_>>(),
            "statuses": self.statuses,
            "updates": self.updates,
            "returns": self.returns,
        })
    }

    fn update_status(&mut self, id: &str, request: &Request, now: Timestamp) -> Handled {
        let body = match request.json() {
            Ok(body) => body,
            Err(reply) => return reply.into(),
        };
        let status = body.get("status").and_then(Value::as_str);
        let (Some(version), Some(_)) = (version_of(&body), status) else {
            return Reply::refused(422, "MALFORMED", "an update needs a status and a version").into();
        };
        let known = self.statuses.get(id).and_then(version_of);
        let accepted = known.is_none_or(|known| known <= version);
        self.updates.push(json!({
            "id": id,
            "at": written(now),
            "accepted": accepted,
            "update": body,
        }));
        if !accepted {
            return Reply::json(409, &json!({"version": known})).into();
        }
        let reply = Reply::json(200, &json!({"version": version}));
        let unchanged = self.statuses.get(id) == Some(&body);
        self.statuses.insert(id.to_owned(), body);
        if unchanged {
            return reply.into();
        }
        let mut handled = Handled::done(
            reply,
            Effect {
                kind: "status",
                id: format!("{id}@{version}"),
                reference: id.to_owned(),
                key: request.key().map(str::to_owned),
            },
        );
        if self.echo {
            // Real systems notify every subscriber, with the origin of the write.
            let origin = request.header("x-origin");
            handled.webhooks.push(self.webhook("order.updated", json!({"id": id}), id, origin, now));
        }
        handled
    }

    /// Shows a return's newest picture.
    fn update_return(&mut self, id: &str, request: &Request) -> Handled {
        let body = match request.json() {
            Ok(body) => body,
            Err(reply) => return reply.into(),
        };
        let Some(version) = version_of(&body) else {
            return Reply::refused(422, "MALFORMED", "an update needs a version").into();
        };
        let known = self.returns.get(id).and_then(version_of);
        if known.is_some_and(|known| known > version) {
            return Reply::json(409, &json!({"version": known})).into();
        }
        self.returns.insert(id.to_owned(), body);
        let (key, reference) = (request.key().map(str::to_owned), id.to_owned());
        let effect = Effect { kind: "return_status", id: format!("{id}@{version}"), reference, key };
        Handled::done(Reply::json(200, &json!({"version": version})), effect)
    }

    fn read(&self, id: &str) -> Reply {
        let (order, status) = (self.orders.get(id), self.statuses.get(id));
        if order.is_none() && status.is_none() {
            return Reply::refused(404, "UNKNOWN_ORDER", "the CRM does not know this order");
        }
        Reply::json(200, &json!({"id": id, "order": order, "status": status}))
    }
}

fn version_of(update: &Value) -> Option<u64> {
    update.get("version").and_then(Value::as_u64)
}
