//! What warehouses are told to expect: one return of the warehouse for each site and parcel. An announcement is edited when lines
//! of the return are closed, and withdrawn when nothing of the parcel is expected any more.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::goods::LineQuantity;
use crate::ids::{DocumentNumber, ExternalId, PartnerId, ReturnId};
use crate::returns::effect::ReturnEffect;
use crate::returns::event::{Announced, ExpectedReceipt};
use crate::returns::{Return, ReturnStage};
use crate::workflow::EffectRequest;

/// A parcel that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// As it was planned.
    pub expected: ExpectedReceipt,
    /// What its warehouse accepted last.
    pub announced: Option<Announced>,
    /// Whether its warehouse expects it no more.
    pub withdrawn: bool,
    /// Which content it has to be announced with: 1, and one more after each edit.
    pub revision: u32,
    /// Other returns that the warehouse has for it, which is reviewed.
    pub others: BTreeSet<ExternalId>,
}

impl Parcel {
    pub(super) fn new(expected: ExpectedReceipt) -> Self {
        Self { expected, announced: None, withdrawn: false, revision: 1, others: BTreeSet::new() }
    }

    /// Whether a warehouse's answer says anything new.
    pub(super) fn is_changed_by(&self, announced: &Announced) -> bool {
        self.announced.as_ref().is_none_or(|known| {
            let is_known = known.reference == announced.reference || self.others.contains(&announced.reference);
            known.revision < announced.revision || !is_known
        })
    }

    /// The newest content counts. Another name of it is another return at the warehouse.
    pub(super) fn record_announced(&mut self, announced: &Announced) {
        match &mut self.announced {
            None => self.announced = Some(announced.clone()),
            Some(known) => {
                if known.reference != announced.reference {
                    self.others.insert(announced.reference.clone());
                }
                known.revision = known.revision.max(announced.revision);
            }
        }
    }
}

/// Tells a warehouse to expect a parcel, or another content of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Our id, with which the parcel is marked.
    pub return_id: ReturnId,
    /// The ERP's number, which is written on the parcel.
    pub rma: DocumentNumber,
    /// The parcel, with the lines that are still expected.
    pub expected: ExpectedReceipt,
    /// The warehouse's own id of what it expects already.
    pub known_as: Option<ExternalId>,
    /// The number of this content.
    pub revision: u32,
}

impl EffectRequest for Announcement {
    type Effect = ReturnEffect;

    fn effect(&self) -> ReturnEffect {
        ReturnEffect::AnnounceReceipt { no: self.expected.no, revision: self.revision }
    }

    fn key(&self) -> String {
        format!("announce-receipt/{}/{}/{}", self.return_id, self.expected.no, self.revision)
    }

    fn warehouse(&self) -> Option<&PartnerId> {
        Some(&self.expected.warehouse)
    }
}

/// Tells a warehouse to expect a parcel no more. Goods that arrive all the same are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncementWithdrawal {
    /// Our id.
    pub return_id: ReturnId,
    /// The parcel.
    pub no: u32,
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The warehouse's own id, where it is known.
    pub known_as: Option<ExternalId>,
    /// When the last announcement that is not answered may still be under way.
    pub sent_until: Option<Timestamp>,
}

impl EffectRequest for AnnouncementWithdrawal {
    type Effect = ReturnEffect;

    fn effect(&self) -> ReturnEffect {
        ReturnEffect::WithdrawAnnouncement { no: self.no }
    }

    fn key(&self) -> String {
        format!("withdraw-announcement/{}/{}", self.return_id, self.no)
    }

    fn not_before(&self) -> Option<Timestamp> {
        self.sent_until
    }

    fn warehouse(&self) -> Option<&PartnerId> {
        Some(&self.warehouse)
    }
}

impl Return {
    /// The announcements that are due.
    pub fn announcements(&self) -> impl Iterator<Item = Announcement> {
        let rma = match &self.stage {
            ReturnStage::Authorized(authorized) => Some(&authorized.rma),
            ReturnStage::Requested | ReturnStage::Denied(_) => None,
        };
        self.parcels.values().filter_map(move |parcel| {
            let lines = self.still_expected(&parcel.expected);
            let announced = parcel.announced.as_ref().map_or(0, |announced| announced.revision);
            let effect = ReturnEffect::AnnounceReceipt { no: parcel.expected.no, revision: parcel.revision };
            let is_due = !lines.is_empty()
                && announced < parcel.revision
                && !parcel.withdrawn
                && !self.rejected_effects.contains_key(&effect);
            is_due.then_some(())?;
            Some(Announcement {
                return_id: self.id().clone(),
                rma: rma?.clone(),
                expected: ExpectedReceipt { lines, ..parcel.expected.clone() },
                known_as: parcel.announced.as_ref().map(|announced| announced.reference.clone()),
                revision: parcel.revision,
            })
        })
    }

    /// The withdrawals that are due: of parcels that a warehouse expects, or may expect, and of which nothing is expected.
    pub fn announcement_withdrawals(&self) -> impl Iterator<Item = AnnouncementWithdrawal> {
        self.parcels.values().filter_map(|parcel| {
            let no = parcel.expected.no;
            let claim = self.open_effects.iter().find(|(effect, _)| announces(effect, no)).map(|(_, claim)| claim);
            let is_due = self.still_expected(&parcel.expected).is_empty()
                && !parcel.withdrawn
                && !self.has_come(parcel)
                && (parcel.announced.is_some() || claim.is_some())
                && !self.rejected_effects.contains_key(&ReturnEffect::WithdrawAnnouncement { no });
            is_due.then(|| AnnouncementWithdrawal {
                return_id: self.id().clone(),
                no,
                warehouse: parcel.expected.warehouse.clone(),
                known_as: parcel.announced.as_ref().map(|announced| announced.reference.clone()),
                sent_until: claim.map(|claim| claim.started().until),
            })
        })
    }

    /// The lines of a parcel that are not closed.
    pub(super) fn still_expected(&self, expected: &ExpectedReceipt) -> Vec<LineQuantity> {
        if matches!(self.stage, ReturnStage::Denied(_)) {
            return Vec::new();
        }
        expected.lines.iter().filter(|line| !self.kept.contains_key(&line.line)).cloned().collect()
    }

    /// Whether its warehouse has received anything of a parcel.
    pub(super) fn has_come(&self, parcel: &Parcel) -> bool {
        let known = parcel.announced.as_ref().map(|announced| &announced.reference);
        let mut references = known.into_iter().chain(&parcel.others);
        references.any(|reference| {
            self.receipts.keys().any(|key| key.warehouse == parcel.expected.warehouse && key.reference == *reference)
        })
    }
}

/// Whether an effect announces parcel `no`.
pub(super) fn announces(effect: &ReturnEffect, no: u32) -> bool {
    match effect {
        ReturnEffect::AnnounceReceipt { no: announced, .. } => *announced == no,
        ReturnEffect::AuthorizeReturn
        | ReturnEffect::WithdrawAnnouncement { .. }
        | ReturnEffect::MoveStock { .. }
        | ReturnEffect::Credit { .. }
        | ReturnEffect::Debit { .. } => false,
    }
}
