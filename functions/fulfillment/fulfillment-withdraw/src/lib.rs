//! Asks a warehouse to give a share back unshipped.
//!
//! - On: `order.withdrawal_requested`, through its own queue.
//! - Does: `Warehouse::withdraw`, keyed by the share; announced first. A share that was never asked for is given up in its
//!   stream alone, and one that has left stays without a question.
//! - Then: `fulfillment.withdrawn` or `fulfillment.withdrawal_refused`.
//! - Fails: MSG-002 (unreadable id), PRT-… (the 3PL), STO-… (the journal).

use domain::fulfillment::Opened;
use domain::{Fulfillment, FulfillmentCommand, Order};
use engine::context::ShareWork;
use engine::effect::{Claimed, claim};
use engine::partner::{Ready, Warehouse, WithdrawalAnswer};
use engine::{Context, Failure, Journal, Outcome, Stream};

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, W> {
    /// Orders' and fulfilments' streams.
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
    work: ShareWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let order = Stream::<Order>::load(&ports.journal, work.fulfillment.order(), cx).await?;
    let Some(share) = Opened::recalled(&order.state, &work.fulfillment) else {
        return Ok(Outcome::Ignored("nobody asked for this share back"));
    };
    let mut stream = Stream::<Fulfillment>::load(&ports.journal, &work.fulfillment, cx).await?;
    let unsent = FulfillmentCommand::CloseUnsent(share);
    let given_up = stream.commit(&ports.journal, cx, &cx.cause(&work.fulfillment.to_string()), unsent).await?;
    if given_up == Outcome::Applied {
        return Ok(given_up);
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

/// The order waits for an answer about every share that it asked back, so that one that left by itself has one, too.
async fn keep(journal: &impl Journal, work: &ShareWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut share = Stream::<Fulfillment>::load(journal, &work.fulfillment, cx).await?;
    let Some(why) = share.state.kept_unasked() else { return Ok(Outcome::AlreadyDone) };
    let cause = cx.cause(&format!("{}#left", work.fulfillment));
    share.commit(journal, cx, &cause, FulfillmentCommand::RecordWithdrawalRefused(why)).await
}
