//! Faults between a step and its ports: killed before or after a call, or the call's reply lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::PartnerId;
use domain::fulfillment::{FulfillmentRequest, GoodsIssue, GoodsIssued};
use domain::order::{
    Allocation, AllocationRequest, CreditQuestion, InvoiceRequest, Invoiced, PriceQuestion, Released, SalesOrder,
    Telling,
};
use domain::party::{Party, PartyRef};
use domain::routing::Site;
use engine::delivery::{Delivery, Kept};
use engine::inbound::{NewOrder, OrderReader, ReportReader, Reported, Sites, Unmappable};
use engine::journal::{Append, Found, Founding};
use engine::partner::{
    Addressee, Attempt, CallFailure, CreditAnswer, Crm, Erp, PriceAnswer, Ready, Warehouse, WarehouseAnswer,
};
use engine::relay::{Bus, Entry};
use engine::stores::{Deliveries, Parties, ViewRow, Views};
use engine::{Code, Commit, Context, Failure, Journal};

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the call.
    KillBefore,
    /// The process dies after the call took effect.
    KillAfter,
    /// The call takes effect and its reply is lost.
    LoseReply,
    /// Something else commits just before the call: the hook that the script was given runs.
    Interleave,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 4] = [Self::KillBefore, Self::KillAfter, Self::LoseReply, Self::Interleave];
}

/// Counts the calls of one function, and strikes at one of them.
#[derive(Clone, Default)]
pub struct Script(Rc<RefCell<Plan>>);

#[derive(Default)]
struct Plan {
    armed: bool,
    calls: Vec<&'static str>,
    strike: Option<(usize, Fault)>,
    struck: bool,
    storm: Option<Storm>,
    hook: Option<Box<dyn FnMut()>>,
}

/// Faults by chance, until it is over.
struct Storm {
    dice: fastrand::Rng,
    per_mille: u32,
    struck: BTreeMap<&'static str, usize>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Script({:?})", self.0.borrow().strike)
    }
}

impl Script {
    /// Strikes the `n`th call, counted from 0, with `fault`; `hook` is what [`Fault::Interleave`] runs.
    pub fn strike(n: usize, fault: Fault, hook: impl FnMut() + 'static) -> Self {
        let plan = Plan { strike: Some((n, fault)), hook: Some(Box::new(hook)), ..Plan::default() };
        Self(Rc::new(RefCell::new(plan)))
    }

    /// Strikes any call with a chance of `per_mille` in a thousand. Equal seeds strike alike.
    pub fn storm(seed: u64, per_mille: u32) -> Self {
        let storm = Storm { dice: fastrand::Rng::with_seed(seed), per_mille, struck: BTreeMap::new() };
        Self(Rc::new(RefCell::new(Plan { storm: Some(storm), ..Plan::default() })))
    }

    /// Ends the storm. Returns how often each fault struck.
    pub fn calm(&self) -> BTreeMap<&'static str, usize> {
        self.0.borrow_mut().storm.take().map(|storm| storm.struck).unwrap_or_default()
    }

    /// Calls count (and may be struck) only while it is armed: while the function under test runs.
    pub fn arm(&self, armed: bool) {
        self.0.borrow_mut().armed = armed;
    }

    /// What was called, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.0.borrow().calls.clone()
    }

    /// Whether it has struck.
    pub fn has_struck(&self) -> bool {
        self.0.borrow().struck
    }

    fn next(&self, name: &'static str) -> Option<Fault> {
        let mut plan = self.0.borrow_mut();
        if !plan.armed {
            return None;
        }
        if let Some(storm) = &mut plan.storm {
            if storm.dice.u32(0..1_000) >= storm.per_mille {
                return None;
            }
            let (name, fault) = [
                ("killed before a call", Fault::KillBefore),
                ("killed after a call", Fault::KillAfter),
                ("reply lost", Fault::LoseReply),
            ][storm.dice.usize(0..3)];
            *storm.struck.entry(name).or_default() += 1;
            return Some(fault);
        }
        let place = plan.calls.len();
        plan.calls.push(name);
        let (_, fault) = plan.strike.filter(|(n, _)| *n == place && !plan.struck)?;
        plan.struck = true;
        Some(fault)
    }

    async fn around<T, E>(
        &self,
        name: &'static str,
        lost: impl FnOnce() -> E,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.next(name) {
            None => call.await,
            Some(Fault::KillBefore) => std::future::pending().await,
            Some(Fault::KillAfter) => {
                drop(call.await);
                std::future::pending().await
            }
            Some(Fault::LoseReply) => {
                drop(call.await);
                Err(lost())
            }
            Some(Fault::Interleave) => {
                let hook = self.0.borrow_mut().hook.take();
                if let Some(mut hook) = hook {
                    hook();
                }
                call.await
            }
        }
    }
}

/// A port with faults.
#[derive(Debug, Clone)]
pub struct Chaos<P> {
    inner: P,
    script: Script,
}

impl<P> Chaos<P> {
    /// `inner`, struck by `script`.
    pub fn new(inner: P, script: &Script) -> Self {
        Self { inner, script: script.clone() }
    }
}

fn store_lost() -> Failure {
    Failure::transient(Code::StoreBusy, "the reply was lost")
}

fn call_lost() -> CallFailure {
    CallFailure::Unknown { code: Code::PartnerTimeout, cause: "the reply was lost".into() }
}

