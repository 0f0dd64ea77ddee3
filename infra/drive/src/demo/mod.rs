//! The demonstration's driver: makes the CRM send orders, shows their progress, and compares the ledgers of all systems.
//!
//! While orders are in progress, the driver calls the simulators only, so that the AWS calls counted meanwhile are those of the
//! orders alone.

mod compare;
mod cost;
mod incident;
mod ledgers;
mod price;
mod progress;
mod request;
pub(crate) mod table;
mod timeline;
mod times;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::live::Live;
use cost::{Counted, PartnerCalls};
use ledgers::Ledgers;
use progress::Progress;

/// Options of the demonstration.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How many orders the CRM sends: 50, or 10 with --calm.
    #[arg(long, value_name = "N")]
    pub orders: Option<usize>,
    /// Sends one order after another, each webhook once: what an order costs where few are in progress.
    #[arg(long)]
    pub calm: bool,
    /// The orders, one JSON object a line: single and split, several currencies and packages, cases and eaches. Each gets an
    /// id and a purchase order number of its own; with more orders than lines the file starts again.
    #[arg(long, default_value = "events/samples/orders.jsonl", value_name = "FILE")]
    pub file: PathBuf,
    /// What happens.
    #[arg(long, value_enum, default_value = "orders")]
    pub scenario: Scenario,
    /// Prints a signed request to paste into a shell, and where to see its result.
    #[arg(long)]
    pub show_request: bool,
}

/// What a demonstration shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Orders from end to end, with every webhook sent twice.
    Orders,
    /// An outage and a missing mapping: their alarms, diagnosis, repair and redrive with the operator's command line.
    Incident,
}

/// The name under which our faults are scripted.
const FAULT: &str = "demo";

/// How the warehouses write what they tell of some of the orders: in the vendor's published shape, without the topic, and with lines
/// of nothing. Each is as good as the usual shape, so all ledgers have to agree.
fn shapes(orders: usize) -> [(&'static str, Value); 2] {
    [
        ("shipwest", json!({"sku": "*-W", "as_published": true, "without_topic": true, "times": orders})),
        ("eastco", json!({"sku": "SKU-*", "lists_zeros": true, "respells": true, "times": orders})),
    ]
}

/// The partners that send webhooks.
const SENDERS: [&str; 3] = ["acme-crm", "eastco", "shipwest"];

/// How long the first order may take, while functions start, and how much longer each further one, as xtask allows.
const FIRST: Duration = Duration::from_secs(120);
const EACH: Duration = Duration::from_secs(10);

/// Runs the demonstration on the stack that `CROSSDOCK_LIVE` names. Returns whether all ledgers agree.
///
/// # Errors
/// The stack does not answer.
pub async fn run(options: &Options, out: &mut dyn Write, terminal: bool) -> Result<bool> {
    let live = Live::from_environment()?;
    quiet(&live).await.context("an earlier run is still in progress")?;
    if options.scenario == Scenario::Incident {
        return incident::play(&live, options, out).await;
    }
    if !options.calm {
        for sender in SENDERS {
            live.fault(sender, FAULT, json!({"operation": "webhook.*"}), json!({"kind": "duplicate", "copies": 1}))
                .await?;
        }
    }
    let played = play(&live, options, out, terminal).await;
    for sender in SENDERS {
        live.mend(sender, FAULT).await?;
    }
    let agreed = played?;
    if options.show_request {
        request::print(&live, out)?;
    }
    Ok(agreed)
}

/// Compares the ledgers of all systems about invoiced orders of the CRM, and prints the comparison. Returns the disagreements,
/// in words.
pub(crate) async fn compared(live: &Live, orders: &[String], out: &mut dyn Write) -> Result<Vec<String>> {
    compare::print(&Ledgers::gather(live, orders).await?, out)
}

/// The documents that any ledger has twice for an order of the CRM, in any status, in words.
pub(crate) async fn doubled(live: &Live, orders: &[String]) -> Result<Vec<String>> {
    Ok(compare::doubled(&Ledgers::gather(live, orders).await?))
}

async fn play(live: &Live, options: &Options, out: &mut dyn Write, terminal: bool) -> Result<bool> {
    let wanted = wanted(options)?;
    for (warehouse, script) in shapes(wanted.len()) {
        live.tell(&format!("/control/{warehouse}/script"), &script).await?;
    }
    let partners_before = PartnerCalls::so_far(live).await?;
    live.calls(true).await?;
    let began = Instant::now();
    let how = if options.calm {
        "one after another"
    } else {
        "at once; every webhook of every partner is sent twice at the same instant"
    };
    writeln!(out, "\nThe CRM sends {} orders of {}, {how}.", wanted.len(), options.file.display())?;
    let at_once = if options.calm { 1 } else { wanted.len().max(1) };
    let mut orders: Vec<String> = Vec::new();
    let mut late = false;
    for some in wanted.chunks(at_once) {
        let before = Progress::look(live).await?;
        let sent = live.tell("/control/crm/orders", &json!({"orders": some})).await?;
        let new: Vec<String> = ids(&sent).map(str::to_owned).collect();
        late |= watch(live, &before, &new, out, terminal, began).await?;
        orders.extend(new);
    }
    // Work that is collected begins up to ten seconds later.
    let pause = if options.calm { Duration::from_secs(12) } else { Duration::from_millis(700) };
    let functions = settled(live, pause).await?;
    let counted = Counted { functions, partners_before, partners_after: PartnerCalls::so_far(live).await? };
    let taken = began.elapsed();

    let ledgers = Ledgers::gather(live, &orders).await?;
    timeline::print(&ledgers, out)?;
    let mut disagreements = compare::print(&ledgers, out)?;
    let copies = if options.calm { 1 } else { 2 };
    disagreements.extend(compare::messages(&ledgers, copies));
    times::print(&ledgers, taken, out)?;
    cost::print(live, &counted, orders.len(), out)?;
    verdict(live, &disagreements, late, out)?;
    Ok(disagreements.is_empty() && !late)
}

fn wanted(options: &Options) -> Result<Vec<Value>> {
    let count = options.orders.unwrap_or(if options.calm { 10 } else { 50 });
    new_orders(&options.file, count, "DEMO")
}

/// `count` orders of a file with one order a line, from its start again where it has fewer. Each gets an id that begins with `name`
/// and a purchase order number that no earlier run had.
pub(crate) fn new_orders(file: &Path, count: usize, name: &str) -> Result<Vec<Value>> {
    let path = file.display();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("no orders at {path}: start in the repository's root, or name another --file"))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    ensure!(!lines.is_empty(), "{path} has no orders");
    let run = Timestamp::now().as_second();
    let new = |(n, line): (usize, &&str)| {
        let mut order: Value = serde_json::from_str(line).with_context(|| format!("an order in {path}"))?;
        let id = format!("{name}-{run:x}-{}", n + 1);
        order["customer_po"] = json!(format!("PO-{id}"));
        order["id"] = json!(id);
        Ok(order)
    };
    lines.iter().cycle().take(count).enumerate().map(new).collect()
}

