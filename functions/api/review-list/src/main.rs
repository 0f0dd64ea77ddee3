//! Starts `review-list`.

use cloud::Exit;
use review_list::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http("review-list", async |start| Ok(Ports { views: start.views()? }), handle).await
}
