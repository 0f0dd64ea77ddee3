//! Starts `journal-relay`.

use cloud::{BatchResult, Exit};
use engine::Commit;
use journal_relay::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let relay = async |ports: &Ports<_>, commits: &[Commit], _cx: &engine::Context| {
        let relayed = handle(ports, commits).await?;
        Ok(BatchResult { again_from: relayed.again_from, poison: relayed.poison })
    };
    cloud::stream("journal-relay", async |start| Ok(Ports { bus: start.bus()?, source: start.source() }), relay).await
}
