//! An ERP that speaks our REST protocol: `docs/partners/rest.md`.

use std::num::NonZeroU32;

use domain::fulfillment::{GoodsIssue, GoodsIssued};
use domain::order::{
    AllocatedLine, Allocation, AllocationRequest, CreditApproved, CreditQuestion, CreditRefused, InvoiceRequest,
    Invoiced, LinePrice, PriceQuestion, Quote, QuotedLine, Released, SalesOrder, Share, Source,
};
use domain::{Currency, DocumentNumber, EffectRequest as _, Money, Quantity, Rejection};
use engine::partner::{Attempt, CallFailure, CreditAnswer, PriceAnswer, Secrets};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::exact::Exact;
use crate::exchange::{Answer, Desk, FirstStep, Told};
use crate::registry::Maps;
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
struct KeptAllocation {
    #[serde(default)]
    status: Option<String>,
    /// What was asked, as far as the ERP shows it.
    lines: Vec<Line>,
}

/// POST /sales-orders
#[derive(Serialize)]
struct Book<'a> {
    reference: &'a str,
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
struct KeptSalesOrder {
    #[serde(default)]
    status: Option<String>,
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
struct KeptIssue {
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
}

/// An item of GET /invoices
#[derive(Deserialize)]
struct KeptBill {
    #[serde(default)]
    status: Option<String>,
    sales_order: String,
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
    desk: &Desk<'_, S, T>,
    question: &PriceQuestion,
) -> Result<PriceAnswer, CallFailure> {
    let maps = &desk.partner.maps;
    let prices = Prices {
        customer: question.customer.as_str(),
        currency: question.currency,
        country: &question.destination.country,
        region: &question.destination.region,
        lines: question.lines.iter().map(|line| Line::ordered(line, maps)).collect(),
    };
    let ask = desk.write(Method::Post, desk.url(&["prices"])?, None, &prices)?;
    match desk.ask(&ask).await? {
        Answer::Done(reply) => {
            let priced: Priced = desk.read(&reply)?;
            quote(priced, question, maps).map(PriceAnswer::Quoted).map_err(|why| desk.garbage(why))
        }
        Answer::Unprocessable(reply) => Ok(PriceAnswer::Unpriceable(Told::of(&reply).into_rejection())),
        Answer::Conflict(reply) | Answer::Absent(reply) => Err(refused(&reply)),
    }
}

/// Every line of the question answered once, in the unit that stock is kept in.
fn quote(priced: Priced, question: &PriceQuestion, maps: &Maps) -> Result<Quote, &'static str> {
    let money = |amount: Exact| Money { amount: amount.0, currency: priced.currency };
    let mut lines = Vec::with_capacity(question.lines.len());
    for asked in &question.lines {
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
    Ok(Quote { lines, subtotal: money(priced.subtotal), tax: money(priced.tax), total: money(priced.total) })
}

/// Asks for credit.
pub(crate) async fn credit<S: Secrets, T: Transport>(
    desk: &Desk<'_, S, T>,
    question: &CreditQuestion,
) -> Result<CreditAnswer, CallFailure> {
    let check = CreditCheck {
        customer: question.customer.as_str(),
        amount: Exact(question.amount.amount),
        currency: question.amount.currency,
        reference: question.order.as_str(),
    };
    let ask = desk.write(Method::Post, desk.url(&["credit-checks"])?, None, &check)?;
    match desk.ask(&ask).await? {
        Answer::Done(reply) => {
            let CreditChecked { decision, reason, valid_until } = desk.read(&reply)?;
            let reason = reason.map_or_else(|| "the ERP named no reason".to_owned(), |r| engine::redact::text(&r));
            Ok(match decision {
                Decision::Approved => CreditAnswer::Approved(CreditApproved { amount: question.amount, valid_until }),
                Decision::Refused => CreditAnswer::Refused(CreditRefused { reason }),
            })
        }
        Answer::Unprocessable(reply) | Answer::Conflict(reply) | Answer::Absent(reply) => Err(refused(&reply)),
    }
}

/// Sets stock aside.
pub(crate) async fn allocate<S: Secrets, T: Transport>(
    desk: &Desk<'_, S, T>,
    request: &AllocationRequest,
    attempt: Attempt,
) -> Result<Allocation, CallFailure> {
    let maps = &desk.partner.maps;
    let lines: Vec<Line> = request.lines.iter().map(|share| Line::share(share, maps)).collect();
    let body = Allocate { reference: request.order.as_str(), lines };
    let same = |kept: &KeptAllocation| same_lines(&kept.lines, &body.lines);
    let document = Document { path: "allocations", reference: request.order.as_str(), key: request.key() };
    let reply = make(desk, &document, &body, attempt, same, |kept| kept.status.as_deref()).await?;
    let Allocated { id, lines } = reply;
    let number = id.parse().map_err(|_| desk.garbage("an allocation without a usable id"))?;
    let line = |share: &Share| allocated(share, &lines, maps);
    let lines = request.lines.iter().map(line).collect::<Result<_, _>>().map_err(|why| desk.garbage(why))?;
    Ok(Allocation { number, lines })
}

/// Every line of the request answered once, in the request's unit.
fn allocated(share: &Share, lines: &[LineAllocated], maps: &Maps) -> Result<AllocatedLine, &'static str> {
    let line = only(lines, |line| line.line == share.line.0.get()).ok_or("a line is not allocated just once")?;
    let quantity =
        |amount: &Exact| Quantity::new(amount.0, share.quantity.uom()).map_err(|_| "an allocated quantity is none");
    let source = |source: &LocationQuantity| {
        let location = maps.site(&source.location).map_err(|_| "a stock location without a usable name")?;
        Ok(Source { location, quantity: quantity(&source.quantity)? })
    };
    let sources = line.sources.iter().map(source).collect::<Result<_, &'static str>>()?;
    Ok(AllocatedLine { line: share.line, sources, short: quantity(&line.short)? })
}

