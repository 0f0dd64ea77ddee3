//! What an order is at one moment: a fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{DocumentNumber, FulfillmentId, OrderId};
use crate::mutants::{self, Mutant};
use crate::order::event::{
    Allocation, Assignment, CancelRequested, Conflict, CreditApproved, CreditRefused, Invoiced, OrderEvent, Price,
    Progress, Routed, Submission, Told,
};
use crate::workflow::{Effect, Rejection, Sendings, claim, let_go};

/// An order.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Order {
    /// Nobody submitted it yet.
    #[default]
    Absent,
    /// It was submitted.
    Known(Box<Known>),
}

/// A submitted order. Our own work (`stage`), what is wished of it (`wish`) and what warehouses report (`progress`) are
/// axes of their own: none of them can hide another.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// As submitted.
    pub submission: Submission,
    /// How far our own work has come.
    pub stage: Stage,
    /// What is wished of it now.
    pub wish: Wish,
    /// Who ships what.
    pub assignments: BTreeMap<FulfillmentId, Assignment>,
    /// The newest report of each share.
    pub progress: BTreeMap<FulfillmentId, Progress>,
    /// Submissions that did not agree with the first.
    pub conflicts: BTreeSet<Conflict>,
    /// What partners refused.
    pub refused: BTreeMap<Effect, Rejection>,
    /// Documents that the ERP made beside the one that stands, or at a stage that asked for none.
    pub surplus: BTreeMap<Effect, BTreeSet<DocumentNumber>>,
    /// Announced and unanswered.
    pub sendings: Sendings,
    /// What the CRM shows.
    pub told: Knowledge,
    /// Whether its deadline passed before its end.
    pub overdue: bool,
}

/// What the CRM knows of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing yet.
    Nothing,
    /// This.
    Newest(Told),
    /// An older telling landed after this newer one: it has to be told again.
    Overtaken(Told),
}

/// How far our own work has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It waits for the ERP's price.
    Submitted,
    /// The ERP cannot price it.
    Unpriceable(Rejection),
    /// Credit and stock are asked for, in parallel.
    Priced {
        /// What it costs.
        price: Price,
        /// The ERP's word on credit.
        credit: Credit,
        /// The ERP's word on stock.
        stock: Stock,
    },
    /// The ERP has the sales order.
    Released(Cleared),
    /// No warehouse may or can ship it.
    Unroutable(Cleared, Routed),
    /// Every line that has stock has its warehouse.
    Routed(Cleared),
    /// The ERP invoiced.
    Invoiced(Cleared, Invoiced),
}

/// What a released order has behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// What it costs.
    pub price: Price,
    /// Where its goods are.
    pub allocation: Allocation,
    /// The ERP's number for it.
    pub sales_order: DocumentNumber,
}

/// The ERP's word on credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credit {
    /// Not yet.
    Pending,
    /// Yes.
    Approved(CreditApproved),
    /// No.
    Refused(CreditRefused),
}

/// The ERP's word on stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stock {
    /// Not yet.
    Pending,
    /// Set aside, whole or in part.
    Allocated(Allocation),
}

/// What is wished of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// That it be fulfilled.
    Fulfil,
    /// That it be cancelled.
    Cancel(CancelRequested),
}

impl Known {
    fn new(submission: Submission) -> Self {
        Self {
            submission,
            stage: Stage::Submitted,
            wish: Wish::Fulfil,
            assignments: BTreeMap::new(),
            progress: BTreeMap::new(),
            conflicts: BTreeSet::new(),
            refused: BTreeMap::new(),
            surplus: BTreeMap::new(),
            sendings: Sendings::new(),
            told: Knowledge::Nothing,
            overdue: false,
        }
    }

    /// The order's id.
    pub fn id(&self) -> &OrderId {
        &self.submission.ship_to.order
    }

    /// Whether the order is still wanted.
    pub fn wanted(&self) -> bool {
        matches!(self.wish, Wish::Fulfil)
    }

    /// Its price, once it has one.
    pub fn price(&self) -> Option<&Price> {
        match &self.stage {
            Stage::Submitted | Stage::Unpriceable(_) => None,
            Stage::Priced { price, .. } => Some(price),
            Stage::Released(cleared)
            | Stage::Unroutable(cleared, _)
            | Stage::Routed(cleared)
            | Stage::Invoiced(cleared, _) => Some(&cleared.price),
        }
    }

