//! Reads `[warehouse]`: how a warehouse ships, and from which sites.

use std::collections::BTreeMap;

use domain::order::{Component, ServiceLevel, ShortPolicy, Traced};
use domain::routing::{Promise, Site, Territory};
use domain::{PartnerId, Sku};
use engine::delivery::Role;
use jiff::civil::{Date, Time};

use super::kits;
use super::partner::{Fill, Receipts};
use super::protocol::ProtocolName;
use super::values::{SERVICE_LEVELS, civil, number, one_of, service_level, zone};
use crate::wire::countries;
use crate::wire::fields::Place;
use crate::wire::regions;

/// How it reports what came back; `Some(None)` where the document does not say so.
pub(super) fn receipts(place: &Place<'_>) -> Option<Option<Receipts>> {
    if place.is_absent() {
        return Some(None);
    }
    one_of(place, &[("cumulative", Receipts::Cumulative), ("incremental", Receipts::Incremental)]).map(Some)
}

/// Fill policy and sites; for any other role, no sites.
pub(super) fn read(
    place: &Place<'_>,
    role: Option<Role>,
    id: Option<&PartnerId>,
    protocol: Option<ProtocolName>,
) -> Option<(Fill, Vec<Site>)> {
    if role != Some(Role::Warehouse) && place.is_absent() {
        return role.map(|_| (Fill::Partial, vec![]));
    }
    // A section that does not belong there is read all the same, so that all its mistakes are reported at once.
    if role.is_some_and(|role| role != Role::Warehouse) {
        place.refuse("is for role = \"warehouse\" only");
    }
    place.object()?;
    place.only(&["fill", "sites", "kits", "traced", "on_short", "promises", "receipts"]);
    let fill = place.at("fill");
    let fill_policy = if fill.is_absent() {
        Some(Fill::Partial)
    } else {
        one_of(&fill, &[("partial", Fill::Partial), ("whole", Fill::Whole)])
    };
    if let (Some(Fill::Whole), Some(ProtocolName::Shipbob)) = (fill_policy, protocol) {
        fill.refuse("shipbob ships what it has and cannot promise all or nothing");
    }
    let kits = kits::read(&place.at("kits"));
    let traced = traced(&place.at("traced"), &kits);
    let on_short = place.at("on_short");
    let on_short = if on_short.is_absent() {
        Some(ShortPolicy::default())
    } else {
        one_of(&on_short, &[("backorder", ShortPolicy::Backorder), ("cancel", ShortPolicy::Cancel)])
    };
    let promises = promises(&place.at("promises"));
    let places = place.at("sites").some_items("needs at least one site").unwrap_or_default();
    let mut sites: Vec<Site> = Vec::new();
    for place in places {
        let Some(site) = site(&place, id) else { continue };
        let (kits, traced, promises) = (kits.clone(), traced.clone(), promises.clone().unwrap_or_default());
        let on_short = on_short.unwrap_or_default();
        let site = Site { kits, traced, on_short, promises, ..site };
        if sites.iter().any(|other| other.code == site.code) {
            place.at("code").refuse("names a site twice");
        }
        sites.push(site);
    }
    on_short.zip(promises).and(fill_policy).map(|fill| (fill, sites))
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
    let serves = serves.iter().filter_map(territory).collect();
    let service_levels = levels.iter().filter_map(|level| one_of(level, &SERVICE_LEVELS)).collect();
    Some(Site {
        warehouse: id?.clone(),
        code: code?,
        serves,
        service_levels,
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
    let home = place.at("home_regions").items();
    let home_regions = home.iter().filter_map(|region| home_region(region, code)).collect();
    Some(Territory { country: code.to_owned(), home_regions })
}

/// As in orders' addresses, so that both are the same code.
fn home_region(place: &Place<'_>, country: &str) -> Option<String> {
    let code = regions::code(country, &place.words(50)?);
    if code.is_none() {
        place.refuse(format_args!("is no region of {country} in ISO 3166-2, such as \"NY\""));
    }
    code
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
    let mut promises = Some(BTreeMap::new());
    for (level, place) in place.members() {
        let (promise, known) = (promise(&place), service_level(level));
        if known.is_none() {
            place.refuse("is for a service level that is not one of ours: standard, expedited");
        }
        promises = promises.zip(promise.zip(known)).map(|(mut promises, (promise, level))| {
            promises.insert(level, promise);
            promises
        });
    }
    promises
}

fn promise(place: &Place<'_>) -> Option<Promise> {
    place.object()?;
    place.only(&["acknowledge_minutes", "depart_hours", "silence_hours"]);
    let default = Promise::default();
    let acknowledge_minutes = number(&place.at("acknowledge_minutes"), 1..=10_080, default.acknowledge_minutes);
    let depart_hours = number(&place.at("depart_hours"), 1..=720, default.depart_hours);
    let silence_hours = number(&place.at("silence_hours"), 1..=2_160, default.silence_hours);
    Some(Promise {
        acknowledge_minutes: acknowledge_minutes?,
        depart_hours: depart_hours?,
        silence_hours: silence_hours?,
    })
}
