//! One store per port, each a shared map or list.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use domain::PartnerId;
use domain::party::{Party, PartyRef};
use engine::batch::{Parked, Queue};
use engine::delivery::{Delivery, StoreOutcome};
use engine::journal::{Append, CreateOutcome, Freshness, NewStream, Takeover};
use engine::partner_health::{PartnerHealth, PartnerHealthStore};
use engine::relay::{Bus, Entry, Rejected};
use engine::sessions::{Session, Sessions};
use engine::snapshot::Snapshot;
use engine::stored::{StoredEvents, stored_bytes};
use engine::stores::{Deliveries, Due, DueItem, DuePage, Page, Parties, Queues, ViewRow, Views, WaitingPartner};
use engine::{Code, Commit, Failure, Journal};
use jiff::Timestamp;

/// The journal, its natural keys, and what its table stream carries.
#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    streams: Rc<RefCell<BTreeMap<String, Vec<Commit>>>>,
    snapshots: Rc<RefCell<BTreeMap<String, Snapshot>>>,
    unique: Rc<RefCell<BTreeMap<String, String>>>,
    stream: Rc<RefCell<VecDeque<Commit>>>,
    due: MemoryDue,
    parties: MemoryParties,
    behind: Rc<RefCell<Option<fastrand::Rng>>>,
}

/// The journal as it was at one time.
#[derive(Debug, Clone, Default)]
pub struct JournalBackup {
    streams: BTreeMap<String, Vec<Commit>>,
    snapshots: BTreeMap<String, Snapshot>,
    unique: BTreeMap<String, String>,
}

impl MemoryJournal {
    /// An empty journal; a new stream writes its deadline to `due`, and its personal data to `parties`.
    pub fn new(due: MemoryDue, parties: MemoryParties) -> Self {
        Self { due, parties, ..Self::default() }
    }

    /// Lets reads that may be behind miss up to four of a stream's newest commits, as chance wants it, or none.
    pub fn fall_behind(&self, chance: Option<fastrand::Rng>) {
        *self.behind.borrow_mut() = chance;
    }

    /// How many of the newest commits a read misses.
    fn lag(&self) -> usize {
        self.behind.borrow_mut().as_mut().map_or(0, |chance| chance.usize(0..5))
    }

    /// Every stream's name.
    pub fn streams(&self) -> Vec<String> {
        self.streams.borrow().keys().cloned().collect()
    }

    /// A stream's commits.
    pub fn commits(&self, stream: &str) -> Vec<Commit> {
        self.streams.borrow().get(stream).cloned().unwrap_or_default()
    }

    /// Takes the commits since the last call, as the table's stream carries them.
    pub fn take_stream(&self) -> Vec<Commit> {
        self.stream.borrow_mut().drain(..).collect()
    }

    /// Writes a commit over the one that has its version, if one has: what no real journal does.
    pub fn overwrite(&self, commit: &Commit) {
        let mut streams = self.streams.borrow_mut();
        let commits = streams.entry(commit.stream.clone()).or_default();
        commits.retain(|known| known.version != commit.version);
        commits.push(commit.clone());
        commits.sort_by_key(|commit| commit.version);
        self.stream.borrow_mut().push_back(commit.clone());
    }

    /// A copy of the whole table.
    pub fn backup(&self) -> JournalBackup {
        JournalBackup {
            streams: self.streams.borrow().clone(),
            snapshots: self.snapshots.borrow().clone(),
            unique: self.unique.borrow().clone(),
        }
    }

    /// Puts the table back to what it was. The stream's readers do not see that.
    pub fn restore(&self, backup: &JournalBackup) {
        self.streams.borrow_mut().clone_from(&backup.streams);
        self.snapshots.borrow_mut().clone_from(&backup.snapshots);
        self.unique.borrow_mut().clone_from(&backup.unique);
        self.stream.borrow_mut().clear();
    }

    fn is_free(&self, commit: &Commit) -> bool {
        let is_free = |commits: &Vec<Commit>| commits.iter().all(|known| known.version != commit.version);
        self.streams.borrow().get(&commit.stream).is_none_or(is_free)
    }

    /// All of `commits` or none. Returns whether they were written.
    fn write(&self, commits: &[Commit]) -> bool {
        let free = commits.iter().all(|commit| self.is_free(commit));
        if free {
            commits.iter().for_each(|commit| self.overwrite(commit));
        }
        free
    }

