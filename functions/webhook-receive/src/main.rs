//! Starts `webhook-receive`.

use cloud::Exit;
use partners::Partners;
use partners::http::HttpTransport;
use webhook_receive::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http(
        "webhook-receive",
        async |start| {
            Ok(Ports {
                deliveries: start.deliveries()?,
                registry: Partners::new(
                    (start.registry()?, start.secrets()?),
                    HttpTransport::new(start.partners_may_be_private())?,
                    start.clock(),
                ),
            })
        },
        handle,
    )
    .await
}
