//! Starts `return-announce`.

use cloud::Exit;
use partners::Partners;
use return_announce::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "return-announce",
        async |start| Ok(Ports { journal: start.journal()?, warehouse: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
