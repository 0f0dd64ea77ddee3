//! Starts `return-route`.

use cloud::Exit;
use return_route::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step("return-route", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
