//! Reads a partner's document: its members, and the rules between them.

use std::net::IpAddr;
use std::time::Duration;

use domain::order::Spelling;
use domain::{PartnerId, SiteCode};
use engine::delivery::Role;
use engine::partner_health::{Limits, Rate};
use jiff::tz::TimeZone;
use serde_json::Value;
use url::{Host, Url};

use super::partner::{Partner, Submissions, WebhookScheme};
use super::places::Offences;
use super::protocol::{CrmProtocol, ErpProtocol, Protocol, ProtocolName, WarehouseProtocol};
use super::values::{number, one_of, zone};
use super::{maps, returns, warehouse};
use crate::signature::DEFAULT_TOLERANCE;
use crate::wire::addresses::is_public;
use crate::wire::fields::{Place, Report, offence};

/// Defaults of absent members.
const TIMEOUT_MS: u64 = 10_000;
const IN_FLIGHT: u32 = 2;
/// The default, also for orders from our own API.
pub(crate) const DEADLINE_DAYS: u32 = 14;

impl Partner {
    /// Reads a registry row's document.
    ///
    /// # Errors
    /// The id, empty if it cannot be read, and all offences.
    pub fn from_json(text: &str) -> Result<Self, (String, Offences)> {
        match engine::json::read(text.as_bytes()) {
            Ok(value) => Self::read(&value),
            Err(refused) => Err((String::new(), vec![offence(&refused.pointer, refused.why)].into())),
        }
    }

    /// Reads a document in TOML. Returns the JSON that the registry stores, too.
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
        report.into_result(partner).map_err(|offences| (id, offences.into()))
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
        "returns",
    ]);
    let id = id(&root.at("id"));
    let role = one_of(&root.at("role"), &[("crm", Role::Crm), ("erp", Role::Erp), ("warehouse", Role::Warehouse)]);
    let protocol_name = one_of(&root.at("protocol"), &ProtocolName::ALL);
    let protocol = protocol(root, role, protocol_name);
    let base_url = base_url(&root.at("base_url"));
    let time_zone = root.at("time_zone").present().map_or(Some(TimeZone::UTC), |place| zone(&place));
    let secret = secret(&root.at("auth"), role, id.as_ref());
    let csrf = root.at("auth").at("csrf").flag(false);
    let webhook = webhook(&root.at("webhook"));
    let limits = limits(&root.at("limits"));
    let submission = submission(&root.at("submission"), protocol_name);
    let orders = orders(&root.at("orders"), role);
    let maps = maps::read(&root.at("maps"), role);
    let warehouse = warehouse::read(&root.at("warehouse"), role, id.as_ref(), protocol_name);
    if let Some((_, sites)) = warehouse.as_ref().filter(|_| role == Some(Role::Warehouse)) {
        let own: Vec<SiteCode> = sites.iter().map(|site| site.code.clone()).collect();
        maps::require_own_sites(&root.at("maps"), &own);
    }
    if protocol_name == Some(ProtocolName::Shipbob) {
        maps::require_numbers(&root.at("maps"));
    }
    let receipts = warehouse::receipts(&root.at("warehouse").at("receipts"));
    let returns = returns::read(&root.at("returns"), role);
    let (fill, sites) = warehouse?;
    Some(Partner {
        id: id?,
        protocol: protocol?,
        base_url: base_url?,
        secret: secret?,
        csrf,
        webhook: webhook?,
        submission: submission?,
        timeout_ms: limits?.0,
        limits: limits?.1,
        time_zone: time_zone?,
        deadline_days: orders?.0,
        purchase_orders: orders?.1,
        maps,
        fill,
        sites,
        receipts: receipts?,
        returns: returns?,
    })
}

/// The id becomes part of URLs, names of secrets and table keys, so it has lower-case letters, digits and dashes only.
fn id(place: &Place<'_>) -> Option<PartnerId> {
    let id: PartnerId = place.parse()?;
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !id.as_str().bytes().all(is_plain) {
        place.refuse("may have lower-case letters, digits and dashes only");
        return None;
    }
    Some(id)
}

/// The role's protocol. `[shipbob]` goes with that protocol only.
fn protocol(root: &Place<'_>, role: Option<Role>, name: Option<ProtocolName>) -> Option<Protocol> {
    let shipbob = root.at("shipbob");
    // A section that does not belong there is read all the same, so that all its mistakes are reported at once.
    let channel = if shipbob.is_absent() && name != Some(ProtocolName::Shipbob) { None } else { channel(&shipbob) };
    if name == Some(ProtocolName::Rest) && !shipbob.is_absent() {
        shipbob.refuse("is for the protocol shipbob only");
    }
    match (role?, name?) {
        (Role::Crm, ProtocolName::Rest) => Some(Protocol::Crm(CrmProtocol::Rest)),
        (Role::Erp, ProtocolName::Rest) => Some(Protocol::Erp(ErpProtocol::Rest)),
        (Role::Warehouse, ProtocolName::Rest) => Some(Protocol::Warehouse(WarehouseProtocol::Rest)),
        (Role::Warehouse, ProtocolName::Shipbob) => {
            Some(Protocol::Warehouse(WarehouseProtocol::Shipbob { channel: channel? }))
        }
        (Role::Crm | Role::Erp, ProtocolName::Shipbob) => {
            root.at("protocol").refuse("shipbob is a warehouse's protocol");
            None
        }
    }
}

