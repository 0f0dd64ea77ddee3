//! Runs a plan: sends each message back to its step, or discards it.
//!
//! For each message: look again, write down the intent, send, delete, write down that it is done. Without the first record
//! nothing is sent. A run that is killed anywhere goes on where it was: what has an intent and is still in the queue is sent
//! again (a redrive changes nothing twice), unless its work is done by now; then it is only deleted.
//!
//! Messages of one order are sent in the order of their events' commits. A canary goes first. After it, and after each
//! part of the plan, the run looks how the messages ended, and stops if too many of them came back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloud::operator::Lease;
use engine::stores::sortable;
use engine::{Code, Failure};
use jiff::Timestamp;
use serde_json::json;

use crate::audit::Audit;
use crate::dlq::letter::{DeadLetter, Work, function_of};
use crate::dlq::pass::{Then, WINDOW, pass};
use crate::dlq::plan::{Entry, Plan};
use crate::dlq::ports::{Loss, Queues, Streams};
use crate::dlq::report::{End, Report, Skipped};
use crate::pace::Pace;

/// What a run works with.
pub(crate) struct Ports<'a, Q, A, S, P> {
    pub(crate) queues: &'a Q,
    pub(crate) audit: &'a A,
    pub(crate) streams: &'a S,
    pub(crate) pace: &'a P,
}

/// What is done with the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// They go back to their step's queue.
    Redrive,
    /// They are deleted.
    Discard,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
        }
    }
}

/// How to run a plan.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) action: Action,
    /// Nothing is changed: the report says what would be done.
    pub(crate) dry_run: bool,
    /// Who runs it.
    pub(crate) who: String,
    /// Why; a person's words.
    pub(crate) why: String,
    /// Distinguishes this run from others of the same operator.
    pub(crate) run: String,
    /// Messages per second.
    pub(crate) rate: u32,
    /// How many messages go first.
    pub(crate) canary: usize,
    /// How long to wait for the end of what was sent.
    pub(crate) settle: Duration,
    /// The run stops if more than this percentage of what was sent failed again.
    pub(crate) max_failures: usize,
    /// A message that was redriven so often is left.
    pub(crate) loop_limit: usize,
}

/// How long a lease lasts. A killed run keeps others away for as long.
const LEASE: Duration = Duration::from_secs(60);

/// How long `count` messages are held, unless that is renewed. A killed run keeps them invisible for as long, so it is little
/// more than receiving them takes: at least a hundred a second.
fn hold_for(count: usize) -> Duration {
    Duration::from_secs(60 + count.min(WINDOW) as u64 / 100)
}

/// Of a plan, so much is held at a time as the rate allows in this time.
const PART_SECONDS: u32 = 120;

/// Runs `plan`. The report says how it ended, also if a call failed.
pub(crate) async fn apply<Q: Queues, A: Audit, S: Streams, P: Pace>(
    ports: Ports<'_, Q, A, S, P>,
    plan: &Plan,
    options: &Options,
    progress: impl FnMut(u64, u64),
) -> Report {
    let report = Report::new(&plan.header.plan, options.dry_run);
    let run = Run {
        ports,
        plan,
        options,
        progress,
        report,
        touched: BTreeSet::new(),
        sent: Vec::new(),
        renewed: Timestamp::MIN,
        next_send: Timestamp::MIN,
        hold: hold_for(0),
        held_since: Timestamp::MIN,
        looked: 0,
    };
    run.run().await
}

struct Run<'a, Q, A, S, P, F> {
    ports: Ports<'a, Q, A, S, P>,
    plan: &'a Plan,
    options: &'a Options,
    progress: F,
    report: Report,
    /// The orders of which this plan sent a message: their streams have changed since, as they should.
    touched: BTreeSet<String>,
    /// What was sent and not verified yet.
    sent: Vec<(Entry, DeadLetter)>,
    renewed: Timestamp,
    next_send: Timestamp,
    /// How long the messages of the part are held.
    hold: Duration,
    held_since: Timestamp,
    /// Entries that are settled.
    looked: u64,
}

/// The held messages of a part of the plan, by their id.
type Held = BTreeMap<String, DeadLetter>;

