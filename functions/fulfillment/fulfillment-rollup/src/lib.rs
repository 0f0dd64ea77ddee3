//! Copies a fulfillment's progress to its order.
//!
//! - On: due work: what a fulfillment reports to its order has changed.
//! - Does: calls no partner. Folds the fulfillment's stream and commits the result to the order's stream.
//! - Then: `order.fulfillment_progressed` if something changed, with what follows from it for the order:
//!   `order.amended` or `order.amend_rejected` once all fulfillments have answered, `order.withdrawal_requested`,
//!   `order.customer_notice`.
//! - Fails: MSG-002 (malformed id), STO-… (the journal).

use domain::{Fulfillment, Order, OrderCommand};
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::FulfillmentWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal>, work: FulfillmentWork, cx: &Context) -> Result<Outcome, Failure> {
    let fulfillment = Stream::<Fulfillment>::load(&ports.journal, &work.fulfillment, cx).await?;
    // Marked with the version at which its content last changed, the same report is never written twice.
    let (Some(state), Some(as_of)) = (&fulfillment.state, fulfillment.last_woken(cx.function)) else {
        return Ok(Outcome::Ignored("the fulfillment has nothing to report"));
    };
    let mixed_units = |e: domain::quantity::QuantityError| Failure::permanent(Code::StateImpossible, e.to_string());
    let progress = state.progress(as_of).map_err(mixed_units)?;
    let mut order = Stream::<Order>::load(&ports.journal, work.fulfillment.order(), cx).await?;
    let cause = cx.cause(&format!("{}@{as_of}", work.fulfillment));
    order.commit(&ports.journal, cx, &cause, OrderCommand::RecordProgress(progress)).await
}
