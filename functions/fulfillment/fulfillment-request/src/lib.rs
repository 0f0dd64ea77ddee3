//! Requests a fulfillment from the warehouse that it is assigned to.
//!
//! - On: due work: a fulfillment is assigned, its order goes on, and its warehouse has not answered; or a person
//!   allowed a retry.
//! - Does: commits a claim (`fulfillment.effect_started`), at first together with `fulfillment.opened`, then calls
//!   `Warehouse::request` with a key made from the fulfillment's id.
//! - Then: `fulfillment.accepted` or `fulfillment.rejected`; `fulfillment.effect_rejected` if the warehouse rejects the
//!   call itself.
//! - Fails: MSG-002 (malformed id), MSG-005 (the receiver's address was erased), PRT-… (the 3PL; recorded as
//!   `fulfillment.effect_failed`), STO-… (the stores).

use domain::fulfillment::{FulfillmentRequest, Opened};
use domain::{Fulfillment, FulfillmentCommand, Order};
use engine::effect::{Claimed, claim_with};
use engine::partner::{Ready, Warehouse, WarehouseAnswer};
use engine::stores::Parties;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::FulfillmentWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, P, W> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
    /// The receiver's address, which the warehouse needs.
    pub parties: P,
    /// Calls the 3PLs.
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
        return Ok(Outcome::Ignored("the order does not need the fulfillment (any more)"));
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
