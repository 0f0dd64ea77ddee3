//! The ERP: it owns prices and tax, credit limits, stock, and the documents of an order.
//!
//! It is a faithful clerk and no guard: it books what it is told under every new key, a second sales order for the same
//! reference or more goods than were ordered included, so that its ledger shows what went wrong elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::{
    Effect, Handled, Method, Named, Numbers, Reply, Request, UNKNOWN_OPERATION, Webhook, fnv, later, matches, written,
};
use crate::keys::{IdempotencyKeys, Lookup};
use crate::parse;
use crate::work::Line;

/// The stock's locations, in the order in which an allocation without an address tries them.
const LOCATIONS: [&str; 2] = ["EAST", "WEST"];

/// On hand, in eaches, of an SKU that is stocked at a location.
const PLENTY: i64 = 1_000_000;

/// The credit limit, in US dollars, of a customer without one of its own.
const CREDIT: i64 = 1_000_000;

/// How long an approval holds, in milliseconds: a day.
const CREDIT_VALID_MS: u64 = 24 * 60 * 60 * 1000;

/// States that the stock in the west is nearer to.
const WESTERN: [&str; 11] = ["AK", "AZ", "CA", "CO", "HI", "ID", "NV", "OR", "UT", "WA", "NM"];

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
    /// How often somebody else is quicker than our next changes of a sales order.
    changes_to_fail: u32,
    /// Whether it tells of every sales order that it makes or changes, ours included.
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
    /// Every location that could give some of it, and how much: the warehouse is chosen by whoever routes.
    sources: Vec<Source>,
    short: Decimal,
    /// Where the ERP set it aside in its own books.
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
    /// Another one after every change.
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

#[derive(Debug, Serialize)]
struct Invoice {
    number: String,
    reference: String,
    sales_order: String,
    currency: String,
    total: String,
    lines: Vec<Line>,
}

