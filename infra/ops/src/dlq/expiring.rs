//! Messages that their dead-letter queue is about to lose: their orders get a review, before the work is forgotten.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use engine::Failure;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::audit::{Act, Audit};
use crate::change::Change;
use crate::connection::Connection;
use crate::dlq::filter::Filter;
use crate::dlq::lease::{dlq_of, leased, refused, seen};
use crate::dlq::letter::{DeadLetter, Work};
use crate::dlq::pass::{Pass, Then, WINDOW, pass};
use crate::dlq::ports::{Loss, Queues, Streams};
use crate::dlq::streams::JournalStreams;
use crate::output::{self, FOUND, Output, words};
use crate::span;

#[derive(Args)]
pub(crate) struct ReviewArguments {
    /// The step, or its dead-letter queue.
    #[arg(value_name = "STEP")]
    queue: String,
    /// Which messages: those that the queue loses within this time.
    #[arg(long, default_value = "4d", value_name = "SPAN", value_parser = within)]
    within: Duration,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    filter: Filter,
}

fn within(text: &str) -> Result<Duration, String> {
    let span = span::read(text).and_then(|span| Duration::try_from(span).ok());
    span.ok_or_else(|| "give a span such as 36h or 4d".to_owned())
}

/// A message that is lost soon.
pub(crate) struct Expiring {
    letter: DeadLetter,
    lost_at: Timestamp,
}

/// What was found about the expiring messages of a queue.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Reviewed {
    /// Their orders have a review, or would have.
    pub(crate) reviewed: u64,
    /// Their work is done, so that nothing is lost with them.
    pub(crate) done: u64,
    /// Their work is due, or only the step can say, and no order would have the review: export them.
    pub(crate) without_order: u64,
}

/// The messages of `queue` that match `filter` and are lost before `until`, at most as many as a window has.
///
/// # Errors
/// Failures of the queue.
pub(crate) async fn expiring(
    queues: &impl Queues,
    queue: &str,
    filter: &Filter,
    until: Timestamp,
    progress: impl FnMut(u64, u64),
) -> Result<(Vec<Expiring>, Pass), Failure> {
    let retention = queues.facts(queue).await?.retention;
    let mut found = Vec::new();
    let visit = |mut letter: DeadLetter| {
        let lost_at = letter.sent_at.checked_add(retention).unwrap_or(Timestamp::MAX);
        if lost_at < until && filter.matches(&letter) {
            letter.body = String::new();
            found.push(Expiring { letter, lost_at });
        }
        if found.len() >= WINDOW { Then::Enough } else { Then::GiveBack }
    };
    let passed = pass(queues, queue, None, visit, progress).await?;
    Ok((found, passed))
}

/// Commits a review for each message whose work is due, once however often it is asked for. The messages stay.
///
/// # Errors
/// Failures of the journal.
pub(crate) async fn review(
    streams: &impl Streams,
    expiring: &[Expiring],
    (who, why): (&str, &str),
    dry_run: bool,
) -> Result<Reviewed, Failure> {
    let mut reviewed = Reviewed::default();
    for Expiring { letter, lost_at } in expiring {
        let work = streams.look(&letter.stream).await?.work(letter);
        let counter = match (work, &letter.order) {
            (Work::Done, _) => &mut reviewed.done,
            (Work::Due | Work::Unknown, None) => &mut reviewed.without_order,
            (Work::Due | Work::Unknown, Some(_)) => &mut reviewed.reviewed,
        };
        *counter += 1;
        if work != Work::Done && letter.order.is_some() && !dry_run {
            let key = format!("expiring/{}/{}", letter.function, letter.digest);
            streams.review(letter, &key, &Loss { who, why, at: Some(*lost_at) }).await?;
        }
    }
    Ok(reviewed)
}

pub(super) async fn run(asked: &ReviewArguments, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let (queue, dry_run, now) = (dlq_of(&asked.queue), !asked.change.execute, Timestamp::now());
    if asked.change.execute {
        asked.change.confirmed(connection, &queue, "reviews of what is about to be lost")?;
    }
    let deployment = connection.deployment()?;
    let (queues, audit) = (deployment.queues()?, deployment.audit()?);
    let streams = JournalStreams { journal: deployment.journal()?, epoch: deployment.epoch() };
    let until = now.checked_add(asked.within).unwrap_or(Timestamp::MAX);
    let lease = match leased(&audit, connection, &queue).await? {
        Ok(lease) => lease,
        Err(other) => return Ok(refused(&other)),
    };
    let found = expiring(&queues, &queue, &asked.filter, until, output::progress("looked at")).await;
    Audit::give_up(&audit, &lease, Timestamp::now()).await.map_err(|failure| words(&failure))?;
    let (found, passed) = found.map_err(|failure| words(&failure))?;
    let who = connection.operator()?;
    let work = async {
        let reviewed = review(&streams, &found, (&who, &asked.change.why), dry_run).await?;
        let shown = json!(reviewed);
        Ok((reviewed, shown))
    };
    let reviewed = if dry_run {
        Box::pin(work).await.map(|(reviewed, _)| reviewed)
    } else {
        let act = Act { who: &who, why: &asked.change.why, verb: "dlq review", about: &queue, now };
        act.done(&audit, Box::pin(work)).await
    };
    let reviewed = reviewed.map_err(|failure| words(&failure))?;
    let document = json!({ "queue": queue, "lost_before": until, "dry_run": dry_run, "found": reviewed });
    let text = || {
        let Reviewed { reviewed, done, without_order } = reviewed;
        vec![
            format!("{queue} loses {} messages before {until}", found.len()),
            format!(
                "  of these: {reviewed} reviewed on their orders, {done} done already, {without_order} about no order"
            ),
            format!("  {}", seen(&queue, &passed)),
            asked.change.end("Finished."),
        ]
    };
    let printed = out.print(&document, text);
    Ok(if found.is_empty() { ExitCode::from(FOUND) } else { printed })
}
