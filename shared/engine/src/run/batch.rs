//! Processes a batch of a queue's messages. Each message is settled by itself, concurrently with the others, so that
//! one that fails does not affect the rest.

use std::fmt;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use crate::context::{Context, Epoch, EventEnvelope, Work};
use crate::failure::{Code, Failure, Outcome, Wait};
use crate::folds::Folds;
use crate::measures::Measures;
use crate::run::failing;
use crate::run::turns::Turns;
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
    /// The delivery after which a message whose step fails no longer returns to the queue, but waits as a due item. The
    /// queue's own limit is higher, because the queue parks without a cause.
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
    /// Its step keeps failing, and it waits as a due item.
    Failing {
        /// When the item becomes due.
        until: Timestamp,
        /// The failure's code.
        code: Code,
        /// The failure for people, redacted.
        cause: String,
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
            Self::Done(_) | Self::Deferred { .. } | Self::Failing { .. } | Self::Parked(_) => true,
            Self::Retried { .. } => false,
        }
    }
}

/// Settles `records` concurrently, but those of the same work one after another. Returns the ids of those that the queue has to deliver again.
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
    let (now, rng, turns) = (&now, &rng, &Turns::new());
    let handle = &|work: W, cx: Context| turns.take(work, cx, &handle);
    // A single message shares its own loads: some steps look at a stream again after their commit.
    let folds = Folds::of_batch();
    let is_batch_safe = records.iter().any(|record| !may_crash(step, record));
    let one = |(place, record)| {
        let turn = Turn { now: now(), rng: rng(), folds: folds.clone() };
        let is_apart = records.len() > 1 && may_crash(step, record) && (is_batch_safe || place > 0);
        async move {
            if is_apart {
                set_apart(step, record, turn.rng, queue).await;
                return Some(record.id.clone());
            }
            let settled = settle(step, record, turn, queue, due, handle).await;
            (!settled.acknowledged()).then(|| record.id.clone())
        }
    };
    join_all(records.iter().enumerate().map(one)).await.into_iter().flatten().collect()
}

/// Whether the function may have crashed over the message. Otherwise it would wait as a due item by now, or be parked. A
/// crash ends the whole process, because the release aborts on a panic (unwinding would make every package larger).
fn may_crash(step: &Step, record: &Record) -> bool {
    record.receive_count > step.attempts
}

/// Returns a message to its queue for up to a minute, so that it is received alone, and a crash over it takes no other with
/// it. The queue delivers the messages of a crashed batch together again.
async fn set_apart(step: &Step, record: &Record, rng: u32, queue: &impl Queue) {
    let pause = Duration::from_millis(1_000 + u64::from(rng.min(1_000)) * 59);
    let (function, attempt, pause_ms) = (step.function, record.receive_count, pause.as_millis());
    if let Err(failure) = queue.delay(&record.receipt, pause).await {
        tracing::warn!(function, ?failure, "the queue did not take the pause; its visibility timeout is the pause");
    }
    let why = "its function may have crashed over it, so that it has to run alone";
    tracing::warn!(function, attempt, outcome = "retried", pause_ms, "a message returns to its queue: {why}");
}

/// What the batch gives to one of its messages.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    /// The time.
    pub now: Timestamp,
    /// A random number in `0..1000`, for the jitter.
    pub rng: u32,
    /// The streams that the batch has loaded.
    pub folds: Folds,
}

