//! A deployment in memory: a dead-letter queue, the step that it belongs to, the journal's streams, and the partner's
//! ledger, in which each piece of work must be found once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use cloud::operator::{Lease, QueueFacts, ReceivedMessage};
use engine::{Code, Failure};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::dlq::apply::{Action, Options, Ports, apply};
use crate::dlq::filter::Filter;
use crate::dlq::letter::{DeadLetter, Look};
use crate::dlq::plan::{Header, Plan, make};
use crate::dlq::ports::{Loss, Queues, Streams};
use crate::dlq::report::Report;
use crate::pace::Pace;

/// The dead-letter queue of [`STEP`].
pub(super) const QUEUE: &str = "order-price-dlq";
pub(super) const STEP: &str = "order-price";

/// A message in the dead-letter queue, and who holds it until when.
struct Message {
    id: String,
    body: String,
    attributes: BTreeMap<String, String>,
    sent_at: Timestamp,
    receive_count: u32,
}

#[derive(Default)]
struct Parked {
    messages: BTreeMap<u64, Message>,
    /// Those that can be received, the next one first.
    visible: VecDeque<u64>,
    /// Those that are held, by when they come back.
    held: BTreeSet<(Timestamp, u64)>,
    until: BTreeMap<u64, Timestamp>,
    next: u64,
}

/// The deployment. Every call takes constant time, whatever the queue's length.
#[derive(Default)]
pub(super) struct World {
    parked: RefCell<Parked>,
    /// What was sent to the step and not received yet.
    inbox: RefCell<VecDeque<String>>,
    /// The bodies that were sent to the step, in order.
    pub(super) sent: RefCell<Vec<String>>,
    streams: RefCell<BTreeMap<String, Look>>,
    /// How often each piece of work was done at the partner.
    pub(super) ledger: RefCell<BTreeMap<String, u32>>,
    /// The causes that still make the step fail.
    pub(super) faults: RefCell<BTreeSet<String>>,
    pub(super) records: RefCell<BTreeMap<(String, String), String>>,
    /// The discards that were committed as reviews.
    pub(super) reviews: RefCell<BTreeSet<String>>,
    leases: RefCell<BTreeMap<String, Lease>>,
    /// Whether the audit table refuses to write.
    pub(super) audit_refuses: Cell<bool>,
    /// The number of calls after which the operator's process is killed: no later call has an effect.
    pub(super) kill_after: Cell<Option<u32>>,
    /// The number of sent messages after which the operator presses Ctrl-C.
    pub(super) stop_after: Cell<Option<usize>>,
    now: Cell<Timestamp>,
    pub(super) calls: Cell<u64>,
    pub(super) most_held: Cell<usize>,
    /// The most deliveries of one message.
    pub(super) most_received: Cell<u32>,
}

impl World {
    /// An empty one, at noon.
    pub(super) fn new() -> Self {
        let world = Self::default();
        world.now.set("2026-03-02T12:00:00Z".parse().unwrap());
        world
    }

    /// Parks work of an order: the event of its commit `version`, which failed by `cause`.
    pub(super) fn park_order(&self, order: &str, version: u64, code: &str, cause: &str) {
        let stream = format!("order/{order}");
        let mut streams = self.streams.borrow_mut();
        let look = streams
            .entry(stream.clone())
            .or_insert_with(|| Look { known: [STEP.to_owned()].into(), ..Look::default() });
        look.version = look.version.max(version);
        look.due.insert((STEP.to_owned(), part(version)));
        self.park(&body(&stream, version, &json!({"part": version.to_string()})), &stream, code, cause);
    }

    /// Parks a partner's delivery, about which no stream says whether it is due.
    pub(super) fn park_delivery(&self, partner: &str, id: &str, code: &str, cause: &str) {
        let stream = format!("delivery/{partner}/{id}");
        self.park(&body(&stream, 1, &json!({"partner": partner, "delivery": id})), &stream, code, cause);
    }

    fn park(&self, body: &str, stream: &str, code: &str, cause: &str) {
        let attributes = [("code", code), ("cause", cause), ("stream", stream), ("attempts", "1")];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.enqueue(body, if code == "none" { BTreeMap::new() } else { attributes.into() });
    }

    fn enqueue(&self, body: &str, attributes: BTreeMap<String, String>) {
        let mut parked = self.parked.borrow_mut();
        let n = parked.next;
        parked.next += 1;
        let message = Message {
            id: format!("m{n}"),
            body: body.to_owned(),
            attributes,
            sent_at: self.now.get(),
            receive_count: 0,
        };
        parked.messages.insert(n, message);
        parked.visible.push_back(n);
    }

    /// The bodies in the dead-letter queue, held or not.
    pub(super) fn parked(&self) -> Vec<String> {
        self.parked.borrow().messages.values().map(|message| message.body.clone()).collect()
    }

