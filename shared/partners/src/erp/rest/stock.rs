//! `POST /allocations`, `GET /allocations`, `POST /allocations/{id}/release`, `POST /stock-checks`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use domain::order::{
    AllocatedLine, Allocation, AllocationRequest, Component, Deallocation, LineQuantity, Source, StockQuery,
};
use domain::{EffectRequest as _, Quantity, Uom};
use engine::partner::{Attempt, CallFailure, Secrets};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::document::{self, Document, is_undone, look_up, only, read_item, refused, undo};
use crate::client::transport::{Method, Transport};
use crate::client::{Answer, PartnerClient};
use crate::erp::kits;
use crate::registry::Maps;
use crate::rest::{Items, Line, same_lines};
use crate::wire::exact::Exact;

/// A new allocation, or a stock check.
#[derive(Serialize)]
struct StockRequest<'a> {
    reference: &'a str,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Created {
    id: String,
    lines: Vec<LineAnswer>,
}

#[derive(Deserialize)]
struct LineAnswer {
    line: u32,
    /// Needed for a kit: its components have the same line number.
    sku: Option<String>,
    sources: Vec<LocationQuantity>,
    short: Exact,
}

#[derive(Deserialize)]
struct LocationQuantity {
    location: String,
    quantity: Exact,
}

#[derive(Deserialize)]
struct ExistingAllocation {
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct AllocationId {
    id: String,
}

/// What a location has of a product and has not allocated.
#[derive(Deserialize)]
struct OnHand {
    sku: String,
    location: String,
    available: Exact,
    uom: String,
}

/// Allocates stock, with kits as their components.
pub(crate) async fn allocate<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &AllocationRequest,
    attempt: Attempt,
) -> Result<Allocation, CallFailure> {
    let maps = &client.partner.maps;
    let reference = request.reference();
    let body = StockRequest { reference: &reference, lines: exploded(&request.lines, maps)? };
    let is_same = |existing: &ExistingAllocation| same_lines(&existing.lines, &body.lines);
    let document = Document { path: "allocations", reference: &reference, key: request.key() };
    let Created { id, lines } = document::create(client, &document, &body, attempt, is_same).await?;
    let number = id.parse().map_err(|_| client.unreadable("an allocation without a usable id"))?;
    let line = |line: &LineQuantity| {
        let allocated = allocated(line, &lines, maps)?;
        // The first allocation requests all of every line; only a later one has to say how much it requested.
        Ok(AllocatedLine { asked: (!request.allocation_no.is_first()).then_some(line.quantity), ..allocated })
    };
    let lines = request.lines.iter().map(line).collect::<Result<_, &str>>().map_err(|why| client.unreadable(why))?;
    Ok(Allocation { allocation_no: request.allocation_no, number, lines })
}

fn exploded(lines: &[LineQuantity], maps: &Maps) -> Result<Vec<Line>, CallFailure> {
    Ok(kits::explode(lines, maps)?.iter().map(|line| Line::from_quantity(line, maps)).collect())
}

/// The answer to `line`, in its unit. The answer needs each line, and each component of a kit, exactly once.
fn allocated(line: &LineQuantity, answers: &[LineAnswer], maps: &Maps) -> Result<AllocatedLine, &'static str> {
    let is_of_line = |answer: &LineAnswer| answer.line == line.line.0.get();
    let Some(components) = maps.kit(&line.sku) else {
        return read_answer(line, only(answers, is_of_line).ok_or("a line is not answered exactly once")?, maps);
    };
    let mut parts = Vec::with_capacity(components.len());
    for component in components {
        let is_of =
            |answer: &LineAnswer| is_of_line(answer) && answer.sku.as_deref() == Some(maps.their_sku(&component.sku));
        let answer = only(answers, is_of).ok_or("a kit's component is not answered exactly once")?;
        parts.push((component, read_answer(line, answer, maps)?));
    }
    kits::assemble(line, &parts)
}

