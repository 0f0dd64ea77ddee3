//! The partners of a deployment: finds a partner's document, and makes one call to it under its limits.
//!
//! The ports themselves are implemented in `crm`, `erp`, `threepl` and `inbound`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::PartnerId;
use domain::routing::Site;
use engine::inbound::Sites;
use engine::partner::{CallFailure, Documents, PartnerPorts, Ready, Recipient, Secrets};
use engine::partner_health::{Limits, PartnerHealthStore};
use engine::{Clock, Code, Context, Failure, Wait};
use jiff::{SignedDuration, Timestamp};

use crate::client::PartnerClient;
use crate::client::csrf::CsrfTokens;
use crate::client::failures::{not_sent, ours};
use crate::client::http::HttpTransport;
use crate::client::limiter::CallLimiter;
use crate::client::transport::Transport;
use crate::registry::{CrmProtocol, ErpProtocol, Partner, Protocol, Registry, WarehouseProtocol};

/// How old the cached registry may be.
const MAX_AGE: SignedDuration = SignedDuration::from_secs(60);
/// How old it may be when a name is not in it: the partner may be new. Not zero, because senders choose the names and must not
/// cause a read each.
const MAX_AGE_FOR_MISSING: SignedDuration = SignedDuration::from_secs(5);

/// All partners of the deployment, behind the engine's ports. `S` reads documents and secrets, `T` sends requests, `H` stores
/// the partners' health. Clones share the cache.
#[derive(Debug, Clone)]
pub struct Partners<S, T, C, H> {
    pub(crate) store: S,
    transport: T,
    clock: C,
    cache: Arc<Mutex<Cache>>,
    limiter: CallLimiter<H>,
    csrf: CsrfTokens,
}

/// The result of looking a name up in the registry.
pub(crate) enum Located {
    Partner(Box<Partner>),
    /// The document cannot be read; why.
    Broken(String),
    Unknown,
}

/// When the registry was read, and the registry.
type Cache = Option<(Timestamp, Arc<Registry>)>;

impl<D, S, C, H> Partners<(D, S), HttpTransport, C, H>
where
    D: Documents,
    S: Secrets,
    C: Clock,
    H: PartnerHealthStore,
{
    /// Partners that are called over HTTP, with a deployment's ports.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn over_http(ports: PartnerPorts<D, S, C, H>) -> Result<Self, Failure> {
        let transport = HttpTransport::new(ports.may_be_private, ports.call_timeout)?;
        Ok(Self::new((ports.documents, ports.secrets), transport, ports.clock, ports.partner_health))
    }
}

impl<S: Documents, T, C: Clock, H> Partners<S, T, C, H> {
    /// Partners whose documents are read from `store`. A function that only reads partners' messages needs no secrets, no
    /// transport and no health: it passes `()`.
    pub fn new(store: S, transport: T, clock: C, partner_health: H) -> Self {
        Self {
            store,
            transport,
            clock,
            cache: Arc::default(),
            limiter: CallLimiter::new(partner_health),
            csrf: CsrfTokens::default(),
        }
    }

    /// The registry, at most a minute old.
    ///
    /// # Errors
    /// The store's.
    pub async fn registry(&self) -> Result<Arc<Registry>, Failure> {
        self.registry_within(MAX_AGE).await
    }

    /// The partner called `id`.
    ///
    /// # Errors
    /// The store's; `CFG-001` if there is no such partner. Deferred if its document cannot be read.
    pub async fn partner(&self, id: &PartnerId) -> Result<Partner, Failure> {
        match self.locate(id.as_str()).await? {
            Located::Partner(partner) => Ok(*partner),
            Located::Broken(why) => {
                tracing::error!(partner = %id, code = Code::PartnerUnknown.as_str(), why, "the document of {id} cannot be read");
                Err(Failure::Deferred { until: self.corrected(), why: Wait::Configuration(Some(id.clone())) })
            }
            Located::Unknown => {
                let why = format!("the registry has no partner {}", engine::redact::text(id.as_str()));
                Err(Failure::permanent(Code::PartnerUnknown, why))
            }
        }
    }

    /// When to try again after a fault of the configuration: the cached registry is another one by then.
    fn corrected(&self) -> Timestamp {
        self.clock.now().checked_add(MAX_AGE).unwrap_or(Timestamp::MAX)
    }

    /// A fault of the configuration that concerns no single partner. All work that meets it waits until it is corrected.
    fn misconfigured(&self, why: &'static str) -> CallFailure {
        tracing::error!(code = Code::PartnerUnknown.as_str(), "{why}");
        CallFailure::Closed { until: self.corrected(), why: Wait::Configuration(None), after: None }
    }

    /// Looks `id` up; reads the registry again if `id` is not in the cached one.
    pub(crate) async fn locate(&self, id: &str) -> Result<Located, Failure> {
        let mut registry = self.registry().await?;
        if registry.partner(id).is_none() {
            registry = self.registry_within(MAX_AGE_FOR_MISSING).await?;
        }
        Ok(match (registry.partner(id), registry.broken(id)) {
            (Some(partner), _) => Located::Partner(Box::new(partner.clone())),
            (None, Some(broken)) => Located::Broken(broken.to_string()),
            (None, None) => Located::Unknown,
        })
    }

