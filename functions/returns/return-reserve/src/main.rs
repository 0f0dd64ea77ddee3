//! Starts `return-reserve`.

use cloud::Exit;
use return_reserve::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step("return-reserve", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
