//! The promises, checked from the partners' ledgers and from the journal: what really happened, not what we think did.

use std::collections::BTreeMap;

use domain::order::{Known, Stage, Stock};
use domain::{Fulfillment, Order};

use crate::house::House;

/// Everything that is broken, in words; empty where all promises hold.
pub fn broken(house: &House) -> Vec<String> {
    let mut broken = at_most_one(house);
    broken.extend(nothing_lost(house));
    for id in house.orders() {
        if let Order::Known(known) = house.fold(&id) {
            broken.extend(conserved(&known));
            broken.extend(agrees_with_ledgers(house, &known));
        }
    }
    broken
}

/// P2: whatever happened on the way, nothing was made twice.
fn at_most_one(house: &House) -> Vec<String> {
    let kinds = [
        ("acme-erp", "allocation"),
        ("acme-erp", "sales_order"),
        ("acme-erp", "goods_issue"),
        ("acme-erp", "invoice"),
        ("eastco", "fulfillment"),
        ("shipwest", "fulfillment"),
    ];
    let mut broken = Vec::new();
    for (partner, kind) in kinds {
        for (reference, count) in house.made(partner, kind) {
            if count > 1 {
                broken.push(format!("P2: {partner} made {count} × {kind} for {reference}"));
            }
        }
    }
    broken
}

/// P1: what was acknowledged ended, or waits where somebody sees it.
fn nothing_lost(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    let parked = house.parked();
    for order in house.made("acme-crm", "order").keys() {
        let Ok(external) = order.parse() else { continue };
        let Ok(source) = "acme-crm".parse() else { continue };
        let id = domain::OrderId::derive(&source, &external);
        match house.fold(&id) {
            Order::Absent if parked.is_empty() => broken.push(format!("P1: {order} was never submitted")),
            Order::Absent => {}
            Order::Known(known) => {
                let share_waits = known
                    .assignments
                    .keys()
                    .any(|share| house.fold_share(share).known().is_some_and(|share| !share.reviews().is_empty()));
                let waits = !known.reviews().is_empty() || share_waits || !parked.is_empty() || house.queued() > 0;
                if !known.status().is_final() && !waits {
                    broken.push(format!("P1: {id} stands at {} and nobody is told", known.status().as_str()));
                }
            }
        }
    }
    broken
}

/// P5: every line adds up.
fn conserved(order: &Known) -> Vec<String> {
    let mut broken = Vec::new();
    for l in order.ladders() {
        let has = l.ordered.amount() + l.over.amount();
        let parts = [l.open, l.in_fulfillment, l.backordered, l.cancelled, l.shipped];
        let sum = parts.iter().map(|part| part.amount()).sum();
        if has != sum || l.delivered.amount() > l.shipped.amount() {
            broken.push(format!("P5: {} line {} does not add up: {l:?}", order.id(), l.line));
        }
    }
    broken
}

/// What a partner made, the journal knows; what the journal knows, a partner made.
fn agrees_with_ledgers(house: &House, order: &Known) -> Vec<String> {
    let mut broken = Vec::new();
    let id = order.id().to_string();
    let has =
        |partner: &str, kind: &str, reference: &str| house.made(partner, kind).get(reference).copied().unwrap_or(0);
    let mut compare = |what: &str, journal: usize, ledger: usize, open: bool| {
        // An announced effect that was never answered is possibly done: either is right.
        if journal != ledger && !open {
            broken.push(format!("{id}: {what}: the journal has {journal}, the partner {ledger}"));
        }
    };
    let open = |effect: &domain::Effect| order.sendings.contains_key(effect);
    let allocated = match &order.stage {
        Stage::Submitted | Stage::Unpriceable(_) | Stage::Priced { stock: Stock::Pending, .. } => 0,
        Stage::Priced { stock: Stock::Allocated(_), .. }
        | Stage::Released(_)
        | Stage::Unroutable(..)
        | Stage::Routed(_)
        | Stage::Invoiced(..) => 1,
    };
    compare("allocation", allocated, has("acme-erp", "allocation", &id), open(&domain::Effect::Allocate));
    let sold = usize::from(order.sales_order().is_some());
    compare("sales order", sold, has("acme-erp", "sales_order", &id), open(&domain::Effect::CreateSalesOrder));
    let invoiced = usize::from(order.invoice().is_some());
    compare("invoice", invoiced, has("acme-erp", "invoice", &id), open(&domain::Effect::Invoice));
    for (share_id, assignment) in &order.assignments {
        let Fulfillment::Known(share) = house.fold_share(share_id) else { continue };
        let accepted = usize::from(!share.accepted.is_empty());
        let asked = has(assignment.warehouse.as_str(), "fulfillment", &share_id.to_string());
        let open = share.sendings.contains_key(&domain::Effect::RequestFulfillment);
        compare("fulfilment", accepted, asked, open);
        for package in share.packages.keys() {
            let effect = domain::Effect::PostGoodsIssue { package: package.clone() };
            let posted = usize::from(share.goods_issues.contains_key(package));
            let issued = has("acme-erp", "goods_issue", &format!("{share_id}/{package}"));
            compare("goods issue", posted, issued, share.sendings.contains_key(&effect));
        }
    }
    broken
}

/// How many orders stand where.
pub fn statuses(house: &House) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for id in house.orders() {
        if let Order::Known(known) = house.fold(&id) {
            *counts.entry(known.status().as_str()).or_default() += 1;
        }
    }
    counts
}
