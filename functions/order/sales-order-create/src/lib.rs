//! Creates the sales order in the ERP once credit is approved and stock is allocated; updates it after an amendment.
//!
//! - On: due work: credit is approved and stock is allocated, and the ERP does not have the order's present content.
//! - Does: commits a claim (`order.effect_started`), then calls `Erp::create_sales_order` with a key made from the
//!   order's id and its revision.
//! - Then: `order.released`; `order.credit_expired` if the credit has expired in between; `order.orphan_document` if
//!   the order was cancelled during the call; `order.effect_rejected` if the ERP rejects it.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; recorded as `order.effect_failed`), STO-… (the journal).

use domain::order::CreditExpired;
use domain::{Order, OrderCommand};
use engine::effect::{Claimed, claim};
use engine::partner::{Erp, Ready};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Creates or updates the sales order.
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

/// Commits `order.credit_expired` if the credit has expired while the order waited, so that `credit-check` asks again.
async fn expire_credit(journal: &impl Journal, work: &OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(journal, &work.order, cx).await?;
    let Some(valid_until) = order.state.as_ref().and_then(|order| order.expired_credit(cx.now)) else {
        return Ok(Outcome::Ignored("no sales order to create now"));
    };
    let command = OrderCommand::ExpireCredit(CreditExpired { valid_until, needs_decision: false });
    // The cause has the version, because the next approval may end at the same time.
    let cause = cx.cause(&format!("expired@{}", order.version));
    order.commit(journal, cx, &cause, command).await
}
