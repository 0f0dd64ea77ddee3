//! Starts `due-fire`.

use cloud::Exit;
use due_fire::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::schedule("due-fire", async |start| Ok(Ports { due: start.due()?, queues: start.queues()? }), handle).await
}
