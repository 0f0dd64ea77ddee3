//! The deployment.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use domain::order::{Amendment, CancelRequested, Held, HoldReleased};
use domain::review::{Choice, Decision, ReviewKind};
use domain::{Fulfillment, Order, OrderCommand, OrderId};
use engine::batch::{Parked, Record, Step};
use engine::context::SKEW;
use engine::delivery::Delivery;
use engine::http::Request;
use engine::journal::execute;
use engine::partner::{Documents, Secrets};
use engine::{Clock, Code, Commit, Context, Failure, Journal, Outcome, Stream, Work};
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use partners::Partners;
use partners::transport::{Call, Method, Reply, Transport, TransportFailure};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::exchange::{Method as SimulatedMethod, Outcome as CallOutcome, Request as SimulatedRequest};
use simulators::outbox::RetryPolicy;
use simulators::{Settings, SimulatedPartners, System};
use testkit::memory::{
    Chaos, MemoryBus, MemoryDeliveries, MemoryDue, MemoryJournal, MemoryParties, MemoryPartnerHealth, MemoryQueue,
    MemoryQueues, MemoryViews, Script,
};

use crate::mutants::{Mistaken, Mutant};
use crate::wiring::Rules;

/// A function's timeout: whoever stands still for longer is killed.
const TIMEOUT: Duration = Duration::from_secs(3);
/// When a stream delivers again what was not taken, and a schedule tries again.
const AGAIN: Duration = Duration::from_secs(1);
/// More deliveries in one run are no work any more, they are a circle.
const CIRCLE: usize = 3_000;
/// How long a message stays invisible after a delivery that was not answered: the template's relation to the timeout.
const VISIBILITY: Duration = Duration::from_secs(18);
/// A function's timeout and two seconds, as `cloud` gives it.
const LEASE: Duration = Duration::from_secs(5);
/// After so many deliveries a message is parked by us.
const ATTEMPTS: u32 = 5;
/// Who orders by our own API.
pub const CLIENT: &str = "portal";
/// How many instances of one step there are at most: the template's default.
const INSTANCES: usize = 10;

/// The house's clock, as one process reads it.
#[derive(Debug, Clone)]
pub struct DeploymentClock {
    time: Rc<Cell<Timestamp>>,
    skew: SignedDuration,
}

impl Clock for DeploymentClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

impl DeploymentClock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        self.time.get().checked_add(self.skew).unwrap_or(Timestamp::MAX)
    }

    fn advance_to(&self, to: Timestamp) {
        if to > self.time.get() {
            self.time.set(to);
        }
    }

    fn after(&self, pause: Duration) -> Timestamp {
        self.time.get().checked_add(pause).unwrap_or(Timestamp::MAX)
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

/// What the way into a queue does to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hiccup {
    /// It comes twice.
    Double,
    /// It comes late.
    Late {
        /// By how many milliseconds.
        ms: u32,
    },
    /// It comes before all that wait there.
    Overtakes,
    /// Its first delivery is lost: it is seen again when its visibility timeout has passed.
    Lost,
}

/// An invocation that is under way.
struct Running {
    function: String,
    records: Vec<Record>,
    work: Invocation,
    script: Script,
    goes_on: Timestamp,
    ends: Timestamp,
}

/// One invocation: ends with the ids of the records that have to come again.
type Invocation = Pin<Box<dyn Future<Output = Vec<String>>>>;

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
        let token = simulators::sign::local_token(id);
        let signing = simulators::sign::local_secret(id);
        Ok(json!({ "token": token, "signing": [signing] }).to_string().into())
    }
}

