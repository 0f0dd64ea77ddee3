//! Publishes a pointer to each new delivery on the bus, and to each one that its sender repeated.
//!
//! - On: the stream of the deliveries table.
//! - Does: `Bus::publish`. The raw bytes stay in the table.
//! - Then: `delivery.received`.
//! - Fails: a delivery whose entry the bus will never accept is parked. If the bus rejects an entry repeatedly, the stream
//!   delivers again from there.

use engine::Failure;
use engine::delivery::{Delivery, DeliveryReceived};
use engine::relay::{Bus, Published, delivery_entry, publish};

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<B> {
    /// The event bus.
    pub bus: B,
    /// The CloudEvents source, `/crossdock/<environment>`.
    pub source: String,
}

/// Publishes `deliveries`, in order. Returns what is left to do.
///
/// # Errors
/// A failure of the bus: the stream delivers the whole batch again.
pub async fn handle(ports: &Ports<impl Bus>, deliveries: &[Delivery]) -> Result<Published, Failure> {
    let pointer = |delivery: &Delivery| {
        let received = DeliveryReceived {
            partner: delivery.partner.clone(),
            role: delivery.role,
            delivery: delivery.id.clone(),
            topic: delivery.topic.clone(),
        };
        let (at, traceparent) = (delivery.received_at, delivery.traceparent.as_deref());
        delivery_entry(&received, at, &delivery.correlation, traceparent, &ports.source).map(|entry| vec![entry])
    };
    let entries = deliveries.iter().map(pointer).collect::<Result<Vec<_>, _>>()?;
    publish(&ports.bus, &entries).await
}
