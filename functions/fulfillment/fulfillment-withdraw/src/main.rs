//! Starts `fulfillment-withdraw`.

use cloud::Exit;
use fulfillment_withdraw::{Ports, handle};
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "fulfillment-withdraw",
        async |start| Ok(Ports { journal: start.journal()?, warehouse: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
