//! Shows the CRM where an order stands.
//!
//! - On: what a customer would ask about, through its own queue.
//! - Does: `Crm::tell` with the newest standing; an older one that lands late does no harm, so it needs no claim.
//! - Then: `order.crm_updated`, which stays in the journal.
//! - Fails: MSG-002 (unreadable id), PRT-… (the CRM), STO-… (the journal).

use domain::order::CrmUpdated;
use domain::{Order, OrderCommand};
use engine::partner::Crm;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, C> {
    /// Orders' streams.
    pub journal: J,
    /// The system that the customer's people look at.
    pub crm: C,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal, impl Crm>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(update) = order.state.as_ref().and_then(Order::crm_update) else {
        return Ok(Outcome::Ignored("the CRM shows it already"));
    };
    let version = order.version;
    ports.crm.tell(cx, &update, version).await.map_err(|e| e.into_failure(cx.now))?;
    let updated = CrmUpdated { version, digest: update.digest() };
    let cause = cx.cause(&format!("{version}/{}", updated.digest));
    let outcome = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordCrmUpdated(updated)).await?;
    if order.state.as_ref().is_some_and(|order| order.crm.is_stale()) {
        return Err(Failure::transient(
            Code::JournalRaced,
            "a newer update arrived before this one; the CRM is updated again",
        ));
    }
    Ok(outcome)
}