fn read_answer(line: &LineQuantity, answer: &LineAnswer, maps: &Maps) -> Result<AllocatedLine, &'static str> {
    let quantity = |amount: &Exact| {
        Quantity::new(amount.0, line.quantity.uom()).map_err(|_| "an allocated quantity is out of range")
    };
    let source = |source: &LocationQuantity| {
        let location = maps.site(&source.location).map_err(|_| "a stock location without a usable name")?;
        Ok(Source { location, quantity: quantity(&source.quantity)? })
    };
    let sources = answer.sources.iter().map(source).collect::<Result<_, &'static str>>()?;
    Ok(AllocatedLine { line: line.line, sources, short: quantity(&answer.short)?, asked: None })
}

/// Asks how much stock there is for each line, at most its quantity. Lines without any are left out.
pub(crate) async fn stock<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    query: &StockQuery,
) -> Result<Vec<LineQuantity>, CallFailure> {
    let maps = &client.partner.maps;
    let body = StockRequest { reference: query.order.as_str(), lines: exploded(&query.lines, maps)? };
    let post = client.write(Method::Post, client.url(&["stock-checks"])?, None, &body)?;
    match client.call(&post).await? {
        Answer::Done(reply) => {
            let Items { items } = client.read::<Items<OnHand>>(&reply)?;
            available(&query.lines, items, maps).map_err(|why| client.unreadable(why))
        }
        // An ERP that cannot take the question has no stock to promise. The order waits, and its deadline raises it.
        Answer::Unprocessable(_) | Answer::Conflict(_) => Ok(vec![]),
        Answer::NotFound(reply) => Err(refused(&reply)),
    }
}

/// Distributes the stock over the lines in their order, so that two lines of one product are not promised the same pieces. A kit
/// needs all its components at one location.
fn available(lines: &[LineQuantity], items: Vec<OnHand>, maps: &Maps) -> Result<Vec<LineQuantity>, &'static str> {
    let mut by_location: BTreeMap<String, BTreeMap<(String, Uom), Decimal>> = BTreeMap::new();
    for OnHand { sku, location, available, uom } in items {
        let uom = maps.unit(&uom).map_err(|_| "a stock unit is not a unit")?;
        let on_hand = by_location.entry(location).or_default().entry((sku, uom)).or_default();
        // An ERP that has promised more than it has shows a negative amount.
        let sum = on_hand.checked_add(available.0.max(Decimal::ZERO));
        *on_hand = sum.ok_or("a stock amount is out of range")?;
    }
    let mut found = Vec::with_capacity(lines.len());
    for line in lines {
        let itself = [Component { sku: line.sku.clone(), per_kit: NonZeroU32::MIN }];
        let kit = maps.kit(&line.sku);
        let components = kit.unwrap_or(&itself);
        let key = |component: &Component| (maps.their_sku(&component.sku).to_owned(), line.quantity.uom());
        let mut missing = line.quantity.amount();
        for stock in by_location.values_mut() {
            let possible = |component: &Component| {
                let amount = stock.get(&key(component)).copied().unwrap_or_default();
                if kit.is_some() { kits::whole_kits(amount, component) } else { amount }
            };
            let taken = components.iter().map(possible).min().unwrap_or_default().min(missing);
            for component in components {
                if let Some(amount) = stock.get_mut(&key(component)) {
                    *amount -= taken * kits::per_kit(component);
                }
            }
            missing -= taken;
        }
        let quantity = Quantity::new(line.quantity.amount() - missing, line.quantity.uom());
        found.push(LineQuantity { quantity: quantity.map_err(|_| "a stock amount is out of range")?, ..line.clone() });
    }
    found.retain(|line| !line.quantity.is_zero());
    Ok(found)
}

/// Deallocates: posts the release of every allocation under the reference that has none yet.
pub(crate) async fn deallocate<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    request: &Deallocation,
) -> Result<(), CallFailure> {
    let then_wait = client.settle_wait(request.sent_until)?;
    for item in look_up(client, "allocations", &request.reference()).await? {
        if !is_undone(client, &item)? {
            let AllocationId { id } = read_item(client, &item)?;
            undo(client, &["allocations", &id, "release"], format!("{}/{id}", request.key())).await?;
        }
    }
    // An allocation may exist that is not listed yet.
    client.require_settled(then_wait)
}
