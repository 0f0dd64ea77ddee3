//! The deployment: every function of the repository between stores in memory and simulated partners, under one clock.

mod clock;
mod dispatch;
mod invocation;
mod partners;
mod reading;
mod requests;
mod sources;
mod transport;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use ::partners::Partners;
use domain::OrderId;
use engine::batch::Parked;
use engine::delivery::Delivery;
use engine::{Commit, Context, Epoch};
use jiff::Timestamp;
use serde_json::Value;
use simulators::outbox::RetryPolicy;
use simulators::{Settings, SimulatedPartners};
use testkit::memory::{
    JournalBackup, MemoryBus, MemoryDeliveries, MemoryDue, MemoryJournal, MemoryParties, MemoryPartnerHealth,
    MemoryQueue, MemoryQueues, MemoryViews, Script,
};

use crate::mutants::{Mistaken, Mutant};
use crate::wiring::Rules;
pub use clock::DeploymentClock;
pub use invocation::DeliveryFault;
use invocation::{Message, Running};
pub use requests::{CLIENT, order_request};
use transport::{LocalRegistry, MemoryTransport, local_documents};

/// When a stream delivers again what was not accepted, and the schedule runs again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A run with more deliveries is an endless loop.
const MOST_DELIVERIES: usize = 3_000;
/// How long a message stays invisible after a delivery without an answer: the template's ratio to the timeout.
const VISIBILITY: Duration = Duration::from_secs(18);
/// A function's timeout and two seconds, as `cloud` sets it.
const LEASE: Duration = Duration::from_secs(5);

/// How often each step ended in each way: by step and outcome.
pub type Outcomes = Rc<RefCell<BTreeMap<(&'static str, &'static str), u32>>>;

/// The partners' adapters, over memory.
pub type LocalPartners = Partners<LocalRegistry, MemoryTransport, DeploymentClock, MemoryPartnerHealth>;

thread_local! {
    // Read once a thread: the simulation builds thousands of deployments.
    static RULES: Rc<Rules> = Rc::new(Rules::read());
    static DOCUMENTS: Rc<Vec<String>> = Rc::new(local_documents());
}

/// A deployment.
pub struct Deployment {
    /// Its clock.
    pub clock: DeploymentClock,
    /// The journal.
    pub journal: MemoryJournal,
    /// Raw deliveries.
    pub deliveries: MemoryDeliveries,
    /// Personal data.
    pub parties: MemoryParties,
    /// Deferred work.
    pub due: MemoryDue,
    /// The journal's epoch.
    pub epoch: Epoch,
    /// Partner health.
    pub partner_health: MemoryPartnerHealth,
    /// Read models.
    pub views: MemoryViews,
    /// The adapters that the functions call.
    pub adapters: LocalPartners,
    /// The simulated partners that the adapters reach.
    pub partners: Rc<RefCell<SimulatedPartners>>,
    /// The function whose calls the script fails (`*` for every function), and the script.
    pub faults: Option<(&'static str, Script)>,
    /// How often every message is put into its queue.
    pub copies: u32,
    /// Functions whose every message is delivered twice.
    pub delivered_twice: BTreeSet<String>,
    /// The fault of the nth message into any queue, counted from 1.
    pub delivery_faults: BTreeMap<u64, DeliveryFault>,
    /// By how many milliseconds the clocks of functions' processes are wrong.
    pub skews: BTreeMap<String, i64>,
    /// What must never happen and did: an endless loop, a commit that no release can read.
    pub wrong: Vec<String>,
    /// The deliveries of the message that was delivered most often.
    pub most_deliveries: u32,
    /// Every message that the bus sent to a queue: function and body.
    pub published: Vec<(String, String)>,
    /// The functions whose messages were lost for ever.
    pub discarded: Vec<String>,
    /// How often each step ended in each way.
    pub outcomes: Outcomes,
    /// The orders that the API could not take: their client sends them again.
    pub untaken: Vec<Value>,
    /// One line per invocation, for a failing test to print.
    pub history: Vec<String>,
    bus: MemoryBus,
    rules: Rc<Rules>,
    running: Vec<Running>,
    /// What the tables' streams still hold for each of their readers, and until when each reader pauses.
    journal_stream: Vec<Commit>,
    views_stream: Vec<Commit>,
    deliveries_stream: Vec<Delivery>,
    waits: BTreeMap<&'static str, Timestamp>,
    queues: BTreeMap<String, Vec<Message>>,
    dead: BTreeMap<String, MemoryQueue>,
    /// What was parked and redriven.
    redriven: Vec<Parked>,
    /// What `due-fire` and `due-wake` sent.
    fired: MemoryQueues,
    /// Until when instances of a function wait for a partner. Their work is done at once; only the instance stays busy.
    busy: BTreeMap<String, Vec<Timestamp>>,
    call_time: Rc<Cell<Duration>>,
    start: Timestamp,
    sequence: u64,
    rng: fastrand::Rng,
    mutant: Option<Mutant>,
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Deployment({})", self.history.join("\n"))
    }
}

impl Deployment {
    /// A fresh deployment with fresh partners, on a Monday morning in New York. Equal seeds make equal random choices.
    pub fn new(seed: u64) -> Self {
        Self::with_mistake(seed, None)
    }

