//! The registry: one validated document for each partner, with its role, protocol, URL, limits and maps.
//!
//! A document is JSON in the registry's table and TOML in the deploying team's repository; both have the same members. Reading
//! reports all offences at once, such as an unknown member, a map that cannot be reversed, or a promise that the protocol
//! cannot keep. Nothing in this module calls a partner or a store.

mod document;
mod kits;
mod maps;
mod partner;
mod places;
mod protocol;
mod returns;
#[cfg(feature = "toml")]
mod toml;
mod values;
mod warehouse;

use std::collections::BTreeMap;
use std::fmt;

use domain::PartnerId;
use engine::delivery::Role;

pub(crate) use document::DEADLINE_DAYS;
pub(crate) use maps::milestone;
pub use maps::{Maps, Meaning};
pub use partner::{Fill, Partner, Receipts, Submissions, WebhookScheme};
pub use places::{Offence, Offences};
pub use protocol::{CrmProtocol, ErpProtocol, Protocol, WarehouseProtocol};

/// All partners of a deployment. A document that cannot be read affects its own partner only.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    partners: BTreeMap<PartnerId, Partner>,
    broken: Vec<Broken>,
}

/// A document that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The partner's id; empty if it cannot be read.
    pub id: String,
    /// All offences, at least one.
    pub offences: Offences,
}

impl Registry {
    /// Reads all documents, each in JSON.
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

    /// The partner called `id`, if its document can be read.
    pub fn partner(&self, id: &str) -> Option<&Partner> {
        self.partners.iter().find(|(partner, _)| partner.as_str() == id).map(|(_, partner)| partner)
    }

    /// The offences of the document of `id`, if it cannot be read.
    pub fn broken(&self, id: &str) -> Option<&Broken> {
        self.broken.iter().find(|broken| broken.id == id)
    }

    /// Whether a document cannot be read.
    pub fn has_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// All partners whose documents can be read, sorted by id.
    pub fn partners(&self) -> impl Iterator<Item = &Partner> {
        self.partners.values()
    }

    /// Contradictions between documents that are valid one by one.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let erps: Vec<&str> = self.partners().filter(|p| p.role() == Role::Erp).map(|p| p.id.as_str()).collect();
        if erps.len() > 1 {
            found.push(format!("more than one ERP: {}; a deployment has one", erps.join(", ")));
        }
        let mut sites: BTreeMap<&str, &str> = BTreeMap::new();
        for (partner, site) in self.partners().flat_map(|p| p.sites.iter().map(move |site| (p.id.as_str(), site))) {
            if let Some(other) = sites.insert(site.code.as_str(), partner) {
                found.push(format!("site {} belongs to both {other} and {partner}", site.code));
            }
        }
        for partner in self.partners().filter(|partner| partner.role() == Role::Erp) {
            for site in partner.maps.sites().filter(|site| !sites.contains_key(site.as_str())) {
                found.push(format!("{} maps the site {site}, which no warehouse has", partner.id));
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
