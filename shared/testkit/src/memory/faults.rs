//! Faults between a step and its ports: a kill before or after a call, a lost reply, a throttled store, a lost race, refused
//! entries.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use domain::fulfillment::{FulfillmentRequest, GoodsIssue, GoodsIssued, Inquiry, Withdrawal};
use domain::intake::OrderRefusal;
use domain::order::{
    Allocation, AllocationRequest, CreditQuery, CrmUpdate, Deallocation, InvoiceRequest, Invoiced, LineQuantity,
    PriceQuery, Released, SalesOrder, SalesOrderCancellation, StockQuery,
};
use domain::party::{Party, PartyRef};
use domain::routing::Site;
use domain::{DocumentNumber, FulfillmentCommand, PartnerId};
use engine::batch::{Parked, Queue};
use engine::delivery::{Delivery, StoreOutcome};
use engine::inbound::{ChangeReader, NewOrder, OrderChange, OrderReader, ReportReader, Reported, Sites, Unmappable};
use engine::journal::{Append, CreateOutcome, Freshness, NewStream};
use engine::partner::{
    Attempt, CallFailure, CreditAnswer, Crm, Erp, PriceAnswer, Ready, Recipient, Warehouse, WarehouseAnswer,
    WithdrawalAnswer,
};
use engine::relay::{Bus, Entry, Rejected};
use engine::snapshot::Snapshot;
use engine::stores::{Deliveries, Due, DueItem, DuePage, Parties, Queues, ViewRow, Views, WaitingPartner};
use engine::{Cause, Code, Commit, Context, Failure, Journal};
use jiff::Timestamp;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before the call.
    KillBefore,
    /// The process is killed after the call took effect.
    KillAfter,
    /// The call takes effect and its reply is lost.
    LoseReply,
    /// The script's hook runs just before the call, for a commit by someone else.
    Interleave,
    /// The store has no capacity left and does nothing.
    Throttle,
    /// The process stops before the call while everything else continues.
    Stall {
        /// Milliseconds.
        ms: u32,
    },
    /// Another commit, without events, takes the version that this one was made for.
    Race,
    /// The bus or the queue refuses every second entry.
    Refuse,
}

impl Fault {
    /// The faults that every call can meet.
    pub const ALL: [Self; 4] = [Self::KillBefore, Self::KillAfter, Self::LoseReply, Self::Interleave];

    /// The fault in words, as reports count it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KillBefore => "killed before a call",
            Self::KillAfter => "killed after a call",
            Self::LoseReply => "reply lost",
            Self::Interleave => "interleaved",
            Self::Throttle => "throttled",
            Self::Stall { .. } => "stalled",
            Self::Race => "raced",
            Self::Refuse => "entries refused",
        }
    }

    /// Whether a call of this name can meet the fault. Partners are not throttled: they have faults of their own.
    fn fits(self, call: &str) -> bool {
        match self {
            Self::KillBefore | Self::KillAfter | Self::LoseReply | Self::Interleave | Self::Stall { .. } => true,
            Self::Throttle => !["erp.", "crm.", "warehouse."].iter().any(|partner| call.starts_with(partner)),
            Self::Race => matches!(call, "journal.append" | "journal.take_over"),
            Self::Refuse => matches!(call, "bus.publish" | "queues.send"),
        }
    }
}

/// A fault for the first fitting call from the `at`th on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduledFault {
    /// Calls of all functions count, from 0.
    pub at: u32,
    /// What happens to the call.
    pub fault: Fault,
    /// A function's name and one of its calls, such as `journal.append`; `None` for any call.
    pub aim: Option<(&'static str, &'static str)>,
}

impl ScheduledFault {
    fn fits(&self, function: &str, call: &str) -> bool {
        self.fault.fits(call) && self.aim.is_none_or(|aim| aim == (function, call))
    }
}

/// Decides which calls meet a fault: the nth call of a function, or the calls of a schedule.
#[derive(Clone, Default)]
pub struct Script(Rc<RefCell<Plan>>);

#[derive(Default)]
struct Plan {
    armed: bool,
    calls: Vec<&'static str>,
    single: Option<(usize, Fault)>,
    has_happened: bool,
    schedule: Option<Schedule>,
    hook: Option<Box<dyn FnMut()>>,
    function: String,
    killed: bool,
    stalled_ms: Option<u32>,
}