/// What a keyed write came to: its answer and effect.
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
            changes_to_fail: 0,
            echo: false,
        }
    }

    /// Lets the next `times` changes of a sales order find that it is not what it was.
    pub fn fail_changes(&mut self, times: u32) {
        self.changes_to_fail = times;
    }

    /// A message about an order: `order.held`, `order.hold_released`.
    pub fn message(&mut self, topic: &str, reference: &str, reason: &str, now: Timestamp) -> Webhook {
        self.told(topic, json!({"reference": reference, "reason": reason}), reference, None, now)
    }

    fn told(&mut self, topic: &str, data: Value, reference: &str, origin: Option<&str>, now: Timestamp) -> Webhook {
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

    /// Forgets everything but the counters, so that no number is given twice.
    pub fn reset(&mut self) {
        let numbers = self.numbers.clone();
        *self = Self { numbers, ..Self::new("") };
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

    /// What a request is about.
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
            _ => (UNKNOWN_OPERATION, None),
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
            (Method::Post, ["invoices"]) => self.keyed(operation, request, Self::invoice),
            (Method::Get, ["allocations"]) => listed(request, &self.allocations, |it| &it.reference),
            (Method::Get, ["sales-orders"]) => listed(request, &self.sales_orders, |it| &it.reference),
            (Method::Get, ["goods-issues"]) => listed(request, &self.goods_issues, |it| &it.reference),
            (Method::Get, ["invoices"]) => listed(request, &self.invoices, |it| &it.reference),
            _ => Reply::refused(404, "NOT_FOUND", "the ERP has no such resource").into(),
        }
    }

    /// Everything the ERP has, as JSON.
    #[must_use]
    pub fn state(&self) -> Value {
        let stock: Vec<Value> = self
            .stock
            .iter()
            .map(
                |((sku, location), on_hand)| json!({"sku": sku, "location": location, "on_hand": on_hand, "uom": "EA"}),
            )
            .collect();
        json!({
            "allocations": self.allocations,
            "sales_orders": self.sales_orders,
            "goods_issues": self.goods_issues,
            "invoices": self.invoices,
            "stock_touched": stock,
        })
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

    /// Tells of what was done to a sales order, as such systems do to all who listen; whose write it was comes back with it.
    fn with_echo(&mut self, request: &Request, mut handled: Handled, now: Timestamp) -> Handled {
        let told = handled.effects.first().filter(|_| self.echo).cloned();
        if let Some(Effect { id, reference, .. }) = told {
            let data = json!({"reference": reference, "number": id});
            let echo = self.told("sales_order.changed", data, &reference, request.header("x-origin"), now);
            handled.webhooks.push(echo);
        }
        handled
    }

    /// What every location has of what is asked for, in eaches.
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
            "valid_until": written(later(now, CREDIT_VALID_MS)),
        }))
    }

    /// A limit that was set, or the one that the customer's id speaks of: `C-POOR…` none, `C-LIMIT-500…` 500 dollars.
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

    /// Takes a line from the locations in their order, in whole units of the line.
    fn allocate_line(&mut self, line: Line, order: [&'static str; 2]) -> AllocatedLine {
        let factor = factor(&line);
        let mut open = line.quantity;
        // Half and half: the first location may give no more than the rounded-up half.
        let most = if parse::has_part(&line.sku, "SPLIT") { (open / Decimal::TWO).ceil() } else { open };
        let (mut sources, mut reserved) = (Vec::new(), Vec::new());
        for location in order {
            let on_hand = self.on_hand(&line.sku, location);
            let could = (*on_hand / factor).floor().min(line.quantity).min(most).max(Decimal::ZERO);
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
            return Err(Reply::refused(412, "CHANGED", "the order is not what it was"));
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

    fn invoice(&mut self, body: &Value, key: &str) -> WriteResult {
        let reference = parse::text(body, "reference")?.to_owned();
        let sales_order = parse::text(body, "sales_order")?.to_owned();
        let Some(order) = self.sales_order(&sales_order) else {
            return Err(unknown_sales_order(422));
        };
        let currency = order.currency.clone();
        let (total, lines) = match body.get("lines") {
            None => (order.total.clone(), Vec::new()),
            Some(_) => {
                let lines = parse::lines(body)?;
                (billed(order, &lines)?, lines)
            }
        };
        let number = self.numbers.next("INV");
        let answer = json!({"number": number, "total": total, "currency": currency});
        self.invoices.push(Invoice {
            number: number.clone(),
            reference: reference.clone(),
            sales_order,
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

/// A sales order out of a request, as the first of its number.
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

/// What is owed for a part of an order: each line's amount and tax in proportion, rounded once, so that all of it comes to the
/// order's own total exactly.
fn billed(order: &SalesOrder, lines: &[Line]) -> Result<String, Reply> {
    let currency = currency(&json!({"currency": order.currency}))?;
    let ordered = parse::lines(&order.asked)?;
    let mut total = Decimal::ZERO;
    for line in lines {
        let index = ordered.iter().position(|known| known.line == line.line && known.sku == line.sku);
        let booked = index.and_then(|index| Some((ordered.get(index)?, order.asked.get("lines")?.get(index)?)));
        let Some((known, booked)) = booked else {
            return Err(Reply::refused(422, "UNKNOWN_LINE", "the order has no such line"));
        };
        let (billed, all) = (line.quantity * factor(line), known.quantity * factor(known));
        for part in ["amount", "tax"] {
            total += rounded(parse::decimal(booked, part)? * billed / all, &currency);
        }
    }
    Ok(money(total, &currency))
}

/// What is on hand before anybody allocates, in eaches: the SKU's name says where it is stocked.
fn first_stock(sku: &str, location: &str) -> Decimal {
    let elsewhere = match location {
        "EAST" => "W",
        _ => "E",
    };
    let on_hand = if parse::has_part(sku, elsewhere) {
        0
    } else if parse::has_part(sku, "SHORT") {
        i64::from(location == "EAST")
    } else {
        PLENTY
    };
    Decimal::from(on_hand)
}

/// The locations, the one nearer to the address first.
fn preferred(ship_to: Option<&Value>) -> [&'static str; 2] {
    let field = |name: &str| ship_to.and_then(|address| address.get(name)).and_then(Value::as_str);
    let western = match (field("country"), field("region")) {
        (Some("US"), Some(region)) => WESTERN.contains(&region),
        (Some("JP" | "AU" | "NZ"), _) => true,
        _ => false,
    };
    let [east, west] = LOCATIONS;
    if western { [west, east] } else { [east, west] }
}

/// A currency of the price list.
#[derive(Debug, Clone, Copy)]
struct Currency {
    code: &'static str,
    /// Decimal places of an amount.
    places: u32,
    /// How much of it the price list takes for one US dollar.
    per_dollar: Decimal,
}

fn currency(body: &Value) -> Result<Currency, Reply> {
    let (code, places, per_dollar) = match parse::text(body, "currency")? {
        "USD" => ("USD", 2, Decimal::ONE),
        "EUR" => ("EUR", 2, Decimal::new(92, 2)),
        "GBP" => ("GBP", 2, Decimal::new(79, 2)),
        "CAD" => ("CAD", 2, Decimal::new(136, 2)),
        "AUD" => ("AUD", 2, Decimal::new(152, 2)),
        "CHF" => ("CHF", 2, Decimal::new(89, 2)),
        "JPY" => ("JPY", 0, Decimal::from(150)),
        "KWD" => ("KWD", 3, Decimal::new(307, 3)),
        _ => return Err(Reply::refused(422, "UNKNOWN_CURRENCY", "there is no price list in this currency")),
    };
    Ok(Currency { code, places, per_dollar })
}

fn customer(body: &Value) -> Result<&str, Reply> {
    let customer = parse::text(body, "customer")?;
    if customer.starts_with("C-") {
        Ok(customer)
    } else {
        Err(Reply::refused(422, "UNKNOWN_CUSTOMER", "there is no such customer"))
    }
}

fn price(body: &Value) -> Result<Value, Reply> {
    customer(body)?;
    let currency = currency(body)?;
    let rate = tax_rate(parse::text(body, "country")?, body.get("region").and_then(Value::as_str));
    let (mut subtotal, mut taxes) = (Decimal::ZERO, Decimal::ZERO);
    let mut lines = Vec::new();
    for line in parse::lines(body)? {
        let unit_price = unit_price(&line, &currency);
        // Each amount is rounded once, half away from zero, to the currency's places; so is each line's tax.
        let amount = rounded(unit_price * line.quantity, &currency);
        let tax = rounded(amount * rate, &currency);
        subtotal += amount;
        taxes += tax;
        lines.push(json!({
            "line": line.line,
            "unit_price": price_text(unit_price, &currency),
            "amount": money(amount, &currency),
            "tax": money(tax, &currency),
            "base_uom": "EA",
            "per_uom": {"numerator": parse::eaches(&line.sku, &line.uom), "denominator": 1},
        }));
    }
    Ok(json!({
        "currency": currency.code,
        "lines": lines,
        "subtotal": money(subtotal, &currency),
        "tax": money(taxes, &currency),
        "total": money(subtotal + taxes, &currency),
    }))
}

/// A price between 1 and 250 dollars that follows from the SKU's name; every fourth SKU has a fraction of a cent.
fn unit_price(line: &Line, currency: &Currency) -> Decimal {
    let hash = fnv(&line.sku);
    let cents = match line.sku.as_str() {
        "SKU-1" => 999,
        _ => 100 + i64::try_from(hash % 24_900).unwrap_or(0),
    };
    let fraction = if hash % 4 == 3 { 25 } else { 0 };
    let each = Decimal::new(cents * 100 + fraction, 4) * currency.per_dollar;
    let places = if currency.places == 0 { 0 } else { 4 };
    rounded_to(each * factor(line), places)
}

/// Sales tax by state or value-added tax by country, as a rate.
fn tax_rate(country: &str, region: Option<&str>) -> Decimal {
    let thousandths = match (country, region) {
        ("US", Some("NY")) => return Decimal::new(8875, 5),
        ("US", Some("CA")) => return Decimal::new(725, 4),
        ("US", Some("TX" | "IL" | "MA")) => return Decimal::new(625, 4),
        ("US", Some("WA")) => 65,
        ("US", Some("OR" | "NH" | "MT" | "DE" | "AK")) => 0,
        ("US", _) => 60,
        ("CA", Some("ON")) => 130,
        ("CA", _) => 50,
        ("GB" | "FR" | "AT", _) => 200,
        ("DE", _) => 190,
        ("IE", _) => 230,
        ("NL" | "BE" | "ES", _) => 210,
        ("IT", _) => 220,
        ("CH", _) => 81,
        ("JP" | "AU", _) => 100,
        _ => 0,
    };
    Decimal::new(thousandths, 3)
}

fn factor(line: &Line) -> Decimal {
    Decimal::from(parse::eaches(&line.sku, &line.uom).unwrap_or(1))
}

fn rounded(amount: Decimal, currency: &Currency) -> Decimal {
    rounded_to(amount, currency.places)
}

fn rounded_to(amount: Decimal, places: u32) -> Decimal {
    amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

/// An amount with exactly its currency's places.
fn money(amount: Decimal, currency: &Currency) -> String {
    let mut amount = rounded(amount, currency);
    amount.rescale(currency.places);
    amount.to_string()
}

/// A unit price with at least its currency's places.
fn price_text(price: Decimal, currency: &Currency) -> String {
    let mut price = price.normalize();
    if price.scale() < currency.places {
        price.rescale(currency.places);
    }
    price.to_string()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::Erp;
    use crate::exchange::{Method, Request};

    fn ask(erp: &mut Erp, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = Request::new(Method::Post, path).with_header("idempotency-key", key).with_json(body);
        let handled = erp.handle(&request, Timestamp::UNIX_EPOCH);
        (handled.reply.status, handled.reply.value())
    }

    fn one(sku: &str, quantity: &str, uom: &str) -> Value {
        json!([{"line": 1, "sku": sku, "quantity": quantity, "uom": uom}])
    }

    #[test]
    fn a_price_is_exact_and_taxed_once_per_line() {
        let body = json!({"customer": "C-1", "currency": "USD", "country": "US", "region": "NY", "lines": one("SKU-1", "3", "EA")});
        let (status, answer) = ask(&mut Erp::new(""), "/prices", "k", &body);
        assert_eq!(status, 200);
        assert_eq!(
            answer,
            json!({
                "currency": "USD",
                "lines": [{"line": 1, "unit_price": "9.99", "amount": "29.97", "tax": "2.66", "base_uom": "EA",
                           "per_uom": {"numerator": 1, "denominator": 1}}],
                "subtotal": "29.97", "tax": "2.66", "total": "32.63",
            })
        );
    }

    #[test]
    fn yen_have_no_decimals_and_a_case_is_twelve_eaches() {
        let body = json!({"customer": "C-1", "currency": "JPY", "country": "JP", "lines": one("SKU-5-C12", "2", "CS")});
        let (_, answer) = ask(&mut Erp::new(""), "/prices", "k", &body);
        assert!(!answer["total"].as_str().unwrap().contains('.'));
        assert_eq!(answer["lines"][0]["per_uom"], json!({"numerator": 12, "denominator": 1}));
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        let body = |customer: &str, sku: &str, uom: &str| json!({"customer": customer, "currency": "USD", "country": "US", "lines": one(sku, "1", uom)});
        let code = |body: Value| ask(&mut Erp::new(""), "/prices", "k", &body).1["code"].clone();
        assert_eq!(code(body("C-1", "NOPE-1", "EA")), "UNKNOWN_SKU");
        assert_eq!(code(body("C-1", "SKU-UNKNOWN-1", "EA")), "UNKNOWN_SKU");
        assert_eq!(code(body("C-1", "SKU-1", "CS")), "UNKNOWN_UOM");
        assert_eq!(code(body("X-1", "SKU-1", "EA")), "UNKNOWN_CUSTOMER");
    }

    #[test]
    fn stock_is_where_the_sku_says() {
        let mut erp = Erp::new("");
        let mut sources = |sku: &str, quantity: &str, uom: &str| {
            let body = json!({"reference": "ord_1", "lines": one(sku, quantity, uom)});
            let (_, answer) = ask(&mut erp, "/allocations", sku, &body);
            (answer["lines"][0]["sources"].clone(), answer["lines"][0]["short"].clone())
        };
        assert_eq!(sources("SKU-1-W", "3", "EA"), (json!([{"location": "WEST", "quantity": "3"}]), json!("0")));
        assert_eq!(sources("SKU-1-E", "3", "EA"), (json!([{"location": "EAST", "quantity": "3"}]), json!("0")));
        assert_eq!(
            sources("SKU-1-SPLIT", "5", "EA"),
            (json!([{"location": "EAST", "quantity": "3"}, {"location": "WEST", "quantity": "3"}]), json!("0"))
        );
        assert_eq!(sources("SKU-1-SHORT", "3", "EA"), (json!([{"location": "EAST", "quantity": "1"}]), json!("2")));
        assert_eq!(sources("SKU-1-SHORT-C12", "1", "CS"), (json!([]), json!("1")));
    }

    #[test]
    fn a_released_allocation_gives_its_stock_back_once() {
        let mut erp = Erp::new("");
        assert!(erp.set_stock("SKU-7", "EAST", 5.into()) && erp.set_stock("SKU-7", "WEST", 0.into()));
        let body = json!({"reference": "ord_1", "lines": one("SKU-7", "5", "EA")});
        assert_eq!(ask(&mut erp, "/allocations", "a", &body).0, 201);
        assert_eq!(ask(&mut erp, "/allocations/AL-1/release", "r1", &Value::Null).0, 201);
        assert_eq!(ask(&mut erp, "/allocations/AL-1/release", "r2", &Value::Null).0, 201);
        let body = json!({"reference": "ord_2", "lines": one("SKU-7", "9", "EA")});
        assert_eq!(ask(&mut erp, "/allocations", "b", &body).1["lines"][0]["short"], "4");
    }

    #[test]
    fn a_sales_order_whose_lines_do_not_add_up_is_refused() {
        let body = json!({"reference": "ord_1", "customer": "C-1", "currency": "USD", "total": "9.99",
            "lines": [{"line": 1, "sku": "SKU-1", "quantity": "1", "uom": "EA", "unit_price": "9.99", "amount": "9.99", "tax": "0.60"}]});
        assert_eq!(ask(&mut Erp::new(""), "/sales-orders", "k", &body).1["code"], "TOTAL_MISMATCH");
    }

    #[test]
    fn credit_follows_the_customer() {
        let mut erp = Erp::new("");
        let mut decide = |customer: &str, amount: &str| {
            let body = json!({"customer": customer, "amount": amount, "currency": "USD", "reference": "ord_1"});
            ask(&mut erp, "/credit-checks", "k", &body).1["decision"].clone()
        };
        assert_eq!(decide("C-1", "5000.00"), "approved");
        assert_eq!(decide("C-POOR-1", "0.01"), "refused");
        assert_eq!(decide("C-LIMIT-500-X", "500.00"), "approved");
        assert_eq!(decide("C-LIMIT-500-X", "500.01"), "refused");
    }
}
