//! The ERP's side of returns: return orders, stock movements, credit memos and debit memos.
//!
//! Like the rest of the ERP it guards nothing but its keys: it credits what it is asked to, also twice or before any goods came, so
//! that its ledger shows mistakes made elsewhere.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::exchange::{Effect, Handled, Method, Named, Numbers, Reply, Request, UNKNOWN_OPERATION, written};
use crate::keys::{IdempotencyKeys, Lookup};
use crate::parse;

/// How long the customer may send the goods.
const WINDOW_HOURS: i64 = 30 * 24;

/// The documents of returns. Each is what was asked for, with its number.
#[derive(Debug)]
pub struct ErpReturns {
    numbers: Numbers,
    keys: IdempotencyKeys,
    return_orders: Vec<Value>,
    stock_movements: Vec<Value>,
    credit_memos: Vec<Value>,
    debit_memos: Vec<Value>,
    /// How much more than asked for the net amount of the next credit memos is.
    pub credits_more_by: Decimal,
}

/// A kind of document: its path, its operation's names, its effect, and the prefix of its numbers.
struct Kind {
    path: &'static str,
    create: &'static str,
    read: &'static str,
    effect: &'static str,
    prefix: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind {
        path: "return-orders",
        create: "return_order.create",
        read: "return_order.read",
        effect: "return_order",
        prefix: "RMA",
    },
    Kind {
        path: "stock-movements",
        create: "stock_movement.create",
        read: "stock_movement.read",
        effect: "stock_movement",
        prefix: "MV",
    },
    Kind {
        path: "credit-memos",
        create: "credit_memo.create",
        read: "credit_memo.read",
        effect: "credit_memo",
        prefix: "CM",
    },
    Kind {
        path: "debit-memos",
        create: "debit_memo.create",
        read: "debit_memo.read",
        effect: "debit_memo",
        prefix: "DM",
    },
];

fn kind(request: &Request) -> Option<&'static Kind> {
    let segments = request.segments();
    let [path] = segments.as_slice() else { return None };
    KINDS.iter().find(|kind| kind.path == *path)
}

impl ErpReturns {
    /// No documents. `run` makes their numbers differ from those of other runs.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self {
            numbers: Numbers::new(run),
            keys: IdempotencyKeys::default(),
            return_orders: Vec::new(),
            stock_movements: Vec::new(),
            credit_memos: Vec::new(),
            debit_memos: Vec::new(),
            credits_more_by: Decimal::ZERO,
        }
    }

    /// Deletes everything but the counters, so that no number is used twice.
    pub(crate) fn reset(&mut self) {
        *self = Self { numbers: self.numbers.clone(), ..Self::new("") };
    }

    /// The operation and reference of a request.
    pub(crate) fn named(request: &Request) -> Named {
        let key = request.key().map(str::to_owned);
        let (operation, reference) = match (kind(request), request.method) {
            (Some(kind), Method::Post) => (kind.create, request.field("reference")),
            (Some(kind), Method::Get) => (kind.read, request.query.get("reference").cloned()),
            _ => (UNKNOWN_OPERATION, None),
        };
        Named { operation, reference, key }
    }

    /// Handles a request.
    pub(crate) fn handle(&mut self, request: &Request, now: Timestamp) -> Handled {
        match (kind(request), request.method) {
            (Some(kind), Method::Post) => self.create(kind, request, now),
            (Some(kind), Method::Get) => self.listed(kind, request).into(),
            _ => Reply::refused(404, "NOT_FOUND", "the ERP has no such resource").into(),
        }
    }

    /// All documents, by the name of their list.
    pub(crate) fn state(&self) -> [(&'static str, Value); 4] {
        [
            ("return_orders", json!(self.return_orders)),
            ("stock_movements", json!(self.stock_movements)),
            ("credit_memos", json!(self.credit_memos)),
            ("debit_memos", json!(self.debit_memos)),
        ]
    }

    fn create(&mut self, kind: &Kind, request: &Request, now: Timestamp) -> Handled {
        let (key, body) = match self.keys.look_up(kind.create, request) {
            Lookup::New { key, body } => (key, body),
            Lookup::Settled(handled) => return handled,
        };
        let reference = match parse::text(&body, "reference") {
            Ok(reference) => reference.to_owned(),
            Err(reply) => return reply.into(),
        };
        let mut document = body.clone();
        let more = match kind.path {
            "return-orders" => {
                let end = now.checked_add(SignedDuration::from_hours(WINDOW_HOURS)).unwrap_or(Timestamp::MAX);
                json!({"authorized_at": written(now), "valid_until": written(end)})
            }
            "credit-memos" if !self.credits_more_by.is_zero() => match parse::decimal(&body, "net") {
                Ok(net) => json!({"net": (net + self.credits_more_by).to_string()}),
                Err(reply) => return reply.into(),
            },
            "credit-memos" | "debit-memos" => match parse::decimal(&body, "net") {
                Ok(_) => json!({}),
                Err(reply) => return reply.into(),
            },
            _ => json!({}),
        };
        let number = self.numbers.next(kind.prefix);
        if let (Some(document), Some(more)) = (document.as_object_mut(), more.as_object()) {
            document.insert("number".to_owned(), json!(number));
            document.insert("posted_at".to_owned(), json!(written(now)));
            document.extend(more.clone());
        }
        let reply = Reply::json(201, &document);
        self.list_mut(kind).push(document);
        self.keys.keep(kind.create, key.clone(), body, &reply);
        Handled::done(reply, Effect { kind: kind.effect, id: number, reference, key: Some(key) })
    }

    fn listed(&mut self, kind: &Kind, request: &Request) -> Reply {
        let wanted = request.query.get("reference").cloned();
        let is_wanted = |document: &&Value| {
            wanted.as_deref().is_none_or(|wanted| document.get("reference").and_then(Value::as_str) == Some(wanted))
        };
        let items: Vec<&Value> = self.list_mut(kind).iter().filter(is_wanted).collect();
        Reply::json(200, &json!({"items": items}))
    }

    fn list_mut(&mut self, kind: &Kind) -> &mut Vec<Value> {
        match kind.path {
            "return-orders" => &mut self.return_orders,
            "stock-movements" => &mut self.stock_movements,
            "credit-memos" => &mut self.credit_memos,
            _ => &mut self.debit_memos,
        }
    }
}
