//! Starts `return-crm-update`.

use cloud::Exit;
use partners::Partners;
use return_crm_update::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "return-crm-update",
        async |start| Ok(Ports { journal: start.journal()?, crm: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
