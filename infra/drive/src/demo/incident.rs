//! An incident, and a person who puts it right with the operator's command line: the ERP does not answer, and meanwhile the CRM
//! sends orders whose products have no mapping.
//!
//! The local stack computes no alarms. Those that ring on AWS are named by what they watch, once that is there.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::{EACH, FIRST, Options, compared, crm_shows_all, ids, new_orders, pending};
use crate::live::Live;
use crate::operator::{Answer, Operator};

/// The name under which the outage is scripted.
const FAULT: &str = "incident";

/// How many orders have products without a mapping.
const UNMAPPED: usize = 4;

/// A function reads partners' documents again after a minute.
const UNTIL_READ: Duration = Duration::from_secs(62);

/// Plays the incident. Returns whether all ledgers agree at its end.
pub(super) async fn play(live: &Live, options: &Options, out: &mut dyn Write) -> Result<bool> {
    let folder = std::env::temp_dir().join(format!("crossdock-incident-{}", std::process::id()));
    let ann = Session { operator: Operator::new(live, "ann", &folder)? };
    let before = live.change_document("acme-crm", |_unchanged| {}).await?;
    let end = ann.incident(live, options, out).await;
    live.mend("erp", FAULT).await?;
    live.change_document("acme-crm", |document| document.clone_from(&before)).await?;
    std::fs::remove_dir_all(&folder)?;
    end
}

struct Session {
    operator: Operator,
}

impl Session {
    async fn incident(&self, live: &Live, options: &Options, out: &mut dyn Write) -> Result<bool> {
        let mut wanted = new_orders(&options.file, options.orders.unwrap_or(12).max(UNMAPPED), "INC")?;
        let names = wanted.iter_mut().take(UNMAPPED).flat_map(unmapped).collect::<BTreeMap<String, String>>();
        live.fault("erp", FAULT, json!({"operation": "*"}), json!({"kind": "down"})).await?;
        let sent = live.tell("/control/crm/orders", &json!({"orders": wanted})).await?;
        let orders: Vec<String> = ids(&sent).map(str::to_owned).collect();
        writeln!(
            out,
            "The ERP does not answer. The CRM sends {} orders, {UNMAPPED} of them with product names that have no mapping.",
            orders.len()
        )?;
        let parked =
            async || self.operator.ask(1, &["dlq", "ls"]).await.is_ok_and(|listed| has(&listed, "order-import-dlq"));
        until("orders are parked", async || Ok(parked().await)).await?;
        until("the ERP's circuit is open", async || {
            let health = self.operator.run(&["partner", "health", "acme-erp", "--json"]).await?.document()?;
            Ok(health["partners"][0]["state"] == "circuit open")
        })
        .await?;

        writeln!(out, "\nOn AWS these alarms ring:")?;
        writeln!(out, "  OrderImportDlqAlarm  Messages are parked in the DLQ of order-import")?;
        writeln!(
            out,
            "  DueFireClosedAlarm   A partner has not been callable for five minutes, and work waits for it"
        )?;
        writeln!(out, "  OrdersAtRiskAlarm    Orders are late, or nothing moves them; it rings with the one before")?;
        writeln!(out, "\nThe diagnosis:")?;
        self.shown(&["partner", "health"], out).await?;
        self.shown(&["dlq", "ls"], out).await?;
        self.shown(&["dlq", "group"], out).await?;

        live.mend("erp", FAULT).await?;
        live.change_document("acme-crm", |document| document["maps"]["skus"] = json!(names)).await?;
        writeln!(
            out,
            "\nThe repair: the ERP's people start it again. The CRM's document gets the {} missing products; functions read it\n\
             within a minute.",
            names.len()
        )?;
        tokio::time::sleep(UNTIL_READ).await;
        writeln!(out, "\nThe redrive:")?;
        self.shown(&["dlq", "plan", "order-import", "--cause", "MSG-004", "-o", "crm.plan"], out).await?;
        let apply = ["dlq", "apply", "crm.plan", "--why", "T-17: products mapped", "--execute", "--settle", "10"];
        let applied = self.shown(&apply, out).await?;
        ensure!(applied.code == Some(0), "the redrive left or lost something: {}", applied.err);

        let max_wait = FIRST + EACH.saturating_mul(u32::try_from(orders.len())?);
        within(max_wait, "every order is invoiced, and the CRM shows it", async || {
            Ok(pending(live).await? == 0 && crm_shows_all(live, &orders).await?)
        })
        .await?;
        writeln!(out, "\nAfterwards; what had waited for the ERP went on by itself:")?;
        self.shown(&["partner", "health"], out).await?;
        self.shown(&["dlq", "ls"], out).await?;
        let disagreements = compared(live, &orders, out).await?;
        for what in &disagreements {
            writeln!(out, "  - {what}")?;
        }
        if disagreements.is_empty() {
            writeln!(out, "\nAll ledgers agree, and everything is in them exactly once.")?;
        }
        Ok(disagreements.is_empty())
    }

    /// Runs a command and shows it with its output, as a terminal would.
    async fn shown(&self, arguments: &[&str], out: &mut dyn Write) -> Result<Answer> {
        let quoted =
            |argument: &&str| if argument.contains(' ') { format!("'{argument}'") } else { (*argument).to_owned() };
        let line: Vec<String> = arguments.iter().map(quoted).collect();
        let answer = self.operator.run(arguments).await?;
        writeln!(out, "\n$ crossdock {}\n{}", line.join(" "), answer.out.trim_end())?;
        if answer.code == Some(2) {
            bail!("crossdock {} failed: {}", line.join(" "), answer.err);
        }
        Ok(answer)
    }
}

/// Gives an order's products names that cannot be ours, because they are not ASCII. Returns our names with these.
fn unmapped(order: &mut Value) -> Vec<(String, String)> {
    let lines = order["lines"].as_array_mut().into_iter().flatten();
    let name = |line: &mut Value| {
        let ours = line["sku"].as_str()?.to_owned();
        let theirs = format!("É {ours}");
        line["sku"] = json!(theirs);
        Some((ours, theirs))
    };
    lines.filter_map(name).collect()
}

fn has(listed: &Value, queue: &str) -> bool {
    let queues = listed["queues"].as_array().into_iter().flatten();
    queues.filter(|one| one["queue"] == queue).any(|one| one["messages"].as_u64() >= Some(UNMAPPED as u64))
}

async fn until(what: &str, look: impl AsyncFn() -> Result<bool>) -> Result<()> {
    within(FIRST, what, look).await
}

async fn within(max_wait: Duration, what: &str, look: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !look().await.with_context(|| format!("while waiting: {what}"))? {
        ensure!(began.elapsed() < max_wait, "after {} s not yet: {what}", max_wait.as_secs());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
