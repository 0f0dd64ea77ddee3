//! An ERP that speaks our REST protocol: `docs/partners/rest.md`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use domain::fulfillment::{GoodsIssue, GoodsIssued};
use domain::order::{
    AllocatedLine, Allocation, AllocationRequest, Component, CreditApproved, CreditQuery, CreditRefused, Deallocation,
    InvoiceRequest, Invoiced, LinePrice, LineQuantity, PriceQuery, Quote, QuotedLine, Released, SalesOrder,
    SalesOrderCancellation, Source, StockQuery,
};
use domain::{Currency, DocumentNumber, EffectRequest as _, Money, Quantity, Rejection, Uom};
use engine::Code;
use engine::delivery::Delivery;
use engine::inbound::{ChangeRequest, OrderChange, Unmappable};
use engine::partner::{Attempt, CallFailure, CreditAnswer, PriceAnswer, Secrets};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::kits;
use crate::exact::Exact;
use crate::exchange::{Answer, CrmUpdated, FirstStep, HttpRequest, PartnerClient};
use crate::fields::{self, Report};
use crate::registry::{Maps, Partner};
use crate::transport::{Method, Reply, Transport};
use crate::wire::{Items, Line, Place, same_lines};

/// POST /prices
#[derive(Serialize)]
struct Prices<'a> {
    customer: &'a str,
    currency: Currency,
    country: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    region: &'a str,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Priced {
    currency: Currency,
    lines: Vec<LinePriced>,
    subtotal: Exact,
    tax: Exact,
    total: Exact,
}

#[derive(Deserialize)]
struct LinePriced {
    line: u32,
    unit_price: Exact,
    amount: Exact,
    tax: Exact,
    /// The unit that stock is kept in; the ordered one where it is absent.
    base_uom: Option<String>,
    per_uom: Option<Ratio>,
}

#[derive(Deserialize)]
struct Ratio {
    numerator: NonZeroU32,
    denominator: NonZeroU32,
}

/// POST /credit-checks
#[derive(Serialize)]
struct CreditCheck<'a> {
    customer: &'a str,
    amount: Exact,
    currency: Currency,
    reference: &'a str,
}

#[derive(Deserialize)]
struct CreditChecked {
    decision: Decision,
    reason: Option<String>,
    valid_until: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approved,
    Refused,
}

/// POST /allocations
#[derive(Serialize)]
struct Allocate<'a> {
    reference: &'a str,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Allocated {
    id: String,
    lines: Vec<LineAllocated>,
}

#[derive(Deserialize)]
struct LineAllocated {
    line: u32,
    /// Tells the parts of a kit apart, which have their line's number in common.
    sku: Option<String>,
    sources: Vec<LocationQuantity>,
    short: Exact,
}

#[derive(Deserialize)]
struct LocationQuantity {
    location: String,
    quantity: Exact,
}

/// An item of GET /allocations
#[derive(Deserialize)]
struct ExistingAllocation {
    #[serde(default)]
    status: Option<String>,
    /// What was asked, as far as the ERP shows it.
    lines: Vec<Line>,
}

/// What has to be undone of an item of GET /allocations
#[derive(Deserialize)]
struct RequestStatus {
    id: String,
    #[serde(default)]
    status: Option<String>,
}

/// POST /stock-checks
#[derive(Serialize)]
struct StockCheck<'a> {
    reference: &'a str,
    lines: Vec<Line>,
}

/// An item of its answer: what one location has of one product and nobody has a claim on.
#[derive(Deserialize)]
struct OnHand {
    sku: String,
    location: String,
    available: Exact,
    uom: String,
}

/// POST /sales-orders
#[derive(Serialize)]
struct Book<'a> {
    reference: &'a str,
    revision: u32,
    customer: &'a str,
    customer_po: &'a str,
    currency: Currency,
    total: Exact,
    lines: Vec<BookedLine>,
    ship_to: Place,
}

#[derive(Serialize, Deserialize)]
struct BookedLine {
    line: u32,
    sku: String,
    quantity: Exact,
    uom: String,
    unit_price: Exact,
    amount: Exact,
    tax: Exact,
}

