//! The ports: finds the partner, and has the adapter speak that its document asks for.

use std::sync::{Arc, Mutex, PoisonError};

use domain::fulfillment::{FulfillmentRequest, GoodsIssue, GoodsIssued, Inquiry, Withdrawal};
use domain::order::{
    Allocation, AllocationRequest, CreditQuery, CrmUpdate, Deallocation, InvoiceRequest, Invoiced, LineQuantity,
    PriceQuery, Released, SalesOrder, SalesOrderCancellation, StockQuery,
};
use domain::party::Party;
use domain::routing::Site;
use domain::{DocumentNumber, FulfillmentCommand, PartnerId};
use engine::delivery::{Delivery, Role};
use engine::http::Request;
use engine::inbound::{
    ChangeReader, NewOrder, OrderChange, OrderReader, ReportReader, Reported, Senders, Sites, Unmappable, Unverified,
    Verified,
};
use engine::partner::{
    Attempt, CallFailure, CreditAnswer, Crm, Documents, Erp, PriceAnswer, Ready, Recipient, Secrets, Warehouse,
    WarehouseAnswer, WithdrawalAnswer,
};
use engine::partner_health::{Limits, PartnerHealthStore};
use engine::{Clock, Code, Context, Failure};
use jiff::{SignedDuration, Timestamp};

use crate::crm;
use crate::csrf::CsrfTokens;
use crate::erp;
use crate::exchange::{CallStats, PartnerClient, PartnerSecret, not_sent};
use crate::limiter::CallLimiter;
use crate::registry::{Partner, Protocol, Registry};
use crate::signature::{self, Signed, Unsigned};
use crate::threepl;
use crate::transport::Transport;

/// How long the registry's documents are believed without another look.
const AGE: SignedDuration = SignedDuration::from_secs(60);
/// How often an unknown name may make us look again, at most: senders must not command our stores.
const IMPATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// Every partner of the deployment, behind the engine's ports. `S` reads documents and secrets, `T` carries calls, `G`
/// keeps the partners' gates. A handle: a clone fulfillments the cache.
#[derive(Debug, Clone)]
pub struct Partners<S, T, C, G> {
    store: S,
    transport: T,
    clock: C,
    cache: Arc<Mutex<Cache>>,
    limiter: CallLimiter<G>,
    csrf: CsrfTokens,
}

/// What the registry says of a name.
enum Located {
    Partner(Box<Partner>),
    /// Its document cannot be read.
    Broken(String),
    Nobody,
}

/// The documents, and when they were read.
type Cache = Option<(Timestamp, Arc<Registry>)>;

impl<S: Documents, T, C: Clock, G> Partners<S, T, C, G> {
    /// Partners that are read from `store` and called through `transport`. Who only reads what partners sent needs
    /// neither secrets nor a transport nor gates: `()` does.
    pub fn new(store: S, transport: T, clock: C, partner_health: G) -> Self {
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
        self.registry_within(AGE).await
    }

    /// The partner of that name. One that the registry does not know is looked for again: it may be new.
    ///
    /// # Errors
    /// The store's; `CFG-001` where there is none, or where its document cannot be read.
    pub async fn partner(&self, id: &PartnerId) -> Result<Partner, Failure> {
        match self.find(id.as_str()).await? {
            Located::Partner(partner) => Ok(*partner),
            Located::Broken(why) => Err(Failure::permanent(Code::PartnerUnknown, why)),
            Located::Nobody => {
                let why = format!("the registry has no partner {}", engine::redact::text(id.as_str()));
                Err(Failure::permanent(Code::PartnerUnknown, why))
            }
        }
    }

    async fn find(&self, id: &str) -> Result<Located, Failure> {
        let mut registry = self.registry().await?;
        if registry.partner(id).is_none() {
            registry = self.registry_within(IMPATIENCE).await?;
        }
        Ok(match (registry.partner(id), registry.broken(id)) {
            (Some(partner), _) => Located::Partner(Box::new(partner.clone())),
            (None, Some(broken)) => Located::Broken(broken.to_string()),
            (None, None) => Located::Nobody,
        })
    }

