//! The kill test's driver: orders under way while functions' processes are killed and partners flap, then everybody's books.
//!
//! Which function is killed when, and which partner does what, is drawn from a seed. What a process was doing at that moment
//! is not: the same seed makes the same weather, not the same run. Nothing else may be under way on the stack.

mod audit;
mod calm;
mod deaths;
mod weather;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::demo::table::Table;
use crate::demo::{ids, new_orders};
use crate::live::Live;
use deaths::Deaths;

/// How hard it blows.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How many orders the CRM sends.
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub orders: usize,
    /// What kills and faults are drawn from; another one every time where none is given. Repetitions count on from it.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// The orders, one JSON object a line; of more orders than lines the file is begun anew.
    #[arg(long, default_value = "events/samples/orders.jsonl", value_name = "FILE")]
    pub file: PathBuf,
}

/// What came of it.
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

/// How long it goes on after the last wave.
const AFTER_LAST_WAVE: Duration = Duration::from_secs(8);

/// Orders sent at once, the pause after them, the most that are under way while more are sent, and how long a wave waits for
/// room: together they bound the storm's length.
const WAVE: usize = 20;
const PAUSE: Duration = Duration::from_secs(2);
const UNDER_WAY: u64 = 70;
const ROOM_WITHIN: Duration = Duration::from_secs(12);

/// One order in so many is from a customer without credit, so that worklists are tried as well.
const WITHOUT_CREDIT: usize = 40;

/// Storms on the stack that `CROSSDOCK_LIVE` names. What is wrong afterwards stands in the report.
///
/// # Errors
/// The stack or the simulators do not answer, or there is no `/proc` to find processes in.
pub async fn run(options: &Options, out: &mut dyn Write) -> Result<Report> {
    let live = Live::from_environment()?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    writeln!(out, "\nseed {seed}: {} orders, processes killed and partners flapping meanwhile", options.orders)?;
    let before = audit::Before::look(&live).await?;
    let log = deaths::Log::open()?;
    let began = Instant::now();
    let mut report = Report { seed, ..Report::default() };

    let orders = storm(&live, options, &mut report, out).await?;
    report.storm = began.elapsed();
    report.orders = orders.len();
    report.interrupted = log.interrupted()?;
    report.faults = weather::bitten(&live, &before.faults).await?;
    writeln!(out, "  {:>4} s  calm", began.elapsed().as_secs())?;

    report.wrong.extend(calm::wait(&live, &before.due).await?);
    writeln!(out, "  {:>4} s  nothing moves any more", began.elapsed().as_secs())?;
    audit::parked(&live, &before, &orders, &mut report, out).await?;
    audit::books(&live, &orders, &mut report, out).await?;
    report.taken = began.elapsed();
    for what in &report.wrong {
        writeln!(out, "  - {what}")?;
    }
    Ok(report)
}

/// Sends the orders in waves while it storms. Answers their ids in the CRM.
async fn storm(live: &Live, options: &Options, report: &mut Report, out: &mut dyn Write) -> Result<Vec<String>> {
    let mut wanted = new_orders(&options.file, options.orders, "KILL")?;
    for order in wanted.iter_mut().skip(WITHOUT_CREDIT / 2).step_by(WITHOUT_CREDIT) {
        order["customer"]["id"] = json!("C-POOR-1");
    }
    let mut dice = Rng::with_seed(report.seed);
    let (end, over) = tokio::sync::watch::channel(false);
    let mut deaths = Deaths::new(live, dice.fork());
    let partners = weather::partners(live).await?;
    let weather = join_all(partners.iter().map(|partner| weather::blow(live, partner, dice.fork(), over.clone())));
    let sending = async {
        let sent = waves(live, &wanted, out).await;
        end.send_replace(true);
        sent
    };
    let (sent, killed, blown) = futures::join!(sending, deaths.reap(over.clone()), weather);
    // Calm first, whatever failed: a later run would meet the faults that are left.
    for partner in &partners {
        weather::clear(live, partner).await?;
    }
    killed?;
    blown.into_iter().collect::<Result<()>>()?;
    report.kills = deaths.by_function;
    sent
}

/// The orders, a wave whenever there is room for one.
async fn waves(live: &Live, wanted: &[Value], out: &mut dyn Write) -> Result<Vec<String>> {
    let began = Instant::now();
    let before = invoices(live).await?;
    let mut sent = Vec::new();
    for wave in wanted.chunks(WAVE) {
        let asked = Instant::now();
        while under_way(&sent, invoices(live).await? - before) > UNDER_WAY && asked.elapsed() < ROOM_WITHIN {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let told = live.tell("/control/crm/orders", &json!({"orders": wave})).await?;
        sent.extend(ids(&told).map(str::to_owned));
        let invoiced = invoices(live).await? - before;
        writeln!(out, "  {:>4} s  sent {}, invoiced {invoiced}", began.elapsed().as_secs(), sent.len())?;
        out.flush()?;
        tokio::time::sleep(PAUSE).await;
    }
    tokio::time::sleep(AFTER_LAST_WAVE).await;
    Ok(sent)
}

fn under_way(sent: &[String], invoiced: u64) -> u64 {
    u64::try_from(sent.len()).unwrap_or(u64::MAX).saturating_sub(invoiced)
}

async fn invoices(live: &Live) -> Result<u64> {
    let ledger = live.read("/control/erp/ledger?operation=invoice").await?;
    Ok(ledger.pointer("/totals/effects/invoice").and_then(Value::as_u64).unwrap_or_default())
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
