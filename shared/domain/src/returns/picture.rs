//! What the CRM shows of a return.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::due::digest;
use crate::ids::{DocumentNumber, ExternalId, LineNo, OrderId, PartnerId, ReturnId};
use crate::quantity::{Quantity, Uom};
use crate::returns::effect::Account;
use crate::returns::status::{LineCustody, ReturnStatus};
use crate::returns::{Return, ReturnStage};

/// All that a customer would ask about. The newest version counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReturnPicture {
    /// Our id.
    pub return_id: ReturnId,
    /// The system that asked.
    pub source: PartnerId,
    /// The return's id in that system.
    pub external_id: ExternalId,
    /// The order that the goods were shipped for, once it is known.
    pub order: Option<OrderId>,
    /// As people read it.
    pub status: ReturnStatus,
    /// The number that the customer writes on the parcel.
    pub rma: Option<DocumentNumber>,
    /// Why nothing is credited.
    pub denied: Option<String>,
    /// By the order's line.
    pub lines: Vec<PictureLine>,
    /// The ERP's credits and debits, in the order of their accounts and numbers.
    pub documents: Vec<PictureDocument>,
    /// The order for the exchanged goods.
    pub exchange: Option<OrderId>,
}

/// A line that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PictureLine {
    /// The order's line.
    pub line: LineNo,
    /// What was asked for.
    pub asked: Quantity,
    /// How many came.
    pub received: Decimal,
    /// How many of them are accepted.
    pub accepted: Decimal,
    /// How many are credited.
    pub credited: Decimal,
    /// Where the goods are.
    pub custody: LineCustody,
}

impl PictureLine {
    /// The unit of all its numbers.
    pub fn uom(&self) -> Uom {
        self.asked.uom()
    }
}

/// A document at the ERP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PictureDocument {
    /// The ERP's number.
    pub number: DocumentNumber,
    /// What it is for.
    pub account: Account,
    /// Whether it takes back what was credited.
    pub is_debit: bool,
    /// Net and taxes together.
    pub total: Option<crate::money::Money>,
}

impl ReturnPicture {
    /// A digest of the content.
    pub fn digest(&self) -> String {
        digest(self)
    }
}

impl Return {
    /// What the CRM should show.
    pub fn picture(&self) -> ReturnPicture {
        let distribution = self.distribution();
        let custody = self.custody();
        let line = |line: &super::ReturnLine| {
            let (custody, received) = custody.get(&line.line).copied().unwrap_or((LineCustody::Advised, Decimal::ZERO));
            let (accepted, credited) = (self.accepted(line, &distribution), self.credited(line.line));
            PictureLine { line: line.line, asked: line.quantity, received, accepted, credited, custody }
        };
        let documents = self.ledgers.iter().flat_map(|(account, ledger)| {
            ledger.entries.values().map(|entry| PictureDocument {
                number: entry.posted.document.clone(),
                account: *account,
                is_debit: entry.requested.is_debit,
                total: entry.posted.amounts.total(),
            })
        });
        let (rma, denied) = match &self.stage {
            ReturnStage::Requested => (None, None),
            ReturnStage::Authorized(authorized) => (Some(authorized.rma.clone()), None),
            ReturnStage::Denied(denial) => (None, Some(denial.reason.clone())),
        };
        ReturnPicture {
            return_id: self.id().clone(),
            source: self.request.source.clone(),
            external_id: self.request.external_id.clone(),
            order: self.request.content.as_ref().map(|content| content.order.clone()),
            status: self.status(),
            rma,
            denied,
            lines: self.lines().iter().map(line).collect(),
            documents: documents.collect(),
            exchange: self.exchange.clone(),
        }
    }

    /// The picture that the CRM does not show yet.
    pub fn picture_to_show(&self) -> Option<ReturnPicture> {
        let picture = self.picture();
        let is_shown = self.crm.as_ref().is_some_and(|shown| shown.digest == picture.digest());
        (!is_shown).then_some(picture)
    }
}