    /// Its stock, once the ERP set any aside.
    pub fn allocation(&self) -> Option<&Allocation> {
        match &self.stage {
            Stage::Submitted | Stage::Unpriceable(_) | Stage::Priced { stock: Stock::Pending, .. } => None,
            Stage::Priced { stock: Stock::Allocated(allocation), .. } => Some(allocation),
            Stage::Released(cleared)
            | Stage::Unroutable(cleared, _)
            | Stage::Routed(cleared)
            | Stage::Invoiced(cleared, _) => Some(&cleared.allocation),
        }
    }

    /// The ERP's sales order, once there is one.
    pub fn sales_order(&self) -> Option<&DocumentNumber> {
        match &self.stage {
            Stage::Submitted | Stage::Unpriceable(_) | Stage::Priced { .. } => None,
            Stage::Released(cleared)
            | Stage::Unroutable(cleared, _)
            | Stage::Routed(cleared)
            | Stage::Invoiced(cleared, _) => Some(&cleared.sales_order),
        }
    }

    /// The ERP's invoice, once there is one.
    pub fn invoice(&self) -> Option<&Invoiced> {
        match &self.stage {
            Stage::Invoiced(_, invoiced) => Some(invoiced),
            Stage::Submitted
            | Stage::Unpriceable(_)
            | Stage::Priced { .. }
            | Stage::Released(_)
            | Stage::Unroutable(..)
            | Stage::Routed(_) => None,
        }
    }

    fn apply(&mut self, event: &OrderEvent) {
        match event {
            // The first submission stands; `decide` turns a second one into a conflict.
            OrderEvent::Submitted(_) | OrderEvent::RequestRejected(_) => {}
            OrderEvent::SubmissionConflicted(conflict) => {
                self.conflicts.insert(conflict.clone());
            }
            OrderEvent::Priced(price) => {
                self.stage = Stage::Priced { price: price.clone(), credit: Credit::Pending, stock: Stock::Pending };
            }
            OrderEvent::Unpriceable(why) => self.stage = Stage::Unpriceable(why.clone()),
            OrderEvent::CreditApproved(approved) => self.set_credit(Credit::Approved(approved.clone())),
            OrderEvent::CreditRefused(refused) => self.set_credit(Credit::Refused(refused.clone())),
            OrderEvent::Allocated(allocation) => {
                self.sendings.remove(&Effect::Allocate);
                if !self.awaits(&Effect::Allocate) {
                    self.keep_surplus(Effect::Allocate, &allocation.number);
                } else if let Stage::Priced { stock, .. } = &mut self.stage {
                    *stock = Stock::Allocated(allocation.clone());
                }
            }
            OrderEvent::Released(released) => {
                self.sendings.remove(&Effect::CreateSalesOrder);
                if let Stage::Priced { price, stock: Stock::Allocated(allocation), .. } = &self.stage {
                    self.stage = Stage::Released(Cleared {
                        price: price.clone(),
                        allocation: allocation.clone(),
                        sales_order: released.sales_order.clone(),
                    });
                } else {
                    self.keep_surplus(Effect::CreateSalesOrder, &released.sales_order);
                }
            }
            OrderEvent::Routed(_) => self.reroute(Stage::Routed),
            OrderEvent::Unroutable(routed) => self.reroute(|cleared| Stage::Unroutable(cleared, routed.clone())),
            OrderEvent::Assigned(assignment) => {
                self.assignments.insert(assignment.fulfillment.clone(), assignment.clone());
            }
            OrderEvent::FulfillmentProgressed(progress) => {
                let newest = self.progress.get(&progress.fulfillment).is_none_or(|known| known.as_of < progress.as_of);
                if newest || mutants::on(Mutant::ReportByArrival) {
                    let progress =
                        if mutants::on(Mutant::ReportsAddedUp) { self.added(progress) } else { progress.clone() };
                    self.progress.insert(progress.fulfillment.clone(), progress);
                }
            }
            OrderEvent::Told(told) => {
                let known = std::mem::replace(&mut self.told, Knowledge::Nothing);
                self.told = learn(known, told);
            }
            OrderEvent::Invoiced(invoiced) => {
                self.sendings.remove(&Effect::Invoice);
                if self.awaits(&Effect::Invoice) {
                    self.reroute(|cleared| Stage::Invoiced(cleared, invoiced.clone()));
                } else {
                    self.keep_surplus(Effect::Invoice, &invoiced.invoice);
                }
            }
            OrderEvent::CancelRequested(request) => self.wish = Wish::Cancel(request.clone()),
            OrderEvent::Overdue(_) => self.overdue = true,
            OrderEvent::Sending(sending) => {
                self.refused.remove(&sending.effect);
                claim(&mut self.sendings, sending);
            }
            OrderEvent::Faltered(faltered) => let_go(&mut self.sendings, faltered),
            OrderEvent::EffectRefused(refused) => {
                self.sendings.remove(&refused.effect);
                self.refused.insert(refused.effect.clone(), refused.rejection.clone());
            }
        }
    }

