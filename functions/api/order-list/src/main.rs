//! Starts `order-list`.

use cloud::Exit;
use order_list::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http("order-list", async |start| Ok(Ports { views: start.views()? }), handle).await
}
