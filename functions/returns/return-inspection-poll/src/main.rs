//! Starts `return-inspection-poll`.

use cloud::Exit;
use partners::Partners;
use return_inspection_poll::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "return-inspection-poll",
        async |start| Ok(Ports { journal: start.journal()?, warehouse: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
