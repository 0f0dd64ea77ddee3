//! Updates an order in the CRM to its newest state.
//!
//! - On: due work of the order or of one of its fulfillments: the CRM shows another state than the order's, or other
//!   packages than the fulfillment's.
//! - Does: folds the order and its fulfillments, which have the packages, and calls `Crm::update` with the sum of their
//!   versions. It needs no claim: the CRM drops an update that is older than the one it shows.
//! - Then: `order.crm_updated`, which stays in the journal.
//! - Fails: MSG-002 (malformed id), PRT-… (the CRM), STO-… (the journal; STO-004 if the order changed during the call).

use domain::order::CrmUpdated;
use domain::{Fulfillment, Order, OrderCommand};
use engine::partner::Crm;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, C> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
    /// Shows people at the customer's the state of their orders.
    pub crm: C,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal, impl Crm>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(state) = &order.state else {
        return Ok(Outcome::Ignored("the order was never submitted"));
    };
    let mut packages = Vec::new();
    // A version of a stream only grows. So a reader after the last commit of all these streams has a higher sum than any
    // reader of something older.
    let mut version = order.version;
    for id in state.fulfillments.ids() {
        let fulfillment = Stream::<Fulfillment>::load(&ports.journal, id, cx).await?;
        version += fulfillment.version;
        packages.extend(fulfillment.state.iter().flat_map(Fulfillment::package_summaries));
    }
    let Some(update) = state.crm_update(packages, cx.epoch.number) else {
        return Ok(Outcome::Ignored("the CRM is up to date"));
    };
    let rank = cx.epoch.rank(version);
    ports.crm.update(cx, &update, rank).await.map_err(|e| e.into_failure(cx.now))?;
    let (digest, order_digest) = (update.digest(), Some(update.order_digest()));
    let cause = cx.cause(&format!("{rank}/{digest}"));
    let updated = CrmUpdated { version, digest, epoch: cx.epoch.number, order_digest };
    let outcome = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordCrmUpdated(updated)).await?;
    if order.state.as_ref().is_some_and(|order| order.crm.is_stale()) {
        return Err(Failure::transient(
            Code::JournalRaced,
            "a newer update was recorded before this one; the CRM is updated again",
        ));
    }
    Ok(outcome)
}
