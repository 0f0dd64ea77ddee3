//! Starts `credit-check`.

use cloud::Exit;
use credit_check::{Ports, handle};
use partners::Partners;
use partners::http::HttpTransport;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "credit-check",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                erp: Partners::new(
                    (start.registry()?, start.secrets()?),
                    HttpTransport::new(start.partners_may_be_private(), start.call_timeout())?,
                    start.clock(),
                    start.partner_health()?,
                ),
            })
        },
        handle,
    )
    .await
}
