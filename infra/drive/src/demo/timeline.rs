//! One order's timeline across the systems.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

use super::ledgers::{Ledgers, OrderLedger, time};
use super::table::Table;

/// Prints the timeline of an order with fulfillments at two warehouses, or of the first order.
pub(super) fn print(ledgers: &Ledgers, out: &mut dyn Write) -> Result<()> {
    let split = |order: &&OrderLedger| order.fulfillments().count() > 1;
    let Some(order) = ledgers.orders.iter().find(split).or(ledgers.orders.first()) else { return Ok(()) };
    let (id, external) = (&order.id, &order.external);
    writeln!(out, "\nOne order across the systems: {external} of the CRM, {id} of ours (… below):\n")?;
    let mut table = Table::new(&["time (UTC)", "system", "event", "status", "what"], 5);
    for entry in &order.entries {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        let at = time(&entry["recorded_at"]).map_or_else(String::new, |at| at.strftime("%H:%M:%S%.3f").to_string());
        let what = text("text").replace(id.as_str(), "…");
        table.row([at, text("system").to_owned(), text("event").to_owned(), text("status").to_owned(), what]);
    }
    table.print(out)?;
    let correlation = order.entries.first().map_or(&Value::Null, |entry| &entry["correlation_id"]);
    writeln!(out, "\n  correlation id {}", correlation.as_str().unwrap_or("–"))?;
    Ok(())
}