/// Carries calls to the simulators' cores.
#[derive(Debug, Clone)]
pub struct MemoryTransport {
    town: Rc<RefCell<SimulatedPartners>>,
    clock: DeploymentClock,
    /// How long the slowest call since the last look took.
    took: Rc<Cell<Duration>>,
    mutant: Option<Mutant>,
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
        let mut town = self.town.borrow_mut();
        let Some(partner) = town.partner_mut(&prefix) else {
            return Err(TransportFailure::NotSent("no such partner".to_owned()));
        };
        let outcome = partner.call(&request, now);
        let (CallOutcome::Answer { after_ms, .. } | CallOutcome::Silence { after_ms }) = &outcome;
        let took = Duration::from_millis(*after_ms).min(call.timeout);
        self.took.set(self.took.get().max(took));
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

/// The partners' adapters, over memory.
pub type LocalPartners = Partners<LocalRegistry, MemoryTransport, DeploymentClock, MemoryPartnerHealth>;

/// A deployment.
pub struct Deployment {
    /// Its clock.
    pub clock: DeploymentClock,
    /// Its stores.
    pub journal: MemoryJournal,
    /// Raw deliveries.
    pub deliveries: MemoryDeliveries,
    /// Personal data.
    pub parties: MemoryParties,
    /// Deferred work.
    pub due: MemoryDue,
    /// Partners' gates.
    pub partner_health: MemoryPartnerHealth,
    /// The bus.
    pub bus: MemoryBus,
    /// Read models.
    pub views: MemoryViews,
    /// The adapters.
    pub partners: LocalPartners,
    /// The simulators.
    pub town: Rc<RefCell<SimulatedPartners>>,
    /// The function that `script` strikes (`*` for every one), and the script.
    pub chaos: Option<(&'static str, Script)>,
    /// Every message is put into its queue so many times.
    pub copies: u32,
    /// Functions whose every message comes twice.
    pub twice: BTreeSet<String>,
    /// What happens to the nth message on its way into its queue, counted from 1.
    pub hiccups: BTreeMap<u64, Hiccup>,
    /// By how many milliseconds the clocks of functions' processes are wrong.
    pub skews: BTreeMap<String, i64>,
    /// What cannot be and was seen: a circle, a record that nobody can read.
    pub wrong: Vec<String>,
    /// What was parked and sent back.
    parkings: Vec<Parked>,
    start: Timestamp,
    /// How often the message was delivered that was delivered most often.
    pub most_deliveries: u32,
    /// Until when instances of a function wait for a partner. What they do is done at once; they are free only then.
    busy: BTreeMap<String, Vec<Timestamp>>,
    took: Rc<Cell<Duration>>,
    rules: Rc<Rules>,
    running: Vec<Running>,
    /// What the tables' streams still hold for each of their readers, and until when each of these waits.
    journal_tape: Vec<Commit>,
    views_tape: Vec<Commit>,
    deliveries_tape: Vec<Delivery>,
    waits: BTreeMap<&'static str, Timestamp>,
    queues: BTreeMap<String, Vec<Message>>,
    dead: BTreeMap<String, MemoryQueue>,
    fired: MemoryQueues,
    sequence: u64,
    rng: fastrand::Rng,
    /// The mistake that this deployment makes.
    mutant: Option<Mutant>,
    /// Every message that the bus sent to a queue: function and body.
    pub published: Vec<(String, String)>,
    /// What was delivered, for a failing test to print.
    pub history: Vec<String>,
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "House({})", self.history.join("\n"))
    }
}

impl Deployment {
    /// A fresh deployment with fresh partners; a Monday morning in New York. Equal seeds choose alike.
    pub fn new(seed: u64) -> Self {
        Self::with_mistake(seed, None)
    }

    /// The same, with a deliberate mistake.
    pub fn with_mistake(seed: u64, mutant: Option<Mutant>) -> Self {
        let start: Timestamp = "2026-11-23T14:00:00Z".parse().unwrap_or_default();
        let clock = DeploymentClock { time: Rc::new(Cell::new(start)), skew: SignedDuration::ZERO };
        let settings = Settings {
            run: String::new(),
            pace_ms: 1_000,
            retry_policy: RetryPolicy { attempts: 10, first_wait_ms: 500 },
            ..Settings::default()
        };
        let town = Rc::new(RefCell::new(SimulatedPartners::new(&settings)));
        let registry = LocalRegistry { documents: DOCUMENTS.with(Rc::clone) };
        let took = Rc::default();
        let transport = MemoryTransport { town: town.clone(), clock: clock.clone(), took: Rc::clone(&took), mutant };
        let (due, partner_health) = (MemoryDue::default(), MemoryPartnerHealth::default());
        Self {
            partners: Partners::new(registry, transport, clock.clone(), partner_health.clone()),
            partner_health,
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
            twice: BTreeSet::new(),
            hiccups: BTreeMap::new(),
            skews: BTreeMap::new(),
            wrong: Vec::new(),
            parkings: Vec::new(),
            start,
            most_deliveries: 0,
            busy: BTreeMap::new(),
            took,
            rules: RULES.with(Rc::clone),
            running: Vec::new(),
            journal_tape: Vec::new(),
            views_tape: Vec::new(),
            deliveries_tape: Vec::new(),
            waits: BTreeMap::new(),
            queues: BTreeMap::new(),
            dead: BTreeMap::new(),
            fired: MemoryQueues::default(),
            sequence: 0,
            rng: fastrand::Rng::with_seed(seed),
            mutant,
            published: Vec::new(),
            history: Vec::new(),
        }
    }

