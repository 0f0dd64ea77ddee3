//! Promises of returns, checked from the partners' own ledgers: what the ERP credited against what the warehouses have.

use std::collections::BTreeMap;

use domain::{LineNo, Money, ReturnId};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::deployment::Deployment;

/// The credit memos less the debit memos of one line of a return.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credited {
    /// In the stock-keeping unit.
    pub units: Decimal,
    /// Before tax.
    pub net: Decimal,
    /// All taxes.
    pub tax: Decimal,
}

/// What the ERP credited, by return and line.
pub fn credited(deployment: &Deployment) -> BTreeMap<(String, u64), Credited> {
    let erp = deployment.state("acme-erp");
    let mut sums: BTreeMap<(String, u64), Credited> = BTreeMap::new();
    for (list, sign) in [("credit_memos", Decimal::ONE), ("debit_memos", Decimal::NEGATIVE_ONE)] {
        for memo in items(&erp[list]) {
            let sum = sums.entry((text(&memo["return"]), memo["line"].as_u64().unwrap_or_default())).or_default();
            sum.units += sign * decimal(&memo["quantity"]);
            sum.net += sign * decimal(&memo["net"]);
            sum.tax += sign * items(&memo["taxes"]).map(|tax| decimal(&tax["amount"])).sum::<Decimal>();
        }
    }
    sums
}

/// What a warehouse has in stock that can be sold again, by return and SKU.
pub fn sellable(deployment: &Deployment, warehouse: &str) -> BTreeMap<(String, String), Decimal> {
    let mut sums = BTreeMap::new();
    for known in items(&deployment.state(warehouse)["returns"]) {
        let reference = text(&known["reference"]);
        let id = reference.rsplit_once('-').map_or(reference.as_str(), |(id, _)| id);
        for line in items(&known["lines"]) {
            let good = items(&line["received"]).filter(|goods| goods["disposition"] == "sellable_accessible");
            *sums.entry((id.to_owned(), text(&line["sku"]))).or_default() +=
                good.map(|goods| decimal(&goods["quantity"])).sum::<Decimal>();
        }
    }
    sums
}

/// The violated promises: a document that exists twice; more credited than was asked for or than came in a good state, where only
/// goods in a good state are accepted; another amount than the units' part of the invoice.
pub fn violations(deployment: &Deployment) -> Vec<String> {
    let mut violations = Vec::new();
    for kind in ["return_order", "stock_movement", "credit_memo", "debit_memo"] {
        let twice = deployment.made("acme-erp", kind).into_iter().filter(|(_, count)| *count > 1);
        violations.extend(twice.map(|(reference, count)| format!("P2: {count} × {kind} {reference}")));
    }
    let twice = deployment.made("eastco", "return").into_iter().filter(|(_, count)| *count > 1);
    violations.extend(twice.map(|(reference, count)| format!("P2: {count} returns at the warehouse: {reference}")));
    let came = sellable(deployment, "eastco");
    for ((id, line), credited) in credited(deployment) {
        let known = id.parse::<ReturnId>().ok().and_then(|id| deployment.fold_return(&id));
        let number = u32::try_from(line).ok().and_then(LineNo::new);
        let of_line = known.as_ref().zip(number).and_then(|(known, line)| {
            let line = known.lines().iter().find(|it| it.line == line)?;
            Some((known, line))
        });
        let Some((known, of_line)) = of_line else {
            violations.push(format!("P3: {credited:?} of line {line} of {id}, which no return has"));
            continue;
        };
        let good = came.get(&(id.clone(), of_line.sku.to_string())).copied().unwrap_or_default();
        if credited.units > good.min(of_line.quantity.amount()) {
            violations.push(format!("P3: {credited:?} of line {line} of {id}, of which {good} came in a good state"));
        }
        let expected = expected(deployment, known, of_line.line, credited.units);
        if expected.is_none_or(|(net, tax)| (net, tax) != (credited.net, credited.tax)) {
            violations.push(format!("P3: {credited:?} of line {line} of {id}, which come to {expected:?}"));
        }
    }
    violations
}

/// What the first `count` units that a return has reserved of a line come to, by the order's invoice at the ERP.
fn expected(
    deployment: &Deployment,
    known: &domain::Return,
    line: LineNo,
    count: Decimal,
) -> Option<(Decimal, Decimal)> {
    let order = deployment.fold(known.order()?)?;
    let units = order.returnables.get(line, known.id())?.units.clone();
    let erp = deployment.state("acme-erp");
    let invoice = items(&erp["invoices"]).find(|it| text(&it["reference"]) == order.id().as_str())?;
    let invoiced = items(&invoice["lines"]).find(|it| it["line"].as_u64() == Some(line.0.get().into()))?;
    let whole = decimal(&invoiced["quantity"]);
    let currency = text(&invoice["currency"]).parse().ok()?;
    let share = |amount: Decimal, up_to: Decimal| Money { amount, currency }.share(up_to, whole).map(|it| it.amount);
    let mut left = count;
    let (mut net, mut tax) = (Decimal::ZERO, Decimal::ZERO);
    let total_tax: Decimal = items(&invoiced["taxes"]).map(|tax| decimal(&tax["amount"])).sum();
    for units in units {
        let part = (units.to - units.from).min(left);
        left -= part;
        net += share(decimal(&invoiced["net"]), units.from + part)? - share(decimal(&invoiced["net"]), units.from)?;
        tax += share(total_tax, units.from + part)? - share(total_tax, units.from)?;
    }
    Some((net, tax))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}
