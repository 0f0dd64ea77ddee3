//! Starts `order-read`.

use cloud::Exit;
use order_read::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http("order-read", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
