//! Creates an order exactly once, by whichever way and however often it is submitted.

use domain::ids::{base32, fingerprint};
use domain::{Order, OrderCommand, OrderId, Rejection, Workflow};
use serde_json::json;

use engine::context::Context;
use engine::failure::{Code, Failure, Outcome};
use engine::inbound::NewOrder;
use engine::journal::{CreateOutcome, Journal, NewStream, Stream};
use engine::stores::{DueItem, Parties};

/// The step that gets the order's due item at its deadline.
pub const DEADLINE_STEP: &str = "deadline-raise";

/// The outcome of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The order was created.
    Created,
    /// The order exists with the same content. Nothing was written.
    Same,
    /// The order exists with other content. That content stays; the conflict was committed and opens a review.
    Conflicting,
    /// The sender used this idempotency key for another order. Nothing was written.
    KeyReused,
}

impl From<Submitted> for Outcome {
    fn from(submitted: Submitted) -> Self {
        match submitted {
            Submitted::Created => Self::Applied,
            Submitted::Same => Self::AlreadyDone,
            Submitted::Conflicting => {
                Self::Rejected(Rejection::new("SUBMISSION_CONFLICTS", "the order exists with other content"))
            }
            Submitted::KeyReused => {
                Self::Rejected(Rejection::new("KEY_REUSED", "the idempotency key was used for another order"))
            }
        }
    }
}

/// Submits `new`. Its id (from source and external id) and its natural key (sold-to and customer PO) are unique, so
/// that it exists at most once. A second submission under either is compared with the first; if they differ, the
/// conflict is committed. `idempotency` is an API client's key, `<client>/<key>`.
///
/// Returns the order's id. It differs from the submission's if another source submitted the order first.
///
/// # Errors
/// Failures of the stores.
pub async fn submit(
    journal: &impl Journal,
    parties: &impl Parties,
    cx: &Context,
    work_key: &str,
    mut new: NewOrder,
    idempotency: Option<&str>,
) -> Result<(OrderId, Submitted), Failure> {
    new.submission.ship_to.n = new.party.number();
    let id = new.submission.ship_to.order.clone();
    let mut stream = Stream::<Order>::load(journal, &id, cx).await?;
    if stream.version == 0 {
        parties.store(&new.submission.ship_to, &new.party).await?;
        let mut new_stream = new_stream(&stream, cx, work_key, &new)?;
        new_stream.unique.extend(idempotency.map(|key| format!("{IDEMPOTENCY}{key}")));
        match journal.create(&new_stream).await? {
            CreateOutcome::Committed => return Ok((id, Submitted::Created)),
            CreateOutcome::Exists => stream = Stream::load(journal, &id, cx).await?,
            CreateOutcome::Taken { key, owner } => {
                let owner: OrderId = owner.strip_prefix("order/").unwrap_or("").parse()?;
                if key.starts_with(IDEMPOTENCY) {
                    return Ok((owner, Submitted::KeyReused));
                }
                stream = Stream::load(journal, &owner, cx).await?;
            }
        }
    }
    let existing = stream.id.clone();
    let same = stream.state.as_ref().is_some_and(|order| order.terms.submission.digest == new.submission.digest);
    if same {
        return Ok((existing, Submitted::Same));
    }
    stream.commit(journal, cx, &cx.cause(work_key), OrderCommand::Submit(new.submission)).await?.recorded()?;
    Ok((existing, Submitted::Conflicting))
}

/// The prefix of unique keys that are idempotency keys.
const IDEMPOTENCY: &str = "idempotency/";

fn new_stream(stream: &Stream<Order>, cx: &Context, work_key: &str, new: &NewOrder) -> Result<NewStream, Failure> {
    let submission = &new.submission;
    let command = OrderCommand::Submit(submission.clone());
    let events = Order::create(command).map_err(|e| Failure::permanent(Code::StateImpossible, e.to_string()))?;
    let natural = fingerprint(&[submission.customer.as_str(), submission.customer_po.as_str()]);
    let deadline = DueItem {
        due: submission.deadline,
        id: format!("{DEADLINE_STEP}-{}", stream.id),
        function: DEADLINE_STEP.to_owned(),
        body: deadline_message(&stream.id, cx, submission.deadline),
        why: "deadline".to_owned(),
        partner: None,
        parent: None,
    };
    let commit = stream.next(cx, &cx.cause(work_key), &events)?;
    Ok(NewStream { commit, unique: vec![format!("po/{}", base32(&natural, 32))], deadline })
}

/// The body of the deadline's due item, in the envelope that the bus would use.
fn deadline_message(order: &OrderId, cx: &Context, deadline: jiff::Timestamp) -> String {
    let kind = "order.deadline_passed";
    json!({
        "version": "0",
        "source": "crossdock",
        "detail-type": kind,
        "detail": {
            "specversion": "1.0",
            "id": format!("deadline/{order}"),
            "source": "/crossdock",
            "type": kind,
            "subject": format!("order/{order}"),
            "time": deadline.to_string(),
            "datacontenttype": "application/json",
            "correlationid": cx.correlation,
            "data": { "type": kind, "deadline": deadline.to_string() },
        },
    })
    .to_string()
}
