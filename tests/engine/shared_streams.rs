//! Batches whose messages are about one stream: one load, one commit after another, and no race against each other.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use domain::{Order, OrderCommand};
use engine::batch::{Record, run};
use engine::journal::{Append, Commit, CreateOutcome, NewStream, Stream};
use engine::snapshot::Snapshot;
use engine::{Code, Context, Failure, Journal, Outcome, Wait};
use futures::executor::block_on;
use futures::future::join_all;
use testkit::memory::{MemoryDue, MemoryJournal, MemoryQueue};
use usecases::work::OrderWork;

use super::samples::{at, cancel, order_id};
use super::{STEP, commits, message, priced};

/// A journal whose calls take a moment, so that messages that run at once interleave at each call. It counts them.
#[derive(Clone, Default)]
struct Slow {
    inner: MemoryJournal,
    calls: Rc<RefCell<Calls>>,
    fails: Rc<Cell<bool>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Calls {
    loads: usize,
    newer: usize,
    appends: usize,
    raced: usize,
}

impl Slow {
    fn new(inner: MemoryJournal) -> Self {
        Self { inner, ..Self::default() }
    }

    fn calls(&self) -> Calls {
        *self.calls.borrow()
    }

    async fn moment(&self) -> Result<(), Failure> {
        let mut waited = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        if self.fails.get() { Err(Failure::transient(Code::StoreBusy, "throttled")) } else { Ok(()) }
    }
}

impl Journal for Slow {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        self.calls.borrow_mut().loads += 1;
        self.moment().await?;
        self.inner.read(stream).await
    }
    async fn read_after(&self, stream: &str, version: u64) -> Result<Vec<Commit>, Failure> {
        self.calls.borrow_mut().newer += 1;
        self.moment().await?;
        self.inner.read_after(stream, version).await
    }
    async fn read_newest(&self, stream: &str, limit: u32) -> Result<Vec<Commit>, Failure> {
        self.calls.borrow_mut().loads += 1;
        self.moment().await?;
        self.inner.read_newest(stream, limit).await
    }
    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        self.inner.snapshot(stream).await
    }
    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.inner.store_snapshot(snapshot).await
    }
    async fn append(&self, commit: &Commit) -> Result<Append, Failure> {
        self.calls.borrow_mut().appends += 1;
        self.moment().await?;
        let answer = self.inner.append(commit).await?;
        self.calls.borrow_mut().raced += usize::from(answer == Append::Raced);
        Ok(answer)
    }
    async fn append_all(&self, commits: &[Commit]) -> Result<Append, Failure> {
        self.inner.append_all(commits).await
    }
    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        self.inner.create(new_stream).await
    }
}

/// So many messages about one order, each a request of its own.
fn reports(first: usize, count: usize) -> Vec<Record> {
    let subject = format!("order/{}", order_id());
    let other = format!("order/{}", super::order_of("any"));
    (first..first + count)
        .map(|n| {
            let record = message("any", 1);
            let body = record.body.replace(&other, &subject).replace("\"corr\"", &format!("\"request {n}\""));
            Record { id: n.to_string(), receipt: n.to_string(), body, ..record }
        })
        .collect()
}

/// Runs a batch whose step commits one request for each message; `refused` is a correlation id that fails.
async fn batch(journal: &Slow, queue: &MemoryQueue, records: &[Record], refused: &str) -> Vec<String> {
    let due = MemoryDue::default();
    let step = |work: OrderWork, cx: Context| async move {
        let mut order = Stream::<Order>::load(journal, &work.order, &cx).await?;
        if cx.correlation == refused {
            return Err(Failure::permanent(Code::DeliveryUnmappable, "refused"));
        }
        order.commit(journal, &cx, &cx.cause(&cx.correlation), OrderCommand::Cancel(cancel())).await
    };
    run(&STEP, records, || at(10), || 500, queue, &due, step).await
}

#[test]
fn c21_the_messages_of_a_batch_about_one_stream_cost_one_load_and_lose_no_race() {
    let (journal, queue) = (Slow::new(priced()), MemoryQueue::default());
    let records = reports(0, 10);
    assert!(block_on(batch(&journal, &queue, &records, "")).is_empty());
    assert_eq!(journal.calls(), Calls { loads: 1, newer: 0, appends: 10, raced: 0 });
    assert_eq!(commits(&journal.inner), 12, "a commit for each message");
    assert!(block_on(batch(&journal, &queue, &records, "")).is_empty());
    assert_eq!(commits(&journal.inner), 12, "delivered again, each is done");
    assert_eq!(journal.calls().loads, 2, "a batch loads anew");
}

#[test]
fn c21_a_message_that_fails_does_not_hold_up_the_others_of_its_stream() {
    let (journal, queue) = (Slow::new(priced()), MemoryQueue::default());
    assert!(block_on(batch(&journal, &queue, &reports(0, 10), "request 0")).is_empty());
    assert_eq!(queue.parked().len(), 1);
    assert_eq!(commits(&journal.inner), 11);
}

