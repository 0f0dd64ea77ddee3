//! Reads a partner's document.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;

use domain::order::{Component, ServiceLevel, ShortPolicy, Traced};
use domain::routing::{Promise, Site, Territory};
use domain::{PartnerId, Sku};
use engine::delivery::Role;
use engine::partner_health::{Limits, Rate};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde_json::Value;
use url::{Host, Url};

use super::maps::{Maps, Meaning};
use super::partner::{Fill, Partner, Protocol, Submissions, WebhookScheme};
use super::places::Offences;
use crate::countries;
use crate::fields::{Place, Report, offence};

/// Where a document does not say.
const TOLERANCE_SECONDS: u32 = 300;
const TIMEOUT_MS: u64 = 10_000;
const IN_FLIGHT: u32 = 2;
/// Where a document does not say, and for orders that come through our own API.
pub(crate) const DEADLINE_DAYS: u32 = 14;

impl Partner {
    /// Reads a registry row's document.
    ///
    /// # Errors
    /// The id, as far as it can be told, and everything that is wrong.
    pub fn from_json(text: &str) -> Result<Self, (String, Offences)> {
        match serde_json::from_str(text) {
            Ok(value) => Self::read(&value),
            Err(error) => Err((String::new(), vec![offence("", engine::redact::json_error(&error))].into())),
        }
    }

    /// Reads a document in TOML. Returns it beside its JSON, which is what the registry stores.
    ///
    /// # Errors
    /// As [`Partner::from_json`].
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<(Self, Value), (String, Offences)> {
        let document = super::toml::to_json(text).map_err(|why| (String::new(), vec![offence("", why)].into()))?;
        Self::read(&document).map(|partner| (partner, document))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// As [`Partner::from_json`].
    pub fn read(document: &Value) -> Result<Self, (String, Offences)> {
        let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let report = Report::default();
        let partner = partner(&report.root(document));
        report.unless_wrong(partner).map_err(|offences| (id, offences.into()))
    }
}

fn partner(root: &Place<'_>) -> Option<Partner> {
    root.object()?;
    root.only(&[
        "id",
        "role",
        "protocol",
        "base_url",
        "time_zone",
        "auth",
        "webhook",
        "limits",
        "submission",
        "orders",
        "maps",
        "warehouse",
        "shipbob",
    ]);
    let id = id(&root.at("id"));
    let role = one_of(&root.at("role"), &[("crm", Role::Crm), ("erp", Role::Erp), ("warehouse", Role::Warehouse)]);
    let protocol = protocol(root);
    let base_url = base_url(&root.at("base_url"));
    let time_zone = root.at("time_zone").present().map_or(Some(TimeZone::UTC), |place| zone(&place));
    let secret = secret(&root.at("auth"), id.as_ref());
    let csrf = root.at("auth").at("csrf").flag(false);
    let webhook = webhook(&root.at("webhook"));
    let limits = limits(&root.at("limits"));
    let submission = submission(&root.at("submission"), protocol.as_ref());
    let deadline_days = orders(&root.at("orders"), role);
    let maps = maps(&root.at("maps"), role);
    let warehouse = warehouse(&root.at("warehouse"), role, id.as_ref(), protocol.as_ref());
    if let (Some(Protocol::Shipbob { .. }), Some(role)) = (&protocol, role)
        && role != Role::Warehouse
    {
        root.at("protocol").refuse("shipbob is spoken by warehouses only");
    }
    let (fill, sites) = warehouse?;
    Some(Partner {
        id: id?,
        role: role?,
        protocol: protocol?,
        base_url: base_url?,
        secret: secret?,
        csrf,
        webhook: webhook?,
        submission: submission?,
        timeout_ms: limits?.0,
        limits: limits?.1,
        time_zone: time_zone?,
        deadline_days: deadline_days?,
        maps: maps?,
        fill,
        sites,
    })
}

/// An id stands in URLs, secrets' names and store keys: lower-case letters, digits and dashes.
fn id(place: &Place<'_>) -> Option<PartnerId> {
    let id: PartnerId = place.parse()?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !id.as_str().bytes().all(plain) {
        place.refuse("may have lower-case letters, digits and dashes only");
        return None;
    }
    Some(id)
}

fn protocol(root: &Place<'_>) -> Option<Protocol> {
    let shipbob = root.at("shipbob");
    let protocol = one_of(&root.at("protocol"), &[("rest", "rest"), ("shipbob", "shipbob")])?;
    if protocol == "rest" {
        if !shipbob.is_absent() {
            shipbob.refuse("is for the protocol shipbob only");
        }
        return Some(Protocol::Rest);
    }
    shipbob.object()?;
    shipbob.only(&["channel_id"]);
    Some(Protocol::Shipbob { channel: shipbob.at("channel_id").whole(1..=u64::from(u32::MAX))? })
}

fn base_url(place: &Place<'_>) -> Option<Url> {
    let url = place.text()?.parse::<Url>();
    let refuse = |why: &str| {
        place.refuse(why);
        None
    };
    let Ok(mut url) = url else { return refuse("is not a URL") };
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return refuse("must begin with https://");
    }
    if url.scheme() == "http" && !is_near(url.host()) {
        return refuse("must begin with https://; http is for this machine's own network only");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not hold credentials: they belong into the secret");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("must not have a query or a fragment");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}

/// Whether a host is written as one of the machine's own or a private network's.
fn is_near(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        None => false,
    }
}

/// The secret's name; a partner's secret is its own unless the document names another partner secret.
fn secret(auth: &Place<'_>, id: Option<&PartnerId>) -> Option<String> {
    auth.object()?;
    auth.only(&["scheme", "secret", "csrf"]);
    one_of(&auth.at("scheme"), &[("bearer", ())])?;
    let name = auth.at("secret");
    let Some(text) = name.clone().optional_text() else { return id.map(|id| format!("partner/{id}")) };
    let rest = text.strip_prefix("partner/").unwrap_or_default();
    if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)) {
        name.refuse("must be a name that begins with partner/");
        return None;
    }
    Some(text.to_owned())
}

