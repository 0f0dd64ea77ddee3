//! Starts `deadline-raise`.

use cloud::Exit;
use deadline_raise::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step("deadline-raise", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
