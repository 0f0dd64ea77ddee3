//! Loads that may be behind: what they may leave out, and what a step must not conclude from them.

use std::cell::{Cell, RefCell};

use domain::intake::OrderRefusal;
use domain::order::CrmUpdate;
use domain::{Order, OrderCommand};
use engine::batch::{Turn, settle};
use engine::context::Place;
use engine::effect::{Claimed, claim};
use engine::journal::{Append, Commit, CreateOutcome, Freshness, NewStream, Stream, stream_name};
use engine::partner::{CallFailure, Crm};
use engine::recent::Recent;
use engine::snapshot::Snapshot;
use engine::{Context, Epoch, Failure, Journal, Outcome};
use testkit::memory::{MemoryDue, MemoryJournal, MemoryQueue};
use usecases::work::{CrmWork, OrderWork};

use super::samples::{approved, at, cancel, order_id};
use super::{STEP, commit, context, message, now, order_of, priced, stock};

/// A journal of which a copy is behind by some commits. It counts the reads that the newest state was needed for.
struct Behind {
    journal: MemoryJournal,
    by: usize,
    /// A commit that the copy does not have, although it has newer ones.
    gap: Option<u64>,
    newest: Cell<usize>,
}

impl Behind {
    fn by(by: usize, journal: &MemoryJournal) -> Self {
        Self { journal: journal.clone(), by, gap: None, newest: Cell::new(0) }
    }
}

impl Journal for Behind {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        self.newest.set(self.newest.get() + 1);
        self.journal.read(stream).await
    }
    async fn read_after(&self, stream: &str, version: u64) -> Result<Vec<Commit>, Failure> {
        self.newest.set(self.newest.get() + 1);
        self.journal.read_after(stream, version).await
    }
    async fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> Result<Vec<Commit>, Failure> {
        let newest = self.journal.read_newest(stream, after, limit, Freshness::Newest).await?;
        let last = self.journal.commits(stream).len() - self.by;
        let is_copied = |commit: &&Commit| commit.version <= last as u64 && Some(commit.version) != self.gap;
        let copied: Vec<Commit> = newest.iter().filter(is_copied).cloned().collect();
        if freshness.is_met_by(copied.iter().map(|commit| commit.version), after) {
            return Ok(copied);
        }
        self.newest.set(self.newest.get() + 1);
        Ok(newest)
    }
    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        self.journal.snapshot(stream).await
    }
    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.journal.store_snapshot(snapshot).await
    }
    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        self.journal.append(commit).await
    }
    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        self.journal.append_all(commits).await
    }
    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        self.journal.create(new_stream).await
    }
}

/// The context of a first delivery that the order's commit of this version announced.
fn woken_by(version: u64) -> Context {
    let stream = stream_name::<Order>(&order_id());
    Context { woken_by: Some(Place { stream, version }), ..context("tests", 0) }
}

fn loaded(journal: &impl Journal, cx: &Context) -> u64 {
    now(Stream::<Order>::load(journal, &order_id(), cx)).unwrap().version
}

/// An order of four commits.
fn four() -> MemoryJournal {
    let journal = priced();
    assert_eq!(commit(&journal, "credit", OrderCommand::RecordCreditApproved(approved())), Ok(Outcome::Applied));
    assert_eq!(commit(&journal, "allocate", stock("AL-1")), Ok(Outcome::Applied));
    journal
}

#[test]
fn a_load_may_be_behind_but_not_behind_the_commit_that_announced_the_work() {
    let behind = Behind::by(1, &four());
    assert_eq!((loaded(&behind, &woken_by(3)), behind.newest.get()), (3, 0));
    assert_eq!((loaded(&behind, &woken_by(4)), behind.newest.get()), (4, 1), "the copy lacks it");
    assert_eq!((loaded(&behind, &context("tests", 0)), behind.newest.get()), (4, 2), "no commit announced it");
    let gap = Behind { gap: Some(2), ..Behind::by(0, &four()) };
    assert_eq!((loaded(&gap, &woken_by(4)), gap.newest.get()), (4, 1), "a copy with a gap is no copy");
}

