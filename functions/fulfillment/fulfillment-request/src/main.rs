//! Starts `fulfillment-request`.

use cloud::Exit;
use fulfillment_request::{Ports, handle};
use partners::Partners;
use partners::http::HttpTransport;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "fulfillment-request",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                parties: start.parties()?,
                warehouse: Partners::new(
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
