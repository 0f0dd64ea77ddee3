//! `crossdock journal` and `crossdock views`: what is derived from the journal, made again.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use domain::{Fulfillment, FulfillmentId, Order, OrderId, Workflow};
use engine::journal::Stream;
use engine::relay::{Bus, Entry, entries, publish, wake_again};
use engine::stores::{ViewRow, Views};
use engine::{Code, Commit, Epoch, Failure, Journal};
use jiff::Timestamp;
use serde_json::json;
use usecases::due::{DueNow, due_now};
use views::TimedFold;

use crate::audit::Act;
use crate::change::Change;
use crate::connection::{Connection, Deployment};
use crate::order::{Story, folded};
use crate::output::{self, FOUND, Output, words};

#[derive(Subcommand)]
pub(crate) enum JournalCommand {
    /// Publishes orders' events again, and announces their due work: after an outage of journal-relay.
    ///
    /// Event ids stay the same, so subscribers can drop duplicates; steps find their causes. Announced is the work that is due
    /// now, not what was due then. Without --execute, says how many events there are.
    #[command(after_help = "Examples:\n  \
        crossdock journal republish ord_6ce86670g2ykygj63p6wp7y650 --why 'T-17' --execute\n  \
        crossdock journal republish --from 2026-03-02T10:00:00Z --to 2026-03-02T11:00:00Z --why 'T-17: relay was off' --execute\n\n\
        Exit codes:\n  0  published\n  1  there was nothing to publish\n  2  a call failed: run the same command again")]
    Republish(Republish),
}

#[derive(Subcommand)]
pub(crate) enum ViewsCommand {
    /// Writes the rows of the lists again from the journal, over rows of the same or a lower version only.
    ///
    /// Functions go on meanwhile. Without --execute, says how many streams there are.
    #[command(after_help = "Examples:\n  crossdock views rebuild --why 'T-17: table restored' --execute\n  \
        crossdock views rebuild ord_6ce86670g2ykygj63p6wp7y650 --why 'T-17' --execute\n\n\
        Exit codes:\n  0  rebuilt\n  1  there was nothing to rebuild\n  2  a call failed: run the same command again")]
    Rebuild(Rebuild),
}

#[derive(Args)]
pub(crate) struct Republish {
    /// Orders; without one, all that changed from --from on.
    #[arg(value_name = "ORDER", required_unless_present = "from")]
    orders: Vec<OrderId>,
    /// Only commits of this time or later.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only commits before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
pub(crate) struct Rebuild {
    /// Orders; without one, all.
    #[arg(value_name = "ORDER")]
    orders: Vec<OrderId>,
    #[command(flatten)]
    change: Change,
}

pub(crate) fn run(command: &JournalCommand, connection: &Connection, out: &Output) -> ExitCode {
    let JournalCommand::Republish(asked) = command;
    output::wait(Box::pin(republish(asked, connection, out))).unwrap_or_else(|why| output::fail(&why))
}

pub(crate) fn run_views(command: &ViewsCommand, connection: &Connection, out: &Output) -> ExitCode {
    let ViewsCommand::Rebuild(asked) = command;
    output::wait(Box::pin(rebuild(asked, connection, out))).unwrap_or_else(|why| output::fail(&why))
}

/// A span of the journal's time.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Span {
    fn has(self, commit: &Commit) -> bool {
        (self.from..self.to).contains(&commit.at)
    }
}

/// The orders that are meant: those named, or all with a commit in the span, also of a fulfillment.
async fn orders(named: &[OrderId], deployment: &Deployment, span: Span) -> Result<BTreeSet<OrderId>, String> {
    if !named.is_empty() {
        return Ok(named.iter().cloned().collect());
    }
    let mut progress = output::progress("read");
    let told = |read: u64| progress(read, read);
    let streams = deployment.journal()?.streams(span.from, span.to, told).await.map_err(|failure| words(&failure))?;
    let order = |stream: &String| match stream.split_once('/')? {
        ("order", id) => id.parse().ok(),
        ("fulfillment", id) => id.parse::<FulfillmentId>().ok().map(|id| id.order().clone()),
        _ => None,
    };
    Ok(streams.iter().filter_map(order).collect())
}