/// Faults that are still to come, and those that happened.
#[derive(Default)]
struct Schedule {
    left: Vec<ScheduledFault>,
    calls: u32,
    met: Vec<(ScheduledFault, &'static str)>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Script({:?})", self.0.borrow().single)
    }
}

impl Script {
    /// One fault at the `n`th call, counted from 0; `hook` is what [`Fault::Interleave`] runs.
    pub fn fault_at(n: usize, fault: Fault, hook: impl FnMut() + 'static) -> Self {
        let plan = Plan { single: Some((n, fault)), hook: Some(Box::new(hook)), ..Plan::default() };
        Self(Rc::new(RefCell::new(plan)))
    }

    /// Many faults, until [`Script::end`].
    pub fn schedule(mut faults: Vec<ScheduledFault>) -> Self {
        faults.sort_by_key(|fault| fault.at);
        let schedule = Schedule { left: faults, ..Schedule::default() };
        Self(Rc::new(RefCell::new(Plan { schedule: Some(schedule), ..Plan::default() })))
    }

    /// Ends the schedule. Returns which of its faults happened, each with its call.
    pub fn end(&self) -> Vec<(ScheduledFault, &'static str)> {
        self.0.borrow_mut().schedule.take().map(|schedule| schedule.met).unwrap_or_default()
    }

    /// Calls count, and can meet a fault, only while the script is armed: while the function under test runs.
    pub fn arm(&self, armed: bool) {
        self.0.borrow_mut().armed = armed;
    }

    /// Arms the script for the calls of `function`.
    pub fn arm_for(&self, function: &str) {
        let mut plan = self.0.borrow_mut();
        plan.armed = true;
        if plan.function != function {
            function.clone_into(&mut plan.function);
        }
    }

    /// The calls that counted, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.0.borrow().calls.clone()
    }

    /// Whether the single fault has happened.
    pub fn has_happened(&self) -> bool {
        self.0.borrow().has_happened
    }

    /// Whether the process that ran last was killed. Resets the answer.
    pub fn take_killed(&self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().killed)
    }

    /// How long the process that ran last stalls; it continues when it is polled again. Resets the answer.
    pub fn take_stalled(&self) -> Option<Duration> {
        self.0.borrow_mut().stalled_ms.take().map(|ms| Duration::from_millis(ms.into()))
    }

    fn next(&self, name: &'static str) -> Option<Fault> {
        let mut plan = self.0.borrow_mut();
        if !plan.armed {
            return None;
        }
        let plan = &mut *plan;
        if let Some(schedule) = &mut plan.schedule {
            let now = schedule.calls;
            schedule.calls += 1;
            let mut due = schedule.left.iter().take_while(|scheduled| scheduled.at <= now);
            let place = due.position(|scheduled| scheduled.fits(&plan.function, name))?;
            let scheduled = schedule.left.remove(place);
            schedule.met.push((scheduled, name));
            return Some(scheduled.fault);
        }
        let place = plan.calls.len();
        plan.calls.push(name);
        let (_, fault) = plan.single.filter(|(n, _)| *n == place && !plan.has_happened)?;
        plan.has_happened = true;
        Some(fault)
    }

    pub(super) async fn around<T, E>(
        &self,
        name: &'static str,
        lost: impl FnOnce() -> E,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.meet(self.next(name), lost, call).await
    }

    async fn meet<T, E>(
        &self,
        fault: Option<Fault>,
        lost: impl FnOnce() -> E,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match fault {
            // Race and Refuse change the call itself, so the port's own implementation plays them.
            None | Some(Fault::Race | Fault::Refuse) => call.await,
            Some(Fault::KillBefore) => self.kill().await,
            Some(Fault::KillAfter) => {
                drop(call.await);
                self.kill().await
            }
            Some(Fault::LoseReply) => {
                drop(call.await);
                Err(lost())
            }
            Some(Fault::Throttle) => Err(lost()),
            Some(Fault::Stall { ms }) => {
                self.stall(ms).await;
                call.await
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

    async fn kill<T>(&self) -> T {
        self.0.borrow_mut().killed = true;
        std::future::pending().await
    }

    async fn stall(&self, ms: u32) {
        let mut has_stalled = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut has_stalled, true) {
                return Poll::Ready(());
            }
            let mut plan = self.0.borrow_mut();
            plan.stalled_ms = plan.stalled_ms.max(Some(ms));
            Poll::Pending
        })
        .await;
    }
}

