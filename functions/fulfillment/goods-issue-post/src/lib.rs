//! Posts the goods issue of a shipped package in the ERP.
//!
//! - On: due work: a package has left, its content is known, and its goods issue is not posted.
//! - Does: commits a claim (`fulfillment.effect_started`), then calls `Erp::post_goods_issue` with a key made from
//!   fulfillment and package.
//! - Then: `fulfillment.goods_issued`; `fulfillment.effect_rejected` if the ERP rejects it.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; recorded as `fulfillment.effect_failed`), STO-… (the journal).

use domain::{Fulfillment, FulfillmentCommand};
use engine::effect::{Claimed, claim};
use engine::partner::{Erp, Ready};
use engine::{Context, Failure, Journal, Outcome};
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
    let guard = |fulfillment: &Fulfillment| fulfillment.goods_issue(&work.package);
    match claim(&ports.journal, &ports.erp, &work.fulfillment, cx, guard).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("no goods issue to post now")),
        Claimed::Mine(claim, issue) => {
            let answer = ports.erp.post_goods_issue(cx, &issue, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(FulfillmentCommand::RecordGoodsIssued)).await
        }
    }
}
