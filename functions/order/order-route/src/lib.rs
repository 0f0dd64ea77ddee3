//! Decides which warehouses ship which lines of an order.
//!
//! - On: due work: lines of a released order have stock and no warehouse. What no site could ship is due again when
//!   the lines or the excluded sites change, or when a person decides so.
//! - Does: calls no partner. Compares the sites in the registry.
//! - Then: `order.routed` with the reasons and one `order.assigned` per fulfillment, or `order.unroutable`, which opens
//!   a review.
//! - Fails: MSG-002 (malformed id), CFG-… (the registry), STO-… (the journal).

use domain::Order;
use engine::inbound::Sites;
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// The ports that this step uses.
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
    // The cause has the version, because an order may be routed more than once.
    let cause = cx.cause(&format!("route@{}", order.version));
    order.commit(&ports.journal, cx, &cause, command).await
}