/// A port with faults.
#[derive(Debug, Clone)]
pub struct Faulty<P> {
    pub(super) inner: P,
    pub(super) script: Script,
}

impl<P> Faulty<P> {
    /// `inner`, whose calls meet the faults of `script`.
    pub fn new(inner: P, script: &Script) -> Self {
        Self { inner, script: script.clone() }
    }
}

pub(super) fn store_lost() -> Failure {
    Failure::transient(Code::StoreBusy, "the reply was lost")
}

/// A commit of another step that takes the place of `commit`.
fn rival(commit: &Commit) -> Commit {
    let cause = Cause::new("rival", &commit.version.to_string());
    Commit { cause, events: "[]".to_owned(), ..commit.clone() }
}

pub(super) fn call_lost() -> CallFailure {
    CallFailure::Unknown { code: Code::PartnerTimeout, cause: "the reply was lost".into() }
}

impl<P: Journal> Journal for Faulty<P> {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        self.script.around("journal.read", store_lost, self.inner.read(stream)).await
    }
    async fn read_after(&self, stream: &str, version: u64) -> Result<Vec<Commit>, Failure> {
        self.script.around("journal.read", store_lost, self.inner.read_after(stream, version)).await
    }
    async fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> Result<Vec<Commit>, Failure> {
        let read = self.inner.read_newest(stream, after, limit, freshness);
        self.script.around("journal.read", store_lost, read).await
    }
    fn keep(&self, commits: &[Commit]) {
        self.inner.keep(commits);
    }
    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        self.script.around("journal.snapshot", store_lost, self.inner.snapshot(stream)).await
    }
    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.script.around("journal.store_snapshot", store_lost, self.inner.store_snapshot(snapshot)).await
    }
    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        let fault = self.script.next("journal.append");
        if fault == Some(Fault::Race) {
            self.inner.append(&rival(commit)).await?;
        }
        self.script.meet(fault, store_lost, self.inner.append(commit)).await
    }
    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        let fault = self.script.next("journal.append");
        if let (Some(Fault::Race), Some(commit)) = (fault, commits.first()) {
            self.inner.append(&rival(commit)).await?;
        }
        self.script.meet(fault, store_lost, self.inner.append_all(commits)).await
    }
    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        let Some(takeover) = &new_stream.takeover else {
            return self.script.around("journal.create", store_lost, self.inner.create(new_stream)).await;
        };
        let fault = self.script.next("journal.take_over");
        if fault == Some(Fault::Race) {
            self.inner.append(&rival(&takeover.last)).await?;
        }
        self.script.meet(fault, store_lost, self.inner.create(new_stream)).await
    }
}

impl<P: Deliveries> Deliveries for Faulty<P> {
    async fn store(&self, delivery: &Delivery) -> Result<StoreOutcome, Failure> {
        self.script.around("deliveries.store", store_lost, self.inner.store(delivery)).await
    }
    async fn announce_again(&self, key: &str) -> Result<(), Failure> {
        self.script.around("deliveries.announce_again", store_lost, self.inner.announce_again(key)).await
    }
    async fn fetch(&self, partner: &PartnerId, id: &str) -> Result<Option<Delivery>, Failure> {
        self.script.around("deliveries.fetch", store_lost, self.inner.fetch(partner, id)).await
    }
}

impl<P: Parties> Parties for Faulty<P> {
    async fn store(&self, reference: &PartyRef, party: &Party) -> Result<(), Failure> {
        self.script.around("parties.store", store_lost, self.inner.store(reference, party)).await
    }
    async fn fetch(&self, reference: &PartyRef) -> Result<Option<Party>, Failure> {
        self.script.around("parties.fetch", store_lost, self.inner.fetch(reference)).await
    }
}

