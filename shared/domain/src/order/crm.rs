//! Sub-machine: what the CRM shows of the order.

use serde::{Deserialize, Serialize};

use crate::ids::{DocumentNumber, ExternalId, LineNo, OrderId, PartnerId, base32, fingerprint};
use crate::order::Order;
use crate::order::event::{CrmUpdated, OrderEvent};
use crate::order::line_quantities::LineQuantities;
use crate::order::status::Status;
use crate::quantity::Quantity;
use crate::shipment::PackageSummary;

/// What the CRM shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CrmState {
    /// Nothing yet.
    Nothing,
    /// This update.
    Newest(CrmUpdated),
    /// An update that is older than this one arrived after it: the CRM has to be updated again.
    Stale(CrmUpdated),
}

impl CrmState {
    pub(super) fn record(&self, updated: CrmUpdated) -> Vec<OrderEvent> {
        match self {
            Self::Newest(known) if *known == updated => vec![],
            Self::Nothing | Self::Newest(_) | Self::Stale(_) => vec![OrderEvent::CrmUpdated(updated)],
        }
    }

    pub(super) fn apply(&mut self, updated: &CrmUpdated) {
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Newest(newer) | Self::Stale(newer) if newer.rank() > updated.rank() => Self::Stale(newer),
            Self::Nothing | Self::Newest(_) | Self::Stale(_) => Self::Newest(updated.clone()),
        };
    }

    /// Whether an older update arrived at the CRM after a newer one.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Stale(_))
    }
}

impl CrmUpdated {
    /// Orders the updates of all epochs.
    fn rank(&self) -> (Option<u32>, u64) {
        (self.epoch, self.version)
    }
}

/// What the CRM should show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmUpdate {
    /// The system that the order came from: it alone is updated.
    pub source: PartnerId,
    /// The order's id in that system.
    pub external_id: ExternalId,
    /// Our id.
    pub order: OrderId,
    /// As people read it.
    pub status: Status,
    /// The delivery date that the customer asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<jiff::civil::Date>,
    /// Every line.
    pub lines: Vec<CrmLine>,
    /// Every package.
    pub packages: Vec<PackageSummary>,
    /// The ERP's sales order.
    pub sales_order: Option<DocumentNumber>,
    /// The ERP's invoice.
    pub invoice: Option<DocumentNumber>,
}

/// A line as the CRM shows it, in stock-keeping units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmLine {
    /// The order's line.
    pub line: LineNo,
    /// As ordered.
    pub ordered: Quantity,
    /// Left a warehouse.
    pub shipped: Quantity,
    /// Arrived.
    pub delivered: Quantity,
}

impl From<LineQuantities> for CrmLine {
    fn from(line: LineQuantities) -> Self {
        Self { line: line.line, ordered: line.ordered, shipped: line.shipped, delivered: line.delivered }
    }
}

impl CrmUpdate {
    /// A digest of its content: an update with the same one need not be sent. Statuses between which a customer does not
    /// tell the difference count as one, since each update costs a call.
    pub fn digest(&self) -> String {
        let status = match self.status {
            Status::Priced => Status::Submitted,
            Status::Routed => Status::Released,
            Status::Submitted
            | Status::Unpriceable
            | Status::CreditRefused
            | Status::Backordered
            | Status::OnHold
            | Status::Released
            | Status::Unroutable
            | Status::Accepted
            | Status::PartiallyShipped
            | Status::Shipped
            | Status::Delivered
            | Status::Invoiced
            | Status::Cancelling
            | Status::Cancelled => self.status,
        };
        let text = serde_json::to_string(&Self { status, ..self.clone() }).unwrap_or_default();
        base32(&fingerprint(&[&text]), 26)
    }

    /// A digest of what the order's own stream has of it: all but the packages.
    pub fn order_digest(&self) -> String {
        Self { packages: Vec::new(), ..self.clone() }.digest()
    }
}

impl Order {
    /// The CRM update that is due in the journal's epoch of this number. `packages` are those of the order's fulfillments,
    /// whose streams have them.
    pub fn crm_update(&self, packages: Vec<PackageSummary>, epoch: u32) -> Option<CrmUpdate> {
        let update = self.crm_content(packages);
        match &self.crm {
            CrmState::Newest(shown) if shown.digest == update.digest() && shown.epoch >= Some(epoch) => None,
            CrmState::Nothing | CrmState::Newest(_) | CrmState::Stale(_) => Some(update),
        }
    }

    /// What the CRM should show, whatever it shows now.
    pub(super) fn crm_content(&self, packages: Vec<PackageSummary>) -> CrmUpdate {
        let submission = &self.terms.submission;
        CrmUpdate {
            source: submission.source.clone(),
            external_id: submission.external_id.clone(),
            order: self.id().clone(),
            status: self.status(),
            requested_by: submission.requested_by,
            lines: self.line_quantities().into_iter().map(CrmLine::from).collect(),
            packages,
            sales_order: self.documents.sales_order().cloned(),
            invoice: self.stage.invoice().map(|invoiced| invoiced.invoice.clone()),
        }
    }
}
