//! The orders' AWS calls and write units, as the emulator counted them.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use rust_decimal::Decimal;
use serde_json::Value;

use super::ledgers::decimal;
use super::table::Table;
use crate::live::Live;

/// The schedule's function runs by the clock, not by the order.
const BY_THE_CLOCK: &str = "due-fire";

pub(super) fn print(live: &Live, counted: &Value, orders: usize, out: &mut dyn Write) -> Result<()> {
    let tables = live.logical_names();
    let mut calls: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut units: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut by_the_clock = Decimal::ZERO;
    for (function, counts) in counted.as_object().into_iter().flatten() {
        let name = function.strip_prefix(live.function_prefix()).unwrap_or(function);
        if name == BY_THE_CLOCK {
            by_the_clock += sum(&counts["calls"]);
            continue;
        }
        *calls.entry("lambda invocations".to_owned()).or_default() += decimal(&counts["invocations"]);
        for (operation, count) in fields(&counts["calls"]) {
            *calls.entry(operation.to_owned()).or_default() += count;
        }
        for (operation, count) in fields(&counts["entries"]) {
            *calls.entry(format!("  entries in {operation}")).or_default() += count;
        }
        for (table, count) in fields(&counts["write_units"]) {
            let name = tables.get(table).copied().unwrap_or(table).trim_end_matches("Table").to_lowercase();
            *units.entry(name).or_default() += count;
        }
    }
    let orders = Decimal::from(orders.max(1));
    let mut rows: Vec<[String; 3]> = Vec::new();
    let mut row = |name: &str, count: Decimal| {
        rows.push([name.to_owned(), count.normalize().to_string(), format!("{:.2}", count / orders)]);
    };
    for (operation, count) in calls.iter().filter(|(name, _)| !name.starts_with("  ")) {
        row(operation, *count);
        if let Some(entries) = calls.get(&format!("  entries in {operation}")) {
            row("  entries in it", *entries);
        }
    }
    for (name, count) in &units {
        row(&format!("write units: {name}"), *count);
    }
    row("write units in all", units.values().sum());
    writeln!(out, "\nAWS calls and write units, counted in the emulator:\n")?;
    let mut table = Table::new(&["", "in all", "per order"], 1);
    rows.into_iter().for_each(|cells| table.row(cells));
    table.print(out)?;
    writeln!(
        out,
        "\n  Every webhook's second copy is included. Not counted: table streams' reads, Lambda's polling of queues, the bus's"
    )?;
    writeln!(out, "  deliveries; and {BY_THE_CLOCK}'s {} calls, which the clock causes.", by_the_clock.normalize())?;
    Ok(())
}

fn fields(counts: &Value) -> impl Iterator<Item = (&str, Decimal)> {
    counts.as_object().into_iter().flatten().map(|(name, count)| (name.as_str(), decimal(count)))
}

fn sum(counts: &Value) -> Decimal {
    fields(counts).map(|(_, count)| count).sum()
}
