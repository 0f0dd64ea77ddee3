//! Tells the ERP that a package left, so that it leaves the stock.
//!
//! - On: `fulfillment.package_packed` and `fulfillment.milestone_recorded`, through its own queue; whichever comes last
//!   finds both the content and the departure. And what somebody decided of the fulfillment, or a voided package: each may free
//!   other packages, too.
//! - Does: `Erp::post_goods_issue`, keyed by fulfillment and package; announced first.
//! - Then: `fulfillment.goods_issued`.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal). Deferred while another package of the fulfillment is to be
//!   posted and nobody is at it.

use domain::{Fulfillment, FulfillmentCommand};
use engine::effect::{Claimed, claim};
use engine::failure::Wait;
use engine::partner::{Erp, Ready};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::PackageWork;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Fulfillments' streams.
    pub journal: J,
    /// Goods issues.
    pub erp: E,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Erp + Ready>,
    work: PackageWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let guard = |fulfillment: &Fulfillment| {
        let own = work.package.as_ref().and_then(|package| fulfillment.goods_issue(package));
        own.or_else(|| fulfillment.any_goods_issue())
    };
    match claim(&ports.journal, &ports.erp, &work.fulfillment, cx, guard).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("nothing to post now, or posted before")),
        Claimed::Mine(claim, issue) => {
            let answer = ports.erp.post_goods_issue(cx, &issue, claim.attempt()).await;
            let posted = claim.settle(&ports.journal, cx, answer.map(FulfillmentCommand::RecordGoodsIssued)).await?;
            // One message posts one package, and may be the last that there is for several.
            let fulfillment = Stream::<Fulfillment>::load(&ports.journal, &work.fulfillment, cx).await?;
            match fulfillment.state.as_ref().and_then(Fulfillment::fresh_goods_issue) {
                Some(_) => Err(Failure::Deferred { until: cx.now, why: Wait::Claimed }),
                None => Ok(posted),
            }
        }
    }
}