/// An item of GET /sales-orders
#[derive(Deserialize)]
struct ExistingSalesOrder {
    number: DocumentNumber,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    revision: u32,
    #[serde(default)]
    etag: Option<String>,
    customer: String,
    customer_po: String,
    currency: Currency,
    total: Exact,
    lines: Vec<BookedLine>,
}

/// POST /goods-issues
#[derive(Serialize)]
struct Issue<'a> {
    reference: String,
    sales_order: &'a str,
    site: &'a str,
    lines: Vec<Line>,
}

/// An item of GET /goods-issues
#[derive(Deserialize)]
struct ExistingGoodsIssue {
    #[serde(default)]
    status: Option<String>,
    sales_order: String,
    site: String,
    lines: Vec<Line>,
}

/// POST /invoices
#[derive(Serialize)]
struct Bill<'a> {
    reference: &'a str,
    sales_order: &'a str,
    lines: Vec<Line>,
}

/// An item of GET /invoices
#[derive(Deserialize)]
struct ExistingInvoice {
    #[serde(default)]
    status: Option<String>,
    sales_order: String,
    lines: Vec<Line>,
}

/// What has to be undone of an item of GET /sales-orders
#[derive(Deserialize)]
struct ExistingNumber {
    number: DocumentNumber,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct Numbered {
    number: DocumentNumber,
}

#[derive(Deserialize)]
struct Billed {
    number: DocumentNumber,
    total: Exact,
    currency: Currency,
}

/// Asks for price and tax.
pub(crate) async fn price<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    query: &PriceQuery,
) -> Result<PriceAnswer, CallFailure> {
    let maps = &client.partner.maps;
    let prices = Prices {
        customer: query.customer.as_str(),
        currency: query.currency,
        country: &query.destination.country,
        region: &query.destination.region,
        lines: query.lines.iter().map(|line| Line::ordered(line, maps)).collect(),
    };
    let ask = client.write(Method::Post, client.url(&["prices"])?, None, &prices)?;
    match client.ask(&ask).await? {
        Answer::Done(reply) => {
            let priced: Priced = client.read(&reply)?;
            quote(priced, query, maps).map(PriceAnswer::Quoted).map_err(|why| client.garbage(why))
        }
        Answer::Unprocessable(reply) => Ok(PriceAnswer::Unpriceable(CrmUpdated::of(&reply).into_rejection())),
        Answer::Conflict(reply) | Answer::Absent(reply) => Err(refused(&reply)),
    }
}

/// Every line of the question answered once, in the unit that stock is kept in.
fn quote(priced: Priced, query: &PriceQuery, maps: &Maps) -> Result<Quote, &'static str> {
    let money = |amount: Exact| Money { amount: amount.0, currency: priced.currency };
    let mut lines = Vec::with_capacity(query.lines.len());
    for asked in &query.lines {
        let line =
            only(&priced.lines, |line| line.line == asked.line.0.get()).ok_or("a line is not priced just once")?;
        let one = Ratio { numerator: NonZeroU32::MIN, denominator: NonZeroU32::MIN };
        let (base_uom, ratio) = match (&line.base_uom, &line.per_uom) {
            (None, None) => (asked.quantity.uom(), &one),
            (Some(unit), Some(ratio)) => (maps.unit(unit).map_err(|_| "a base unit is none")?, ratio),
            (Some(unit), None) if maps.unit(unit) == Ok(asked.quantity.uom()) => (asked.quantity.uom(), &one),
            (Some(_), None) | (None, Some(_)) => return Err("a base unit and its ratio go together"),
        };
        lines.push(QuotedLine {
            line: asked.line,
            base_uom,
            numerator: ratio.numerator,
            denominator: ratio.denominator,
            unit_price: line.unit_price.0,
            amount: line.amount.0,
            tax: line.tax.0,
        });
    }
    Ok(Quote {
        revision: query.revision,
        lines,
        subtotal: money(priced.subtotal),
        tax: money(priced.tax),
        total: money(priced.total),
    })
}