    /// The CRM makes an order and sends its webhook.
    pub fn order(&self, order: Value) {
        let now = self.clock.now();
        let mut town = self.town.borrow_mut();
        let Some(partner) = town.partner_mut("crm") else { return };
        let System::Crm(crm) = &mut partner.system else { return };
        if let Ok((effect, webhook)) = crm.create(order, now) {
            partner.record_effect(effect, now);
            partner.send(webhook, now);
        }
    }

    /// The CRM says something of an order that it sent before.
    pub fn change(&self, topic: &str, data: Value) {
        let now = self.clock.now();
        let mut town = self.town.borrow_mut();
        let Some(partner) = town.partner_mut("crm") else { return };
        let System::Crm(crm) = &mut partner.system else { return };
        if let Ok(webhook) = crm.message(topic, data, now) {
            partner.send(webhook, now);
        }
    }

    /// A client orders by our own API.
    pub fn order_by_api(&mut self, order: &Value) {
        let request = engine::http::Request {
            method: "POST".to_owned(),
            path: "/v1/orders".to_owned(),
            headers: BTreeMap::from([("idempotency-key".to_owned(), format!("key-{}", order["id"]))]),
            body: order.to_string().into_bytes(),
            client: CLIENT.to_owned(),
            scopes: vec!["orders:write".to_owned()],
            ..engine::http::Request::default()
        };
        let read = partners::read_order_body;
        let ports = order_create::Ports { journal: self.journal.clone(), parties: self.parties.clone(), read };
        let answered = order_create::handle(&ports, request, &self.context("order-create")).now_or_never();
        match answered {
            Some(Ok(response)) if matches!(response.status, 202 | 409) => {}
            other => self.wrong.push(format!("an order by the API was not taken: {other:?}")),
        }
    }

    /// Sets what the ERP has of an SKU, in eaches: in the east, and in the west.
    pub fn stock(&self, sku: &str, [east, west]: [u32; 2]) {
        let mut town = self.town.borrow_mut();
        let Some(System::Erp(erp)) = town.partner_mut("acme-erp").map(|it| &mut it.system) else { return };
        erp.set_stock(sku, "EAST", east.into());
        erp.set_stock(sku, "WEST", west.into());
    }

