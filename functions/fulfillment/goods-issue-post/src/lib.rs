//! Posts the goods issue of a shipped package in the ERP.
//!
//! - On: `fulfillment.package_packed` and `fulfillment.milestone_recorded`: when both have arrived, the content and the
//!   departure are known. `fulfillment.package_voided` and `fulfillment.review_decided`: each may allow other packages
//!   to be posted.
//! - Does: commits a claim (`fulfillment.effect_started`), then calls `Erp::post_goods_issue` with a key made from
//!   fulfillment and package.
//! - Then: `fulfillment.goods_issued`; `fulfillment.effect_rejected` if the ERP rejects it.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; recorded as `fulfillment.effect_failed`), STO-… (the journal).
//!   Deferred while another package of the fulfillment has to be posted and no delivery has claimed it.

use domain::{Fulfillment, FulfillmentCommand};
use engine::effect::{Claimed, claim};
use engine::failure::Wait;
use engine::partner::{Erp, Ready};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::PackageWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Fulfillments' streams.
    pub journal: J,
    /// Posts goods issues.
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
        Claimed::Nothing => Ok(Outcome::Ignored("no goods issue to post now")),
        Claimed::Mine(claim, issue) => {
            let answer = ports.erp.post_goods_issue(cx, &issue, claim.attempt()).await;
            let posted = claim.settle(&ports.journal, cx, answer.map(FulfillmentCommand::RecordGoodsIssued)).await?;
            // A run posts one package, but its message may be the last one for several packages: run it again for the
            // next.
            let fulfillment = Stream::<Fulfillment>::load(&ports.journal, &work.fulfillment, cx).await?;
            match fulfillment.state.as_ref().and_then(Fulfillment::fresh_goods_issue) {
                Some(_) => Err(Failure::Deferred { until: cx.now, why: Wait::Claimed }),
                None => Ok(posted),
            }
        }
    }
}
