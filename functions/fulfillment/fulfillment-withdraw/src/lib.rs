//! Withdraws a fulfillment from its warehouse before it is shipped.
//!
//! - On: due work: the order wants a fulfillment back and its warehouse has not answered that; or a person allowed a
//!   retry.
//! - Does: commits a claim (`fulfillment.effect_started`), then calls `Warehouse::withdraw` with a key made from the
//!   fulfillment's id. Calls no warehouse if the fulfillment was never requested, or has already left.
//! - Then: `fulfillment.withdrawn` or `fulfillment.withdrawal_refused`; `fulfillment.effect_rejected` if the warehouse
//!   rejects the call itself.
//! - Fails: MSG-002 (malformed id), PRT-… (the 3PL; recorded as `fulfillment.effect_failed`), STO-… (the journal).

use domain::fulfillment::Opened;
use domain::{Fulfillment, FulfillmentCommand, Order};
use engine::effect::{Claimed, claim};
use engine::partner::{Ready, Warehouse, WithdrawalAnswer};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::FulfillmentWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, W> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
    /// Calls the 3PLs.
    pub warehouse: W,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Warehouse + Ready>,
    work: FulfillmentWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let order = Stream::<Order>::load(&ports.journal, work.fulfillment.order(), cx).await?;
    let requested = order.state.as_ref().and_then(|order| Opened::withdrawn(order, &work.fulfillment));
    let Some(fulfillment) = requested else {
        return Ok(Outcome::Ignored("no withdrawal of the fulfillment is requested"));
    };
    let mut stream = Stream::<Fulfillment>::load(&ports.journal, &work.fulfillment, cx).await?;
    let not_sent = FulfillmentCommand::CloseNotSent(fulfillment);
    let closed = stream.commit(&ports.journal, cx, &cx.cause(&work.fulfillment.to_string()), not_sent).await?;
    if closed == Outcome::Applied {
        return Ok(closed);
    }
    match claim(&ports.journal, &ports.warehouse, &work.fulfillment, cx, Fulfillment::withdrawal).await? {
        Claimed::Nothing => refuse_if_left(&ports.journal, &work, cx).await,
        Claimed::Mine(claim, withdrawal) => {
            let answer = ports.warehouse.withdraw(cx, &withdrawal, claim.attempt()).await;
            let command = answer.map(|answer| match answer {
                WithdrawalAnswer::Withdrawn(withdrawn) => FulfillmentCommand::RecordWithdrawn(withdrawn),
                WithdrawalAnswer::TooLate(why) => FulfillmentCommand::RecordWithdrawalRefused(why),
            });
            claim.settle(&ports.journal, cx, command).await
        }
    }
}

/// Records that a fulfillment which has already left cannot be withdrawn: the order waits for an answer to each
/// withdrawal, and nothing else would give it.
async fn refuse_if_left(journal: &impl Journal, work: &FulfillmentWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut fulfillment = Stream::<Fulfillment>::load(journal, &work.fulfillment, cx).await?;
    let Some(why) = fulfillment.state.as_ref().and_then(Fulfillment::shipped_before_withdrawal) else {
        return Ok(Outcome::AlreadyDone);
    };
    let cause = cx.cause(&format!("{}#left", work.fulfillment));
    fulfillment.commit(journal, cx, &cause, FulfillmentCommand::RecordWithdrawalRefused(why)).await
}
