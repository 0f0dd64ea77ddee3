//! Processes a batch of a queue's messages. Each message is settled by itself, concurrently with the others, so that
//! one that fails does not affect the rest.

use std::fmt;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use crate::context::{Context, Epoch, EventEnvelope, Work};
use crate::failure::{Code, Failure, Outcome, Wait};
use crate::stores::{Due, DueItem, sortable};

/// A message as the queue delivered it.
#[derive(Clone, Default)]
pub struct Record {
    /// The queue's id of the message. It changes at every redrive, so only the answer to this batch uses it.
    pub id: String,
    /// The receipt handle of this delivery.
    pub receipt: String,
    /// An event in the bus's JSON envelope.
    pub body: String,
    /// How often the message was delivered, from 1.
    pub receive_count: u32,
    /// When it was first delivered.
    pub first_received: Timestamp,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} delivery {})", self.id, self.receive_count)
    }
}

/// A message for the dead-letter queue, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The body as it was delivered. A redrive sends it to the queue again.
    pub body: String,
    /// The last failure's code.
    pub code: Code,
    /// The function that parked the message.
    pub function: &'static str,
    /// See [`Context::correlation`]; empty if the message cannot be parsed.
    pub correlation: String,
    /// The event's subject, such as `order/ord_…`; empty if the message cannot be parsed.
    pub stream: String,
    /// How often the message was delivered.
    pub attempts: u32,
    /// When it was first delivered.
    pub first_received: Timestamp,
    /// The last failure for people, redacted.
    pub cause: String,
}

/// The step's own queue and its dead-letter queue.
pub trait Queue {
    /// Makes the queue deliver the message again after `pause`.
    fn delay(&self, receipt: &str, pause: Duration) -> impl Future<Output = Result<(), Failure>>;

    /// Puts a message into the dead-letter queue, with its cause as attributes.
    fn park(&self, parked: &Parked) -> impl Future<Output = Result<(), Failure>>;
}

/// The settings of a step that apply to all of its messages.
#[derive(Debug, Clone)]
pub struct Step {
    /// The function's name, such as `order-price`.
    pub function: &'static str,
    /// The delivery at which a message that fails is parked. The queue's own limit is higher, because the queue parks
    /// without a cause.
    pub attempts: u32,
    /// See [`Context::lease`].
    pub lease: Duration,
    /// See [`Context::epoch`].
    pub epoch: Epoch,
}

/// What happened to a message after its step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The step is done with it.
    Done(Outcome),
    /// It waits as a due item.
    Deferred {
        /// When the item becomes due.
        until: Timestamp,
        /// As [`Wait::as_str`].
        why: &'static str,
    },
    /// It goes back to its queue.
    Retried {
        /// The failure's code.
        code: Code,
        /// The time until the next delivery.
        pause: Duration,
        /// The failure for people, redacted.
        cause: String,
    },
    /// It is in the dead-letter queue.
    Parked(Code),
}

impl Settled {
    /// Whether the queue may delete the message.
    pub fn acknowledged(&self) -> bool {
        match self {
            Self::Done(_) | Self::Deferred { .. } | Self::Parked(_) => true,
            Self::Retried { .. } => false,
        }
    }
}

/// Settles `records` concurrently. Returns the ids of those that the queue has to deliver again.
///
/// `handle` is the step. `rng` returns a random number in `0..1000`, for the jitter.
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

/// Runs the step for one record, then acknowledges, defers, retries or parks the message by how the step ended.
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
                Ok(()) if item.parent.is_some() => match handle_again::<W, F>(step, record, now, handle).await {
                    Ok(outcome) if due.done(&item).await.is_ok() => Settled::Done(outcome),
                    Ok(_) | Err(Failure::Deferred { why: Wait::ParentUnknown(_), .. }) => {
                        Settled::Deferred { until, why: why.as_str() }
                    }
                    // The parent exists by now, perhaps without having woken this item, and the step has another wait:
                    // retry.
                    Err(Failure::Deferred { .. }) => {
                        retry(record, rng, queue, Code::StoreBusy, "the parent was just created").await
                    }
                    Err(Failure::Transient { code, cause } | Failure::Permanent { code, cause }) => {
                        retry(record, rng, queue, code, &cause).await
                    }
                },
                Ok(()) => Settled::Deferred { until, why: why.as_str() },
                Err(_) => retry(record, rng, queue, Code::StoreBusy, "the due item could not be written").await,
            }
        }
        Err(Failure::Transient { code, cause }) if record.receive_count < step.attempts => {
            retry(record, rng, queue, code, &cause).await
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
        epoch: step.epoch,
    }
}

