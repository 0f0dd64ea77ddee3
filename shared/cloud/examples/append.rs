//! The smallest step: every message makes one conditional put. It serves to measure the cost of a function without its
//! own work.

use cloud::Exit;
use engine::journal::{Append, Commit, Journal};
use engine::{Context, Failure, Outcome};
use usecases::work::OrderWork;

struct Ports<J> {
    journal: J,
}

async fn handle(ports: &Ports<impl Journal>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let commit = Commit {
        stream: format!("order/{}", work.order),
        version: 1,
        cause: cx.cause("append"),
        correlation: cx.correlation.clone(),
        caused_by: None,
        actor: cx.function.to_owned(),
        at: cx.now,
        traceparent: cx.traceparent.clone(),
        epoch: cx.epoch.number.to_string(),
        events: r#"[{"type":"order.overdue"}]"#.to_owned(),
        opened_reviews: vec![],
        listed: false,
        wakes: vec![],
    };
    match ports.journal.append(&commit).await? {
        Append::Committed => Ok(Outcome::Applied),
        Append::Raced => Ok(Outcome::AlreadyDone),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step("append", async |start| Ok(Ports { journal: start.journal()? }), handle).await
}
