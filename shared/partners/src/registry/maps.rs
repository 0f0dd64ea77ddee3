//! A partner's codes and names for ours, in both directions.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use domain::order::{Component, ServiceLevel};
use domain::shipment::MilestoneKind;
use domain::{Carrier, IdError, SiteCode, Sku, Uom};
use engine::delivery::Role;

use super::kits;
use super::values::service_level;
use crate::wire::fields::Place;

/// The maps of a document. A name that is not mapped is the same on both sides. Statuses are the exception: an unmapped status
/// is never guessed.
#[derive(Debug, Clone, Default)]
pub struct Maps {
    statuses: BTreeMap<String, Meaning>,
    carriers: BTreeMap<String, Carrier>,
    service_levels: BTreeMap<ServiceLevel, String>,
    sites: BTreeMap<SiteCode, String>,
    skus: BTreeMap<Sku, String>,
    units: BTreeMap<Uom, String>,
    kits: BTreeMap<Sku, Vec<Component>>,
}

/// The meaning of a partner's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A package reached it.
    Milestone(MilestoneKind),
    /// The warehouse will not ship the request.
    Rejected,
    /// Ignored.
    Nothing,
}

impl Meaning {
    /// A meaning by its name in a document.
    fn named(word: &str) -> Option<Self> {
        match word {
            "rejected" => Some(Self::Rejected),
            "nothing" => Some(Self::Nothing),
            _ => milestone(word).map(Self::Milestone),
        }
    }
}

