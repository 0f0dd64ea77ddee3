//! The kill test's driver: orders under way while functions' processes are killed and partners flap, then everybody's books.
//!
//! Which function is killed when, and which partner does what, is drawn from a seed. What a process was doing at that moment
//! is not: the same seed makes the same weather, not the same run. Nothing else may be under way on the stack.

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
use processes::Deaths;
pub use report::{Report, print};

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
    let log = processes::Log::open()?;
    let began = Instant::now();
    let mut report = Report { seed, ..Report::default() };

    let orders = storm(&live, options, &mut report, out).await?;
    report.storm = began.elapsed();
    report.orders = orders.len();
    report.interrupted = log.interrupted()?;
    report.faults = partner_faults::bitten(&live, &before.faults).await?;
    writeln!(out, "  {:>4} s  calm", began.elapsed().as_secs())?;

    report.wrong.extend(quiet::wait(&live, &before.due).await?);
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
    let mut rng = Rng::with_seed(report.seed);
    let (end, over) = tokio::sync::watch::channel(false);
    let mut deaths = Deaths::new(live, rng.fork());
    let partners = partner_faults::partners(live).await?;
    let weather =
        join_all(partners.iter().map(|partner| partner_faults::blow(live, partner, rng.fork(), over.clone())));
    let started = async {
        let sent = waves(live, &wanted, out).await;
        end.send_replace(true);
        sent
    };
    let (sent, killed, blown) = futures::join!(started, deaths.reap(over.clone()), weather);
    // Calm first, whatever failed: a later run would meet the faults that are left.
    for partner in &partners {
        partner_faults::clear(live, partner).await?;
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