/// Asks for credit.
pub(crate) async fn credit<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    query: &CreditQuery,
) -> Result<CreditAnswer, CallFailure> {
    let check = CreditCheck {
        customer: query.customer.as_str(),
        amount: Exact(query.amount.amount),
        currency: query.amount.currency,
        reference: query.order.as_str(),
    };
    let ask = client.write(Method::Post, client.url(&["credit-checks"])?, None, &check)?;
    match client.ask(&ask).await? {
        Answer::Done(reply) => {
            let CreditChecked { decision, reason, valid_until } = client.read(&reply)?;
            let reason = reason.map_or_else(|| "the ERP named no reason".to_owned(), |r| engine::redact::text(&r));
            Ok(match decision {
                Decision::Approved => CreditAnswer::Approved(CreditApproved { amount: query.amount, valid_until }),
                Decision::Refused => CreditAnswer::Refused(CreditRefused { reason }),
            })
        }
        Answer::Unprocessable(reply) | Answer::Conflict(reply) | Answer::Absent(reply) => Err(refused(&reply)),
    }
}

/// Sets stock aside.
pub(crate) async fn allocate<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &AllocationRequest,
    attempt: Attempt,
) -> Result<Allocation, CallFailure> {
    let maps = &client.partner.maps;
    let reference = request.reference();
    let lines = kits::apart(&request.lines, maps)?.iter().map(|goods| Line::line_quantity(goods, maps)).collect();
    let body = Allocate { reference: &reference, lines };
    let same = |existing: &ExistingAllocation| same_lines(&existing.lines, &body.lines);
    let document = Document { path: "allocations", reference: &reference, key: request.key() };
    let reply = make(client, &document, &body, attempt, same, |existing| existing.status.as_deref()).await?;
    let Allocated { id, lines } = reply;
    let number = id.parse().map_err(|_| client.garbage("an allocation without a usable id"))?;
    let line = |goods: &LineQuantity| {
        let line = allocated(goods, &lines, maps)?;
        // The first asks for all of every line; only a later one has to say how much it asked for.
        Ok(AllocatedLine { asked: (!request.allocation_no.is_first()).then_some(goods.quantity), ..line })
    };
    let lines = request.lines.iter().map(line).collect::<Result<_, &str>>().map_err(|why| client.garbage(why))?;
    Ok(Allocation { allocation_no: request.allocation_no, number, lines })
}

/// Every line of the request answered once, in the request's unit; the parts of a kit each once.
fn allocated(goods: &LineQuantity, lines: &[LineAllocated], maps: &Maps) -> Result<AllocatedLine, &'static str> {
    let of_line = |line: &LineAllocated| line.line == goods.line.0.get();
    let Some(components) = maps.kit(&goods.sku) else {
        return read_allocated(goods, only(lines, of_line).ok_or("a line is not allocated just once")?, maps);
    };
    let mut parts = Vec::with_capacity(components.len());
    for component in components {
        let named = |line: &LineAllocated| line.sku.as_deref() == Some(maps.their_sku(&component.sku));
        let line = only(lines, |line| of_line(line) && named(line)).ok_or("a kit's part is not allocated just once")?;
        parts.push((component, read_allocated(goods, line, maps)?));
    }
    kits::together(goods, &parts)
}

fn read_allocated(goods: &LineQuantity, line: &LineAllocated, maps: &Maps) -> Result<AllocatedLine, &'static str> {
    let quantity =
        |amount: &Exact| Quantity::new(amount.0, goods.quantity.uom()).map_err(|_| "an allocated quantity is none");
    let source = |source: &LocationQuantity| {
        let location = maps.site(&source.location).map_err(|_| "a stock location without a usable name")?;
        Ok(Source { location, quantity: quantity(&source.quantity)? })
    };
    let sources = line.sources.iter().map(source).collect::<Result<_, &'static str>>()?;
    Ok(AllocatedLine { line: goods.line, sources, short: quantity(&line.short)?, asked: None })
}

