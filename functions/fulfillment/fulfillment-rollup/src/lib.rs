//! Copies a fulfillment's progress to its order.
//!
//! - On: due work: what a fulfillment reports to its order has changed.
//! - Does: calls no partner. Folds the fulfillment's stream and commits the result to the order's stream.
//! - Then: `order.fulfillment_progressed` if something changed, with what follows from it for the order:
//!   `order.amended` or `order.amend_rejected` once all fulfillments have answered, `order.withdrawal_requested`,
//!   `order.customer_notice`; `order.predecessor_shipped` on the order that took over a cancelled order's purchase order.
//! - Fails: MSG-002 (malformed id), STO-… (the journal).

use domain::order::PredecessorShipped;
use domain::{Fulfillment, FulfillmentId, Order, OrderCommand};
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
    let Some(state) = &fulfillment.state else {
        return Ok(Outcome::Ignored("the fulfillment was never opened"));
    };
    let mixed_units = |e: domain::quantity::QuantityError| Failure::permanent(Code::StateImpossible, e.to_string());
    let progress = state.progress().map_err(mixed_units)?;
    let mut order = Stream::<Order>::load_to_commit(&ports.journal, work.fulfillment.order(), cx).await?;
    let cause = cx.cause(&format!("{}@{}", work.fulfillment, progress.as_of));
    let recorded = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordProgress(progress)).await?;
    tell_successors(&ports.journal, order.state, &work.fulfillment, cx).await?;
    Ok(recorded)
}

/// Tells the orders that took over the purchase order of this cancelled one, one after the other, what left all the same.
async fn tell_successors(
    journal: &impl Journal,
    mut order: Option<Order>,
    fulfillment: &FulfillmentId,
    cx: &Context,
) -> Result<(), Failure> {
    let mut next = order.as_ref().and_then(|order| order.successor_to_tell(fulfillment)).cloned();
    while let Some(id) = next {
        let mut successor = Stream::<Order>::load(journal, &id, cx).await?;
        let shipped = OrderCommand::RecordPredecessorShipped(PredecessorShipped { fulfillment: fulfillment.clone() });
        successor.commit(journal, cx, &cx.cause(&format!("{fulfillment}#shipped")), shipped).await?.recorded()?;
        order = successor.state;
        next = order.and_then(|order| order.names.moved_to);
    }
    Ok(())
}