impl<P: Bus> Bus for Faulty<P> {
    async fn publish(&self, entries: &[Entry]) -> Result<Vec<Rejected>, Failure> {
        let fault = self.script.next("bus.publish");
        if fault == Some(Fault::Refuse) {
            let taken: Vec<Entry> = entries.iter().skip(1).step_by(2).cloned().collect();
            self.inner.publish(&taken).await?;
            return Ok((0..entries.len()).step_by(2).map(|index| Rejected { index, for_good: None }).collect());
        }
        self.script.meet(fault, store_lost, self.inner.publish(entries)).await
    }
}

impl<P: Due> Due for Faulty<P> {
    async fn defer(&self, item: &DueItem) -> Result<(), Failure> {
        self.script.around("due.defer", store_lost, self.inner.defer(item)).await
    }
    async fn ready(
        &self,
        partition: &str,
        now: Timestamp,
        limit: u32,
        after: Option<&str>,
    ) -> Result<DuePage, Failure> {
        self.script.around("due.ready", store_lost, self.inner.ready(partition, now, limit, after)).await
    }
    async fn waiting(&self, parent: &str, limit: u32) -> Result<Vec<DueItem>, Failure> {
        self.script.around("due.waiting", store_lost, self.inner.waiting(parent, limit)).await
    }
    async fn done(&self, item: &DueItem) -> Result<(), Failure> {
        self.script.around("due.done", store_lost, self.inner.done(item)).await
    }
    async fn all_done(&self, items: &[DueItem]) -> Result<(), Failure> {
        self.script.around("due.all_done", store_lost, self.inner.all_done(items)).await
    }
    async fn partners(&self) -> Result<Vec<WaitingPartner>, Failure> {
        self.script.around("due.partners", store_lost, self.inner.partners()).await
    }
    async fn forget(&self, partner: &WaitingPartner) -> Result<(), Failure> {
        self.script.around("due.forget", store_lost, self.inner.forget(partner)).await
    }
}

impl<P: Queue> Queue for Faulty<P> {
    async fn delay(&self, receipt: &str, pause: Duration) -> Result<(), Failure> {
        self.script.around("queue.delay", store_lost, self.inner.delay(receipt, pause)).await
    }
    async fn park(&self, parked: &Parked) -> Result<(), Failure> {
        self.script.around("queue.park", store_lost, self.inner.park(parked)).await
    }
}

impl<P: Queues> Queues for Faulty<P> {
    async fn send(&self, function: &str, bodies: &[String]) -> Result<Vec<usize>, Failure> {
        let fault = self.script.next("queues.send");
        if fault == Some(Fault::Refuse) {
            let taken: Vec<String> = bodies.iter().skip(1).step_by(2).cloned().collect();
            self.inner.send(function, &taken).await?;
            return Ok((0..bodies.len()).step_by(2).collect());
        }
        self.script.meet(fault, store_lost, self.inner.send(function, bodies)).await
    }
}

impl<P: Views> Views for Faulty<P> {
    async fn put(&self, row: &ViewRow) -> Result<bool, Failure> {
        self.script.around("views.put", store_lost, self.inner.put(row)).await
    }
    async fn put_all(&self, rows: &[ViewRow]) -> Result<(), Failure> {
        self.script.around("views.put_all", store_lost, self.inner.put_all(rows)).await
    }
    async fn rows(&self, key: &str, limit: u32) -> Result<Vec<ViewRow>, Failure> {
        self.script.around("views.rows", store_lost, self.inner.rows(key, limit)).await
    }
    async fn get(&self, key: &str, part: &str) -> Result<Option<ViewRow>, Failure> {
        self.script.around("views.get", store_lost, self.inner.get(key, part)).await
    }
    async fn list(&self, list: &str, limit: u32, cursor: Option<&str>) -> Result<engine::stores::Page, Failure> {
        self.script.around("views.list", store_lost, self.inner.list(list, limit, cursor)).await
    }
}

impl<P: OrderReader> OrderReader for Faulty<P> {
    async fn read_order(&self, delivery: &Delivery) -> Result<Result<NewOrder, Unmappable>, Failure> {
        self.script.around("registry.read_order", store_lost, self.inner.read_order(delivery)).await
    }
}

impl<P: ChangeReader> ChangeReader for Faulty<P> {
    async fn read_change(&self, delivery: &Delivery) -> Result<Result<OrderChange, Unmappable>, Failure> {
        self.script.around("registry.read_change", store_lost, self.inner.read_change(delivery)).await
    }
}

