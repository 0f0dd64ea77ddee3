//! Creates an order from a CRM's webhook.
//!
//! - On: `delivery.received` from a CRM, unless the topic is one of `change-import`'s.
//! - Does: calls no partner. Writes the order's first commit, its address, its natural key and its deadline in one
//!   transaction; waits while a cancelled order with the same purchase order number is being undone.
//! - Then: `order.submitted`; for a second id of an order `order.alias_added` and `order.aliased`;
//!   `order.submission_conflicted` if the order exists with other content or is cancelled; `order.purchase_order_moved` and
//!   `order.purchase_order_taken` if it takes the number of a cancelled order over. `delivery.unmappable` if it is not an
//!   order, and `delivery.mapped` once a copy is.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not an order), STO-006 (its first commit would not fit into the
//!   journal), STO-… (the stores).

use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::inbound::OrderReader;
use engine::stores::Deliveries;
use engine::{Context, Failure, Journal, Outcome};
use usecases::{delivery, submission};

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, D, R> {
    /// Orders' streams; a new one with its address. Streams of deliveries that cannot be read.
    pub journal: J,
    /// Raw deliveries.
    pub deliveries: D,
    /// Parses the delivery as its partner's document says.
    pub registry: R,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Deliveries, impl OrderReader>,
    work: DeliveryWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let read = async |delivery: &Delivery| ports.registry.read_order(delivery).await;
    let (delivery, new) = match delivery::read(&ports.journal, &ports.deliveries, &work, cx, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    let submission = new.submission.external_id.clone();
    let submitted = submission::submit(&ports.journal, cx, &delivery.key(), new, None).await;
    delivery::corrected(&ports.journal, cx, &delivery, &submission).await?;
    Ok(submitted?.1.into())
}