    /// The bytes of a stream's items, oldest first.
    pub fn item_bytes(&self, stream: &str) -> Vec<usize> {
        self.streams.borrow().get(stream).into_iter().flatten().map(item_bytes).collect()
    }
}

/// The bytes of a commit's item, names and values, as DynamoDB counts and bills them.
pub fn item_bytes(commit: &Commit) -> usize {
    const NAMES: usize = "stream version cause correlation_id actor at traceparent epoch events write_id".len();
    let events = stored_bytes(&commit.events);
    let texts = [&commit.stream, &commit.correlation, &commit.actor, &commit.epoch].map(String::len);
    let unlisted = if commit.listed { 0 } else { "unlisted".len() + 1 };
    let reviews: usize = commit.opened_reviews.iter().map(|review| review.len() + 1).sum();
    let traceparent = commit.traceparent.as_ref().map_or(0, String::len);
    // A number of up to 20 digits has at most 11 bytes; a time has 30, and a random id 20.
    NAMES
        + events
        + texts.iter().sum::<usize>()
        + reviews
        + unlisted
        + traceparent
        + commit.cause.as_str().len()
        + 11
        + 30
        + 20
}

/// A commit, as it comes back from a store: long events were deflated.
fn stored(commit: &Commit) -> Result<Commit, Failure> {
    Ok(Commit { events: StoredEvents::new(&commit.events).into_events()?, ..commit.clone() })
}

impl Journal for MemoryJournal {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        Ok(self.commits(stream))
    }

    async fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> Result<Vec<Commit>, Failure> {
        let streams = self.streams.borrow();
        let commits = streams.get(stream).map_or(&[][..], Vec::as_slice);
        let newest = |commits: &[Commit]| -> Vec<Commit> {
            let newer: Vec<&Commit> = commits.iter().filter(|commit| commit.version > after).collect();
            newer.iter().skip(newer.len().saturating_sub(limit as usize)).map(|commit| (*commit).clone()).collect()
        };
        if freshness != Freshness::Newest {
            let behind = newest(&commits[..commits.len().saturating_sub(self.lag())]);
            if freshness.is_met_by(behind.iter().map(|commit| commit.version), after) {
                return Ok(behind);
            }
        }
        Ok(newest(commits))
    }

    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        Ok(self.snapshots.borrow().get(stream).cloned())
    }

    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.snapshots.borrow_mut().insert(snapshot.stream.clone(), snapshot.clone());
        Ok(())
    }

    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        Ok(if self.write(&[stored(commit)?]) { Append::Committed } else { Append::Raced })
    }

    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        let commits = commits.iter().map(stored).collect::<Result<Vec<_>, Failure>>()?;
        Ok(if self.write(&commits) { Append::Committed } else { Append::Raced })
    }

    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        if !self.commits(&new_stream.commit.stream).is_empty() {
            return Ok(CreateOutcome::Exists);
        }
        let mut unique = self.unique.borrow_mut();
        let is_given_up =
            |Takeover { key, last }: &Takeover| unique.get(key) == Some(&last.stream) && self.is_free(last);
        if !new_stream.takeover.as_ref().is_none_or(is_given_up) {
            return Ok(CreateOutcome::Raced);
        }
        if let Some((key, owner)) = new_stream.unique.iter().find_map(|key| Some((key, unique.get(key)?))) {
            return Ok(CreateOutcome::Taken { key: key.clone(), owner: owner.clone() });
        }
        if let Some(Takeover { key, last }) = &new_stream.takeover {
            self.overwrite(last);
            unique.insert(key.clone(), new_stream.commit.stream.clone());
        }
        for key in &new_stream.unique {
            unique.insert(key.clone(), new_stream.commit.stream.clone());
        }
        self.overwrite(&stored(&new_stream.commit)?);
        self.due.put(&new_stream.deadline);
        if let Some((reference, party)) = &new_stream.party {
            self.parties.put(reference, party);
        }
        Ok(CreateOutcome::Committed)
    }
}

/// Raw deliveries, and what their table's stream carries.
#[derive(Debug, Clone, Default)]
pub struct MemoryDeliveries {
    stored: Rc<RefCell<BTreeMap<String, Delivery>>>,
    stream: Rc<RefCell<VecDeque<Delivery>>>,
}

