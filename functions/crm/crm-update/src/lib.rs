//! Updates an order in the CRM to its newest state.
//!
//! - On: due work: the CRM shows another state than the order's.
//! - Does: `Crm::update` with the order's version. It needs no claim: the CRM drops an update that is older than the
//!   one it shows.
//! - Then: `order.crm_updated`, which stays in the journal.
//! - Fails: MSG-002 (malformed id), PRT-… (the CRM), STO-… (the journal; STO-004 if the order changed during the call).

use domain::order::CrmUpdated;
use domain::{Order, OrderCommand};
use engine::partner::Crm;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, C> {
    /// Orders' streams.
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
    let Some(update) = order.state.as_ref().and_then(Order::crm_update) else {
        return Ok(Outcome::Ignored("the CRM is up to date"));
    };
    let version = order.version;
    ports.crm.update(cx, &update, cx.epoch.rank(version)).await.map_err(|e| e.into_failure(cx.now))?;
    let updated = CrmUpdated { version, digest: update.digest() };
    let cause = cx.cause(&format!("{version}/{}", updated.digest));
    let outcome = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordCrmUpdated(updated)).await?;
    if order.state.as_ref().is_some_and(|order| order.crm.is_stale()) {
        return Err(Failure::transient(
            Code::JournalRaced,
            "a newer update was recorded before this one; the CRM is updated again",
        ));
    }
    Ok(outcome)
}
