//! Requests about existing streams: to amend, hold, release or cancel an order, and to decide a review.
//!
//! A request is committed under its own cause, with the refusal if the stream cannot carry it out, so that a repeated
//! request gets the same answer.

use domain::ids::{base32, fingerprint};
use domain::order::{Amendment, CancelRequested, Held, HoldReleased};
use domain::{Order, OrderCommand, OrderId, Rejection, Workflow};

use engine::http::Grant;
use engine::inbound::{ChangeRequest, NewOrder};
use engine::journal::{Journal, Stream, events_of, stream_name};
use engine::stores::Parties;
use engine::{Context, Failure, Outcome, RequestCause};

use jiff::Timestamp;

use crate::names;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// It is carried out, or is being carried out.
    Accepted,
    /// It cannot be carried out.
    Refused(Rejection),
    /// The stream does not exist.
    Unknown,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Accepted => Self::Applied,
            Answer::Refused(why) => Self::Rejected(why),
            Answer::Unknown => Self::Rejected(Rejection::new("ORDER_UNKNOWN", "there is no such order")),
        }
    }
}

/// Identifies a request, so that a repeated one is not carried out twice.
#[derive(Debug, Clone)]
pub struct WorkKey {
    /// Unique among the requests of one function and stream.
    name: String,
    /// The digest of the payload if a client chose the name. Another payload under the same name is refused.
    payload: Option<String>,
}

impl WorkKey {
    /// The key of a request whose `name` is never used for another payload, such as a delivery's key.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), payload: None }
    }

    /// The key of a client's request. `key` is the client's idempotency key, `parts` are its payload.
    pub fn of_client(client: &str, key: &str, parts: &[&str]) -> Self {
        Self { name: format!("{client}/{key}"), payload: Some(base32(&fingerprint(parts), DIGEST_LENGTH)) }
    }
}

/// Of a payload's digest, in base-32 digits.
const DIGEST_LENGTH: usize = 12;

/// Who requests a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The partner's id, or the API client's name.
    pub name: String,
    /// When it was requested, by the sender's own clock; `None` where the time of the commit counts.
    pub asked_at: Option<Timestamp>,
    /// Whose orders it may change.
    pub grant: Grant,
    /// Whether it may release the holds of others.
    pub may_override: bool,
}

/// Requests a change of `order`, by its own id or an alias. A repeated `work_key` gets the first answer again.
///
/// # Errors
/// Failures of the stores.
pub async fn change(
    journal: &impl Journal,
    parties: &impl Parties,
    cx: &Context,
    order: &OrderId,
    work_key: &WorkKey,
    sender: &Sender,
    mut request: ChangeRequest,
) -> Result<Answer, Failure> {
    let stream = names::load_granted(journal, order, cx, &sender.grant).await?;
    let order = stream.id.clone();
    let Some(state) = stream.state.as_ref() else { return Ok(Answer::Unknown) };
    // The journal, the bus and every reader of the timeline get the reason.
    let receiver = parties.fetch(&state.terms.submission.ship_to).await?;
    let named = request.party().cloned();
    let reason = request.reason_mut();
    *reason = engine::redact::without_parties(reason, receiver.iter().chain(&named));
    let command = match request {
        ChangeRequest::Cancel { reason, asked_at } => {
            OrderCommand::Cancel(CancelRequested { reason, asked_at: Some(asked_at) })
        }
        ChangeRequest::Hold { reason } => {
            OrderCommand::Hold(Held { reason, holder: Some(sender.name.clone()), asked_at: sender.asked_at })
        }
        ChangeRequest::ReleaseHold { reason } => OrderCommand::ReleaseHold(HoldReleased {
            reason,
            holder: Some(sender.name.clone()),
            asked_at: sender.asked_at,
            overrides: sender.may_override,
        }),
        ChangeRequest::Amend { new, .. } if let Some(member) = fixed_member(stream.state.as_ref(), &new) => {
            let why = format!("{member} cannot be amended; cancel the order and submit a new one");
            OrderCommand::RefuseRequest(Rejection::new("CANNOT_AMEND", why))
        }
        ChangeRequest::Amend { new, reason } => {
            let mut submission = new.submission;
            // Store the address under the existing order: the id derived from the amendment may be another one.
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
                service_level: Some(submission.service_level),
                ship_complete: Some(submission.ship_complete),
                asked_by: Some(sender.name.clone()),
                asked_at: sender.asked_at,
            })
        }
    };
    carry_out(stream, journal, cx, work_key, None, command).await
}

