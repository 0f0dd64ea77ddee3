//! What each system's ledger has about the demonstration's orders.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::live::{Live, order_id};

/// The CRM's id in the registry: the source of the demonstration's orders.
const CRM: &str = "acme-crm";

/// The warehouses by their ids in the registry.
pub(super) const WAREHOUSES: [&str; 2] = ["eastco", "shipwest"];

/// The ledgers of all systems.
pub(super) struct Ledgers {
    pub(super) orders: Vec<OrderLedger>,
    pub(super) allocations: Vec<Value>,
    pub(super) sales_orders: Vec<Value>,
    pub(super) goods_issues: Vec<Value>,
    pub(super) invoices: Vec<Value>,
    pub(super) jobs: Vec<Job>,
    pub(super) messages: Vec<Message>,
    /// What the deliveries table has, as `<partner>/<message id>`.
    pub(super) deliveries: BTreeSet<String>,
}

/// One order, in the CRM and in our API.
pub(super) struct OrderLedger {
    pub(super) id: String,
    pub(super) external: String,
    /// The CRM's order.
    pub(super) asked: Value,
    /// The last update that the CRM accepted; `null` without one.
    pub(super) status: Value,
    /// `GET /v1/orders/{id}`; `null` where there is none.
    pub(super) detail: Value,
    /// Its timeline's entries.
    pub(super) entries: Vec<Value>,
}

/// A request at a warehouse.
pub(super) struct Job {
    pub(super) warehouse: &'static str,
    pub(super) reference: String,
    pub(super) job: Value,
    /// When the warehouse accepted it.
    pub(super) taken: Option<Timestamp>,
}

/// A webhook.
pub(super) struct Message {
    pub(super) partner: &'static str,
    pub(super) id: String,
    pub(super) reference: String,
    pub(super) at: Option<Timestamp>,
    pub(super) attempts: usize,
    pub(super) accepted: usize,
}

impl Ledgers {
    pub(super) async fn gather(live: &Live, externals: &[String]) -> Result<Self> {
        let crm = live.read("/control/crm/state").await?;
        let erp = live.read("/control/erp/state").await?;
        let mut orders = Vec::new();
        for external in externals {
            orders.push(OrderLedger::gather(live, &crm, external).await?);
        }
        let ids: BTreeSet<&str> = orders.iter().map(|order| order.id.as_str()).collect();
        let ours = |reference: &str| ids.contains(order_of(reference));
        let documents = |kind: &str| {
            let all = erp[kind].as_array().into_iter().flatten();
            all.filter(|document| document["reference"].as_str().is_some_and(ours)).cloned().collect::<Vec<_>>()
        };
        let mut jobs = Vec::new();
        let mut messages = Vec::new();
        for warehouse in WAREHOUSES {
            let state = live.read(&format!("/control/{warehouse}/state")).await?;
            let ledger = live.read(&format!("/control/{warehouse}/ledger?reference=ord_*")).await?;
            jobs.extend(jobs_of(warehouse, &state, &ledger).into_iter().filter(|job| ours(&job.reference)));
            messages.extend(messages_of(warehouse, &ledger).into_iter().filter(|message| ours(&message.reference)));
        }
        let ledger = live.read("/control/crm/ledger?operation=order.created").await?;
        let sent: BTreeSet<&str> = externals.iter().map(String::as_str).collect();
        messages
            .extend(messages_of(CRM, &ledger).into_iter().filter(|message| sent.contains(message.reference.as_str())));
        Ok(Self {
            allocations: documents("allocations"),
            sales_orders: documents("sales_orders"),
            goods_issues: documents("goods_issues"),
            invoices: documents("invoices"),
            jobs,
            messages,
            deliveries: live.keys("DeliveriesTable", "delivery").await?,
            orders,
        })
    }
}

impl OrderLedger {
    async fn gather(live: &Live, crm: &Value, external: &str) -> Result<Self> {
        let id = order_id(CRM, external)?.to_string();
        let found = live.api(Some("reader"), &format!("/v1/orders/{id}")).await?;
        let told = live.api(Some("reader"), &format!("/v1/orders/{id}/timeline")).await?;
        let asked = crm["orders"].as_array().into_iter().flatten().find(|order| order["id"] == external);
        Ok(Self {
            asked: asked.cloned().with_context(|| format!("the CRM no longer has its order {external}"))?,
            status: crm["statuses"][external].clone(),
            detail: if found.status == 200 { found.body } else { Value::Null },
            entries: told.body["entries"].as_array().cloned().unwrap_or_default(),
            external: external.to_owned(),
            id,
        })
    }

