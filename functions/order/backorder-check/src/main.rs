//! Starts `backorder-check`.

use backorder_check::{Ports, handle};
use cloud::Exit;
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "backorder-check",
        async |start| Ok(Ports { journal: start.journal()?, erp: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