/// The member that differs from the order and that an amendment never changes.
fn fixed_member(order: Option<&Order>, amended: &NewOrder) -> Option<&'static str> {
    let (known, new) = (&order?.terms.submission, &amended.submission);
    if known.customer != new.customer {
        Some("customer")
    } else if amended.spelling.canonical(&known.customer_po) != amended.purchase_order() {
        Some("customer_po")
    } else if known.currency != new.currency {
        Some("currency")
    } else {
        None
    }
}

/// Decides a review of the stream `id`. A repeated `work_key` gets the first answer again.
///
/// # Errors
/// Failures of the store.
pub async fn decide<W: Workflow>(
    journal: &impl Journal,
    cx: &Context,
    id: &W::Id,
    work_key: &WorkKey,
    command: W::Command,
) -> Result<Answer, Failure> {
    let stream = Stream::<W>::load(journal, id, cx).await?;
    if stream.version == 0 {
        return Ok(Answer::Unknown);
    }
    carry_out(stream, journal, cx, work_key, None, command).await
}

/// As [`decide`], of a review that a person saw at version `seen` of its stream: if it has another one, the answer is a refusal with
/// [`CHANGED_SINCE`](engine::journal::CHANGED_SINCE). A repeated `work_key` gets the first answer all the same.
///
/// # Errors
/// Failures of the store.
pub async fn decide_seen<W: Workflow>(
    journal: &impl Journal,
    cx: &Context,
    id: &W::Id,
    work_key: &WorkKey,
    seen: u64,
    command: W::Command,
) -> Result<Answer, Failure> {
    let stream = Stream::<W>::load(journal, id, cx).await?;
    if stream.version == 0 {
        return Ok(Answer::Unknown);
    }
    carry_out(stream, journal, cx, work_key, Some(seen), command).await
}

/// Commits the request unless it was committed before. The answer is read from its commit.
async fn carry_out<W: Workflow>(
    mut stream: Stream<W>,
    journal: &impl Journal,
    cx: &Context,
    work_key: &WorkKey,
    seen: Option<u64>,
    command: W::Command,
) -> Result<Answer, Failure> {
    let cause = match &work_key.payload {
        None => cx.cause(&work_key.name),
        Some(digest) => {
            let request = RequestCause::new(cx.function, &work_key.name, digest);
            if stream.is_key_reused(&request) {
                let why = "the idempotency key was used for another request; take a new key";
                return Ok(Answer::Refused(Rejection::new("KEY_REUSED", why)));
            }
            request.cause().clone()
        }
    };
    let before = if stream.has(&cause) { 0 } else { stream.version };
    let outcome = match seen {
        Some(seen) => stream.commit_seen(journal, cx, &cause, seen, command).await?,
        None => stream.commit(journal, cx, &cause, command).await?,
    };
    let after = match outcome {
        Outcome::Rejected(why) => return Ok(Answer::Refused(why)),
        Outcome::Applied => before,
        Outcome::AlreadyDone | Outcome::Ignored(_) => 0,
    };
    let commits = journal.read_after(&stream_name::<W>(&stream.id), after).await?;
    let Some(commit) = commits.iter().find(|commit| commit.cause == cause) else { return Ok(Answer::Accepted) };
    let events = events_of::<W>(commit, cx.now)?;
    let refusal = events.iter().find_map(W::refusal).cloned();
    Ok(refusal.map_or(Answer::Accepted, Answer::Refused))
}