impl<P: Journal> Journal for Chaos<P> {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        self.script.around("journal.read", store_lost, self.inner.read(stream)).await
    }
    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        self.script.around("journal.append", store_lost, self.inner.append(commit)).await
    }
    async fn found(&self, founding: &Founding) -> Result<Found, Failure> {
        self.script.around("journal.found", store_lost, self.inner.found(founding)).await
    }
}

impl<P: Deliveries> Deliveries for Chaos<P> {
    async fn keep(&self, delivery: &Delivery) -> Result<Kept, Failure> {
        self.script.around("deliveries.keep", store_lost, self.inner.keep(delivery)).await
    }
    async fn fetch(&self, partner: &PartnerId, id: &str) -> Result<Option<Delivery>, Failure> {
        self.script.around("deliveries.fetch", store_lost, self.inner.fetch(partner, id)).await
    }
}

impl<P: Parties> Parties for Chaos<P> {
    async fn keep(&self, reference: &PartyRef, party: &Party) -> Result<(), Failure> {
        self.script.around("parties.keep", store_lost, self.inner.keep(reference, party)).await
    }
    async fn fetch(&self, reference: &PartyRef) -> Result<Option<Party>, Failure> {
        self.script.around("parties.fetch", store_lost, self.inner.fetch(reference)).await
    }
}

impl<P: Bus> Bus for Chaos<P> {
    async fn publish(&self, entries: &[Entry]) -> Result<Vec<usize>, Failure> {
        self.script.around("bus.publish", store_lost, self.inner.publish(entries)).await
    }
}

impl<P: Views> Views for Chaos<P> {
    async fn put(&self, row: &ViewRow) -> Result<bool, Failure> {
        self.script.around("views.put", store_lost, self.inner.put(row)).await
    }
    async fn get(&self, key: &str, part: &str) -> Result<Option<ViewRow>, Failure> {
        self.script.around("views.get", store_lost, self.inner.get(key, part)).await
    }
    async fn list(&self, list: &str, limit: u32, cursor: Option<&str>) -> Result<engine::stores::Page, Failure> {
        self.script.around("views.list", store_lost, self.inner.list(list, limit, cursor)).await
    }
}

impl<P: OrderReader> OrderReader for Chaos<P> {
    async fn read_order(&self, delivery: &Delivery) -> Result<Result<NewOrder, Unmappable>, Failure> {
        self.script.around("registry.read_order", store_lost, self.inner.read_order(delivery)).await
    }
}

impl<P: ReportReader> ReportReader for Chaos<P> {
    async fn read_report(&self, delivery: &Delivery) -> Result<Result<Reported, Unmappable>, Failure> {
        self.script.around("registry.read_report", store_lost, self.inner.read_report(delivery)).await
    }
}

impl<P: Sites> Sites for Chaos<P> {
    async fn sites(&self, cx: &Context) -> Result<Vec<Site>, Failure> {
        self.script.around("registry.sites", store_lost, self.inner.sites(cx)).await
    }
}

impl<P: Erp> Erp for Chaos<P> {
    async fn price(&self, cx: &Context, question: &PriceQuestion) -> Result<PriceAnswer, CallFailure> {
        self.script.around("erp.price", call_lost, self.inner.price(cx, question)).await
    }
    async fn credit(&self, cx: &Context, question: &CreditQuestion) -> Result<CreditAnswer, CallFailure> {
        self.script.around("erp.credit", call_lost, self.inner.credit(cx, question)).await
    }
    async fn allocate(
        &self,
        cx: &Context,
        request: &AllocationRequest,
        attempt: Attempt,
    ) -> Result<Allocation, CallFailure> {
        self.script.around("erp.allocate", call_lost, self.inner.allocate(cx, request, attempt)).await
    }
    async fn create_sales_order(
        &self,
        cx: &Context,
        order: &SalesOrder,
        attempt: Attempt,
    ) -> Result<Released, CallFailure> {
        self.script.around("erp.create_sales_order", call_lost, self.inner.create_sales_order(cx, order, attempt)).await
    }
    async fn post_goods_issue(
        &self,
        cx: &Context,
        issue: &GoodsIssue,
        attempt: Attempt,
    ) -> Result<GoodsIssued, CallFailure> {
        self.script.around("erp.post_goods_issue", call_lost, self.inner.post_goods_issue(cx, issue, attempt)).await
    }
    async fn invoice(&self, cx: &Context, request: &InvoiceRequest, attempt: Attempt) -> Result<Invoiced, CallFailure> {
        self.script.around("erp.invoice", call_lost, self.inner.invoice(cx, request, attempt)).await
    }
}

impl<P: Crm> Crm for Chaos<P> {
    async fn tell(&self, cx: &Context, telling: &Telling, version: u64) -> Result<(), CallFailure> {
        self.script.around("crm.tell", call_lost, self.inner.tell(cx, telling, version)).await
    }
}

impl<P: Ready> Ready for Chaos<P> {
    async fn ready(&self, cx: &Context, to: Addressee<'_>) -> Result<(), Failure> {
        self.script.around("partner.ready", store_lost, self.inner.ready(cx, to)).await
    }
}

impl<P: Warehouse> Warehouse for Chaos<P> {
    async fn request(
        &self,
        cx: &Context,
        request: &FulfillmentRequest,
        party: &Party,
        attempt: Attempt,
    ) -> Result<WarehouseAnswer, CallFailure> {
        self.script.around("warehouse.request", call_lost, self.inner.request(cx, request, party, attempt)).await
    }
}
