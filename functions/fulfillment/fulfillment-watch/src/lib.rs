//! Watches a fulfillment's deadlines: when one passes, asks the warehouse for missing reports, and raises what is still
//! missing.
//!
//! - On: due work: a fulfillment is assigned, is expected to be reported on again, or was closed before all its
//!   packages were reported. Then each deadline of the fulfillment, as a due item.
//! - Does: `Warehouse::inquire`, which changes nothing.
//! - Then: the events of the missing reports, such as `fulfillment.accepted` or `fulfillment.milestone_recorded`;
//!   otherwise `fulfillment.late`. If the warehouse has not answered the request and another site could ship,
//!   `order.withdrawal_requested`.
//! - Fails: MSG-002 (malformed id), STO-… (the journal). A failed inquiry is only logged, so that the deadline is
//!   raised anyway.

use domain::fulfillment::{Late, Missing, Opened, Watch};
use domain::{Fulfillment, FulfillmentCommand, Order, OrderCommand};
use engine::failure::Wait;
use engine::inbound::Sites;
use engine::partner::Warehouse;
use engine::{Context, Failure, Journal, Outcome, Stream};
use jiff::Timestamp;
use usecases::work::FulfillmentWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, W, R> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
    /// Calls the 3PLs.
    pub warehouse: W,
    /// The warehouses' sites.
    pub registry: R,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header; deferred until the next deadline.
pub async fn handle(
    ports: &Ports<impl Journal, impl Warehouse, impl Sites>,
    work: FulfillmentWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let mut fulfillment = Stream::<Fulfillment>::load(&ports.journal, &work.fulfillment, cx).await?;
    let Some(assigned) = assigned(&ports.journal, &fulfillment, cx).await? else {
        return Ok(Outcome::Ignored("the fulfillment was never assigned"));
    };
    let passed = |state: &Option<Fulfillment>| Watch::of(state.as_ref(), &assigned).passed(cx.now);
    if passed(&fulfillment.state).is_some() || fulfillment.state.as_ref().is_some_and(Fulfillment::is_closed_unreported)
    {
        if let Some(inquiry) = fulfillment.state.as_ref().and_then(Fulfillment::inquiry) {
            match ports.warehouse.inquire(cx, &inquiry).await {
                Ok(facts) => {
                    let cause = cx.cause(&format!("{}@{}", work.fulfillment, fulfillment.version));
                    fulfillment
                        .commit(&ports.journal, cx, &cause, FulfillmentCommand::RecordAll(facts))
                        .await?
                        .recorded()?;
                }
                Err(failure) => {
                    let code = failure.code().as_str();
                    tracing::warn!(fulfillment = %work.fulfillment, code, "the inquiry to {} failed", inquiry.warehouse);
                }
            }
        }
        if let Some(late) = passed(&fulfillment.state) {
            raise(ports, &mut fulfillment, assigned.clone(), late, cx).await?;
        }
    }
    match Watch::of(fulfillment.state.as_ref(), &assigned) {
        Watch::Until(due, _) => Err(wait_until(due, &work, cx)),
        Watch::Over => Ok(Outcome::Ignored("the fulfillment has no more deadlines")),
    }
}

/// The fulfillment, as it was assigned: its own stream says it, or the order's before it begins.
async fn assigned(
    journal: &impl Journal,
    fulfillment: &Stream<Fulfillment>,
    cx: &Context,
) -> Result<Option<Opened>, Failure> {
    if let Some(state) = &fulfillment.state {
        return Ok(Some(state.opened.clone()));
    }
    let order = Stream::<Order>::load(journal, fulfillment.id.order(), cx).await?;
    Ok(order.state.as_ref().and_then(|order| Opened::assigned(order, &fulfillment.id)))
}

/// Defers to the next deadline, or to the end of [`MIN_PAUSE`] if that is later.
fn wait_until(due: Timestamp, work: &FulfillmentWork, cx: &Context) -> Failure {
    Failure::Deferred { until: due.max(cx.after(MIN_PAUSE)), why: Wait::Time(work.fulfillment.to_string()) }
}

/// The shortest time between two runs for one fulfillment.
const MIN_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);

/// Raises what is missing, and requests the withdrawal of an unanswered fulfillment that another site could ship.
async fn raise(
    ports: &Ports<impl Journal, impl Warehouse, impl Sites>,
    fulfillment: &mut Stream<Fulfillment>,
    assigned: Opened,
    late: Late,
    cx: &Context,
) -> Result<(), Failure> {
    let key = format!("{}#late-{}", fulfillment.id, late.due);
    if late.missing == Missing::Acknowledgement {
        let mut order = Stream::<Order>::load(&ports.journal, fulfillment.id.order(), cx).await?;
        if let Some(state) = &order.state
            && state.could_ship_elsewhere(&fulfillment.id, &ports.registry.sites(cx).await?, cx.now)
        {
            let reassign = OrderCommand::Reassign(fulfillment.id.clone());
            order.commit(&ports.journal, cx, &cx.cause(&key), reassign).await?.recorded()?;
        }
    }
    fulfillment
        .commit(&ports.journal, cx, &cx.cause(&key), FulfillmentCommand::RaiseLate(assigned, late))
        .await?
        .recorded()?;
    Ok(())
}