/// Runs the step for one record, then acknowledges, defers, retries or parks the message by how the step ended.
pub async fn settle<W: Work, F>(
    step: &Step,
    record: &Record,
    turn: Turn,
    queue: &impl Queue,
    due: &impl Due,
    handle: &impl Fn(W, Context) -> F,
) -> Settled
where
    F: Future<Output = Result<Outcome, Failure>>,
{
    let Turn { now, rng, .. } = turn;
    let (failing_since, body) = failing::read(&record.body);
    let envelope = EventEnvelope::read(&body);
    let (correlation, stream, event_time) = match &envelope {
        Ok(envelope) => (envelope.correlation.to_string(), envelope.subject.to_string(), envelope.time),
        Err(_) => (String::new(), String::new(), now),
    };
    let message = Message {
        step,
        record,
        body: &body,
        correlation: &correlation,
        stream: &stream,
        event_time,
        now,
        rng,
        measures: Measures::of_message(),
    };
    let result = match envelope {
        Ok(envelope) => run_step::<W, F>(handle, &envelope, message.context(&envelope, turn.folds)).await,
        Err(failure) => Err(failure),
    };
    let settled = match result {
        Ok(outcome) => Settled::Done(outcome),
        Err(Failure::Deferred { until, why }) => {
            let item = message.due_item(until, &why, body.to_string());
            match due.defer(&item).await {
                Ok(()) if item.parent.is_some() => match handle_again::<W, F>(&message, handle).await {
                    Ok(outcome) if due.done(&item).await.is_ok() => Settled::Done(outcome),
                    Ok(_) | Err(Failure::Deferred { why: Wait::ParentUnknown(_), .. }) => {
                        Settled::Deferred { until, why: why.as_str() }
                    }
                    // The parent exists by now, perhaps without having woken this item, and the step has another wait:
                    // retry.
                    Err(Failure::Deferred { .. }) => {
                        message.retry(queue, Code::StoreBusy, "the parent was just created").await
                    }
                    Err(Failure::Transient { code, cause } | Failure::Permanent { code, cause }) => {
                        message.retry(queue, code, &cause).await
                    }
                },
                Ok(()) => Settled::Deferred { until, why: why.as_str() },
                Err(_) => message.retry(queue, Code::StoreBusy, "the due item could not be written").await,
            }
        }
        // A message that comes back as a due item has used up the queue's deliveries.
        Err(Failure::Transient { code, cause }) if failing_since.is_none() && record.receive_count < step.attempts => {
            message.retry(queue, code, &cause).await
        }
        Err(Failure::Transient { code, cause }) => {
            let since = failing_since.unwrap_or_else(|| message.first_received());
            if failing::is_over(since, now) {
                message.park(queue, since, code, &cause).await
            } else {
                let until = failing::next_attempt(since, now, rng);
                let item = message.due_item(until, &Wait::Failing, failing::write(&body, since));
                match due.defer(&item).await {
                    Ok(()) => Settled::Failing { until, code, cause: crate::redact::text(&cause) },
                    Err(_) => message.retry(queue, code, &cause).await,
                }
            }
        }
        Err(Failure::Permanent { code, cause }) => {
            message.park(queue, failing_since.unwrap_or_else(|| message.first_received()), code, &cause).await
        }
    };
    log(&message, &settled);
    settled
}

async fn run_step<W: Work, F>(
    handle: &impl Fn(W, Context) -> F,
    envelope: &EventEnvelope<'_>,
    cx: Context,
) -> Result<Outcome, Failure>
where
    F: Future<Output = Result<Outcome, Failure>>,
{
    handle(W::read(envelope)?, cx).await
}

/// A message that a step is done with, in one way or another.
struct Message<'a> {
    step: &'a Step,
    record: &'a Record,
    /// As the bus wrote it.
    body: &'a str,
    correlation: &'a str,
    stream: &'a str,
    event_time: Timestamp,
    now: Timestamp,
    rng: u32,
    measures: Measures,
}

impl Message<'_> {
    fn context(&self, envelope: &EventEnvelope<'_>, folds: Folds) -> Context {
        let sender = envelope.subject.strip_prefix("delivery/").and_then(|rest| rest.split('/').next());
        Context {
            function: self.step.function,
            correlation: envelope.correlation.to_string(),
            traceparent: envelope.traceparent.as_deref().map(str::to_owned),
            now: self.now,
            event_time: envelope.time,
            lease: self.step.lease,
            epoch: self.step.epoch,
            actor: sender.map(|partner| format!("partner/{partner}")),
            folds,
            measures: self.measures.clone(),
        }
    }

    fn first_received(&self) -> Timestamp {
        let received = self.record.first_received;
        if received == Timestamp::UNIX_EPOCH { self.now } else { received }
    }

    /// The message as a due item with this `body`.
    fn due_item(&self, until: Timestamp, why: &Wait, body: String) -> DueItem {
        // Several events may make an order wait for stock, or a fulfillment for its next deadline. They make one item, because
        // its id depends on the work alone.
        let (since, of) = match why {
            Wait::Stock => (Timestamp::UNIX_EPOCH, self.stream),
            Wait::Time(work) => (Timestamp::UNIX_EPOCH, work.as_str()),
            Wait::Claimed
            | Wait::Limited(_)
            | Wait::ParentUnknown(_)
            | Wait::Cancelling
            | Wait::SchemaAhead
            | Wait::Circuit(_)
            | Wait::Slow(_)
            | Wait::Configuration(_)
            | Wait::Failing => (self.event_time, self.body),
        };
        let digest = domain::ids::base32(&domain::ids::fingerprint(&[of]), 16);
        DueItem {
            due: until,
            // Deferring an event twice to one time makes one item, because the id has the digest of the event. The id
            // begins with the event's time, so that items due at one time are fired in the order of their events.
            id: format!("{}-{}-{digest}", sortable(since), self.step.function),
            function: self.step.function.to_owned(),
            body,
            why: why.as_str().to_owned(),
            partner: why.partner().cloned(),
            parent: why.parent().map(str::to_owned),
        }
    }

    /// Puts the message into the dead-letter queue, with its cause. If that fails, the queue delivers it again.
    async fn park(&self, queue: &impl Queue, first_received: Timestamp, code: Code, cause: &str) -> Settled {
        let parked = Parked {
            body: self.body.to_owned(),
            code,
            function: self.step.function,
            correlation: self.correlation.to_owned(),
            stream: self.stream.to_owned(),
            attempts: self.record.receive_count,
            first_received,
            cause: crate::redact::text(cause),
        };
        match queue.park(&parked).await {
            Ok(()) => Settled::Parked(code),
            Err(_) => self.retry(queue, code, "the message could not be sent to the dead-letter queue").await,
        }
    }

    /// Returns the message to its queue. If the pause cannot be set, the queue's visibility timeout is the pause.
    async fn retry(&self, queue: &impl Queue, code: Code, cause: &str) -> Settled {
        let pause = backoff(self.record.receive_count, self.rng);
        match queue.delay(&self.record.receipt, pause).await {
            Ok(()) | Err(_) => Settled::Retried { code, pause, cause: crate::redact::text(cause) },
        }
    }
}