    /// Works until nothing is left to be done before `horizon` has passed. Returns the number of deliveries.
    pub fn run(&mut self, horizon: Duration) -> usize {
        let end = self.clock.after(horizon);
        let mut delivered = 0;
        while delivered < CIRCLE {
            self.relay();
            self.receive_webhooks();
            self.fire();
            self.go_on();
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
        self.wrong.push(format!("it goes round in a circle: {CIRCLE} deliveries in one run"));
        delivered
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

    /// A fulfillment, folded.
    pub fn fold_fulfillment(&self, id: &domain::FulfillmentId) -> Fulfillment {
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
        self.parkings.extend(parked.iter().cloned());
        for message in &parked {
            self.enqueue(message.function, &message.body);
        }
        parked.len()
    }

    /// Puts a message into a function's queue.
    pub fn enqueue(&mut self, function: &str, body: &str) {
        let copies = if self.twice.contains(function) { 2 * self.copies } else { self.copies };
        for _ in 0..copies {
            self.sequence += 1;
            let (id, body, now) = (self.sequence, body.to_owned(), self.clock.now());
            let mut message = Message { id, body, visible_at: now, deliveries: 0 };
            let queue = self.queues.entry(function.to_owned()).or_default();
            match self.hiccups.get(&id) {
                Some(Hiccup::Overtakes) => queue.insert(0, message),
                Some(Hiccup::Double) => {
                    self.sequence += 1;
                    queue.extend([Message { id: self.sequence, ..message.clone() }, message]);
                }
                Some(Hiccup::Late { ms }) => {
                    message.visible_at = self.clock.after(Duration::from_millis(u64::from(*ms)));
                    queue.push(message);
                }
                Some(Hiccup::Lost) => {
                    message.visible_at = self.clock.after(VISIBILITY);
                    message.deliveries = 1;
                    queue.push(message);
                }
                None => queue.push(message),
            }
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

    /// All that a partner has, as JSON.
    pub fn state(&self, partner: &str) -> Value {
        self.town.borrow().partner(partner).map(|partner| partner.system.state()).unwrap_or_default()
    }

    /// All commits of all streams, in short.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for commit in self.journal.streams().iter().flat_map(|stream| self.journal.commits(stream)) {
            text += &format!("{} {} {} {} {}\n", commit.stream, commit.version, commit.cause, commit.at, commit.events);
        }
        domain::ids::base32(&domain::ids::fingerprint(&[&text]), 16)
    }

    /// Whether `at` is a time of this run, as one of its clocks may have told it.
    pub fn was(&self, at: Timestamp) -> bool {
        let off = SignedDuration::from_secs(2);
        at >= self.start.saturating_sub(off).unwrap_or(Timestamp::MIN) && at <= self.clock.after(off.unsigned_abs())
    }

    /// How often each kind of hiccup met a message.
    pub fn hiccuped(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for (_, hiccup) in self.hiccups.range(..=self.sequence) {
            let kind = match hiccup {
                Hiccup::Double => "doubled",
                Hiccup::Late { .. } => "late",
                Hiccup::Overtakes => "overtakes",
                Hiccup::Lost => "lost",
            };
            *counts.entry(kind).or_default() += 1;
        }
        counts
    }

    /// Every text that leaves the stores for personal data and raw deliveries: where it stands, and what it says.
    pub fn written(&self) -> Vec<(String, String)> {
        let mut written = Vec::new();
        for commit in self.journal.streams().iter().flat_map(|stream| self.journal.commits(stream)) {
            written.push((format!("{} version {}", commit.stream, commit.version), format!("{commit:?}")));
        }
        written
            .extend(self.published.iter().map(|(function, body)| (format!("a message to {function}"), body.clone())));
        for item in self.due.all() {
            written.push((format!("a due item of {}", item.function), format!("{} {}", item.body, item.why)));
        }
        for parked in &self.parkings {
            written.push((
                format!("a parked message of {}", parked.function),
                format!("{} {}", parked.body, parked.cause),
            ));
        }
        written
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
            epoch: "e1".to_owned(),
        }
    }

    /// Somebody asks that `order` be cancelled.
    pub fn cancel(&mut self, order: &OrderId) {
        let request = CancelRequested { reason: "changed their mind".to_owned() };
        self.desired(order, "cancel", &OrderCommand::Cancel(request));
    }

    /// Somebody puts `order` on hold.
    pub fn hold(&mut self, order: &OrderId) {
        self.desired(order, "hold", &OrderCommand::Hold(Held { reason: "credit".to_owned() }));
    }

    /// Somebody lets `order` go on.
    pub fn release_hold(&mut self, order: &OrderId) {
        let released = HoldReleased { reason: "paid".to_owned() };
        self.desired(order, "release-hold", &OrderCommand::ReleaseHold(released));
    }

    /// Somebody wants so many of the order's first line, in its own unit.
    pub fn amend(&mut self, order: &OrderId, quantity: u32) {
        let Order::Known(known) = self.fold(order) else { return };
        let mut lines = known.submission.lines.clone();
        if let Some(first) = lines.first_mut()
            && let Ok(wanted) = domain::Quantity::new(quantity.into(), first.quantity.uom())
        {
            first.quantity = wanted;
        }
        let amendment = Amendment {
            revision: 0,
            reason: "another number".to_owned(),
            ship_to: known.submission.ship_to.clone(),
            destination: known.submission.destination.clone(),
            digest: format!("amended to {quantity}"),
            lines,
        };
        self.desired(order, "amend", &OrderCommand::Amend(amendment));
    }

    /// Somebody decides the order's only review of that kind.
    pub fn decide(&mut self, order: &OrderId, kind: ReviewKind, choice: Choice) {
        let Order::Known(known) = self.fold(order) else { return };
        for review in known.reviews().iter().filter(|review| review.kind == kind) {
            let decision = Decision { review: review.key(), kind, choice, by: "ops".to_owned(), note: String::new() };
            self.desired(order, &format!("decide-{}", review.key()), &OrderCommand::Decide(decision));
        }
    }

    /// Somebody decides everything of an order that waits for a decision, each in the `way`-th of its options, counted round.
    /// Nobody says that they settled it elsewhere: here, nobody would have.
    pub fn decide_all(&mut self, order: &OrderId, way: usize) {
        let Order::Known(known) = self.fold(order) else { return };
        for review in known.reviews() {
            let options = review.kind.options().iter().filter(|choice| **choice != Choice::ResolvedManually);
            let options: Vec<Choice> = options.copied().collect();
            let Some(choice) = options.get(way % options.len().max(1)).copied() else { continue };
            let (key, kind) = (review.key(), review.kind);
            let decision = Decision { review: key.clone(), kind, choice, by: "ops".to_owned(), note: String::new() };
            self.desired(order, &format!("decide-{key}"), &OrderCommand::Decide(decision));
        }
    }

    /// Asks something of an order, and once more under the same key, as a client does that heard nothing. An order that was
    /// never submitted has nobody who could ask.
    fn desired(&mut self, order: &OrderId, key: &str, command: &OrderCommand) {
        self.sequence += 1;
        let key = format!("{key}-{}", self.sequence);
        for _ in 0..2 {
            let cx = Context { correlation: "storm".to_owned(), ..self.context("change-create") };
            let journal = self.mistaken(self.journal.clone());
            let asked = execute::<Order>(&journal, order, &cx, &key, command.clone());
            if !matches!(asked.now_or_never(), Some(Ok(_))) {
                self.wrong.push(format!("a wish of {order} was not committed: {command:?}"));
            }
        }
    }

    /// Something that cancels `order`, from outside of any step.
    pub fn canceller(&self, order: &OrderId) -> impl FnMut() + 'static {
        let (journal, order, cx) = (self.journal.clone(), order.clone(), self.context("test-cancel"));
        move || {
            let request = CancelRequested { reason: "changed their mind".to_owned() };
            let cancelled = execute::<Order>(&journal, &order, &cx, "cancel", OrderCommand::Cancel(request));
            assert!(matches!(cancelled.now_or_never(), Some(Ok(_))), "the cancel was not committed");
        }
    }

