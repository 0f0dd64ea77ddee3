//! Starts `sales-order-create`.

use cloud::Exit;
use partners::Partners;
use sales_order_create::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "sales-order-create",
        async |start| Ok(Ports { journal: start.journal()?, erp: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
