//! A partner's words for ours, and back.

use std::collections::BTreeMap;

use domain::fulfillment::MilestoneKind;
use domain::order::{Component, ServiceLevel};
use domain::{Carrier, IdError, SiteCode, Sku, Uom};

/// The maps of a document. What a map does not name is called the same on both sides, except for statuses: an unmapped
/// status is never guessed.
#[derive(Debug, Clone, Default)]
pub struct Maps {
    pub(super) statuses: BTreeMap<String, Meaning>,
    pub(super) carriers: BTreeMap<String, Carrier>,
    pub(super) service_levels: BTreeMap<ServiceLevel, String>,
    pub(super) sites: BTreeMap<SiteCode, String>,
    pub(super) skus: BTreeMap<Sku, String>,
    pub(super) units: BTreeMap<Uom, String>,
    pub(super) kits: BTreeMap<Sku, Vec<Component>>,
}

/// What a partner's status means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A step of a package.
    Milestone(MilestoneKind),
    /// The warehouse will not ship the request.
    Rejected,
    /// Nothing that we keep.
    Nothing,
}

impl Meaning {
    /// Every word that a map's right side may have.
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "rejected" => Some(Self::Rejected),
            "nothing" => Some(Self::Nothing),
            _ => milestone(word).map(Self::Milestone),
        }
    }
}

/// Every milestone with a name, as our REST protocol writes it.
pub(crate) const MILESTONES: [MilestoneKind; 11] = [
    MilestoneKind::LabelCreated,
    MilestoneKind::OnHold,
    MilestoneKind::PickedUp,
    MilestoneKind::InTransit,
    MilestoneKind::DeliveryDelayed,
    MilestoneKind::OutForDelivery,
    MilestoneKind::ReadyForPickup,
    MilestoneKind::DeliveryFailed,
    MilestoneKind::Delivered,
    MilestoneKind::ReturnToSender,
    MilestoneKind::Cancelled,
];

/// The milestone of that name.
pub(crate) fn milestone(name: &str) -> Option<MilestoneKind> {
    MILESTONES.into_iter().find(|kind| kind.as_str() == name)
}

impl Maps {
    /// What the document says that `status` means, if it says.
    pub fn status(&self, status: &str) -> Option<Meaning> {
        self.statuses.get(status).copied()
    }

    /// Our name of the partner's `carrier`.
    ///
    /// # Errors
    /// No name at all.
    pub fn carrier(&self, carrier: &str) -> Result<Carrier, IdError> {
        self.carriers.get(carrier).map_or_else(|| carrier.parse(), |carrier| Ok(carrier.clone()))
    }

    /// The partner's name of our `carrier`.
    pub fn their_carrier<'a>(&'a self, carrier: &'a Carrier) -> &'a str {
        let named = self.carriers.iter().find(|(_, ours)| *ours == carrier);
        named.map_or(carrier.as_str(), |(theirs, _)| theirs)
    }

    /// The partner's name of our service level, where it has one of its own.
    pub fn their_service_level(&self, level: ServiceLevel) -> Option<&str> {
        self.service_levels.get(&level).map(String::as_str)
    }

    /// Our name of the partner's service level.
    pub fn service_level(&self, theirs: &str) -> Option<ServiceLevel> {
        self.service_levels.iter().find(|(_, known)| *known == theirs).map(|(level, _)| *level)
    }

    /// The partner's name of our site.
    pub fn their_site<'a>(&'a self, site: &'a SiteCode) -> &'a str {
        self.sites.get(site).map_or(site.as_str(), String::as_str)
    }

    /// Our name of the partner's site or stock location.
    ///
    /// # Errors
    /// No name at all.
    pub fn site(&self, theirs: &str) -> Result<SiteCode, IdError> {
        back(&self.sites, theirs)
    }

    /// The partner's name of our SKU.
    pub fn their_sku<'a>(&'a self, sku: &'a Sku) -> &'a str {
        self.skus.get(sku).map_or(sku.as_str(), String::as_str)
    }

    /// Our name of the partner's SKU.
    ///
    /// # Errors
    /// No name at all.
    pub fn sku(&self, theirs: &str) -> Result<Sku, IdError> {
        back(&self.skus, theirs)
    }

    /// The parts that the partner knows our SKU in, where it does not know it as one; at least one part, each named once.
    pub fn kit(&self, sku: &Sku) -> Option<&[Component]> {
        self.kits.get(sku).map(Vec::as_slice)
    }

    /// The partner's name of our unit.
    pub fn their_unit<'a>(&'a self, unit: &'a Uom) -> &'a str {
        self.units.get(unit).map_or(unit.as_str(), String::as_str)
    }

    /// Our name of the partner's unit.
    ///
    /// # Errors
    /// No name at all.
    pub fn unit(&self, theirs: &str) -> Result<Uom, IdError> {
        back(&self.units, theirs)
    }
}

/// The way back through a map that is one-to-one (reading a document makes sure of it).
fn back<K: Clone + std::str::FromStr<Err = IdError>>(map: &BTreeMap<K, String>, theirs: &str) -> Result<K, IdError> {
    let known = map.iter().find(|(_, known)| *known == theirs);
    known.map_or_else(|| theirs.parse(), |(ours, _)| Ok(ours.clone()))
}
