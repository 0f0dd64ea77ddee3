//! The deployment.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use domain::{Fulfillment, Order, OrderCommand, OrderId};
use engine::batch::{Parked, Record, Step};
use engine::http::Request;
use engine::journal::execute;
use engine::partner::{Documents, Secrets};
use engine::{Clock, Code, Context, Failure, Journal, Stream, Work};
use futures::FutureExt;
use jiff::Timestamp;
use partners::Partners;
use partners::transport::{Call, Method, Reply, Transport, TransportFailure};
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::memory::{
    Chaos, MemoryBus, MemoryDeliveries, MemoryDue, MemoryGates, MemoryJournal, MemoryParties, MemoryQueue,
    MemoryQueues, MemoryViews, Script,
};
use testkit::partners::exchange::{Method as SimulatedMethod, Outcome, Request as SimulatedRequest};
use testkit::partners::outbox::Patience;
use testkit::partners::{Settings, World};

use crate::wiring::Rules;

/// How long a message stays invisible after a delivery that was not answered: the template's relation to the timeout.
const VISIBILITY: Duration = Duration::from_secs(18);
/// A function's timeout and two seconds, as `cloud` gives it.
const LEASE: Duration = Duration::from_secs(5);
/// After so many deliveries a message is parked by us.
const ATTEMPTS: u32 = 5;
/// How many instances of one step there are at most: the template's default.
const INSTANCES: usize = 10;

/// The house's clock.
#[derive(Debug, Clone)]
pub struct HouseClock(Rc<Cell<Timestamp>>);

impl Clock for HouseClock {
    fn now(&self) -> Timestamp {
        self.0.get()
    }
}

impl HouseClock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        self.0.get()
    }

    fn advance_to(&self, to: Timestamp) {
        if to > self.0.get() {
            self.0.set(to);
        }
    }
}

/// A message in a queue.
#[derive(Debug, Clone)]
struct Message {
    id: u64,
    body: String,
    visible_at: Timestamp,
    deliveries: u32,
}

/// Where documents and secrets come from: the files of the local partners, and the simulators' own secrets.
#[derive(Debug, Clone)]
pub struct LocalRegistry {
    documents: Rc<Vec<String>>,
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
        let token = testkit::partners::sign::local_token(id);
        let signing = testkit::partners::sign::local_secret(id);
        Ok(json!({ "token": token, "signing": [signing] }).to_string().into())
    }
}

/// Carries calls to the simulators' cores.
#[derive(Debug, Clone)]
pub struct MemoryTransport {
    town: Rc<RefCell<World>>,
    clock: HouseClock,
    /// How long the slowest call since the last look took.
    took: Rc<Cell<Duration>>,
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
        let mut town = self.town.borrow_mut();
        let Some(partner) = town.partner_mut(&prefix) else {
            return Err(TransportFailure::NotSent("no such partner".to_owned()));
        };
        let outcome = partner.call(&request, now);
        let (Outcome::Answer { after_ms, .. } | Outcome::Silence { after_ms }) = &outcome;
        let took = Duration::from_millis(*after_ms).min(call.timeout);
        self.took.set(self.took.get().max(took));
        match outcome {
            Outcome::Answer { after_ms, .. } if Duration::from_millis(after_ms) > call.timeout => {
                Err(TransportFailure::TimedOut)
            }
            Outcome::Answer { reply, .. } => {
                Ok(Reply { status: reply.status, headers: reply.headers.into_iter().collect(), body: reply.body })
            }
            Outcome::Silence { .. } => Err(TransportFailure::TimedOut),
        }
    }
}

/// The partners' adapters, over memory.
pub type LocalPartners = Partners<LocalRegistry, MemoryTransport, HouseClock, MemoryGates>;

/// A deployment.
pub struct House {
    /// Its clock.
    pub clock: HouseClock,
    /// Its stores.
    pub journal: MemoryJournal,
    /// Raw deliveries.
    pub deliveries: MemoryDeliveries,
    /// Personal data.
    pub parties: MemoryParties,
    /// Deferred work.
    pub due: MemoryDue,
    /// Partners' gates.
    pub gates: MemoryGates,
    /// The bus.
    pub bus: MemoryBus,
    /// Read models.
    pub views: MemoryViews,
    /// The adapters.
    pub partners: LocalPartners,
    /// The simulators.
    pub town: Rc<RefCell<World>>,
    /// The function that `script` strikes (`*` for every one), and the script.
    pub chaos: Option<(&'static str, Script)>,
    /// Every message is put into its queue so many times.
    pub copies: u32,
    /// Whether one message in four comes once more.
    pub may_double: bool,
    /// How often the message was delivered that was delivered most often.
    pub most_deliveries: u32,
    /// Until when instances of a function wait for a partner. What they do is done at once; they are free only then.
    busy: BTreeMap<String, Vec<Timestamp>>,
    took: Rc<Cell<Duration>>,
    rules: Rc<Rules>,
    queues: BTreeMap<String, Vec<Message>>,
    dead: BTreeMap<String, MemoryQueue>,
    fired: MemoryQueues,
    sequence: u64,
    dice: fastrand::Rng,
    /// Every message that the bus sent to a queue: function and body.
    pub published: Vec<(String, String)>,
    /// What was delivered, for a failing test to print.
    pub history: Vec<String>,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "House({})", self.history.join("\n"))
    }
}