/// Runs the step once more after its due item was written: the parent may have been created in between, and `due-wake`
/// may have looked for waiting items before this one was there.
async fn handle_again<W: Work, F>(message: &Message<'_>, handle: &impl Fn(W, Context) -> F) -> Result<Outcome, Failure>
where
    F: Future<Output = Result<Outcome, Failure>>,
{
    let envelope = EventEnvelope::read(message.body)?;
    run_step::<W, F>(handle, &envelope, message.context(&envelope, Folds::default())).await
}

/// The pause before the next delivery: one second, doubled at each delivery up to five minutes. Half of it is random,
/// so that messages that failed together do not return together. `rng` is in `0..1000`.
pub fn backoff(receive_count: u32, rng: u32) -> Duration {
    let ceiling = 1_000u64.saturating_mul(1 << receive_count.saturating_sub(1).min(9)).min(300_000);
    Duration::from_millis(ceiling / 2 + ceiling * u64::from(rng.min(1_000)) / 2_000)
}

/// Writes the one log line of a settled message, with its metrics. Steps themselves do not log how they end.
fn log(message: &Message<'_>, settled: &Settled) {
    let Message { step, record, correlation, stream, measures, .. } = message;
    let (function, attempt, measures) = (step.function, record.receive_count, measures.field());
    let measures = measures.as_deref();
    // The fields that each line has.
    macro_rules! line {
        ($level:ident, $($rest:tt)+) => {
            tracing::$level!(function, correlation, stream, attempt, measures, $($rest)+)
        };
    }
    match settled {
        Settled::Done(Outcome::Applied) => line!(info, outcome = "applied", "{stream}: applied"),
        Settled::Done(Outcome::AlreadyDone) => line!(info, outcome = "already_done", "{stream}: already done"),
        Settled::Done(Outcome::Ignored(why)) => line!(info, outcome = "ignored", why, "{stream}: {why}"),
        Settled::Done(Outcome::Rejected(why)) => {
            let why = crate::redact::text(&why.to_string());
            line!(warn, outcome = "rejected", %why, "{stream}: rejected, {why}");
        }
        Settled::Deferred { until, why } => {
            line!(info, outcome = "deferred", why, %until, "{stream}: waits until {until} ({why})");
        }
        Settled::Failing { until, code, cause } => {
            let code = code.as_str();
            line!(warn, outcome = "failing", code, %until, %cause, "{stream}: {code}, {cause}; tried again at {until}");
        }
        Settled::Retried { code, pause, cause } => {
            let (code, pause_ms) = (code.as_str(), pause.as_millis());
            line!(warn, outcome = "retried", code, pause_ms, %cause, "{stream}: {code}, {cause}; retry in {pause_ms} ms");
        }
        Settled::Parked(code) => {
            let code = code.as_str();
            line!(error, outcome = "parked", code, "{stream}: parked with {code}");
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
