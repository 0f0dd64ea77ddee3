//! Reads an order, from a CRM's webhook or from the body of `POST /v1/orders`.

use std::collections::BTreeSet;

use domain::order::{Expected, OrderLine, ServiceLevel, Spelling, Submission};
use domain::party::{Party, PartyRef};
use domain::{Currency, ExternalId, LineNo, Money, OrderId, PartnerId, Quantity};
use engine::http::Offence;
use engine::inbound::NewOrder;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::registry::{DEADLINE_DAYS, Maps};
use crate::wire::countries;
use crate::wire::fields::{self, Place, Report};
use crate::wire::postal_codes;
use crate::wire::regions;
use crate::wire::times;

/// More lines would not fit into one commit.
const MAX_LINES: usize = 500;

/// How to read an order, and what its message says about it.
pub(crate) struct Terms<'a> {
    pub(crate) source: &'a PartnerId,
    pub(crate) maps: &'a Maps,
    pub(crate) ordered_at: Timestamp,
    pub(crate) received_at: Timestamp,
    pub(crate) deadline_days: u32,
    /// Whether members that we do not read are offences.
    pub(crate) strict: bool,
    /// Which spellings of a purchase order number the sender does not tell apart.
    pub(crate) spelling: Spelling,
}

impl Terms<'_> {
    fn only(&self, place: &Place<'_>, known: &[&str]) {
        if self.strict {
            place.only(known);
        }
    }
}

/// Reads the body of `POST /v1/orders`: the order as in `data` of a CRM's webhook, with an optional `ordered_at`. A member that
/// we do not read is an offence: if an optional member were misspelled, the order would mean something else.
///
/// # Errors
/// Every offending place.
pub fn read_order_body(source: &PartnerId, body: &[u8], now: Timestamp) -> Result<NewOrder, Vec<Offence>> {
    let value = fields::json(body)?;
    let report = Report::default();
    let root = report.root(&value);
    let maps = Maps::default();
    let ordered_at = times::first(&[root.at("ordered_at")], &TimeZone::UTC, now);
    let order = ordered_at.and_then(|ordered| {
        let terms = Terms {
            source,
            maps: &maps,
            ordered_at: ordered.at,
            received_at: now,
            deadline_days: DEADLINE_DAYS,
            strict: true,
            spelling: Spelling::Exact,
        };
        read(&root, &terms)
    });
    report.into_result(order)
}

/// Reads an order; `None` if there is an offence.
pub(crate) fn read(place: &Place<'_>, terms: &Terms<'_>) -> Option<NewOrder> {
    place.object()?;
    let members = [
        "id",
        "customer",
        "customer_po",
        "currency",
        "service_level",
        "requested_by",
        "ship_complete",
        "ship_to",
        "lines",
        "expected_total",
        "expected_tax",
        "ordered_at",
    ];
    terms.only(place, &members);
    let external_id = external_id(&place.at("id"));
    let customer_place = place.at("customer");
    terms.only(&customer_place, &["id", "name"]);
    let customer = customer_place.object().and_then(|_| customer_place.at("id").parse());
    let customer_po = place.at("customer_po").parse();
    let currency: Option<Currency> = place.at("currency").parse();
    let service_level = service_level(&place.at("service_level"), terms.maps);
    let requested_by = requested_by(&place.at("requested_by"));
    let ship_complete = place.at("ship_complete").flag(false);
    let party = party(&place.at("ship_to"), terms);
    let lines = lines(&place.at("lines"), terms);
    let expected = expected(place, currency, terms);
    let (external_id, party, lines) = (external_id?, party?, lines?);
    let mut submission = Submission {
        ship_to: PartyRef { order: OrderId::derive(terms.source, &external_id), n: 1 },
        source: terms.source.clone(),
        external_id,
        customer: customer?,
        customer_po: customer_po?,
        currency: currency?,
        service_level: service_level?,
        ship_complete,
        requested_by,
        destination: party.destination(),
        lines,
        expected: expected?,
        digest: String::new(),
        ordered_at: terms.ordered_at,
        deadline: deadline(terms),
    };
    let purchase_order = terms.spelling.canonical(&submission.customer_po);
    submission.digest = digest(&submission, &party, &purchase_order);
    Some(NewOrder { submission, party, spelling: terms.spelling })
}