/// Creates the sales order.
pub(crate) async fn create_sales_order<S: Secrets, T: Transport>(
    desk: &Desk<'_, S, T>,
    order: &SalesOrder,
    attempt: Attempt,
) -> Result<Released, CallFailure> {
    let maps = &desk.partner.maps;
    let line = |line: &LinePrice| {
        let Line { line: number, sku, quantity, uom } = Line::of(line.line, &line.sku, line.quantity, maps);
        let (unit_price, amount, tax) = (Exact(line.unit_price), Exact(line.amount), Exact(line.tax));
        BookedLine { line: number, sku, quantity, uom, unit_price, amount, tax }
    };
    let ship_to = Place { country: order.destination.country.clone(), region: order.destination.region.clone() };
    let body = Book {
        reference: order.order.as_str(),
        customer: order.customer.as_str(),
        customer_po: order.customer_po.as_str(),
        currency: order.total.currency,
        total: Exact(order.total.amount),
        lines: order.lines.iter().map(line).collect(),
        ship_to,
    };
    let same = |kept: &KeptSalesOrder| {
        kept.customer == body.customer
            && kept.customer_po == body.customer_po
            && kept.currency == body.currency
            && kept.total.0 == body.total.0
            && same_booked(&kept.lines, &body.lines)
    };
    let document = Document { path: "sales-orders", reference: order.order.as_str(), key: order.key() };
    let made: Numbered = make(desk, &document, &body, attempt, same, |kept| kept.status.as_deref()).await?;
    Ok(Released { sales_order: made.number })
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
    desk: &Desk<'_, S, T>,
    issue: &GoodsIssue,
    attempt: Attempt,
) -> Result<GoodsIssued, CallFailure> {
    let maps = &desk.partner.maps;
    let reference = issue.reference();
    let body = Issue {
        reference: reference.clone(),
        sales_order: issue.sales_order.as_str(),
        site: maps.their_site(&issue.site),
        lines: issue.lines.iter().map(|share| Line::share(share, maps)).collect(),
    };
    let same = |kept: &KeptIssue| {
        kept.sales_order == body.sales_order && kept.site == body.site && same_lines(&kept.lines, &body.lines)
    };
    let document = Document { path: "goods-issues", reference: &reference, key: issue.key() };
    let made: Numbered = make(desk, &document, &body, attempt, same, |kept| kept.status.as_deref()).await?;
    Ok(GoodsIssued { package: issue.package.clone(), document: made.number, lines: issue.lines.clone() })
}

