//! The registry: what a partner is, how it is reached, what it understands, in one validated document each.
//!
//! A document is JSON in the registry table and TOML in a deploying team's repository; both read alike. Reading refuses what
//! cannot work: a member that nobody reads, a map that loses its way back, a promise that the protocol cannot keep. It
//! names every offending place at once. Nothing here speaks to a partner or to a store.

mod document;
mod maps;
mod partner;
mod places;
#[cfg(feature = "toml")]
mod toml;

use std::collections::BTreeMap;
use std::fmt;

use domain::PartnerId;
use engine::delivery::Role;

pub(crate) use document::DEADLINE_DAYS;
pub(crate) use maps::milestone;
pub use maps::{Maps, Meaning};
pub use partner::{Fill, Partner, Protocol, Submissions, WebhookScheme};
pub use places::{Offence, Offences};

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
