//! The ledgers of all systems side by side, and their disagreements.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::Result;
use rust_decimal::Decimal;
use serde_json::Value;

use super::ledgers::{Job, Ledgers, OrderLedger, WAREHOUSES, by_currency, decimal, eaches, has, order_of};
use super::table::Table;

/// Prints the comparison. Returns the disagreements, in words.
pub(super) fn print(ledgers: &Ledgers, out: &mut dyn Write) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut table = Table::new(&["", "CRM", "Crossdock", "ERP", "3PLs", ""], 1);
    for row in rows(ledgers) {
        let agree = row.agree();
        if !agree {
            wrong.push(row.complaint());
        }
        let cell = |value: &Option<Decimal>| value.map_or_else(String::new, |value| value.to_string());
        let cells = [&row.crm, &row.crossdock, &row.erp, &row.warehouses].map(cell);
        let mark = if agree { "agree" } else { "DISAGREE" };
        table.row([row.what.clone()].into_iter().chain(cells).chain([mark.to_owned()]));
    }
    writeln!(
        out,
        "\nThe ledgers of all systems, for these {} orders (units are eaches, a case is twelve):\n",
        ledgers.orders.len()
    )?;
    table.print(out)?;
    let attempts: usize = ledgers.messages.iter().map(|message| message.attempts).sum();
    let accepted: usize = ledgers.messages.iter().map(|message| message.accepted).sum();
    let sent = ledgers.messages.len();
    writeln!(out, "\n  {sent} webhooks were sent {attempts} times, {accepted} times accepted, each stored once.")?;
    for order in &ledgers.orders {
        wrong.extend(once(ledgers, order));
    }
    wrong.extend(unknown_requests(ledgers));
    Ok(wrong)
}

/// The documents that orders in any status have twice.
pub(super) fn doubled(ledgers: &Ledgers) -> Vec<String> {
    let documents = [
        ("allocations", &ledgers.allocations),
        ("sales orders", &ledgers.sales_orders),
        ("goods issues", &ledgers.goods_issues),
        ("invoices", &ledgers.invoices),
    ];
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (what, documents) in documents {
        for document in documents {
            *counts.entry((what, document["reference"].as_str().unwrap_or_default())).or_default() += 1;
        }
    }
    for job in &ledgers.jobs {
        *counts.entry(("requests at warehouses", &job.reference)).or_default() += 1;
    }
    let twice = counts.into_iter().filter(|(_, count)| *count > 1);
    let mut wrong: Vec<String> =
        twice.map(|((what, reference), count)| format!("{reference} has {count} {what}, not 1")).collect();
    wrong.extend(unknown_requests(ledgers));
    wrong
}

/// One number that several systems have.
#[derive(Default)]
struct Row {
    what: String,
    crm: Option<Decimal>,
    crossdock: Option<Decimal>,
    erp: Option<Decimal>,
    warehouses: Option<Decimal>,
}

impl Row {
    fn values(&self) -> impl Iterator<Item = (&'static str, Decimal)> {
        let cells = [("CRM", self.crm), ("Crossdock", self.crossdock), ("ERP", self.erp), ("3PLs", self.warehouses)];
        cells.into_iter().filter_map(|(who, value)| Some((who, value?)))
    }

    fn agree(&self) -> bool {
        self.values().map(|(_, value)| value).collect::<BTreeSet<_>>().len() <= 1
    }

    fn complaint(&self) -> String {
        let told: Vec<String> = self.values().map(|(who, value)| format!("{who} {value}")).collect();
        format!("{}: {}", self.what, told.join(", "))
    }
}

