//! What people and systems ask of orders and fulfillments that exist: to change, hold or cancel them, to decide what they left to
//! people. A request may be refused, and always leaves a commit: asked again, it has the same answer.

use domain::ids::{base32, fingerprint};
use domain::order::{Amendment, CancelRequested, Held, HoldReleased};
use domain::review::Decision;
use domain::{
    Fulfillment, FulfillmentCommand, FulfillmentId, Order, OrderCommand, OrderEvent, OrderId, Rejection, Workflow,
};

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::inbound::ChangeRequest;
use crate::journal::{Journal, Stream, events_of, stream_name};
use crate::stores::Parties;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done, or under way.
    Accepted,
    /// It cannot be met.
    Refused(Rejection),
    /// There is no such order or fulfillment.
    Unknown,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Accepted => Self::Applied,
            Answer::Refused(why) => Self::Rejected(why.to_string()),
            Answer::Unknown => Self::Rejected("there is no such order".to_owned()),
        }
    }
}

/// What makes a request the same as one before.
#[derive(Debug, Clone)]
pub struct WorkKey {
    /// Who asks, and what they call the request: one before that is called so is the same.
    name: String,
    /// What it says, where whoever asks chose the name: one that is called so and says something else is refused.
    says: Option<String>,
}

impl WorkKey {
    /// Of what only one thing can be asked under this name.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), says: None }
    }

    /// Of a client's request under its own idempotency `key`, which says `parts`.
    pub fn of_client(client: &str, key: &str, parts: &[&str]) -> Self {
        Self { name: format!("{client}/{key}"), says: Some(base32(&fingerprint(parts), SAYS)) }
    }
}

/// How long the digest of what a request says is.
const SAYS: usize = 12;

/// Asks `request` of `order`. The same `work_key` is the same request.
///
/// # Errors
/// The stores'.
pub async fn change(
    journal: &impl Journal,
    parties: &impl Parties,
    cx: &Context,
    order: &OrderId,
    work_key: &WorkKey,
    request: ChangeRequest,
) -> Result<Answer, Failure> {
    let stream = Stream::<Order>::load(journal, order, cx).await?;
    if stream.version == 0 {
        return Ok(Answer::Unknown);
    }
    let command = match request {
        ChangeRequest::Cancel { reason } => OrderCommand::Cancel(CancelRequested { reason }),
        ChangeRequest::Hold { reason } => OrderCommand::Hold(Held { reason }),
        ChangeRequest::ReleaseHold { reason } => OrderCommand::ReleaseHold(HoldReleased { reason }),
        ChangeRequest::Amend { new, reason } => {
            let mut submission = new.submission;
            // The address belongs to the order that there is, whatever the sender calls it.
            submission.ship_to.order = order.clone();
            submission.ship_to.n = new.party.number();
            parties.store(&submission.ship_to, &new.party).await?;
            OrderCommand::Amend(Amendment {
                revision: 0,
                reason,
                ship_to: submission.ship_to,
                destination: submission.destination,
                lines: submission.lines,
                digest: submission.digest,
            })
        }
    };
    ask(stream, journal, cx, work_key, command, refused).await
}

/// Decides what `order` left to people.
///
/// # Errors
/// The store's.
pub async fn decide_order(
    journal: &impl Journal,
    cx: &Context,
    order: &OrderId,
    work_key: &WorkKey,
    decision: Decision,
) -> Result<Answer, Failure> {
    let stream = Stream::<Order>::load(journal, order, cx).await?;
    if stream.version == 0 {
        return Ok(Answer::Unknown);
    }
    ask(stream, journal, cx, work_key, OrderCommand::Decide(decision), refused).await
}

/// Decides what a fulfillment left to people.
///
/// # Errors
/// The store's.
pub async fn decide_fulfillment(
    journal: &impl Journal,
    cx: &Context,
    fulfillment: &FulfillmentId,
    work_key: &WorkKey,
    decision: Decision,
) -> Result<Answer, Failure> {
    let stream = Stream::<Fulfillment>::load(journal, fulfillment, cx).await?;
    if stream.version == 0 {
        return Ok(Answer::Unknown);
    }
    ask(stream, journal, cx, work_key, FulfillmentCommand::Decide(decision), |_| None).await
}

/// Commits the request and tells what was answered, now or when it came first.
async fn ask<W: Workflow>(
    mut stream: Stream<W>,
    journal: &impl Journal,
    cx: &Context,
    work_key: &WorkKey,
    command: W::Command,
    refusal: impl Fn(&W::Event) -> Option<Rejection>,
) -> Result<Answer, Failure> {
    let cause = match &work_key.says {
        None => cx.cause(&work_key.name),
        Some(says) => {
            let beginning = cx.cause(&format!("{}#", work_key.name));
            let cause = format!("{beginning}{says}");
            if stream.has_besides(&beginning, &cause) {
                let why = "the idempotency key belongs to a request that says something else; take a new key";
                return Ok(Answer::Refused(Rejection::new("KEY_REUSED", why)));
            }
            cause
        }
    };
    if !stream.has(&cause)
        && let Err(rejection) = stream.state.decide(command.clone())
    {
        return Ok(Answer::Refused(rejection));
    }
    stream.commit(journal, cx, &cause, command).await?;
    let commits = journal.read(&stream_name::<W>(&stream.id)).await?;
    let Some(commit) = commits.iter().find(|commit| commit.cause == cause) else { return Ok(Answer::Accepted) };
    let refusal = events_of::<W>(commit, cx.now)?.iter().find_map(refusal);
    Ok(refusal.map_or(Answer::Accepted, Answer::Refused))
}

/// The order's refusal, where the event is one.
fn refused(event: &OrderEvent) -> Option<Rejection> {
    if let OrderEvent::RequestRejected(rejection) = event { Some(rejection.clone()) } else { None }
}
