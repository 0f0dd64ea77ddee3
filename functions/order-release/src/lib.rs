//! Creates the sales order in the ERP, once credit and stock allow it.
//!
//! - On: `order.credit_approved` and `order.allocated`, through its own queue; whichever comes second finds both.
//! - Does: `Erp::create_sales_order`, keyed by the order; announced first.
//! - Then: `order.released`.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal).

use domain::{Order, OrderCommand};
use engine::context::OrderWork;
use engine::effect::{Claimed, claim};
use engine::partner::{Erp, Ready};
use engine::{Context, Failure, Journal, Outcome};

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Sales orders.
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
    match claim(&ports.journal, &ports.erp, &work.order, cx, Order::sales_order).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("not to be released now, or released before")),
        Claimed::Mine(claim, order) => {
            let answer = ports.erp.create_sales_order(cx, &order, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(OrderCommand::RecordRelease)).await
        }
    }
}
