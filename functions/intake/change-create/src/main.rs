//! Starts `change-create`.

use change_create::{Ports, handle};
use cloud::Exit;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http(
        "change-create",
        async |start| {
            Ok(Ports { journal: start.journal()?, parties: start.parties()?, read: partners::read_order_body })
        },
        handle,
    )
    .await
}
