//! The ERP's webhooks: its own people hold orders and release the hold.

use engine::delivery::Delivery;
use engine::inbound::{ChangeRequest, OrderChange, Unmappable};

use crate::registry::Partner;
use crate::wire::fields::{self, Report};
use crate::wire::times;

/// Reads a change request for an order.
pub(crate) fn read(partner: &Partner, delivery: &Delivery) -> Result<OrderChange, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    if fields::is_our_own(&root) {
        return Err(Unmappable::Unrelated(fields::OUR_OWN));
    }
    let data = root.at("data");
    let reason = fields::reason(&data.at("reason"));
    let request = match root.at("type").text() {
        Some("order.held") => ChangeRequest::Hold { reason },
        Some("order.hold_released") => ChangeRequest::ReleaseHold { reason },
        Some("test" | "ping") => return Err(Unmappable::Unrelated("a test message")),
        Some(other) => return Err(Unmappable::UnknownTopic(fields::topic(other))),
        None => return report.into_result(None).map_err(Unmappable::Malformed),
    };
    let order = data.object().and_then(|_| data.at("reference").parse());
    let asked_at = times::asked_at(&root, &partner.time_zone, delivery.received_at);
    report.into_result(order.map(|order| OrderChange { order, request, asked_at })).map_err(Unmappable::Malformed)
}
