//! What came of a storm, and of several, as a table.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::demo::table::Table;

/// What came of a storm.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What it was drawn from.
    pub seed: u64,
    /// Processes killed, by function.
    pub kills: BTreeMap<String, usize>,
    /// Invocations that a kill ended, as the emulator tells; the other processes were idle or only just starting.
    pub interrupted: usize,
    /// How often partners misbehaved, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Orders sent.
    pub orders: usize,
    /// Orders that came to their end.
    pub invoiced: usize,
    /// Orders that wait for a person's decision.
    pub on_worklist: usize,
    /// Messages that stood in dead-letter queues, by code; `crashed` where a queue moved one whose step kept dying.
    pub parked: BTreeMap<String, usize>,
    /// Messages that stand there again after they were redriven once.
    pub left: usize,
    /// How long it stormed.
    pub storm: Duration,
    /// How long it took altogether.
    pub taken: Duration,
    /// What is wrong, in words; empty when everything is as it should be.
    pub wrong: Vec<String>,
}

/// Prints what came of several storms, one a row, and below what hit whom.
///
/// # Errors
/// It cannot be written.
pub fn print(reports: &[Report], out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new(
        &[
            "seed", "orders", "kills", "at work", "faults", "invoiced", "worklist", "parked", "left", "storm s",
            "all s", "wrong",
        ],
        0,
    );
    for report in reports {
        table.row([
            report.seed.to_string(),
            report.orders.to_string(),
            report.kills.values().sum::<usize>().to_string(),
            report.interrupted.to_string(),
            report.faults.values().sum::<u64>().to_string(),
            report.invoiced.to_string(),
            report.on_worklist.to_string(),
            report.parked.values().sum::<usize>().to_string(),
            report.left.to_string(),
            report.storm.as_secs().to_string(),
            report.taken.as_secs().to_string(),
            report.wrong.len().to_string(),
        ]);
    }
    writeln!(out)?;
    table.print(out)?;
    counts("killed", reports.iter().flat_map(|report| count(&report.kills)), out)?;
    counts("faults", reports.iter().flat_map(|report| report.faults.iter().map(|(name, n)| (name, *n))), out)?;
    counts("parked", reports.iter().flat_map(|report| count(&report.parked)), out)
}

fn count(counts: &BTreeMap<String, usize>) -> impl Iterator<Item = (&String, u64)> {
    counts.iter().map(|(name, count)| (name, u64::try_from(*count).unwrap_or(u64::MAX)))
}

fn counts<'a>(what: &str, counted: impl Iterator<Item = (&'a String, u64)>, out: &mut dyn Write) -> Result<()> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in counted {
        *sums.entry(name).or_default() += count;
    }
    let told: Vec<String> = sums.iter().map(|(name, count)| format!("{name} {count}")).collect();
    writeln!(out, "\n  {what}: {}", if told.is_empty() { "nothing".to_owned() } else { told.join(", ") })
        .context("the table cannot be written")
}
