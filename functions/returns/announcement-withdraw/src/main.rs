//! Starts `announcement-withdraw`.

use announcement_withdraw::{Ports, handle};
use cloud::Exit;
use partners::Partners;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "announcement-withdraw",
        async |start| Ok(Ports { journal: start.journal()?, warehouse: Partners::over_http(start.partners()?)? }),
        handle,
    )
    .await
}
