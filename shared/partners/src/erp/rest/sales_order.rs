//! `POST /sales-orders`, `GET /sales-orders`, `PUT /sales-orders/{number}`, `POST /sales-orders/{number}/cancel`.

use domain::order::{LinePrice, Released, SalesOrder, SalesOrderCancellation};
use domain::{Currency, DocumentNumber, EffectRequest as _, Rejection};
use engine::Code;
use engine::partner::{Attempt, CallFailure, Secrets};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::document::{
    self, Document, Numbered, differs, is_undone, look_up, look_up_with_etag, read_item, refused, undo,
};
use crate::client::transport::{Method, Transport};
use crate::client::{Answer, PartnerClient};
use crate::registry::Maps;
use crate::rest::Line;
use crate::wire::exact::Exact;

#[derive(Serialize)]
struct Body<'a> {
    reference: &'a str,
    revision: u32,
    customer: &'a str,
    customer_po: &'a str,
    currency: Currency,
    total: Exact,
    lines: Vec<PricedLine>,
    ship_to: ShipTo<'a>,
}

#[derive(Serialize)]
struct ShipTo<'a> {
    country: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    region: &'a str,
}

#[derive(Serialize, Deserialize)]
struct PricedLine {
    line: u32,
    sku: String,
    quantity: Exact,
    uom: String,
    unit_price: Exact,
    amount: Exact,
    tax: Exact,
}

#[derive(Deserialize)]
struct ExistingSalesOrder {
    number: DocumentNumber,
    #[serde(default)]
    revision: u32,
    #[serde(default)]
    etag: Option<String>,
    customer: String,
    customer_po: String,
    currency: Currency,
    total: Exact,
    lines: Vec<PricedLine>,
}

/// How often an update starts again because the sales order changed between look-up and `PUT`.
const MAX_UPDATES: u32 = 3;

/// Creates the sales order. An amended one may exist in an older revision: it is looked up first, and updated.
pub(crate) async fn create<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    order: &SalesOrder,
    attempt: Attempt,
) -> Result<Released, CallFailure> {
    let body = body(order, &client.partner.maps);
    let document = Document { path: "sales-orders", reference: order.order.as_str(), key: order.key() };
    let number = if order.revision == 0 {
        insert(client, &document, &body, attempt).await?
    } else {
        create_or_update(client, &document, &body, attempt).await?
    };
    Ok(Released { sales_order: number, revision: order.revision })
}

fn body<'a>(order: &'a SalesOrder, maps: &Maps) -> Body<'a> {
    let line = |line: &LinePrice| {
        let (unit_price, amount, tax) = (Exact(line.unit_price), Exact(line.amount), Exact(line.tax));
        let Line { line, sku, quantity, uom } = Line::new(line.line, &line.sku, line.quantity, maps);
        PricedLine { line, sku, quantity, uom, unit_price, amount, tax }
    };
    Body {
        reference: order.order.as_str(),
        revision: order.revision,
        customer: order.customer.as_str(),
        customer_po: order.customer_po.as_str(),
        currency: order.total.currency,
        total: Exact(order.total.amount),
        lines: order.lines.iter().map(line).collect(),
        ship_to: ShipTo { country: &order.destination.country, region: &order.destination.region },
    }
}

/// Whether an existing sales order has the content of `body`. The delivery address is not compared: not every ERP lists it.
fn is_same(existing: &ExistingSalesOrder, body: &Body<'_>) -> bool {
    existing.revision == body.revision
        && existing.customer == body.customer
        && existing.customer_po == body.customer_po
        && existing.currency == body.currency
        && existing.total.0 == body.total.0
        && same_priced_lines(&existing.lines, &body.lines)
}

/// Whether two lists have the same lines, in any order and with any number of trailing zeros.
fn same_priced_lines(one: &[PricedLine], other: &[PricedLine]) -> bool {
    let key = |l: &PricedLine| {
        let amounts: [Decimal; 4] =
            [l.quantity.0, l.unit_price.0, l.amount.0, l.tax.0].map(|amount| amount.normalize());
        (l.line, l.sku.clone(), l.uom.clone(), amounts)
    };
    let sorted = |lines: &[PricedLine]| {
        let mut keys: Vec<_> = lines.iter().map(key).collect();
        keys.sort();
        keys
    };
    sorted(one) == sorted(other)
}

