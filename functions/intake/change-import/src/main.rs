//! Starts `change-import`.

use change_import::{Ports, handle};
use cloud::Exit;
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "change-import",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                deliveries: start.deliveries()?,
                parties: start.parties()?,
                registry: Partners::new(start.registry()?, (), start.clock(), ()),
            })
        },
        handle,
    )
    .await
}
