//! Looks whether there is stock for what an order waits for.
//!
//! - On: whatever leaves an order short, through its own queue; then again every quarter of an hour, as a due item.
//! - Does: `Erp::stock`, which changes nothing.
//! - Then: `order.stock_arrived`, on which `stock-allocate` asks for it.
//! - Fails: MSG-002 (unreadable id), PRT-… (the ERP), STO-… (the journal).

use std::time::Duration;

use domain::order::StockArrived;
use domain::{Order, OrderCommand};
use engine::context::OrderWork;
use engine::failure::Wait;
use engine::partner::Erp;
use engine::{Context, Failure, Journal, Outcome, Stream};

/// All that this step may touch.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Stock.
    pub erp: E,
}

/// How long until the next look.
const PAUSE: Duration = Duration::from_secs(15 * 60);

/// Carries out the step.
///
/// # Errors
/// See the module's header; deferred while there is nothing.
pub async fn handle(ports: &Ports<impl Journal, impl Erp>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(question) = order.state.stock_question() else {
        return Ok(Outcome::Ignored("nothing waits for stock"));
    };
    let lines = ports.erp.stock(cx, &question).await.map_err(|e| e.into_failure(cx.now))?;
    let some = lines.iter().any(|share| !share.quantity.is_zero());
    let all = question.lines.iter().all(|missing| lines.contains(missing));
    let mut outcome = Outcome::Applied;
    if some {
        let cause = cx.cause(&format!("{}@{}", work.order, order.version));
        outcome = order.commit(&ports.journal, cx, &cause, OrderCommand::RecordStock(StockArrived { lines })).await?;
    }
    // What is set aside of a part says nothing of the rest: this goes on looking.
    if all { Ok(outcome) } else { Err(Failure::Deferred { until: cx.after(PAUSE), why: Wait::Stock }) }
}