/// Asks how much there is. Lines share what a location has in their order, so that two of one product are not both promised it.
pub(crate) async fn stock<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    query: &StockQuery,
) -> Result<Vec<LineQuantity>, CallFailure> {
    let maps = &client.partner.maps;
    let lines = kits::apart(&query.lines, maps)?.iter().map(|goods| Line::line_quantity(goods, maps)).collect();
    let body = StockCheck { reference: query.order.as_str(), lines };
    let ask = client.write(Method::Post, client.url(&["stock-checks"])?, None, &body)?;
    match client.ask(&ask).await? {
        Answer::Done(reply) => {
            let Items { items } = client.read::<Items<OnHand>>(&reply)?;
            available(&query.lines, items, maps).map_err(|why| client.garbage(why))
        }
        Answer::Unprocessable(reply) | Answer::Conflict(reply) | Answer::Absent(reply) => Err(refused(&reply)),
    }
}

fn available(asked: &[LineQuantity], items: Vec<OnHand>, maps: &Maps) -> Result<Vec<LineQuantity>, &'static str> {
    let mut on_hand: BTreeMap<String, BTreeMap<(String, Uom), Decimal>> = BTreeMap::new();
    for OnHand { sku, location, available, uom } in items {
        let uom = maps.unit(&uom).map_err(|_| "a unit of stock is none")?;
        let on_hand = on_hand.entry(location).or_default().entry((sku, uom)).or_default();
        // An ERP may have promised more than it has.
        let sum = on_hand.checked_add(available.0.max(Decimal::ZERO));
        *on_hand = sum.ok_or("more stock than can be counted")?;
    }
    let mut there = Vec::with_capacity(asked.len());
    for goods in asked {
        let itself = [Component { sku: goods.sku.clone(), per_kit: NonZeroU32::MIN }];
        let kit = maps.kit(&goods.sku);
        let components = kit.unwrap_or(&itself);
        let key = |component: &Component| (maps.their_sku(&component.sku).to_owned(), goods.quantity.uom());
        let mut left = goods.quantity.amount();
        for stock in on_hand.values_mut() {
            let of = |component: &Component| {
                let amount = stock.get(&key(component)).copied().unwrap_or_default();
                if kit.is_some() { kits::whole(amount, component) } else { amount }
            };
            let take = components.iter().map(of).min().unwrap_or_default().min(left);
            for component in components {
                if let Some(amount) = stock.get_mut(&key(component)) {
                    *amount -= take * kits::per_kit(component);
                }
            }
            left -= take;
        }
        let quantity = Quantity::new(goods.quantity.amount() - left, goods.quantity.uom());
        there.push(LineQuantity { quantity: quantity.map_err(|_| "a quantity of stock is none")?, ..goods.clone() });
    }
    there.retain(|goods| !goods.quantity.is_zero());
    Ok(there)
}

/// Gives stock back: all that stands under the reference.
pub(crate) async fn deallocate<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &Deallocation,
) -> Result<(), CallFailure> {
    let then_wait = client.settling(request.sent_until)?;
    for item in request_status(client, "allocations", &request.reference()).await? {
        let RequestStatus { id, status } = read_item(client, &item)?;
        if !is_undone(status.as_deref()) {
            undo(client, &["allocations", &id, "release"], &format!("{}/{id}", request.key())).await?;
        }
    }
    // What is not shown yet may still stand there.
    client.absent(then_wait)
}

/// Does what undoes a document. One that is gone by now has nothing to undo.
async fn undo<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    path: &[&str],
    key: &str,
) -> Result<(), CallFailure> {
    let ask = HttpRequest { body: vec![], ..client.write(Method::Post, client.url(path)?, Some(key.to_owned()), &())? };
    match client.ask(&ask).await? {
        Answer::Done(_) | Answer::Absent(_) => Ok(()),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => Err(refused(&reply)),
    }
}

fn is_undone(status: Option<&str>) -> bool {
    matches!(status, Some("cancelled" | "released" | "reversed"))
}

/// How often a sales order that changes under our hands is looked at again.
const MOST_LOOKS: u32 = 3;

