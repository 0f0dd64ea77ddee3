//! Checks whether the ERP has stock for the backordered lines of an order.
//!
//! - On: due work: lines of an order that goes on are short. Then every quarter of an hour, as a due item, until stock
//!   was shown too often that could not be allocated: that is reviewed.
//! - Does: `Erp::stock`, which changes nothing.
//! - Then: `order.stock_arrived`, for which `stock-allocate` makes another allocation.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP), STO-… (the journal).

use domain::order::StockArrived;
use domain::{Order, OrderCommand};
use engine::failure::Wait;
use engine::partner::Erp;
use engine::{Context, Failure, Journal, Outcome, Stream};
use jiff::{SignedDuration, Timestamp};
use usecases::work::OrderWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Says how much stock there is.
    pub erp: E,
}

/// The time between two checks of one order.
const PAUSE_SECONDS: i64 = 15 * 60;

/// Carries out the step.
///
/// # Errors
/// See the module's header; deferred to the next check while some stock is missing.
pub async fn handle(ports: &Ports<impl Journal, impl Erp>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(query) = order.state.as_ref().and_then(Order::stock_query) else {
        return Ok(Outcome::Ignored("nothing waits for stock"));
    };
    // An ERP may show stock and then not allocate it: after a second allocation, wait for the next quarter of an hour.
    let was_allocated = order.state.as_ref().is_some_and(|order| order.stock.allocations.len() > 1);
    if was_allocated && cx.now.duration_since(cx.event_time) < SignedDuration::from_secs(PAUSE_SECONDS) {
        return Err(next_check(cx, &work));
    }
    let lines = ports.erp.stock(cx, &query).await.map_err(|e| e.into_failure(cx.now))?;
    let some = lines.iter().any(|goods| !goods.quantity.is_zero());
    let all = query.lines.iter().all(|missing| lines.contains(missing));
    let mut outcome = Outcome::Applied;
    if some {
        let cause = cx.cause(&format!("{}@{}", work.order, order.version));
        outcome = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordStock(StockArrived { lines })).await?;
    }
    // Keep checking for the rest while only some of it is in stock.
    if all { Ok(outcome) } else { Err(next_check(cx, &work)) }
}

/// Defers to the next of the order's own times, one each quarter of an hour: several events of an order cause one check,
/// and the orders' checks are spread over the quarter.
fn next_check(cx: &Context, work: &OrderWork) -> Failure {
    let digest = domain::ids::fingerprint(&[&work.order.to_string()]);
    let own = digest.iter().take(4).fold(0_i64, |own, byte| own * 256 + i64::from(*byte)) % PAUSE_SECONDS;
    let quarter = (cx.now.as_second() - own).div_euclid(PAUSE_SECONDS).saturating_add(1);
    let until = Timestamp::from_second(quarter.saturating_mul(PAUSE_SECONDS) + own).unwrap_or(Timestamp::MAX);
    Failure::Deferred { until, why: Wait::Stock }
}