fn webhook(place: &Place<'_>) -> Option<Option<WebhookScheme>> {
    if place.is_absent() {
        return Some(None);
    }
    place.object()?;
    place.only(&["scheme", "tolerance_seconds"]);
    one_of(&place.at("scheme"), &[("standard", ())])?;
    let tolerance_seconds = number(&place.at("tolerance_seconds"), 1..=3600, TOLERANCE_SECONDS)?;
    Some(Some(WebhookScheme { tolerance_seconds }))
}

/// How long a call may take, in milliseconds, and what the partner bears.
fn limits(place: &Place<'_>) -> Option<(u64, Limits)> {
    place.members();
    place.only(&["timeout_ms", "slow_ms", "in_flight", "requests_per_minute", "burst"]);
    let (timeout, slow) = (place.at("timeout_ms"), place.at("slow_ms"));
    let timeout_ms = if timeout.is_absent() { Some(TIMEOUT_MS) } else { timeout.whole(100..=60_000) };
    let slow_ms = if slow.is_absent() { timeout_ms.map(|ms| ms / 2) } else { slow.whole(50..=60_000) };
    if let (Some(timeout_ms), Some(slow_ms)) = (timeout_ms, slow_ms)
        && slow_ms >= timeout_ms
    {
        slow.refuse("must be less than timeout_ms: whatever takes longer is no answer");
    }
    let in_flight = number(&place.at("in_flight"), 1..=100, IN_FLIGHT);
    let rate = rate(&place.at("requests_per_minute"), &place.at("burst"));
    let slow = std::time::Duration::from_millis(slow_ms?);
    Some((timeout_ms?, Limits { slow, in_flight: in_flight?, rate: rate? }))
}

fn rate(per_minute: &Place<'_>, burst: &Place<'_>) -> Option<Option<Rate>> {
    if per_minute.is_absent() {
        if !burst.is_absent() {
            burst.refuse("goes with requests_per_minute only");
        }
        return Some(None);
    }
    let per_minute = number(per_minute, 1..=100_000, 1)?;
    // Those of ten seconds.
    let burst = number(burst, 1..=10_000, (per_minute / 6).max(1))?;
    Some(Some(Rate { per_minute, burst }))
}

/// What the protocol can do decides what a document may promise.
fn submission(place: &Place<'_>, protocol: Option<&Protocol>) -> Option<Submissions> {
    place.members();
    place.only(&["semantics", "settle_seconds"]);
    let semantics = place.at("semantics");
    let settle = place.at("settle_seconds");
    let word = match (semantics.is_absent(), protocol?) {
        (true, Protocol::Rest) => "keyed",
        (true, Protocol::Shipbob { .. }) => "lookup",
        (false, _) => one_of(&semantics, &[("keyed", "keyed"), ("lookup", "lookup"), ("neither", "neither")])?,
    };
    if word != "lookup" && !settle.is_absent() {
        settle.refuse("goes with semantics = \"lookup\" only");
    }
    match (word, protocol?) {
        ("keyed", Protocol::Shipbob { .. }) => {
            semantics.refuse("shipbob knows no idempotency keys; it can be looked up");
            None
        }
        ("keyed", Protocol::Rest) => Some(Submissions::Keyed),
        ("lookup", _) => Some(Submissions::Lookup { settle_seconds: number(&settle, 0..=3600, 0)? }),
        _ => Some(Submissions::Neither),
    }
}

