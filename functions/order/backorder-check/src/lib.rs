//! Looks whether there is stock for what an order waits for.
//!
//! - On: whatever leaves an order short, through its own queue; then again every quarter of an hour, as a due item.
//! - Does: `Erp::stock`, which changes nothing.
//! - Then: `order.stock_arrived`, on which `stock-allocate` asks for it.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal).

use domain::order::StockArrived;
use domain::{Order, OrderCommand};
use engine::failure::Wait;
use engine::partner::Erp;
use engine::{Context, Failure, Journal, Outcome, Stream};
use jiff::{SignedDuration, Timestamp};
use usecases::work::OrderWork;

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Stock.
    pub erp: E,
}

/// How often to look, in seconds.
const PAUSE_SECONDS: i64 = 15 * 60;

/// Carries out the step.
///
/// # Errors
/// See the module's header; deferred while there is nothing.
pub async fn handle(ports: &Ports<impl Journal, impl Erp>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(query) = order.state.as_ref().and_then(Order::stock_query) else {
        return Ok(Outcome::Ignored("nothing waits for stock"));
    };
    // Do not ask an ERP in circles that shows stock and then does not allocate it.
    let was_allocated = order.state.as_ref().is_some_and(|order| order.stock.allocations.len() > 1);
    if was_allocated && cx.now.duration_since(cx.event_time) < SignedDuration::from_secs(PAUSE_SECONDS) {
        return Err(next_look(cx));
    }
    let lines = ports.erp.stock(cx, &query).await.map_err(|e| e.into_failure(cx.now))?;
    let some = lines.iter().any(|goods| !goods.quantity.is_zero());
    let all = query.lines.iter().all(|missing| lines.contains(missing));
    let mut outcome = Outcome::Applied;
    if some {
        let cause = cx.cause(&format!("{}@{}", work.order, order.version));
        outcome = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordStock(StockArrived { lines })).await?;
    }
    // Go on looking for the rest while only some of it is in stock.
    if all { Ok(outcome) } else { Err(next_look(cx)) }
}

/// At the next full quarter of an hour, so that several events of an order cause one look.
fn next_look(cx: &Context) -> Failure {
    let quarter = cx.now.as_second().div_euclid(PAUSE_SECONDS).saturating_add(1);
    let until = Timestamp::from_second(quarter.saturating_mul(PAUSE_SECONDS)).unwrap_or(Timestamp::MAX);
    Failure::Deferred { until, why: Wait::Stock }
}
