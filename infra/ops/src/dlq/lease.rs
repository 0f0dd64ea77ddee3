//! What several verbs need: names of queues, the lease of a queue, and how a pass is described.

use std::process::ExitCode;
use std::time::Duration;

use cloud::operator::Lease;
use engine::Failure;
use jiff::Timestamp;
use serde_json::Value;

use crate::audit::{Act, Audit};
use crate::connection::Connection;
use crate::dlq::pass::Pass;
use crate::output::{self, words};

/// Another operator has the queue.
pub(super) const LEASED: u8 = 4;
/// Dead-letter queues whose messages point to items of a table, and are never redriven.
pub(super) const POINTERS: [&str; 4] = ["journal-relay", "delivery-relay", "view-project", "due-fire"];

/// A queue's name as people may say it: the step, or its dead-letter queue.
pub(super) fn dlq_of(step: &str) -> String {
    if step.ends_with("-dlq") { step.to_owned() } else { format!("{step}-dlq") }
}

pub(super) fn seen(queue: &str, pass: &Pass) -> String {
    let rest = if pass.complete { "" } else { "; the service did not show all of them" };
    format!("{queue}: {} seen of about {} (approximate){rest}", pass.seen, pass.depth)
}

/// Takes the lease of a queue for a pass, or of what else only one operator may change at a time, or returns the other holder's.
pub(super) async fn leased(
    audit: &impl Audit,
    connection: &Connection,
    queue: &str,
) -> Result<Result<Lease, Lease>, String> {
    let now = Timestamp::now();
    // As long as a pass through a large queue takes; it is given up at its end.
    let until = now.checked_add(Duration::from_secs(600)).unwrap_or(Timestamp::MAX);
    let lease = Lease { queue: queue.to_owned(), holder: format!("{} {}", connection.operator()?, run_id()), until };
    let other = audit.lease(&lease, now).await.map_err(|failure| words(&failure))?;
    Ok(other.map_or(Ok(lease), Err))
}

pub(super) fn refused(other: &Lease) -> ExitCode {
    output::say(&format!("{} has {} until {}, unless they end before", other.holder, other.queue, other.until));
    ExitCode::from(LEASED)
}

/// Does `work` between the records of `act`, while no other operator may change what has the name `of`. Returns how it ended if
/// another one has the lease.
pub(crate) async fn alone(
    audit: &impl Audit,
    connection: &Connection,
    of: &str,
    act: &Act<'_>,
    work: impl Future<Output = Result<((), Value), Failure>>,
) -> Result<Result<(), ExitCode>, String> {
    let lease = match leased(audit, connection, of).await? {
        Ok(lease) => lease,
        Err(other) => return Ok(Err(refused(&other))),
    };
    let done = act.done(audit, work).await;
    let returned = audit.give_up(&lease, Timestamp::now()).await;
    done.and(returned).map(Ok).map_err(|failure| words(&failure))
}

/// Distinguishes the runs of one operator.
pub(super) fn run_id() -> String {
    format!("run_{:x}_{:x}", Timestamp::now().as_microsecond(), std::process::id())
}