/// Runs a batch whose step calls a partner, which takes a moment, unless an earlier message has done so. Returns the calls.
fn called(records: &[Record], answer: &Result<(), Failure>) -> (usize, MemoryQueue) {
    let (journal, queue, due) = (Slow::new(priced()), MemoryQueue::default(), MemoryDue::default());
    let (journal, calls) = (&journal, &Cell::new(0));
    let step = |work: OrderWork, cx: Context| async move {
        let mut order = Stream::<Order>::load(journal, &work.order, &cx).await?;
        let cause = cx.cause("told");
        if order.has(&cause) {
            return Ok(Outcome::AlreadyDone);
        }
        journal.moment().await?;
        calls.set(calls.get() + 1);
        answer.clone()?;
        order.commit(journal, &cx, &cause, OrderCommand::Cancel(cancel())).await
    };
    drop(block_on(run(&STEP, records, || at(10), || 500, &queue, &due, step)));
    (calls.get(), queue)
}

#[test]
fn c21_five_messages_of_a_batch_for_the_same_work_call_the_partner_once() {
    assert_eq!(called(&reports(0, 5), &Ok(())).0, 1);
}

#[test]
fn c21_a_partner_that_takes_too_long_is_not_called_again_for_the_same_work() {
    let timed_out = Failure::transient(Code::PartnerTimeout, "no answer in time");
    let (calls, queue) = called(&reports(0, 5), &Err(timed_out));
    assert_eq!(calls, 1);
    assert!((0..5).all(|n| queue.take_delay(&reports(0, 5)[n].receipt).is_some()), "each comes back");
    let refused = Failure::permanent(Code::DeliveryUnmappable, "refused");
    assert_eq!(called(&reports(0, 5), &Err(refused)).1.parked().len(), 5, "each is parked with its cause");
}

#[test]
fn c21_after_a_lost_race_only_newer_commits_are_read() {
    // Two instances with a batch each, of the same stream, at the same time.
    let (journal, queue) = (Slow::new(priced()), MemoryQueue::default());
    let (one, two) = (reports(0, 5), reports(5, 5));
    block_on(async {
        let both = [batch(&journal, &queue, &one, ""), batch(&journal, &queue, &two, "")];
        assert_eq!(join_all(both).await, [Vec::<String>::new(), Vec::new()]);
    });
    let calls = journal.calls();
    assert_eq!((calls.loads, calls.newer), (2, calls.raced), "{calls:?}");
    assert!(calls.raced > 0, "they did race");
    assert_eq!(commits(&journal.inner), 12);
}

#[test]
fn c21_three_hundred_reports_at_once_cost_a_load_a_batch_and_none_is_parked() {
    let (journal, queue) = (Slow::new(priced()), MemoryQueue::default());
    let mut waiting: Vec<Record> = reports(0, 300);
    // Ten instances take ten messages each, until the queue is empty. What goes back comes again.
    for round in 1..100 {
        if waiting.is_empty() {
            break;
        }
        let batches: Vec<Vec<Record>> = waiting.chunks(10).take(10).map(<[Record]>::to_vec).collect();
        let taken: usize = batches.iter().map(Vec::len).sum();
        let again: Vec<String> =
            block_on(join_all(batches.iter().map(|records| batch(&journal, &queue, records, "")))).concat();
        let rest = waiting.split_off(taken);
        let mut back: Vec<Record> = waiting.into_iter().filter(|record| again.contains(&record.id)).collect();
        back.iter_mut().for_each(|record| record.receive_count += 1);
        waiting = rest.into_iter().chain(back).collect();
        assert!(round < 99, "the queue never gets empty");
    }
    let calls = journal.calls();
    assert_eq!(commits(&journal.inner), 302, "all are recorded");
    assert!(queue.parked().is_empty());
    assert!(calls.loads <= 120 && calls.newer <= 3_000, "{calls:?}");
}

#[test]
fn f17_a_store_that_fails_is_called_once_for_a_batch_of_one_stream() {
    let (journal, queue) = (Slow::new(priced()), MemoryQueue::default());
    journal.fails.set(true);
    assert_eq!(block_on(batch(&journal, &queue, &reports(0, 10), "")).len(), 10, "all go back to the queue");
    assert_eq!(journal.calls().loads, 1, "ten calls one after another would outlast the function");
    journal.fails.set(false);
    assert!(block_on(batch(&journal, &queue, &reports(0, 10), "")).is_empty());
    assert_eq!(commits(&journal.inner), 12);
}

#[test]
fn a_parent_that_is_missing_is_looked_for_again_within_the_batch() {
    let (journal, queue, due) = (Slow::new(MemoryJournal::default()), MemoryQueue::default(), MemoryDue::default());
    let journal_of_step = &journal;
    let step = |work: OrderWork, cx: Context| async move {
        let order = Stream::<Order>::load(journal_of_step, &work.order, &cx).await?;
        let parent = Wait::ParentUnknown(format!("order/{}", work.order));
        if order.version == 0 { Err(Failure::Deferred { until: at(30), why: parent }) } else { Ok(Outcome::Applied) }
    };
    assert!(block_on(run(&STEP, &reports(0, 2), || at(10), || 500, &queue, &due, step)).is_empty());
    assert_eq!(journal.calls().loads, 4);
    assert_eq!(due.all().len(), 2);
}
