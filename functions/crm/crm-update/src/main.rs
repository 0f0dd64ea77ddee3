//! Starts `crm-update`.

use cloud::Exit;
use crm_update::{Ports, handle};
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "crm-update",
        async |start| Ok(Ports { journal: start.journal()?, crm: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
