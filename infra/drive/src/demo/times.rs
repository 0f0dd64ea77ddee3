//! How long orders took, and how much of that was the warehouses' own pace.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;

use super::ledgers::{Ledgers, OrderLedger};
use super::table::Table;

pub(super) fn print(ledgers: &Ledgers, taken: Duration, out: &mut dyn Write) -> Result<()> {
    let rows = [
        ("CRM's order → delivered", all(ledgers, |order| span(ordered(ledgers, order), order.reached("delivered")))),
        ("  of it, the warehouses' own pace", all(ledgers, |order| warehouses(ledgers, order))),
        (
            "  of it, everything else",
            all(ledgers, |order| {
                let delivered = span(ordered(ledgers, order), order.reached("delivered"))?;
                Some(delivered.saturating_sub(warehouses(ledgers, order)?))
            }),
        ),
        ("CRM's order → invoiced", all(ledgers, |order| span(ordered(ledgers, order), order.reached("invoiced")))),
    ];
    writeln!(
        out,
        "\nTime per order ({} orders at once, all done after {}):\n",
        ledgers.orders.len(),
        seconds(taken.as_millis())
    )?;
    let mut table = Table::new(&["", "median", "p95", "longest"], 1);
    for (name, mut times) in rows {
        times.sort_unstable();
        let shown = |at: Option<usize>| at.and_then(|at| times.get(at)).map_or("–".to_owned(), |ms| seconds(*ms));
        let last = times.len().checked_sub(1);
        table.row([
            name.to_owned(),
            shown(last.map(|last| last / 2)),
            shown(last.map(|last| (last * 95).div_ceil(100))),
            shown(last),
        ]);
    }
    table.print(out)?;
    Ok(())
}

/// Milliseconds as seconds with a tenth.
pub(super) fn seconds(ms: u128) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

fn all(ledgers: &Ledgers, time: impl Fn(&OrderLedger) -> Option<u128>) -> Vec<u128> {
    ledgers.orders.iter().filter_map(time).collect()
}

/// When the CRM had the order.
fn ordered(ledgers: &Ledgers, order: &OrderLedger) -> Option<Timestamp> {
    ledgers.messages.iter().find(|message| message.reference == order.external)?.at
}

/// From the first acceptance by a warehouse to the last message of a warehouse.
fn warehouses(ledgers: &Ledgers, order: &OrderLedger) -> Option<u128> {
    let jobs = || ledgers.jobs.iter().filter(|job| super::ledgers::order_of(&job.reference) == order.id);
    let first = jobs().filter_map(|job| job.taken).min();
    let told = |message: &&super::ledgers::Message| super::ledgers::order_of(&message.reference) == order.id;
    let last = ledgers.messages.iter().filter(told).filter_map(|message| message.at).max();
    span(first, last)
}

fn span(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<u128> {
    u128::try_from(to?.duration_since(from?).as_millis()).ok()
}