    /// How many events of a type its timeline has, those of its fulfillments included.
    pub(super) fn events(&self, kind: &str) -> usize {
        self.entries.iter().filter(|entry| entry["event"] == kind).count()
    }

    /// When it reached a status.
    pub(super) fn reached(&self, status: &str) -> Option<Timestamp> {
        let entry = self.entries.iter().find(|entry| entry["status"] == status)?;
        time(&entry["recorded_at"])
    }

    /// Its fulfillments in our API.
    pub(super) fn fulfillments(&self) -> impl Iterator<Item = &Value> {
        self.detail["fulfillments"].as_array().into_iter().flatten()
    }
}

impl Job {
    pub(super) fn lines(&self) -> impl Iterator<Item = &Value> {
        self.job["lines"].as_array().into_iter().flatten()
    }

    /// Packages whose labels were not voided.
    pub(super) fn packages(&self) -> impl Iterator<Item = &Value> {
        self.job["packages"].as_array().into_iter().flatten().filter(|package| package["voided"] != true)
    }
}

/// Whether a warehouse's package has a milestone.
pub(super) fn has(package: &Value, milestone: &str) -> bool {
    package["milestones"].as_array().is_some_and(|names| names.iter().any(|name| name == milestone))
}

/// The order that a reference belongs to: `ord_…`, `ord_…-1` and `ord_…-1/P-1` all do.
pub(super) fn order_of(reference: &str) -> &str {
    let end = reference.find(['-', '/']).unwrap_or(reference.len());
    reference.get(..end).unwrap_or(reference)
}

/// Lines as eaches: a case is twelve of them, as the simulated ERP has it.
pub(super) fn eaches<'a>(lines: impl IntoIterator<Item = &'a Value>, quantity: &str) -> Decimal {
    lines
        .into_iter()
        .map(|line| decimal(&line[quantity]) * if line["uom"] == "CS" { Decimal::from(12) } else { Decimal::ONE })
        .sum()
}

/// A decimal from a JSON text, a number, or one of our quantities and amounts.
pub(super) fn decimal(value: &Value) -> Decimal {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Object(fields) => return fields.get("amount").map_or(Decimal::ZERO, decimal),
        Value::Null | Value::Bool(_) | Value::Array(_) => return Decimal::ZERO,
    };
    text.parse().unwrap_or_default()
}

/// Sums of amounts by currency.
pub(super) fn by_currency<'a>(amounts: impl IntoIterator<Item = (&'a Value, &'a Value)>) -> BTreeMap<String, Decimal> {
    amounts.into_iter().fold(BTreeMap::new(), |mut sums, (currency, amount)| {
        *sums.entry(currency.as_str().unwrap_or("?").to_owned()).or_default() += decimal(amount);
        sums
    })
}

fn jobs_of(warehouse: &'static str, state: &Value, ledger: &Value) -> Vec<Job> {
    let effects: Vec<&Value> = ledger["effects"].as_array().into_iter().flatten().collect();
    let job = |job: &Value| {
        let reference = job["reference"].as_str().unwrap_or_default().to_owned();
        let effect =
            effects.iter().find(|effect| effect["kind"] == "fulfillment" && effect["reference"] == job["reference"]);
        Job { warehouse, reference, job: job.clone(), taken: effect.and_then(|effect| time(&effect["at"])) }
    };
    state["fulfillments"].as_array().into_iter().flatten().map(job).collect()
}

fn messages_of(partner: &'static str, ledger: &Value) -> Vec<Message> {
    let message = |message: &Value| {
        let attempts: Vec<&Value> = message["attempts"].as_array().into_iter().flatten().collect();
        let accepted =
            |attempt: &&&Value| attempt["status"].as_u64().is_some_and(|status| (200..300).contains(&status));
        Message {
            partner,
            id: message["id"].as_str().unwrap_or_default().to_owned(),
            reference: message["reference"].as_str().unwrap_or_default().to_owned(),
            at: time(&message["at"]),
            attempts: attempts.len(),
            accepted: attempts.iter().filter(accepted).count(),
        }
    };
    ledger["webhooks"].as_array().into_iter().flatten().map(message).collect()
}

pub(super) fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
