//! `POST /prices`.

use std::num::NonZeroU32;

use domain::order::{PriceQuery, Quote, QuotedLine};
use domain::{Currency, Money, Rejection};
use engine::partner::{CallFailure, PriceAnswer, Secrets};
use serde::{Deserialize, Serialize};

use super::document::{only, refused};
use crate::client::rejection::rejection;
use crate::client::transport::{Method, Transport};
use crate::client::{Answer, PartnerClient};
use crate::registry::Maps;
use crate::rest::Line;
use crate::wire::exact::Exact;

#[derive(Serialize)]
struct PriceRequest<'a> {
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
    lines: Vec<PricedLine>,
    subtotal: Exact,
    tax: Exact,
    total: Exact,
}

#[derive(Deserialize)]
struct PricedLine {
    line: u32,
    unit_price: Exact,
    amount: Exact,
    tax: Exact,
    /// The stock keeping unit of measure; the ordered one if absent.
    base_uom: Option<String>,
    per_uom: Option<Ratio>,
}

/// Base units per ordered unit.
#[derive(Deserialize)]
struct Ratio {
    numerator: NonZeroU32,
    denominator: NonZeroU32,
}

const ONE: Ratio = Ratio { numerator: NonZeroU32::MIN, denominator: NonZeroU32::MIN };

/// Asks for price and tax.
pub(crate) async fn price<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    query: &PriceQuery,
) -> Result<PriceAnswer, CallFailure> {
    let maps = &client.partner.maps;
    let request = PriceRequest {
        customer: query.customer.as_str(),
        currency: query.currency,
        country: &query.destination.country,
        region: &query.destination.region,
        lines: query.lines.iter().map(|line| Line::from_order_line(line, maps)).collect(),
    };
    let post = client.write(Method::Post, client.url(&["prices"])?, None, &request)?;
    match client.call(&post).await? {
        Answer::Done(reply) => {
            let priced: Priced = client.read(&reply)?;
            quote(priced, query, maps).map_err(|why| client.unreadable(why))
        }
        Answer::Unprocessable(reply) | Answer::Conflict(reply) => Ok(PriceAnswer::Unpriceable(rejection(&reply))),
        Answer::NotFound(reply) => Err(refused(&reply)),
    }
}

/// A quote needs each line of the query exactly once, and no other line.
fn quote(priced: Priced, query: &PriceQuery, maps: &Maps) -> Result<PriceAnswer, &'static str> {
    let is_queried = |line: &&PricedLine| query.lines.iter().any(|queried| queried.line.0.get() == line.line);
    if let Some(other) = priced.lines.iter().find(|line| !is_queried(line)) {
        let why = format!("the ERP priced line {}, which the order does not have", other.line);
        return Ok(PriceAnswer::Unpriceable(Rejection::new("LINE_NOT_ORDERED", why)));
    }
    let money = |amount: Exact| Money { amount: amount.0, currency: priced.currency };
    let mut lines = Vec::with_capacity(query.lines.len());
    for queried in &query.lines {
        let line =
            only(&priced.lines, |line| line.line == queried.line.0.get()).ok_or("a line is not priced exactly once")?;
        let ordered_uom = queried.quantity.uom();
        let (base_uom, ratio) = match (&line.base_uom, &line.per_uom) {
            (None, None) => (ordered_uom, &ONE),
            (Some(unit), Some(ratio)) => (maps.unit(unit).map_err(|_| "a base unit is not a unit")?, ratio),
            (Some(unit), None) if maps.unit(unit) == Ok(ordered_uom) => (ordered_uom, &ONE),
            (Some(_), None) | (None, Some(_)) => return Err("a base unit and its ratio go together"),
        };
        lines.push(QuotedLine {
            line: queried.line,
            base_uom,
            numerator: ratio.numerator,
            denominator: ratio.denominator,
            unit_price: line.unit_price.0,
            amount: line.amount.0,
            tax: line.tax.0,
        });
    }
    Ok(PriceAnswer::Quoted(Quote {
        revision: query.revision,
        lines,
        subtotal: money(priced.subtotal),
        tax: money(priced.tax),
        total: money(priced.total),
    }))
}
