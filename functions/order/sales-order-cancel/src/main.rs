//! Starts `sales-order-cancel`.

use cloud::Exit;
use partners::Partners;
use sales_order_cancel::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "sales-order-cancel",
        async |start| Ok(Ports { journal: start.journal()?, erp: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