impl<P: ReportReader> ReportReader for Faulty<P> {
    async fn read_report(&self, delivery: &Delivery) -> Result<Result<Reported, Unmappable>, Failure> {
        self.script.around("registry.read_report", store_lost, self.inner.read_report(delivery)).await
    }
}

impl<P: Sites> Sites for Faulty<P> {
    async fn sites(&self, cx: &Context) -> Result<Vec<Site>, Failure> {
        self.script.around("registry.sites", store_lost, self.inner.sites(cx)).await
    }
}

impl<P: Erp> Erp for Faulty<P> {
    async fn price(&self, cx: &Context, query: &PriceQuery) -> Result<PriceAnswer, CallFailure> {
        self.script.around("erp.price", call_lost, self.inner.price(cx, query)).await
    }
    async fn credit(&self, cx: &Context, query: &CreditQuery) -> Result<CreditAnswer, CallFailure> {
        self.script.around("erp.credit", call_lost, self.inner.credit(cx, query)).await
    }
    async fn allocate(
        &self,
        cx: &Context,
        request: &AllocationRequest,
        attempt: Attempt,
    ) -> Result<Allocation, CallFailure> {
        self.script.around("erp.allocate", call_lost, self.inner.allocate(cx, request, attempt)).await
    }
    async fn stock(&self, cx: &Context, query: &StockQuery) -> Result<Vec<LineQuantity>, CallFailure> {
        self.script.around("erp.stock", call_lost, self.inner.stock(cx, query)).await
    }
    async fn deallocate(&self, cx: &Context, request: &Deallocation, attempt: Attempt) -> Result<(), CallFailure> {
        let call = self.inner.deallocate(cx, request, attempt);
        self.script.around("erp.deallocate", call_lost, call).await
    }
    async fn create_sales_order(
        &self,
        cx: &Context,
        order: &SalesOrder,
        attempt: Attempt,
    ) -> Result<Released, CallFailure> {
        self.script.around("erp.create_sales_order", call_lost, self.inner.create_sales_order(cx, order, attempt)).await
    }
    async fn cancel_sales_order(
        &self,
        cx: &Context,
        request: &SalesOrderCancellation,
        attempt: Attempt,
    ) -> Result<Option<DocumentNumber>, CallFailure> {
        let call = self.inner.cancel_sales_order(cx, request, attempt);
        self.script.around("erp.cancel_sales_order", call_lost, call).await
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

impl<P: Crm> Crm for Faulty<P> {
    async fn update(&self, cx: &Context, update: &CrmUpdate, version: u64) -> Result<(), CallFailure> {
        self.script.around("crm.update", call_lost, self.inner.update(cx, update, version)).await
    }
    async fn refuse(&self, cx: &Context, refusal: &OrderRefusal, version: u64) -> Result<(), CallFailure> {
        self.script.around("crm.refuse", call_lost, self.inner.refuse(cx, refusal, version)).await
    }
}

impl<P: Ready> Ready for Faulty<P> {
    async fn ready(&self, cx: &Context, to: Recipient<'_>) -> Result<(), Failure> {
        self.script.around("partner.ready", store_lost, self.inner.ready(cx, to)).await
    }
}

impl<P: Warehouse> Warehouse for Faulty<P> {
    async fn request(
        &self,
        cx: &Context,
        request: &FulfillmentRequest,
        party: &Party,
        attempt: Attempt,
    ) -> Result<WarehouseAnswer, CallFailure> {
        self.script.around("warehouse.request", call_lost, self.inner.request(cx, request, party, attempt)).await
    }
    async fn withdraw(
        &self,
        cx: &Context,
        withdrawal: &Withdrawal,
        attempt: Attempt,
    ) -> Result<WithdrawalAnswer, CallFailure> {
        self.script.around("warehouse.withdraw", call_lost, self.inner.withdraw(cx, withdrawal, attempt)).await
    }
    async fn inquire(&self, cx: &Context, inquiry: &Inquiry) -> Result<Vec<FulfillmentCommand>, CallFailure> {
        self.script.around("warehouse.inquire", call_lost, self.inner.inquire(cx, inquiry)).await
    }
}
