//! Puts a pointer to each new delivery on the bus.
//!
//! - On: the deliveries table's stream.
//! - Does: `Bus::publish`; the raw bytes stay in the table.
//! - Then: `delivery.received`.
//! - Fails: a refusing bus stops the batch there.

use engine::Failure;
use engine::delivery::{Delivery, DeliveryReceived};
use engine::relay::{Bus, delivery_entry, publish};

/// All that this function may touch.
#[derive(Debug)]
pub struct Ports<B> {
    /// The event bus.
    pub bus: B,
    /// The CloudEvents source, `/crossdock/<environment>`.
    pub source: String,
}

/// Relays `deliveries`, in order. Returns the place from which on the stream has to deliver again.
///
/// # Errors
/// The bus's: the whole batch again.
pub async fn handle(ports: &Ports<impl Bus>, deliveries: &[Delivery]) -> Result<Option<usize>, Failure> {
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
