//! Starts `change-submit`.

use change_submit::{Ports, handle};
use cloud::Exit;
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "change-submit",
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