/// The milestones that our REST protocol names.
const MILESTONES: [MilestoneKind; 11] = [
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

/// A milestone by its name in our REST protocol.
pub(crate) fn milestone(name: &str) -> Option<MilestoneKind> {
    MILESTONES.into_iter().find(|kind| kind.as_str() == name)
}

impl Maps {
    /// The meaning of the partner's `status`; `None` if it is not mapped.
    pub fn status(&self, status: &str) -> Option<Meaning> {
        self.statuses.get(status).copied()
    }

    /// Our name for the partner's `carrier`.
    ///
    /// # Errors
    /// The name is not mapped, and cannot be one of ours.
    pub fn carrier(&self, carrier: &str) -> Result<Carrier, IdError> {
        self.carriers.get(carrier).map_or_else(|| carrier.parse(), |carrier| Ok(carrier.clone()))
    }

    /// The partner's name for our `carrier`.
    pub fn their_carrier<'a>(&'a self, carrier: &'a Carrier) -> &'a str {
        let named = self.carriers.iter().find(|(_, ours)| *ours == carrier);
        named.map_or(carrier.as_str(), |(theirs, _)| theirs)
    }

    /// The partner's name for our service level; `None` if it is not mapped.
    pub fn their_service_level(&self, level: ServiceLevel) -> Option<&str> {
        self.service_levels.get(&level).map(String::as_str)
    }

    /// Our service level for the partner's name.
    pub fn service_level(&self, theirs: &str) -> Option<ServiceLevel> {
        self.service_levels.iter().find(|(_, name)| *name == theirs).map(|(level, _)| *level)
    }

    /// The partner's name for our site.
    pub fn their_site<'a>(&'a self, site: &'a SiteCode) -> &'a str {
        self.sites.get(site).map_or(site.as_str(), String::as_str)
    }

    /// The sites that are mapped.
    pub(super) fn sites(&self) -> impl Iterator<Item = &SiteCode> {
        self.sites.keys()
    }

    /// Our site for the partner's site or stock location.
    ///
    /// # Errors
    /// The name is not mapped, and cannot be one of ours.
    pub fn site(&self, theirs: &str) -> Result<SiteCode, IdError> {
        reverse(&self.sites, theirs)
    }

    /// The partner's name for our SKU.
    pub fn their_sku<'a>(&'a self, sku: &'a Sku) -> &'a str {
        self.skus.get(sku).map_or(sku.as_str(), String::as_str)
    }

    /// Our SKU for the partner's name.
    ///
    /// # Errors
    /// The name is not mapped, and cannot be one of ours.
    pub fn sku(&self, theirs: &str) -> Result<Sku, IdError> {
        reverse(&self.skus, theirs)
    }

    /// The components of our SKU, if the partner knows it as components only. At least one, each once.
    pub fn kit(&self, sku: &Sku) -> Option<&[Component]> {
        self.kits.get(sku).map(Vec::as_slice)
    }

    /// The partner's name for our unit of measure.
    pub fn their_unit<'a>(&'a self, unit: &'a Uom) -> &'a str {
        self.units.get(unit).map_or(unit.as_str(), String::as_str)
    }

    /// Our unit of measure for the partner's name.
    ///
    /// # Errors
    /// The name is not mapped, and cannot be one of ours.
    pub fn unit(&self, theirs: &str) -> Result<Uom, IdError> {
        reverse(&self.units, theirs)
    }
}

/// The reverse of a map that is one-to-one, which reading the document makes sure of.
fn reverse<K: Clone + FromStr<Err = IdError>>(map: &BTreeMap<K, String>, theirs: &str) -> Result<K, IdError> {
    let ours = map.iter().find(|(_, value)| *value == theirs);
    ours.map_or_else(|| theirs.parse(), |(ours, _)| Ok(ours.clone()))
}

/// The maps that a role uses. A map that no one would read is an offence: its author expects that it does something.
fn is_used(map: &str, role: Role) -> bool {
    match role {
        Role::Crm => ["carriers", "service_levels", "skus", "units"].contains(&map),
        Role::Erp => ["sites", "skus", "units", "kits"].contains(&map),
        Role::Warehouse => map != "kits",
    }
}

/// A site's name at ShipBob is the number of a location.
pub(super) fn require_numbers(place: &Place<'_>) {
    for (_, place) in place.at("sites").members() {
        if place.optional_text().is_some_and(|text| text.parse::<u64>().is_err()) {
            place.refuse("must be the number of a location, such as \"9\"");
        }
    }
}

/// Each site in a warehouse's map has to be one of its own.
pub(super) fn require_own_sites(place: &Place<'_>, own: &[SiteCode]) {
    for (ours, place) in place.at("sites").members() {
        if ours.parse::<SiteCode>().is_ok_and(|ours| !own.contains(&ours)) {
            place.refuse("is not a site of warehouse.sites");
        }
    }
}

/// Reads `[maps]`. Offences are in the place's report.
pub(super) fn read(place: &Place<'_>, role: Option<Role>) -> Maps {
    place.members();
    place.only(&["statuses", "carriers", "service_levels", "sites", "skus", "units", "kits"]);
    let mut maps = Maps::default();
    for (theirs, place) in place.at("statuses").members() {
        match place.text().map(Meaning::named) {
            Some(Some(meaning)) => {
                maps.statuses.insert(theirs.to_owned(), meaning);
            }
            Some(None) => {
                let known = MILESTONES.map(MilestoneKind::as_str).join(", ");
                place.refuse(format_args!("must be rejected, nothing or one of {known}"));
            }
            None => {}
        }
    }
    for (theirs, place) in place.at("carriers").members() {
        maps.carriers.extend(place.parse().map(|ours| (theirs.to_owned(), ours)));
    }
    for (ours, place) in place.at("service_levels").members() {
        let level = service_level(ours);
        if level.is_none() {
            place.refuse("is not a service level of ours: standard, expedited");
        }
        maps.service_levels.extend(level.zip(place.words(64)));
    }
    maps.sites = both_ways(&place.at("sites"));
    maps.skus = both_ways(&place.at("skus"));
    maps.units = both_ways(&place.at("units"));
    maps.kits = kits::read(&place.at("kits"));
    if !place.at("kits").is_absent() && role.is_some_and(|role| role != Role::Erp) {
        place.at("kits").refuse("is for role = \"erp\" only; a warehouse has its own in warehouse.kits");
    }
    for map in ["statuses", "carriers", "service_levels", "sites"] {
        if role.is_some_and(|role| !is_used(map, role)) && !place.at(map).is_absent() {
            place.at(map).refuse("is not used by a partner of this role");
        }
    }
    maps
}

/// A map from our names to theirs. Two of ours with the same name of theirs are an offence: the reverse would be ambiguous.
fn both_ways<K: FromStr<Err: Display> + Ord>(place: &Place<'_>) -> BTreeMap<K, String> {
    let mut map: BTreeMap<K, String> = BTreeMap::new();
    for (ours, place) in place.members() {
        let Some(theirs) = place.words(128) else { continue };
        match ours.parse::<K>() {
            Err(error) => place.refuse(format_args!("is not a name of ours: {error}")),
            Ok(_) if map.values().any(|other| *other == theirs) => {
                place.refuse("is what another name is mapped to, so that the reverse is ambiguous");
            }
            Ok(ours) => {
                map.insert(ours, theirs);
            }
        }
    }
    map
}
