//! Creates an order exactly once, by whichever way and however often it is submitted.

use std::time::Duration;

use domain::ids::{base32, fingerprint};
use domain::order::{Aliased, PurchaseOrderTaken, PurchaseOrderUse};
use domain::{Order, OrderCommand, OrderEvent, OrderId, Rejection, Workflow};
use jiff::Timestamp;
use serde_json::json;

use engine::context::Context;
use engine::failure::{Code, Failure, Outcome, Wait};
use engine::inbound::NewOrder;
use engine::journal::{Append, CreateOutcome, Journal, NewStream, Stream, Takeover};
use engine::stores::DueItem;

use crate::names;

/// The step that gets the order's due item at its deadline.
pub const DEADLINE_STEP: &str = "deadline-raise";

/// The outcome of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The order was created.
    Created,
    /// The order exists with the same content. Nothing was written but the alias, where the id is new.
    Same,
    /// The order exists with other content, or is cancelled. It stays as it is; the conflict was committed and opens a
    /// review.
    Conflicting,
    /// The sender used this idempotency key for another order. Nothing was written.
    KeyReused,
}

impl From<Submitted> for Outcome {
    fn from(submitted: Submitted) -> Self {
        match submitted {
            Submitted::Created => Self::Applied,
            Submitted::Same => Self::AlreadyDone,
            Submitted::Conflicting => Self::Rejected(Rejection::new(
                "SUBMISSION_CONFLICTS",
                "the order exists with other content, or is cancelled",
            )),
            Submitted::KeyReused => {
                Self::Rejected(Rejection::new("KEY_REUSED", "the idempotency key was used for another order"))
            }
        }
    }
}

/// Submits `new`. An order has its own id (from source and external id), aliases, and a purchase order number (of its sold-to
/// customer). A second submission under any of them is compared with the first; if they differ, the conflict is committed.
/// Under a new id it becomes an alias of the order. The purchase order number of a cancelled order goes to the new order.
/// `idempotency` is an API client's key, `<client>/<key>`.
///
/// Returns the order's id. It differs from the submission's if another source submitted the order first.
///
/// # Errors
/// Deferred while a cancelled order with the same purchase order number is still being undone; failures of the stores;
/// STO-004 after too many lost races.
pub async fn submit(
    journal: &impl Journal,
    cx: &Context,
    work_key: &str,
    mut new: NewOrder,
    idempotency: Option<&str>,
) -> Result<(OrderId, Submitted), Failure> {
    new.submission.ship_to.n = new.party.number();
    let submission = Submitting { journal, cx, work_key, new: &new, idempotency };
    for _ in 0..MAX_RACES {
        if let Some(submitted) = submission.attempt().await? {
            return Ok(submitted);
        }
    }
    Err(Failure::transient(Code::JournalRaced, "other steps committed first, several times in a row"))
}

/// How often a submission is tried before the message goes back to its queue. Each lost race looks at all names again.
const MAX_RACES: usize = 8;

/// How long a new order waits for the cancellation of the one that has its purchase order number. After that it is a
/// conflict of that order, so that a person sees both.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3_600);

/// A submission, with what it needs.
struct Submitting<'a, J> {
    journal: &'a J,
    cx: &'a Context,
    work_key: &'a str,
    new: &'a NewOrder,
    idempotency: Option<&'a str>,
}

