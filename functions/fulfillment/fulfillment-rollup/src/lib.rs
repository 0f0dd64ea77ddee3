//! Tells an order how far one of its fulfillments has come.
//!
//! - On: what happens to a fulfillment, through its own queue.
//! - Does: nothing outside; folds the fulfillment's stream and records its standing on the order's.
//! - Then: `order.fulfillment_progressed`, where it is news.
//! - Fails: MSG-002 (unreadable id), STO-… (the journal).

use domain::{Fulfillment, Order, OrderCommand};
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::FulfillmentWork;

/// All that this step may touch.
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
    let mixed = |e: domain::quantity::QuantityError| Failure::permanent(Code::StateImpossible, e.to_string());
    let progress = state.progress(fulfillment.version).map_err(mixed)?;
    let mut order = Stream::<Order>::load(&ports.journal, work.fulfillment.order(), cx).await?;
    let cause = cx.cause(&format!("{}@{}", work.fulfillment, fulfillment.version));
    order.commit(&ports.journal, cx, &cause, OrderCommand::RecordProgress(progress)).await
}
