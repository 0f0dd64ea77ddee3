//! A CRM's messages as our commands, and our order status as the CRM's.

use domain::intake::{OffendingPlace, OrderRefusal};
use domain::order::CrmUpdate;
use domain::shipment::PackageSummary;
use domain::{ExternalId, OrderId};
use engine::delivery::Delivery;
use engine::inbound::{ChangeRequest, NewOrder, OrderChange, Unmappable};
use jiff::Timestamp;

use super::wire::{LineStatus, Named, Origin, PackageStatus, Status, StatusError};
use crate::crm::order;
use crate::registry::{Maps, Partner};
use crate::wire::exact::Exact;
use crate::wire::fields::{self, Place, Report};
use crate::wire::times;

const CREATED: &str = "order.created";
const CANCELLED: &str = "order.cancelled";
const HELD: &str = "order.held";
const HOLD_RELEASED: &str = "order.hold_released";
const AMENDED: &str = "order.amended";
pub(super) const REQUESTED: &str = "return.requested";

pub(super) fn status<'a>(
    update: &'a CrmUpdate,
    version: u64,
    at: Timestamp,
    is_its_own: bool,
    maps: &'a Maps,
) -> Status<'a> {
    let lines = update.lines.iter().map(|line| LineStatus {
        line: line.line.0.get(),
        ordered: Exact(line.ordered.amount()),
        shipped: Exact(line.shipped.amount()),
        delivered: Exact(line.delivered.amount()),
        uom: maps.their_unit(&line.ordered.uom()).to_owned(),
    });
    let origin = Origin { source: update.source.as_str(), id: update.external_id.as_str() };
    Status {
        order: update.order.as_str(),
        origin: (!is_its_own).then_some(origin),
        status: update.status.as_str(),
        requested_by: update.requested_by.map(|date| date.to_string()),
        version,
        at: at.to_string(),
        lines: lines.collect(),
        packages: update.packages.iter().map(|summary| package(summary, maps)).collect(),
        erp_order: update.sales_order.as_ref().map(domain::DocumentNumber::as_str),
        invoice: update.invoice.as_ref().map(domain::DocumentNumber::as_str),
        errors: vec![],
    }
}

/// The status of an order that was not taken: it has no lines here, but places that are wrong.
pub(super) fn refusal<'a>(refusal: &'a OrderRefusal, version: u64, at: Timestamp) -> Status<'a> {
    let error = |place: &'a OffendingPlace| StatusError { pointer: &place.pointer, detail: &place.detail };
    Status {
        order: refusal.order.as_str(),
        origin: None,
        status: "rejected",
        requested_by: None,
        version,
        at: at.to_string(),
        lines: vec![],
        packages: vec![],
        erp_order: None,
        invoice: None,
        errors: refusal.places.iter().map(error).collect(),
    }
}

fn package<'a>(summary: &'a PackageSummary, maps: &'a Maps) -> PackageStatus<'a> {
    PackageStatus {
        package: summary.package.as_str(),
        tracking: summary.tracking.as_ref().map(domain::Tracking::as_str),
        carrier: summary.carrier.as_ref().map(|carrier| maps.their_carrier(carrier)),
        status: summary.status.as_str(),
    }
}

/// Reads a new order.
pub(crate) fn read_order(partner: &Partner, delivery: &Delivery) -> Result<NewOrder, Unmappable> {
    read_created(partner, delivery).map_err(|why| match (why, created_id(&delivery.body)) {
        (Unmappable::Malformed(offences), Some(order)) => Unmappable::MalformedOrder { order, offences },
        (why, _) => why,
    })
}

/// The id of a new order, also where the rest of its body cannot be read, as long as neither the id nor what it stands in is
/// given twice.
fn created_id(body: &[u8]) -> Option<ExternalId> {
    let plain = crate::wire::gzip::plain(body).ok()?;
    let Named { kind, data } = engine::json::typed(&plain).ok()?;
    let id: ExternalId = data.id.parse().ok()?;
    (kind == CREATED && order::can_stand_in_a_url(&id)).then_some(id)
}

fn read_created(partner: &Partner, delivery: &Delivery) -> Result<NewOrder, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    match kind(&root)? {
        Some(CREATED) => {}
        Some(CANCELLED | HELD | HOLD_RELEASED | AMENDED) => {
            return Err(Unmappable::Unrelated("a change of an order that exists"));
        }
        Some(REQUESTED) => return Err(Unmappable::Unrelated("a return")),
        Some(other) => return Err(Unmappable::UnknownTopic(fields::topic(other))),
        None => return report.into_result(None).map_err(Unmappable::Malformed),
    }
    let order = order_in(&root, partner, delivery);
    report.into_result(order).map_err(Unmappable::Malformed)
}

/// Reads a change request for an order that exists.
pub(crate) fn read_change(partner: &Partner, delivery: &Delivery) -> Result<OrderChange, Unmappable> {
    let body = fields::json(&delivery.body).map_err(Unmappable::Malformed)?;
    let report = Report::default();
    let root = report.root(&body);
    let data = root.at("data");
    let kind = match kind(&root)? {
        Some(kind @ (CANCELLED | HELD | HOLD_RELEASED | AMENDED)) => kind,
        Some(CREATED) => return Err(Unmappable::Unrelated("a new order")),
        Some(REQUESTED) => return Err(Unmappable::Unrelated("a return")),
        Some(other) => return Err(Unmappable::UnknownTopic(fields::topic(other))),
        None => return report.into_result(None).map_err(Unmappable::Malformed),
    };
    let id = data.object().and_then(|_| order::external_id(&data.at("id")));
    let reason = fields::reason(&data.at("reason"));
    let request = match kind {
        CANCELLED => times::first(&[root.at("timestamp")], &partner.time_zone, delivery.received_at)
            .map(|asked| ChangeRequest::Cancel { reason, asked_at: asked.at }),
        HELD => Some(ChangeRequest::Hold { reason }),
        HOLD_RELEASED => Some(ChangeRequest::ReleaseHold { reason }),
        _ => order_in(&root, partner, delivery).map(|new| ChangeRequest::Amend { new: Box::new(new), reason }),
    };
    let asked_at = times::asked_at(&root, &partner.time_zone, delivery.received_at);
    let order = |id| OrderId::derive(&partner.id, &id);
    let change = id.zip(request).map(|(id, request)| OrderChange { order: order(id), request, asked_at });
    report.into_result(change).map_err(Unmappable::Malformed)
}

/// A message's `type`; `None`, and an offence in the report, if it has none.
pub(super) fn kind<'v>(root: &Place<'v>) -> Result<Option<&'v str>, Unmappable> {
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
    let sent = times::first(&[root.at("timestamp")], &partner.time_zone, delivery.received_at)?;
    let terms = order::Terms {
        source: &partner.id,
        maps: &partner.maps,
        ordered_at: sent.at,
        received_at: delivery.received_at,
        deadline_days: partner.deadline_days,
        // A partner may add members to its messages.
        strict: false,
        spelling: partner.purchase_orders,
    };
    order::read(&root.at("data"), &terms)
}