impl<J: Journal> Submitting<'_, J> {
    /// Looks at the submission's own id first, then at its purchase order number. `None`: another step committed first.
    async fn attempt(&self) -> Result<Option<(OrderId, Submitted)>, Failure> {
        let Self { journal, cx, new, .. } = self;
        let id = &new.submission.ship_to.order;
        let named = names::load(*journal, id, cx).await?;
        if named.version > 0 {
            return self.compare(named).await.map(Some);
        }
        match journal.create(&self.new_stream(&named, None)?).await? {
            CreateOutcome::Committed => Ok(Some((id.clone(), Submitted::Created))),
            CreateOutcome::Exists | CreateOutcome::Raced => Ok(None),
            CreateOutcome::Taken { key, owner } => {
                let owner = order_in(&owner)?;
                if key.starts_with(IDEMPOTENCY) {
                    return Ok(Some((owner, Submitted::KeyReused)));
                }
                self.under_purchase_order(named, &owner).await
            }
        }
    }

    /// The order exists under this id, which may be an alias.
    async fn compare(&self, mut stream: Stream<Order>) -> Result<(OrderId, Submitted), Failure> {
        let Self { journal, cx, work_key, new, .. } = self;
        let existing = stream.id.clone();
        if stream.state.as_ref().is_some_and(|order| order.terms.is_same(&new.submission)) {
            return Ok((existing, Submitted::Same));
        }
        let again = OrderCommand::Submit(new.submission.clone());
        stream.commit(*journal, cx, &cx.cause(work_key), again).await?.recorded()?;
        Ok((existing, Submitted::Conflicting))
    }

    /// The submission's id, whose stream `own` is empty, is new; the order `owner` has its purchase order number.
    async fn under_purchase_order(
        &self,
        own: Stream<Order>,
        owner: &OrderId,
    ) -> Result<Option<(OrderId, Submitted)>, Failure> {
        let (cx, submission) = (self.cx, &self.new.submission);
        let (mut owner, mut commits) = names::commits(self.journal, owner, cx.now).await?;
        // What was ordered before an earlier order was cancelled is that order, although another one has its number now.
        let (stream, order) = loop {
            let stream = Stream::<Order>::of(&owner, commits.clone(), cx.now)?;
            let missing = || Failure::permanent(Code::JournalCorrupt, format!("no order {owner} has its own key"));
            let order = stream.state.clone().ok_or_else(missing)?;
            match &order.names.taken {
                Some(taken) if submission.ordered_at <= taken.cancelled_at => {
                    (owner, commits) = names::commits(self.journal, &taken.from, cx.now).await?;
                }
                Some(_) | None => break (stream, order),
            }
        };
        match order.purchase_order_use(submission, names::cancelled_at(&commits, cx.now)?) {
            PurchaseOrderUse::SameOrder => self.add_alias(&own, &stream, &order).await,
            PurchaseOrderUse::NewAfterCancellation => match self.try_again_at() {
                Some(until) => Err(Failure::Deferred { until, why: Wait::Cancelling }),
                None => self.add_alias(&own, &stream, &order).await,
            },
            PurchaseOrderUse::NewOrder { moved, taken } => {
                let cause = cx.cause(&format!("purchase-order-moved/{}", own.id));
                let last = stream.next(cx, &cause, &[OrderEvent::PurchaseOrderMoved(moved)])?;
                let takeover = Takeover { key: purchase_order(self.new), last };
                match self.journal.create(&self.new_stream(&own, Some((takeover, taken)))?).await? {
                    CreateOutcome::Committed => Ok(Some((own.id, Submitted::Created))),
                    CreateOutcome::Exists | CreateOutcome::Raced => Ok(None),
                    // The only other key is the API client's.
                    CreateOutcome::Taken { owner, .. } => Ok(Some((order_in(&owner)?, Submitted::KeyReused))),
                }
            }
        }
    }

    /// Commits the alias to the order and to the alias's own stream, in one transaction.
    async fn add_alias(
        &self,
        own: &Stream<Order>,
        stream: &Stream<Order>,
        order: &Order,
    ) -> Result<Option<(OrderId, Submitted)>, Failure> {
        let impossible = |e: domain::Rejection| Failure::permanent(Code::StateImpossible, e.to_string());
        let events = order.decide(OrderCommand::Submit(self.new.submission.clone())).map_err(impossible)?;
        let cause = self.cx.cause(&format!("{}#alias", self.work_key));
        let aliased = OrderEvent::Aliased(Aliased { order: stream.id.clone() });
        let commits = [stream.next(self.cx, &cause, &events)?, own.next(self.cx, &cause, &[aliased])?];
        let conflicts = events.iter().any(|event| matches!(event, OrderEvent::SubmissionConflicted(_)));
        let submitted = if conflicts { Submitted::Conflicting } else { Submitted::Same };
        Ok(match self.journal.append_all(&commits).await? {
            Append::Committed => Some((stream.id.clone(), submitted)),
            Append::Raced => None,
        })
    }

    /// When a waiting submission looks at the cancellation again: after twice its age, from ten seconds to an hour.
    fn try_again_at(&self) -> Option<Timestamp> {
        let age = self.cx.now.duration_since(self.cx.event_time).unsigned_abs();
        (age < MAX_WAIT).then(|| self.cx.after(age.clamp(Duration::from_secs(10), Duration::from_secs(3_600))))
    }

    fn new_stream(
        &self,
        stream: &Stream<Order>,
        takeover: Option<(Takeover, PurchaseOrderTaken)>,
    ) -> Result<NewStream, Failure> {
        let (cx, submission) = (self.cx, &self.new.submission);
        let command = OrderCommand::Submit(submission.clone());
        let mut events =
            Order::create(command).map_err(|e| Failure::permanent(Code::StateImpossible, e.to_string()))?;
        let mut unique: Vec<String> = self.idempotency.map(|key| format!("{IDEMPOTENCY}{key}")).into_iter().collect();
        let takeover = match takeover {
            Some((takeover, taken)) => {
                events.push(OrderEvent::PurchaseOrderTaken(taken));
                Some(takeover)
            }
            None => {
                unique.push(purchase_order(self.new));
                None
            }
        };
        let deadline = DueItem {
            due: submission.deadline,
            id: format!("{DEADLINE_STEP}-{}", stream.id),
            function: DEADLINE_STEP.to_owned(),
            body: deadline_message(&stream.id, cx, submission.deadline),
            why: "deadline".to_owned(),
            partner: None,
            parent: None,
        };
        let commit = stream.next(cx, &cx.cause(self.work_key), &events)?;
        let party = Some((submission.ship_to.clone(), self.new.party.clone()));
        Ok(NewStream { commit, unique, deadline, party, takeover })
    }
}

/// The order whose stream has this name.
fn order_in(stream: &str) -> Result<OrderId, Failure> {
    Ok(stream.strip_prefix("order/").unwrap_or("").parse()?)
}

/// The natural key of the order's purchase order number.
fn purchase_order(new: &NewOrder) -> String {
    let natural = fingerprint(&[new.submission.customer.as_str(), &new.purchase_order()]);
    format!("po/{}", base32(&natural, 32))
}

/// The prefix of unique keys that are idempotency keys.
const IDEMPOTENCY: &str = "idempotency/";

/// The body of the deadline's due item, in the envelope that the bus would use.
fn deadline_message(order: &OrderId, cx: &Context, deadline: Timestamp) -> String {
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
