//! Allocates an order's stock in the ERP. Runs in parallel with `credit-check`.
//!
//! - On: due work: a priced order that goes on has no allocation, or stock has arrived for what was short, and no
//!   earlier allocation has to be freed first.
//! - Does: commits a claim (`order.effect_started`), then calls `Erp::allocate` with a key made from the order's id and
//!   the number of the allocation.
//! - Then: `order.allocated`, with the quantities that are short; `order.orphan_document` if the order stopped needing
//!   the stock during the call; `order.effect_rejected` if the ERP rejects it.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; recorded as `order.effect_failed`), STO-… (the journal).

use domain::{Order, OrderCommand};
use engine::effect::{Claimed, claim};
use engine::partner::{Erp, Ready};
use engine::{Context, Failure, Journal, Outcome};
use usecases::work::OrderWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Allocates the stock.
    pub erp: E,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Erp + Ready>,
    work: OrderWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    match claim(&ports.journal, &ports.erp, &work.order, cx, Order::allocation_request).await? {
        Claimed::Nothing => Ok(Outcome::AlreadyDone),
        Claimed::Mine(claim, request) => {
            let answer = ports.erp.allocate(cx, &request, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(OrderCommand::RecordAllocation)).await
        }
    }
}