impl MemoryDeliveries {
    /// Takes the deliveries since the last call.
    pub fn take_stream(&self) -> Vec<Delivery> {
        self.stream.borrow_mut().drain(..).collect()
    }

    /// How many are stored.
    pub fn len(&self) -> usize {
        self.stored.borrow().len()
    }

    /// Whether none is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Deliveries for MemoryDeliveries {
    async fn store(&self, delivery: &Delivery) -> Result<StoreOutcome, Failure> {
        let mut stored = self.stored.borrow_mut();
        if let Some(known) = stored.get(&delivery.key()) {
            let digest = known.digest();
            return Ok(if digest == delivery.digest() {
                StoreOutcome::Same { received_at: known.received_at }
            } else {
                StoreOutcome::Conflict { stored: digest }
            });
        }
        stored.insert(delivery.key(), delivery.clone());
        self.stream.borrow_mut().push_back(delivery.clone());
        Ok(StoreOutcome::New)
    }

    async fn announce_again(&self, key: &str) -> Result<(), Failure> {
        self.stream.borrow_mut().extend(self.stored.borrow().get(key).cloned());
        Ok(())
    }

    async fn fetch(&self, partner: &PartnerId, id: &str) -> Result<Option<Delivery>, Failure> {
        Ok(self.stored.borrow().get(&format!("{partner}/{id}")).cloned())
    }
}

/// Personal data.
#[derive(Debug, Clone, Default)]
pub struct MemoryParties(Rc<RefCell<BTreeMap<PartyRef, Party>>>);

impl MemoryParties {
    /// The references of all records.
    pub fn references(&self) -> Vec<PartyRef> {
        self.0.borrow().keys().cloned().collect()
    }

    fn put(&self, reference: &PartyRef, party: &Party) {
        self.0.borrow_mut().entry(reference.clone()).or_insert_with(|| party.clone());
    }
}

impl Parties for MemoryParties {
    async fn store(&self, reference: &PartyRef, party: &Party) -> Result<(), Failure> {
        self.put(reference, party);
        Ok(())
    }

    async fn fetch(&self, reference: &PartyRef) -> Result<Option<Party>, Failure> {
        Ok(self.0.borrow().get(reference).cloned())
    }
}

/// Deferred work.
#[derive(Debug, Clone, Default)]
pub struct MemoryDue(Rc<RefCell<BTreeMap<(String, String), DueItem>>>);

impl MemoryDue {
    fn put(&self, item: &DueItem) {
        self.0.borrow_mut().insert((item.partition(), item.sort_key()), item.clone());
    }

    /// The earliest due time.
    pub fn next(&self) -> Option<Timestamp> {
        self.0.borrow().values().map(|item| item.due).min()
    }

    /// All items, oldest first.
    pub fn all(&self) -> Vec<DueItem> {
        let mut items: Vec<DueItem> = self.0.borrow().values().cloned().collect();
        items.sort_by_key(|item| item.due);
        items
    }
}

impl Due for MemoryDue {
    async fn defer(&self, item: &DueItem) -> Result<(), Failure> {
        self.put(item);
        Ok(())
    }

    async fn ready(
        &self,
        partition: &str,
        now: Timestamp,
        limit: u32,
        after: Option<&str>,
    ) -> Result<DuePage, Failure> {
        let known = self.0.borrow();
        let first = (partition.to_owned(), after.unwrap_or_default().to_owned());
        let rest = known.range(first..).filter(|((_, key), _)| after.is_none_or(|after| key.as_str() > after));
        let due = rest.take_while(|((place, _), item)| place == partition && item.due <= now);
        let items: Vec<DueItem> = due.take(limit as usize).map(|(_, item)| item.clone()).collect();
        let next = items.last().filter(|_| items.len() == limit as usize).map(DueItem::sort_key);
        Ok(DuePage { items, next })
    }

    async fn waiting(&self, parent: &str, limit: u32) -> Result<Vec<DueItem>, Failure> {
        let waits = |item: &&DueItem| item.parent.as_deref() == Some(parent);
        Ok(self.0.borrow().values().filter(waits).take(limit as usize).cloned().collect())
    }