async fn insert<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    document: &Document<'_>,
    body: &Body<'_>,
    attempt: Attempt,
) -> Result<DocumentNumber, CallFailure> {
    let is_same = |existing: &ExistingSalesOrder| is_same(existing, body);
    let created: Numbered = document::create(client, document, body, attempt, is_same).await?;
    Ok(created.number)
}

/// Updates the sales order under the reference to `body`, or creates it if there is none. An `if-match` keeps an update from
/// overwriting a change that was made after the look-up.
async fn create_or_update<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    document: &Document<'_>,
    body: &Body<'_>,
    attempt: Attempt,
) -> Result<DocumentNumber, CallFailure> {
    let then_wait = match attempt {
        Attempt::First => client.settle_wait(None)?,
        Attempt::Repeat { over_by } => client.settle_wait(Some(over_by))?,
    };
    for _ in 0..MAX_UPDATES {
        let (items, reply_etag) = look_up_with_etag(client, document.path, document.reference).await?;
        let mut open: Vec<ExistingSalesOrder> = Vec::with_capacity(items.len());
        for item in items {
            if !is_undone(client, &item)? {
                open.push(read_item(client, &item)?);
            }
        }
        if let Some(existing) = open.iter().find(|existing| is_same(existing, body)) {
            return Ok(existing.number.clone());
        }
        let existing = match open.as_slice() {
            [] => {
                client.require_settled(then_wait)?;
                return insert(client, document, body, Attempt::First).await;
            }
            [existing] if existing.revision > body.revision => {
                let why = format!("{} has revision {} already", existing.number, existing.revision);
                return Err(CallFailure::Refused(Rejection::new("STALE_REVISION", why)));
            }
            [existing] if existing.revision < body.revision => existing,
            [..] => return Err(differs(document)),
        };
        let Some(etag) = existing.etag.clone().or(reply_etag) else {
            return Err(client.unreadable("a sales order without an etag cannot be updated safely"));
        };
        let url = client.url(&[document.path, existing.number.as_str()])?;
        let mut put = client.write(Method::Put, url, Some(document.key.clone()), body)?;
        put.headers.push(("if-match", etag));
        match client.call(&put).await? {
            Answer::Done(reply) => return client.read::<Numbered>(&reply).map(|updated| updated.number),
            // Changed since the look-up: decide again from its new content.
            Answer::Conflict(reply) if reply.status == 412 => {}
            Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::NotFound(reply) => {
                return Err(refused(&reply));
            }
        }
    }
    let cause = format!("the sales order of {} changed before each update", document.reference);
    Err(CallFailure::Unknown { code: Code::PartnerBusy, cause: cause.into() })
}

/// Cancels every sales order under the order's reference. Returns one of their numbers.
pub(crate) async fn cancel<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &SalesOrderCancellation,
) -> Result<Option<DocumentNumber>, CallFailure> {
    let then_wait = client.settle_wait(request.sent_until)?;
    let (mut open, mut cancelled) = (Vec::new(), Vec::new());
    for item in look_up(client, "sales-orders", request.order.as_str()).await? {
        let Numbered { number } = read_item(client, &item)?;
        if is_undone(client, &item)? { cancelled.push(number) } else { open.push(number) }
    }
    // The ERP may not list yet what it created; we may have its number all the same.
    if let Some(number) = &request.sales_order
        && !open.contains(number)
        && !cancelled.contains(number)
    {
        open.push(number.clone());
    }
    for number in &open {
        undo(client, &["sales-orders", number.as_str(), "cancel"], format!("{}/{number}", request.key())).await?;
    }
    client.require_settled(then_wait)?;
    Ok(open.into_iter().chain(cancelled).next())
}
