//! Asks the ERP whether the customer has enough credit for an order. Runs in parallel with `stock-allocate`.
//!
//! - On: due work: a priced order that goes on has no answer on credit, or its credit expired.
//! - Does: `Erp::credit`, which changes nothing.
//! - Then: `order.credit_approved`; `order.credit_refused`, or `order.credit_expired` if the approval had expired when it
//!   arrived: both open a review.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP), STO-… (the journal).

use domain::{Order, OrderCommand};
use engine::partner::{CreditAnswer, Erp};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Decides about credit.
    pub erp: E,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal, impl Erp>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(query) = order.state.as_ref().and_then(Order::credit_query) else {
        return Ok(Outcome::AlreadyDone);
    };
    let answer = ports.erp.credit(cx, &query).await.map_err(|e| e.into_failure(cx.now))?;
    let command = match answer {
        CreditAnswer::Approved(approved) => query.approved(approved, cx.now),
        CreditAnswer::Refused(refused) => OrderCommand::RecordCreditRefused(refused),
    };
    // The cause has the version, because credit is checked again after it expires and after an amendment.
    let cause = cx.cause(&format!("credit@{}", order.version));
    order.commit(&ports.journal, cx, &cause, command).await
}