/// Creates the sales order; one that was amended is looked for first, and changed where it stands with an older content.
pub(crate) async fn create_sales_order<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    order: &SalesOrder,
    attempt: Attempt,
) -> Result<Released, CallFailure> {
    let maps = &client.partner.maps;
    let line = |line: &LinePrice| {
        let Line { line: number, sku, quantity, uom } = Line::of(line.line, &line.sku, line.quantity, maps);
        let (unit_price, amount, tax) = (Exact(line.unit_price), Exact(line.amount), Exact(line.tax));
        BookedLine { line: number, sku, quantity, uom, unit_price, amount, tax }
    };
    let ship_to = Place { country: order.destination.country.clone(), region: order.destination.region.clone() };
    let body = Book {
        reference: order.order.as_str(),
        revision: order.revision,
        customer: order.customer.as_str(),
        customer_po: order.customer_po.as_str(),
        currency: order.total.currency,
        total: Exact(order.total.amount),
        lines: order.lines.iter().map(line).collect(),
        ship_to,
    };
    let same = |existing: &ExistingSalesOrder| {
        existing.revision == body.revision
            && existing.customer == body.customer
            && existing.customer_po == body.customer_po
            && existing.currency == body.currency
            && existing.total.0 == body.total.0
            && same_booked(&existing.lines, &body.lines)
    };
    let document = Document { path: "sales-orders", reference: order.order.as_str(), key: order.key() };
    let number = if order.revision == 0 {
        let made: Numbered =
            make(client, &document, &body, attempt, same, |existing| existing.status.as_deref()).await?;
        made.number
    } else {
        revise(client, &document, &body, attempt, same).await?
    };
    Ok(Released { sales_order: number, revision: order.revision })
}

/// Brings the sales order that stands under the reference to what `body` says, or makes it where none stands.
async fn revise<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    document: &Document<'_>,
    body: &Book<'_>,
    attempt: Attempt,
    same: impl Fn(&ExistingSalesOrder) -> bool,
) -> Result<DocumentNumber, CallFailure> {
    let then_wait = match attempt {
        Attempt::First => client.settling(None)?,
        Attempt::Repeat { over_by } => client.settling(Some(over_by))?,
    };
    for _ in 0..MOST_LOOKS {
        let (items, etag) = request_status_as_of(client, document.path, document.reference).await?;
        let mut open = Vec::with_capacity(items.len());
        for item in items {
            let existing: ExistingSalesOrder = read_item(client, &item)?;
            if !is_undone(existing.status.as_deref()) {
                open.push(existing);
            }
        }
        if let Some(existing) = open.iter().find(|existing| same(existing)) {
            return Ok(existing.number.clone());
        }
        let existing = match open.as_slice() {
            [] => {
                client.absent(then_wait)?;
                return post(client, document, body, &same).await;
            }
            [existing] if existing.revision > body.revision => {
                let why = format!("{} has revision {} already", existing.number, existing.revision);
                return Err(CallFailure::Refused(Rejection::new("STALE_REVISION", why)));
            }
            [existing] if existing.revision < body.revision => existing,
            [..] => return Err(differs(document)),
        };
        let Some(etag) = existing.etag.clone().or(etag) else {
            return Err(client.garbage("a sales order without an etag cannot be changed safely"));
        };
        let url = client.url(&[document.path, existing.number.as_str()])?;
        let mut ask = client.write(Method::Put, url, Some(document.key.clone()), body)?;
        ask.headers.push(("if-match", etag));
        match client.ask(&ask).await? {
            Answer::Done(reply) => return client.read::<Numbered>(&reply).map(|changed| changed.number),
            // Somebody else changed it meanwhile; what it says now decides anew.
            Answer::Conflict(reply) if reply.status == 412 => {}
            Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::Absent(reply) => {
                return Err(refused(&reply));
            }
        }
    }
    let cause = format!("the sales order of {} changes whenever we look", document.reference);
    Err(CallFailure::Unknown { code: Code::PartnerBusy, cause: cause.into() })
}

/// Makes the sales order that nobody made under this reference.
async fn post<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    document: &Document<'_>,
    body: &Book<'_>,
    same: impl Fn(&ExistingSalesOrder) -> bool,
) -> Result<DocumentNumber, CallFailure> {
    let made: Numbered =
        make(client, document, body, Attempt::First, same, |existing| existing.status.as_deref()).await?;
    Ok(made.number)
}