    async fn registry_within(&self, age: SignedDuration) -> Result<Arc<Registry>, Failure> {
        let now = self.clock.now();
        if let Some((read_at, registry)) = &*self.cache()
            && now.duration_since(*read_at).abs() < age
        {
            return Ok(Arc::clone(registry));
        }
        // Not under the lock: two that ask at once read twice, which costs less than one that waits for the other's
        // call.
        let registry = Arc::new(Registry::read(&self.store.documents().await?));
        *self.cache() = Some((now, Arc::clone(&registry)));
        Ok(registry)
    }

    /// A panic elsewhere leaves nothing half done in here.
    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, G: PartnerHealthStore> Partners<S, T, C, G> {
    /// The ERP: there is one.
    async fn erp(&self) -> Result<Partner, CallFailure> {
        let registry = self.registry().await.map_err(not_sent)?;
        let mut erps = registry.partners().filter(|partner| partner.role == Role::Erp);
        match (erps.next(), erps.next()) {
            (Some(erp), None) => Ok(erp.clone()),
            (None, _) => Err(misconfigured("the registry has no ERP")),
            (Some(_), Some(_)) => Err(misconfigured("the registry has more than one ERP")),
        }
    }

    /// The CRM that an order came from; one that came another way is told to the only CRM there is.
    async fn crm(&self, source: &PartnerId) -> Result<Partner, CallFailure> {
        let registry = self.registry().await.map_err(not_sent)?;
        let crms: Vec<&Partner> = registry.partners().filter(|partner| partner.role == Role::Crm).collect();
        match (crms.iter().find(|crm| crm.id == *source), crms.as_slice()) {
            (Some(crm), _) => Ok((*crm).clone()),
            (None, [only]) => Ok((*only).clone()),
            (None, _) => Err(misconfigured("the registry does not say which CRM is told of this order")),
        }
    }

    async fn warehouse(&self, id: &PartnerId) -> Result<Partner, CallFailure> {
        let partner = self.partner(id).await.map_err(not_sent)?;
        if partner.role == Role::Warehouse { Ok(partner) } else { Err(misconfigured("this partner is no warehouse")) }
    }

    fn client<'a>(&'a self, partner: &'a Partner, cx: &'a Context) -> PartnerClient<'a, S, T> {
        let (secrets, transport, clock, csrf) = (&self.store, &self.transport, &self.clock, &self.csrf);
        PartnerClient { partner, secrets, transport, cx, clock, csrf, notes: CallStats::default() }
    }

    /// One call, through the partner's gate.
    async fn through<A>(
        &self,
        partner: &Partner,
        cx: &Context,
        call: impl AsyncFnOnce(&PartnerClient<'_, S, T>) -> Result<A, CallFailure>,
    ) -> Result<A, CallFailure> {
        let permit = self.limiter.admit(partner, cx, self.clock.now()).await?;
        let client = self.client(partner, cx);
        let result = call(&client).await.map_err(|failure| client.in_doubt(failure));
        let (outcome, requests) = (client.notes.outcome(), client.notes.requests());
        // What takes more than three quarters of the time that there is, is slow, whatever the document says.
        let limits = Limits { slow: partner.limits.slow.min(client.timeout() * 3 / 4), ..partner.limits };
        match (result, self.limiter.tell(partner, &limits, &permit, outcome, requests, self.clock.now()).await) {
            (Err(failure), Some((until, why))) => {
                let why = why.wait(partner.id.clone());
                Err(CallFailure::Closed { until, why, after: Some(Box::new(failure)) })
            }
            (result, _) => result,
        }
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, G: PartnerHealthStore> Ready for Partners<S, T, C, G> {
    async fn ready(&self, cx: &Context, to: Recipient<'_>) -> Result<(), Failure> {
        let partner = match to {
            Recipient::Erp => self.erp().await,
            Recipient::Warehouse(id) => self.warehouse(id).await,
        };
        let reserved = match partner {
            Ok(partner) => self.limiter.reserve(&partner, cx, self.clock.now()).await,
            Err(failure) => Err(failure),
        };
        reserved.map_err(|failure| failure.into_failure(cx.now))
    }
}

fn misconfigured(why: &'static str) -> CallFailure {
    CallFailure::Ours { code: Code::PartnerUnknown, cause: why.into() }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, G: PartnerHealthStore> Erp for Partners<S, T, C, G> {
    async fn price(&self, cx: &Context, query: &PriceQuery) -> Result<PriceAnswer, CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::price(client, query).await).await
    }

    async fn credit(&self, cx: &Context, query: &CreditQuery) -> Result<CreditAnswer, CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::credit(client, query).await).await
    }

    async fn allocate(
        &self,
        cx: &Context,
        request: &AllocationRequest,
        attempt: Attempt,
    ) -> Result<Allocation, CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::allocate(client, request, attempt).await).await
    }

    async fn stock(&self, cx: &Context, query: &StockQuery) -> Result<Vec<LineQuantity>, CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::stock(client, query).await).await
    }

    /// A repeat looks first anyhow: what is given back is found by its reference.
    async fn deallocate(&self, cx: &Context, request: &Deallocation, _attempt: Attempt) -> Result<(), CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::deallocate(client, request).await).await
    }

    async fn create_sales_order(
        &self,
        cx: &Context,
        order: &SalesOrder,
        attempt: Attempt,
    ) -> Result<Released, CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::create_sales_order(client, order, attempt).await).await
    }

    /// A repeat looks first anyhow: what is cancelled is found by its reference.
    async fn cancel_sales_order(
        &self,
        cx: &Context,
        request: &SalesOrderCancellation,
        _attempt: Attempt,
    ) -> Result<Option<DocumentNumber>, CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::cancel_sales_order(client, request).await).await
    }

    async fn post_goods_issue(
        &self,
        cx: &Context,
        issue: &GoodsIssue,
        attempt: Attempt,
    ) -> Result<GoodsIssued, CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::post_goods_issue(client, issue, attempt).await).await
    }

    async fn invoice(&self, cx: &Context, request: &InvoiceRequest, attempt: Attempt) -> Result<Invoiced, CallFailure> {
        let erp = self.erp().await?;
        self.through(&erp, cx, async |client| erp::rest::invoice(client, request, attempt).await).await
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, G: PartnerHealthStore> Crm for Partners<S, T, C, G> {
    async fn update(&self, cx: &Context, update: &CrmUpdate, version: u64) -> Result<(), CallFailure> {
        let crm = self.crm(&update.source).await?;
        self.through(&crm, cx, async |client| crm::rest::tell(client, update, version).await).await
    }
}

impl<S: Documents + Secrets, T: Transport, C: Clock, G: PartnerHealthStore> Warehouse for Partners<S, T, C, G> {
    async fn request(
        &self,
        cx: &Context,
        request: &FulfillmentRequest,
        party: &Party,
        attempt: Attempt,
    ) -> Result<WarehouseAnswer, CallFailure> {
        let warehouse = self.warehouse(&request.warehouse).await?;
        let ask = async |client: &PartnerClient<'_, S, T>| match warehouse.protocol {
            Protocol::Rest => threepl::rest::request(client, request, party, attempt).await,
            Protocol::Shipbob { channel } => threepl::shipbob::request(client, channel, request, party, attempt).await,
        };
        self.through(&warehouse, cx, ask).await
    }

    /// A repeat says the same again: what is cancelled stays so.
    async fn withdraw(
        &self,
        cx: &Context,
        withdrawal: &Withdrawal,
        _attempt: Attempt,
    ) -> Result<WithdrawalAnswer, CallFailure> {
        let warehouse = self.warehouse(&withdrawal.warehouse).await?;
        let ask = async |client: &PartnerClient<'_, S, T>| match warehouse.protocol {
            Protocol::Rest => threepl::rest::withdraw(client, withdrawal).await,
            Protocol::Shipbob { channel } => threepl::shipbob::withdraw(client, channel, withdrawal).await,
        };
        self.through(&warehouse, cx, ask).await
    }

    async fn inquire(&self, cx: &Context, inquiry: &Inquiry) -> Result<Vec<FulfillmentCommand>, CallFailure> {
        let warehouse = self.warehouse(&inquiry.warehouse).await?;
        let ask = async |client: &PartnerClient<'_, S, T>| match warehouse.protocol {
            Protocol::Rest => threepl::rest::inquire(client, inquiry).await,
            Protocol::Shipbob { channel } => threepl::shipbob::inquire(client, channel, inquiry).await,
        };
        self.through(&warehouse, cx, ask).await
    }
}

