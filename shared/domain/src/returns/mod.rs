//! A return: from the request to the credit.
//!
//! A return has two axes that nothing but rules connects: custody (where the goods are and in which state) and money (what is
//! authorized, credited and debited). Facts of both are kept in registers where the newest counts, or in sets, so that facts in
//! any order, any number of times, end in the same state. What is accepted, what has to be credited, and the statuses are
//! computed from them and never stored.
//!
//! The rule that connects both (promise P3): what is credited follows what was accepted, within what the order reserved, the ERP
//! authorized and the order invoiced. A difference between the two is the next credit or debit. So a warehouse's correction
//! needs no rule of its own.
//!
//! This file has the state, the commands and the [`Workflow`]. `decide` turns commands into events and events into state.
//! `policy` has the seller's rules. `content` is what a return is about, `request` the way to the authorization, `route` where the
//! goods go back to, `announcements` are what warehouses are told,
//! `receipts` distributes what came over the lines, `acceptance` judges it, `amounts` is the arithmetic, `credits` computes credits
//! and debits, `movements` what the ERP's stock is told. `picture` is what the CRM shows. `status`, `reviews`, `watch` and `due` are what follows for people, for
//! the clock and for steps.

mod acceptance;
mod amounts;
mod announcements;
mod content;
mod credits;
mod decide;
mod due;
mod effect;
mod event;
mod money_event;
mod movements;
mod picture;
mod policy;
mod receipts;
mod request;
mod review;
mod reviews;
mod route;
mod status;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use acceptance::PersonsVerdict;
pub use amounts::Amounts;
pub use announcements::{Announcement, AnnouncementWithdrawal, Parcel};
pub use content::AskedLine;
pub use credits::{Adjustment, Entry, Ledger};
pub use effect::{Account, ReturnEffect};
pub use event::*;
pub use money_event::{ErpCredit, InvoicedLine, InvoicedOrder, Posted};
pub use movements::{Movement, StockChange, StockKey};
pub use picture::{PictureDocument, PictureLine, ReturnPicture};
pub use policy::{AcceptanceRule, ApprovalPolicy, Disposition, Fee, Policy, ReasonClass, ReturnDeadlines, Verdict};
pub use receipts::ReceiptKey;
pub use request::AuthorizationRequest;
pub use review::ReturnReview;
pub use status::{LineCustody, ReturnStatus};
pub use watch::{ReturnTimer, ReturnWatch};

use crate::due::DueWork;
use crate::ids::{DocumentNumber, LineNo, OrderId, PartnerId, ReturnId};
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::review::{Decision, Decisions, Review};
use crate::workflow::{EffectFailed, EffectRejected, EffectStarted, OpenEffects, Workflow};

/// The state of one return.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Return {
    /// As it was requested; its content may be matched later.
    pub request: ReturnRequest,
    /// What the return asks the order to reserve is numbered: it changes when the return is closed, denied or reopened.
    pub round: u32,
    /// What the order reserves.
    pub reserved: Option<UnitsReserved>,
    /// The order's newest refusal.
    pub reservation_refused: Option<ReservationRefused>,
    /// Who approved it.
    pub approvals: BTreeMap<String, Approval>,
    /// How far the authorization has come.
    pub stage: ReturnStage,
    /// Authorizations beside the one that counts: the ERP made a second one, or one for a return that is denied.
    pub other_rmas: BTreeSet<DocumentNumber>,
    /// What stays in the return of the lines that were closed.
    pub kept: BTreeMap<LineNo, Quantity>,
    /// Why lines were closed.
    pub closed: BTreeSet<Closing>,
    /// What warehouses should expect.
    pub parcels: BTreeMap<u32, Parcel>,
    /// The carrier's first scan.
    pub scanned: Option<Timestamp>,
    /// The newest report of each line of a receipt.
    #[serde(with = "crate::pairs")]
    pub receipts: BTreeMap<ReceiptKey, Receipt>,
    /// What persons decided of goods that the policy leaves to them.
    #[serde(with = "crate::pairs")]
    pub verdicts: BTreeMap<(LineNo, Disposition, bool), PersonsVerdict>,
    /// What the ERP's stock shows.
    #[serde(with = "crate::pairs")]
    pub stock: BTreeMap<StockKey, rust_decimal::Decimal>,
    /// The ERP's numbers of stock movements.
    pub movements: BTreeMap<u32, DocumentNumber>,
    /// What the order invoiced.
    pub invoice: Option<InvoicedOrder>,
    /// The credit before the goods came, and whether its due date passed.
    pub advance: Option<(Advance, bool)>,
    /// What was credited and debited.
    #[serde(with = "crate::pairs")]
    pub ledgers: BTreeMap<Account, Ledger>,
    /// Credits that the ERP posted by itself.
    pub erp_credits: BTreeSet<ErpCredit>,
    /// Movements, credits and debits that are announced and not answered. A repeat sends the same content under the same key.
    #[serde(with = "crate::pairs")]
    pub postings: BTreeMap<ReturnEffect, Posting>,
    /// The order for the exchanged goods.
    pub exchange: Option<OrderId>,
    /// What the CRM shows.
    pub crm: Option<ReturnCrmUpdated>,
    /// Every step that did not happen in time.
    pub late: BTreeSet<ReturnLate>,
    /// The partner's reason for each refused effect, until it is announced again or a person decides to retry it.
    #[serde(with = "crate::pairs")]
    pub rejected_effects: BTreeMap<ReturnEffect, Rejection>,
    /// The decisions that people took.
    pub decisions: Decisions<ReturnReview>,
    /// The announced and unanswered effects.
    pub open_effects: OpenEffects<ReturnEffect>,
}

