//! Starts `work-sweep`.

use cloud::Exit;
use work_sweep::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let ports = async |start: &cloud::Start| {
        Ok(Ports {
            journal: start.journal()?,
            views: start.views()?,
            bus: start.bus()?,
            queues: start.queues()?,
            source: start.source(),
        })
    };
    cloud::schedule("work-sweep", ports, handle).await
}
