//! Asks of an order what its CRM or the ERP wants of it: to change, hold or cancel it.
//!
//! - On: `delivery.received` from a CRM about an order that exists, or from an ERP, through its own queue.
//! - Does: nothing outside.
//! - Then: `order.cancel_requested`, `.held`, `.hold_released`, `.amend_requested`, `.amended` or `.request_rejected`.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not a change), MSG-005 (the order never appeared), STO-… (the stores).

use std::time::Duration;

use domain::Order;
use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::inbound::{ChangeReader, delivered};
use engine::journal::stream_name;
use engine::stores::{Deliveries, Parties};
use engine::{Context, Failure, Journal, Outcome};
use usecases::change::{self, Answer, WorkKey};

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, D, P, R> {
    /// Orders' streams.
    pub journal: J,
    /// Raw deliveries.
    pub deliveries: D,
    /// Personal data: an amendment may bring another address.
    pub parties: P,
    /// Partners' documents.
    pub registry: R,
}

/// How long a change may wait for its order: messages of one sender may overtake each other.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Deliveries, impl Parties, impl ChangeReader>,
    work: DeliveryWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let read = async |delivery: &Delivery| ports.registry.read_change(delivery).await;
    let (delivery, change) = match delivered(&ports.deliveries, &work, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    let key = WorkKey::of(delivery.key());
    match change::change(&ports.journal, &ports.parties, cx, &change.order, &key, change.request).await? {
        Answer::Unknown => Err(cx.wait_for_parent(stream_name::<Order>(&change.order), PATIENCE)),
        answer @ (Answer::Accepted | Answer::Refused(_)) => Ok(answer.into()),
    }
}