    /// A port with the mistake of this deployment.
    fn mistaken<P>(&self, port: P) -> Mistaken<P> {
        Mistaken::new(port, self.mutant)
    }

    fn tapes_moved(&mut self) -> bool {
        let before = self.sequence;
        self.relay();
        self.sequence != before
    }

    /// The two relays and the projector, on what the tables' streams carry. What one of them does not take comes again.
    fn relay(&mut self) {
        let commits = self.journal.take_tape();
        self.journal_tape.extend(commits.iter().cloned());
        self.views_tape.extend(commits);
        self.deliveries_tape.extend(self.deliveries.take_tape());
        let source = || "/crossdock/test".to_owned();
        if !self.journal_tape.is_empty() && self.may("journal-relay") {
            let script = self.script_for("journal-relay");
            let ports =
                journal_relay::Ports { bus: self.mistaken(Chaos::new(self.bus.clone(), &script)), source: source() };
            let relayed = at_once(&script, "journal-relay", journal_relay::handle(&ports, &self.journal_tape));
            let unread = relayed.iter().flatten().flat_map(|relayed| &relayed.poison);
            self.wrong.extend(unread.map(|(_, failure)| format!("a commit that nobody can read: {failure:?}")));
            if matches!(relayed, Some(Ok(relayed)) if relayed.again_from.is_none()) {
                self.journal_tape.clear();
            } else {
                self.waits.insert("journal-relay", self.clock.after(AGAIN));
            }
        }
        if !self.views_tape.is_empty() && self.may("view-project") {
            let script = self.script_for("view-project");
            let (journal, views) = (self.journal.clone(), self.views.clone());
            let ports =
                view_project::Ports { journal: Chaos::new(journal, &script), views: Chaos::new(views, &script) };
            let cx = self.context("view-project");
            match at_once(&script, "view-project", view_project::handle(&ports, &self.views_tape, &cx)) {
                Some(failed) if failed.iter().all(|(_, failure)| matches!(failure, Failure::Permanent { .. })) => {
                    let unread =
                        failed.iter().map(|(stream, failure)| format!("{stream} cannot be projected: {failure:?}"));
                    self.wrong.extend(unread);
                    self.views_tape.clear();
                }
                Some(_) | None => drop(self.waits.insert("view-project", self.clock.after(AGAIN))),
            }
        }
        if !self.deliveries_tape.is_empty() && self.may("delivery-relay") {
            let script = self.script_for("delivery-relay");
            let ports =
                delivery_relay::Ports { bus: self.mistaken(Chaos::new(self.bus.clone(), &script)), source: source() };
            match at_once(&script, "delivery-relay", delivery_relay::handle(&ports, &self.deliveries_tape)) {
                Some(Ok(None)) => self.deliveries_tape.clear(),
                Some(Ok(Some(_)) | Err(_)) | None => {
                    self.waits.insert("delivery-relay", self.clock.after(AGAIN));
                }
            }
        }
        self.route();
    }