    async fn registry_within(&self, max_age: SignedDuration) -> Result<Arc<Registry>, Failure> {
        let now = self.clock.now();
        if let Some((read_at, registry)) = &*self.cache()
            && now.duration_since(*read_at).abs() < max_age
        {
            return Ok(Arc::clone(registry));
        }
        // Not under the lock: two concurrent reads cost less than one task that waits for another's read.
        let registry = Arc::new(Registry::read(&self.store.documents().await?));
        *self.cache() = Some((now, Arc::clone(&registry)));
        Ok(registry)
    }

    /// A poisoned lock is safe to use: every change is a single assignment.
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> Partners<S, T, C, H> {
    /// The deployment's only ERP.
    pub(crate) async fn erp(&self) -> Result<(Partner, ErpProtocol), CallFailure> {
        let registry = self.registry().await.map_err(not_sent)?;
        let mut erps = registry.partners().filter_map(|partner| match partner.protocol {
            Protocol::Erp(protocol) => Some((partner, protocol)),
            Protocol::Crm(_) | Protocol::Warehouse(_) => None,
        });
        match (erps.next(), erps.next()) {
            (Some((erp, protocol)), None) => Ok((erp.clone(), protocol)),
            (None, _) => Err(self.misconfigured("the registry has no ERP")),
            (Some(_), Some(_)) => Err(self.misconfigured("the registry has more than one ERP")),
        }
    }

    /// The CRM that an order came from. An order that came another way belongs to the only CRM, if there is only one.
    pub(crate) async fn crm(&self, source: &PartnerId) -> Result<(Partner, CrmProtocol), CallFailure> {
        let registry = self.registry().await.map_err(not_sent)?;
        let crms = registry.partners().filter_map(|partner| match partner.protocol {
            Protocol::Crm(protocol) => Some((partner, protocol)),
            Protocol::Erp(_) | Protocol::Warehouse(_) => None,
        });
        let crms: Vec<(&Partner, CrmProtocol)> = crms.collect();
        match (crms.iter().find(|(crm, _)| crm.id == *source), crms.as_slice()) {
            (Some((crm, protocol)), _) | (None, [(crm, protocol)]) => Ok(((*crm).clone(), *protocol)),
            (None, _) if registry.has_broken() => {
                Err(self.misconfigured("the order's CRM may be in a broken document"))
            }
            (None, _) => Err(ours(Code::PartnerUnknown, "the registry does not say which CRM shows this order")),
        }
    }

    pub(crate) async fn warehouse(&self, id: &PartnerId) -> Result<(Partner, WarehouseProtocol), CallFailure> {
        let partner = self.partner(id).await.map_err(not_sent)?;
        match partner.protocol {
            Protocol::Warehouse(protocol) => Ok((partner, protocol)),
            Protocol::Crm(_) | Protocol::Erp(_) => Err(ours(Code::PartnerUnknown, "this partner is not a warehouse")),
        }
    }

    /// Makes one call, which may take several requests: waits for a permit, calls, and records the outcome in the partner's
    /// health.
    pub(crate) async fn call<A>(
        &self,
        partner: &Partner,
        cx: &Context,
        call: impl AsyncFnOnce(&PartnerClient<'_, S, T>) -> Result<A, CallFailure>,
    ) -> Result<A, CallFailure> {
        let permit = self.limiter.admit(partner, cx, self.clock.now()).await?;
        let client = PartnerClient {
            partner,
            secrets: &self.store,
            transport: &self.transport,
            cx,
            clock: &self.clock,
            csrf: &self.csrf,
            stats: Default::default(),
        };
        let result = call(&client).await.map_err(|failure| client.after_writes(failure));
        let (outcome, requests) = (client.stats.outcome(), client.stats.requests());
        // An answer that takes three quarters of the time available counts as slow, also if the document allows more.
        let limits = Limits { slow: partner.limits.slow.min(client.timeout() * 3 / 4), ..partner.limits };
        match (result, self.limiter.record(partner, &limits, &permit, outcome, requests, self.clock.now()).await) {
            (Err(failure), Some((until, why))) => {
                let (id, code) = (&partner.id, failure.code().as_str());
                tracing::warn!(partner = %id, code, %until, "{code}: work for {id} waits until {until}");
                let why = why.wait(partner.id.clone());
                Err(CallFailure::Closed { until, why, after: Some(Box::new(failure)) })
            }
            (result, _) => result,
        }
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, H: PartnerHealthStore> Ready for Partners<S, T, C, H> {
    async fn ready(&self, cx: &Context, to: Recipient<'_>) -> Result<(), Failure> {
        let partner = match to {
            Recipient::Erp => self.erp().await.map(|(erp, _)| erp),
            Recipient::Warehouse(id) => self.warehouse(id).await.map(|(warehouse, _)| warehouse),
        };
        let reserved = match partner {
            Ok(partner) => self.limiter.reserve(&partner, cx, self.clock.now()).await,
            Err(failure) => Err(failure),
        };
        reserved.map_err(|failure| failure.into_failure(cx.now))
    }
}

impl<S: Documents, T, C: Clock, H> Sites for Partners<S, T, C, H> {
    async fn sites(&self, _cx: &Context) -> Result<Vec<Site>, Failure> {
        let registry = self.registry().await?;
        Ok(registry.partners().flat_map(|partner| partner.sites.iter().cloned()).collect())
    }
}