    /// Parks copies of these bodies once more, as they would be after another failure.
    pub(super) fn park_again(&self, bodies: &[String]) {
        for body in bodies {
            let value: Value = serde_json::from_str(body).unwrap();
            self.park(body, value["detail"]["subject"].as_str().unwrap(), "PRT-002", "acme-erp is out of order: 503");
        }
    }

    /// A commit of someone else.
    pub(super) fn commit(&self, order: &str) {
        self.streams.borrow_mut().get_mut(&format!("order/{order}")).unwrap().version += 1;
    }

    /// The operator's process is started again, some time later.
    pub(super) fn revive(&self, later: Duration) {
        self.kill_after.set(None);
        self.pass_time(later);
    }

    fn pass_time(&self, pause: Duration) {
        self.now.set(self.now.get().checked_add(pause).unwrap());
        self.step();
    }

    /// Lets the step work on all that was sent to it. It is idempotent, as every step is: work that is not due is not done.
    pub(super) fn step(&self) {
        while let Some(body) = self.inbox.borrow_mut().pop_front() {
            let value: Value = serde_json::from_str(&body).unwrap();
            let stream = value["detail"]["subject"].as_str().unwrap().to_owned();
            let faults = self.faults.borrow();
            if let Some(fault) = faults.iter().find(|fault| body.contains(fault.as_str())) {
                self.park(&body, &stream, "MSG-004", &format!("{fault} has no mapping"));
                continue;
            }
            let work = (
                STEP.to_owned(),
                part(value["detail"]["data"]["part"].as_str().and_then(|n| n.parse().ok()).unwrap_or(0)),
            );
            let is_done = match self.streams.borrow_mut().get_mut(&stream) {
                Some(look) => {
                    let was_due = look.due.remove(&work);
                    look.version += u64::from(was_due);
                    !was_due
                }
                None => self.ledger.borrow().contains_key(&body),
            };
            if !is_done {
                *self.ledger.borrow_mut().entry(body).or_default() += 1;
            }
        }
    }

    /// Makes a plan for the messages that match `filter`.
    pub(super) async fn plan(&self, filter: &Filter) -> Plan {
        let header = Header {
            plan: String::new(),
            format: 0,
            stack: "crossdock-test".to_owned(),
            queue: QUEUE.to_owned(),
            at: self.now.get(),
            by: "ann".to_owned(),
            filter: filter.describe(),
        };
        make(self, self, header, filter, |_, _| {}).await.unwrap().0
    }

    /// Runs a plan.
    pub(super) async fn apply(&self, plan: &Plan, options: &Options) -> Report {
        let ports = Ports { queues: self, audit: self, streams: self, pace: self };
        apply(ports, plan, options, |_, _| {}).await
    }