fn rows(ledgers: &Ledgers) -> Vec<Row> {
    let orders = &ledgers.orders;
    let tally = |which: &dyn Fn(&OrderLedger) -> bool| Some(count(orders.iter().filter(|order| which(order)).count()));
    let events = |kind: &str| Some(count(orders.iter().map(|order| order.events(kind)).sum()));
    let distinct = |documents: &[Value]| {
        let references = documents.iter().filter_map(|document| document["reference"].as_str());
        count(references.map(order_of).collect::<BTreeSet<_>>().len())
    };
    let row = |what: &str| Row { what: what.to_owned(), ..Row::default() };
    let told = |field: &'static str| tally(&move |order| order.status[field].is_string());
    let ours = |field: &'static str| tally(&move |order| order.detail[field].is_string());
    let mut rows = vec![
        Row {
            crm: Some(count(orders.len())),
            crossdock: tally(&|order| order.detail["id"].is_string()),
            erp: Some(distinct(&ledgers.sales_orders)),
            warehouses: Some(count(
                ledgers.jobs.iter().map(|job| order_of(&job.reference)).collect::<BTreeSet<_>>().len(),
            )),
            ..row("orders")
        },
        Row { crossdock: events("order.allocated"), erp: Some(count(ledgers.allocations.len())), ..row("allocations") },
        Row {
            crm: told("erp_order"),
            crossdock: ours("sales_order"),
            erp: Some(count(ledgers.sales_orders.len())),
            ..row("sales orders")
        },
        Row {
            crm: told("invoice"),
            crossdock: ours("invoice"),
            erp: Some(count(ledgers.invoices.len())),
            ..row("invoices")
        },
    ];
    for warehouse in WAREHOUSES {
        let fulfillments = orders
            .iter()
            .flat_map(OrderLedger::fulfillments)
            .filter(|fulfillment| fulfillment["warehouse"] == warehouse)
            .count();
        let jobs = ledgers.jobs.iter().filter(|job| job.warehouse == warehouse).count();
        rows.push(Row {
            crossdock: Some(count(fulfillments)),
            warehouses: Some(count(jobs)),
            ..row(&format!("fulfillments at {warehouse}"))
        });
    }
    rows.push(Row {
        crm: Some(count(orders.iter().map(|order| list(&order.status["packages"]).count()).sum())),
        crossdock: Some(count(
            orders
                .iter()
                .flat_map(OrderLedger::fulfillments)
                .flat_map(|fulfillment| list(&fulfillment["packages"]))
                .count(),
        )),
        erp: Some(count(
            ledgers.goods_issues.iter().filter_map(|issue| issue["reference"].as_str()).collect::<BTreeSet<_>>().len(),
        )),
        warehouses: Some(count(ledgers.jobs.iter().flat_map(Job::packages).count())),
        ..row("packages")
    });
    rows.push(Row {
        crossdock: events("fulfillment.goods_issued"),
        erp: Some(count(ledgers.goods_issues.len())),
        ..row("goods issues")
    });
    rows.extend(units(ledgers));
    rows.extend(money(ledgers));
    for (what, crm) in [("webhooks of the CRM", true), ("webhooks of the 3PLs", false)] {
        let messages = || ledgers.messages.iter().filter(|message| (message.partner == "acme-crm") == crm);
        let kept =
            messages().filter(|message| ledgers.deliveries.contains(&format!("{}/{}", message.partner, message.id)));
        let sent = Some(count(messages().count()));
        rows.push(Row {
            crm: sent.filter(|_| crm),
            crossdock: Some(count(kept.count())),
            warehouses: sent.filter(|_| !crm),
            ..row(what)
        });
    }
    rows
}

