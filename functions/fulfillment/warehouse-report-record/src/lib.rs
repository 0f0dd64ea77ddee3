//! Records a warehouse's report about a fulfillment and its packages.
//!
//! - On: `delivery.received` from a warehouse.
//! - Does: calls no partner. Commits everything that one document reports in one commit.
//! - Then: `fulfillment.accepted`, `.rejected`, `.package_packed`, `.package_voided`, `.milestone_recorded`, `.closed`
//!   or `.withdrawn`, as the document says. `delivery.unmappable` if it is no report of this warehouse.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not a report, or about another warehouse's fulfillment), MSG-005 (no
//!   such fulfillment after 24 hours), STO-… (the stores).

use std::time::Duration;

use domain::{Fulfillment, FulfillmentCommand};
use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::inbound::ReportReader;
use engine::journal::stream_name;
use engine::stores::Deliveries;
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::delivery;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, D, R> {
    /// Fulfillments' streams, and those of deliveries that cannot be read.
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
    let (delivery, report) = match delivery::read(&ports.journal, &ports.deliveries, &work, cx, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    let mut fulfillment = Stream::<Fulfillment>::load(&ports.journal, &report.fulfillment, cx).await?;
    if fulfillment.version == 0 {
        let parent = stream_name::<Fulfillment>(&report.fulfillment);
        return Err(delivery::wait_for_parent(&ports.journal, cx, &delivery, parent, MAX_WAIT).await?);
    }
    // A warehouse may report only about fulfillments that are assigned to it.
    if fulfillment.state.as_ref().is_some_and(|state| state.opened.warehouse != delivery.partner) {
        let why = "the report is about another warehouse's fulfillment";
        return Err(delivery::refuse(&ports.journal, cx, &delivery, why).await?);
    }
    let command = FulfillmentCommand::RecordAll(report.commands);
    fulfillment.commit(&ports.journal, cx, &cx.cause(&delivery.key()), command).await
}
