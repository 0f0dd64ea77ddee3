//! Asks a warehouse how it judged goods, where it does not report that by itself.
//!
//! - On: due work: goods are not judged, and the policy has an interval. Then each interval, as a due item.
//! - Does: `WarehouseReturns::read_receipts`, which changes nothing.
//! - Then: `return.receipt_recorded` as the warehouse's own message would have brought.
//! - Fails: MSG-002 (malformed id), PRT-… (the 3PL), STO-… (the journal); deferred until the next interval.

use std::time::Duration;

use domain::{Return, ReturnCommand};
use engine::failure::Wait;
use engine::returns::{ReceiptQuery, WarehouseReturns};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::ReturnWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, W> {
    /// Returns' streams.
    pub journal: J,
    /// Calls the 3PLs.
    pub warehouse: W,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl WarehouseReturns>,
    work: ReturnWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let mut stream = Stream::<Return>::load(&ports.journal, &work.return_id, cx).await?;
    let hours = |stream: &Stream<Return>| stream.state.as_ref().and_then(Return::inspection_poll_hours);
    if hours(&stream).is_none() {
        return Ok(Outcome::Ignored("nothing waits for an inspection"));
    }
    let mut facts = Vec::new();
    for (warehouse, reference) in stream.state.iter().flat_map(Return::unjudged_receipts) {
        let query = ReceiptQuery { warehouse, reference };
        let read = ports.warehouse.read_receipts(cx, &query).await;
        facts.extend(read.map_err(|failure| failure.into_failure(cx.now))?);
    }
    let cause = cx.cause(&format!("{}@{}", work.return_id, stream.version));
    stream.commit(&ports.journal, cx, &cause, ReturnCommand::RecordAll(facts)).await?.recorded()?;
    let Some(hours) = hours(&stream) else { return Ok(Outcome::Applied) };
    let until = cx.after(Duration::from_secs(u64::from(hours) * 3_600));
    Err(Failure::Deferred { until, why: Wait::Time(work.return_id.to_string()) })
}
