//! Posts in the ERP's stock what came back, in its state.
//!
//! - On: due work: what came differs from what the ERP's stock shows.
//! - Does: commits a claim (`return.effect_started`), then calls `ErpReturns::move_stock` with a key made from the return and the
//!   movement's number.
//! - Then: `return.moved`, after which goods can be credited; `return.effect_rejected` if the ERP refuses.
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
    /// Posts stock movements.
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
    match claim(&ports.journal, &ports.erp, &work.return_id, cx, Return::stock_movement).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("the ERP's stock shows all that came")),
        Claimed::Mine(claim, movement) => {
            let answer = ports.erp.move_stock(cx, &movement, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(ReturnCommand::RecordMoved)).await
        }
    }
}
