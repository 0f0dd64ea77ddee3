//! Tells a warehouse to expect a return's parcel no more.
//!
//! - On: due work: all lines of a parcel are closed, nothing of it came, and its warehouse may expect it.
//! - Does: commits a claim (`return.effect_started`), then calls `WarehouseReturns::withdraw_announcement` with a key made from
//!   return and parcel. Goods that arrive all the same are received.
//! - Then: `return.announcement_withdrawn`; `return.effect_rejected` if the warehouse refuses.
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
    let guard = |state: &Return| state.announcement_withdrawals().find(|it| it.no == work.no);
    match claim(&ports.journal, &ports.warehouse, &work.return_id, cx, guard).await? {
        Claimed::Nothing => Ok(Outcome::Ignored("the warehouse does not expect the parcel")),
        Claimed::Mine(claim, withdrawal) => {
            let answer = ports.warehouse.withdraw_announcement(cx, &withdrawal, claim.attempt()).await;
            claim.settle(&ports.journal, cx, answer.map(ReturnCommand::RecordAnnouncementWithdrawn)).await
        }
    }
}
