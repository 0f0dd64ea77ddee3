//! Parsing of request bodies.

use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::exchange::Reply;
use crate::work::Line;

/// The largest quantity, far from the limits of exact arithmetic.
const MOST: i64 = 1_000_000_000;

/// A required text.
pub(crate) fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, Reply> {
    body.get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Reply::refused(422, "MALFORMED", &format!("{name} is missing or no text")))
}

/// A required decimal, written as a text.
pub(crate) fn decimal(body: &Value, name: &str) -> Result<Decimal, Reply> {
    let written = text(body, name)?;
    match Decimal::from_str(written) {
        Ok(number) if number.abs() <= Decimal::from(MOST) => Ok(number),
        Ok(_) | Err(_) => Err(Reply::refused(422, "MALFORMED", &format!("{name} is no decimal within reason"))),
    }
}

/// The lines of a request: positive whole quantities of SKUs that the catalog has, in units that the SKU has.
pub(crate) fn lines(body: &Value) -> Result<Vec<Line>, Reply> {
    let lines = body
        .get("lines")
        .and_then(Value::as_array)
        .filter(|lines| !lines.is_empty())
        .ok_or_else(|| Reply::refused(422, "MALFORMED", "lines are missing"))?;
    lines.iter().map(line).collect()
}

/// How many eaches a unit of an SKU is; `None` for a unit that the SKU does not have.
pub(crate) fn eaches(sku: &str, uom: &str) -> Option<u32> {
    match uom {
        "EA" => Some(1),
        "CS" if has_part(sku, "C12") => Some(12),
        _ => None,
    }
}

/// Whether an SKU has a part between its dashes: `SKU-1-W-C12` has `W` and `C12`.
pub(crate) fn has_part(sku: &str, part: &str) -> bool {
    sku.split('-').any(|known| known == part)
}

fn line(body: &Value) -> Result<Line, Reply> {
    let number = body
        .get("line")
        .and_then(Value::as_i64)
        .ok_or_else(|| Reply::refused(422, "MALFORMED", "a line has no number"))?;
    let sku = text(body, "sku")?;
    let uom = text(body, "uom")?;
    if !sku.starts_with("SKU-") || has_part(sku, "UNKNOWN") {
        return Err(refused("UNKNOWN_SKU", number, &format!("{sku} is not in the catalog")));
    }
    if eaches(sku, uom).is_none() {
        return Err(refused("UNKNOWN_UOM", number, &format!("{sku} has no unit {uom}")));
    }
    let quantity = decimal(body, "quantity")?;
    if quantity <= Decimal::ZERO || !quantity.fract().is_zero() {
        return Err(refused("QUANTITY", number, "a quantity is a positive whole number of its unit"));
    }
    Ok(Line::new(number, sku, quantity.normalize(), uom))
}

fn refused(code: &str, line: i64, reason: &str) -> Reply {
    Reply::json(422, &serde_json::json!({"code": code, "line": line, "reason": reason}))
}