    /// Whether the order has a place for what this effect makes.
    pub(super) fn awaits(&self, effect: &Effect) -> bool {
        match (effect, &self.stage) {
            (Effect::Allocate, Stage::Priced { stock: Stock::Pending, .. })
            | (Effect::CreateSalesOrder, Stage::Priced { stock: Stock::Allocated(_), .. })
            | (Effect::Invoice, Stage::Routed(_)) => true,
            (
                Effect::Allocate
                | Effect::CreateSalesOrder
                | Effect::Invoice
                | Effect::RequestFulfillment
                | Effect::PostGoodsIssue { .. },
                Stage::Submitted
                | Stage::Unpriceable(_)
                | Stage::Priced { .. }
                | Stage::Released(_)
                | Stage::Unroutable(..)
                | Stage::Routed(_)
                | Stage::Invoiced(..),
            ) => false,
        }
    }

    /// A mistake: a report on top of those before it.
    fn added(&self, progress: &Progress) -> Progress {
        let mut sum = progress.clone();
        let known = self.progress.get(&progress.fulfillment);
        for (line, shipped) in known.into_iter().flat_map(|known| &known.shipped) {
            let more = sum.shipped.get(line).and_then(|quantity| quantity.plus(*shipped).ok());
            sum.shipped.insert(*line, more.unwrap_or(*shipped));
        }
        sum
    }

    /// A document of the ERP that the order has no place for: it exists, so it is kept.
    fn keep_surplus(&mut self, effect: Effect, document: &DocumentNumber) {
        if self.document(&effect) != Some(document) {
            self.surplus.entry(effect).or_default().insert(document.clone());
        }
    }

    fn set_credit(&mut self, word: Credit) {
        if let Stage::Priced { credit, .. } = &mut self.stage {
            *credit = word;
        }
    }

    /// Moves a cleared order on, keeping what it has behind it.
    fn reroute(&mut self, to: impl FnOnce(Cleared) -> Stage) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Submitted) {
            Stage::Released(cleared)
            | Stage::Unroutable(cleared, _)
            | Stage::Routed(cleared)
            | Stage::Invoiced(cleared, _) => to(cleared),
            early @ (Stage::Submitted | Stage::Unpriceable(_) | Stage::Priced { .. }) => early,
        };
    }
}

fn learn(known: Knowledge, told: &Told) -> Knowledge {
    match known {
        Knowledge::Newest(newer) | Knowledge::Overtaken(newer) if newer.version > told.version => {
            Knowledge::Overtaken(newer)
        }
        Knowledge::Nothing | Knowledge::Newest(_) | Knowledge::Overtaken(_) => Knowledge::Newest(told.clone()),
    }
}

impl Order {
    /// The order after `event`.
    pub(super) fn after(self, event: &OrderEvent) -> Self {
        match (self, event) {
            (Self::Absent, OrderEvent::Submitted(submission)) => Self::Known(Box::new(Known::new(submission.clone()))),
            // Nothing but a submission can be the first event; `decide` sees to it.
            (Self::Absent, _) => Self::Absent,
            (Self::Known(mut known), event) => {
                known.apply(event);
                Self::Known(known)
            }
        }
    }

    /// The order, if it was submitted.
    pub fn known(&self) -> Option<&Known> {
        match self {
            Self::Absent => None,
            Self::Known(known) => Some(known),
        }
    }
}
