//! Asks a warehouse to give a fulfillment back unshipped.
//!
//! - On: `order.withdrawal_requested`, through its own queue.
//! - Does: `Warehouse::withdraw`, keyed by the fulfillment; announced first. A fulfillment that was never asked for is given up in its
//!   stream alone, and one that has left stays without a question.
//! - Then: `fulfillment.withdrawn` or `fulfillment.withdrawal_refused`.
//! - Fails: MSG-002 (unreadable id), PRT-… (the 3PL), STO-… (the journal).

use domain::fulfillment::Opened;
use domain::{Fulfillment, FulfillmentCommand, Order};
use engine::effect::{Claimed, claim};
use engine::partner::{Ready, Warehouse, WithdrawalAnswer};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::FulfillmentWork;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, W> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
    /// The 3PLs.
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
        Claimed::Nothing => keep(&ports.journal, &work, cx).await,
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

/// The order waits for an answer about every fulfillment that it asked back, so that one that left by itself has one, too.
async fn keep(journal: &impl Journal, work: &FulfillmentWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut fulfillment = Stream::<Fulfillment>::load(journal, &work.fulfillment, cx).await?;
    let Some(why) = fulfillment.state.as_ref().and_then(Fulfillment::shipped_before_withdrawal) else {
        return Ok(Outcome::AlreadyDone);
    };
    let cause = cx.cause(&format!("{}#left", work.fulfillment));
    fulfillment.commit(journal, cx, &cause, FulfillmentCommand::RecordWithdrawalRefused(why)).await
}
