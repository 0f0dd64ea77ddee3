//! Creates an order from a CRM's webhook.
//!
//! - On: `delivery.received` from a CRM, unless the topic is one of `change-import`'s.
//! - Does: calls no partner. Writes the order's first commit, its natural key and its deadline in one transaction.
//! - Then: `order.submitted`; `order.submission_conflicted` if the order exists with other content.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not an order), STO-… (the stores).

use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::inbound::{OrderReader, delivered};
use engine::stores::{Deliveries, Parties};
use engine::{Context, Failure, Journal, Outcome};
use usecases::submission;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, D, P, R> {
    /// Orders' streams.
    pub journal: J,
    /// Raw deliveries.
    pub deliveries: D,
    /// Stores the order's address.
    pub parties: P,
    /// Parses the delivery as its partner's document says.
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
    let read = async |delivery: &Delivery| ports.registry.read_order(delivery).await;
    let (delivery, new) = match delivered(&ports.deliveries, &work, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    let (_, submitted) = submission::submit(&ports.journal, &ports.parties, cx, &delivery.key(), new, None).await?;
    Ok(submitted.into())
}