impl House {
    /// A fresh deployment with fresh partners; a Monday morning in New York. Equal seeds choose alike.
    pub fn new(seed: u64) -> Self {
        let start: Timestamp = "2026-11-23T14:00:00Z".parse().unwrap_or_default();
        let clock = HouseClock(Rc::new(Cell::new(start)));
        let settings = Settings {
            run: String::new(),
            pace_ms: 1_000,
            patience: Patience { attempts: 10, first_wait_ms: 500 },
            ..Settings::default()
        };
        let town = Rc::new(RefCell::new(World::new(&settings)));
        let registry = LocalRegistry { documents: DOCUMENTS.with(Rc::clone) };
        let took = Rc::default();
        let transport = MemoryTransport { town: town.clone(), clock: clock.clone(), took: Rc::clone(&took) };
        let (due, gates) = (MemoryDue::default(), MemoryGates::default());
        Self {
            partners: Partners::new(registry, transport, clock.clone(), gates.clone()),
            gates,
            journal: MemoryJournal::new(due.clone()),
            deliveries: MemoryDeliveries::default(),
            parties: MemoryParties::default(),
            due,
            bus: MemoryBus::default(),
            views: MemoryViews::default(),
            town,
            clock,
            chaos: None,
            copies: 1,
            may_double: false,
            most_deliveries: 0,
            busy: BTreeMap::new(),
            took,
            rules: RULES.with(Rc::clone),
            queues: BTreeMap::new(),
            dead: BTreeMap::new(),
            fired: MemoryQueues::default(),
            sequence: 0,
            dice: fastrand::Rng::with_seed(seed),
            published: Vec::new(),
            history: Vec::new(),
        }
    }

    /// The CRM makes an order and sends its webhook.
    pub fn order(&self, order: Value) {
        let now = self.clock.now();
        let mut town = self.town.borrow_mut();
        let Some(partner) = town.partner_mut("crm") else { return };
        let testkit::partners::System::Crm(crm) = &mut partner.system else { return };
        if let Ok((effect, webhook)) = crm.create(order, now) {
            partner.note(effect, now);
            partner.say(webhook, now);
        }
    }

    /// Works until nothing is left to be done before `horizon` has passed. Returns the number of deliveries.
    pub fn run(&mut self, horizon: Duration) -> usize {
        let end = self.clock.now().checked_add(horizon).unwrap_or(Timestamp::MAX);
        let mut delivered = 0;
        loop {
            self.relay();
            self.receive_webhooks();
            self.fire();
            if let Some((function, records)) = self.next_batch() {
                delivered += records.len();
                self.work(&function, records);
                continue;
            }
            if self.tapes_moved() {
                continue;
            }
            match self.next_moment() {
                Some(moment) if moment <= end => self.clock.advance_to(moment),
                Some(_) | None => return delivered,
            }
        }
    }

    /// Lets time pass without working.
    pub fn wait(&self, time: Duration) {
        self.clock.advance_to(self.clock.now().checked_add(time).unwrap_or(Timestamp::MAX));
    }

    /// An order, folded.
    pub fn fold(&self, id: &OrderId) -> Order {
        let cx = self.context("test");
        let loaded = Stream::<Order>::load(&self.journal, id, &cx).now_or_never();
        loaded.and_then(Result::ok).map(|stream| stream.state).unwrap_or_default()
    }

    /// A fulfilment, folded.
    pub fn fold_share(&self, id: &domain::FulfillmentId) -> Fulfillment {
        let cx = self.context("test");
        let loaded = Stream::<Fulfillment>::load(&self.journal, id, &cx).now_or_never();
        loaded.and_then(Result::ok).map(|stream| stream.state).unwrap_or_default()
    }

    /// Every order.
    pub fn orders(&self) -> Vec<OrderId> {
        let streams = self.journal.streams();
        streams.iter().filter_map(|name| name.strip_prefix("order/")?.parse().ok()).collect()
    }

