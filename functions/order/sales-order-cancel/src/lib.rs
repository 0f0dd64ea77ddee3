//! Cancels the sales order in the ERP once it is certain that nothing of the order ships.
//!
//! - On: due work: nothing of a cancelled order will ship, and the ERP has its sales order or may have it.
//! - Does: commits a claim (`order.effect_started`), then calls `Erp::cancel_sales_order` with a key made from the
//!   order's id.
//! - Then: `order.sales_order_cancelled`; `order.effect_rejected` if the ERP rejects it.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; recorded as `order.effect_failed`), STO-… (the journal).

use domain::order::SalesOrderCancelled;
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
    /// Cancels the sales order.
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
