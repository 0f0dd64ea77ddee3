//! Begins a return that a CRM requests.
//!
//! - On: `delivery.received` from a CRM, with the topic of a new return.
//! - Does: calls no partner. Folds the order and its fulfillments, which know the goods as they were shipped.
//! - Then: `return.requested`. `delivery.unmappable` if it is no return, or its order has no such line.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not a return, or another one under the same id), MSG-005 (no such order after
//!   24 hours), CFG-001 (no ERP in the registry), STO-… (the stores).

use std::time::Duration;

use domain::{Order, Rejection};
use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::journal::stream_name;
use engine::returns::{ReturnPolicies, ReturnReader};
use engine::stores::Deliveries;
use engine::{Context, Failure, Journal, Outcome};
use usecases::returns::Requested;
use usecases::{delivery, returns};

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, D, R> {
    /// Streams of returns, orders and fulfillments, and of deliveries that cannot be read.
    pub journal: J,
    /// Raw deliveries.
    pub deliveries: D,
    /// Partners' documents.
    pub registry: R,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Deliveries, impl ReturnReader + ReturnPolicies>,
    work: DeliveryWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let read = async |delivery: &Delivery| ports.registry.read_return(delivery).await;
    let (delivery, new) = match delivery::read(&ports.journal, &ports.deliveries, &work, cx, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    match returns::request(&ports.journal, &ports.registry, cx, &delivery.key(), &new).await? {
        Requested::Created => Ok(Outcome::Applied),
        Requested::Same => Ok(Outcome::AlreadyDone),
        Requested::OrderUnknown => {
            let parent = stream_name::<Order>(&new.order);
            Err(delivery::wait_for_parent(&ports.journal, cx, &delivery, parent, MAX_WAIT).await?)
        }
        Requested::Different => refuse(ports, cx, &delivery, "another return has this id").await,
        Requested::Refused(Rejection { code, reason, .. }) => {
            refuse(ports, cx, &delivery, &format!("{code}: {reason}")).await
        }
    }
}

/// How long a return may wait for its order.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3_600);

async fn refuse<D, R>(
    ports: &Ports<impl Journal, D, R>,
    cx: &Context,
    delivery: &Delivery,
    why: &str,
) -> Result<Outcome, Failure> {
    Err(delivery::refuse(&ports.journal, cx, delivery, why).await?)
}