fn units(ledgers: &Ledgers) -> Vec<Row> {
    let orders = &ledgers.orders;
    let row = |what: &str| Row { what: what.to_owned(), ..Row::default() };
    let told = |field: &str| Some(orders.iter().map(|order| eaches(list(&order.status["lines"]), field)).sum());
    let quantities = |step: &str| {
        let line = |line: &Value| eaches([&quantity(&line[step])], "quantity");
        Some(orders.iter().flat_map(|order| list(&order.detail["lines"])).map(line).sum())
    };
    let packed = |milestone: &str| {
        let packages = ledgers.jobs.iter().flat_map(Job::packages).filter(|package| has(package, milestone));
        Some(packages.map(|package| eaches(list(&package["lines"]), "quantity")).sum())
    };
    let lines = |documents: &[Value]| Some(documents.iter().map(|it| eaches(list(&it["lines"]), "quantity")).sum());
    vec![
        Row {
            crm: Some(orders.iter().map(|order| eaches(list(&order.asked["lines"]), "quantity")).sum()),
            crossdock: quantities("ordered"),
            erp: lines(&ledgers.sales_orders),
            warehouses: Some(ledgers.jobs.iter().map(|job| eaches(job.lines(), "quantity")).sum()),
            ..row("units ordered")
        },
        Row {
            crm: told("shipped"),
            crossdock: quantities("shipped"),
            erp: lines(&ledgers.goods_issues),
            warehouses: packed("picked_up"),
            ..row("units shipped (ERP: issued)")
        },
        Row {
            crm: told("delivered"),
            crossdock: quantities("delivered"),
            warehouses: packed("delivered"),
            ..row("units delivered")
        },
    ]
}

fn money(ledgers: &Ledgers) -> Vec<Row> {
    let total = |orders: &mut dyn Iterator<Item = &OrderLedger>| {
        let totals: Vec<&Value> = orders.map(|order| &order.detail["total"]).collect();
        by_currency(totals.iter().map(|total| (&total["currency"], &total["amount"])))
    };
    let documents = |documents: &[Value]| by_currency(documents.iter().map(|it| (&it["currency"], &it["total"])));
    let mut invoiced = ledgers.orders.iter().filter(|order| order.detail["invoice"].is_string());
    let pairs = [
        ("ordered", total(&mut ledgers.orders.iter()), documents(&ledgers.sales_orders)),
        ("invoiced", total(&mut invoiced), documents(&ledgers.invoices)),
    ];
    let mut rows = Vec::new();
    for (what, ours, theirs) in pairs {
        for currency in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
            let sum = |sums: &BTreeMap<String, Decimal>| Some(sums.get(currency).copied().unwrap_or_default());
            let what = format!("{what} {currency}");
            rows.push(Row { what, crossdock: sum(&ours), erp: sum(&theirs), ..Row::default() });
        }
    }
    rows
}

/// What an order does not have exactly once.
fn once(ledgers: &Ledgers, order: &OrderLedger) -> Vec<String> {
    let (id, name) = (order.id.as_str(), format!("{} ({})", order.external, order.id));
    let mut wrong = Vec::new();
    let mut expect = |what: &str, found: usize| {
        if found != 1 {
            wrong.push(format!("{name} has {found} {what}, not 1"));
        }
    };
    let of = |documents: &[Value], reference: &str| documents.iter().filter(|it| it["reference"] == reference).count();
    expect("allocations", of(&ledgers.allocations, id));
    expect("sales orders", of(&ledgers.sales_orders, id));
    expect("invoices", of(&ledgers.invoices, id));
    for fulfillment in order.fulfillments() {
        let reference = fulfillment["id"].as_str().unwrap_or_default();
        let jobs = ledgers.jobs.iter().filter(|job| job.reference == reference);
        expect(
            &format!("requests for {reference} at its warehouse"),
            jobs.filter(|job| fulfillment["warehouse"] == job.warehouse).count(),
        );
    }
    for job in ledgers.jobs.iter().filter(|job| order_of(&job.reference) == id) {
        for package in job.packages().filter(|package| has(package, "picked_up")) {
            let reference = format!("{}/{}", job.reference, package["id"].as_str().unwrap_or_default());
            expect(&format!("goods issues for {reference}"), of(&ledgers.goods_issues, &reference));
        }
    }
    for (who, status) in [("Crossdock", &order.detail["status"]), ("the CRM", &order.status["status"])] {
        if *status != "invoiced" {
            wrong.push(format!("{name} is {} in {who}, not invoiced", status.as_str().unwrap_or("unknown")));
        }
    }
    let total = decimal(&order.detail["total"]);
    for (what, documents) in [("sales order", &ledgers.sales_orders), ("invoice", &ledgers.invoices)] {
        for document in documents.iter().filter(|it| it["reference"] == id && decimal(&it["total"]) != total) {
            wrong.push(format!("{name} comes to {total}, its {what} to {}", decimal(&document["total"])));
        }
    }
    let trackings = |packages: &mut dyn Iterator<Item = &Value>| -> BTreeSet<String> {
        packages.filter_map(|package| package["tracking"].as_str()).map(str::to_owned).collect()
    };
    let crm = trackings(&mut list(&order.status["packages"]));
    let ours = trackings(&mut order.fulfillments().flat_map(|fulfillment| list(&fulfillment["packages"])));
    let jobs = ledgers.jobs.iter().filter(|job| order_of(&job.reference) == id);
    let theirs = trackings(&mut jobs.flat_map(Job::packages));
    if crm != ours || ours != theirs {
        wrong.push(format!(
            "{name}: the tracking numbers are {crm:?} in the CRM, {ours:?} here, {theirs:?} at the 3PLs"
        ));
    }
    wrong
}

