//! Typed documents that are the same whichever standard they came in.
//!
//! Codes stay as the partner sent them ([`Code`](crate::Code)); what they mean is decided in [`crate::codes`], with the
//! partner's configuration. What a document does not name is not lost: the [`Set`] has every segment.

mod common;
mod edifact;
mod inbound;
mod order;
mod receipt;
mod returns;
mod ship_notice;
mod shipment;
mod stock;
mod totals;
mod tracking;
mod warehouse_order;
mod x12;

pub use common::{Carrier, Contact, ItemId, Mark, Moment, Note, Participant, Reference, Totals};
pub use edifact::EdifactMessage;
pub use inbound::{InboundLine, InboundNotice};
pub use order::{
    LineAcknowledgment, OrderedLine, PurchaseOrder, PurchaseOrderAcknowledgment, PurchaseOrderAcknowledgmentLine,
};
pub use receipt::{ReceiptConfirmation, ReceiptException, ReceivedLine};
pub use returns::{ReturnLine, ReturnNotice};
pub use ship_notice::{NoticedItem, ShipNotice, ShipNoticeOrder, ShipNoticePackage};
pub use shipment::{Package, ShipmentConfirmation, ShippedLine};
pub use stock::{AdjustedLine, ReportedQuantity, StockAdjustment, StockLine, StockReport};
pub use totals::check_totals;
pub use tracking::{TrackingEvent, TrackingReport, TrackingShipment};
pub use warehouse_order::{OrderLine, WarehouseOrder};
pub use x12::X12Document;

use crate::Set;
use crate::complaint::Complaint;
use crate::edifact::Contrl;
use crate::x12::FunctionalAcknowledgment;
use alloc::boxed::Box;

/// Any document that this crate reads.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Document {
    /// 940, INSDES.
    WarehouseOrder(WarehouseOrder),
    /// 943.
    InboundNotice(InboundNotice),
    /// 944, RECADV.
    ReceiptConfirmation(ReceiptConfirmation),
    /// 945, DESADV.
    ShipmentConfirmation(ShipmentConfirmation),
    /// 947, INVRPT with movements.
    StockAdjustment(StockAdjustment),
    /// 846, INVRPT.
    StockReport(StockReport),
    /// 856.
    ShipNotice(ShipNotice),
    /// 214.
    TrackingReport(TrackingReport),
    /// 180.
    ReturnNotice(ReturnNotice),
    /// 850.
    PurchaseOrder(PurchaseOrder),
    /// 855.
    PurchaseOrderAcknowledgment(PurchaseOrderAcknowledgment),
    /// 997, 999.
    FunctionalAcknowledgment(FunctionalAcknowledgment),
    /// CONTRL.
    Contrl(Contrl),
}

impl Document {
    /// Reads a set by its id; `None` for sets that this crate has no document for.
    ///
    /// It reads sets with complaints, too, as far as they can be read: whether to is the caller's decision.
    pub fn read(set: &Set) -> Result<Option<Self>, Box<Complaint>> {
        Ok(Some(match set.id.as_str() {
            "940" => Self::WarehouseOrder(X12Document::read_x12(set)?),
            "943" => Self::InboundNotice(X12Document::read_x12(set)?),
            "944" => Self::ReceiptConfirmation(X12Document::read_x12(set)?),
            "945" => Self::ShipmentConfirmation(X12Document::read_x12(set)?),
            "947" => Self::StockAdjustment(X12Document::read_x12(set)?),
            "846" => Self::StockReport(X12Document::read_x12(set)?),
            "856" => Self::ShipNotice(X12Document::read_x12(set)?),
            "214" => Self::TrackingReport(X12Document::read_x12(set)?),
            "180" => Self::ReturnNotice(X12Document::read_x12(set)?),
            "850" => Self::PurchaseOrder(X12Document::read_x12(set)?),
            "855" => Self::PurchaseOrderAcknowledgment(X12Document::read_x12(set)?),
            "997" | "999" => Self::FunctionalAcknowledgment(FunctionalAcknowledgment::read(set)?),
            "INSDES" => Self::WarehouseOrder(EdifactMessage::read_edifact(set)?),
            "DESADV" => Self::ShipmentConfirmation(EdifactMessage::read_edifact(set)?),
            "RECADV" => Self::ReceiptConfirmation(EdifactMessage::read_edifact(set)?),
            "INVRPT" if edifact::has_movements(set) => Self::StockAdjustment(EdifactMessage::read_edifact(set)?),
            "INVRPT" => Self::StockReport(EdifactMessage::read_edifact(set)?),
            "CONTRL" => Self::Contrl(Contrl::read(set)?),
            _ => return Ok(None),
        }))
    }
}
