//! Requests about streams that exist: change, hold, amend or cancel an order; decide a review. A request may be refused, and always
//! leaves a commit: the same request again has the same answer.

use domain::ids::{base32, fingerprint};
use domain::order::{Amendment, CancelRequested, Held, HoldReleased};
use domain::workflow;
use domain::{Order, OrderCommand, OrderId, Rejection, Workflow};

use engine::inbound::ChangeRequest;
use engine::journal::{Journal, Stream, events_of, stream_name};
use engine::stores::Parties;
use engine::{Context, Failure, Outcome, RequestCause};

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is carried out, or under way.
    Accepted,
    /// It cannot be met.
    Refused(Rejection),
    /// There is no such stream.
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

/// What makes a request the same as an earlier one.
#[derive(Debug, Clone)]
pub struct WorkKey {
    /// The sender's name for the request.
    name: String,
    /// The digest of the payload, where the sender chose the name: the same name with another payload is refused.
    payload: Option<String>,
}

impl WorkKey {
    /// The key of a request whose name has one meaning only.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), payload: None }
    }

    /// The key of a client's request under its own idempotency `key`, with the payload `parts`.
    pub fn of_client(client: &str, key: &str, parts: &[&str]) -> Self {
        Self { name: format!("{client}/{key}"), payload: Some(base32(&fingerprint(parts), DIGEST_LENGTH)) }
    }
}

/// In characters of base 32.
const DIGEST_LENGTH: usize = 12;

/// Requests a change of `order`. The same `work_key` is the same request.
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
            // The address belongs to the existing order, also if the sender has another id for it.
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
    carry_out(stream, journal, cx, work_key, command).await
}

/// Carries out the decision of a review of the stream `id`.
///
/// # Errors
/// The store's.
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
    carry_out(stream, journal, cx, work_key, command).await
}

/// Commits the request, and answers what was committed for it, now or when it came first.
async fn carry_out<W: Workflow>(
    mut stream: Stream<W>,
    journal: &impl Journal,
    cx: &Context,
    work_key: &WorkKey,
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
    if !stream.has(&cause)
        && let Err(rejection) = workflow::decide(stream.state.as_ref(), command.clone())
    {
        return Ok(Answer::Refused(rejection));
    }
    stream.commit(journal, cx, &cause, command).await?;
    let commits = journal.read(&stream_name::<W>(&stream.id)).await?;
    let Some(commit) = commits.iter().find(|commit| commit.cause == cause) else { return Ok(Answer::Accepted) };
    let events = events_of::<W>(commit, cx.now)?;
    let refusal = events.iter().find_map(W::refusal).cloned();
    Ok(refusal.map_or(Answer::Accepted, Answer::Refused))
}
