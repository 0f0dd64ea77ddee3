//! Starts `credit-check`.

use cloud::Exit;
use credit_check::{Ports, handle};
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "credit-check",
        async |start| Ok(Ports { journal: start.journal()?, erp: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
