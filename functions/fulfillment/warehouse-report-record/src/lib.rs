//! Records a warehouse's report about a fulfillment and its packages.
//!
//! - On: `delivery.received` from a warehouse.
//! - Does: calls no partner. Commits everything that one document reports in one commit.
//! - Then: `fulfillment.accepted`, `.rejected`, `.package_packed`, `.package_voided`, `.milestone_recorded`, `.closed`
//!   or `.withdrawn`, as the document says.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not a report, or about another warehouse's fulfillment), MSG-005 (no
//!   such fulfillment after 24 hours), STO-… (the stores).

use std::time::Duration;

use domain::{Fulfillment, FulfillmentCommand};
use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::inbound::{ReportReader, delivered};
use engine::journal::stream_name;
use engine::stores::Deliveries;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, D, R> {
    /// Fulfillments' streams.
    pub journal: J,
    /// Raw deliveries.
    pub deliveries: D,
    /// Partners' documents.
    pub registry: R,
}

/// How long a report may wait for its fulfillment: it can arrive before the commit of the request that it answers.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3_600);

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Deliveries, impl ReportReader>,
    work: DeliveryWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let read = async |delivery: &Delivery| ports.registry.read_report(delivery).await;
    let (delivery, report) = match delivered(&ports.deliveries, &work, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    let mut fulfillment = Stream::<Fulfillment>::load(&ports.journal, &report.fulfillment, cx).await?;
    if fulfillment.version == 0 {
        return Err(cx.wait_for_parent(stream_name::<Fulfillment>(&report.fulfillment), MAX_WAIT));
    }
    // A warehouse may report only about fulfillments that are assigned to it.
    if fulfillment.state.as_ref().is_some_and(|state| state.opened.warehouse != delivery.partner) {
        return Err(Failure::permanent(
            Code::DeliveryUnmappable,
            "the report is about another warehouse's fulfillment",
        ));
    }
    let command = FulfillmentCommand::RecordAll(report.commands);
    fulfillment.commit(&ports.journal, cx, &cx.cause(&delivery.key()), command).await
}
