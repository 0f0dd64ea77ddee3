//! Has the ERP invoice an order that is delivered, and records the invoice.
//!
//! - On: `order.fulfillment_progressed`, and what ends the wait for the rest of an order, through its own queue.
//! - Does: `Erp::invoice`, keyed by the order; announced first.
//! - Then: `order.invoiced`: nothing is left to do.
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
    /// Invoices.
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
    match claim(&ports.journal, &ports.erp, &work.order, cx, Order::invoice_request).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("not to be invoiced yet, or invoiced before")),
        Claimed::Mine(claim, request) => {
            let answer = ports.erp.invoice(cx, &request, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(OrderCommand::RecordInvoice)).await
        }
    }
}
