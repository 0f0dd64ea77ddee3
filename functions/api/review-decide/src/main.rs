//! Starts `review-decide`.

use cloud::Exit;
use review_decide::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let ports = async |start: &cloud::Start| Ok(Ports { journal: start.journal()?, parties: start.parties()? });
    cloud::http("review-decide", ports, handle).await
}
