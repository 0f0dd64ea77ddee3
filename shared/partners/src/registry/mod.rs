//! The registry: what a partner is, how it is reached, what it understands, in one validated document each.
//!
//! A document is JSON in the registry table and TOML in a deploying team's repository; both read alike. Reading refuses what
//! cannot work: a member that nobody reads, a map that loses its way back, a promise that the protocol cannot keep. It
//! names every offending place at once. Nothing here speaks to a partner or to a store.

mod document;
mod maps;
mod places;
#[cfg(feature = "toml")]
mod toml;

use std::collections::BTreeMap;
use std::fmt;

use domain::PartnerId;
use domain::routing::Site;
use engine::delivery::Role;
use jiff::tz::TimeZone;
use url::Url;

pub(crate) use document::DEADLINE_DAYS;
pub(crate) use maps::milestone;
pub use maps::{Maps, Meaning};
pub use places::{Offence, Offences};

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
    /// How its webhooks are signed; `None` where it sends none.
    pub webhook: Option<WebhookScheme>,
    /// What a repeated write does.
    pub submission: Submissions,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: u64,
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

/// All partners of a deployment. A document that cannot be read costs its own partner alone.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    partners: BTreeMap<PartnerId, Partner>,
    broken: Vec<Broken>,
}

/// A document that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The partner's id, as far as it can be told.
    pub id: String,
    /// What is wrong, and where.
    pub offences: Offences,
}

impl Registry {
    /// Reads every document.
    pub fn read(documents: &[String]) -> Self {
        let mut registry = Self::default();
        for document in documents {
            match Partner::from_json(document) {
                Ok(partner) => {
                    registry.partners.insert(partner.id.clone(), partner);
                }
                Err((id, offences)) => registry.broken.push(Broken { id, offences }),
            }
        }
        registry
    }

    /// The partner of that name.
    pub fn partner(&self, id: &str) -> Option<&Partner> {
        self.partners.iter().find(|(known, _)| known.as_str() == id).map(|(_, partner)| partner)
    }

    /// Why the partner of that name cannot be used, where its document is at fault.
    pub fn broken(&self, id: &str) -> Option<&Broken> {
        self.broken.iter().find(|broken| broken.id == id)
    }

    /// Every partner that can be used, by name.
    pub fn partners(&self) -> impl Iterator<Item = &Partner> {
        self.partners.values()
    }

    /// What is wrong between the documents, though each is right by itself.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let erps: Vec<&str> = self.partners().filter(|p| p.role == Role::Erp).map(|p| p.id.as_str()).collect();
        if erps.len() > 1 {
            found.push(format!("more than one ERP: {}; documents have one home", erps.join(", ")));
        }
        let mut sites: BTreeMap<&str, &str> = BTreeMap::new();
        for (partner, site) in self.partners().flat_map(|p| p.sites.iter().map(move |site| (p.id.as_str(), site))) {
            if let Some(other) = sites.insert(site.code.as_str(), partner) {
                found.push(format!("site {} belongs to both {other} and {partner}", site.code));
            }
        }
        found
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the document of {}: {}", self.id, self.offences)
    }
}