/// Cancels whatever stands under the order's reference.
pub(crate) async fn cancel_sales_order<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &SalesOrderCancellation,
) -> Result<Option<DocumentNumber>, CallFailure> {
    let then_wait = client.settling(request.sent_until)?;
    let (mut open, mut gone) = (Vec::new(), Vec::new());
    for item in request_status(client, "sales-orders", request.order.as_str()).await? {
        let ExistingNumber { number, status } = read_item(client, &item)?;
        if is_undone(status.as_deref()) { gone.push(number) } else { open.push(number) }
    }
    // One that was made is not yet shown by every ERP.
    if let Some(known) = &request.sales_order
        && !open.contains(known)
        && !gone.contains(known)
    {
        open.push(known.clone());
    }
    for number in &open {
        undo(client, &["sales-orders", number.as_str(), "cancel"], &format!("{}/{number}", request.key())).await?;
    }
    client.absent(then_wait)?;
    Ok(open.into_iter().chain(gone).next())
}

fn same_booked(one: &[BookedLine], other: &[BookedLine]) -> bool {
    let key = |l: &BookedLine| {
        let amounts: [Decimal; 4] =
            [l.quantity.0, l.unit_price.0, l.amount.0, l.tax.0].map(|amount| amount.normalize());
        (l.line, l.sku.clone(), l.uom.clone(), amounts)
    };
    let sorted = |lines: &[BookedLine]| {
        let mut keys: Vec<_> = lines.iter().map(key).collect();
        keys.sort();
        keys
    };
    sorted(one) == sorted(other)
}

/// Posts a goods issue.
pub(crate) async fn post_goods_issue<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    issue: &GoodsIssue,
    attempt: Attempt,
) -> Result<GoodsIssued, CallFailure> {
    let maps = &client.partner.maps;
    let reference = issue.reference();
    let body = Issue {
        reference: reference.clone(),
        sales_order: issue.sales_order.as_str(),
        site: maps.their_site(&issue.site),
        lines: kits::apart(&issue.lines, maps)?.iter().map(|goods| Line::line_quantity(goods, maps)).collect(),
    };
    let same = |existing: &ExistingGoodsIssue| {
        existing.sales_order == body.sales_order
            && existing.site == body.site
            && same_lines(&existing.lines, &body.lines)
    };
    let document = Document { path: "goods-issues", reference: &reference, key: issue.key() };
    let made: Numbered = make(client, &document, &body, attempt, same, |existing| existing.status.as_deref()).await?;
    Ok(GoodsIssued { package: issue.package.clone(), document: made.number, lines: issue.lines.clone() })
}

/// Invoices.
pub(crate) async fn invoice<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &InvoiceRequest,
    attempt: Attempt,
) -> Result<Invoiced, CallFailure> {
    let maps = &client.partner.maps;
    // Lines are named as the sales order has them: a kit that was ordered is billed as one.
    let lines = request.lines.iter().map(|goods| Line::line_quantity(goods, maps)).collect();
    let body = Bill { reference: request.order.as_str(), sales_order: request.sales_order.as_str(), lines };
    let same = |existing: &ExistingInvoice| {
        existing.sales_order == body.sales_order && same_lines(&existing.lines, &body.lines)
    };
    let document = Document { path: "invoices", reference: request.order.as_str(), key: request.key() };
    let made: Billed = make(client, &document, &body, attempt, same, |existing| existing.status.as_deref()).await?;
    Ok(Invoiced { invoice: made.number, total: Money { amount: made.total.0, currency: made.currency } })
}

/// A document to be made once.
struct Document<'a> {
    path: &'static str,
    reference: &'a str,
    key: String,
}

