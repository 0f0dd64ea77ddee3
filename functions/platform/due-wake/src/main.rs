//! Starts `due-wake`.

use cloud::Exit;
use due_wake::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step("due-wake", async |start| Ok(Ports { due: start.due()?, queues: start.queues()? }), handle).await
}
