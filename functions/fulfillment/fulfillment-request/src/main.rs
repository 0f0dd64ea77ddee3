//! Starts `fulfillment-request`.

use cloud::Exit;
use fulfillment_request::{Ports, handle};
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "fulfillment-request",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                parties: start.parties()?,
                warehouse: Partners::over_http(start.partners()?)?,
            })
        },
        handle,
    )
    .await
}
