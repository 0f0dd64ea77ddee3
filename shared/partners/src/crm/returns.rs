//! Reads a return, from a CRM's webhook or from the body of `POST /v1/returns`.

use std::collections::BTreeSet;

use domain::returns::{AskedLine, Outcome, ReasonClass};
use domain::{LineNo, OrderId, PartnerId, Quantity, Serial};
use engine::http::Offence;
use engine::returns::NewReturn;
use jiff::Timestamp;

use crate::crm::order::external_id;
use crate::registry::Maps;
use crate::wire::fields::{self, Place, Report};

/// More lines than an order has.
const MAX_LINES: usize = 500;

/// Reads the body of `POST /v1/returns`. A member that we do not read is an offence, as in an order.
///
/// # Errors
/// Every offending place.
pub fn read_return_body(source: &PartnerId, body: &[u8], now: Timestamp) -> Result<NewReturn, Vec<Offence>> {
    let value = fields::json(body)?;
    let report = Report::default();
    let root = report.root(&value);
    root.only(&["id", "order", "outcome", "lines"]);
    let order = root.object().and_then(|_| root.at("order").parse());
    for line in root.at("lines").items() {
        line.only(&["line", "quantity", "uom", "reason", "serials"]);
    }
    let read = read(&root, source, &Maps::default(), order, now);
    report.into_result(read)
}

/// Reads a return of `order`; `None` if there is an offence.
pub(super) fn read(
    place: &Place<'_>,
    source: &PartnerId,
    maps: &Maps,
    order: Option<OrderId>,
    requested_at: Timestamp,
) -> Option<NewReturn> {
    place.object()?;
    let id = external_id(&place.at("id"));
    let outcome = outcome(&place.at("outcome"));
    let lines = lines(&place.at("lines"), maps);
    Some(NewReturn {
        source: source.clone(),
        external_id: id?,
        order: order?,
        outcome: outcome?,
        lines: lines?,
        requested_at,
    })
}

fn outcome(place: &Place<'_>) -> Option<Outcome> {
    match place.optional_text() {
        None | Some("credit") => Some(Outcome::Credit),
        Some("exchange") => Some(Outcome::Exchange),
        Some("repair") => Some(Outcome::Repair),
        Some(_) => {
            place.refuse("must be credit, exchange or repair");
            None
        }
    }
}

fn lines(place: &Place<'_>, maps: &Maps) -> Option<Vec<AskedLine>> {
    let items = place.some_items("needs at least one line")?;
    if items.len() > MAX_LINES {
        place.refuse(format_args!("has more than {MAX_LINES} lines"));
        return None;
    }
    let lines: Vec<Option<AskedLine>> = items.iter().map(|item| line(item, maps)).collect();
    let mut numbers = BTreeSet::new();
    for (item, line) in items.iter().zip(&lines) {
        if line.as_ref().is_some_and(|line| !numbers.insert(line.line)) {
            item.at("line").refuse("is the number of another line");
        }
    }
    lines.into_iter().collect()
}

fn line(place: &Place<'_>, maps: &Maps) -> Option<AskedLine> {
    place.object()?;
    let number = place.at("line").whole(1..=999_999).and_then(|n| u32::try_from(n).ok()).and_then(LineNo::new);
    let uom_place = place.at("uom");
    let uom = uom_place.text().and_then(|text| uom_place.take(maps.unit(text)));
    let quantity_place = place.at("quantity");
    let amount = quantity_place.decimal();
    let serials: Option<BTreeSet<Serial>> = place.at("serials").items().iter().map(Place::parse).collect();
    let reason_code = place.at("reason").words(64)?;
    // A code that is none of ours says nothing of who bears the loss, so that a person decides.
    let reason = ReasonClass::ALL.iter().find(|it| it.as_str() == reason_code).copied().unwrap_or(ReasonClass::Other);
    let quantity = quantity_place.take(Quantity::new(amount?, uom?))?;
    if quantity.is_zero() {
        quantity_place.refuse("must be more than zero");
        return None;
    }
    Some(AskedLine { line: number?, quantity, reason, reason_code, serials: serials? })
}
