//! Starts `milestone-record`.

use cloud::Exit;
use milestone_record::{Ports, handle};
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "milestone-record",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                deliveries: start.deliveries()?,
                registry: Partners::new(start.registry()?, (), start.clock(), ()),
            })
        },
        handle,
    )
    .await
}
