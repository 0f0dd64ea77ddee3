//! The ERP's price list: unit prices, tax rates, currencies, and how amounts are rounded.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use crate::exchange::{Reply, fnv};
use crate::parse;
use crate::work::Line;

/// A currency of the price list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Currency {
    pub(crate) code: &'static str,
    /// Decimal places of an amount.
    pub(crate) places: u32,
    /// The price list's rate for one US dollar.
    pub(crate) per_dollar: Decimal,
}

pub(crate) fn currency(body: &Value) -> Result<Currency, Reply> {
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

pub(crate) fn customer(body: &Value) -> Result<&str, Reply> {
    let customer = parse::text(body, "customer")?;
    if customer.starts_with("C-") {
        Ok(customer)
    } else {
        Err(Reply::refused(422, "UNKNOWN_CUSTOMER", "there is no such customer"))
    }
}

pub(crate) fn price(body: &Value) -> Result<Value, Reply> {
    customer(body)?;
    let currency = currency(body)?;
    let rate = tax_rate(parse::text(body, "country")?, body.get("region").and_then(Value::as_str));
    let (mut subtotal, mut taxes) = (Decimal::ZERO, Decimal::ZERO);
    let mut lines = Vec::new();
    for line in parse::lines(body)? {
        let unit_price = unit_price(&line, &currency);
        // Amount and tax are rounded once per line, half away from zero, to the currency's places.
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

pub(crate) fn factor(line: &Line) -> Decimal {
    Decimal::from(parse::eaches(&line.sku, &line.uom).unwrap_or(1))
}

pub(crate) fn rounded(amount: Decimal, currency: &Currency) -> Decimal {
    rounded_to(amount, currency.places)
}

fn rounded_to(amount: Decimal, places: u32) -> Decimal {
    amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

/// An amount with exactly its currency's places.
pub(crate) fn money(amount: Decimal, currency: &Currency) -> String {
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