impl<S: Documents + Secrets, T, C: Clock, G> Partners<S, T, C, G> {
    async fn signing(&self, partner: &Partner, fresh: bool) -> Result<Vec<secrecy::SecretString>, Failure> {
        Ok(PartnerSecret::signing(&self.store.secret(&partner.secret, fresh).await?))
    }
}

impl<S: Documents + Secrets, T, C: Clock, G> Senders for Partners<S, T, C, G> {
    async fn verify(&self, partner: &str, request: &Request, now: Timestamp) -> Result<Verified, Unverified> {
        let partner = match self.find(partner).await.map_err(Unverified::Unchecked)? {
            Located::Partner(partner) => *partner,
            Located::Nobody => return Err(Unverified::UnknownPartner),
            // Our mistake is not the sender's: it is to send again, and not to believe that it has no business here.
            Located::Broken(why) => return Err(Unverified::Unchecked(Failure::transient(Code::PartnerUnknown, why))),
        };
        let scheme = partner.webhook.ok_or(Unverified::UnknownPartner)?;
        let header = |name| request.header(name).unwrap_or_default();
        let signed = Signed {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signatures: header("webhook-signature"),
        };
        let check = |secrets: Vec<secrecy::SecretString>| {
            signature::verify(&secrets, scheme.tolerance_seconds, &signed, &request.body, now)
        };
        let mut checked = check(self.signing(&partner, false).await.map_err(Unverified::Unchecked)?);
        // The secret may have been changed a moment ago, on the sender's side first. (Secrets' own cache keeps a flood
        // of wrong signatures from becoming a flood of reads.)
        if checked.is_err() {
            checked = check(self.signing(&partner, true).await.map_err(Unverified::Unchecked)?);
        }
        match checked {
            Ok(()) => Ok(Verified {
                delivery: signed.id.to_owned(),
                topic: topic(&partner, request),
                partner: partner.id,
                role: partner.role,
            }),
            Err(Unsigned::Refused(why)) => Err(Unverified::BadSignature(why)),
            Err(Unsigned::NoSecret) => {
                let why = format!("the secret {} has no usable signing secret", partner.secret);
                Err(Unverified::Unchecked(Failure::permanent(Code::SecretMissing, why)))
            }
        }
    }
}