    /// The same, with a deliberate mistake.
    pub fn with_mistake(seed: u64, mutant: Option<Mutant>) -> Self {
        let start: Timestamp = "2026-11-23T14:00:00Z".parse().unwrap_or_default();
        let clock = DeploymentClock::starting_at(start);
        let settings = Settings {
            run: String::new(),
            pace_ms: 1_000,
            retry_policy: RetryPolicy { attempts: 10, first_wait_ms: 500 },
            ..Settings::default()
        };
        let partners = Rc::new(RefCell::new(SimulatedPartners::new(&settings)));
        let registry = LocalRegistry { documents: DOCUMENTS.with(Rc::clone) };
        let call_time = Rc::default();
        let transport = MemoryTransport {
            partners: partners.clone(),
            clock: clock.clone(),
            call_time: Rc::clone(&call_time),
            mutant,
        };
        let (due, partner_health) = (MemoryDue::default(), MemoryPartnerHealth::default());
        let parties = MemoryParties::default();
        Self {
            adapters: Partners::new(registry, transport, clock.clone(), partner_health.clone()),
            epoch: Epoch::FIRST,
            partner_health,
            journal: MemoryJournal::new(due.clone(), parties.clone()),
            deliveries: MemoryDeliveries::default(),
            parties,
            due,
            views: MemoryViews::default(),
            partners,
            clock,
            faults: None,
            copies: 1,
            delivered_twice: BTreeSet::new(),
            delivery_faults: BTreeMap::new(),
            skews: BTreeMap::new(),
            wrong: Vec::new(),
            most_deliveries: 0,
            discarded: vec![],
            published: Vec::new(),
            outcomes: Outcomes::default(),
            untaken: Vec::new(),
            history: Vec::new(),
            bus: MemoryBus::default(),
            rules: RULES.with(Rc::clone),
            running: Vec::new(),
            journal_stream: Vec::new(),
            views_stream: Vec::new(),
            deliveries_stream: Vec::new(),
            waits: BTreeMap::new(),
            queues: BTreeMap::new(),
            dead: BTreeMap::new(),
            redriven: Vec::new(),
            fired: MemoryQueues::default(),
            busy: BTreeMap::new(),
            call_time,
            start,
            sequence: 0,
            rng: fastrand::Rng::with_seed(seed),
            mutant,
        }
    }

    /// Works until nothing is left to do before `horizon` has passed. Returns the number of deliveries.
    pub fn run(&mut self, horizon: Duration) -> usize {
        let end = self.clock.after(horizon);
        let mut delivered = 0;
        while delivered < MOST_DELIVERIES {
            self.relay();
            self.receive_webhooks();
            self.fire();
            self.resume();
            if let Some((function, records)) = self.next_batch() {
                delivered += records.len();
                self.start(&function, records);
                continue;
            }
            if self.streams_moved() {
                continue;
            }
            match self.next_moment() {
                Some(moment) if moment <= end => self.clock.advance_to(moment),
                Some(_) | None => return delivered,
            }
        }
        self.wrong.push(format!("an endless loop: {MOST_DELIVERIES} deliveries in one run"));
        delivered
    }

    /// Lets time pass without working.
    pub fn wait(&self, time: Duration) {
        self.clock.advance_to(self.clock.now().checked_add(time).unwrap_or(Timestamp::MAX));
    }

    /// Puts every parked message back into its queue. Returns how many there were.
    pub fn redrive(&mut self) -> usize {
        let parked: Vec<Parked> = self.dead.values().flat_map(MemoryQueue::take_parked).collect();
        self.redriven.extend(parked.iter().cloned());
        for message in &parked {
            self.enqueue(message.function, &message.body);
        }
        parked.len()
    }

    /// Restores the journal to `backup`, as the runbook says: nothing is in flight, and a new epoch begins.
    pub fn restore(&mut self, backup: &JournalBackup) {
        self.journal.restore(backup);
        self.epoch = Epoch { number: self.epoch.number + 1, began: self.clock.now() };
        self.queues.clear();
        self.running.clear();
        self.journal_stream.clear();
        self.views_stream.clear();
        self.deliveries_stream.clear();
    }

    /// Announces everything again that was ever announced.
    pub fn replay(&mut self) {
        for (function, body) in self.published.clone() {
            self.enqueue(&function, &body);
        }
    }

    /// A context as the runner of `function` would make it.
    pub fn context(&self, function: &'static str) -> Context {
        Context {
            function,
            correlation: "test".to_owned(),
            traceparent: None,
            now: self.clock_of(function).now(),
            event_time: self.clock.now(),
            lease: LEASE,
            epoch: self.epoch,
            actor: None,
            folds: Default::default(),
            measures: Default::default(),
        }
    }

    /// Decorates a port with the mistake of this deployment.
    fn mistaken<P>(&self, port: P) -> Mistaken<P> {
        Mistaken::new(port, self.mutant)
    }

    /// The next time at which something happens by itself.
    fn next_moment(&self) -> Option<Timestamp> {
        let queued = self.queues.values().flatten().map(|message| message.visible_at);
        let due = self.fires_next();
        let resumed = self.running.iter().map(|running| running.resumes_at);
        let waits = self.waits.values().copied();
        let freed = self.busy.values().flatten().copied();
        let all = queued.chain(due).chain(resumed).chain(waits).chain(freed).chain(self.partners.borrow().next_due());
        all.filter(|at| *at > self.clock.now()).min()
    }

    /// The clock of a function's processes.
    fn clock_of(&self, function: &str) -> DeploymentClock {
        self.clock.skewed(self.skews.get(function).copied().unwrap_or(0))
    }

    fn script_for(&self, function: &str) -> Script {
        match &self.faults {
            Some((faults_met, script)) if *faults_met == function || *faults_met == "*" => script.clone(),
            Some(_) | None => Script::default(),
        }
    }
}

/// Our id of the CRM's order.
pub fn order_id(external: &str) -> OrderId {
    let (Ok(source), Ok(external)) = ("acme-crm".parse(), external.parse()) else {
        panic!("{external} cannot be an order's id")
    };
    OrderId::derive(&source, &external)
}
