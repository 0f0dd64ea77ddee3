//! Where the ERP has stock before any allocation, and which location it prefers.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::parse;

/// The locations of the stock, in the order in which an allocation without an address tries them.
pub(crate) const LOCATIONS: [&str; 2] = ["EAST", "WEST"];

/// On hand, in eaches, of an SKU that is stocked at a location.
pub(crate) const PLENTY: i64 = 1_000_000;

/// States that the stock in the west is nearer to.
pub(crate) const WESTERN: [&str; 11] = ["AK", "AZ", "CA", "CO", "HI", "ID", "NV", "OR", "UT", "WA", "NM"];

/// The stock before any allocation, in eaches, by the SKU's name.
pub(crate) fn first_stock(sku: &str, location: &str) -> Decimal {
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
pub(crate) fn preferred(ship_to: Option<&Value>) -> [&'static str; 2] {
    let field = |name: &str| ship_to.and_then(|address| address.get(name)).and_then(Value::as_str);
    let western = match (field("country"), field("region")) {
        (Some("US"), Some(region)) => WESTERN.contains(&region),
        (Some("JP" | "AU" | "NZ"), _) => true,
        _ => false,
    };
    let [east, west] = LOCATIONS;
    if western { [west, east] } else { [east, west] }
}
