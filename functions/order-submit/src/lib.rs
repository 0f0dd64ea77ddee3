//! Makes an order of a CRM's delivery.
//!
//! - On: `delivery.received` from a CRM, through its own queue.
//! - Does: nothing outside; the order's first commit, its natural key and its deadline are one transaction.
//! - Then: `order.submitted`, or `order.submission_conflicted` where it came before with other content.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not an order), STO-… (the stores).

use engine::context::DeliveryWork;
use engine::inbound::{OrderReader, Unmappable};
use engine::intake;
use engine::stores::{Deliveries, Parties};
use engine::{Code, Context, Failure, Journal, Outcome};

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, D, P, R> {
    /// Orders' streams.
    pub journal: J,
    /// Raw deliveries.
    pub deliveries: D,
    /// Personal data: this step writes it.
    pub parties: P,
    /// Partners' documents.
    pub registry: R,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Deliveries, impl Parties, impl OrderReader>,
    work: DeliveryWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let gone = || Failure::permanent(Code::DeliveryMissing, "the raw delivery has expired or was erased");
    let delivery = ports.deliveries.fetch(&work.partner, &work.delivery).await?.ok_or_else(gone)?;
    let new = match ports.registry.read_order(&delivery).await? {
        Ok(new) => new,
        Err(Unmappable::Unrelated(why)) => return Ok(Outcome::Ignored(why)),
        Err(unmappable @ (Unmappable::UnknownTopic(_) | Unmappable::Malformed(_))) => {
            return Err(unmappable.into_failure());
        }
    };
    let (_, submitted) = intake::submit(&ports.journal, &ports.parties, cx, &delivery.key(), new, None).await?;
    Ok(submitted.into())
}
