//! Decides which warehouses ship what.
//!
//! - On: `order.released`, and whatever leaves a part of a released order without a warehouse (refused, given back, in stock
//!   at last, let go on) or ends the wait for a fulfillment that was asked back, through its own queue.
//! - Does: nothing outside; weighs the registry's sites.
//! - Then: `order.routed` with the reasons and an `order.assigned` for each fulfillment, or `order.unroutable`.
//! - Fails: MSG-002 (unreadable id), CFG-… (the registry), STO-… (the journal).

use domain::Order;
use engine::inbound::Sites;
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, R> {
    /// Orders' streams.
    pub journal: J,
    /// The warehouses' sites.
    pub registry: R,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Sites>,
    work: OrderWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(query) = order.state.as_ref().and_then(Order::routing_query) else {
        return Ok(Outcome::AlreadyDone);
    };
    let command = query.decide(&ports.registry.sites(cx).await?, cx.now);
    // The same order is routed more than once: each time of what it is then.
    let cause = cx.cause(&format!("route@{}", order.version));
    order.commit(&ports.journal, cx, &cause, command).await
}
