//! Asks a warehouse to ship its fulfillment of an order.
//!
//! - On: `order.assigned`, and what somebody decided of the fulfillment, through its own queue.
//! - Does: `Warehouse::request`, keyed by the fulfillment; announced first, in the commit that opens the fulfillment's stream.
//! - Then: `fulfillment.accepted` or `fulfillment.rejected`.
//! - Fails: MSG-002 (unreadable id), MSG-005 (no such fulfillment), PRT-… (the 3PL), STO-… (the stores).

use domain::fulfillment::{FulfillmentRequest, Opened};
use domain::{Fulfillment, FulfillmentCommand, Order};
use engine::effect::{Claimed, claim_with};
use engine::partner::{Ready, Warehouse, WarehouseAnswer};
use engine::stores::Parties;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::FulfillmentWork;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, P, W> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
    /// Personal data: the warehouse needs the address.
    pub parties: P,
    /// The 3PLs.
    pub warehouse: W,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Parties, impl Warehouse + Ready>,
    work: FulfillmentWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let order = Stream::<Order>::load(&ports.journal, work.fulfillment.order(), cx).await?;
    let opened = order.state.as_ref().and_then(|order| Opened::of(order, &work.fulfillment));
    let Some(opened) = opened else {
        return Ok(Outcome::Ignored("the fulfillment is not wanted (any more)"));
    };
    let erased = || Failure::permanent(Code::ParentMissing, "the receiver's record was erased");
    let party = ports.parties.fetch(&opened.ship_to).await?.ok_or_else(erased)?;
    let guard = |state: Option<&Fulfillment>| FulfillmentRequest::due(state, &opened);
    let open = |started| FulfillmentCommand::Open(opened.clone(), started);
    match claim_with(&ports.journal, &ports.warehouse, &work.fulfillment, cx, guard, open).await? {
        Claimed::Nothing => Ok(Outcome::AlreadyDone),
        Claimed::Mine(claim, request) => {
            let answer = ports.warehouse.request(cx, &request, &party, claim.attempt()).await;
            let command = answer.map(|answer| match answer {
                WarehouseAnswer::Accepted(accepted) => FulfillmentCommand::RecordAccepted(accepted),
                WarehouseAnswer::Rejected(rejected) => FulfillmentCommand::RecordRejected(rejected),
            });
            claim.settle(&ports.journal, cx, command).await
        }
    }
}
