//! A step that keeps failing: its message leaves the queue, comes back later and later, and is parked after hours.

use std::cell::Cell;
use std::time::Duration;

use engine::batch::{Record, run};
use engine::stores::{Due as _, DueItem};
use engine::{Code, Context, EventEnvelope, Failure, Outcome, Wait};
use jiff::Timestamp;
use testkit::memory::{Fault, Faulty, MemoryDue, MemoryQueue, Script};
use usecases::work::OrderWork;

use super::samples::at;
use super::{Down, STEP, batch, busy, message, now, order_of};

/// A queue, a due table and a step that fails until `works_from`, run as the queue and `due-fire` would.
struct Outage {
    queue: MemoryQueue,
    due: MemoryDue,
    deliveries: Cell<u32>,
}

impl Outage {
    /// Delivers `first` and what becomes of it until it is done or parked; returns the time of that.
    fn run(&self, first: Record, start: Timestamp, works_from: Timestamp) -> Timestamp {
        let (mut time, mut record) = (start, first);
        loop {
            self.deliveries.set(self.deliveries.get() + 1);
            let step = |_work: OrderWork, cx: Context| async move {
                if cx.now < works_from { Err(busy()) } else { Ok(Outcome::Applied) }
            };
            let again = now(run(&STEP, std::slice::from_ref(&record), || time, || 500, &self.queue, &self.due, step));
            if !again.is_empty() {
                time += self.queue.take_delay(&record.receipt).unwrap();
                record.receive_count += 1;
            } else if let Some(item) = self.due.all().pop() {
                assert!(item.due > time);
                time = item.due;
                now(self.due.done(&item)).unwrap();
                record = Record { body: item.body, receive_count: 1, first_received: time, ..record };
            } else {
                return time;
            }
        }
    }

    fn new() -> Self {
        let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
        Self { queue, due, deliveries: Cell::new(0) }
    }
}

fn first() -> Record {
    Record { first_received: at(0), ..message("1", 1) }
}

#[test]
fn f17_an_outage_of_any_length_below_hours_parks_nothing_and_ends_soon_after() {
    for seconds in [20, 60, 600, 3_600, 3 * 3_600] {
        let outage = Outage::new();
        let end = at(0) + Duration::from_secs(seconds);
        let done = outage.run(first(), at(0), end);
        assert!(outage.queue.parked().is_empty(), "{seconds} s");
        let late = Duration::try_from(done.duration_since(end)).unwrap();
        assert!(
            late <= Duration::from_secs(900) && late <= Duration::from_secs(seconds + 20),
            "{late:?} after {seconds}"
        );
        assert!(outage.deliveries.get() <= 40, "{} deliveries", outage.deliveries.get());
    }
}

#[test]
fn f03_a_step_that_fails_for_hours_parks_its_message_as_the_bus_wrote_it_with_the_time_of_the_first_failure() {
    let outage = Outage::new();
    let done = outage.run(first(), at(0), Timestamp::MAX);
    let [parked] = &outage.queue.parked()[..] else { panic!("one is parked") };
    assert_eq!((parked.code, parked.correlation.as_str()), (Code::PartnerBusy, "corr"));
    assert_eq!(parked.stream, format!("order/{}", order_of("1")));
    assert_eq!(parked.cause, "503 for [redacted]");
    assert_eq!((parked.body.as_str(), parked.first_received), (first().body.as_str(), at(0)));
    let age = done.duration_since(at(0)).as_secs();
    assert!((4 * 3_600..5 * 3_600).contains(&age), "{age}");
    // A redrive begins anew.
    let again = outage.run(Record { body: parked.body.clone(), first_received: done, ..first() }, done, done);
    assert_eq!(again, done);
}

#[test]
fn f17_the_first_deliveries_go_back_to_the_queue_and_then_it_is_a_due_item() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    for (count, again, items) in [(1, 1, 0), (2, 1, 0), (3, 0, 1), (4, 0, 1)] {
        let left = batch(&[message("1", count)], &queue, &due, |_order| Err(busy()));
        assert_eq!((left.len(), due.all().len()), (again, items), "delivery {count}");
    }
    assert!(queue.parked().is_empty());
    let item: DueItem = due.all().remove(0);
    assert_eq!((item.why.as_str(), item.function.as_str()), ("failing", "order-route"));
    assert_eq!(EventEnvelope::read(&item.body).unwrap().subject, format!("order/{}", order_of("1")));
}

