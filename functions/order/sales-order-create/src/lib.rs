//! Creates the sales order in the ERP, once credit and stock allow it; changes it where the order was amended.
//!
//! - On: `order.credit_approved` and `order.allocated`, through its own queue; whichever comes second finds both. And on what
//!   lets an order go on that waited for somebody.
//! - Does: `Erp::create_sales_order`, keyed by the order and its revision; announced first.
//! - Then: `order.released`; or `order.credit_expired` where the credit ran out meanwhile.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal).

use domain::order::CreditExpired;
use domain::{Order, OrderCommand};
use engine::effect::{Claimed, claim};
use engine::partner::{Erp, Ready};
use engine::{Context, Failure, Journal, Outcome, Stream};
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
    match claim(&ports.journal, &ports.erp, &work.order, cx, |order: &Order| order.sales_order_request(cx.now)).await? {
        Claimed::Nothing => expire_credit(&ports.journal, &work, cx).await,
        Claimed::Mine(claim, order) => {
            let answer = ports.erp.create_sales_order(cx, &order, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(OrderCommand::RecordRelease)).await
        }
    }
}

/// Credit that ran out while the order waited for something else is asked for again.
async fn expire_credit(journal: &impl Journal, work: &OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(journal, &work.order, cx).await?;
    let Some(valid_until) = order.state.as_ref().and_then(|order| order.expired_credit(cx.now)) else {
        return Ok(Outcome::Ignored("not to be released now, or released before"));
    };
    let command = OrderCommand::ExpireCredit(CreditExpired { valid_until });
    order.commit(journal, cx, &cx.cause(&format!("expired-{valid_until}")), command).await
}
