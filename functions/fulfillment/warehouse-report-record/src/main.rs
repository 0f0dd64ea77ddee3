//! Starts `warehouse-report-record`.

use cloud::Exit;
use partners::Partners;
use warehouse_report_record::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "warehouse-report-record",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                deliveries: start.deliveries()?,
                registry: Partners::new(start.registry()?, (), start.clock(), ()),
            })
        },
        handle,
    )
    .await
}
