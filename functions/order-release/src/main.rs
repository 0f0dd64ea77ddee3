//! Starts `order-release`.

use cloud::Exit;
use order_release::{Ports, handle};
use partners::Partners;
use partners::http::HttpTransport;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "order-release",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                erp: Partners::new(
                    (start.registry()?, start.secrets()?),
                    HttpTransport::new(start.partners_may_be_private(), start.patience())?,
                    start.clock(),
                    start.gates()?,
                ),
            })
        },
        handle,
    )
    .await
}
