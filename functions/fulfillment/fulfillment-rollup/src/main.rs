//! Starts `fulfillment-rollup`.

use cloud::Exit;
use fulfillment_rollup::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step("fulfillment-rollup", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
