//! Starts `return-invoice-record`.

use cloud::Exit;
use partners::Partners;
use return_invoice_record::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "return-invoice-record",
        async |start| Ok(Ports { journal: start.journal()?, erp: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
