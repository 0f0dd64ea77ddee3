//! Starts `delivery-relay`.

use cloud::{BatchResult, Exit};
use delivery_relay::{Ports, handle};
use engine::delivery::Delivery;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let relay = async |ports: &Ports<_>, deliveries: &[Delivery], _cx: &engine::Context| {
        let published = handle(ports, deliveries).await?;
        Ok(BatchResult { again_from: published.again_from, poison: published.refused })
    };
    cloud::stream("delivery-relay", async |start| Ok(Ports { bus: start.bus()?, source: start.source() }), relay).await
}
