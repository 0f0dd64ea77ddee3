//! `crossdock restore`: what a restored journal has lost, and how it comes back. The runbook is docs/runbooks/restore.md; what
//! AWS does (restoring a table, adopting it, the epoch) is there, as AWS's own commands.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use domain::{Order, OrderId};
use engine::journal::{Freshness, stream_name};
use engine::stores::{Deliveries, Views};
use engine::{Failure, Journal};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit::Act;
use crate::change::Change;
use crate::connection::Connection;
use crate::output::{self, FOUND, Output, words};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Announces partners' deliveries of the lost time again: orders, change requests and reports are read once more.
    ///
    /// Reads the whole table of deliveries. What the journal still has is ignored by the steps. Without --execute, says how many
    /// there are.
    #[command(after_help = "Examples:\n  \
        crossdock restore deliveries --from 2026-03-02T09:58:00Z --why 'T-17: journal restored'\n  \
        crossdock restore deliveries --from 2026-03-02T09:58:00Z --why 'T-17: journal restored' --execute\n\n\
        Exit codes:\n  0  announced\n  1  there was none\n  2  a call failed: run the same command again")]
    Deliveries(Again),
    /// Lists orders that were acknowledged and that the journal does not have.
    ///
    /// Their address was stored with them, in a table that was not restored. Run it after the deliveries were announced again: those
    /// that are left came by the API, and their clients have to submit them again, with the same id. Reads the whole table of
    /// addresses, without the addresses.
    #[command(
        after_help = "Examples:\n  crossdock restore missing\n  crossdock restore missing --json | jq -r '.orders[].external_id'\n\n\
        Exit codes:\n  0  none is missing\n  1  some are missing\n  2  a call failed"
    )]
    Missing,
}

#[derive(Args)]
pub(crate) struct Again {
    /// The time that the journal was restored to; some minutes earlier do no harm.
    #[arg(long, value_name = "TIME")]
    from: Timestamp,
    /// Only what was received before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// The most deliveries in a second.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    rate: u32,
    #[command(flatten)]
    change: Change,
}

pub(crate) fn run(command: &Command, connection: &Connection, out: &Output) -> ExitCode {
    let end = match command {
        Command::Deliveries(asked) => output::wait(Box::pin(deliveries(asked, connection, out))),
        Command::Missing => output::wait(missing(connection, out)),
    };
    end.unwrap_or_else(|why| output::fail(&why))
}

async fn deliveries(asked: &Again, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let table = deployment.deliveries()?;
    let to = asked.to.unwrap_or(Timestamp::MAX);
    let mut progress = output::progress("read");
    let keys = table.received(asked.from, to, |read| progress(read, read)).await.map_err(|failure| words(&failure))?;
    let shown = json!({ "deliveries": keys.len(), "dry_run": !asked.change.execute });
    if asked.change.execute && !keys.is_empty() {
        let (verb, about) = ("restore deliveries", format!("{} deliveries from {} on", keys.len(), asked.from));
        asked.change.confirmed(connection, connection.stack()?, &format!("{verb}: {about}"))?;
        let (audit, who) = (deployment.audit()?, connection.operator()?);
        let act = Act { who: &who, why: &asked.change.why, verb, about: &about, now: Timestamp::now() };
        let pause = Duration::from_secs(1) / asked.rate;
        let work = async { Ok((announce(&table, &keys, pause).await?, shown.clone())) };
        act.done(&audit, Box::pin(work)).await.map_err(|failure| words(&failure))?;
    }
    let printed = out.print(&shown, || vec![format!("{} deliveries", keys.len()), asked.change.end("Announced.")]);
    Ok(if keys.is_empty() { ExitCode::from(FOUND) } else { printed })
}

/// Announces deliveries in their order, with a pause after each.
async fn announce(deliveries: &impl Deliveries, keys: &[String], pause: Duration) -> Result<(), Failure> {
    let mut progress = output::progress("announced");
    for (done, key) in (1..).zip(keys) {
        deliveries.announce_again(key).await?;
        progress(done, keys.len() as u64);
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

async fn missing(connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let mut progress = output::progress("read");
    let orders = deployment.parties()?.orders(|read| progress(read, read)).await.map_err(|failure| words(&failure))?;
    let found = gone(&deployment.journal()?, &deployment.views()?, &orders).await.map_err(|failure| words(&failure))?;
    let text = || {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let row =
            |row: &Value| ["id", "source", "external_id", "customer_po", "ordered_at"].map(|name| text(row, name));
        output::table(["ORDER", "SOURCE", "EXTERNAL ID", "PO", "ORDERED"], &found.iter().map(row).collect::<Vec<_>>())
    };
    if found.is_empty() {
        return Ok(
            out.print(&json!({ "orders": found }), || vec![format!("none of {} orders is missing", orders.len())])
        );
    }
    let printed = out.print(&json!({ "orders": found }), text);
    Ok(if printed == ExitCode::SUCCESS { ExitCode::from(FOUND) } else { printed })
}

/// Those of `orders` that the journal does not have, as their lost rows show them.
async fn gone(journal: &impl Journal, views: &impl Views, orders: &BTreeSet<OrderId>) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    for order in orders {
        let stream = stream_name::<Order>(order);
        if journal.read_newest(&stream, 0, 1, Freshness::Newest).await?.is_empty() {
            let row = views.get(&stream, "summary").await?;
            let row: Option<Value> = row.and_then(|row| serde_json::from_str(&row.document).ok());
            found.push(row.unwrap_or_else(|| json!({ "id": order })));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::stores::ViewRow;
    use testkit::memory::MemoryViews;

    use super::*;
    use crate::order::tests::journal;

    #[tokio::test]
    async fn an_order_is_missing_if_its_address_is_stored_and_its_stream_is_not() {
        let (journal, kept) = journal();
        let [listed, unlisted] =
            ["P-1", "P-2"].map(|id| OrderId::derive(&"portal".parse().unwrap(), &id.parse().unwrap()));
        let views = MemoryViews::default();
        let row = ViewRow {
            key: format!("order/{listed}"),
            part: "summary".to_owned(),
            version: 9,
            fold: 1,
            list: "order/routed".to_owned(),
            rank: "1".to_owned(),
            document: json!({ "id": listed, "source": "portal", "external_id": "P-1" }).to_string(),
        };
        views.put(&row).await.unwrap();
        let orders = BTreeSet::from([kept, listed.clone(), unlisted.clone()]);
        let mut found = gone(&journal, &views, &orders).await.unwrap();
        found.sort_by_key(|row| row["source"].is_null());
        assert_eq!(found.len(), 2);
        assert_eq!((&found[0]["external_id"], &found[1]), (&json!("P-1"), &json!({ "id": unlisted })));
    }
}