async fn republish(asked: &Republish, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let span = Span { from: asked.from.unwrap_or(Timestamp::MIN), to: asked.to.unwrap_or(Timestamp::MAX) };
    let orders = orders(&asked.orders, &deployment, span).await?;
    let (journal, source, now) = (deployment.journal()?, deployment.source(), Timestamp::now());
    let mut all = Vec::new();
    for order in &orders {
        all.push(
            again(&journal, order, span, &source, (now, deployment.epoch()))
                .await
                .map_err(|failure| format!("{order}: {}", words(&failure)))?,
        );
    }
    let count: usize = all.iter().map(Vec::len).sum();
    let shown = json!({ "orders": orders.len(), "entries": count, "dry_run": !asked.change.execute });
    if asked.change.execute && count > 0 {
        let (bus, about) = (deployment.bus()?, format!("{} orders", orders.len()));
        let work = async {
            let mut progress = output::progress("published");
            for (done, entries) in (1..).zip(&all) {
                put(&bus, entries).await?;
                progress(done, all.len() as u64);
            }
            Ok(((), shown.clone()))
        };
        Box::pin(act("journal republish", &about, &asked.change, connection, &deployment, work)).await?;
    }
    let printed = out
        .print(&shown, || vec![format!("{count} entries of {} orders", orders.len()), asked.change.end("Finished.")]);
    Ok(if count == 0 { ExitCode::from(FOUND) } else { printed })
}

/// The entries for the bus of an order and its fulfillments: the events of the span, and the work that is due now.
async fn again(
    journal: &impl Journal,
    order: &OrderId,
    span: Span,
    source: &str,
    (now, epoch): (Timestamp, Epoch),
) -> Result<Vec<Entry>, Failure> {
    let Story { order: commits, fulfillments } = Story::read(journal, order, None).await?;
    let mut all = Vec::new();
    for commit in commits.iter().chain(fulfillments.iter().flatten()).filter(|commit| span.has(commit)) {
        let commit = Commit { wakes: Vec::new(), ..commit.clone() };
        all.extend(entries(&commit, source)?);
    }
    let newest: Vec<Commit> =
        std::iter::once(&commits).chain(&fulfillments).filter_map(|commits| commits.last()).cloned().collect();
    let order_stream = Stream::<Order>::of(order, commits, now)?;
    let streams = fulfillments.into_iter().filter_map(|commits| {
        let id = commits.first()?.stream.strip_prefix("fulfillment/")?.parse::<FulfillmentId>().ok()?;
        Some(Stream::<Fulfillment>::of(&id, commits, now))
    });
    let streams = streams.collect::<Result<Vec<_>, Failure>>()?;
    let occasion = format!("republish-{}", now.as_second());
    for DueNow { stream, wakes } in due_now(&order_stream, &streams, epoch) {
        if let Some(newest) = newest.iter().find(|commit| commit.stream == stream) {
            all.extend(wake_again(newest, wakes, &occasion, source)?);
        }
    }
    Ok(all)
}

async fn put(bus: &impl Bus, entries: &[Entry]) -> Result<(), Failure> {
    let published = publish(bus, &[entries.to_vec()]).await?;
    match (published.refused.into_iter().next(), published.again_from) {
        (Some((_, failure)), _) => Err(failure),
        (None, Some(_)) => Err(Failure::transient(Code::BusRefused, "the bus did not take all entries")),
        (None, None) => Ok(()),
    }
}

async fn rebuild(asked: &Rebuild, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let orders = orders(&asked.orders, &deployment, Span { from: Timestamp::MIN, to: Timestamp::MAX }).await?;
    let (journal, views, epoch) = (deployment.journal()?, deployment.views()?, deployment.epoch());
    let mut written = 0;
    if asked.change.execute && !orders.is_empty() {
        let about = format!("{} orders", orders.len());
        let work = async {
            let mut progress = output::progress("rebuilt");
            let mut rows = 0;
            for (done, order) in (1..).zip(&orders) {
                rows += write(&journal, &views, order, epoch).await?;
                progress(done, orders.len() as u64);
            }
            Ok((rows, json!({ "orders": orders.len(), "rows": rows })))
        };
        written = Box::pin(act("views rebuild", &about, &asked.change, connection, &deployment, work)).await?;
    }
    let shown = json!({ "orders": orders.len(), "rows": written, "dry_run": !asked.change.execute });
    let printed = out.print(&shown, || {
        vec![format!("{} orders, {written} rows written", orders.len()), asked.change.end("Finished.")]
    });
    Ok(if orders.is_empty() { ExitCode::from(FOUND) } else { printed })
}

