//! What the orders cost: AWS calls, units and messages as the emulator counted them, partners' calls, and the price of it all.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use rust_decimal::Decimal;
use serde_json::Value;

use super::ledgers::{WAREHOUSES, decimal};
use super::price::{self, Bill};
use super::table::Table;
use crate::live::Live;

/// The schedule's function runs by the clock, not by the order.
const BY_THE_CLOCK: &str = "due-fire";

/// Functions that API Gateway calls, by its price a request.
const BEHIND_THE_API: [&str; 3] = ["webhook-receive", "order-create", "change-create"];

/// Calls that partners had got at some time: the CRM's, the ERP's, and the warehouses' together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartnerCalls {
    crm: Decimal,
    erp: Decimal,
    warehouses: Decimal,
}

impl PartnerCalls {
    pub(super) async fn so_far(live: &Live) -> Result<Self> {
        let mut warehouses = Decimal::ZERO;
        for warehouse in WAREHOUSES {
            warehouses += calls_of(live, warehouse).await?;
        }
        Ok(Self { crm: calls_of(live, "crm").await?, erp: calls_of(live, "erp").await?, warehouses })
    }

    fn since(self, before: Self) -> Self {
        Self { crm: self.crm - before.crm, erp: self.erp - before.erp, warehouses: self.warehouses - before.warehouses }
    }
}

async fn calls_of(live: &Live, partner: &str) -> Result<Decimal> {
    Ok(sum(&live.read(&format!("/control/{partner}/ledger")).await?["totals"]["calls"]))
}

/// Everything that is counted while the orders are in progress.
pub(super) struct Counted {
    /// By function, as `call_counts.py` says.
    pub(super) functions: Value,
    pub(super) partners_before: PartnerCalls,
    pub(super) partners_after: PartnerCalls,
}

/// Counts of the orders, without those that the clock causes.
#[derive(Default)]
struct Counts {
    calls: BTreeMap<String, Decimal>,
    entries: BTreeMap<String, Decimal>,
    write_units: BTreeMap<String, Decimal>,
    read_units: BTreeMap<String, Decimal>,
    totals: BTreeMap<&'static str, Decimal>,
    http_requests: Decimal,
    by_the_clock: Decimal,
}

impl Counts {
    fn of(live: &Live, functions: &Value) -> Self {
        let tables = live.logical_names();
        let mut counts = Self::default();
        for (function, counted) in functions.as_object().into_iter().flatten() {
            let name = function.strip_prefix(live.function_prefix()).unwrap_or(function);
            if name == BY_THE_CLOCK {
                counts.by_the_clock += sum(&counted["calls"]);
                continue;
            }
            for total in ["invocations", "batches", "messages", "nothing_to_do", "log_bytes"] {
                *counts.totals.entry(total).or_default() += decimal(&counted[total]);
            }
            if BEHIND_THE_API.contains(&name) {
                counts.http_requests += decimal(&counted["invocations"]);
            }
            add(&mut counts.calls, &counted["calls"], str::to_owned);
            add(&mut counts.entries, &counted["entries"], str::to_owned);
            let named =
                |table: &str| tables.get(table).copied().unwrap_or(table).trim_end_matches("Table").to_lowercase();
            add(&mut counts.write_units, &counted["write_units"], named);
            add(&mut counts.read_units, &counted["read_units"], named);
        }
        counts
    }

    fn total(&self, name: &str) -> Decimal {
        self.totals.get(name).copied().unwrap_or_default()
    }

    fn bill(&self, partner_calls: Decimal) -> Bill {
        Bill {
            write_units: self.write_units.values().sum(),
            read_units: self.read_units.values().sum(),
            events: self.entries.get("events.PutEvents").copied().unwrap_or_default(),
            messages: self.total("messages"),
            batches: self.total("batches"),
            invocations: self.total("invocations"),
            aws_calls: self.calls.values().sum(),
            partner_calls,
            http_requests: self.http_requests,
            log_bytes: self.total("log_bytes"),
        }
    }
}

pub(super) fn print(live: &Live, counted: &Counted, orders: usize, out: &mut dyn Write) -> Result<()> {
    let counts = Counts::of(live, &counted.functions);
    let partners = counted.partners_after.since(counted.partners_before);
    let bill = counts.bill(partners.crm + partners.erp + partners.warehouses);
    let orders = Decimal::from(orders.max(1));
    let mut table = Table::new(&["", "in all", "per order"], 1);
    let mut row = |name: &str, count: Decimal| {
        table.row([name.to_owned(), count.round_dp(1).normalize().to_string(), format!("{:.2}", count / orders)]);
    };
    for (operation, count) in &counts.calls {
        row(operation, *count);
        if let Some(entries) = counts.entries.get(operation) {
            row("  entries in it", *entries);
        }
    }
    row("AWS calls in all", bill.aws_calls);
    for (kind, units, all) in
        [("write", &counts.write_units, bill.write_units), ("read", &counts.read_units, bill.read_units)]
    {
        for (name, count) in units {
            row(&format!("{kind} units: {name}"), *count);
        }
        row(&format!("{kind} units in all"), all);
    }
    row("lambda invocations", bill.invocations);
    row("queue messages", bill.messages);
    row("  of them with nothing to do", counts.total("nothing_to_do"));
    row("calls to the CRM", partners.crm);
    row("calls to the ERP", partners.erp);
    row("calls to the warehouses", partners.warehouses);
    writeln!(out, "\nWhat the orders cost, counted in the emulator and at the partners:\n")?;
    table.print(out)?;
    writeln!(
        out,
        "\n  ${:.0} per million such orders by AWS's list prices ({})",
        bill.dollars() * Decimal::from(1_000_000) / orders,
        price::SOURCE
    )?;
    writeln!(
        out,
        "\n  Not counted: table streams' reads, Lambda's polling of queues, the bus's deliveries; and {BY_THE_CLOCK}'s {} calls,\n  \
         which the clock causes. A second copy of a webhook is counted.",
        counts.by_the_clock.normalize()
    )?;
    Ok(())
}

fn add(sums: &mut BTreeMap<String, Decimal>, counted: &Value, name: impl Fn(&str) -> String) {
    for (key, count) in fields(counted) {
        *sums.entry(name(key)).or_default() += count;
    }
}

fn fields(counts: &Value) -> impl Iterator<Item = (&str, Decimal)> {
    counts.as_object().into_iter().flatten().map(|(name, count)| (name.as_str(), decimal(count)))
}

fn sum(counts: &Value) -> Decimal {
    fields(counts).map(|(_, count)| count).sum()
}
