//! Starts `milestone-record`.

use cloud::Exit;
use milestone_record::{Ports, handle};
use partners::Partners;
use partners::http::HttpTransport;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "milestone-record",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                deliveries: start.deliveries()?,
                registry: Partners::new(
                    (start.registry()?, start.secrets()?),
                    HttpTransport::new(start.partners_may_be_private())?, start.clock()),
            })
        },
        handle,
    )
    .await
}
