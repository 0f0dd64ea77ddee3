//! What is known of a partner, once its document is read.

use domain::PartnerId;
use domain::routing::Site;
use engine::delivery::Role;
use engine::partner_health::Limits;
use jiff::tz::TimeZone;
use url::Url;

use super::maps::Maps;

/// A partner, read and checked.
#[derive(Debug, Clone)]
pub struct Partner {
    /// Its name, in addresses of webhooks, secrets and logs.
    pub id: PartnerId,
    /// What it is to us.
    pub role: Role,
    /// How it speaks.
    pub protocol: Protocol,
    /// Where its API begins; never with a slash at its end.
    pub base_url: Url,
    /// The name of the secret with its token and signing keys.
    pub secret: String,
    /// Whether a write needs a token against forged requests, which is fetched before (SAP's gateway).
    pub csrf: bool,
    /// How its webhooks are signed; `None` where it sends none.
    pub webhook: Option<WebhookScheme>,
    /// What a repeated write does.
    pub submission: Submissions,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: u64,
    /// What it bears.
    pub limits: Limits,
    /// The zone of times that it writes without one.
    pub time_zone: TimeZone,
    /// Within how many days of its arrival an order should be delivered and invoiced.
    pub deadline_days: u32,
    /// Its words for ours.
    pub maps: Maps,
    /// Whether it may ship a request in parts.
    pub fill: Fill,
    /// Where its goods leave; warehouses only.
    pub sites: Vec<Site>,
}

/// How a partner speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Ours: `docs/partners/rest.md`.
    Rest,
    /// The vendor's: `docs/partners/shipbob.md`.
    Shipbob {
        /// The channel that orders are made in.
        channel: u64,
    },
}

impl Protocol {
    /// As it is written in a document.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Shipbob { .. } => "shipbob",
        }
    }
}

/// How webhooks are signed: Standard Webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookScheme {
    /// By how many seconds a timestamp may be off, either way.
    pub tolerance_seconds: u32,
}

/// What a partner does with a write that it may have had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submissions {
    /// It answers the same key in the same way.
    Keyed,
    /// It can be asked for what it has under our reference.
    Lookup {
        /// After how many seconds it shows what it took, at the latest.
        settle_seconds: u32,
    },
    /// Neither: a person has to look.
    Neither,
}

/// Whether a request may be shipped in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// As it can.
    Partial,
    /// All of it at once, or nothing.
    Whole,
}
