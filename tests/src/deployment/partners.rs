//! The simulated partners of a deployment: how calls reach them, and what a test makes them do.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use engine::partner::{Documents, Secrets};
use engine::{Code, Failure};
use partners::transport::{Call, Method, Reply, Transport, TransportFailure};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::exchange::{Method as SimulatedMethod, Outcome as CallOutcome, Request as SimulatedRequest};
use simulators::fault::{PartnerFault, Rule, When};
use simulators::{SimulatedPartners, System};

use super::Deployment;
use super::clock::DeploymentClock;
use crate::mutants::Mutant;

/// The name of the rule that an outage is.
const OUTAGE: &str = "outage";

/// The partners' documents, from the files of the local partners, and the simulators' own secrets.
#[derive(Debug, Clone)]
pub struct LocalRegistry {
    pub(super) documents: Rc<Vec<String>>,
}

impl Documents for LocalRegistry {
    async fn documents(&self) -> Result<Vec<String>, Failure> {
        Ok(self.documents.as_ref().clone())
    }
}

impl Secrets for LocalRegistry {
    async fn secret(&self, name: &str, _fresh: bool) -> Result<SecretString, Failure> {
        let Some(id) = name.strip_prefix("partner/") else {
            return Err(Failure::permanent(Code::SecretMissing, "no such secret"));
        };
        let token = simulators::sign::local_token(id);
        let signing = simulators::sign::local_secret(id);
        Ok(json!({ "token": token, "signing": [signing] }).to_string().into())
    }
}

/// Carries calls to the simulated partners without HTTP.
#[derive(Debug, Clone)]
pub struct MemoryTransport {
    pub(super) partners: Rc<RefCell<SimulatedPartners>>,
    pub(super) clock: DeploymentClock,
    /// How long the slowest call took since this was last read.
    pub(super) call_time: Rc<Cell<Duration>>,
    pub(super) mutant: Option<Mutant>,
}

impl Transport for MemoryTransport {
    async fn send(&self, call: Call) -> Result<Reply, TransportFailure> {
        let mut segments = call.url.path().trim_start_matches('/').splitn(2, '/');
        let prefix = segments.next().unwrap_or_default().to_owned();
        let path = format!("/{}", segments.next().unwrap_or_default());
        let method = match call.method {
            Method::Get => SimulatedMethod::Get,
            Method::Post => SimulatedMethod::Post,
            Method::Put => SimulatedMethod::Put,
        };
        let mut request = SimulatedRequest::new(method, &path);
        request.query = call.url.query_pairs().into_owned().collect();
        request.headers = call.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        request.body = call.body.clone();
        let now = self.clock.now();
        if self.mutant == Some(Mutant::KeyFromMessage)
            && let Some(key) = request.headers.get_mut("idempotency-key")
        {
            *key += &format!("@{now}");
        }
        let mut partners = self.partners.borrow_mut();
        let Some(partner) = partners.partner_mut(&prefix) else {
            return Err(TransportFailure::NotSent("no such partner".to_owned()));
        };
        let outcome = partner.call(&request, now);
        let (CallOutcome::Answer { after_ms, .. } | CallOutcome::Silence { after_ms }) = &outcome;
        let took = Duration::from_millis(*after_ms).min(call.timeout);
        self.call_time.set(self.call_time.get().max(took));
        match outcome {
            CallOutcome::Answer { after_ms, .. } if Duration::from_millis(after_ms) > call.timeout => {
                Err(TransportFailure::TimedOut)
            }
            CallOutcome::Answer { reply, .. } => {
                Ok(Reply { status: reply.status, headers: reply.headers.into_iter().collect(), body: reply.body })
            }
            CallOutcome::Silence { .. } => Err(TransportFailure::TimedOut),
        }
    }
}

/// The local partners' documents, as the repository has them.
pub(super) fn local_documents() -> Vec<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/partners");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .map(|entries| entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
        .unwrap_or_default();
    files.sort();
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let value: toml::Value = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
        serde_json::to_string(&value).unwrap_or_default()
    };
    files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml")).map(read).collect()
}

impl Deployment {
    /// The CRM creates an order and sends its webhook.
    pub fn order(&self, order: Value) {
        let now = self.clock.now();
        let mut partners = self.partners.borrow_mut();
        let Some(partner) = partners.partner_mut("crm") else { return };
        let System::Crm(crm) = &mut partner.system else { return };
        if let Ok((effect, webhook)) = crm.create(order, now) {
            partner.record_effect(effect, now);
            partner.send(webhook, now);
        }
    }

    /// The CRM sends a change of an order that it sent before.
    pub fn change(&self, topic: &str, data: Value) {
        let now = self.clock.now();
        let mut partners = self.partners.borrow_mut();
        let Some(partner) = partners.partner_mut("crm") else { return };
        let System::Crm(crm) = &mut partner.system else { return };
        if let Ok(webhook) = crm.message(topic, data, now) {
            partner.send(webhook, now);
        }
    }

    /// Sets what the ERP has of an SKU, in eaches: in the east, and in the west.
    pub fn stock(&self, sku: &str, [east, west]: [u32; 2]) {
        let mut partners = self.partners.borrow_mut();
        let Some(System::Erp(erp)) = partners.partner_mut("acme-erp").map(|it| &mut it.system) else { return };
        erp.set_stock(sku, "EAST", east.into());
        erp.set_stock(sku, "WEST", west.into());
    }

    /// Every call to `partner` meets `fault`, until the outage ends.
    pub fn start_outage(&self, partner: &str, fault: PartnerFault) {
        if let Some(partner) = self.partners.borrow_mut().partner_mut(partner) {
            partner.faults.add(Rule { name: Some(OUTAGE.to_owned()), when: When::default(), fault });
        }
    }

    /// Ends the outage of `partner`; its other faults remain.
    pub fn end_outage(&self, partner: &str) {
        if let Some(partner) = self.partners.borrow_mut().partner_mut(partner) {
            partner.faults.clear(Some(OUTAGE));
        }
    }

    /// Ends all faults of `partner`.
    pub fn end_all_faults(&self, partner: &str) {
        if let Some(partner) = self.partners.borrow_mut().partner_mut(partner) {
            partner.faults.clear(None);
        }
    }

    /// How many documents of `kind` a partner's ledger has, by our reference.
    pub fn made(&self, partner: &str, kind: &str) -> BTreeMap<String, usize> {
        let partners = self.partners.borrow();
        let mut counts = BTreeMap::new();
        for done in partners.partner(partner).map(|partner| partner.ledger.effects.as_slice()).unwrap_or_default() {
            if done.effect.kind == kind {
                *counts.entry(done.effect.reference.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// All documents of a partner, as JSON.
    pub fn state(&self, partner: &str) -> Value {
        self.partners.borrow().partner(partner).map(|partner| partner.system.state()).unwrap_or_default()
    }
}
