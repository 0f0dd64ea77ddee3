//! Has the ERP authorize a return.
//!
//! - On: due work: the order has reserved all lines, nothing waits for a shipment, and enough persons approved.
//! - Does: commits a claim (`return.effect_started`), then calls `ErpReturns::authorize` with a key made from the return's id.
//! - Then: `return.authorized`, with `return.advance_granted` if the policy pays in advance; `return.effect_rejected` if the ERP
//!   refuses.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; recorded as `return.effect_failed`), STO-… (the journal).

use domain::{Return, ReturnCommand};
use engine::effect::{Claimed, claim};
use engine::partner::Ready;
use engine::returns::ErpReturns;
use engine::{Context, Failure, Journal, Outcome};
use usecases::work::ReturnWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Returns' streams.
    pub journal: J,
    /// Authorizes returns.
    pub erp: E,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl ErpReturns + Ready>,
    work: ReturnWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    match claim(&ports.journal, &ports.erp, &work.return_id, cx, Return::authorization_request).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("no authorization to ask for now")),
        Claimed::Mine(claim, request) => {
            let answer = ports.erp.authorize(cx, &request, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(ReturnCommand::RecordAuthorized)).await
        }
    }
}
