//! What the adapters of a deployment reach: the local partners' documents and secrets, and the simulated partners.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use engine::partner::{Documents, Secrets};
use engine::{Code, Failure};
use partners::transport::{Call, Method, Reply, Transport, TransportFailure};
use secrecy::SecretString;
use serde_json::json;
use simulators::SimulatedPartners;
use simulators::exchange::{Method as SimulatedMethod, Outcome as CallOutcome, Request as SimulatedRequest};

use super::clock::DeploymentClock;
use crate::mutants::Mutant;

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
        let secret = match name.split('/').collect::<Vec<_>>()[..] {
            ["partner", _role, id] => json!({ "token": simulators::sign::local_token(id) }),
            ["webhook", id] => json!({ "signing": [simulators::sign::local_secret(id)] }),
            _ => return Err(Failure::permanent(Code::SecretMissing, "no such secret")),
        };
        Ok(secret.to_string().into())
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