    async fn done(&self, item: &DueItem) -> Result<(), Failure> {
        self.0.borrow_mut().remove(&(item.partition(), item.sort_key()));
        Ok(())
    }

    async fn all_done(&self, items: &[DueItem]) -> Result<(), Failure> {
        for item in items {
            self.done(item).await?;
        }
        Ok(())
    }

    async fn partners(&self) -> Result<Vec<WaitingPartner>, Failure> {
        let waiting: BTreeSet<PartnerId> = self.0.borrow().values().filter_map(|item| item.partner.clone()).collect();
        Ok(waiting.into_iter().map(|partner| WaitingPartner { partner, since: Timestamp::UNIX_EPOCH }).collect())
    }

    async fn forget(&self, _partner: &WaitingPartner) -> Result<(), Failure> {
        // The list is made of the items.
        Ok(())
    }
}

/// Partner health, replaced on its version.
#[derive(Debug, Clone, Default)]
pub struct MemoryPartnerHealth {
    partner_health: Rc<RefCell<BTreeMap<PartnerId, (PartnerHealth, u64)>>>,
    writes: Rc<Cell<usize>>,
}

impl MemoryPartnerHealth {
    /// How many writes there were.
    pub fn writes(&self) -> usize {
        self.writes.get()
    }
}

impl PartnerHealthStore for MemoryPartnerHealth {
    async fn read(&self, partner: &PartnerId) -> Result<(PartnerHealth, u64), Failure> {
        Ok(self.partner_health.borrow().get(partner).cloned().unwrap_or_default())
    }

    async fn swap(&self, partner: &PartnerId, version: u64, state: &PartnerHealth) -> Result<bool, Failure> {
        let mut partner_health = self.partner_health.borrow_mut();
        let newest = partner_health.get(partner).map_or(0, |(_, version)| *version) == version;
        if newest {
            partner_health.insert(partner.clone(), (state.clone(), version + 1));
            self.writes.set(self.writes.get() + 1);
        }
        Ok(newest)
    }
}

/// Sessions, each until it is deleted.
#[derive(Debug, Clone, Default)]
pub struct MemorySessions {
    sessions: Rc<RefCell<BTreeMap<(String, String), Session>>>,
}

impl Sessions for MemorySessions {
    async fn begin(&self, session: &Session) -> Result<bool, Failure> {
        let key = (session.subject.clone(), session.digest.clone());
        let mut sessions = self.sessions.borrow_mut();
        let is_new = !sessions.contains_key(&key);
        if is_new {
            sessions.insert(key, session.clone());
        }
        Ok(is_new)
    }

    async fn find(&self, subject: &str, digest: &str) -> Result<Option<Session>, Failure> {
        Ok(self.sessions.borrow().get(&(subject.to_owned(), digest.to_owned())).cloned())
    }

    async fn end(&self, subject: &str, digest: &str) -> Result<(), Failure> {
        self.sessions.borrow_mut().remove(&(subject.to_owned(), digest.to_owned()));
        Ok(())
    }
}

/// What one step's runner does with its queue, recorded for the test to read.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    parked: Rc<RefCell<Vec<Parked>>>,
    delays: Rc<RefCell<BTreeMap<String, Duration>>>,
}

impl MemoryQueue {
    /// The dead-letter queue's messages.
    pub fn parked(&self) -> Vec<Parked> {
        self.parked.borrow().clone()
    }

    /// Takes the dead-letter queue's messages: a redrive.
    pub fn take_parked(&self) -> Vec<Parked> {
        self.parked.borrow_mut().drain(..).collect()
    }

    /// Removes the dead-letter queue's messages with this body. Returns how many there were.
    pub fn discard(&self, body: &str) -> usize {
        let mut parked = self.parked.borrow_mut();
        let before = parked.len();
        parked.retain(|message| message.body != body);
        before - parked.len()
    }

    /// Takes the pause that was requested for a delivery.
    pub fn take_delay(&self, receipt: &str) -> Option<Duration> {
        self.delays.borrow_mut().remove(receipt)
    }
}

impl Queue for MemoryQueue {
    async fn delay(&self, receipt: &str, pause: Duration) -> Result<(), Failure> {
        self.delays.borrow_mut().insert(receipt.to_owned(), pause);
        Ok(())
    }