/// Counted from the later of the order's time and its arrival, so that an order that arrives late is not overdue at once.
fn deadline(terms: &Terms<'_>) -> Timestamp {
    let from = terms.ordered_at.max(terms.received_at);
    from.checked_add(SignedDuration::from_hours(i64::from(terms.deadline_days) * 24)).unwrap_or(Timestamp::MAX)
}

/// The id becomes part of the URL of each status update.
pub(crate) fn external_id(place: &Place<'_>) -> Option<ExternalId> {
    let id: ExternalId = place.parse()?;
    if !can_stand_in_a_url(&id) {
        place.refuse("cannot stand in a URL");
        return None;
    }
    Some(id)
}

pub(crate) fn can_stand_in_a_url(id: &ExternalId) -> bool {
    !matches!(id.as_str(), "." | "..")
}

fn service_level(place: &Place<'_>, maps: &Maps) -> Option<ServiceLevel> {
    if place.is_blank() {
        return Some(ServiceLevel::Standard);
    }
    let text = place.text()?;
    let own = match text {
        "standard" => Some(ServiceLevel::Standard),
        "expedited" => Some(ServiceLevel::Expedited),
        _ => None,
    };
    let level = maps.service_level(text).or(own);
    if level.is_none() {
        place.refuse("must be standard or expedited");
    }
    level
}

fn requested_by(place: &Place<'_>) -> Option<Date> {
    let text = place.optional_text()?;
    // A time of day would mean a promise that no warehouse can be told of.
    let date = text.parse().ok().filter(|_| text.len() == "2026-03-02".len());
    if date.is_none() {
        place.refuse("must be a date, such as \"2026-03-02\"");
    }
    date
}

