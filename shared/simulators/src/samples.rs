//! Sample orders of the CRM: different from one another, the same for the same seed. The people in them do not exist.

use fastrand::Rng;
use serde_json::{Value, json};

/// An address with the currency that its customers pay in.
struct Place {
    city: &'static str,
    region: Option<&'static str>,
    postal_code: &'static str,
    country: &'static str,
    currency: &'static str,
}

const PLACES: [Place; 10] = [
    place("New York", Some("NY"), "10001", "US", "USD"),
    place("Los Angeles", Some("CA"), "90012", "US", "USD"),
    place("London", None, "EC1A 1BB", "GB", "GBP"),
    place("Boston", Some("MA"), "02108", "US", "USD"),
    place("Seattle", Some("WA"), "98101", "US", "USD"),
    place("Berlin", None, "10115", "DE", "EUR"),
    place("Atlanta", Some("GA"), "30303", "US", "USD"),
    place("Portland", Some("OR"), "97204", "US", "USD"),
    place("Chicago", Some("IL"), "60602", "US", "USD"),
    place("Phoenix", Some("AZ"), "85004", "US", "USD"),
];

const NAMES: [&str; 8] = [
    "Ada Example",
    "Ben Sample",
    "Cleo Muster",
    "Dan Beispiel",
    "Eve Exemple",
    "Finn Muestra",
    "Gia Esempio",
    "Hal Voorbeeld",
];

/// `count` orders with the ids that `id` gives.
pub fn orders(count: usize, seed: u64, mut id: impl FnMut() -> String) -> Vec<Value> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|place| order(place, id(), &mut rng)).collect()
}

fn order(index: usize, id: String, rng: &mut Rng) -> Value {
    let place = PLACES.get(index % PLACES.len()).unwrap_or(&PLACES[0]);
    let name = NAMES.get(rng.usize(0..NAMES.len())).unwrap_or(&NAMES[0]);
    let street = rng.u32(1..400);
    json!({
        "id": id,
        "customer": {"id": format!("C-{}", 100 + rng.u32(0..40)), "name": format!("{} Trading", place.city)},
        "customer_po": format!("PO-{id}"),
        "currency": place.currency,
        "service_level": if rng.u8(0..4) == 0 { "expedited" } else { "standard" },
        "requested_by": null,
        "ship_complete": false,
        "ship_to": {
            "name": name,
            "line1": format!("{street} Sample Street"),
            "city": place.city,
            "region": place.region,
            "postal_code": place.postal_code,
            "country": place.country,
            "phone": null,
            "email": "someone@example.com",
        },
        "lines": lines(index, rng),
    })
}

/// Every kind of order, one after the other.
fn lines(index: usize, rng: &mut Rng) -> Value {
    let n = index + 2;
    let mut some = |most: u32| rng.u32(1..=most).to_string();
    match index % 8 {
        0 => json!([line(1, format!("SKU-{n}"), some(5), "EA")]),
        1 => json!([line(1, format!("SKU-{n}"), some(4), "EA"), line(2, format!("SKU-{}", n + 100), some(4), "EA")]),
        2 => json!([line(1, format!("SKU-{n}-C12"), some(3), "CS")]),
        3 => json!([line(1, format!("SKU-{n}-E"), some(5), "EA"), line(2, format!("SKU-{n}-W"), some(5), "EA")]),
        4 => json!([line(1, format!("SKU-{n}-C12"), some(2), "CS"), line(2, format!("SKU-{n}-C12"), some(11), "EA")]),
        5 => json!([line(1, format!("SKU-{n}-SPLIT"), (rng.u32(1..4) * 2).to_string(), "EA")]),
        6 => json!([line(1, format!("SKU-{n}-W"), some(6), "EA")]),
        _ => json!([
            line(1, format!("SKU-{n}"), some(3), "EA"),
            line(2, format!("SKU-{}-C12", n + 200), some(2), "CS"),
            line(3, format!("SKU-{}", n + 300), some(9), "EA"),
        ]),
    }
}

fn line(line: u32, sku: String, quantity: String, uom: &str) -> Value {
    json!({"line": line, "sku": sku, "quantity": quantity, "uom": uom})
}

const fn place(
    city: &'static str,
    region: Option<&'static str>,
    postal_code: &'static str,
    country: &'static str,
    currency: &'static str,
) -> Place {
    Place { city, region, postal_code, country, currency }
}
