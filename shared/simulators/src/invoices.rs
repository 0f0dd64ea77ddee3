//! The ERP's invoices: what a part of a sales order comes to, line by line.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

use crate::exchange::{Reply, written};
use crate::parse;
use crate::pricing::{currency, factor, money, rounded};
use crate::work::Line;

/// The code of the only tax.
const TAX: &str = "SALES";

#[derive(Debug, Serialize)]
pub(crate) struct Invoice {
    pub(crate) number: String,
    pub(crate) reference: String,
    pub(crate) sales_order: String,
    pub(crate) issued_at: String,
    pub(crate) currency: String,
    pub(crate) total: String,
    pub(crate) lines: Vec<InvoiceLine>,
}

#[derive(Debug, Serialize)]
pub(crate) struct InvoiceLine {
    #[serde(flatten)]
    line: Line,
    net: String,
    taxes: Vec<Value>,
}

/// The lines and the total for a part of an order: each line's amount and tax in proportion, rounded once, so that an invoice of
/// everything has exactly the order's total. `asked` is the order as it was sent.
pub(crate) fn billed(code: &str, asked: &Value, lines: Vec<Line>) -> Result<(String, Vec<InvoiceLine>), Reply> {
    let currency = currency(&json!({"currency": code}))?;
    let ordered = parse::lines(asked)?;
    let mut total = Decimal::ZERO;
    let mut billed = Vec::new();
    for line in lines {
        let index = ordered.iter().position(|known| known.line == line.line && known.sku == line.sku);
        let booked = index.and_then(|index| Some((ordered.get(index)?, asked.get("lines")?.get(index)?)));
        let Some((known, booked)) = booked else {
            return Err(Reply::refused(422, "UNKNOWN_LINE", "the order has no such line"));
        };
        let (part, all) = (line.quantity * factor(&line), known.quantity * factor(known));
        let of = |name: &str| Ok::<_, Reply>(rounded(parse::decimal(booked, name)? * part / all, &currency));
        let (net, tax) = (of("amount")?, of("tax")?);
        total += net + tax;
        let taxes = vec![json!({"code": TAX, "amount": money(tax, &currency)})];
        billed.push(InvoiceLine { line, net: money(net, &currency), taxes });
    }
    Ok((money(total, &currency), billed))
}

/// The time on an invoice.
pub(crate) fn issued(now: Timestamp) -> String {
    written(now)
}
