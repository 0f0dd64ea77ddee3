//! Starts `order-route`.

use cloud::Exit;
use order_route::{Ports, handle};
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "order-route",
        async |start| {
            Ok(Ports { journal: start.journal()?, registry: Partners::new(start.registry()?, (), start.clock(), ()) })
        },
        handle,
    )
    .await
}