/// Writes the rows of an order and its fulfillments, as `view-project` does. Returns how many were written.
async fn write(journal: &impl Journal, views: &impl Views, order: &OrderId, epoch: Epoch) -> Result<usize, Failure> {
    let story = Story::read(journal, order, None).await?;
    let mut rows = rows::<Order>(&story.order, views::order::rows)?;
    let mut references = Vec::new();
    for commit in story.order.iter().chain(story.fulfillments.iter().flatten()) {
        references.extend(views::names::of_commit(commit, Timestamp::now())?);
    }
    // One call takes a row once.
    references.sort_by(|a, b| (&a.key, &a.part).cmp(&(&b.key, &b.part)));
    references.dedup_by(|a, b| (&a.key, &a.part) == (&b.key, &b.part));
    for row in &mut references {
        row.version = epoch.rank(row.version);
    }
    for commits in &story.fulfillments {
        rows.extend(self::rows::<Fulfillment>(commits, views::fulfillment::rows)?);
    }
    let mut written = 0;
    for row in rows {
        let row = ViewRow { version: epoch.rank(row.version), ..row };
        written += usize::from(views.put(&row).await?);
    }
    views.put_all(&references).await?;
    Ok(written)
}

fn rows<W: Workflow<Id: FromStr>>(
    commits: &[Commit],
    rows: impl Fn(&TimedFold<W>) -> Vec<ViewRow>,
) -> Result<Vec<ViewRow>, Failure> {
    Ok(folded::<W>(commits)?.as_ref().map(rows).unwrap_or_default())
}

/// Asks, where it has to be asked, and does `work` between its audit records.
async fn act<T>(
    verb: &str,
    about: &str,
    change: &Change,
    connection: &Connection,
    deployment: &Deployment,
    work: impl Future<Output = Result<(T, serde_json::Value), Failure>>,
) -> Result<T, String> {
    change.confirmed(connection, connection.stack()?, &format!("{verb} of {about}"))?;
    let (audit, who) = (deployment.audit()?, connection.operator()?);
    let act = Act { who: &who, why: &change.why, verb, about, now: Timestamp::now() };
    act.done(&audit, Box::pin(work)).await.map_err(|failure| words(&failure))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testkit::memory::{MemoryBus, MemoryViews};

    use super::*;
    use crate::order::tests::journal;

    const ALL: Span = Span { from: Timestamp::MIN, to: Timestamp::MAX };

    #[tokio::test]
    async fn events_of_the_span_are_published_under_their_ids_and_the_work_that_is_due_now_is_announced() {
        let (journal, order) = journal();
        let now = "2026-03-02T12:00:00Z".parse().unwrap();
        let all = again(&journal, &order, ALL, "/crossdock/test", (now, Epoch::FIRST)).await.unwrap();
        let kinds = |entries: &[Entry]| entries.iter().map(|entry| entry.kind.clone()).collect::<Vec<_>>();
        assert_eq!(kinds(&all), ["order.submitted", "order.priced", "order.work_due"]);
        assert!(all[0].detail.contains(&format!("\"1/order/{order}/1/0\"")));
        assert_eq!(all[0].resources, [""; 0], "what was due at the submission is not due any more");
        assert!(all[2].resources.contains(&"crossdock:step/credit-check".to_owned()), "{:?}", all[2].resources);
        let later = Span { from: "2026-03-02T10:30:00Z".parse().unwrap(), ..ALL };
        let some = again(&journal, &order, later, "/crossdock/test", (now, Epoch::FIRST)).await.unwrap();
        assert_eq!(kinds(&some), ["order.priced", "order.work_due"]);
        put(&MemoryBus::default(), &all).await.unwrap();
    }

    #[tokio::test]
    async fn a_rebuilt_row_is_the_projected_one_and_is_written_once() {
        let ((journal, order), views) = (journal(), MemoryViews::default());
        assert_eq!(write(&journal, &views, &order, Epoch::FIRST).await.unwrap(), 1);
        let row = views.get(&format!("order/{order}"), "summary").await.unwrap().unwrap();
        assert_eq!((row.list.as_str(), row.version), ("order/priced", Epoch::FIRST.rank(2)));
        assert_eq!(write(&journal, &views, &order, Epoch::FIRST).await.unwrap(), 0, "nothing is older");
    }
}
