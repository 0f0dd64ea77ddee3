//! The demonstration's driver: has the CRM send orders, looks on, and compares everybody's books.
//!
//! What happens is the simulators' and the deployed functions' doing. While orders flow, this driver asks the simulators
//! only, so that the AWS calls counted meanwhile are those of the orders' path alone.

mod compare;
mod cost;
mod ledgers;
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
use ledgers::Books;
use progress::Progress;

/// What is to be shown.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How many orders the CRM sends.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub orders: usize,
    /// The orders, one JSON object a line: single and split, several currencies and packages, cases and eaches. Each gets an
    /// id and a purchase order number of its own; of more orders than lines the file is begun anew.
    #[arg(long, default_value = "events/samples/orders.jsonl", value_name = "FILE")]
    pub file: PathBuf,
    /// Closes with a signed request that a person can paste into a shell, and where to look what became of it.
    #[arg(long)]
    pub show_request: bool,
}

/// The name under which our faults are scripted.
const FAULT: &str = "demo";

/// Everybody who sends webhooks.
const SENDERS: [&str; 3] = ["acme-crm", "eastco", "shipwest"];

/// How long the first order may take (functions start), and how much longer each further one: the same as xtask allows.
const FIRST: Duration = Duration::from_secs(70);
const EACH: Duration = Duration::from_secs(10);

/// Plays the demonstration on the stack that `CROSSDOCK_LIVE` names. Answers whether everybody agrees.
///
/// # Errors
/// The stack does not answer, or orders do not come to their end in time.
pub async fn run(options: &Options, out: &mut dyn Write, terminal: bool) -> Result<bool> {
    let live = Live::from_environment()?;
    quiet(&live).await.context("an earlier run is still under way")?;
    for sender in SENDERS {
        live.fault(sender, FAULT, json!({"operation": "webhook.*"}), json!({"kind": "duplicate", "copies": 1})).await?;
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

/// Compares everybody's books about orders of the CRM that came to their end, and prints the comparison. Answers what
/// disagrees, in words.
pub(crate) async fn compared(live: &Live, orders: &[String], out: &mut dyn Write) -> Result<Vec<String>> {
    compare::print(&Books::gather(live, orders).await?, out)
}

/// What orders of the CRM have more than once in anybody's books, wherever they stand, in words.
pub(crate) async fn doubled(live: &Live, orders: &[String]) -> Result<Vec<String>> {
    Ok(compare::doubled(&Books::gather(live, orders).await?))
}

async fn play(live: &Live, options: &Options, out: &mut dyn Write, terminal: bool) -> Result<bool> {
    let wanted = wanted(options)?;
    let before = Progress::look(live).await?;
    live.calls(true).await?;
    let began = Instant::now();
    writeln!(
        out,
        "\nThe CRM sends {} orders of {}; every webhook of every partner comes twice at the same instant.",
        wanted.len(),
        options.file.display()
    )?;
    let sent = live.tell("/control/crm/orders", &json!({"orders": wanted})).await?;
    let orders: Vec<String> = ids(&sent).map(str::to_owned).collect();
    let late = watch(live, &before, &orders, out, terminal, began).await?;
    let counted = settled(live).await?;
    let taken = began.elapsed();

    let books = Books::gather(live, &orders).await?;
    timeline::print(&books, out)?;
    let mut disagreements = compare::print(&books, out)?;
    disagreements.extend(compare::messages(&books));
    times::print(&books, taken, out)?;
    cost::print(live, &counted, orders.len(), out)?;
    verdict(live, &disagreements, late, out)?;
    Ok(disagreements.is_empty() && !late)
}

fn wanted(options: &Options) -> Result<Vec<Value>> {
    new_orders(&options.file, options.orders, "DEMO")
}

/// A file's orders, one a line and the file begun anew where there are fewer, each made new by an id and a purchase order
/// number that no run before had. `name` begins their ids.
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

/// The ids of the orders that the simulated CRM says it made.
pub(crate) fn ids(sent: &Value) -> impl Iterator<Item = &str> {
    sent["orders"].as_array().into_iter().flatten().filter_map(|order| order["id"].as_str())
}

/// Nothing may be left of an earlier run: it would be counted with this one.
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

/// How much the simulators still have to do or to deliver.
pub(crate) async fn pending(live: &Live) -> Result<u64> {
    Ok(live.read("/control/idle").await?["pending"].as_u64().unwrap_or_default())
}

/// Shows the progress until every order is invoiced and everybody was told. Answers whether the time ran out before.
async fn watch(
    live: &Live,
    before: &Progress,
    orders: &[String],
    out: &mut dyn Write,
    terminal: bool,
    began: Instant,
) -> Result<bool> {
    let patience = FIRST + EACH.saturating_mul(u32::try_from(orders.len())?);
    let mut display = progress::Display::new(orders.len(), terminal);
    loop {
        let progress = Progress::look(live).await?.since(before);
        display.show(&progress, began.elapsed(), out)?;
        let booked = progress.invoiced >= u64::try_from(orders.len())?;
        if booked && pending(live).await? == 0 && all_told(live, orders).await? {
            display.end(&progress, began.elapsed(), out)?;
            return Ok(false);
        }
        if began.elapsed() > patience {
            display.end(&progress, began.elapsed(), out)?;
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

/// Whether the CRM was told of every order's end.
async fn all_told(live: &Live, orders: &[String]) -> Result<bool> {
    let statuses = &live.read("/control/crm/state").await?["statuses"];
    Ok(orders.iter().all(|id| statuses[id]["status"] == "invoiced"))
}

/// The calls once they stand still: what is behind the last order, its rows in the views, belongs to it.
async fn settled(live: &Live) -> Result<Value> {
    let mut last = live.calls(false).await?;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(700)).await;
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
        writeln!(out, "\nAll books agree, and everything is in them exactly once.")?;
        return Ok(());
    }
    if late {
        writeln!(out, "\nNot every order came to its end in time.")?;
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
