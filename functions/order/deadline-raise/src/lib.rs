//! Raises an order that has not ended by its deadline.
//!
//! - On: the order's deadline, a due item that was written together with the order's first commit.
//! - Does: calls no partner.
//! - Then: `order.overdue`, which opens a review, unless the order has ended.
//! - Fails: MSG-002 (malformed id), STO-… (the journal).

use domain::order::Overdue;
use domain::{Order, OrderCommand};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J> {
    /// Orders' streams.
    pub journal: J,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(state) = &order.state else {
        return Ok(Outcome::Ignored("there is no such order"));
    };
    let deadline = state.terms.submission.deadline;
    let command = OrderCommand::RaiseOverdue(Overdue { deadline });
    order.commit(&ports.journal, cx, &cx.cause(&deadline.to_string()), command).await
}
