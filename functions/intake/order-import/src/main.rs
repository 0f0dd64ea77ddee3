//! Starts `order-import`.

use cloud::Exit;
use order_import::{Ports, handle};
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "order-import",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                deliveries: start.deliveries()?,
                registry: Partners::new(start.registry()?, (), start.clock(), ()),
            })
        },
        handle,
    )
    .await
}
