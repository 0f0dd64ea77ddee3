//! Starts `order-track`.

use cloud::Exit;
use order_track::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step("order-track", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
