//! Shows the CRM where an order stands.
//!
//! - On: what a customer would ask about, through its own queue.
//! - Does: `Crm::tell` with the newest standing; an older one that lands late does no harm, so it needs no claim.
//! - Then: `order.told`, which stays in the journal.
//! - Fails: MSG-002 (unreadable id), PRT-… (the CRM), STO-… (the journal).

use domain::order::Told;
use domain::{Order, OrderCommand};
use engine::context::OrderWork;
use engine::partner::Crm;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};

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
    let Some(telling) = order.state.telling() else {
        return Ok(Outcome::Ignored("the CRM shows it already"));
    };
    let version = order.version;
    ports.crm.tell(cx, &telling, version).await.map_err(|e| e.into_failure(cx.now))?;
    let told = Told { version, digest: telling.digest() };
    let cause = cx.cause(&format!("{version}/{}", told.digest));
    let outcome = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordTold(told)).await?;
    if order.state.was_overtaken() {
        return Err(Failure::transient(Code::JournalRaced, "a newer telling landed before this one; telling again"));
    }
    Ok(outcome)
}
