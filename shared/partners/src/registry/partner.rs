//! A partner as its document describes it.

use domain::PartnerId;
use domain::order::Spelling;
use domain::returns::Policy;
use domain::routing::Site;
use engine::delivery::Role;
use engine::partner_health::Limits;
use jiff::tz::TimeZone;
use url::Url;

use super::maps::Maps;
use super::protocol::Protocol;

/// A partner's document, read and validated.
#[derive(Debug, Clone)]
pub struct Partner {
    /// Lower-case letters, digits and dashes: it is part of webhook URLs, names of secrets, and logs.
    pub id: PartnerId,
    /// The partner's role, and the protocol that it speaks in it.
    pub protocol: Protocol,
    /// The URL of its API, without a slash at the end.
    pub base_url: Url,
    /// The name of the secret with the token that we send.
    pub secret: String,
    /// Whether each write needs a CSRF token, as at SAP's gateway.
    pub csrf: bool,
    /// How its webhooks are signed; `None` if it sends none.
    pub webhook: Option<WebhookScheme>,
    /// What a repeated write does.
    pub submission: Submissions,
    /// For one request, in milliseconds.
    pub timeout_ms: u64,
    /// The load that it takes.
    pub limits: Limits,
    /// For times that it sends without a zone.
    pub time_zone: TimeZone,
    /// How many days after its arrival an order should be delivered and invoiced; CRMs only.
    pub deadline_days: u32,
    /// Which spellings of a purchase order number it does not tell apart; CRMs only.
    pub purchase_orders: Spelling,
    /// Its codes for ours.
    pub maps: Maps,
    /// Whether it may ship a request in parts; warehouses only.
    pub fill: Fill,
    /// Where its goods leave from; warehouses only.
    pub sites: Vec<Site>,
    /// How it reports what came back; `None` where its document does not say so: its reports are then not counted. Warehouses only.
    pub receipts: Option<Receipts>,
    /// The seller's rules for returns; the ERP only.
    pub returns: Policy,
}

impl Partner {
    /// The name of the secret with the keys that it signs webhooks with. It is apart from the token, because the function
    /// that takes webhooks from the internet must not be able to read what opens a partner.
    pub fn webhook_secret(&self) -> String {
        format!("webhook/{}", self.id)
    }

    /// CRM, ERP or warehouse.
    pub fn role(&self) -> Role {
        self.protocol.role()
    }
}

/// Signatures as in Standard Webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookScheme {
    /// How many seconds a timestamp may differ from our clock, either way.
    pub tolerance_seconds: u32,
}

/// What a partner does with a write that it may have received before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submissions {
    /// It answers the same idempotency key with the same answer.
    Keyed,
    /// It offers a look-up by our reference.
    Lookup {
        /// How many seconds after a write the look-up lists it, at the latest.
        settle_seconds: u32,
    },
    /// Neither: an operator has to look there.
    Neither,
}

/// How a warehouse reports what came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// Each report has all that came of a line so far. It may be lower than the one before.
    Cumulative,
    /// Each report has what came since the one before.
    Incremental,
}

/// Whether a request may be shipped in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// In as many shipments as it likes.
    Partial,
    /// All of it at once, or nothing.
    Whole,
}