fn channel(shipbob: &Place<'_>) -> Option<u64> {
    shipbob.object()?;
    shipbob.only(&["channel_id"]);
    shipbob.at("channel_id").whole(1..=u64::from(u32::MAX))
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
    if url.scheme() == "http" && !is_local(url.host()) {
        return refuse("must begin with https://; http is for this machine's own network only");
    }
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) | None => None,
    };
    if ip.is_some_and(|ip| !is_public(ip)) && !is_local(url.host()) {
        return refuse("must not be an address that no partner can have, such as a link-local one");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not have credentials: they belong in the secret");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("must not have a query or a fragment");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}

/// Whether a host is a loopback or private address, or a `localhost` name.
fn is_local(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        None => false,
    }
}

/// The secret's name: `partner/<role>/<id>`, unless the document names another below `partner/<role>/`. A function may read
/// the secrets of the role that it calls, and no others.
fn secret(auth: &Place<'_>, role: Option<Role>, id: Option<&PartnerId>) -> Option<String> {
    auth.object()?;
    auth.only(&["scheme", "secret", "csrf"]);
    let scheme = one_of(&auth.at("scheme"), &[("bearer", ())]);
    let name = auth.at("secret");
    let below = format!("partner/{}/", role?.as_str());
    let Some(text) = name.clone().present().and_then(|name| name.text()) else {
        return scheme.and(id).map(|id| format!("{below}{id}"));
    };
    let rest = text.strip_prefix(&below).unwrap_or_default();
    if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        name.refuse(format!("must be a name that begins with {below}"));
        return None;
    }
    scheme.map(|()| text.to_owned())
}

fn webhook(place: &Place<'_>) -> Option<Option<WebhookScheme>> {
    if place.is_absent() {
        return Some(None);
    }
    place.object()?;
    place.only(&["scheme", "tolerance_seconds"]);
    let scheme = one_of(&place.at("scheme"), &[("standard", ())]);
    let tolerance_seconds = number(&place.at("tolerance_seconds"), 1..=3600, DEFAULT_TOLERANCE);
    Some(Some(WebhookScheme { tolerance_seconds: scheme.and(tolerance_seconds)? }))
}

/// The timeout of one request, in milliseconds, and the partner's limits.
fn limits(place: &Place<'_>) -> Option<(u64, Limits)> {
    place.members();
    place.only(&["timeout_ms", "slow_ms", "in_flight", "requests_per_minute", "burst"]);
    let (timeout, slow) = (place.at("timeout_ms"), place.at("slow_ms"));
    let timeout_ms = if timeout.is_absent() { Some(TIMEOUT_MS) } else { timeout.whole(100..=60_000) };
    let slow_ms = if slow.is_absent() { timeout_ms.map(|ms| ms / 2) } else { slow.whole(50..=60_000) };
    if let (Some(timeout_ms), Some(slow_ms)) = (timeout_ms, slow_ms)
        && slow_ms >= timeout_ms
    {
        slow.refuse("must be less than timeout_ms: after that there is no answer to be slow");
    }
    let in_flight = number(&place.at("in_flight"), 1..=100, IN_FLIGHT);
    let rate = rate(&place.at("requests_per_minute"), &place.at("burst"));
    let slow = Duration::from_millis(slow_ms?);
    Some((timeout_ms?, Limits { slow, in_flight: in_flight?, rate: rate? }))
}

fn rate(per_minute: &Place<'_>, burst: &Place<'_>) -> Option<Option<Rate>> {
    if per_minute.is_absent() {
        if !burst.is_absent() {
            burst.refuse("goes with requests_per_minute only");
        }
        return Some(None);
    }
    let per_minute = number(per_minute, 1..=100_000, 1);
    // By default the requests of ten seconds.
    let burst = number(burst, 1..=10_000, (per_minute.unwrap_or_default() / 6).max(1));
    Some(Some(Rate { per_minute: per_minute?, burst: burst? }))
}

/// What a repeated write does, among what the protocol can do.
fn submission(place: &Place<'_>, protocol: Option<ProtocolName>) -> Option<Submissions> {
    place.members();
    place.only(&["semantics", "settle_seconds"]);
    let semantics = place.at("semantics");
    let settle = place.at("settle_seconds");
    let word = match (semantics.is_absent(), protocol?) {
        (true, ProtocolName::Rest) => "keyed",
        (true, ProtocolName::Shipbob) => "lookup",
        (false, _) => one_of(&semantics, &[("keyed", "keyed"), ("lookup", "lookup"), ("neither", "neither")])?,
    };
    if word != "lookup" && !settle.is_absent() {
        settle.refuse("goes with semantics = \"lookup\" only");
    }
    match (word, protocol?) {
        ("keyed", ProtocolName::Shipbob) => {
            semantics.refuse("shipbob has no idempotency keys; it offers a look-up");
            None
        }
        ("keyed", ProtocolName::Rest) => Some(Submissions::Keyed),
        ("lookup", _) => Some(Submissions::Lookup { settle_seconds: number(&settle, 0..=3600, 0)? }),
        _ => Some(Submissions::Neither),
    }
}

/// An order's deadline in days, and the rule for spellings of purchase order numbers.
fn orders(place: &Place<'_>, role: Option<Role>) -> Option<(u32, Spelling)> {
    place.members();
    place.only(&["deadline_days", "purchase_orders"]);
    if !place.is_absent() && role.is_some_and(|role| role != Role::Crm) {
        place.refuse("is for role = \"crm\" only");
    }
    let days = number(&place.at("deadline_days"), 1..=365, DEADLINE_DAYS);
    let spelling = place.at("purchase_orders");
    let spellings = [
        ("exact", Spelling::Exact),
        ("ignore_case", Spelling::IgnoreCase),
        ("letters_and_digits", Spelling::LettersAndDigits),
    ];
    let spelling = if spelling.is_absent() { Some(Spelling::Exact) } else { one_of(&spelling, &spellings) };
    days.zip(spelling)
}
