//! The ERP: it owns prices and tax, credit limits, stock, and the documents of an order.
//!
//! It guards nothing: it books every request under a new key, also a second sales order for the same reference or more goods
//! than were ordered, so that its ledger shows mistakes made elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

use crate::erp_returns::ErpReturns;
use crate::exchange::{Effect, Handled, Method, Named, Numbers, Reply, Request, Webhook, matches, written};
pub use crate::habits::CreditValidity;
use crate::invoices::{Invoice, billed, issued};
use crate::keys::{IdempotencyKeys, Lookup};
use crate::parse;
use crate::pricing::{currency, customer, factor, money, price};
use crate::stock::{LOCATIONS, first_stock, preferred};
use crate::work::Line;

/// The credit limit, in US dollars, of a customer without one of its own.
const CREDIT: i64 = 1_000_000;

/// How long an approval holds, in milliseconds: a day.
const CREDIT_VALID_MS: i64 = 24 * 60 * 60 * 1000;

/// The ERP's state.
#[derive(Debug)]
pub struct Erp {
    numbers: Numbers,
    keys: IdempotencyKeys,
    limits: BTreeMap<String, Decimal>,
    stock: BTreeMap<(String, &'static str), Decimal>,
    allocations: Vec<Allocation>,
    sales_orders: Vec<SalesOrder>,
    goods_issues: Vec<GoodsIssue>,
    invoices: Vec<Invoice>,
    /// Return orders, stock movements, credits and debits.
    pub returns: ErpReturns,
    /// How long an approval of credit holds.
    pub credit_validity: CreditValidity,
    /// Whether stock is shown and not allocated, as if every other order were faster.
    pub shows_stock_only: bool,
    /// How many of our next changes of a sales order find that it changed in between.
    changes_to_fail: u32,
    /// Whether it sends a message for every sales order that is created or changed, ours included.
    pub echo: bool,
}

#[derive(Debug, Serialize)]
struct Allocation {
    id: String,
    reference: String,
    status: &'static str,
    lines: Vec<AllocatedLine>,
}

#[derive(Debug, Clone, Serialize)]
struct AllocatedLine {
    line: i64,
    sku: String,
    quantity: Decimal,
    uom: String,
    /// Every location that has some of it, and how much; our routing chooses the warehouse.
    sources: Vec<Source>,
    short: Decimal,
    /// Where the ERP allocated it.
    #[serde(skip)]
    reserved: Vec<Source>,
}

#[derive(Debug, Clone, Serialize)]
struct Source {
    location: &'static str,
    quantity: Decimal,
}

#[derive(Debug, Serialize)]
struct SalesOrder {
    number: String,
    reference: String,
    status: &'static str,
    revision: u64,
    /// A new one after every change.
    etag: String,
    currency: String,
    total: String,
    #[serde(flatten)]
    asked: Value,
}

#[derive(Debug, Serialize)]
struct GoodsIssue {
    number: String,
    reference: String,
    sales_order: String,
    site: String,
    lines: Vec<Line>,
}

/// The answer and the effect of a keyed write.
type WriteResult = Result<(Value, Effect), Reply>;

impl Erp {
    /// An ERP without documents. `run` makes its numbers differ from those of other runs.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self {
            numbers: Numbers::new(run),
            keys: IdempotencyKeys::default(),
            limits: BTreeMap::new(),
            stock: BTreeMap::new(),
            allocations: Vec::new(),
            sales_orders: Vec::new(),
            goods_issues: Vec::new(),
            invoices: Vec::new(),
            returns: ErpReturns::new(run),
            credit_validity: CreditValidity::For(CREDIT_VALID_MS),
            shows_stock_only: false,
            changes_to_fail: 0,
            echo: false,
        }
    }

    /// Makes the next `times` changes of a sales order find that it changed in between.
    pub fn fail_changes(&mut self, times: u32) {
        self.changes_to_fail = times;
    }

    /// Approves credit for a day and allocates what it shows, as at the beginning.
    pub fn reset_habits(&mut self) {
        self.credit_validity = CreditValidity::For(CREDIT_VALID_MS);
        self.shows_stock_only = false;
    }

    /// A message about an order: `order.held`, `order.hold_released`.
    pub fn message(&mut self, topic: &str, reference: &str, reason: &str, now: Timestamp) -> Webhook {
        self.webhook(topic, json!({"reference": reference, "reason": reason}), reference, None, now)
    }

    fn webhook(&mut self, topic: &str, data: Value, reference: &str, origin: Option<&str>, now: Timestamp) -> Webhook {
        let mut body = json!({"type": topic, "timestamp": written(now), "data": data});
        if let (Some(origin), Some(body)) = (origin, body.as_object_mut()) {
            body.insert("origin".to_owned(), json!(origin));
        }
        Webhook {
            id: self.numbers.next("msg_erp"),
            topic: topic.to_owned(),
            reference: reference.to_owned(),
            headers: BTreeMap::new(),
            body: body.to_string().into_bytes(),
        }
    }

    /// Deletes everything but the counters, so that no number is used twice.
    pub fn reset(&mut self) {
        self.returns.reset();
        let (numbers, returns) = (self.numbers.clone(), std::mem::replace(&mut self.returns, ErpReturns::new("")));
        *self = Self { numbers, returns, ..Self::new("") };
    }

    /// Sets a customer's credit limit, in US dollars.
    pub fn set_limit(&mut self, customer: &str, limit: Decimal) {
        self.limits.insert(customer.to_owned(), limit);
    }

    /// Sets what is on hand, in eaches; `false` when there is no such location.
    pub fn set_stock(&mut self, sku: &str, location: &str, quantity: Decimal) -> bool {
        let Some(location) = LOCATIONS.into_iter().find(|known| *known == location) else {
            return false;
        };
        self.stock.insert((sku.to_owned(), location), quantity);
        true
    }

    /// The operation and reference of a request.
    #[must_use]
    pub fn named(&self, request: &Request) -> Named {
        let queried = || request.query.get("reference").cloned();
        let (operation, reference) = match (request.method, request.segments().as_slice()) {
            (Method::Post, ["prices"]) => ("price", request.field("reference")),
            (Method::Post, ["credit-checks"]) => ("credit", request.field("reference")),
            (Method::Post, ["allocations"]) => ("allocation.create", request.field("reference")),
            (Method::Get, ["allocations"]) => ("allocation.read", queried()),
            (Method::Post, ["allocations", id, "release"]) => (
                "allocation.release",
                self.allocations.iter().find(|known| known.id == *id).map(|known| known.reference.clone()),
            ),
            (Method::Post, ["stock-checks"]) => ("stock.read", request.field("reference")),
            (Method::Put, ["sales-orders", number]) => {
                ("sales_order.change", self.sales_order(number).map(|known| known.reference.clone()))
            }
            (Method::Post, ["sales-orders"]) => ("sales_order.create", request.field("reference")),
            (Method::Get, ["sales-orders"]) => ("sales_order.read", queried()),
            (Method::Post, ["sales-orders", number, "cancel"]) => {
                ("sales_order.cancel", self.sales_order(number).map(|known| known.reference.clone()))
            }
            (Method::Post, ["goods-issues"]) => ("goods_issue.create", request.field("reference")),
            (Method::Get, ["goods-issues"]) => ("goods_issue.read", queried()),
            (Method::Post, ["invoices"]) => ("invoice.create", request.field("reference")),
            (Method::Get, ["invoices"]) => ("invoice.read", queried()),
            _ => return ErpReturns::named(request),
        };
        Named { operation, reference, key: request.key().map(str::to_owned) }
    }

    /// Handles a request.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Handled {
        let operation = self.named(request).operation;
        match (request.method, request.segments().as_slice()) {
            (Method::Post, ["prices"]) => either(request.json().and_then(|body| price(&body))),
            (Method::Post, ["credit-checks"]) => either(request.json().and_then(|body| self.credit(&body, now))),
            (Method::Post, ["allocations"]) => self.keyed(operation, request, Self::allocate),
            (Method::Post, ["allocations", id, "release"]) => {
                self.keyed(operation, request, |erp, _, key| erp.release(id, key))
            }
            (Method::Post, ["stock-checks"]) => either(request.json().and_then(|body| self.stock_check(&body))),
            (Method::Post, ["sales-orders"]) => {
                let handled = self.keyed(operation, request, Self::create_sales_order);
                self.with_echo(request, handled, now)
            }
            (Method::Put, ["sales-orders", number]) => {
                let tag = request.header("if-match").map(str::to_owned);
                let handled =
                    self.keyed(operation, request, |erp, body, key| erp.change(number, tag.as_deref(), body, key));
                self.with_echo(request, handled, now)
            }
            (Method::Post, ["sales-orders", number, "cancel"]) => {
                self.keyed(operation, request, |erp, _, key| erp.cancel(number, key))
            }
            (Method::Post, ["goods-issues"]) => self.keyed(operation, request, Self::issue),
            (Method::Post, ["invoices"]) => {
                self.keyed(operation, request, |erp, body, key| erp.invoice(body, key, now))
            }
            (Method::Get, ["allocations"]) => listed(request, &self.allocations, |it| &it.reference),
            (Method::Get, ["sales-orders"]) => listed(request, &self.sales_orders, |it| &it.reference),
            (Method::Get, ["goods-issues"]) => listed(request, &self.goods_issues, |it| &it.reference),
            (Method::Get, ["invoices"]) => listed(request, &self.invoices, |it| &it.reference),
            _ => self.returns.handle(request, now),
        }
    }

    /// All documents, as JSON.
    #[must_use]
    pub fn state(&self) -> Value {
        let stock: Vec<Value> = self
            .stock
            .iter()
            .map(
                |((sku, location), on_hand)| json!({"sku": sku, "location": location, "on_hand": on_hand, "uom": "EA"}),
            )
            .collect();
        let mut state = json!({
            "allocations": self.allocations,
            "sales_orders": self.sales_orders,
            "goods_issues": self.goods_issues,
            "invoices": self.invoices,
            "stock_touched": stock,
        });
        if let Some(state) = state.as_object_mut() {
            state.extend(self.returns.state().map(|(name, list)| (name.to_owned(), list)));
        }
        state
    }

    /// Does a write once per key.
    fn keyed(
        &mut self,
        operation: &'static str,
        request: &Request,
        write: impl FnOnce(&mut Self, &Value, &str) -> WriteResult,
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

    /// Adds the message about a sales order, with the origin of the write, as real systems notify every subscriber.
    fn with_echo(&mut self, request: &Request, mut handled: Handled, now: Timestamp) -> Handled {
        let changed = handled.effects.first().filter(|_| self.echo).cloned();
        if let Some(Effect { id, reference, .. }) = changed {
            let data = json!({"reference": reference, "number": id});
            let echo = self.webhook("sales_order.changed", data, &reference, request.header("x-origin"), now);
            handled.webhooks.push(echo);
        }
        handled
    }

    /// The stock of every location for the requested lines, in eaches.
    fn stock_check(&mut self, body: &Value) -> Result<Value, Reply> {
        let mut skus: Vec<String> = parse::lines(body)?.into_iter().map(|line| line.sku).collect();
        skus.sort();
        skus.dedup();
        let mut items = Vec::new();
        for (sku, location) in skus.iter().flat_map(|sku| LOCATIONS.map(|location| (sku, location))) {
            let available = *self.on_hand(sku, location);
            items.push(json!({"sku": sku, "location": location, "available": available, "uom": "EA"}));
        }
        Ok(json!({"items": items}))
    }

    fn credit(&self, body: &Value, now: Timestamp) -> Result<Value, Reply> {
        let customer = customer(body)?;
        let amount = parse::decimal(body, "amount")?;
        let currency = currency(body)?;
        let limit = self.limit(customer) * currency.per_dollar;
        if amount > limit {
            return Ok(json!({
                "decision": "refused",
                "reason": format!("over the limit of {} {}", money(limit, &currency), currency.code),
            }));
        }
        Ok(json!({
            "decision": "approved",
            "valid_until": written(self.credit_validity.until(now)),
        }))
    }

    /// The limit that was set, or that of the customer's id: `C-POOR…` none, `C-LIMIT-500…` 500 dollars.
    fn limit(&self, customer: &str) -> Decimal {
        if let Some(limit) = self.limits.get(customer) {
            return *limit;
        }
        if matches("C-POOR*", customer) {
            return Decimal::ZERO;
        }
        customer
            .strip_prefix("C-LIMIT-")
            .and_then(|rest| rest.split('-').next())
            .and_then(|digits| digits.parse::<u32>().ok())
            .map_or(Decimal::from(CREDIT), Decimal::from)
    }

    fn allocate(&mut self, body: &Value, key: &str) -> WriteResult {
        let reference = parse::text(body, "reference")?.to_owned();
        let lines = parse::lines(body)?;
        let order = preferred(body.get("ship_to"));
        let lines: Vec<AllocatedLine> = lines.into_iter().map(|line| self.allocate_line(line, order)).collect();
        let id = self.numbers.next("AL");
        let answer = json!({"id": id, "reference": reference, "lines": lines});
        self.allocations.push(Allocation { id: id.clone(), reference: reference.clone(), status: "open", lines });
        Ok((answer, effect("allocation", id, reference, key)))
    }

    /// Allocates a line from the locations in their order, in whole units of the line.
    fn allocate_line(&mut self, line: Line, order: [&'static str; 2]) -> AllocatedLine {
        let factor = factor(&line);
        let mut open = line.quantity;
        // The first location provides at most half, rounded up.
        let most = if parse::has_part(&line.sku, "SPLIT") { (open / Decimal::TWO).ceil() } else { open };
        let (mut sources, mut reserved) = (Vec::new(), Vec::new());
        for location in order {
            let shows_stock_only = self.shows_stock_only;
            let on_hand = self.on_hand(&line.sku, location);
            let could = (*on_hand / factor).floor().min(line.quantity).min(most).max(Decimal::ZERO);
            let could = if shows_stock_only { Decimal::ZERO } else { could };
            if !could.is_zero() {
                sources.push(Source { location, quantity: could });
            }
            let units = could.min(open);
            if !units.is_zero() {
                *on_hand -= units * factor;
                open -= units;
                reserved.push(Source { location, quantity: units });
            }
        }
        let Line { line, sku, quantity, uom, .. } = line;
        AllocatedLine { line, sku, quantity, uom, sources, short: open, reserved }
    }

    fn release(&mut self, id: &str, key: &str) -> WriteResult {
        let Some(at) = self.allocations.iter().position(|known| known.id == id) else {
            return Err(Reply::refused(404, "NOT_FOUND", "there is no such allocation"));
        };
        let Some(allocation) = self.allocations.get_mut(at) else {
            return Err(Reply::refused(404, "NOT_FOUND", "there is no such allocation"));
        };
        let reference = allocation.reference.clone();
        let lines = if allocation.status == "open" { allocation.lines.clone() } else { Vec::new() };
        allocation.status = "released";
        for line in &lines {
            let factor = Decimal::from(parse::eaches(&line.sku, &line.uom).unwrap_or(1));
            for source in &line.reserved {
                *self.on_hand(&line.sku, source.location) += source.quantity * factor;
            }
        }
        let answer = json!({"id": id, "status": "released"});
        Ok((answer, effect("allocation_deallocated", id.to_owned(), reference, key)))
    }

    fn create_sales_order(&mut self, body: &Value, key: &str) -> WriteResult {
        let mut order = sales_order(body)?;
        let newest =
            self.sales_orders.iter().filter(|known| known.reference == order.reference && known.status == "open");
        if let Some(known) = newest.clone().find(|known| known.revision > order.revision) {
            return Err(stale(known));
        }
        let number = self.numbers.next("SO");
        order.number.clone_from(&number);
        let reference = order.reference.clone();
        self.sales_orders.push(order);
        let answer = json!({"number": number});
        Ok((answer, effect("sales_order", number, reference, key)))
    }

    fn change(&mut self, number: &str, tag: Option<&str>, body: &Value, key: &str) -> WriteResult {
        let order = sales_order(body)?;
        let fails = self.changes_to_fail > 0;
        self.changes_to_fail = self.changes_to_fail.saturating_sub(1);
        let Some(known) = self.sales_orders.iter_mut().find(|known| known.number == number) else {
            return Err(unknown_sales_order(404));
        };
        if fails {
            known.etag = next_tag(&known.etag);
        }
        if tag != Some(known.etag.as_str()) {
            return Err(Reply::refused(412, "CHANGED", "the order changed in between"));
        }
        if known.status != "open" {
            return Err(Reply::refused(409, "NOT_OPEN", "the order is not open any more"));
        }
        if known.revision > order.revision {
            return Err(stale(known));
        }
        let etag = next_tag(&known.etag);
        *known = SalesOrder { number: number.to_owned(), etag, ..order };
        let reference = known.reference.clone();
        let answer = json!({"number": number});
        Ok((answer, effect("sales_order_changed", number.to_owned(), reference, key)))
    }

    fn cancel(&mut self, number: &str, key: &str) -> WriteResult {
        if self.goods_issues.iter().any(|issue| issue.sales_order == number) {
            return Err(Reply::refused(409, "ALREADY_SHIPPED", "goods were issued for this order"));
        }
        let found = self.sales_orders.iter_mut().find(|order| order.number == number);
        let Some(order) = found else {
            return Err(unknown_sales_order(404));
        };
        order.status = "cancelled";
        let reference = order.reference.clone();
        let answer = json!({"number": number, "status": "cancelled"});
        Ok((answer, effect("sales_order_cancelled", number.to_owned(), reference, key)))
    }

    fn issue(&mut self, body: &Value, key: &str) -> WriteResult {
        let reference = parse::text(body, "reference")?.to_owned();
        let sales_order = parse::text(body, "sales_order")?.to_owned();
        let site = parse::text(body, "site")?.to_owned();
        let lines = parse::lines(body)?;
        if self.sales_order(&sales_order).is_none() {
            return Err(unknown_sales_order(422));
        }
        let number = self.numbers.next("GI");
        self.goods_issues.push(GoodsIssue {
            number: number.clone(),
            reference: reference.clone(),
            sales_order,
            site,
            lines,
        });
        let answer = json!({"number": number});
        Ok((answer, effect("goods_issue", number, reference, key)))
    }

    fn invoice(&mut self, body: &Value, key: &str, now: Timestamp) -> WriteResult {
        let reference = parse::text(body, "reference")?.to_owned();
        let sales_order = parse::text(body, "sales_order")?.to_owned();
        let Some(order) = self.sales_order(&sales_order) else {
            return Err(unknown_sales_order(422));
        };
        let currency = order.currency.clone();
        let (total, lines) = match body.get("lines") {
            None => (order.total.clone(), Vec::new()),
            Some(_) => billed(&currency, &order.asked, parse::lines(body)?)?,
        };
        let number = self.numbers.next("INV");
        let answer = json!({"number": number, "total": total, "currency": currency});
        self.invoices.push(Invoice {
            number: number.clone(),
            reference: reference.clone(),
            sales_order,
            issued_at: issued(now),
            currency,
            total,
            lines,
        });
        Ok((answer, effect("invoice", number, reference, key)))
    }

    fn sales_order(&self, number: &str) -> Option<&SalesOrder> {
        self.sales_orders.iter().find(|order| order.number == number)
    }

    fn on_hand(&mut self, sku: &str, location: &'static str) -> &mut Decimal {
        self.stock.entry((sku.to_owned(), location)).or_insert_with(|| first_stock(sku, location))
    }
}

/// A new sales order from a request.
fn sales_order(body: &Value) -> Result<SalesOrder, Reply> {
    let reference = parse::text(body, "reference")?.to_owned();
    customer(body)?;
    let currency = currency(body)?;
    let total = parse::decimal(body, "total")?;
    parse::lines(body)?;
    let mut sum = Decimal::ZERO;
    for line in body.get("lines").and_then(Value::as_array).into_iter().flatten() {
        sum += parse::decimal(line, "amount")? + parse::decimal(line, "tax")?;
    }
    if sum != total {
        let reason = format!("the lines come to {sum}, the order says {total}");
        return Err(Reply::refused(422, "TOTAL_MISMATCH", &reason));
    }
    let mut asked = body.clone();
    if let Some(asked) = asked.as_object_mut() {
        for own in ["reference", "currency", "total", "revision"] {
            asked.remove(own);
        }
    }
    Ok(SalesOrder {
        number: String::new(),
        reference,
        status: "open",
        revision: body.get("revision").and_then(Value::as_u64).unwrap_or(0),
        etag: next_tag(""),
        currency: currency.code.to_owned(),
        total: money(total, &currency),
        asked,
    })
}

fn next_tag(tag: &str) -> String {
    let n = tag.trim_matches('"').parse::<u64>().unwrap_or(0) + 1;
    format!("\"{n}\"")
}

fn stale(known: &SalesOrder) -> Reply {
    let reason = format!("{} has revision {} already", known.number, known.revision);
    Reply::refused(409, "STALE_REVISION", &reason)
}

fn effect(kind: &'static str, id: String, reference: String, key: &str) -> Effect {
    Effect { kind, id, reference, key: Some(key.to_owned()) }
}

fn either(answer: Result<Value, Reply>) -> Handled {
    match answer {
        Ok(answer) => Reply::json(200, &answer).into(),
        Err(reply) => reply.into(),
    }
}

fn listed<T: Serialize>(request: &Request, documents: &[T], reference: impl Fn(&T) -> &str) -> Handled {
    let wanted = request.query.get("reference");
    let items: Vec<&T> =
        documents.iter().filter(|document| wanted.is_none_or(|wanted| wanted == reference(document))).collect();
    Reply::json(200, &json!({"items": items})).into()
}

fn unknown_sales_order(status: u16) -> Reply {
    Reply::refused(status, "UNKNOWN_SALES_ORDER", "there is no such sales order")
}
