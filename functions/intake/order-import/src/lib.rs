//! Makes an order of a CRM's delivery.
//!
//! - On: `delivery.received` from a CRM, through its own queue.
//! - Does: nothing outside; the order's first commit, its natural key and its deadline are one transaction.
//! - Then: `order.submitted`, or `order.submission_conflicted` where it came before with other content.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not an order), STO-… (the stores).

use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::inbound::{OrderReader, delivered};
use engine::stores::{Deliveries, Parties};
use engine::{Context, Failure, Journal, Outcome};
use usecases::submission;

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
    let read = async |delivery: &Delivery| ports.registry.read_order(delivery).await;
    let (delivery, new) = match delivered(&ports.deliveries, &work, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    let (_, submitted) = submission::submit(&ports.journal, &ports.parties, cx, &delivery.key(), new, None).await?;
    Ok(submitted.into())
}
