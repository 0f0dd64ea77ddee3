//! Reads `[warehouse]`: how a warehouse ships, and from which sites.

use std::collections::BTreeMap;

use domain::order::{Component, ServiceLevel, ShortPolicy, Traced};
use domain::routing::{Promise, Site, Territory};
use domain::{PartnerId, Sku};
use engine::delivery::Role;
use jiff::civil::{Date, Time};

use super::kits;
use super::partner::Fill;
use super::protocol::ProtocolName;
use super::values::{SERVICE_LEVELS, civil, number, one_of, service_level, zone};
use crate::wire::countries;
use crate::wire::fields::Place;

/// Fill policy and sites; for any other role, no sites.
pub(super) fn read(
    place: &Place<'_>,
    role: Option<Role>,
    id: Option<&PartnerId>,
    protocol: Option<ProtocolName>,
) -> Option<(Fill, Vec<Site>)> {
    if role? != Role::Warehouse {
        if !place.is_absent() {
            place.refuse("is for role = \"warehouse\" only");
        }
        return Some((Fill::Partial, vec![]));
    }
    place.object()?;
    place.only(&["fill", "sites", "kits", "traced", "on_short", "promises"]);
    let fill = place.at("fill");
    let fill_policy = if fill.is_absent() {
        Fill::Partial
    } else {
        one_of(&fill, &[("partial", Fill::Partial), ("whole", Fill::Whole)])?
    };
    if let (Fill::Whole, Some(ProtocolName::Shipbob)) = (fill_policy, protocol) {
        fill.refuse("shipbob ships what it has and cannot promise all or nothing");
    }
    let kits = kits::read(&place.at("kits"));
    let traced = traced(&place.at("traced"), &kits);
    let on_short = place.at("on_short");
    let on_short = if on_short.is_absent() {
        ShortPolicy::default()
    } else {
        one_of(&on_short, &[("backorder", ShortPolicy::Backorder), ("cancel", ShortPolicy::Cancel)])?
    };
    let promises = promises(&place.at("promises"))?;
    let places = place.at("sites").some_items("needs at least one site").unwrap_or_default();
    let mut sites: Vec<Site> = Vec::new();
    for place in places {
        let Some(site) = site(&place, id) else { continue };
        let (kits, traced, promises) = (kits.clone(), traced.clone(), promises.clone());
        let site = Site { kits, traced, on_short, promises, ..site };
        if sites.iter().any(|other| other.code == site.code) {
            place.at("code").refuse("names a site twice");
        }
        sites.push(site);
    }
    Some((fill_policy, sites))
}

fn site(place: &Place<'_>, id: Option<&PartnerId>) -> Option<Site> {
    place.object()?;
    place.only(&["code", "serves", "service_levels", "cut_off", "time_zone", "holidays", "cost"]);
    let code = place.at("code").parse();
    let cut_off = civil::<Time>(&place.at("cut_off"), "must be a time of day, such as \"15:00\"");
    let time_zone = zone(&place.at("time_zone"));
    let date = |place: Place<'_>| civil::<Date>(&place, "must be a date, such as \"2026-12-25\"");
    let holidays = place.at("holidays").items().into_iter().filter_map(date).collect();
    let cost = number(&place.at("cost"), 0..=1_000_000, 100);
    let serves = place.at("serves").some_items("needs at least one country").unwrap_or_default();
    let levels = place.at("service_levels").some_items("needs at least one of standard, expedited").unwrap_or_default();
    Some(Site {
        warehouse: id?.clone(),
        code: code?,
        serves: serves.iter().filter_map(territory).collect(),
        service_levels: levels.iter().filter_map(|level| one_of(level, &SERVICE_LEVELS)).collect(),
        cut_off: cut_off?,
        time_zone: time_zone?,
        holidays,
        cost: cost?,
        // The caller sets what all sites of the warehouse have in common.
        kits: BTreeMap::new(),
        traced: BTreeMap::new(),
        on_short: ShortPolicy::default(),
        promises: BTreeMap::new(),
    })
}

fn territory(place: &Place<'_>) -> Option<Territory> {
    place.object()?;
    place.only(&["country", "home_regions"]);
    let country = place.at("country");
    let code = country.text()?;
    if !countries::is_known(code) {
        country.refuse("is not an ISO 3166-1 alpha-2 code");
        return None;
    }
    let regions = place.at("home_regions").items();
    let home_regions = regions.iter().filter_map(|region| region.words(50)).collect();
    Some(Territory { country: code.to_owned(), home_regions })
}

/// Products whose lots or serial numbers the warehouse has to report. A kit is not traced; its components may be.
fn traced(place: &Place<'_>, kits: &BTreeMap<Sku, Vec<Component>>) -> BTreeMap<Sku, Traced> {
    let mut traced = BTreeMap::new();
    for (sku, place) in place.members() {
        let kind = one_of(&place, &[("lot", Traced::Lot), ("serial", Traced::Serial)]);
        let sku: Option<Sku> = place.take(sku.parse());
        if sku.as_ref().is_some_and(|sku| kits.contains_key(sku)) {
            place.refuse("is a kit, which has no lot and no serial number; its parts may have them");
        }
        traced.extend(sku.zip(kind));
    }
    traced
}

/// The warehouse's promises by service level, with defaults for absent members.
fn promises(place: &Place<'_>) -> Option<BTreeMap<ServiceLevel, Promise>> {
    let mut promises = BTreeMap::new();
    for (level, place) in place.members() {
        place.object()?;
        place.only(&["acknowledge_minutes", "depart_hours", "silence_hours"]);
        let default = Promise::default();
        let promise = Promise {
            acknowledge_minutes: number(&place.at("acknowledge_minutes"), 1..=10_080, default.acknowledge_minutes)?,
            depart_hours: number(&place.at("depart_hours"), 1..=720, default.depart_hours)?,
            silence_hours: number(&place.at("silence_hours"), 1..=2_160, default.silence_hours)?,
        };
        match service_level(level) {
            Some(level) => {
                promises.insert(level, promise);
            }
            None => place.refuse("is for a service level that is not one of ours: standard, expedited"),
        }
    }
    Some(promises)
}
