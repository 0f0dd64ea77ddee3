//! Starts `fulfillment-watch`.

use cloud::Exit;
use fulfillment_watch::{Ports, handle};
use partners::Partners;
use partners::http::HttpTransport;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "fulfillment-watch",
        async |start| {
            let partners = Partners::new(
                (start.registry()?, start.secrets()?),
                HttpTransport::new(start.partners_may_be_private(), start.call_timeout())?,
                start.clock(),
                start.partner_health()?,
            );
            Ok(Ports { journal: start.journal()?, warehouse: partners.clone(), registry: partners })
        },
        handle,
    )
    .await
}
