//! Updates an order in the CRM to its newest state, or shows there that it was not taken.
//!
//! - On: due work of the order or of one of its fulfillments: the CRM shows another state than the order's, or other
//!   packages than the fulfillment's; or the CRM's order cannot be read.
//! - Does: folds the order and its fulfillments, which have the packages, and calls `Crm::update` with the sum of their
//!   versions; or calls `Crm::refuse`. It needs no claim: the CRM drops an update that is older than the one it shows.
//! - Then: `order.crm_updated` or `delivery.crm_updated`, which stay in the journal.
//! - Fails: MSG-002 (malformed id), PRT-… (the CRM), STO-… (the journal; STO-004 if the order changed during the call).

use domain::intake::{Delivery, DeliveryCommand, RefusalShown};
use domain::order::CrmUpdated;
use domain::{DeliveryId, Fulfillment, Order, OrderCommand, OrderId};
use engine::partner::Crm;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::CrmWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, C> {
    /// Streams of orders, of fulfillments, and of deliveries that cannot be read.
    pub journal: J,
    /// Shows people at the customer's the state of their orders.
    pub crm: C,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal, impl Crm>, work: CrmWork, cx: &Context) -> Result<Outcome, Failure> {
    match work {
        CrmWork::Order(order) => update(ports, &order, cx).await,
        CrmWork::Delivery(delivery) => refuse(ports, &delivery, cx).await,
    }
}

async fn refuse(ports: &Ports<impl Journal, impl Crm>, id: &DeliveryId, cx: &Context) -> Result<Outcome, Failure> {
    let mut delivery = Stream::<Delivery>::load(&ports.journal, id, cx).await?;
    let Some(refusal) = delivery.state.as_ref().and_then(Delivery::refusal) else {
        return Ok(Outcome::Ignored("the order was read, or the CRM was told"));
    };
    // Without the epoch: each version of the order itself is higher.
    ports.crm.refuse(cx, &refusal, delivery.version).await.map_err(|e| e.into_failure(cx.now))?;
    let shown = RefusalShown { digest: refusal.digest() };
    let cause = cx.cause(&format!("{}/{}", delivery.version, shown.digest));
    delivery.commit(&ports.journal, cx, &cause, DeliveryCommand::RecordCrmUpdated(shown)).await
}

async fn update(ports: &Ports<impl Journal, impl Crm>, id: &OrderId, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, id, cx).await?;
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
    cx.measures.time("crm-staleness", cx.event_time, cx.now);
    let (digest, order_digest) = (update.digest(), Some(update.order_digest()));
    let cause = cx.cause(&format!("{rank}/{digest}"));
    let updated = CrmUpdated { version, digest, epoch: Some(cx.epoch.number), order_digest };
    let outcome = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordCrmUpdated(updated)).await?;
    if order.state.as_ref().is_some_and(|order| order.crm.is_stale()) {
        return Err(Failure::transient(
            Code::JournalRaced,
            "a newer update was recorded before this one; the CRM is updated again",
        ));
    }
    Ok(outcome)
}
