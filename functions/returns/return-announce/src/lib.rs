//! Tells a warehouse to expect a return's parcel, or another content of it.
//!
//! - On: due work: a parcel is planned, or its content has changed, and its warehouse was not told.
//! - Does: commits a claim (`return.effect_started`), then calls `WarehouseReturns::announce` with a key made from return, parcel
//!   and content.
//! - Then: `return.announced`; `return.effect_rejected` if the warehouse refuses.
//! - Fails: MSG-002 (malformed id), PRT-… (the 3PL; recorded as `return.effect_failed`), STO-… (the journal).

use domain::{Return, ReturnCommand};
use engine::effect::{Claimed, claim};
use engine::partner::Ready;
use engine::returns::WarehouseReturns;
use engine::{Context, Failure, Journal, Outcome};
use usecases::work::ParcelWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, W> {
    /// Returns' streams.
    pub journal: J,
    /// Calls the 3PLs.
    pub warehouse: W,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl WarehouseReturns + Ready>,
    work: ParcelWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let guard = |state: &Return| state.announcements().find(|it| it.expected.no == work.no);
    match claim(&ports.journal, &ports.warehouse, &work.return_id, cx, guard).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("the warehouse expects the parcel")),
        Claimed::Mine(claim, announcement) => {
            let answer = ports.warehouse.announce(cx, &announcement, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(ReturnCommand::RecordAnnounced)).await
        }
    }
}
