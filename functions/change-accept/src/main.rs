//! Starts `change-accept`.

use change_accept::{Ports, handle};
use cloud::Exit;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http(
        "change-accept",
        async |start| {
            Ok(Ports { journal: start.journal()?, parties: start.parties()?, read: partners::read_order_body })
        },
        handle,
    )
    .await
}
