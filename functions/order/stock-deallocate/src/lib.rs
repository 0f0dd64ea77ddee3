//! Gives stock back that an order no longer wants.
//!
//! - On: what makes an order's stock superfluous (cancelled and nothing ships, amended, set aside in vain), through its own
//!   queue; and after each allocation that was given back, for the next.
//! - Does: `Erp::deallocate`, keyed by the order and the allocation; announced first.
//! - Then: `order.deallocated`.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal).

use domain::order::Deallocated;
use domain::{Order, OrderCommand};
use engine::effect::{Claimed, claim};
use engine::partner::{Erp, Ready};
use engine::{Context, Failure, Journal, Outcome};
use usecases::work::OrderWork;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Stock.
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
        Claimed::Nothing => Ok(Outcome::Ignored("no stock to give back now")),
        Claimed::Mine(claim, release) => {
            let answer = ports.erp.deallocate(cx, &release, claim.attempt()).await;
            let released = Deallocated { allocation_no: release.allocation_no };
            claim.settle(&ports.journal, cx, answer.map(|()| OrderCommand::RecordDeallocated(released))).await
        }
    }
}