#[test]
fn a_warm_function_reads_nothing_for_a_commit_that_it_knows() {
    let warm = Recent::new(Behind::by(0, &four()));
    assert_eq!(loaded(&warm, &context("tests", 0)), 4);
    let journal = four();
    let unread = Recent::new(Behind::by(2, &journal));
    unread.keep(&journal.commits(&stream_name::<Order>(&order_id())));
    assert_eq!(loaded(&unread, &woken_by(4)), 4, "it came with the stream of the table");
    for version in 1..=4 {
        assert_eq!(loaded(&warm, &woken_by(version)), 4);
    }
}

#[test]
fn a_commit_that_finds_nothing_to_do_in_an_old_state_decides_again_on_the_newest() {
    let behind = Behind::by(4, &four());
    let cx = context("tests", 0);
    let mut order = now(Stream::<Order>::load_to_commit(&behind, &order_id(), &cx)).unwrap();
    assert_eq!((order.version, behind.newest.get()), (0, 0));
    let cancelled = now(order.commit(&behind, &cx, &cx.cause("cancel"), OrderCommand::Cancel(cancel())));
    assert_eq!((cancelled, order.version), (Ok(Outcome::Applied), 5), "the copy does not know the order");
}

#[test]
fn a_claim_whose_guard_is_closed_in_an_old_state_asks_the_newest() {
    let behind = Behind::by(1, &priced());
    let cx = context("stock-allocate", 0);
    let claimed = now(claim(&behind, &(), &order_id(), &cx, Order::allocation_request)).unwrap();
    assert!(matches!(claimed, Claimed::Mine(..)), "the copy has no price");
}

#[test]
fn only_a_first_and_recent_delivery_of_a_commits_event_may_be_behind() {
    let stream = stream_name::<Order>(&order_of("1"));
    let woken_by = |id: &str, receive_count: u32, seconds: i64| {
        let seen = RefCell::new(None);
        let handle = |_work: OrderWork, cx: Context| {
            seen.replace(cx.woken_by);
            async { Ok(Outcome::Applied) }
        };
        let mut record = message("1", receive_count);
        record.body = record.body.replace(&format!("e1/{stream}/1/0"), id);
        let turn = Turn { now: at(0) + jiff::SignedDuration::from_secs(seconds), ..Turn::default() };
        now(settle(&STEP, &record, turn, &MemoryQueue::default(), &MemoryDue::default(), &handle));
        seen.take()
    };
    let announced = format!("1/{stream}/12/0");
    assert_eq!(woken_by(&announced, 1, 30), Some(Place { stream: stream.clone(), version: 12 }));
    assert_eq!(woken_by(&announced, 2, 30), None, "a repeated delivery");
    assert_eq!(woken_by(&announced, 1, 60), None, "deferred, parked, or published again");
    assert_eq!(woken_by(&format!("2/{stream}/12/0"), 1, 30), None, "another epoch's version 12 is another commit");
    assert_eq!(woken_by(&format!("1/{stream}/12/sweep-3/0"), 1, 30), None, "work that is announced again");
    assert_eq!(woken_by("1/delivery/x/12/0", 1, 30), None, "another stream's commit");
}

/// Notes the versions of the updates that it is sent.
#[derive(Default)]
struct Shown(RefCell<Vec<u64>>);

impl Crm for Shown {
    async fn update(&self, _: &Context, _: &CrmUpdate, version: u64) -> Result<(), CallFailure> {
        self.0.borrow_mut().push(version);
        Ok(())
    }
    async fn refuse(&self, _: &Context, _: &OrderRefusal, _: u64) -> Result<(), CallFailure> {
        panic!("the order was taken")
    }
}

#[test]
fn the_crm_is_shown_the_newest_state() {
    let ports = crm_update::Ports { journal: Behind::by(1, &four()), crm: Shown::default() };
    let outcome = now(crm_update::handle(&ports, CrmWork::Order(order_id()), &woken_by(3)));
    assert_eq!((outcome, ports.crm.0.take()), (Ok(Outcome::Applied), vec![Epoch::FIRST.rank(4)]));
}
