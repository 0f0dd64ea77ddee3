//! Cancels the sales order of an order of which nothing ships.
//!
//! - On: what makes that certain (cancelled without fulfillments, the last fulfillment given back, a sales order made too late), through
//!   its own queue.
//! - Does: `Erp::cancel_sales_order`, keyed by the order; announced first.
//! - Then: `order.sales_order_cancelled`.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal).

use domain::order::SalesOrderCancelled;
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
    match claim(&ports.journal, &ports.erp, &work.order, cx, Order::sales_order_cancellation).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("no sales order to cancel now")),
        Claimed::Mine(claim, cancellation) => {
            let answer = ports.erp.cancel_sales_order(cx, &cancellation, claim.attempt()).await;
            let cancelled = |sales_order| SalesOrderCancelled { sales_order };
            let command = answer.map(|number| OrderCommand::RecordSalesOrderCancelled(cancelled(number)));
            claim.settle(&ports.journal, cx, command).await
        }
    }
}
