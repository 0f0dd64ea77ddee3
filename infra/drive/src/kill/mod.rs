//! The kill test's driver: sends orders while functions' processes are killed and partners fail, then compares the ledgers.
//!
//! A seed decides which function is killed when and which partner fails how. What a process does at that moment is left to the
//! machine, so equal seeds make equal faults, not equal runs. Nothing else may use the stack meanwhile.

mod audit;
mod partner_faults;
mod processes;
mod quiet;
mod report;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::demo::{ids, new_orders};
use crate::live::Live;
use processes::ProcessKiller;
pub use report::{Report, print};

/// Options of the kill test.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How many orders the CRM sends.
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub orders: usize,
    /// The seed of kills and faults; random where none is given. Repetitions count up from it.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// The orders, one JSON object a line; with more orders than lines the file starts again.
    #[arg(long, default_value = "events/samples/orders.jsonl", value_name = "FILE")]
    pub file: PathBuf,
}

/// How long faults continue after the last wave.
const AFTER_LAST_WAVE: Duration = Duration::from_secs(8);

/// Orders of a wave, the pause after it, the most orders in progress while more are sent, and how long a wave waits for fewer:
/// together they bound the duration of the faults.
const WAVE: usize = 20;
const PAUSE: Duration = Duration::from_secs(2);
const UNDER_WAY: u64 = 70;
const ROOM_WITHIN: Duration = Duration::from_secs(12);

/// Every n-th order is from a customer without credit, so that the worklist is tested, too.
const WITHOUT_CREDIT: usize = 40;

/// Runs the kill test on the stack that `CROSSDOCK_LIVE` names. The report lists what is wrong afterwards.
///
/// # Errors
/// The stack or the simulators do not answer, or there is no `/proc` to find processes in.
pub async fn run(options: &Options, out: &mut dyn Write) -> Result<Report> {
    let live = Live::from_environment()?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    writeln!(out, "\nseed {seed}: {} orders, processes killed and partners failing meanwhile", options.orders)?;
    let before = audit::Before::look(&live).await?;
    let log = processes::Log::open()?;
    let began = Instant::now();
    let mut report = Report { seed, ..Report::default() };

    let orders = under_faults(&live, options, &mut report, out).await?;
    report.faults_time = began.elapsed();
    report.orders = orders.len();
    report.interrupted = log.interrupted()?;
    report.faults = partner_faults::applied(&live, &before.faults).await?;
    writeln!(out, "  {:>4} s  no more faults", began.elapsed().as_secs())?;

    report.wrong.extend(quiet::wait(&live, &before.due).await?);
    writeln!(out, "  {:>4} s  no work is left", began.elapsed().as_secs())?;
    audit::parked(&live, &before, &orders, &mut report, out).await?;
    audit::ledgers(&live, &orders, &mut report, out).await?;
    report.taken = began.elapsed();
    for what in &report.wrong {
        writeln!(out, "  - {what}")?;
    }
    Ok(report)
}

/// Sends the orders in waves under kills and faults. Returns their ids in the CRM.
async fn under_faults(live: &Live, options: &Options, report: &mut Report, out: &mut dyn Write) -> Result<Vec<String>> {
    let mut wanted = new_orders(&options.file, options.orders, "KILL")?;
    for order in wanted.iter_mut().skip(WITHOUT_CREDIT / 2).step_by(WITHOUT_CREDIT) {
        order["customer"]["id"] = json!("C-POOR-1");
    }
    let mut rng = Rng::with_seed(report.seed);
    let (end, over) = tokio::sync::watch::channel(false);
    let mut killer = ProcessKiller::new(live, rng.fork());
    let partners = partner_faults::partners(live).await?;
    let failing =
        join_all(partners.iter().map(|partner| partner_faults::fail_at_times(live, partner, rng.fork(), over.clone())));
    let started = async {
        let sent = waves(live, &wanted, out).await;
        end.send_replace(true);
        sent
    };
    let (sent, killed, failed) = futures::join!(started, killer.run(over.clone()), failing);
    // Ends all faults before any error is returned: a later run would meet them.
    for partner in &partners {
        partner_faults::clear(live, partner).await?;
    }
    killed?;
    failed.into_iter().collect::<Result<()>>()?;
    report.kills = killer.by_function;
    sent
}

/// Sends a wave whenever few enough orders are in progress.
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