/// Requests at warehouses that are none of our fulfillments.
fn unknown_requests(ledgers: &Ledgers) -> Vec<String> {
    let known: BTreeSet<&str> = ledgers
        .orders
        .iter()
        .flat_map(OrderLedger::fulfillments)
        .filter_map(|fulfillment| fulfillment["id"].as_str())
        .collect();
    let stranger = |job: &&Job| !known.contains(job.reference.as_str());
    ledgers
        .jobs
        .iter()
        .filter(stranger)
        .map(|job| format!("{} has {}, which is none of our fulfillments", job.warehouse, job.reference))
        .collect()
}

/// Webhooks that were sent less than `copies` times or not accepted each time.
pub(super) fn messages(ledgers: &Ledgers, copies: usize) -> Vec<String> {
    let odd =
        ledgers.messages.iter().filter(|message| message.attempts < copies || message.accepted != message.attempts);
    odd.map(|message| {
        let (partner, id) = (message.partner, &message.id);
        format!("{partner}'s webhook {id} was sent {} times, {} times accepted", message.attempts, message.accepted)
    })
    .collect()
}

/// A quantity of ours, as a line.
fn quantity(value: &Value) -> Value {
    serde_json::json!({"quantity": value["amount"], "uom": value["uom"]})
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn count(number: usize) -> Decimal {
    Decimal::from(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ledgers() -> Ledgers {
        let document = |reference: &str| json!({"reference": reference});
        let job = |reference: &str| Job {
            warehouse: "eastco",
            reference: reference.to_owned(),
            job: document(reference),
            taken: None,
        };
        let order = OrderLedger {
            id: "ord_1".to_owned(),
            external: "CRM-1".to_owned(),
            asked: Value::Null,
            status: Value::Null,
            detail: json!({"fulfillments": [{"id": "ord_1-1"}]}),
            entries: Vec::new(),
        };
        Ledgers {
            orders: vec![order],
            allocations: vec![document("ord_1")],
            sales_orders: vec![document("ord_1")],
            goods_issues: vec![document("ord_1-1/P-1"), document("ord_1-1/P-2")],
            invoices: Vec::new(),
            jobs: vec![job("ord_1-1")],
            messages: Vec::new(),
            deliveries: BTreeSet::new(),
        }
    }

    #[test]
    fn a_second_document_of_any_kind_and_an_unknown_request_are_noticed() {
        assert_eq!(doubled(&ledgers()), [""; 0]);
        let mut twice = ledgers();
        twice.sales_orders.push(json!({"reference": "ord_1"}));
        assert_eq!(doubled(&twice), ["ord_1 has 2 sales orders, not 1"]);
        let mut twice = ledgers();
        twice.goods_issues.push(json!({"reference": "ord_1-1/P-2"}));
        assert_eq!(doubled(&twice), ["ord_1-1/P-2 has 2 goods issues, not 1"]);
        let mut strange = ledgers();
        strange.jobs[0].reference = "ord_1-2".to_owned();
        assert_eq!(doubled(&strange), ["eastco has ord_1-2, which is none of our fulfillments"]);
    }
}
