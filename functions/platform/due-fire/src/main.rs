//! Starts `due-fire`.

use cloud::Exit;
use due_fire::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let ports = async |start: &cloud::Start| {
        Ok(Ports {
            due: start.due()?,
            queues: start.queues()?,
            partner_health: start.partner_health()?,
            clock: start.clock(),
        })
    };
    cloud::schedule("due-fire", ports, handle).await
}
