//! Sweeps over very much due work: bounded in time and in calls at once, and fair to the partners that can be called.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use domain::PartnerId;
use engine::context::SKEW;
use engine::partner_health::{CallOutcome, Limits, PartnerHealth, PartnerHealthStore as _, Permit};
use engine::stores::{Due, DueItem, DuePage, Queues, WaitingPartner};
use engine::{Clock, Context, Failure};
use futures::executor::block_on;
use jiff::Timestamp;
use testkit::memory::{MemoryDue, MemoryPartnerHealth};

/// A call lasts so long.
const CALL: Duration = Duration::from_millis(20);

/// A clock that passes as calls end: calls at once pass it once.
#[derive(Clone, Default)]
struct Time {
    now: Rc<Cell<Timestamp>>,
    running: Rc<Cell<usize>>,
    most: Rc<Cell<usize>>,
    calls: Rc<Cell<usize>>,
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}

impl Time {
    async fn call(&self) {
        self.running.set(self.running.get() + 1);
        self.most.set(self.most.get().max(self.running.get()));
        self.calls.set(self.calls.get() + 1);
        let mut waited = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let share = CALL / u32::try_from(self.running.get()).unwrap();
        self.now.set(self.now.get() + share);
        self.running.set(self.running.get() - 1);
    }
}

/// Stores whose calls last.
#[derive(Clone, Default)]
struct Stores {
    due: MemoryDue,
    time: Time,
    /// Function and body of each message, in order, with the time at which it was sent.
    sent: Rc<RefCell<Vec<(String, String, Timestamp)>>>,
}

impl Due for Stores {
    async fn defer(&self, item: &DueItem) -> Result<(), Failure> {
        self.due.defer(item).await
    }
    async fn ready(
        &self,
        partition: &str,
        now: Timestamp,
        limit: u32,
        after: Option<&str>,
    ) -> Result<DuePage, Failure> {
        self.time.call().await;
        self.due.ready(partition, now, limit, after).await
    }
    async fn waiting(&self, parent: &str, limit: u32) -> Result<Vec<DueItem>, Failure> {
        self.due.waiting(parent, limit).await
    }
    async fn done(&self, item: &DueItem) -> Result<(), Failure> {
        self.time.call().await;
        self.due.done(item).await
    }
    async fn all_done(&self, items: &[DueItem]) -> Result<(), Failure> {
        self.time.call().await;
        self.due.all_done(items).await
    }
    async fn partners(&self) -> Result<Vec<WaitingPartner>, Failure> {
        self.time.call().await;
        self.due.partners().await
    }
    async fn forget(&self, partner: &WaitingPartner) -> Result<(), Failure> {
        self.time.call().await;
        self.due.forget(partner).await
    }
}

impl Queues for Stores {
    async fn send(&self, function: &str, bodies: &[String]) -> Result<Vec<usize>, Failure> {
        assert!(bodies.len() <= 10, "one call");
        self.time.call().await;
        let sent = bodies.iter().map(|body| (function.to_owned(), body.clone(), self.time.now()));
        self.sent.borrow_mut().extend(sent);
        Ok(vec![])
    }
}

fn start() -> Timestamp {
    "2026-11-23T14:00:00Z".parse().unwrap()
}

fn partner(name: &str) -> PartnerId {
    name.parse().unwrap()
}

fn item(n: usize, function: &str, of: Option<&str>) -> DueItem {
    DueItem {
        // The dead partner's work is older than the others'.
        due: start() - Duration::from_secs(if of == Some("eastco") { 3_600 } else { 60 }),
        id: format!("{n:06}-{function}"),
        function: function.to_owned(),
        body: format!("{} {n}", of.unwrap_or("none")),
        why: "circuit".to_owned(),
        partner: of.map(partner),
        parent: None,
    }
}

/// A deployment's due work and its partners' health.
struct Sweeps {
    stores: Stores,
    health: MemoryPartnerHealth,
}

impl Sweeps {
    fn new() -> Self {
        let stores = Stores::default();
        stores.time.now.set(start());
        Self { stores, health: MemoryPartnerHealth::default() }
    }

    fn defer(&self, count: usize, function: &str, of: Option<&str>) {
        for n in 0..count {
            block_on(self.stores.due.defer(&item(n, function, of))).unwrap();
        }
    }

    /// Opens the circuit of `eastco`; it admits a probe ten seconds after [`start`].
    fn open_circuit(&self) {
        let limits = Limits { slow: Duration::from_secs(5), in_flight: 2, rate: None };
        let mut health = PartnerHealth::default();
        for second in [1, 3, 5] {
            let at = start() + Duration::from_secs(second);
            health = health.after(&limits, &Permit::default(), CallOutcome::Failed, at).unwrap();
        }
        assert_eq!(health.open_until(), Some(start() + Duration::from_secs(10)));
        assert!(block_on(self.health.swap(&partner("eastco"), 0, &health)).unwrap());
    }

