//! Commits a change request that a CRM or the ERP sends: to cancel, hold, release or amend an order.
//!
//! - On: `delivery.received` from a CRM, with a topic that cancels, holds, releases or amends an order, or from an ERP.
//! - Does: calls no partner.
//! - Then: `order.cancel_requested`, `.held`, `.hold_released`, `.amend_requested`, `.amended` or `.request_rejected`,
//!   with `order.withdrawal_requested` for each fulfillment that the change withdraws. `delivery.unmappable` if it is not
//!   a change request.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not a change request), MSG-005 (no such order after 24 hours), STO-…
//!   (the stores).

use std::time::Duration;

use domain::Order;
use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::http::Grant;
use engine::inbound::{ChangeReader, OrderChange};
use engine::journal::stream_name;
use engine::stores::{Deliveries, Parties};
use engine::{Context, Failure, Journal, Outcome};
use usecases::change::{self, Answer, Sender, WorkKey};
use usecases::delivery;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, D, P, R> {
    /// Orders' streams, and those of deliveries that cannot be read.
    pub journal: J,
    /// Raw deliveries.
    pub deliveries: D,
    /// Stores the address of an amendment; shows whose name a reason must not repeat.
    pub parties: P,
    /// Parses the delivery as its partner's document says.
    pub registry: R,
}

/// How long a change request may wait for its order: messages of one sender may arrive in another order than they were
/// sent.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3_600);

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
    let (delivery, change) = match delivery::read(&ports.journal, &ports.deliveries, &work, cx, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    let key = WorkKey::of(delivery.key());
    let OrderChange { order, request, asked_at } = change;
    // A partner names an order by its own id for it, so it names its own orders only.
    let sender = Sender { name: delivery.partner.to_string(), asked_at, grant: Grant::All, may_override: false };
    let answer = change::change(&ports.journal, &ports.parties, cx, &order, &key, &sender, request).await?;
    match answer {
        Answer::Unknown => {
            let parent = stream_name::<Order>(&order);
            Err(delivery::wait_for_parent(&ports.journal, cx, &delivery, parent, MAX_WAIT).await?)
        }
        answer @ (Answer::Accepted | Answer::Refused(_)) => Ok(answer.into()),
    }
}
