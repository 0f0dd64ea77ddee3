//! Asks the ERP whether the customer may have an order on credit.
//!
//! - On: `order.priced` and `order.credit_expired`, through its own queue; and on what lets an order go on that waited. Beside
//!   `stock-allocate`.
//! - Does: `Erp::credit`, which changes nothing.
//! - Then: `order.credit_approved`, or `order.credit_refused` for somebody to decide.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal).

use domain::{Order, OrderCommand};
use engine::partner::{CreditAnswer, Erp};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Credit limits.
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
        CreditAnswer::Approved(approved) => OrderCommand::RecordCreditApproved(approved),
        CreditAnswer::Refused(refused) => OrderCommand::RecordCreditRefused(refused),
    };
    // Credit that ran out, or of an order that was amended, is asked for again.
    let cause = cx.cause(&format!("credit@{}", order.version));
    order.commit(&ports.journal, cx, &cause, command).await
}
