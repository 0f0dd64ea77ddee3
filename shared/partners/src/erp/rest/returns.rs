//! `POST /return-orders`, `POST /stock-movements`, `POST /credit-memos`, `POST /debit-memos`, and the look-ups of each; the
//! invoice's amounts by line from `GET /invoices`.

use std::collections::BTreeMap;

use domain::returns::{
    Account, Adjustment, Amounts, AuthorizationRequest, Authorized, InvoicedLine, InvoicedOrder, Moved, Movement,
    Posted, StockChange,
};
use domain::{Currency, DocumentNumber, EffectRequest as _, LineNo, Money, OrderId, Quantity};
use engine::partner::{Attempt, CallFailure, Secrets};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::{self, Document, Numbered};
use crate::client::PartnerClient;
use crate::client::transport::Transport;
use crate::registry::Maps;
use crate::wire::exact::Exact;

#[derive(Serialize)]
struct NewReturnOrder<'a> {
    reference: &'a str,
    order: &'a str,
    lines: Vec<ReturnedLine>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct ReturnedLine {
    line: u32,
    quantity: Exact,
    uom: String,
}

#[derive(Deserialize)]
struct ExistingReturnOrder {
    order: String,
}

#[derive(Deserialize)]
struct CreatedReturnOrder {
    number: DocumentNumber,
    authorized_at: Timestamp,
    valid_until: Timestamp,
}

/// Creates the return order.
pub(crate) async fn authorize<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &AuthorizationRequest,
    attempt: Attempt,
) -> Result<Authorized, CallFailure> {
    let maps = &client.partner.maps;
    let line = |(line, quantity): (&LineNo, &Quantity)| ReturnedLine {
        line: line.0.get(),
        quantity: Exact(quantity.amount()),
        uom: maps.their_unit(&quantity.uom()).to_owned(),
    };
    let lines = request.lines.iter().map(line).collect();
    let body = NewReturnOrder { reference: request.return_id.as_str(), order: request.order.as_str(), lines };
    let is_same = |existing: &ExistingReturnOrder| existing.order == body.order;
    let document = Document { path: "return-orders", reference: request.return_id.as_str(), key: request.key() };
    let created: CreatedReturnOrder = document::create(client, &document, &body, attempt, is_same).await?;
    Ok(Authorized { rma: created.number, at: created.authorized_at, valid_until: created.valid_until })
}

#[derive(Serialize)]
struct NewMovement<'a> {
    reference: &'a str,
    #[serde(rename = "return")]
    of: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'a str>,
    changes: Vec<Change>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    warehouse: String,
    sku: String,
    uom: String,
    disposition: String,
    quantity: Exact,
}

impl Change {
    fn of(change: &StockChange, maps: &Maps) -> Self {
        Self {
            warehouse: change.of.warehouse.to_string(),
            sku: maps.their_sku(&change.of.sku).to_owned(),
            uom: maps.their_unit(&change.of.uom).to_owned(),
            disposition: change.of.disposition.as_str().to_owned(),
            quantity: Exact(change.by.normalize()),
        }
    }
}

#[derive(Deserialize)]
struct ExistingMovement {
    changes: Vec<Change>,
}

/// Posts how the quantities of goods in custody change.
pub(crate) async fn move_stock<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    movement: &Movement,
    attempt: Attempt,
) -> Result<Moved, CallFailure> {
    let reference = format!("{}/{}", movement.return_id, movement.n);
    let mut changes: Vec<Change> = movement.changes.iter().map(|it| Change::of(it, &client.partner.maps)).collect();
    changes.sort();
    let order = movement.order.as_ref().map(OrderId::as_str);
    let body = NewMovement { reference: &reference, of: movement.return_id.as_str(), order, changes };
    let is_same = |existing: &ExistingMovement| {
        let mut changes = existing.changes.clone();
        changes.iter_mut().for_each(|change| change.quantity = Exact(change.quantity.0.normalize()));
        changes.sort();
        changes == body.changes
    };
    let document = Document { path: "stock-movements", reference: &reference, key: movement.key() };
    let created: Numbered = document::create(client, &document, &body, attempt, is_same).await?;
    Ok(Moved { n: movement.n, document: created.number })
}

#[derive(Serialize)]
struct NewMemo<'a> {
    reference: &'a str,
    #[serde(rename = "return")]
    of: &'a str,
    order: &'a str,
    invoice: &'a str,
    /// Absent for the shipping charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    quantity: Exact,
    #[serde(flatten)]
    amounts: WireAmounts,
}

#[derive(Serialize)]
struct WireAmounts {
    net: Exact,
    taxes: Vec<Tax>,
    currency: Currency,
}

#[derive(Serialize, Deserialize)]
struct Tax {
    code: String,
    amount: Exact,
}

