//! Deallocates stock in the ERP that the order no longer needs.
//!
//! - On: due work: an allocation was dropped by an amendment, or nothing of a cancelled order will ship.
//! - Does: commits a claim (`order.effect_started`), then calls `Erp::deallocate` with a key made from the order's id
//!   and the number of the allocation.
//! - Then: `order.deallocated`; `order.effect_rejected` if the ERP rejects it.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; recorded as `order.effect_failed`), STO-… (the journal).

use domain::order::Deallocated;
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
    /// Deallocates the stock.
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
    match claim(&ports.journal, &ports.erp, &work.order, cx, Order::deallocation).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("no allocation to release now")),
        Claimed::Mine(claim, deallocation) => {
            let answer = ports.erp.deallocate(cx, &deallocation, claim.attempt()).await;
            let deallocated = Deallocated { allocation_no: deallocation.allocation_no };
            claim.settle(&ports.journal, cx, answer.map(|()| OrderCommand::RecordDeallocated(deallocated))).await
        }
    }
}
