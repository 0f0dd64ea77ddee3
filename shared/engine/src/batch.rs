//! What becomes of a queue's messages: one at a time, concurrently, and one bad record never hurts its neighbours.

use std::fmt;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use crate::context::{Context, EventEnvelope, Work};
use crate::failure::{Code, Failure, Outcome, Wait};
use crate::stores::{Due, DueItem, sortable};

/// A message as the queue delivered it.
#[derive(Clone, Default)]
pub struct Record {
    /// The queue's id: new at every redrive, so nothing but this batch's answer uses it.
    pub id: String,
    /// The handle of this delivery.
    pub receipt: String,
    /// The body.
    pub body: String,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
    /// When it was first delivered.
    pub first_received: Timestamp,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} delivery {})", self.id, self.receive_count)
    }
}

/// A message that no repetition helps, with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The body, as it came: sent back to the queue, it is the same work.
    pub body: String,
    /// What went wrong.
    pub code: Code,
    /// Where.
    pub function: &'static str,
    /// See [`Context::correlation`]; empty where the message could not be read.
    pub correlation: String,
    /// Which stream it was about; empty where the message could not be read.
    pub stream: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first delivered.
    pub first_received: Timestamp,
    /// The last error in words, redacted.
    pub cause: String,
}

/// The step's own queue and its dead-letter queue.
pub trait Queue {
    /// Keeps a delivery invisible for `pause`, from now.
    fn delay(&self, receipt: &str, pause: Duration) -> impl Future<Output = Result<(), Failure>>;

    /// Puts a message into the dead-letter queue, with its cause as attributes.
    fn park(&self, parked: &Parked) -> impl Future<Output = Result<(), Failure>>;
}

/// What all messages of one function have in common.
#[derive(Debug, Clone)]
pub struct Step {
    /// The function's name.
    pub function: &'static str,
    /// After so many deliveries we park it ourselves, with its cause, before the queue's own policy does it blindly.
    pub attempts: u32,
    /// How long one delivery can be at work, at most.
    pub lease: Duration,
    /// The journal's epoch.
    pub epoch: String,
}

/// How a message ended, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Done with.
    Done(Outcome),
    /// Waits outside the queue.
    Deferred {
        /// Until when.
        until: Timestamp,
        /// What for.
        why: &'static str,
    },
    /// Goes back to the queue.
    Retried {
        /// What went wrong.
        code: Code,
        /// After how long.
        pause: Duration,
        /// In words, redacted.
        cause: String,
    },
    /// In the dead-letter queue.
    Parked(Code),
}

impl Settled {
    /// Whether the queue is done with the message.
    pub fn acknowledged(&self) -> bool {
        match self {
            Self::Done(_) | Self::Deferred { .. } | Self::Parked(_) => true,
            Self::Retried { .. } => false,
        }
    }
}

/// Works on `records` concurrently and returns the ids of those that have to be delivered again.
///
/// `handle` gets the parsed work and its context; `rng` is a number in 0..1000 for the jitter.
pub async fn run<W: Work, F>(
    step: &Step,
    records: &[Record],
    now: impl Fn() -> Timestamp,
    rng: impl Fn() -> u32,
    queue: &impl Queue,
    due: &impl Due,
    handle: impl Fn(W, Context) -> F,
) -> Vec<String>
where
    F: Future<Output = Result<Outcome, Failure>>,
{
    let (now, rng, handle) = (&now, &rng, &handle);
    let one = |record| async move {
        let settled = settle(step, record, now(), rng(), queue, due, handle).await;
        (!settled.acknowledged()).then(|| record.id.clone())
    };
    join_all(records.iter().map(one)).await.into_iter().flatten().collect()
}

