//! A CRM that speaks our REST protocol: `docs/partners/rest.md`.

use domain::OrderId;
use domain::order::CrmUpdate;
use engine::delivery::Delivery;
use engine::inbound::{ChangeRequest, NewOrder, OrderChange, Unmappable};
use engine::partner::{CallFailure, Secrets};
use serde::{Deserialize, Serialize};

use super::order;
use crate::exact::Exact;
use crate::exchange::{Answer, CrmUpdated, PartnerClient};
use crate::fields::{self, Place, Report};
use crate::registry::Partner;
use crate::times;
use crate::transport::{Method, Transport};

/// PUT /orders/{id}/status
#[derive(Serialize)]
struct Status<'a> {
    order: &'a str,
    /// The sender's own id and name, where the order did not come from this CRM.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin<'a>>,
    status: &'a str,
    version: u64,
    at: String,
    lines: Vec<LineStatus<'a>>,
    packages: Vec<PackageStatus<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erp_order: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice: Option<&'a str>,
}

#[derive(Serialize)]
struct Origin<'a> {
    source: &'a str,
    id: &'a str,
}

#[derive(Serialize)]
struct LineStatus<'a> {
    line: u32,
    ordered: Exact,
    shipped: Exact,
    delivered: Exact,
    uom: &'a str,
}

#[derive(Serialize)]
struct PackageStatus<'a> {
    package: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a str>,
    status: &'a str,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// Tells the CRM how an order stands. One that came from elsewhere is told under our own id: the CRM may have an order of
/// its own under the other's.
pub(crate) async fn tell<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    update: &CrmUpdate,
    version: u64,
) -> Result<(), CallFailure> {
    let own = update.source == client.partner.id;
    let id = if own { update.external_id.as_str() } else { update.order.as_str() };
    let origin = Origin { source: update.source.as_str(), id: update.external_id.as_str() };
    let maps = &client.partner.maps;
    // Units are values here and texts on the wire; something has to hold them meanwhile.
    let uoms: Vec<domain::Uom> = update.lines.iter().map(|line| line.ordered.uom()).collect();
    let lines = update.lines.iter().zip(&uoms).map(|(line, uom)| LineStatus {
        line: line.line.0.get(),
        ordered: Exact(line.ordered.amount()),
        shipped: Exact(line.shipped.amount()),
        delivered: Exact(line.delivered.amount()),
        uom: maps.their_unit(uom),
    });
    let status = Status {
        order: update.order.as_str(),
        origin: (!own).then_some(origin),
        status: update.status.as_str(),
        version,
        at: client.cx.event_time.to_string(),
        lines: lines.collect(),
        packages: update.packages.iter().map(|p| package(p, maps)).collect(),
        erp_order: update.sales_order.as_ref().map(domain::DocumentNumber::as_str),
        invoice: update.invoice.as_ref().map(domain::DocumentNumber::as_str),
    };
    let key = format!("tell/{}/{version}", update.order);
    let ask = client.write(Method::Put, client.url(&["orders", id, "status"])?, Some(key), &status)?;
    match client.ask(&ask).await? {
        Answer::Done(_) => Ok(()),
        // It shows a newer version, and keeps it.
        Answer::Conflict(reply) => match serde_json::from_slice::<Version>(&reply.body) {
            Ok(existing) if existing.version >= version => Ok(()),
            Ok(_) | Err(_) => Err(refused(&reply)),
        },
        Answer::Absent(reply) | Answer::Unprocessable(reply) => Err(refused(&reply)),
    }
}

fn package<'a>(package: &'a domain::order::PackageSummary, maps: &'a crate::registry::Maps) -> PackageStatus<'a> {
    PackageStatus {
        package: package.package.as_str(),
        tracking: package.tracking.as_ref().map(domain::Tracking::as_str),
        carrier: package.carrier.as_ref().map(|carrier| maps.their_carrier(carrier)),
        status: package.status.as_str(),
    }
}

fn refused(reply: &crate::transport::Reply) -> CallFailure {
    CallFailure::Refused(CrmUpdated::of(reply).into_rejection())
}

/// Reads an order out of a delivery.
pub(crate) fn read_order(partner: &Partner, delivery: &Delivery) -> Result<NewOrder, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    match kind(&root)? {
        Some("order.created") => {}
        Some(CANCELLED | HELD | HOLD_RELEASED | AMENDED) => {
            return Err(Unmappable::Unrelated("a change of an order that exists"));
        }
        Some(other) => return Err(Unmappable::UnknownTopic(fields::topic(other))),
        None => return report.unless_wrong(None).map_err(Unmappable::Malformed),
    }
    let read = order_in(&root, partner, delivery);
    report.unless_wrong(read).map_err(Unmappable::Malformed)
}

const CANCELLED: &str = "order.cancelled";
const HELD: &str = "order.held";
const HOLD_RELEASED: &str = "order.hold_released";
const AMENDED: &str = "order.amended";

/// Reads what a delivery wants of an order that exists.
pub(crate) fn read_change(partner: &Partner, delivery: &Delivery) -> Result<OrderChange, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    let data = root.at("data");
    let kind = match kind(&root)? {
        Some(kind @ (CANCELLED | HELD | HOLD_RELEASED | AMENDED)) => kind,
        Some("order.created") => return Err(Unmappable::Unrelated("a new order")),
        Some(other) => return Err(Unmappable::UnknownTopic(fields::topic(other))),
        None => return report.unless_wrong(None).map_err(Unmappable::Malformed),
    };
    let id = data.object().and_then(|_| order::external_id(&data.at("id")));
    let reason = fields::reason(&data.at("reason"));
    let wanted = match kind {
        CANCELLED => Some(ChangeRequest::Cancel { reason }),
        HELD => Some(ChangeRequest::Hold { reason }),
        HOLD_RELEASED => Some(ChangeRequest::ReleaseHold { reason }),
        _ => order_in(&root, partner, delivery).map(|new| ChangeRequest::Amend { new: Box::new(new), reason }),
    };
    let change =
        id.zip(wanted).map(|(id, wanted)| OrderChange { order: OrderId::derive(&partner.id, &id), request: wanted });
    report.unless_wrong(change).map_err(Unmappable::Malformed)
}

/// What a message is about; `None` where it does not say, which is refused then.
fn kind<'v>(root: &Place<'v>) -> Result<Option<&'v str>, Unmappable> {
    if fields::is_our_own(root) {
        return Err(Unmappable::Unrelated(fields::OUR_OWN));
    }
    match root.at("type").text() {
        Some("test" | "ping") => Err(Unmappable::Unrelated("a test message")),
        kind => Ok(kind),
    }
}

/// The order in a message's `data`.
fn order_in(root: &Place<'_>, partner: &Partner, delivery: &Delivery) -> Option<NewOrder> {
    let sent = times::read(&root.at("timestamp"), &partner.time_zone, delivery.received_at)?;
    let terms = order::Terms {
        source: &partner.id,
        maps: &partner.maps,
        ordered_at: sent.at,
        received_at: delivery.received_at,
        deadline_days: partner.deadline_days,
        // A partner may send more than we read: contracts grow.
        strict: false,
    };
    order::read(&root.at("data"), &terms)
}
