//! Creates the invoice of a delivered order in the ERP.
//!
//! - On: due work: all goods of a released order are delivered and posted.
//! - Does: commits a claim (`order.effect_started`), then calls `Erp::invoice` with a key made from the order's id.
//! - Then: `order.invoiced`, after which the order needs no more steps; `order.effect_rejected` if the ERP rejects it.
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
    /// Creates the invoice.
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
        Claimed::Nothing => Ok(Outcome::Ignored("no invoice to create now")),
        Claimed::Mine(claim, request) => {
            let answer = ports.erp.invoice(cx, &request, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(OrderCommand::RecordInvoice)).await
        }
    }
}