    /// One sweep. Returns how long it took.
    fn sweep(&self, tick: u32) -> Duration {
        let ports = due_fire::Ports {
            due: self.stores.clone(),
            queues: self.stores.clone(),
            partner_health: self.health.clone(),
            clock: self.stores.time.clone(),
        };
        let began = self.stores.time.now();
        let cx = Context {
            function: "due-fire",
            correlation: String::new(),
            traceparent: None,
            now: began,
            event_time: began,
            lease: Duration::from_secs(10) + SKEW,
            epoch: engine::Epoch::FIRST,
            actor: None,
            folds: Default::default(),
            measures: Default::default(),
        };
        block_on(due_fire::handle(&ports, tick, &cx)).unwrap();
        Duration::try_from(self.stores.time.now().duration_since(began)).unwrap()
    }

    fn sent(&self, of: &str) -> usize {
        self.stores.sent.borrow().iter().filter(|(_, body, _)| body.starts_with(of)).count()
    }

    /// When the last message of `of` was sent, after [`start`].
    fn last(&self, of: &str) -> Duration {
        let sent = self.stores.sent.borrow();
        let last = sent.iter().filter(|(_, body, _)| body.starts_with(of)).map(|(_, _, at)| *at).max().unwrap();
        Duration::try_from(last.duration_since(start())).unwrap()
    }
}

#[test]
fn f15_a_dead_partners_hundred_thousand_items_delay_no_others() {
    let times = [0, 100_000].map(|dead| {
        let sweeps = Sweeps::new();
        sweeps.defer(dead, "fulfillment-request", Some("eastco"));
        sweeps.defer(200, "fulfillment-request", Some("shipwest"));
        sweeps.defer(500, "order-price", None);
        sweeps.open_circuit();
        sweeps.sweep(due_fire::LAST_TICK);
        assert_eq!((sweeps.sent("shipwest"), sweeps.sent("none"), sweeps.sent("eastco")), (200, 500, 0));
        assert!(sweeps.stores.time.most.get() <= 28, "{} calls at once", sweeps.stores.time.most.get());
        sweeps.last("shipwest").max(sweeps.last("none"))
    });
    println!("f15: the last of the others after {:?}; beside 100,000 dead items after {:?}", times[0], times[1]);
    assert!(times[1] <= times[0] + Duration::from_secs(5), "{times:?}");
}

#[test]
fn f15_an_open_circuit_gets_one_probe_and_a_recovered_partner_what_it_takes() {
    let sweeps = Sweeps::new();
    sweeps.defer(1_000, "fulfillment-request", Some("eastco"));
    sweeps.defer(5, "fulfillment-withdraw", Some("eastco"));
    sweeps.open_circuit();
    sweeps.stores.time.now.set(start() + Duration::from_secs(10));
    sweeps.sweep(due_fire::LAST_TICK);
    assert_eq!(sweeps.sent("eastco"), 1, "the probe");
    assert_eq!(sweeps.stores.sent.borrow()[0].0, "fulfillment-withdraw", "what is taken back goes first");
    assert!(block_on(answers_again(&sweeps)));
    sweeps.sweep(due_fire::LAST_TICK);
    assert_eq!(sweeps.sent("eastco"), 201, "two hundred at a time");
    let withdrawals = sweeps.stores.sent.borrow().iter().filter(|(to, _, _)| to == "fulfillment-withdraw").count();
    assert_eq!(withdrawals, 5);
}

async fn answers_again(sweeps: &Sweeps) -> bool {
    let (_, version) = sweeps.health.read(&partner("eastco")).await.unwrap();
    sweeps.health.swap(&partner("eastco"), version, &PartnerHealth::default()).await.unwrap()
}

#[test]
fn f15_a_sweep_is_bounded_in_time_and_calls_and_the_next_tick_comes_first() {
    let sweeps = Sweeps::new();
    sweeps.defer(100_000, "order-price", None);
    for partner in 0..300 {
        sweeps.defer(3, "fulfillment-request", Some(&format!("partner-{partner}")));
    }
    let took = sweeps.sweep(2);
    assert_eq!(sweeps.stores.sent.borrow()[0].0, "due-fire", "a sweep that is killed has asked for the next one");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(sweeps.stores.time.most.get() <= 28, "{} calls at once", sweeps.stores.time.most.get());
    assert_eq!(sweeps.sent("partner-"), 900, "the shards' work does not hold up the partners'");
    let (sent, calls) = (sweeps.sent("none"), sweeps.stores.time.calls.get());
    assert!(sent > 5_000 && sent < 100_000, "{sent}");
    println!("f15: one sweep sent {sent} items in {took:?} by {calls} calls");
    assert_eq!(sweeps.stores.due.all().len(), 100_000 - sent, "what was sent is deleted, and the rest waits");
}

#[test]
fn f15_no_partner_is_left_out_for_ever() {
    let sweeps = Sweeps::new();
    for n in 0..50 {
        sweeps.defer(1, "fulfillment-request", Some(&format!("partner-{n}")));
    }
    sweeps.sweep(due_fire::LAST_TICK);
    assert_eq!(sweeps.stores.due.all().len(), 0);
}
