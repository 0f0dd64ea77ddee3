//! Starts `review-decide`.

use cloud::Exit;
use review_decide::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::http("review-decide", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