    /// Whether a stream's reader, or the schedule, does not wait just now.
    fn may(&self, function: &str) -> bool {
        self.waits.get(function).is_none_or(|until| *until <= self.clock.now())
    }

    /// The bus's rules, on what was published.
    fn route(&mut self) {
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
        let open_effects = self.town.borrow_mut().tick(now);
        for (partner, started) in open_effects {
            let request = Request {
                method: "POST".to_owned(),
                path: format!("/v1/webhooks/{partner}"),
                variables: BTreeMap::from([("partner".to_owned(), partner.to_owned())]),
                headers: started.headers.clone(),
                body: started.body.clone(),
                ..Request::default()
            };
            let status = self.webhook(request);
            let mut town = self.town.borrow_mut();
            if let Some(partner) = town.partner_mut(partner) {
                let answer = status.ok_or_else(|| "connection closed".to_owned());
                partner.outbox.answered(started.message, started.attempt, answer, now);
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
        let answer = at_once(&script, "webhook-receive", webhook_receive::handle(&ports, request, &cx));
        Some(answer?.map_or(503, |response| response.status))
    }

    /// The schedule and its ticks: every ten seconds in production; here whenever something is due, once a second at most. A step
    /// whose clock is behind the schedule's defers its work again until the same time, and has to have it back at a later one.
    fn fire(&mut self) {
        let now = self.clock.now();
        self.queue_fired();
        if !self.may("due-fire") || self.fires_next().is_none_or(|due| due > now) {
            return;
        }
        let script = self.script_for("due-fire");
        let (due, queues) = (self.due.clone(), self.fired.clone());
        let ports =
            due_fire::Ports { due: self.mistaken(Chaos::new(due, &script)), queues: Chaos::new(queues, &script) };
        // Killed, refused or with a wrong clock, it tries again.
        at_once(&script, "due-fire", due_fire::handle(&ports, due_fire::LAST_TICK, &self.context("due-fire")));
        self.waits.insert("due-fire", self.clock.after(AGAIN));
        self.queue_fired();
    }

    /// When a sweep by the right clock finds something.
    fn fires_next(&self) -> Option<Timestamp> {
        self.due.next().and_then(|due| due.checked_add(SKEW).ok())
    }

    /// What `due-fire` and `due-wake` sent is in its queues.
    fn queue_fired(&mut self) {
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
        let function = ready.get(self.rng.usize(0..ready.len().max(1)))?.clone();
        let most = self.rng.usize(1..=10);
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

    /// Keeps an instance of `function` busy for as long as the calls took that it just made.
    fn wait_for_partner(&mut self, function: &str) {
        let (now, took) = (self.clock.now(), self.took.take());
        let busy = self.busy.entry(function.to_owned()).or_default();
        busy.retain(|until| *until > now);
        if took > Duration::ZERO {
            busy.push(now.checked_add(took).unwrap_or(Timestamp::MAX));
        }
    }

    /// When something happens next by itself.
    fn next_moment(&self) -> Option<Timestamp> {
        let queued = self.queues.values().flatten().map(|message| message.visible_at);
        let due = self.fires_next();
        let resumed = self.running.iter().map(|running| running.goes_on);
        let waits = self.waits.values().copied();
        let freed = self.busy.values().flatten().copied();
        let all = queued.chain(due).chain(resumed).chain(waits).chain(freed).chain(self.town.borrow().next_due());
        all.filter(|at| *at > self.clock.now()).min()
    }

    /// The clock of a function's processes.
    fn clock_of(&self, function: &str) -> DeploymentClock {
        let skew = SignedDuration::from_millis(self.skews.get(function).copied().unwrap_or(0));
        DeploymentClock { skew, ..self.clock.clone() }
    }

    fn script_for(&self, function: &str) -> Script {
        match &self.chaos {
            Some((struck, script)) if *struck == function || *struck == "*" => script.clone(),
            Some(_) | None => Script::default(),
        }
    }

    /// One invocation: the function's own `handle` on every record, settled by the engine.
    fn work(&mut self, function: &str, batch: Vec<Message>) {
        let now = self.clock.now();
        let record = |message: Message| Record {
            id: message.id.to_string(),
            receipt: message.id.to_string(),
            body: message.body,
            receive_count: message.deliveries,
            first_received: now,
        };
        let records: Vec<Record> = batch.into_iter().map(record).collect();
        let script = self.script_for(function);
        let work = self.invoke(function, records.clone(), &script);
        let (function, ends) = (function.to_owned(), self.clock.after(TIMEOUT));
        self.running.push(Running { function, records, work, script, goes_on: now, ends });
        self.go_on();
    }

    /// Lets every invocation that does not stand still go on, to its end or until the script stops or kills it.
    fn go_on(&mut self) {
        let now = self.clock.now();
        let (ready, waiting) =
            std::mem::take(&mut self.running).into_iter().partition(|it: &Running| it.goes_on <= now);
        self.running = waiting;
        for mut running in ready {
            let script = running.script.clone();
            script.arm_for(&running.function);
            let polled = running.work.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
            script.arm(false);
            self.wait_for_partner(&running.function);
            let (killed, stalled) = (script.take_killed(), script.take_stalled());
            let failed = match (polled, stalled) {
                (Poll::Ready(failed), _) if !killed => Some(failed),
                (Poll::Pending, Some(pause)) if !killed && self.clock.after(pause) < running.ends => {
                    running.goes_on = self.clock.after(pause);
                    self.running.push(running);
                    continue;
                }
                // Killed, or out of time: the queue shows the messages again when it is time.
                (Poll::Ready(_) | Poll::Pending, _) => None,
            };
            self.history.push(format!("{now} {} × {} → {failed:?}", running.function, running.records.len()));
            if let Some(failed) = failed {
                self.settle(&running.function, &running.records, &failed);
            }
        }
    }

    /// What the queue does with an invocation's answer.
    fn settle(&mut self, function: &str, records: &[Record], failed: &[String]) {
        let dead = self.dead.entry(function.to_owned()).or_default().clone();
        if let Some(messages) = self.queues.get_mut(function) {
            messages.retain(|message| {
                let id = message.id.to_string();
                !records.iter().any(|record| record.id == id) || failed.contains(&id)
            });
            for message in messages.iter_mut() {
                if let Some(pause) = dead.take_delay(&message.id.to_string()) {
                    message.visible_at = self.clock.after(pause);
                }
            }
        }
    }

    /// The table of functions.
    fn invoke(&mut self, function: &str, records: Vec<Record>, script: &Script) -> Invocation {
        let journal = Chaos::new(self.mistaken(self.journal.clone()), script);
        let deliveries = Chaos::new(self.deliveries.clone(), script);
        let parties = Chaos::new(self.parties.clone(), script);
        let registry = Chaos::new(self.partners.clone(), script);
        let partner = self.mistaken(registry.clone());
        let order = Invoked { deployment: self, records, script };
        match function {
            "order-import" => {
                let ports = order_import::Ports { journal, deliveries, parties, registry };
                order.run("order-import", ports, order_import::handle)
            }
            "order-price" => {
                let ports = order_price::Ports { journal, erp: partner };
                order.run("order-price", ports, order_price::handle)
            }
            "credit-check" => {
                let ports = credit_check::Ports { journal, erp: partner };
                order.run("credit-check", ports, credit_check::handle)
            }
            "stock-allocate" => {
                let ports = stock_allocate::Ports { journal, erp: partner };
                order.run("stock-allocate", ports, stock_allocate::handle)
            }
            "sales-order-create" => {
                let ports = sales_order_create::Ports { journal, erp: partner };
                order.run("sales-order-create", ports, sales_order_create::handle)
            }
            "order-route" => {
                let ports = order_route::Ports { journal, registry };
                order.run("order-route", ports, order_route::handle)
            }
            "fulfillment-request" => {
                let ports = fulfillment_request::Ports { journal, parties, warehouse: partner };
                order.run("fulfillment-request", ports, fulfillment_request::handle)
            }
            "warehouse-report-record" => {
                let ports = warehouse_report_record::Ports { journal, deliveries, registry };
                order.run("warehouse-report-record", ports, warehouse_report_record::handle)
            }
            "goods-issue-post" => {
                let ports = goods_issue_post::Ports { journal, erp: partner };
                order.run("goods-issue-post", ports, goods_issue_post::handle)
            }
            "fulfillment-rollup" => {
                let ports = fulfillment_rollup::Ports { journal };
                order.run("fulfillment-rollup", ports, fulfillment_rollup::handle)
            }
            "crm-update" => {
                let ports = crm_update::Ports { journal, crm: registry };
                order.run("crm-update", ports, crm_update::handle)
            }
            "invoice-create" => {
                let ports = invoice_create::Ports { journal, erp: partner };
                order.run("invoice-create", ports, invoice_create::handle)
            }
            "deadline-raise" => {
                let ports = deadline_raise::Ports { journal };
                order.run("deadline-raise", ports, deadline_raise::handle)
            }
            "fulfillment-withdraw" => {
                let ports = fulfillment_withdraw::Ports { journal, warehouse: partner };
                order.run("fulfillment-withdraw", ports, fulfillment_withdraw::handle)
            }
            "stock-deallocate" => {
                let ports = stock_deallocate::Ports { journal, erp: partner };
                order.run("stock-deallocate", ports, stock_deallocate::handle)
            }
            "sales-order-cancel" => {
                let ports = sales_order_cancel::Ports { journal, erp: partner };
                order.run("sales-order-cancel", ports, sales_order_cancel::handle)
            }
            "backorder-check" => {
                let ports = backorder_check::Ports { journal, erp: partner };
                order.run("backorder-check", ports, backorder_check::handle)
            }
            "fulfillment-watch" => {
                let ports = fulfillment_watch::Ports { journal, warehouse: partner, registry };
                order.run("fulfillment-watch", ports, fulfillment_watch::handle)
            }
            "change-import" => {
                let ports = change_import::Ports { journal, deliveries, parties, registry };
                order.run("change-import", ports, change_import::handle)
            }
            "due-wake" => {
                let due = Chaos::new(order.deployment.due.clone(), script);
                let queues = Chaos::new(order.deployment.fired.clone(), script);
                order.run("due-wake", due_wake::Ports { due, queues }, due_wake::handle)
            }
            other => unreachable!("no function is called {other}"),
        }
    }
}

/// What every function of the table is invoked with.
struct Invoked<'a> {
    deployment: &'a mut Deployment,
    records: Vec<Record>,
    script: &'a Script,
}

impl Invoked<'_> {
    fn run<W: Work, P: 'static>(
        self,
        function: &'static str,
        ports: P,
        handle: impl AsyncFn(&P, W, &Context) -> Result<Outcome, Failure> + 'static,
    ) -> Invocation {
        let Self { deployment, records, script } = self;
        let step = Step { function, attempts: ATTEMPTS, lease: LEASE, epoch: "e1".to_owned() };
        let dead = deployment.dead.entry(function.to_owned()).or_default().clone();
        let queue = deployment.mistaken(Chaos::new(dead, script));
        let due = deployment.mistaken(Chaos::new(deployment.due.clone(), script));
        let forgets = deployment.mutant == Some(Mutant::PartialBatchIgnored);
        let clock = deployment.clock_of(function);
        Box::pin(async move {
            let (ports, handle) = (&ports, &handle);
            let one = |work: W, cx: Context| async move { handle(ports, work, &cx).await };
            let failed = engine::batch::run(&step, &records, || clock.now(), || 500, &queue, &due, one).await;
            if forgets { vec![] } else { failed }
        })
    }
}

/// Runs a function whose caller waits for it. `None` where the script killed it; standing still makes no difference to it.
fn at_once<T>(script: &Script, function: &str, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        script.arm_for(function);
        let polled = work.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
        script.arm(false);
        let (killed, stalled) = (script.take_killed(), script.take_stalled());
        match polled {
            Poll::Ready(done) if !killed => return Some(done),
            Poll::Pending if !killed && stalled.is_some() => {}
            Poll::Ready(_) | Poll::Pending => return None,
        }
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

/// Our id of the CRM's order.
pub fn order_id(external: &str) -> OrderId {
    let (Ok(source), Ok(external)) = ("acme-crm".parse(), external.parse()) else {
        panic!("{external} cannot be an order's id")
    };
    OrderId::derive(&source, &external)
}

/// Reads with a journal that cannot fail, for assertions.
pub fn commits(journal: &MemoryJournal, stream: &str) -> Vec<engine::Commit> {
    journal.read(stream).now_or_never().and_then(Result::ok).unwrap_or_default()
}
