//! Chooses the warehouses that a return's goods go back to.
//!
//! - On: due work: the return is authorized and no parcel is planned.
//! - Does: calls no partner. Goods go back to the sites that shipped them.
//! - Then: one `return.receipt_expected` for each site.
//! - Fails: MSG-002 (malformed id), STO-… (the journal).

use domain::{Order, Return, ReturnCommand};
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::ReturnWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J> {
    /// Streams of returns and of their orders.
    pub journal: J,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(ports: &Ports<impl Journal>, work: ReturnWork, cx: &Context) -> Result<Outcome, Failure> {
    let mut stream = Stream::<Return>::load(&ports.journal, &work.return_id, cx).await?;
    let Some((state, id)) =
        stream.state.as_ref().filter(|state| state.awaits_route()).and_then(|state| Some((state, state.order()?)))
    else {
        return Ok(Outcome::AlreadyDone);
    };
    let order = Stream::<Order>::load(&ports.journal, id, cx).await?;
    let parcels = order.state.as_ref().map(|order| state.route(order)).unwrap_or_default();
    let cause = cx.cause(&work.return_id.to_string());
    stream.commit(&ports.journal, cx, &cause, ReturnCommand::ExpectReceipts(parcels)).await
}
