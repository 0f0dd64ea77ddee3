//! Has the ERP set an order's stock aside.
//!
//! - On: `order.priced`, beside `credit-check`; `order.deallocated` and `order.stock_arrived` for another allocation;
//!   and on what lets an order go on that waited. Through its own queue.
//! - Does: `Erp::allocate`, keyed by the order; announced first.
//! - Then: `order.allocated`, with what is short.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal).

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
    match claim(&ports.journal, &ports.erp, &work.order, cx, Order::allocation_request).await? {
        Claimed::Nothing => Ok(Outcome::AlreadyDone),
        Claimed::Mine(claim, request) => {
            let answer = ports.erp.allocate(cx, &request, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(OrderCommand::RecordAllocation)).await
        }
    }
}
