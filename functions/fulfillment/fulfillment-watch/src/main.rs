//! Starts `fulfillment-watch`.

use cloud::Exit;
use fulfillment_watch::{Ports, handle};
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "fulfillment-watch",
        async |start| {
            let partners = Partners::over_http(start.partners()?)?;
            Ok(Ports { journal: start.journal()?, warehouse: partners.clone(), registry: partners })
        },
        handle,
    )
    .await
}
