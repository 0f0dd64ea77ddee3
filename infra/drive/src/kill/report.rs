//! The report of one run of the kill test, and several reports as a table.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::demo::table::Table;

/// The report of one run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The seed of kills and faults.
    pub seed: u64,
    /// Processes killed, by function.
    pub kills: BTreeMap<String, usize>,
    /// Invocations that a kill ended, by the emulator's log; the other processes were idle or starting.
    pub interrupted: usize,
    /// Partners' faults, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Orders sent.
    pub orders: usize,
    /// Orders that are invoiced.
    pub invoiced: usize,
    /// Orders that wait for a person's decision.
    pub on_worklist: usize,
    /// Messages in dead-letter queues, by code; `crashed` where the queue itself moved one because its step was killed each time.
    pub parked: BTreeMap<String, usize>,
    /// Messages that are there again after one redrive.
    pub left: usize,
    /// How long faults lasted.
    pub faults_time: Duration,
    /// The duration of the whole run.
    pub taken: Duration,
    /// What is wrong, in words.
    pub wrong: Vec<String>,
}

/// Prints reports, one a row, and the sums of kills, faults and parked messages below.
///
/// # Errors
/// It cannot be written.
pub fn print(reports: &[Report], out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new(
        &[
            "seed", "orders", "kills", "at work", "faults", "invoiced", "worklist", "parked", "left", "faults s",
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
            report.faults_time.as_secs().to_string(),
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
