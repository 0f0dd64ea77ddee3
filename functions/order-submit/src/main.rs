//! Starts `order-submit`.

use cloud::Exit;
use order_submit::{Ports, handle};
use partners::Partners;
use partners::http::HttpTransport;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "order-submit",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                deliveries: start.deliveries()?,
                parties: start.parties()?,
                registry: Partners::new(
                    (start.registry()?, start.secrets()?),
                    HttpTransport::new(start.partners_may_be_private())?, start.clock()),
            })
        },
        handle,
    )
    .await
}