fn orders(place: &Place<'_>, role: Option<Role>) -> Option<u32> {
    place.members();
    place.only(&["deadline_days"]);
    if !place.is_absent() && role.is_some_and(|role| role != Role::Crm) {
        place.refuse("is for role = \"crm\" only");
    }
    number(&place.at("deadline_days"), 1..=365, DEADLINE_DAYS)
}

fn maps(place: &Place<'_>, role: Option<Role>) -> Option<Maps> {
    place.members();
    place.only(&["statuses", "carriers", "service_levels", "sites", "skus", "units", "kits"]);
    let mut maps = Maps::default();
    for (theirs, place) in place.at("statuses").members() {
        let meaning = place.text().map(Meaning::of);
        match meaning {
            Some(Some(meaning)) => {
                maps.statuses.insert(theirs.to_owned(), meaning);
            }
            Some(None) => {
                let known = super::maps::MILESTONES.map(domain::fulfillment::MilestoneKind::as_str).join(", ");
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
            place.refuse("maps a service level that is not one of ours: standard, expedited");
        }
        maps.service_levels.extend(level.zip(place.words(64)));
    }
    maps.sites = both_ways(&place.at("sites"));
    maps.skus = both_ways(&place.at("skus"));
    maps.units = both_ways(&place.at("units"));
    maps.kits = kits(&place.at("kits"));
    if !place.at("kits").is_absent() && role.is_some_and(|role| role != Role::Erp) {
        place.at("kits").refuse("is for role = \"erp\" only; a warehouse has its own in warehouse.kits");
    }
    Some(maps)
}

/// A map from our words to theirs that can be read backwards.
fn both_ways<K: FromStr<Err: Display> + Ord>(place: &Place<'_>) -> BTreeMap<K, String> {
    let mut map: BTreeMap<K, String> = BTreeMap::new();
    for (ours, place) in place.members() {
        let Some(theirs) = place.words(128) else { continue };
        match ours.parse::<K>() {
            Err(error) => place.refuse(format_args!("maps what is not one of ours: {error}")),
            Ok(_) if map.values().any(|known| *known == theirs) => {
                place.refuse("is what another one is mapped to, so that the way back is lost");
            }
            Ok(ours) => {
                map.insert(ours, theirs);
            }
        }
    }
    map
}

/// More pieces than this in one kit are a mistake.
const MOST_PER_KIT: u32 = 10_000;

/// Products that a partner knows in parts. A part that is a kit itself is refused: whoever wrote it may expect either.
fn kits(place: &Place<'_>) -> BTreeMap<Sku, Vec<Component>> {
    let members = place.members();
    let mut kits: BTreeMap<Sku, Vec<Component>> = BTreeMap::new();
    for (kit, place) in &members {
        let mut components: Vec<Component> = Vec::new();
        for part in place.some_items("needs at least one part").unwrap_or_default() {
            let Some(component) = component(&part) else { continue };
            if members.iter().any(|(name, _)| *name == component.sku.as_str()) {
                part.at("sku").refuse("is a kit itself; kits have parts that are none");
            }
            if components.iter().any(|known| known.sku == component.sku) {
                part.at("sku").refuse("names a part twice; say how many in per_kit");
            }
            components.push(component);
        }
        kits.extend(place.take(kit.parse()).map(|sku| (sku, components)));
    }
    kits
}

fn component(place: &Place<'_>) -> Option<Component> {
    place.object()?;
    place.only(&["sku", "per_kit"]);
    let sku = place.at("sku").parse();
    let per_kit = place.at("per_kit").whole(1..=u64::from(MOST_PER_KIT));
    let per_kit = per_kit.and_then(|n| u32::try_from(n).ok()).and_then(NonZeroU32::new);
    Some(Component { sku: sku?, per_kit: per_kit? })
}

/// Products of which more has to be told than how many there are. A kit is none of them: its parts may be.
fn traced(place: &Place<'_>, kits: &BTreeMap<Sku, Vec<Component>>) -> BTreeMap<Sku, Traced> {
    let mut traced = BTreeMap::new();
    for (sku, place) in place.members() {
        let kind = one_of(&place, &[("lot", Traced::Lot), ("serial", Traced::Serial)]);
        let sku: Option<Sku> = place.take(sku.parse());
        if sku.as_ref().is_some_and(|sku| kits.contains_key(sku)) {
            place.refuse("is a kit, which has neither lot nor serial number; its parts may have");
        }
        traced.extend(sku.zip(kind));
    }
    traced
}

/// What the warehouse promises by service level; what it does not say is as usual.
fn promises(place: &Place<'_>) -> Option<BTreeMap<ServiceLevel, Promise>> {
    let mut promises = BTreeMap::new();
    for (level, place) in place.members() {
        place.object()?;
        place.only(&["acknowledge_minutes", "depart_hours", "silence_hours"]);
        let usual = Promise::default();
        let promise = Promise {
            acknowledge_minutes: number(&place.at("acknowledge_minutes"), 1..=10_080, usual.acknowledge_minutes)?,
            depart_hours: number(&place.at("depart_hours"), 1..=720, usual.depart_hours)?,
            silence_hours: number(&place.at("silence_hours"), 1..=2_160, usual.silence_hours)?,
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

fn warehouse(
    place: &Place<'_>,
    role: Option<Role>,
    id: Option<&PartnerId>,
    protocol: Option<&Protocol>,
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
    let wanted = if fill.is_absent() {
        Fill::Partial
    } else {
        one_of(&fill, &[("partial", Fill::Partial), ("whole", Fill::Whole)])?
    };
    if let (Fill::Whole, Some(Protocol::Shipbob { .. })) = (wanted, protocol) {
        fill.refuse("shipbob ships what it has; it cannot promise all or nothing");
    }
    let kits = kits(&place.at("kits"));
    let traced = traced(&place.at("traced"), &kits);
    let on_short = place.at("on_short");
    let on_short = if on_short.is_absent() {
        ShortPolicy::default()
    } else {
        one_of(&on_short, &[("backorder", ShortPolicy::Backorder), ("cancel", ShortPolicy::Cancel)])?
    };
    let promises = promises(&place.at("promises"))?;
    let places = place.at("sites").some_items("needs at least one site").unwrap_or_default();
    let mut read: Vec<Site> = Vec::new();
    for place in places {
        let Some(bare) = site(&place, id) else { continue };
        let (kits, traced, promises) = (kits.clone(), traced.clone(), promises.clone());
        let site = Site { kits, traced, on_short, promises, ..bare };
        if read.iter().any(|known| known.code == site.code) {
            place.at("code").refuse("names a site twice");
        }
        read.push(site);
    }
    Some((wanted, read))
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
    let named = [("standard", ServiceLevel::Standard), ("expedited", ServiceLevel::Expedited)];
    Some(Site {
        warehouse: id?.clone(),
        code: code?,
        serves: serves.iter().filter_map(territory).collect(),
        service_levels: levels.iter().filter_map(|level| one_of(level, &named)).collect(),
        cut_off: cut_off?,
        time_zone: time_zone?,
        holidays,
        cost: cost?,
        // The warehouse's, the same for all of its sites.
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

fn service_level(word: &str) -> Option<ServiceLevel> {
    match word {
        "standard" => Some(ServiceLevel::Standard),
        "expedited" => Some(ServiceLevel::Expedited),
        _ => None,
    }
}

fn zone(place: &Place<'_>) -> Option<TimeZone> {
    match TimeZone::get(place.text()?) {
        Ok(zone) => Some(zone),
        Err(_) => {
            place.refuse("is not an IANA time zone, such as \"America/New_York\"");
            None
        }
    }
}

fn civil<T: FromStr>(place: &Place<'_>, why: &str) -> Option<T> {
    let parsed = place.text()?.parse().ok();
    if parsed.is_none() {
        place.refuse(why);
    }
    parsed
}

/// A whole number; `absent` where there is none.
fn number(place: &Place<'_>, range: std::ops::RangeInclusive<u32>, absent: u32) -> Option<u32> {
    if place.is_absent() {
        return Some(absent);
    }
    let wide = u64::from(*range.start())..=u64::from(*range.end());
    place.whole(wide).and_then(|number| u32::try_from(number).ok())
}

/// One of a few words.
fn one_of<T: Clone>(place: &Place<'_>, words: &[(&str, T)]) -> Option<T> {
    let text = place.text()?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| meaning.clone());
    if found.is_none() {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        place.refuse(format_args!("must be {}", known.join(" or ")));
    }
    found
}