/// Works on one record, and does with it what its end asks for.
pub async fn settle<W: Work, F>(
    step: &Step,
    record: &Record,
    now: Timestamp,
    rng: u32,
    queue: &impl Queue,
    due: &impl Due,
    handle: &impl Fn(W, Context) -> F,
) -> Settled
where
    F: Future<Output = Result<Outcome, Failure>>,
{
    let envelope = EventEnvelope::read(&record.body);
    let (correlation, stream, event_time) = match &envelope {
        Ok(envelope) => (envelope.correlation.to_string(), envelope.subject.to_string(), envelope.time),
        Err(_) => (String::new(), String::new(), now),
    };
    let result = match envelope {
        Ok(envelope) => match W::read(&envelope) {
            Ok(work) => handle(work, context(step, &envelope, now)).await,
            Err(failure) => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    let settled = match result {
        Ok(outcome) => Settled::Done(outcome),
        Err(Failure::Deferred { until, why }) => {
            let item = due_item(step, record, &stream, event_time, until, &why);
            match due.defer(&item).await {
                Ok(()) if item.parent.is_some() => match look_again::<W, F>(step, record, now, handle).await {
                    Ok(outcome) if due.done(&item).await.is_ok() => Settled::Done(outcome),
                    Ok(_) | Err(Failure::Deferred { why: Wait::ParentUnknown(_), .. }) => {
                        Settled::Deferred { until, why: why.as_str() }
                    }
                    // Nobody saw that the parent is still missing: whoever wakes its children may have been here already.
                    Err(Failure::Deferred { .. }) => {
                        again(record, rng, queue, Code::StoreBusy, "its parent came, and somebody is at it").await
                    }
                    Err(Failure::Transient { code, cause } | Failure::Permanent { code, cause }) => {
                        again(record, rng, queue, code, &cause).await
                    }
                },
                Ok(()) => Settled::Deferred { until, why: why.as_str() },
                Err(_) => again(record, rng, queue, Code::StoreBusy, "the due item could not be written").await,
            }
        }
        Err(Failure::Transient { code, cause }) if record.receive_count < step.attempts => {
            again(record, rng, queue, code, &cause).await
        }
        Err(Failure::Transient { code, cause } | Failure::Permanent { code, cause }) => {
            park(step, record, &correlation, &stream, now, rng, queue, code, &cause).await
        }
    };
    log(step, record, &correlation, &stream, &settled);
    settled
}

fn context(step: &Step, envelope: &EventEnvelope<'_>, now: Timestamp) -> Context {
    Context {
        function: step.function,
        correlation: envelope.correlation.to_string(),
        traceparent: envelope.traceparent.as_deref().map(str::to_owned),
        now,
        event_time: envelope.time,
        lease: step.lease,
        epoch: step.epoch.clone(),
    }
}

/// The record as work that waits until `until`.
fn due_item(
    step: &Step,
    record: &Record,
    stream: &str,
    event_time: Timestamp,
    until: Timestamp,
    why: &Wait,
) -> DueItem {
    // Who waits for stock is the order, whichever events told of it: it is one item.
    let (since, of) = match why {
        Wait::Stock => (Timestamp::UNIX_EPOCH, stream),
        Wait::Claimed
        | Wait::Limited(_)
        | Wait::ParentUnknown(_)
        | Wait::Time
        | Wait::SchemaAhead
        | Wait::NotYet(_)
        | Wait::Circuit(_)
        | Wait::Slow(_) => (event_time, record.body.as_str()),
    };
    let digest = domain::ids::base32(&domain::ids::fingerprint(&[of]), 16);
    DueItem {
        due: until,
        // The body names the event, so the same event deferred twice to one time is one item. It begins with the event's
        // time: what is due together is fired as it came about.
        id: format!("{}-{}-{digest}", sortable(since), step.function),
        function: step.function.to_owned(),
        body: record.body.clone(),
        why: why.as_str().to_owned(),
        partner: why.partner().cloned(),
        parent: why.parent().map(str::to_owned),
    }
}

/// What waits for a parent looks once more after it was put to wait: the parent may have come in between, and whoever wakes
/// what waits for it may have seen nothing waiting yet.
async fn look_again<W: Work, F>(
    step: &Step,
    record: &Record,
    now: Timestamp,
    handle: &impl Fn(W, Context) -> F,
) -> Result<Outcome, Failure>
where
    F: Future<Output = Result<Outcome, Failure>>,
{
    let envelope = EventEnvelope::read(&record.body)?;
    let work = W::read(&envelope)?;
    handle(work, context(step, &envelope, now)).await
}

/// Into the dead-letter queue, with the cause. If even that fails, the queue delivers the message again.
#[allow(clippy::too_many_arguments)] // One call site; a struct would only name the same nine things again.
async fn park(
    step: &Step,
    record: &Record,
    correlation: &str,
    stream: &str,
    now: Timestamp,
    rng: u32,
    queue: &impl Queue,
    code: Code,
    cause: &str,
) -> Settled {
    let parked = Parked {
        body: record.body.clone(),
        code,
        function: step.function,
        correlation: correlation.to_owned(),
        stream: stream.to_owned(),
        attempts: record.receive_count,
        first_received: if record.first_received == Timestamp::UNIX_EPOCH { now } else { record.first_received },
        cause: crate::redact::text(cause),
    };
    match queue.park(&parked).await {
        Ok(()) => Settled::Parked(code),
        Err(_) => again(record, rng, queue, code, "the dead-letter queue did not take it").await,
    }
}

/// Back to the queue. Should the pause not be settable, the queue's own visibility timeout is the pause.
async fn again(record: &Record, rng: u32, queue: &impl Queue, code: Code, cause: &str) -> Settled {
    let pause = backoff(record.receive_count, rng);
    match queue.delay(&record.receipt, pause).await {
        Ok(()) | Err(_) => Settled::Retried { code, pause, cause: crate::redact::text(cause) },
    }
}

/// One second doubling to five minutes, half of it by chance: messages that failed together do not come back together.
pub fn backoff(receive_count: u32, rng: u32) -> Duration {
    let ceiling = 1_000u64.saturating_mul(1 << receive_count.saturating_sub(1).min(9)).min(300_000);
    Duration::from_millis(ceiling / 2 + ceiling * u64::from(rng.min(1_000)) / 2_000)
}

/// One line per settled message, told at the edge and nowhere else.
fn log(step: &Step, record: &Record, correlation: &str, stream: &str, settled: &Settled) {
    let (function, attempt) = (step.function, record.receive_count);
    match settled {
        Settled::Done(Outcome::Applied) => {
            tracing::info!(function, correlation, stream, attempt, outcome = "applied", "{stream}: applied");
        }
        Settled::Done(Outcome::AlreadyDone) => {
            tracing::info!(function, correlation, stream, attempt, outcome = "already_done", "{stream}: done before");
        }
        Settled::Done(Outcome::Ignored(why)) => {
            tracing::info!(function, correlation, stream, attempt, outcome = "ignored", why, "{stream}: {why}");
        }
        Settled::Done(Outcome::Rejected(why)) => {
            let why = crate::redact::text(why);
            tracing::warn!(function, correlation, stream, attempt, outcome = "rejected", %why, "{stream}: rejected, {why}");
        }
        Settled::Deferred { until, why } => {
            tracing::info!(function, correlation, stream, attempt, outcome = "deferred", why, %until, "{stream}: waits until {until} ({why})");
        }
        Settled::Retried { code, pause, cause } => {
            let (code, pause_ms) = (code.as_str(), pause.as_millis());
            tracing::warn!(function, correlation, stream, attempt, outcome = "retried", code, pause_ms, %cause, "{stream}: {code}, {cause}; again in {pause_ms} ms");
        }
        Settled::Parked(code) => {
            let code = code.as_str();
            tracing::error!(
                function,
                correlation,
                stream,
                attempt,
                outcome = "parked",
                code,
                "{stream}: parked with {code}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_stays_within_five_minutes() {
        assert_eq!(backoff(1, 0), Duration::from_millis(500));
        assert_eq!(backoff(1, 1_000), Duration::from_millis(1_000));
        assert_eq!(backoff(4, 0), Duration::from_millis(4_000));
        assert_eq!(backoff(u32::MAX, u32::MAX), Duration::from_secs(300));
    }
}