fn party(place: &Place<'_>, terms: &Terms<'_>) -> Option<Party> {
    place.object()?;
    let members = ["name", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone", "email"];
    terms.only(place, &members);
    let country = place.at("country");
    let code = country.text().filter(|code| {
        let is_known = countries::is_known(code);
        if !is_known {
            country.refuse("is not an ISO 3166-1 alpha-2 code, such as \"DE\"");
        }
        is_known
    });
    let email_place = place.at("email");
    let email = email_place.optional_words(254);
    if email.as_ref().is_some_and(|email| !email.contains('@') || email.contains(' ')) {
        email_place.refuse("is not an e-mail address");
    }
    let (name, line1) = (place.at("name").words(100), place.at("line1").words(100));
    let city = place.at("city").words(100);
    let postal_code = postal_code(&place.at("postal_code"), code);
    let company = place.at("company").optional_words(100);
    let line2 = place.at("line2").optional_words(100);
    let region = region(&place.at("region"), code);
    let phone = place.at("phone").optional_words(40);
    Some(Party {
        name: name?,
        company,
        line1: line1?,
        line2,
        city: city?,
        region,
        postal_code: postal_code?,
        country: code?.to_owned(),
        phone,
        email,
    })
}

/// A postal code; `None` if there is an offence, `Some(None)` if the country needs none and none is given.
fn postal_code(place: &Place<'_>, country: Option<&str>) -> Option<Option<String>> {
    if place.is_blank() && country.is_some_and(|country| !postal_codes::is_needed(country)) {
        return Some(None);
    }
    let code = place.words(20)?;
    if let Some(form) = country.and_then(|country| postal_codes::missed_form(country, &code)) {
        place.refuse(form);
        return None;
    }
    Some(Some(code))
}

/// The code of a region, however it is written: price, tax and the choice of a warehouse depend on it.
fn region(place: &Place<'_>, country: Option<&str>) -> Option<String> {
    let text = place.clone().optional_words(50);
    let country = country?;
    if place.is_blank() && regions::is_needed(country) {
        place.refuse(format_args!("is missing: an address in {country} needs the code of ISO 3166-2, such as \"NY\""));
    }
    let code = regions::code(country, &text?);
    if code.is_none() {
        place.refuse(format_args!("is no region of {country} in ISO 3166-2, such as \"NY\""));
    }
    code
}

fn lines(place: &Place<'_>, terms: &Terms<'_>) -> Option<Vec<OrderLine>> {
    let items = place.some_items("needs at least one line")?;
    if items.len() > MAX_LINES {
        place.refuse(format_args!("has more than {MAX_LINES} lines"));
        return None;
    }
    let mut numbers = BTreeSet::new();
    let mut all = Some(Vec::with_capacity(items.len()));
    for item in &items {
        let line = line(item, terms);
        if let Some(line) = &line
            && !numbers.insert(line.line)
        {
            item.at("line").refuse("is the number of another line");
        }
        all = all.zip(line).map(|(mut all, line)| {
            all.push(line);
            all
        });
    }
    all
}

fn line(place: &Place<'_>, terms: &Terms<'_>) -> Option<OrderLine> {
    let maps = terms.maps;
    place.object()?;
    terms.only(place, &["line", "sku", "quantity", "uom"]);
    let number = place.at("line").whole(1..=999_999).and_then(|n| u32::try_from(n).ok()).and_then(LineNo::new);
    let sku_place = place.at("sku");
    let sku = sku_place.text().and_then(|text| sku_place.take(maps.sku(text)));
    let uom_place = place.at("uom");
    let uom = uom_place.text().and_then(|text| uom_place.take(maps.unit(text)));
    let quantity_place = place.at("quantity");
    let amount = quantity_place.decimal();
    let quantity = quantity_place.take(Quantity::new(amount?, uom?))?;
    if quantity.is_zero() {
        quantity_place.refuse("must be more than zero");
        return None;
    }
    Some(OrderLine { line: number?, sku: sku?, quantity })
}

/// The price that the customer expects. It is not in the order's digest: an order is the same with or without it.
fn expected(order: &Place<'_>, currency: Option<Currency>, terms: &Terms<'_>) -> Option<Option<Expected>> {
    let (total_place, tax_place) = (order.at("expected_total"), order.at("expected_tax"));
    if total_place.is_absent() && !tax_place.is_absent() {
        tax_place.refuse("goes with expected_total");
        return None;
    }
    if total_place.is_absent() {
        return Some(None);
    }
    let total = amount(&total_place, currency, terms);
    let tax = amount(&tax_place, currency, terms);
    Some(Some(Expected { total: total?, tax }))
}

/// An amount in the order's currency; another currency is an offence.
fn amount(place: &Place<'_>, currency: Option<Currency>, terms: &Terms<'_>) -> Option<Decimal> {
    if place.is_absent() {
        return None;
    }
    place.object()?;
    terms.only(place, &["amount", "currency"]);
    let theirs: Option<Currency> = place.at("currency").parse();
    let amount = place.at("amount").decimal();
    if let (Some(theirs), Some(ours)) = (theirs, currency)
        && theirs != ours
    {
        place.at("currency").refuse("is not the order's currency");
    }
    if let (Some(amount), Some(currency)) = (amount, theirs) {
        if !(Money { amount, currency }).is_whole_minor_units() {
            place.at("amount").refuse(format_args!("has more than {} decimals", currency.minor_units()));
        }
        if amount.is_sign_negative() {
            place.at("amount").refuse("is less than zero");
        }
    }
    amount
}

/// The content that the digest covers. Sender, external id and time are left out, so that the same order from two systems has one digest.
#[derive(Serialize)]
struct Canonical<'a> {
    customer: &'a str,
    customer_po: &'a str,
    currency: String,
    service_level: ServiceLevel,
    requested_by: Option<String>,
    ship_complete: bool,
    ship_to: &'a Party,
    lines: Vec<(u32, &'a str, String, String)>,
}

fn digest(order: &Submission, party: &Party, purchase_order: &str) -> String {
    let mut lines: Vec<(u32, &str, String, String)> = Vec::with_capacity(order.lines.len());
    for line in &order.lines {
        let quantity = line.quantity;
        lines.push((line.line.0.get(), line.sku.as_str(), quantity.amount().to_string(), quantity.uom().to_string()));
    }
    lines.sort();
    let canonical = Canonical {
        customer: order.customer.as_str(),
        customer_po: purchase_order,
        currency: order.currency.to_string(),
        service_level: order.service_level,
        requested_by: order.requested_by.map(|date| date.to_string()),
        ship_complete: order.ship_complete,
        ship_to: party,
        lines,
    };
    // None of these types can fail to serialize.
    let text = serde_json::to_vec(&canonical).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}
