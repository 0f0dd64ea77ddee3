//! Starts `order-create`.

use cloud::Exit;
use order_create::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http(
        "order-create",
        async |start| Ok(Ports { journal: start.journal()?, read: partners::read_order_body }),
        handle,
    )
    .await
}
