//! Starts `stock-allocate`.

use cloud::Exit;
use partners::Partners;
use stock_allocate::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "stock-allocate",
        async |start| Ok(Ports { journal: start.journal()?, erp: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
