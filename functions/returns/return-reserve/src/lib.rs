//! Has the order reserve the units that a return needs, and tells the return what is reserved.
//!
//! - On: due work of the return: the order has not answered its newest request. Due work of the order: what it reserves for
//!   the return has changed.
//! - Does: calls no partner. Asks the order's stream, then copies its registers to the return's stream.
//! - Then: `order.return_reserved` and `return.units_reserved`, or `order.request_rejected` and
//!   `return.reservation_refused`, with `return.denied` if it is the first request.
//! - Fails: MSG-002 (malformed id), STO-… (the journal).

use domain::returnable::ReservationRequest;
use domain::returns::{ReservationRefused, UnitsReserved};
use domain::{Order, OrderCommand, Rejection, Return, ReturnCommand};
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
    let Some(id) = stream.state.as_ref().and_then(Return::order) else {
        return Ok(Outcome::Ignored("it is not known to which order the goods belong"));
    };
    let mut order = Stream::<Order>::load(&ports.journal, id, cx).await?;
    if let Some(request) = stream.state.as_ref().and_then(Return::reservation_request) {
        let round = request.round;
        if let Some(rejection) = reserve(&ports.journal, &mut order, request, cx).await? {
            let refused = ReturnCommand::RecordReservationRefused(ReservationRefused { round, rejection });
            let cause = cx.cause(&format!("{}#refused-{round}", work.return_id));
            return stream.commit(&ports.journal, cx, &cause, refused).await;
        }
    }
    let reserved = order.state.as_ref().and_then(|known| UnitsReserved::of(&work.return_id, known, order.version));
    let Some(reserved) = reserved else { return Ok(Outcome::Ignored("the order reserves nothing for the return")) };
    let cause = cx.cause(&format!("{}@{}", work.return_id, reserved.as_of));
    stream.commit(&ports.journal, cx, &cause, ReturnCommand::RecordReserved(reserved)).await
}

/// Commits the request to the order. Returns the order's refusal, if it refused.
async fn reserve(
    journal: &impl Journal,
    order: &mut Stream<Order>,
    request: ReservationRequest,
    cx: &Context,
) -> Result<Option<Rejection>, Failure> {
    let refusal = |order: &Stream<Order>| order.state.as_ref().and_then(|state| state.return_refusal(&request));
    if refusal(order).is_none() {
        // The cause has the version: what the order refused before it may grant now.
        let cause = cx.cause(&format!("{}#round-{}-{}", request.return_id, request.round, order.version));
        order.commit(journal, cx, &cause, OrderCommand::ReserveReturn(request.clone())).await?.recorded()?;
    }
    Ok(refusal(order))
}
