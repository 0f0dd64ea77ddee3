//! Has the ERP credit what was accepted.
//!
//! - On: due work: less is credited of an account than may be.
//! - Does: commits a claim (`return.effect_started`), then calls `ErpReturns::adjust` with a key made from return, account and
//!   number. The answer is the posted document, read back.
//! - Then: `return.credited`; `return.effect_rejected` if the ERP refuses. Other amounts than were requested are reviewed.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; recorded as `return.effect_failed`), STO-… (the journal).

use domain::{Return, ReturnCommand};
use engine::effect::{Claimed, claim};
use engine::partner::Ready;
use engine::returns::ErpReturns;
use engine::{Context, Failure, Journal, Outcome};
use usecases::work::AccountWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Returns' streams.
    pub journal: J,
    /// Posts credit memos.
    pub erp: E,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl ErpReturns + Ready>,
    work: AccountWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let guard = |state: &Return| state.adjustment_of(&work.account).filter(|it| !it.is_debit);
    match claim(&ports.journal, &ports.erp, &work.return_id, cx, guard).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("nothing to credit now")),
        Claimed::Mine(claim, adjustment) => {
            let answer = ports.erp.adjust(cx, &adjustment, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(ReturnCommand::RecordCredited)).await
        }
    }
}