/// The record as a due item.
fn due_item(
    step: &Step,
    record: &Record,
    stream: &str,
    event_time: Timestamp,
    until: Timestamp,
    why: &Wait,
) -> DueItem {
    // Several events may make an order wait for stock. They make one item, because its id depends on the stream alone.
    let (since, of) = match why {
        Wait::Stock => (Timestamp::UNIX_EPOCH, stream),
        Wait::Claimed
        | Wait::Limited(_)
        | Wait::ParentUnknown(_)
        | Wait::Time
        | Wait::Cancelling
        | Wait::SchemaAhead
        | Wait::Circuit(_)
        | Wait::Slow(_) => (event_time, record.body.as_str()),
    };
    let digest = domain::ids::base32(&domain::ids::fingerprint(&[of]), 16);
    DueItem {
        due: until,
        // Deferring an event twice to one time makes one item, because the id has the digest of the event. The id
        // begins with the event's time, so that items due at one time are fired in the order of their events.
        id: format!("{}-{}-{digest}", sortable(since), step.function),
        function: step.function.to_owned(),
        body: record.body.clone(),
        why: why.as_str().to_owned(),
        partner: why.partner().cloned(),
        parent: why.parent().map(str::to_owned),
    }
}

/// Runs the step once more after its due item was written: the parent may have been created in between, and `due-wake`
/// may have looked for waiting items before this one was there.
async fn handle_again<W: Work, F>(
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

/// Puts the message into the dead-letter queue, with its cause. If that fails, the queue delivers the message again.
#[allow(clippy::too_many_arguments)] // It has one call site; a struct would only repeat the nine names.
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
        Err(_) => retry(record, rng, queue, code, "the message could not be sent to the dead-letter queue").await,
    }
}

/// Returns the message to its queue. If the pause cannot be set, the queue's visibility timeout is the pause.
async fn retry(record: &Record, rng: u32, queue: &impl Queue, code: Code, cause: &str) -> Settled {
    let pause = backoff(record.receive_count, rng);
    match queue.delay(&record.receipt, pause).await {
        Ok(()) | Err(_) => Settled::Retried { code, pause, cause: crate::redact::text(cause) },
    }
}

/// The pause before the next delivery: one second, doubled at each delivery up to five minutes. Half of it is random,
/// so that messages that failed together do not return together. `rng` is in `0..1000`.
pub fn backoff(receive_count: u32, rng: u32) -> Duration {
    let ceiling = 1_000u64.saturating_mul(1 << receive_count.saturating_sub(1).min(9)).min(300_000);
    Duration::from_millis(ceiling / 2 + ceiling * u64::from(rng.min(1_000)) / 2_000)
}

/// Writes the one log line of a settled message. Steps themselves do not log how they end.
fn log(step: &Step, record: &Record, correlation: &str, stream: &str, settled: &Settled) {
    let (function, attempt) = (step.function, record.receive_count);
    match settled {
        Settled::Done(Outcome::Applied) => {
            tracing::info!(function, correlation, stream, attempt, outcome = "applied", "{stream}: applied");
        }
        Settled::Done(Outcome::AlreadyDone) => {
            tracing::info!(function, correlation, stream, attempt, outcome = "already_done", "{stream}: already done");
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
            tracing::warn!(function, correlation, stream, attempt, outcome = "retried", code, pause_ms, %cause, "{stream}: {code}, {cause}; retry in {pause_ms} ms");
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
    fn the_pause_doubles_up_to_five_minutes() {
        assert_eq!(backoff(1, 0), Duration::from_millis(500));
        assert_eq!(backoff(1, 1_000), Duration::from_millis(1_000));
        assert_eq!(backoff(4, 0), Duration::from_millis(4_000));
        assert_eq!(backoff(u32::MAX, u32::MAX), Duration::from_secs(300));
    }
}