    /// Counts a call; `Err` if the process is dead.
    fn call(&self) -> Result<(), Failure> {
        self.calls.set(self.calls.get() + 1);
        match self.kill_after.get() {
            Some(0) => Err(Failure::transient(Code::StoreBusy, "killed")),
            Some(left) => {
                self.kill_after.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// What an operator does without any option.
pub(super) fn options(who: &str) -> Options {
    Options {
        action: Action::Redrive,
        dry_run: false,
        who: who.to_owned(),
        why: "T-17: map extended".to_owned(),
        run: format!("run_{who}"),
        rate: 100,
        canary: 5,
        settle: Duration::from_secs(60),
        max_failures: 10,
        loop_limit: 3,
    }
}

fn part(version: u64) -> BTreeMap<String, String> {
    [("part".to_owned(), version.to_string())].into()
}

fn body(stream: &str, version: u64, data: &Value) -> String {
    json!({"detail": {"id": format!("1/{stream}/{version}/0"), "type": "order.submitted", "subject": stream,
        "time": "2026-03-02T10:00:00Z", "correlationid": "c-1", "data": data}})
    .to_string()
}

impl Queues for World {
    async fn names(&self) -> Result<Vec<String>, Failure> {
        Ok(vec![STEP.to_owned(), QUEUE.to_owned()])
    }

    async fn facts(&self, _: &str) -> Result<QueueFacts, Failure> {
        self.call()?;
        let parked = self.parked.borrow();
        let held = parked.held.iter().filter(|(until, _)| *until > self.now.get()).count();
        let depth = (parked.messages.len() - held) as u64;
        Ok(QueueFacts { depth, in_flight: held as u64, retention: Duration::from_secs(14 * 86_400) })
    }

    async fn receive(&self, _: &str, hold: Duration) -> Result<Vec<ReceivedMessage>, Failure> {
        self.call()?;
        let (now, mut parked) = (self.now.get(), self.parked.borrow_mut());
        let parked = &mut *parked;
        while let Some((until, n)) = parked.held.first().copied().filter(|(until, _)| *until <= now) {
            parked.held.remove(&(until, n));
            parked.until.remove(&n);
            parked.visible.push_back(n);
        }
        let mut received = Vec::new();
        while let Some(n) = (received.len() < 10).then(|| parked.visible.pop_front()).flatten() {
            let Some(message) = parked.messages.get_mut(&n) else { continue };
            message.receive_count += 1;
            self.most_received.set(self.most_received.get().max(message.receive_count));
            let until = now.checked_add(hold).unwrap();
            parked.held.insert((until, n));
            parked.until.insert(n, until);
            received.push(ReceivedMessage {
                id: message.id.clone(),
                receipt: n.to_string(),
                body: message.body.clone(),
                attributes: message.attributes.clone(),
                sent_at: message.sent_at,
                receive_count: message.receive_count,
            });
        }
        self.most_held.set(self.most_held.get().max(parked.held.len()));
        Ok(received)
    }

    async fn hold(&self, _: &str, receipts: &[String], hold: Duration) -> Result<(), Failure> {
        self.call()?;
        let mut parked = self.parked.borrow_mut();
        for n in receipts.iter().map(|receipt| receipt.parse::<u64>().unwrap()) {
            let Some(until) = parked.until.remove(&n) else { continue };
            parked.held.remove(&(until, n));
            if hold.is_zero() {
                parked.visible.push_back(n);
            } else {
                let until = self.now.get().checked_add(hold).unwrap();
                parked.held.insert((until, n));
                parked.until.insert(n, until);
            }
        }
        Ok(())
    }

    async fn send(&self, queue: &str, body: &str, attributes: &BTreeMap<String, String>) -> Result<(), Failure> {
        // Another run may come between.
        tokio::task::yield_now().await;
        self.call()?;
        if queue == QUEUE {
            self.enqueue(body, attributes.clone());
            return Ok(());
        }
        assert_eq!(queue, STEP);
        self.sent.borrow_mut().push(body.to_owned());
        self.inbox.borrow_mut().push_back(body.to_owned());
        Ok(())
    }

    async fn delete(&self, _: &str, receipt: &str) -> Result<(), Failure> {
        self.call()?;
        let mut parked = self.parked.borrow_mut();
        let n = receipt.parse::<u64>().unwrap();
        parked.messages.remove(&n);
        if let Some(until) = parked.until.remove(&n) {
            parked.held.remove(&(until, n));
        }
        Ok(())
    }
}

impl Audit for World {
    async fn record(&self, subject: &str, entry: &str, document: &str) -> Result<bool, Failure> {
        self.call()?;
        if self.audit_refuses.get() {
            return Err(Failure::permanent(Code::StoreRefused, "AccessDeniedException"));
        }
        let key = (subject.to_owned(), entry.to_owned());
        let mut records = self.records.borrow_mut();
        let is_new = !records.contains_key(&key);
        records.entry(key).or_insert_with(|| document.to_owned());
        Ok(is_new)
    }

    async fn records(&self, subject: &str) -> Result<Vec<(String, String)>, Failure> {
        self.call()?;
        let records = self.records.borrow();
        let from = (subject.to_owned(), String::new());
        let of_subject = records.range(from..).take_while(|((own, _), _)| own == subject);
        Ok(of_subject.map(|((_, entry), document)| (entry.clone(), document.clone())).collect())
    }

    async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<Option<Lease>, Failure> {
        self.call()?;
        let mut leases = self.leases.borrow_mut();
        let other = leases.get(&lease.queue).filter(|other| other.holder != lease.holder && other.until >= now);
        if let Some(other) = other {
            return Ok(Some(other.clone()));
        }
        leases.insert(lease.queue.clone(), lease.clone());
        Ok(None)
    }

    async fn give_up(&self, lease: &Lease, now: Timestamp) -> Result<(), Failure> {
        let ended = Lease { until: Timestamp::UNIX_EPOCH, ..lease.clone() };
        self.lease(&ended, now).await.map(|_other| ())
    }
}

impl Streams for World {
    async fn look(&self, stream: &str) -> Result<Look, Failure> {
        self.call()?;
        Ok(self.streams.borrow().get(stream).cloned().unwrap_or_default())
    }

    async fn review(&self, letter: &DeadLetter, key: &str, _: &Loss<'_>) -> Result<(), Failure> {
        self.call()?;
        if self.reviews.borrow_mut().insert(key.to_owned())
            && let Some(look) = self.streams.borrow_mut().get_mut(&letter.stream)
        {
            look.version += 1;
        }
        Ok(())
    }
}

impl Pace for World {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    async fn sleep(&self, pause: Duration) {
        // A dead process waits for nothing.
        if self.kill_after.get() != Some(0) {
            self.pass_time(pause);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop_after.get().is_some_and(|most| self.sent.borrow().len() >= most)
    }
}
