//! Starts `webhook-receive`.

use cloud::Exit;
use partners::Partners;
use webhook_receive::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http(
        "webhook-receive",
        async |start| {
            Ok(Ports {
                deliveries: start.deliveries()?,
                registry: Partners::new((start.registry()?, start.secrets()?), (), start.clock(), ()),
            })
        },
        handle,
    )
    .await
}