    /// Everything in dead-letter queues.
    pub fn parked(&self) -> Vec<Parked> {
        self.dead.values().flat_map(MemoryQueue::parked).collect()
    }

    /// Puts everything that is parked back into its queue.
    pub fn redrive(&mut self) -> usize {
        let parked: Vec<Parked> = self.dead.values().flat_map(MemoryQueue::take_parked).collect();
        for message in &parked {
            self.enqueue(message.function, &message.body);
        }
        parked.len()
    }

    /// Puts a message into a function's queue.
    pub fn enqueue(&mut self, function: &str, body: &str) {
        let copies = if self.may_double && self.dice.u8(0..4) == 0 { self.copies + 1 } else { self.copies };
        for _ in 0..copies {
            self.sequence += 1;
            let message =
                Message { id: self.sequence, body: body.to_owned(), visible_at: self.clock.now(), deliveries: 0 };
            self.queues.entry(function.to_owned()).or_default().push(message);
        }
    }

    /// How many messages are in queues.
    pub fn queued(&self) -> usize {
        self.queues.values().map(Vec::len).sum()
    }

    /// How many things of `kind` a partner made, by our reference.
    pub fn made(&self, partner: &str, kind: &str) -> BTreeMap<String, usize> {
        let town = self.town.borrow();
        let mut counts = BTreeMap::new();
        for done in town.partner(partner).map(|partner| partner.ledger.effects.as_slice()).unwrap_or_default() {
            if done.effect.kind == kind {
                *counts.entry(done.effect.reference.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// A context as the runner of `function` would make it.
    pub fn context(&self, function: &'static str) -> Context {
        Context {
            function,
            correlation: "test".to_owned(),
            traceparent: None,
            now: self.clock.now(),
            event_time: self.clock.now(),
            lease: LEASE,
            epoch: "e1".to_owned(),
        }
    }

    /// Something that cancels `order`, from outside of any step.
    pub fn canceller(&self, order: &OrderId) -> impl FnMut() + 'static {
        let (journal, order, cx) = (self.journal.clone(), order.clone(), self.context("test-cancel"));
        move || {
            let request = domain::order::CancelRequested { reason: "changed their mind".to_owned() };
            let cancelled = execute::<Order>(&journal, &order, &cx, "cancel", OrderCommand::Cancel(request));
            assert!(matches!(cancelled.now_or_never(), Some(Ok(_))), "the cancel was not committed");
        }
    }

    fn tapes_moved(&mut self) -> bool {
        let before = self.sequence;
        self.relay();
        self.sequence != before
    }

    /// The two relays and the projector, on what the tables' streams carry.
    fn relay(&mut self) {
        let commits = self.journal.take_tape();
        if !commits.is_empty() {
            let ports = journal_relay::Ports { bus: self.bus.clone(), source: "/crossdock/test".to_owned() };
            let relayed = journal_relay::handle(&ports, &commits).now_or_never();
            assert!(matches!(&relayed, Some(Ok(r)) if r.again_from.is_none() && r.poison.is_empty()), "{relayed:?}");
            let ports = view_project::Ports { journal: self.journal.clone(), views: self.views.clone() };
            let failed = view_project::handle(&ports, &commits, &self.context("view-project")).now_or_never();
            assert_eq!(failed, Some(vec![]));
        }
        let deliveries = self.deliveries.take_tape();
        if !deliveries.is_empty() {
            let ports = delivery_relay::Ports { bus: self.bus.clone(), source: "/crossdock/test".to_owned() };
            assert_eq!(delivery_relay::handle(&ports, &deliveries).now_or_never(), Some(Ok(None)));
        }
        for entry in self.bus.take() {
            let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
            let body = json!({ "version": "0", "source": "crossdock", "detail-type": entry.kind, "detail": detail });
            let functions: Vec<String> = self.rules.targets(&body).into_iter().map(str::to_owned).collect();
            for function in functions {
                self.published.push((function.clone(), body.to_string()));
                self.enqueue(&function, &body.to_string());
            }
        }
    }

    /// What partners have to say, through the intake.
    fn receive_webhooks(&mut self) {
        let now = self.clock.now();
        let sendings = self.town.borrow_mut().tick(now);
        for (partner, sending) in sendings {
            let request = Request {
                method: "POST".to_owned(),
                path: format!("/v1/webhooks/{partner}"),
                variables: BTreeMap::from([("partner".to_owned(), partner.to_owned())]),
                headers: sending.headers.clone(),
                body: sending.body.clone(),
                ..Request::default()
            };
            let status = self.webhook(request);
            let mut town = self.town.borrow_mut();
            if let Some(partner) = town.partner_mut(partner) {
                let answer = status.ok_or_else(|| "connection closed".to_owned());
                partner.outbox.answered(sending.message, sending.attempt, answer, now);
            }
        }
    }

    /// One request to the intake; `None` where the process died over it.
    pub fn webhook(&mut self, request: Request) -> Option<u16> {
        let script = self.script_for("webhook-receive");
        let ports = webhook_receive::Ports {
            deliveries: Chaos::new(self.deliveries.clone(), &script),
            registry: self.partners.clone(),
        };
        let cx = self.context("webhook-receive");
        script.arm(true);
        let answer = webhook_receive::handle(&ports, request, &cx).now_or_never();
        script.arm(false);
        Some(answer?.map_or(503, |response| response.status))
    }

    /// The schedule: each minute in production, whenever something is due here.
    fn fire(&mut self) {
        let ports = due_fire::Ports { due: self.due.clone(), queues: self.fired.clone() };
        let fired = due_fire::handle(&ports, &self.context("due-fire")).now_or_never();
        assert!(matches!(fired, Some(Ok(_))), "{fired:?}");
        for (function, body) in self.fired.take() {
            self.enqueue(&function, &body);
        }
    }

    /// Some queue's visible messages: which queue and how many is by chance.
    fn next_batch(&mut self) -> Option<(String, Vec<Message>)> {
        let now = self.clock.now();
        let ready: Vec<String> = self
            .queues
            .iter()
            .filter(|(_, messages)| messages.iter().any(|message| message.visible_at <= now))
            .filter(|(function, _)| self.waiting(function, now) < INSTANCES)
            .map(|(function, _)| function.clone())
            .collect();
        let function = ready.get(self.dice.usize(0..ready.len().max(1)))?.clone();
        let most = self.dice.usize(1..=10);
        let messages = self.queues.get_mut(&function)?;
        let mut batch = Vec::new();
        for message in messages.iter_mut().filter(|message| message.visible_at <= now).take(most) {
            message.deliveries += 1;
            self.most_deliveries = self.most_deliveries.max(message.deliveries);
            message.visible_at = now.checked_add(VISIBILITY).unwrap_or(Timestamp::MAX);
            batch.push(message.clone());
        }
        Some((function, batch))
    }

    /// How many instances of a function wait for a partner.
    fn waiting(&self, function: &str, now: Timestamp) -> usize {
        self.busy.get(function).map_or(0, |busy| busy.iter().filter(|until| **until > now).count())
    }

    /// When something happens next by itself.
    fn next_moment(&self) -> Option<Timestamp> {
        let queued = self.queues.values().flatten().map(|message| message.visible_at);
        let due = self.due.waiting().into_iter().map(|item| item.due);
        let freed = self.busy.values().flatten().copied();
        queued.chain(due).chain(freed).chain(self.town.borrow().next_due()).filter(|at| *at > self.clock.now()).min()
    }

    fn script_for(&self, function: &str) -> Script {
        match &self.chaos {
            Some((struck, script)) if *struck == function || *struck == "*" => script.clone(),
            Some(_) | None => Script::default(),
        }
    }

    /// One invocation: the function's own `handle` on every record, settled by the engine, killed where the script says so.
    fn work(&mut self, function: &str, batch: Vec<Message>) {
        let records: Vec<Record> = batch
            .iter()
            .map(|message| Record {
                id: message.id.to_string(),
                receipt: message.id.to_string(),
                body: message.body.clone(),
                receive_count: message.deliveries,
                first_received: self.clock.now(),
            })
            .collect();
        let script = self.script_for(function);
        let dead = self.dead.entry(function.to_owned()).or_default().clone();
        let failed = self.invoke(function, &records, &script);
        let (now, took) = (self.clock.now(), self.took.take());
        let busy = self.busy.entry(function.to_owned()).or_default();
        busy.retain(|until| *until > now);
        if took > Duration::ZERO {
            busy.push(now.checked_add(took).unwrap_or(Timestamp::MAX));
        }
        self.history.push(format!("{} {function} × {} → {failed:?}", self.clock.now(), records.len()));
        let Some(failed) = failed else { return }; // Killed: the queue shows the messages again in time.
        let now = self.clock.now();
        if let Some(messages) = self.queues.get_mut(function) {
            messages.retain(|message| {
                let id = message.id.to_string();
                !records.iter().any(|record| record.id == id) || failed.contains(&id)
            });
            for message in messages.iter_mut() {
                if let Some(pause) = dead.take_delay(&message.id.to_string()) {
                    message.visible_at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
                }
            }
        }
    }

    /// The table of functions. `None` where the script killed the process.
    fn invoke(&mut self, function: &str, records: &[Record], script: &Script) -> Option<Vec<String>> {
        let journal = Chaos::new(self.journal.clone(), script);
        let deliveries = Chaos::new(self.deliveries.clone(), script);
        let parties = Chaos::new(self.parties.clone(), script);
        let partner = Chaos::new(self.partners.clone(), script);
        match function {
            "order-submit" => {
                let ports = order_submit::Ports { journal, deliveries, parties, registry: partner };
                self.batch("order-submit", records, script, async |w, cx| order_submit::handle(&ports, w, &cx).await)
            }
            "order-price" => {
                let ports = order_price::Ports { journal, erp: partner };
                self.batch("order-price", records, script, async |w, cx| order_price::handle(&ports, w, &cx).await)
            }
            "credit-check" => {
                let ports = credit_check::Ports { journal, erp: partner };
                self.batch("credit-check", records, script, async |w, cx| credit_check::handle(&ports, w, &cx).await)
            }
            "stock-allocate" => {
                let ports = stock_allocate::Ports { journal, erp: partner };
                self.batch("stock-allocate", records, script, async |w, cx| {
                    stock_allocate::handle(&ports, w, &cx).await
                })
            }
            "order-release" => {
                let ports = order_release::Ports { journal, erp: partner };
                self.batch("order-release", records, script, async |w, cx| order_release::handle(&ports, w, &cx).await)
            }
            "order-route" => {
                let ports = order_route::Ports { journal, registry: partner };
                self.batch("order-route", records, script, async |w, cx| order_route::handle(&ports, w, &cx).await)
            }
            "fulfillment-request" => {
                let ports = fulfillment_request::Ports { journal, parties, warehouse: partner };
                self.batch("fulfillment-request", records, script, async |w, cx| {
                    fulfillment_request::handle(&ports, w, &cx).await
                })
            }
            "milestone-record" => {
                let ports = milestone_record::Ports { journal, deliveries, registry: partner };
                self.batch("milestone-record", records, script, async |w, cx| {
                    milestone_record::handle(&ports, w, &cx).await
                })
            }
            "shipment-post" => {
                let ports = shipment_post::Ports { journal, erp: partner };
                self.batch("shipment-post", records, script, async |w, cx| shipment_post::handle(&ports, w, &cx).await)
            }
            "order-track" => {
                let ports = order_track::Ports { journal };
                self.batch("order-track", records, script, async |w, cx| order_track::handle(&ports, w, &cx).await)
            }
            "crm-tell" => {
                let ports = crm_tell::Ports { journal, crm: partner };
                self.batch("crm-tell", records, script, async |w, cx| crm_tell::handle(&ports, w, &cx).await)
            }
            "invoice-record" => {
                let ports = invoice_record::Ports { journal, erp: partner };
                self.batch("invoice-record", records, script, async |w, cx| {
                    invoice_record::handle(&ports, w, &cx).await
                })
            }
            "deadline-raise" => {
                let ports = deadline_raise::Ports { journal };
                self.batch("deadline-raise", records, script, async |w, cx| {
                    deadline_raise::handle(&ports, w, &cx).await
                })
            }
            other => unreachable!("no function is called {other}"),
        }
    }

    fn batch<W: Work>(
        &self,
        function: &'static str,
        records: &[Record],
        script: &Script,
        handle: impl AsyncFn(W, Context) -> Result<engine::Outcome, Failure>,
    ) -> Option<Vec<String>> {
        let step = Step { function, attempts: ATTEMPTS, lease: LEASE, epoch: "e1".to_owned() };
        let queue = self.dead.get(function).cloned().unwrap_or_default();
        let clock = self.clock.clone();
        let handle = |work: W, cx: Context| handle(work, cx);
        script.arm(true);
        let failed =
            engine::batch::run(&step, records, || clock.now(), || 500, &queue, &self.due, handle).now_or_never();
        script.arm(false);
        failed
    }
}

thread_local! {
    // Read once a thread: simulations build thousands of houses.
    static RULES: Rc<Rules> = Rc::new(Rules::read());
    static DOCUMENTS: Rc<Vec<String>> = Rc::new(local_documents());
}

/// The local partners' documents, as they stand in the repository.
fn local_documents() -> Vec<String> {
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

/// Reads with a journal that cannot fail, for assertions.
pub fn commits(journal: &MemoryJournal, stream: &str) -> Vec<engine::Commit> {
    journal.read(stream).now_or_never().and_then(Result::ok).unwrap_or_default()
}