/// Invoices.
pub(crate) async fn invoice<S: Secrets, T: Transport>(
    desk: &Desk<'_, S, T>,
    request: &InvoiceRequest,
    attempt: Attempt,
) -> Result<Invoiced, CallFailure> {
    let body = Bill { reference: request.order.as_str(), sales_order: request.sales_order.as_str() };
    let same = |kept: &KeptBill| kept.sales_order == body.sales_order;
    let document = Document { path: "invoices", reference: request.order.as_str(), key: request.key() };
    let made: Billed = make(desk, &document, &body, attempt, same, |kept| kept.status.as_deref()).await?;
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
    desk: &Desk<'_, S, T>,
    document: &Document<'_>,
    body: &impl Serialize,
    attempt: Attempt,
    same: impl Fn(&K) -> bool,
    status: impl for<'k> Fn(&'k K) -> Option<&'k str>,
) -> Result<M, CallFailure> {
    if let FirstStep::Look { then_wait } = desk.first_step(attempt)? {
        if let Some(found) = look(desk, document, &same, &status).await? {
            return Ok(found);
        }
        desk.absent(then_wait)?;
    }
    let ask = desk.write(Method::Post, desk.url(&[document.path])?, Some(document.key.clone()), body)?;
    match desk.ask(&ask).await? {
        Answer::Done(reply) => desk.read(&reply),
        Answer::Conflict(reply) if Told::of(&reply).code == "KEY_REUSED" => {
            let found = look(desk, document, &same, &status).await?;
            found.ok_or_else(|| desk.garbage("the key is taken, and nothing stands under the reference"))
        }
        Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::Absent(reply) => Err(refused(&reply)),
    }
}

/// What stands under the document's reference.
async fn look<S: Secrets, T: Transport, K: DeserializeOwned, M: DeserializeOwned>(
    desk: &Desk<'_, S, T>,
    document: &Document<'_>,
    same: impl Fn(&K) -> bool,
    status: impl for<'k> Fn(&'k K) -> Option<&'k str>,
) -> Result<Option<M>, CallFailure> {
    let mut url = desk.url(&[document.path])?;
    url.query_pairs_mut().append_pair("reference", document.reference);
    let reply = match desk.ask(&desk.get(url)).await? {
        Answer::Done(reply) => reply,
        Answer::Absent(_) => return Ok(None),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => return Err(refused(&reply)),
    };
    let Items { items } = desk.read::<Items<Box<RawValue>>>(&reply)?;
    let mut other = false;
    for item in items {
        let kept: K = read_item(desk, &item)?;
        if matches!(status(&kept), Some("cancelled" | "released" | "reversed")) {
            continue;
        }
        if same(&kept) {
            return read_item(desk, &item).map(Some);
        }
        other = true;
    }
    if other {
        let why = format!("{} of {} says something else than ours", document.path, document.reference);
        return Err(CallFailure::Refused(Rejection::new("DUPLICATE_DIFFERS", why)));
    }
    Ok(None)
}

fn read_item<S: Secrets, T: Transport, D: DeserializeOwned>(
    desk: &Desk<'_, S, T>,
    item: &RawValue,
) -> Result<D, CallFailure> {
    serde_json::from_str(item.get()).map_err(|error| desk.garbage(&engine::redact::json_error(&error)))
}

fn refused(reply: &Reply) -> CallFailure {
    CallFailure::Refused(Told::of(reply).into_rejection())
}

/// The one that fits; `None` where none or several do.
fn only<L>(lines: &[L], fits: impl Fn(&L) -> bool) -> Option<&L> {
    let mut fitting = lines.iter().filter(|line| fits(line));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}
