//! Records what a warehouse reports of goods that came back.
//!
//! - On: `delivery.received` from a warehouse with a topic of returns.
//! - Does: calls no partner. Commits everything that one message reports in one commit. Goods that no one announced begin a
//!   return of their own, which is never credited without a person's approval.
//! - Then: `return.receipt_recorded` or `return.scanned`; `return.requested` for goods that no one announced.
//!   `delivery.unmappable` if it is no report of this warehouse.
//! - Fails: MSG-003 (delivery expired), MSG-004 (not a report, or about goods that another warehouse expects), MSG-005 (no such
//!   return after 24 hours), CFG-001 (no ERP in the registry), STO-… (the stores).

use std::time::Duration;

use domain::returns::{self, Origin, ReturnRequest};
use domain::{PartnerId, Return, ReturnCommand, ReturnId};
use engine::context::DeliveryWork;
use engine::delivery::Delivery;
use engine::journal::stream_name;
use engine::returns::{ReceiptReader, ReceiptReported, ReturnPolicies};
use engine::stores::Deliveries;
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::delivery;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, D, R> {
    /// Returns' streams, and those of deliveries that cannot be read.
    pub journal: J,
    /// Raw deliveries.
    pub deliveries: D,
    /// Partners' documents.
    pub registry: R,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl Deliveries, impl ReceiptReader + ReturnPolicies>,
    work: DeliveryWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let read = async |delivery: &Delivery| ports.registry.read_receipt(delivery).await;
    let (delivery, report) = match delivery::read(&ports.journal, &ports.deliveries, &work, cx, read).await? {
        Ok(read) => read,
        Err(outcome) => return Ok(outcome),
    };
    let mut stream = match &report.return_id {
        Some(id) => Stream::<Return>::load(&ports.journal, id, cx).await?,
        None => unannounced(ports, &delivery.partner, &report, cx).await?,
    };
    let Some(state) = &stream.state else {
        let parent = stream_name::<Return>(&stream.id);
        return Err(delivery::wait_for_parent(&ports.journal, cx, &delivery, parent, MAX_WAIT).await?);
    };
    // A warehouse may report only about goods that it expects, or that it received unannounced.
    if !state.may_be_received_at(&delivery.partner) {
        let why = "the report is about goods that another warehouse expects";
        return Err(delivery::refuse(&ports.journal, cx, &delivery, why).await?);
    }
    let command = ReturnCommand::RecordAll(report.commands);
    stream.commit(&ports.journal, cx, &cx.cause(&delivery.key()), command).await
}

/// How long a report may wait for its return.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3_600);

/// The return of goods that no one announced: it has the warehouse's own name of them, and begins with the first report.
async fn unannounced<D>(
    ports: &Ports<impl Journal, D, impl ReturnPolicies>,
    warehouse: &PartnerId,
    report: &ReceiptReported,
    cx: &Context,
) -> Result<Stream<Return>, Failure> {
    let id = ReturnId::derive(warehouse, &report.reference);
    let mut stream = Stream::<Return>::load(&ports.journal, &id, cx).await?;
    if stream.version == 0 {
        let begun = ReturnCommand::Request(ReturnRequest {
            return_id: id.clone(),
            source: warehouse.clone(),
            external_id: report.reference.clone(),
            origin: Origin::Warehouse,
            outcome: returns::Outcome::Credit,
            content: None,
            policy: ports.registry.return_policy(cx).await?,
            requested_at: report.at,
        });
        stream.commit(&ports.journal, cx, &cx.cause(&id.to_string()), begun).await?.recorded()?;
    }
    Ok(stream)
}
