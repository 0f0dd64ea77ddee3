//! The work that an order and its fulfillments have now, whatever was announced before: for the sweep that makes up for lost
//! wake-ups.

use std::collections::BTreeSet;

use domain::due::DueWork;
use domain::shipment::Progress;
use domain::{Fulfillment, FulfillmentId, Order, Workflow};
use engine::Epoch;
use engine::journal::{Stream, WAKES_WAITING, Wake, stream_name};

/// The due work of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueNow {
    /// The stream's name.
    pub stream: String,
    /// The steps that have work on it; never empty.
    pub wakes: Vec<Wake>,
}

/// The steps whose guards have a half in the order's stream and a half in the fulfillment's. They have work only if both
/// halves say so, and the order's stream announces it.
const HALVES: [&str; 2] = ["fulfillment-request", "fulfillment-watch"];

/// The step whose work the order's half alone decides: what the fulfillment's stream has to say may still be under way.
const WITHDRAW: &str = "fulfillment-withdraw";

/// The step that reports a fulfillment's progress to its order.
const ROLLUP: &str = "fulfillment-rollup";

/// The step that shows the order's state and the fulfillments' packages to the CRM. The order's stream announces it.
const CRM: &str = "crm-update";

/// The due work of an order and its fulfillments in the journal's `epoch`.
pub fn due_now(order: &Stream<Order>, fulfillments: &[Stream<Fulfillment>], epoch: Epoch) -> Vec<DueNow> {
    let of_fulfillments: Vec<(&Stream<Fulfillment>, String, BTreeSet<DueWork>)> =
        fulfillments.iter().map(|it| (it, it.id.to_string(), Fulfillment::due(it.state.as_ref(), &it.id))).collect();
    let packages = fulfillments.iter().filter_map(|it| it.state.as_ref()).flat_map(Fulfillment::package_summaries);
    let crm = order.state.as_ref().and_then(|order| order.crm_update(packages.collect(), epoch.number));
    let crm = crm.map(|_| DueWork::new(CRM));
    let is_due = |work: &DueWork| {
        let half = || of_fulfillments.iter().find(|(_, id, _)| work.about.get("fulfillment") == Some(id));
        let has_half = || half().is_some_and(|(.., half)| half.iter().any(|it| it.step == work.step));
        work.step != CRM && (!HALVES.contains(&work.step) || has_half())
    };
    let of_order = Order::due(order.state.as_ref(), &order.id).into_iter().filter(is_due).chain(crm);
    let mut found = vec![due_in::<Order>(&order.id, of_order)];
    for (fulfillment, _, due) in of_fulfillments.into_iter().filter(|(it, ..)| it.state.is_some()) {
        let is_due = |work: &DueWork| match work.step {
            ROLLUP => is_unreported(order, fulfillment, work),
            step => step != WITHDRAW && step != CRM && !HALVES.contains(&step),
        };
        found.push(due_in::<Fulfillment>(&fulfillment.id, due.into_iter().filter(is_due)));
    }
    found.retain(|it| !it.wakes.is_empty());
    found
}

/// The fulfillments whose streams may have work for an order's steps.
pub fn fulfillments_of(order: &Order) -> impl Iterator<Item = &FulfillmentId> {
    order.fulfillments.assignments.keys()
}

/// Messages that wait for a stream have deadlines of their own, so that waking them is not announced again.
fn due_in<W: Workflow>(id: &W::Id, due: impl Iterator<Item = DueWork>) -> DueNow {
    let wakes: BTreeSet<Wake> = due.filter(|work| work.step != WAKES_WAITING).map(Wake::from).collect();
    DueNow { stream: stream_name::<W>(id), wakes: wakes.into_iter().collect() }
}

/// Whether the order's register of the fulfillment has other content than the fulfillment's stream, which `report` is made from.
fn is_unreported(order: &Stream<Order>, fulfillment: &Stream<Fulfillment>, report: &DueWork) -> bool {
    let known = order.state.as_ref().and_then(|order| order.fulfillments.progress.get(&fulfillment.id));
    let Some(known) = known else { return !Fulfillment::due(None, &fulfillment.id).contains(report) };
    let now = fulfillment.state.as_ref().map(Fulfillment::progress);
    // A sum out of range is parked by the step.
    now.is_some_and(|now| now.map(|now| Progress { as_of: known.as_of, ..now }).as_ref() != Ok(known))
}