/// What a delivery is about, in the sender's words.
fn topic(partner: &Partner, request: &Request) -> String {
    match partner.protocol {
        Protocol::Shipbob { .. } => crate::fields::topic(request.header("x-webhook-topic").unwrap_or("unnamed")),
        Protocol::Rest => {
            let body = crate::fields::json(&request.body).unwrap_or_default();
            crate::fields::topic(body.get("type").and_then(serde_json::Value::as_str).unwrap_or("unnamed"))
        }
    }
}

impl<S: Documents, T, C: Clock, G> OrderReader for Partners<S, T, C, G> {
    async fn read_order(&self, delivery: &Delivery) -> Result<Result<NewOrder, Unmappable>, Failure> {
        let partner = self.partner(&delivery.partner).await?;
        Ok(crm::rest::read_order(&partner, delivery))
    }
}

impl<S: Documents, T, C: Clock, G> ChangeReader for Partners<S, T, C, G> {
    async fn read_change(&self, delivery: &Delivery) -> Result<Result<OrderChange, Unmappable>, Failure> {
        let partner = self.partner(&delivery.partner).await?;
        Ok(match partner.role {
            Role::Crm => crm::rest::read_change(&partner, delivery),
            Role::Erp => erp::rest::read_change(&partner, delivery),
            Role::Warehouse => Err(Unmappable::Unrelated("a warehouse does not change orders")),
        })
    }
}

impl<S: Documents, T, C: Clock, G> ReportReader for Partners<S, T, C, G> {
    async fn read_report(&self, delivery: &Delivery) -> Result<Result<Reported, Unmappable>, Failure> {
        let partner = self.partner(&delivery.partner).await?;
        Ok(match partner.protocol {
            Protocol::Rest => threepl::rest::read_report(&partner, delivery),
            Protocol::Shipbob { .. } => threepl::shipbob::read_report(&partner, delivery),
        })
    }
}

impl<S: Documents, T, C: Clock, G> Sites for Partners<S, T, C, G> {
    async fn sites(&self, _cx: &Context) -> Result<Vec<Site>, Failure> {
        let registry = self.registry().await?;
        Ok(registry.partners().flat_map(|partner| partner.sites.iter().cloned()).collect())
    }
}
