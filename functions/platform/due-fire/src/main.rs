//! Starts `due-fire`.

use cloud::Exit;
use due_fire::{Ports, handle, tick};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let ports = async |start: &cloud::Start| {
        Ok(Ports {
            due: start.due()?,
            queues: start.queues()?,
            partner_health: start.partner_health()?,
            views: start.views()?,
            clock: start.clock(),
        })
    };
    let fire = async |ports: &Ports<_, _, _, _, _>, messages: &[String], cx: &engine::Context| {
        handle(ports, tick(messages), cx).await
    };
    cloud::schedule("due-fire", ports, fire).await
}