impl WireAmounts {
    fn of(amounts: &Amounts) -> Self {
        let tax = |(code, tax): (&String, &Money)| Tax { code: code.clone(), amount: Exact(tax.amount) };
        let taxes = amounts.taxes.iter().map(tax).collect();
        Self { net: Exact(amounts.net.amount), taxes, currency: amounts.net.currency }
    }
}

fn of_net_and_taxes(net: Exact, taxes: Vec<Tax>, currency: Currency) -> Amounts {
    let money = |amount: Exact| Money { amount: amount.0, currency };
    Amounts { net: money(net), taxes: taxes.into_iter().map(|tax| (tax.code, money(tax.amount))).collect() }
}

/// What of a memo under our reference shows that it is the requested one. Its amounts may differ: then a person compares them.
#[derive(Deserialize)]
struct ExistingMemo {
    invoice: String,
    #[serde(default)]
    line: Option<u32>,
    quantity: Exact,
}

#[derive(Deserialize)]
struct PostedMemo {
    number: DocumentNumber,
    // Not flattened: an exact decimal is read from its own text, which a flattened member does not have.
    net: Exact,
    #[serde(default)]
    taxes: Vec<Tax>,
    currency: Currency,
}

/// Posts a credit memo or a debit memo, and reads it back.
pub(crate) async fn adjust<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    adjustment: &Adjustment,
    attempt: Attempt,
) -> Result<Posted, CallFailure> {
    let key = adjustment.key();
    let line = match adjustment.account {
        Account::Line(line) => Some(line.0.get()),
        Account::Shipping => None,
    };
    let body = NewMemo {
        reference: &key,
        of: adjustment.return_id.as_str(),
        order: adjustment.order.as_str(),
        invoice: adjustment.invoice.as_str(),
        line,
        quantity: Exact(adjustment.units),
        amounts: WireAmounts::of(&adjustment.amounts),
    };
    let is_same = |existing: &ExistingMemo| {
        existing.invoice == body.invoice && existing.line == line && existing.quantity.0 == adjustment.units
    };
    let path = if adjustment.is_debit { "debit-memos" } else { "credit-memos" };
    let document = Document { path, reference: &key, key: key.clone() };
    let created: Numbered = document::create(client, &document, &body, attempt, is_same).await?;
    for item in document::look_up(client, path, &key).await? {
        let posted: PostedMemo = document::read_item(client, &item)?;
        if posted.number == created.number {
            let (account, n) = (adjustment.account, adjustment.n);
            let amounts = of_net_and_taxes(posted.net, posted.taxes, posted.currency);
            return Ok(Posted { account, n, document: posted.number, amounts });
        }
    }
    Err(client.unreadable("a memo was created, and the look-up by its reference does not list it"))
}

#[derive(Deserialize)]
struct InvoiceItem {
    number: DocumentNumber,
    issued_at: Timestamp,
    currency: Currency,
    lines: Vec<InvoiceLine>,
    #[serde(default)]
    shipping: Option<NetAndTaxes>,
}

#[derive(Deserialize)]
struct InvoiceLine {
    line: LineNo,
    quantity: Exact,
    uom: String,
    net: Exact,
    #[serde(default)]
    taxes: Vec<Tax>,
}

#[derive(Deserialize)]
struct NetAndTaxes {
    net: Exact,
    #[serde(default)]
    taxes: Vec<Tax>,
}

/// Reads the newest invoice of an order.
pub(crate) async fn read_invoice<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    order: &OrderId,
) -> Result<Option<InvoicedOrder>, CallFailure> {
    let mut invoices = Vec::new();
    for item in document::look_up(client, "invoices", order.as_str()).await? {
        if !document::is_undone(client, &item)? {
            invoices.push(invoiced(client, document::read_item(client, &item)?)?);
        }
    }
    Ok(invoices.into_iter().max_by(|one, other| (one.at, &one.invoice).cmp(&(other.at, &other.invoice))))
}

fn invoiced<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    item: InvoiceItem,
) -> Result<InvoicedOrder, CallFailure> {
    let amounts = |NetAndTaxes { net, taxes }: NetAndTaxes| of_net_and_taxes(net, taxes, item.currency);
    let mut lines = BTreeMap::new();
    for line in item.lines {
        let unit =
            client.partner.maps.unit(&line.uom).map_err(|_| client.unreadable("an invoice has no usable unit"))?;
        let quantity = Quantity::new(line.quantity.0, unit);
        let quantity = quantity.map_err(|_| client.unreadable("an invoice has no usable quantity"))?;
        lines.insert(
            line.line,
            InvoicedLine { quantity, amounts: amounts(NetAndTaxes { net: line.net, taxes: line.taxes }) },
        );
    }
    let shipping = item.shipping.map(amounts);
    Ok(InvoicedOrder { invoice: item.number, at: item.issued_at, lines, shipping })
}
