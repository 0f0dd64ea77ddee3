//! Starts `return-watch`.

use cloud::Exit;
use return_watch::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step("return-watch", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