impl<Q: Queues, A: Audit, S: Streams, P: Pace, F: FnMut(u64, u64)> Run<'_, Q, A, S, P, F> {
    async fn run(mut self) -> Report {
        if self.options.dry_run {
            self.report.end = self.rehearse().await.map_or_else(broken, |()| End::Finished);
            return self.report;
        }
        match self.take_lease().await {
            Ok(None) => {}
            Ok(Some(other)) => {
                let Lease { holder, until, .. } = other;
                self.report.end = End::Leased { holder, until: until.to_string() };
                return self.report;
            }
            Err(failure) => {
                self.report.end = broken(failure);
                return self.report;
            }
        }
        let end = self.announced().await.unwrap_or_else(broken);
        self.report.end = end;
        // Both are only a courtesy: the lease lapses by itself, and the records of the messages say what was done.
        let now = self.ports.pace.now();
        let closed = self.record_run("2-end").await.err();
        let ended = self.ports.audit.give_up(&self.lease_until(now), now).await.err();
        if let (Some(failure), End::Finished) = (closed.or(ended), &self.report.end) {
            self.report.end = broken(failure);
        }
        self.report
    }

    /// The run itself, between its two audit records.
    async fn announced(&mut self) -> Result<End, Failure> {
        self.record_run("1-begin").await?;
        let most = (self.options.rate.max(1) * PART_SECONDS) as usize;
        for part in self.plan.parts(most.min(WINDOW)) {
            let mut held = self.collect(&part).await?;
            let end = self.part(&part, &mut held).await;
            // Whatever happened, what was not sent goes back now.
            let receipts: Vec<String> = held.into_values().map(|letter| letter.receipt).collect();
            let given_back = self.ports.queues.hold(&self.plan.header.queue, &receipts, Duration::ZERO).await;
            let end = end?;
            if end != End::Finished {
                return Ok(end);
            }
            given_back?;
        }
        Ok(End::Finished)
    }

    /// What a run would do. It holds no message.
    async fn rehearse(&mut self) -> Result<(), Failure> {
        for entry in &self.plan.entries {
            let history = self.history(entry).await?;
            let look = self.ports.streams.look(&entry.stream).await?;
            if history.done {
                self.report.done_before += 1;
            } else if entry.work == Work::Done && self.options.action == Action::Redrive {
                self.skip(entry, Skipped::AlreadyDone);
            } else if look.version != entry.stream_version && !history.intended {
                self.skip(entry, Skipped::Changed);
            } else if history.redriven >= self.options.loop_limit && self.options.action == Action::Redrive {
                self.skip(entry, Skipped::LoopGuard);
            } else if self.is_unreviewable(entry, entry.work) {
                self.skip(entry, Skipped::StillDue);
            } else {
                self.report.done += 1;
            }
            self.step();
        }
        Ok(())
    }

    /// Receives the messages of `part` and keeps them. Waits for those that someone else holds.
    async fn collect(&mut self, part: &[Entry]) -> Result<Held, Failure> {
        self.hold = hold_for(part.len());
        let queue = &self.plan.header.queue;
        let mut wanted: BTreeMap<&str, &str> =
            part.iter().map(|entry| (entry.message.as_str(), entry.digest.as_str())).collect();
        let mut held = Held::new();
        let begun = self.ports.pace.now();
        loop {
            let keep = |letter: DeadLetter| {
                if wanted.get(letter.message.as_str()) != Some(&letter.digest.as_str()) {
                    return Then::GiveBack;
                }
                wanted.remove(letter.message.as_str());
                held.insert(letter.message.clone(), letter);
                if wanted.is_empty() { Then::KeepLast } else { Then::Keep }
            };
            pass(self.ports.queues, queue, Some(self.hold), keep, |_, _| {}).await?;
            let in_flight = self.ports.queues.facts(queue).await?.in_flight;
            let is_over = self.ports.pace.now().duration_since(begun).unsigned_abs() > self.hold;
            // A run that was killed may hold them still.
            if wanted.is_empty() || in_flight <= held.len() as u64 || is_over || self.ports.pace.is_stopping() {
                break;
            }
            self.renew().await?;
            self.ports.pace.sleep(Duration::from_secs(15)).await;
        }
        let receipts: Vec<String> = held.values().map(|letter| letter.receipt.clone()).collect();
        self.ports.queues.hold(queue, &receipts, self.hold).await?;
        self.held_since = self.ports.pace.now();
        Ok(held)
    }

    async fn part(&mut self, part: &[Entry], held: &mut Held) -> Result<End, Failure> {
        for entry in part {
            if self.ports.pace.is_stopping() {
                return Ok(End::Paused);
            }
            self.keep_rights(held).await?;
            match held.remove(&entry.message) {
                Some(letter) => {
                    if let Err(failure) = self.one(entry, &letter).await {
                        // It is not settled, so it goes back with the others.
                        held.insert(letter.message.clone(), letter);
                        return Err(failure);
                    }
                }
                None => self.missing(entry).await?,
            }
            self.step();
            let is_canary = self.report.done as usize == self.options.canary && !self.sent.is_empty();
            if is_canary && self.verify(held).await? {
                return Ok(End::FailedAgain);
            }
        }
        Ok(if self.verify(held).await? { End::FailedAgain } else { End::Finished })
    }

    /// Settles a message that the run holds.
    async fn one(&mut self, entry: &Entry, letter: &DeadLetter) -> Result<(), Failure> {
        let queue = &self.plan.header.queue;
        let history = self.history(entry).await?;
        if history.done {
            // Only the answer to the deletion was lost.
            self.ports.queues.delete(queue, &letter.receipt).await?;
            self.report.done_before += 1;
            self.touch(entry);
            return Ok(());
        }
        let look = self.ports.streams.look(&entry.stream).await?;
        let work = look.work(letter);
        if history.intended && work == Work::Done {
            self.touch(entry);
            self.ports.queues.delete(queue, &letter.receipt).await?;
            self.record(entry, letter, "2-done", "an earlier run sent it, and its work is done").await?;
            self.report.done_before += 1;
            return Ok(());
        }
        let is_known = history.intended || entry.order.as_ref().is_some_and(|order| self.touched.contains(order));
        let reason = match self.options.action {
            Action::Redrive if work == Work::Done => Some(Skipped::AlreadyDone),
            Action::Redrive if history.redriven >= self.options.loop_limit => Some(Skipped::LoopGuard),
            Action::Discard if self.is_unreviewable(entry, work) => Some(Skipped::StillDue),
            Action::Redrive | Action::Discard => {
                (!is_known && look.version != entry.stream_version).then_some(Skipped::Changed)
            }
        };
        if let Some(reason) = reason {
            self.skip(entry, reason);
            return self.ports.queues.hold(queue, std::slice::from_ref(&letter.receipt), Duration::ZERO).await;
        }
        if !history.intended {
            self.record(entry, letter, "1-intent", self.options.action.as_str()).await?;
        }
        self.act(entry, letter, work).await?;
        self.ports.queues.delete(queue, &letter.receipt).await?;
        self.record(entry, letter, "2-done", self.options.action.as_str()).await?;
        self.report.done += 1;
        Ok(())
    }

    /// Whether discarding the message would lose work without a trace: it is due, and no order can have a review of it.
    fn is_unreviewable(&self, entry: &Entry, work: Work) -> bool {
        self.options.action == Action::Discard && work == Work::Due && entry.order.is_none()
    }

    /// The effect: the message is sent. Discarding it is its deletion alone, and a review if its work is due.
    async fn act(&mut self, entry: &Entry, letter: &DeadLetter, work: Work) -> Result<(), Failure> {
        if self.options.action == Action::Discard {
            if work == Work::Due {
                let Options { who, why, .. } = self.options;
                let loss = Loss { who, why, at: None };
                self.ports.streams.review(letter, &self.name(entry, "discard"), &loss).await?;
                self.touch(entry);
            }
            return Ok(());
        }
        let now = self.ports.pace.now();
        if let Ok(pause) = Duration::try_from(self.next_send.duration_since(now)) {
            self.ports.pace.sleep(pause).await;
        }
        let interval = Duration::from_secs(1) / self.options.rate.max(1);
        self.next_send = self.ports.pace.now().checked_add(interval).unwrap_or(Timestamp::MAX);
        let step = function_of(&self.plan.header.queue);
        self.ports.queues.send(step, &letter.body, &BTreeMap::new()).await?;
        self.touch(entry);
        self.sent.push((entry.clone(), letter.clone()));
        Ok(())
    }

    /// Settles a message that the queue does not show.
    async fn missing(&mut self, entry: &Entry) -> Result<(), Failure> {
        let history = self.history(entry).await?;
        if !history.intended {
            self.skip(entry, Skipped::Gone);
            return Ok(());
        }
        // This plan sent and deleted it; only the second record may be missing.
        self.touch(entry);
        if !history.done {
            let how = json!({"at": self.ports.pace.now(), "how": "found deleted", "run": self.options.run});
            let name = self.name(entry, "2-done");
            self.ports.audit.record(&self.subject(entry), &name, &how.to_string()).await?;
        }
        self.report.done_before += 1;
        Ok(())
    }

    /// Waits until what was sent has ended, at most as long as the options say. Returns whether too much of it failed again.
    async fn verify(&mut self, held: &Held) -> Result<bool, Failure> {
        let sent = std::mem::take(&mut self.sent);
        if sent.is_empty() {
            return Ok(false);
        }
        let mut open: Vec<&(Entry, DeadLetter)> = sent.iter().collect();
        let begun = self.ports.pace.now();
        loop {
            let mut still = Vec::new();
            for one in open {
                self.keep_rights(held).await?;
                let look = self.ports.streams.look(&one.0.stream).await?;
                if look.work(&one.1) == Work::Done { self.report.verified += 1 } else { still.push(one) }
            }
            open = still;
            let is_over = self.ports.pace.now().duration_since(begun).unsigned_abs() >= self.options.settle;
            if open.is_empty() || is_over || self.ports.pace.is_stopping() {
                break;
            }
            self.keep_rights(held).await?;
            self.ports.pace.sleep(Duration::from_secs(5)).await;
        }
        if open.is_empty() {
            return Ok(false);
        }
        let waiting: BTreeMap<&str, &str> =
            open.iter().map(|(entry, _)| (entry.digest.as_str(), entry.message.as_str())).collect();
        let mut back = BTreeSet::new();
        let visit = |letter: DeadLetter| {
            // Its old self may be seen for a moment after it was deleted.
            if waiting.get(letter.digest.as_str()).is_some_and(|old| *old != letter.message) {
                back.insert(letter.digest);
            }
            Then::GiveBack
        };
        pass(self.ports.queues, &self.plan.header.queue, None, visit, |_, _| {}).await?;
        self.report.failed_again += back.len() as u64;
        Ok(back.len() * 100 > self.options.max_failures * sent.len())
    }

    /// Renews the lease, and the hold on what is still to be done, well before they lapse.
    async fn keep_rights(&mut self, held: &Held) -> Result<(), Failure> {
        self.renew().await?;
        let now = self.ports.pace.now();
        if now.duration_since(self.held_since).unsigned_abs() > self.hold / 2 {
            let receipts: Vec<String> = held.values().map(|letter| letter.receipt.clone()).collect();
            self.ports.queues.hold(&self.plan.header.queue, &receipts, self.hold).await?;
            self.held_since = now;
        }
        Ok(())
    }

    fn lease_until(&self, now: Timestamp) -> Lease {
        let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
        Lease {
            queue: self.plan.header.queue.clone(),
            holder: format!("{} {}", self.options.who, self.options.run),
            until,
        }
    }

    /// Takes the lease. Of a run of this operator that was killed, the end of its lease is waited for.
    async fn take_lease(&mut self) -> Result<Option<Lease>, Failure> {
        let begun = self.ports.pace.now();
        loop {
            let now = self.ports.pace.now();
            let Some(other) = self.ports.audit.lease(&self.lease_until(now), now).await? else {
                self.renewed = now;
                return Ok(None);
            };
            let is_ours = other.holder.split(' ').next() == Some(&self.options.who);
            if !is_ours || now.duration_since(begun).unsigned_abs() > LEASE || self.ports.pace.is_stopping() {
                return Ok(Some(other));
            }
            self.ports.pace.sleep(Duration::from_secs(5)).await;
        }
    }

    /// Renews the lease in good time.
    async fn renew(&mut self) -> Result<(), Failure> {
        let now = self.ports.pace.now();
        if now.duration_since(self.renewed).unsigned_abs() < LEASE / 3 {
            return Ok(());
        }
        match self.ports.audit.lease(&self.lease_until(now), now).await? {
            None => self.renewed = now,
            Some(other) => {
                let why = format!("the lease lapsed, and {} has it now", other.holder);
                return Err(Failure::permanent(Code::StoreRefused, why));
            }
        }
        Ok(())
    }

    /// What the audit records say of a message's work.
    async fn history(&self, entry: &Entry) -> Result<History, Failure> {
        let records = self.ports.audit.records(&self.subject(entry)).await?;
        let has = |name: String| records.iter().any(|(entry, _)| *entry == name);
        let ours = format!("{}/", self.plan.header.plan);
        let redriven = records.iter().filter(|(name, document)| {
            name.ends_with("/2-done") && !name.starts_with(&ours) && document.contains("\"how\":\"redrive\"")
        });
        Ok(History {
            intended: has(self.name(entry, "1-intent")),
            done: has(self.name(entry, "2-done")),
            redriven: redriven.count(),
        })
    }

    async fn record(&self, entry: &Entry, letter: &DeadLetter, part: &str, how: &str) -> Result<(), Failure> {
        let Options { who, why, run, .. } = self.options;
        let document = json!({
            "at": self.ports.pace.now(), "who": who, "why": why, "how": how, "run": run, "queue": self.plan.header.queue,
            "code": letter.code, "cause": letter.cause, "stream": entry.stream, "event_version": entry.event_version,
            "stream_version": entry.stream_version, "digest": entry.digest,
        });
        self.ports.audit.record(&self.subject(entry), &self.name(entry, part), &document.to_string()).await?;
        Ok(())
    }

    /// The record of the whole run, in the list of its day.
    async fn record_run(&self, part: &str) -> Result<(), Failure> {
        let now = self.ports.pace.now();
        let queue = &self.plan.header.queue;
        let depth = self.ports.queues.facts(queue).await?.depth;
        let Options { action, who, why, run, .. } = self.options;
        let document = json!({
            "at": now, "who": who, "why": why, "verb": action.as_str(), "run": run, "part": part, "queue": queue,
            "plan": self.plan.header.plan, "filter": self.plan.header.filter, "messages": self.plan.entries.len(),
            "depth": depth, "report": (part == "2-end").then_some(&self.report),
        });
        let name = format!("{}/{run}/{part}", sortable(now));
        self.ports.audit.record(&crate::audit::day(now), &name, &document.to_string()).await?;
        Ok(())
    }

    fn subject(&self, entry: &Entry) -> String {
        subject(function_of(&self.plan.header.queue), &entry.digest)
    }

    fn name(&self, entry: &Entry, part: &str) -> String {
        format!("{}/{}/{part}", self.plan.header.plan, entry.message)
    }

    fn touch(&mut self, entry: &Entry) {
        self.touched.extend(entry.order.clone());
    }

    fn skip(&mut self, entry: &Entry, why: Skipped) {
        self.report.skipped.entry(why).or_default().push(entry.message.clone());
    }

    fn step(&mut self) {
        self.looked += 1;
        (self.progress)(self.looked, self.plan.entries.len() as u64);
    }
}

/// What was done about a message's work before.
struct History {
    /// This plan has written down that it sends it.
    intended: bool,
    /// This plan has sent and deleted it.
    done: bool,
    /// How often other plans have redriven the same work.
    redriven: usize,
}

/// The audit records' name for the work of a message: the same after every redrive.
pub(crate) fn subject(function: &str, digest: &str) -> String {
    format!("work/{function}/{digest}")
}

fn broken(failure: Failure) -> End {
    End::Broken(crate::output::words(&failure))
}