    async fn park(&self, parked: &Parked) -> Result<(), Failure> {
        self.parked.borrow_mut().push(parked.clone());
        Ok(())
    }
}

/// The queues of all steps, as `due-fire` sees them.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueues(Rc<RefCell<VecDeque<(String, String)>>>);

impl MemoryQueues {
    /// Takes the messages sent so far: function and body.
    pub fn take(&self) -> Vec<(String, String)> {
        self.0.borrow_mut().drain(..).collect()
    }
}

impl Queues for MemoryQueues {
    async fn send(&self, function: &str, bodies: &[String]) -> Result<Vec<usize>, Failure> {
        self.0.borrow_mut().extend(bodies.iter().map(|body| (function.to_owned(), body.clone())));
        Ok(vec![])
    }
}

/// The bus: published entries, and a switch that makes it refuse some.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus {
    published: Rc<RefCell<VecDeque<Entry>>>,
    refuse: Rc<Cell<u32>>,
}

impl MemoryBus {
    /// Refuses every second entry of the next `calls` calls.
    pub fn refuse_some(&self, calls: u32) {
        self.refuse.set(calls);
    }

    /// Takes the entries published so far.
    pub fn take(&self) -> Vec<Entry> {
        self.published.borrow_mut().drain(..).collect()
    }
}

impl Bus for MemoryBus {
    async fn publish(&self, entries: &[Entry]) -> Result<Vec<Rejected>, Failure> {
        let refusing = self.refuse.get() > 0;
        self.refuse.set(self.refuse.get().saturating_sub(1));
        let (refused, taken): (Vec<_>, Vec<_>) = (0..).zip(entries).partition(|(i, _)| refusing && i % 2 == 0);
        self.published.borrow_mut().extend(taken.into_iter().map(|(_, entry): (usize, &Entry)| entry.clone()));
        Ok(refused.into_iter().map(|(index, _)| Rejected { index, for_good: None }).collect())
    }
}

/// Read models.
#[derive(Debug, Clone, Default)]
pub struct MemoryViews(Rc<RefCell<BTreeMap<(String, String), ViewRow>>>);

impl Views for MemoryViews {
    async fn put(&self, row: &ViewRow) -> Result<bool, Failure> {
        let mut rows = self.0.borrow_mut();
        let place = (row.key.clone(), row.part.clone());
        let newer = rows.get(&place).is_none_or(|known| (known.version, known.fold) < (row.version, row.fold));
        if newer {
            rows.insert(place, row.clone());
        }
        Ok(newer)
    }

    async fn put_all(&self, rows: &[ViewRow]) -> Result<(), Failure> {
        self.0.borrow_mut().extend(rows.iter().map(|row| ((row.key.clone(), row.part.clone()), row.clone())));
        Ok(())
    }

    async fn rows(&self, key: &str, limit: u32) -> Result<Vec<ViewRow>, Failure> {
        let rows = self.0.borrow();
        Ok(rows.values().filter(|row| row.key == key).take(limit as usize).cloned().collect())
    }

    async fn get(&self, key: &str, part: &str) -> Result<Option<ViewRow>, Failure> {
        Ok(self.0.borrow().get(&(key.to_owned(), part.to_owned())).cloned())
    }

    async fn list(&self, list: &str, limit: u32, cursor: Option<&str>) -> Result<Page, Failure> {
        let rows = self.0.borrow();
        let mut listed: Vec<&ViewRow> = rows.values().filter(|row| row.list == list).collect();
        listed.sort_by(|a, b| b.rank.cmp(&a.rank));
        let own = |cursor: &str| cursor.strip_prefix(list).and_then(|rest| rest.strip_prefix('|')).map(str::to_owned);
        let refused = Failure::permanent(Code::StoreRefused, "no cursor of this list");
        let last = cursor.map(|cursor| own(cursor).ok_or(refused)).transpose()?;
        let mut after = listed.into_iter().filter(|row| last.as_ref().is_none_or(|last| row.rank < *last));
        let page: Vec<ViewRow> = after.by_ref().take(limit as usize).cloned().collect();
        let next = after.next().and_then(|_more| page.last().map(|row| format!("{list}|{}", row.rank)));
        Ok(Page { rows: page, next })
    }
}