/// Makes a document, or finds the one that was made before. What is found counts only if it says the `same`; a document
/// that was taken back (`status` says so) is none.
async fn make<S: Secrets, T: Transport, K: DeserializeOwned, M: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    document: &Document<'_>,
    body: &impl Serialize,
    attempt: Attempt,
    same: impl Fn(&K) -> bool,
    status: impl for<'k> Fn(&'k K) -> Option<&'k str>,
) -> Result<M, CallFailure> {
    if let FirstStep::Look { then_wait } = client.first_step(attempt)? {
        if let Some(found) = look(client, document, &same, &status).await? {
            return Ok(found);
        }
        client.absent(then_wait)?;
    }
    let ask = client.write(Method::Post, client.url(&[document.path])?, Some(document.key.clone()), body)?;
    match client.ask(&ask).await? {
        Answer::Done(reply) => client.read(&reply),
        Answer::Conflict(reply) if CrmUpdated::of(&reply).code == "KEY_REUSED" => {
            let found = look(client, document, &same, &status).await?;
            found.ok_or_else(|| client.garbage("the key is taken, and nothing stands under the reference"))
        }
        Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::Absent(reply) => Err(refused(&reply)),
    }
}

/// What stands under the document's reference.
async fn look<S: Secrets, T: Transport, K: DeserializeOwned, M: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    document: &Document<'_>,
    same: impl Fn(&K) -> bool,
    status: impl for<'k> Fn(&'k K) -> Option<&'k str>,
) -> Result<Option<M>, CallFailure> {
    let mut other = false;
    for item in request_status(client, document.path, document.reference).await? {
        let existing: K = read_item(client, &item)?;
        if is_undone(status(&existing)) {
            continue;
        }
        if same(&existing) {
            return read_item(client, &item).map(Some);
        }
        other = true;
    }
    if other { Err(differs(document)) } else { Ok(None) }
}

fn differs(document: &Document<'_>) -> CallFailure {
    let why = format!("{} of {} says something else than ours", document.path, document.reference);
    CallFailure::Refused(Rejection::new(domain::workflow::DUPLICATE_DIFFERS, why))
}

/// Every document that was ever made under `reference`.
async fn request_status<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    path: &str,
    reference: &str,
) -> Result<Vec<Box<RawValue>>, CallFailure> {
    request_status_as_of(client, path, reference).await.map(|(items, _)| items)
}

/// The same, with the answer's `ETag`.
async fn request_status_as_of<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    path: &str,
    reference: &str,
) -> Result<(Vec<Box<RawValue>>, Option<String>), CallFailure> {
    let mut url = client.url(&[path])?;
    url.query_pairs_mut().append_pair("reference", reference);
    match client.ask(&client.get(url)).await? {
        Answer::Done(reply) => {
            let Items { items } = client.read::<Items<Box<RawValue>>>(&reply)?;
            Ok((items, reply.header("etag").map(str::to_owned)))
        }
        Answer::Absent(_) => Ok((vec![], None)),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => Err(refused(&reply)),
    }
}

fn read_item<S: Secrets, T: Transport, D: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    item: &RawValue,
) -> Result<D, CallFailure> {
    serde_json::from_str(item.get()).map_err(|error| client.garbage(&engine::redact::json_error(&error)))
}

/// Reads what the ERP wants of an order: its own people hold orders, too.
pub(crate) fn read_change(_: &Partner, delivery: &Delivery) -> Result<OrderChange, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    if fields::is_our_own(&root) {
        return Err(Unmappable::Unrelated(fields::OUR_OWN));
    }
    let data = root.at("data");
    let reason = fields::reason(&data.at("reason"));
    let wanted = match root.at("type").text() {
        Some("order.held") => ChangeRequest::Hold { reason },
        Some("order.hold_released") => ChangeRequest::ReleaseHold { reason },
        Some("test" | "ping") => return Err(Unmappable::Unrelated("a test message")),
        Some(other) => return Err(Unmappable::UnknownTopic(fields::topic(other))),
        None => return report.unless_wrong(None).map_err(Unmappable::Malformed),
    };
    let order = data.object().and_then(|_| data.at("reference").parse());
    report.unless_wrong(order.map(|order| OrderChange { order, request: wanted })).map_err(Unmappable::Malformed)
}

fn refused(reply: &Reply) -> CallFailure {
    CallFailure::Refused(CrmUpdated::of(reply).into_rejection())
}

/// The one that fits; `None` where none or several do.
fn only<L>(lines: &[L], fits: impl Fn(&L) -> bool) -> Option<&L> {
    let mut fitting = lines.iter().filter(|line| fits(line));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}