#[test]
fn f17_work_that_waits_for_another_reason_in_between_begins_its_failures_anew() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    batch(&[message("1", 9)], &queue, &due, |_order| Err(busy()));
    let item = due.all().remove(0);
    now(due.done(&item)).unwrap();
    let failing = Record { body: item.body, receive_count: 1, ..message("1", 1) };
    let wait = Failure::Deferred { until: at(60), why: Wait::Claimed };
    batch(std::slice::from_ref(&failing), &queue, &due, |_order| Err(wait.clone()));
    assert_eq!(due.all().remove(0).body, message("1", 1).body, "as the bus wrote it");
}

#[test]
fn f17_if_the_due_table_is_throttled_too_the_message_stays_in_the_queue() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let script = Script::fault_at(0, Fault::Throttle, || {});
    script.arm(true);
    let throttled = Faulty::new(due.clone(), &script);
    assert_eq!(batch(&[message("1", 5)], &queue, &throttled, |_order| Err(busy())).len(), 1);
    assert_eq!(batch(&[message("1", 6)], &queue, &throttled, |_order| Err(busy())).len(), 0);
    assert_eq!((due.all().len(), queue.parked().len()), (1, 0));
    assert_eq!(batch(&[message("1", 9)], &Down, &Down, |_order| Err(busy())).len(), 1);
}

/// Runs a batch of messages with these receive counts. Returns which ran and which went back.
fn ran(counts: &[u32]) -> (Vec<usize>, Vec<usize>) {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let records: Vec<Record> = counts.iter().enumerate().map(|(n, count)| message(&n.to_string(), *count)).collect();
    let ran = std::cell::RefCell::new(Vec::new());
    let again = batch(&records, &queue, &due, |order| {
        ran.borrow_mut().extend((0..counts.len()).find(|n| order_of(&n.to_string()) == order));
        Ok(Outcome::Applied)
    });
    let back: Vec<usize> = (0..counts.len()).filter(|n| again.contains(&format!("message {n}"))).collect();
    for n in &back {
        let pause = queue.take_delay(&format!("receipt {n}")).unwrap();
        assert!((Duration::from_secs(1)..=Duration::from_secs(60)).contains(&pause), "{pause:?}");
    }
    (ran.into_inner(), back)
}

#[test]
fn f03_a_message_over_which_the_function_may_have_crashed_runs_alone() {
    assert_eq!(ran(&[1, 3, 2]), (vec![0, 1, 2], vec![]));
    assert_eq!(ran(&[1, 4, 2]), (vec![0, 2], vec![1]), "the others run without it");
    assert_eq!(ran(&[4, 4, 4]), (vec![0], vec![1, 2]), "a batch that crashed comes together again: one of it runs");
    assert_eq!(ran(&[4]), (vec![0], vec![]));
}

#[test]
fn the_actor_is_who_wants_it_and_the_cause_names_the_function() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let actors = std::cell::RefCell::new(Vec::new());
    let actors_seen = &actors;
    #[derive(Clone, PartialEq)]
    struct Any;
    impl engine::Work for Any {
        fn read(_envelope: &EventEnvelope<'_>) -> Result<Self, Failure> {
            Ok(Self)
        }
    }
    let step = |_work: Any, cx: Context| async move {
        actors_seen.borrow_mut().push(cx.actor);
        Ok(Outcome::Applied)
    };
    let ours = message("1", 1);
    let order = format!("order/{}", order_of("1"));
    let theirs = Record { body: ours.body.replace(&order, "delivery/eastco/msg_1"), ..ours.clone() };
    now(run(&STEP, &[ours, theirs], || at(10), || 500, &queue, &due, step));
    assert_eq!(*actors.borrow(), [None, Some("partner/eastco".to_owned())]);
}
