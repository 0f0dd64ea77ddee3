//! Asks the ERP for an order's price and tax.
//!
//! - On: due work: an order that goes on has no price for its present content.
//! - Does: `Erp::price`, which changes nothing.
//! - Then: `order.priced`, or `order.unpriceable`, which opens a review.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP), STO-… (the journal).

use domain::{Order, OrderCommand};
use engine::partner::{Erp, PriceAnswer};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::OrderWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Orders' streams.
    pub journal: J,
    /// Quotes prices and taxes.
    pub erp: E,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal, impl Erp>, work: OrderWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut order = Stream::<Order>::load(&ports.journal, &work.order, cx).await?;
    let Some(query) = order.state.as_ref().and_then(Order::price_query) else {
        return Ok(Outcome::AlreadyDone);
    };
    let answer = ports.erp.price(cx, &query).await.map_err(|e| e.into_failure(cx.now))?;
    let command = match answer {
        PriceAnswer::Quoted(quote) => OrderCommand::RecordQuote(quote),
        PriceAnswer::Unpriceable(why) => OrderCommand::RecordUnpriceable(why),
    };
    // The cause has the version, because an amended order is priced again.
    let cause = cx.cause(&format!("price@{}", order.version));
    order.commit(&ports.journal, cx, &cause, command).await
}