/// The ids of the orders that the simulated CRM created.
pub(crate) fn ids(sent: &Value) -> impl Iterator<Item = &str> {
    sent["orders"].as_array().into_iter().flatten().filter_map(|order| order["id"].as_str())
}

/// Waits until nothing is left of an earlier run, which would be counted with this one.
async fn quiet(live: &Live) -> Result<()> {
    let began = Instant::now();
    while pending(live).await? > 0 {
        if began.elapsed() > Duration::from_secs(30) {
            bail!("the simulators still have something to deliver\n  try: cargo xtask down, then again");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// How many events and deliveries the simulators have left.
pub(crate) async fn pending(live: &Live) -> Result<u64> {
    Ok(live.read("/control/idle").await?["pending"].as_u64().unwrap_or_default())
}

/// Shows the progress until every order is invoiced and the CRM shows it. Returns whether the time ran out before.
async fn watch(
    live: &Live,
    before: &Progress,
    orders: &[String],
    out: &mut dyn Write,
    terminal: bool,
    began: Instant,
) -> Result<bool> {
    let (from, max_wait) = (Instant::now(), FIRST + EACH.saturating_mul(u32::try_from(orders.len())?));
    let mut display = progress::Display::new(orders.len(), terminal);
    loop {
        let progress = Progress::look(live).await?.since(before);
        display.show(&progress, began.elapsed(), out)?;
        let booked = progress.invoiced >= u64::try_from(orders.len())?;
        if booked && pending(live).await? == 0 && crm_shows_all(live, orders).await? {
            display.end(&progress, began.elapsed(), out)?;
            return Ok(false);
        }
        if from.elapsed() > max_wait {
            display.end(&progress, began.elapsed(), out)?;
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

/// Whether the CRM shows every order as invoiced.
async fn crm_shows_all(live: &Live, orders: &[String]) -> Result<bool> {
    let statuses = &live.read("/control/crm/state").await?["statuses"];
    Ok(orders.iter().all(|id| statuses[id]["status"] == "invoiced"))
}

/// The AWS calls once their number stays the same for `pause`: the last order's rows in the views belong to it.
async fn settled(live: &Live, pause: Duration) -> Result<Value> {
    let mut last = live.calls(false).await?;
    for _ in 0..20 {
        tokio::time::sleep(pause).await;
        let now = live.calls(false).await?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last)
}

fn verdict(live: &Live, disagreements: &[String], late: bool, out: &mut dyn Write) -> Result<()> {
    if disagreements.is_empty() && !late {
        writeln!(out, "\nAll ledgers agree, and everything is in them exactly once.")?;
        return Ok(());
    }
    if late {
        writeln!(out, "\nNot every order was invoiced in time.")?;
    }
    writeln!(out, "\n{} disagreements:", disagreements.len())?;
    for what in disagreements.iter().take(20) {
        writeln!(out, "  - {what}")?;
    }
    if disagreements.len() > 20 {
        writeln!(out, "  … and {} more", disagreements.len() - 20)?;
    }
    let token = live.token("reader")?;
    writeln!(out, "\nWhere to look:")?;
    writeln!(
        out,
        "  an order    curl -s -H 'authorization: Bearer {token}' '{}/v1/orders/<ord_…>/timeline'",
        live.gateway
    )?;
    writeln!(out, "  a partner   curl -s '{}/control/erp/ledger?reference=<ord_…>*'", live.partners)?;
    writeln!(out, "  functions   .local/stack/emulator.log; their dead-letter queues are <function>-dlq")?;
    Ok(())
}
