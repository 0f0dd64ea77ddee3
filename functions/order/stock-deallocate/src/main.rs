//! Starts `stock-deallocate`.

use cloud::Exit;
use partners::Partners;
use partners::http::HttpTransport;
use stock_deallocate::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "stock-deallocate",
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