/// How far the authorization has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReturnStage {
    /// It is requested.
    Requested,
    /// The ERP authorized it.
    Authorized(Authorized),
    /// It is denied.
    Denied(Denial),
}

/// The content of an announced effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Posting {
    /// A stock movement.
    Movement(Movement),
    /// A credit or debit.
    Adjustment(Adjustment),
}

/// What may be requested of a return, answered for it or reported about it.
#[derive(Debug, Clone, PartialEq)]
pub enum ReturnCommand {
    /// A customer asks, or a warehouse received what no one had announced.
    Request(ReturnRequest),
    /// It is known to which order the goods belong.
    Match(Content),
    /// The order's stream says what is reserved.
    RecordReserved(UnitsReserved),
    /// The order's stream refused a reservation.
    RecordReservationRefused(ReservationRefused),
    /// A person approves.
    Approve(Approval),
    /// A person denies.
    Deny(Denial),
    /// The ERP authorized it.
    RecordAuthorized(Authorized),
    /// The window is extended.
    Extend(Extended),
    /// It is cancelled: all of it, or these lines.
    Cancel(Option<BTreeSet<LineNo>>),
    /// Its window passed, at this time.
    Expire(Timestamp),
    /// These parcels are expected, at these warehouses.
    ExpectReceipts(Vec<ExpectedReceipt>),
    /// A warehouse expects a parcel.
    RecordAnnounced(Announced),
    /// A warehouse expects a parcel no more.
    RecordAnnouncementWithdrawn(AnnouncementWithdrawn),
    /// The carrier has the goods.
    RecordScanned(Scanned),
    /// A warehouse reported what it received.
    RecordReceipt(Receipt),
    /// The ERP posted a stock movement.
    RecordMoved(Moved),
    /// The order is invoiced.
    RecordInvoice(InvoicedOrder),
    /// The advance's due date passed, at this time.
    LapseAdvance(Timestamp),
    /// The ERP credited.
    RecordCredited(Posted),
    /// The ERP debited.
    RecordDebited(Posted),
    /// The ERP credited without our request.
    RecordErpCredit(ErpCredit),
    /// The order for the exchanged goods exists.
    RecordExchangeOrdered(ExchangeOrdered),
    /// The CRM was updated.
    RecordCrmUpdated(ReturnCrmUpdated),
    /// A step did not happen in time.
    RaiseLate(ReturnLate),
    /// All reports of one message, in one commit.
    RecordAll(Vec<ReturnCommand>),
    /// A person decided a review.
    Decide(Decision<ReturnReview>),
    /// An effect is about to happen.
    Announce(EffectStarted<ReturnEffect>),
    /// A call ended without a usable answer.
    RecordEffectFailed(EffectFailed<ReturnEffect>),
    /// A partner refused a call.
    RecordEffectRejected(EffectRejected<ReturnEffect>),
}

impl Workflow for Return {
    type Id = ReturnId;
    type Event = ReturnEvent;
    type Command = ReturnCommand;
    type Effect = ReturnEffect;
    type Review = ReturnReview;

