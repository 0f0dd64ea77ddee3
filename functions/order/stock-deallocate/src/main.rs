//! Starts `stock-deallocate`.

use cloud::Exit;
use partners::Partners;
use stock_deallocate::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "stock-deallocate",
        async |start| Ok(Ports { journal: start.journal()?, erp: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