    const KIND: &'static str = "return";
    const FOLD: u32 = 1;

    fn create(command: ReturnCommand) -> Result<Vec<ReturnEvent>, Rejection> {
        if let ReturnCommand::Request(request) = command {
            return Ok(vec![ReturnEvent::Requested(request)]);
        }
        Err(Rejection::new("RETURN_UNKNOWN", "there is no such return"))
    }

    fn begin(event: &ReturnEvent) -> Option<Self> {
        let ReturnEvent::Requested(request) = event else { return None };
        Some(Self::requested(request.clone()))
    }

    fn decide(&self, command: ReturnCommand) -> Result<Vec<ReturnEvent>, Rejection> {
        Ok(self.decide_command(command))
    }

    fn evolve(mut self, event: &ReturnEvent) -> Self {
        self.apply(event);
        self
    }

    fn is_fact(event: &ReturnEvent) -> bool {
        matches!(
            event,
            ReturnEvent::UnitsReserved(_)
                | ReturnEvent::Scanned(_)
                | ReturnEvent::ReceiptRecorded(_)
                | ReturnEvent::InvoiceRecorded(_)
                | ReturnEvent::CreditedByErp(_)
                | ReturnEvent::CrmUpdated(_)
        )
    }

    fn open_effects(&self) -> &OpenEffects<ReturnEffect> {
        &self.open_effects
    }

    fn ordered_at(&self) -> Option<Timestamp> {
        Some(self.request.requested_at)
    }

    fn reviews(&self) -> Vec<Review<ReturnReview>> {
        self.reviews()
    }

    fn listed(&self) -> String {
        let picture = self.picture();
        format!("{} {:?} {:?}", picture.status.as_str(), picture.order, picture.rma)
    }

    fn refusal(event: &ReturnEvent) -> Option<&Rejection> {
        if let ReturnEvent::RequestRejected(rejection) = event { Some(rejection) } else { None }
    }

    fn due(state: Option<&Self>, _id: &ReturnId) -> BTreeSet<DueWork> {
        state.map(Self::due_work).unwrap_or_default()
    }

    fn announce(started: EffectStarted<ReturnEffect>) -> ReturnCommand {
        ReturnCommand::Announce(started)
    }

    fn effect_failed(failed: EffectFailed<ReturnEffect>) -> ReturnCommand {
        ReturnCommand::RecordEffectFailed(failed)
    }

    fn effect_rejected(rejected: EffectRejected<ReturnEffect>) -> ReturnCommand {
        ReturnCommand::RecordEffectRejected(rejected)
    }
}

impl Return {
    fn requested(request: ReturnRequest) -> Self {
        Self {
            round: u32::from(request.content.is_some()),
            request,
            reserved: None,
            reservation_refused: None,
            approvals: BTreeMap::new(),
            stage: ReturnStage::Requested,
            other_rmas: BTreeSet::new(),
            kept: BTreeMap::new(),
            closed: BTreeSet::new(),
            parcels: BTreeMap::new(),
            scanned: None,
            receipts: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            stock: BTreeMap::new(),
            movements: BTreeMap::new(),
            invoice: None,
            advance: None,
            ledgers: BTreeMap::new(),
            erp_credits: BTreeSet::new(),
            postings: BTreeMap::new(),
            exchange: None,
            crm: None,
            late: BTreeSet::new(),
            rejected_effects: BTreeMap::new(),
            decisions: Decisions::new(),
            open_effects: OpenEffects::default(),
        }
    }

    /// Our id.
    pub fn id(&self) -> &ReturnId {
        &self.request.return_id
    }

    /// The order that the goods were shipped for, once it is known.
    pub fn order(&self) -> Option<&OrderId> {
        self.request.content.as_ref().map(|content| &content.order)
    }

    /// Whether `warehouse` may report on the goods: it was told to expect some, or reported them unannounced.
    pub fn may_be_received_at(&self, warehouse: &PartnerId) -> bool {
        self.request.source == *warehouse || self.parcels.values().any(|parcel| parcel.expected.warehouse == *warehouse)
    }

    /// The lines that come back; none while the order is not known.
    pub fn lines(&self) -> &[ReturnLine] {
        self.request.content.as_ref().map_or(&[], |content| &content.lines)
    }
}
