//! Long streams: their snapshots, and what a load of them reads.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::rc::Rc;

use domain::order::{Assignment, Component, Handling};
use domain::shipment::MilestoneKind;
use domain::{Fulfillment, FulfillmentCommand, FulfillmentEffect, Order, OrderCommand};
use engine::batch::{Record, run};
use engine::context::DeliveryWork;
use engine::delivery::{Delivery, Role};
use engine::inbound::{ReportReader, Reported, Unmappable};
use engine::journal::{Append, Commit, CreateOutcome, Freshness, NewStream, Stream, execute};
use engine::recent::Recent;
use engine::relay::entries;
use engine::snapshot::{EVERY, NEWEST, Snapshot};
use engine::stores::Deliveries as _;
use engine::{Code, Failure, Journal, Outcome};
use serde_json::json;
use testkit::memory::{Fault, Faulty, MemoryDeliveries, MemoryDue, MemoryJournal, MemoryQueue, Script};

use crate::samples::{
    assignment, fulfillment_id, line_no, line_quantity, milestone, opened, order_id, packed, routing, started,
    to_release,
};
use crate::{STEP, at, context, id, now};

/// The stream of a fulfillment that is opened.
fn opened_stream() -> MemoryJournal {
    let journal = MemoryJournal::default();
    let open = FulfillmentCommand::Open(opened(&[line_quantity(1, 9_000)]), started(FulfillmentEffect::Request, 1));
    assert_eq!(report(&journal, "open", open), Ok(Outcome::Applied));
    journal
}

fn report(journal: &impl Journal, work: &str, command: FulfillmentCommand) -> Result<Outcome, Failure> {
    now(execute::<Fulfillment>(journal, &fulfillment_id(1), &context("tests", 0), work, command))
}

/// The `n`th report: each package is packed without a label, moves, and is posted.
fn nth(n: u64) -> FulfillmentCommand {
    let (package, when) = (format!("P-{}", n / 4), i64::try_from(n).unwrap());
    match n % 4 {
        0 => packed(&package, when, &[line_quantity(1, 1)], None),
        1 => milestone(&package, when, MilestoneKind::PickedUp),
        2 => FulfillmentCommand::Announce(started(FulfillmentEffect::PostGoodsIssue { package: id(&package) }, 1)),
        _ => milestone(&package, when, if n % 8 == 3 { MilestoneKind::Unknown } else { MilestoneKind::Delivered }),
    }
}

fn commits(journal: &MemoryJournal) -> Vec<Commit> {
    journal.commits(&format!("fulfillment/{}", fulfillment_id(1)))
}

fn loaded(journal: &impl Journal) -> Stream<Fulfillment> {
    now(Stream::load(journal, &fulfillment_id(1), &context("tests", 0))).unwrap()
}

/// All that a step sees of a stream.
fn seen(stream: &Stream<Fulfillment>) -> impl PartialEq + std::fmt::Debug + use<> {
    let progress = stream.state.as_ref().map(|state| state.progress().unwrap());
    (stream.state.clone(), progress, stream.version, stream.changed, stream.opened_reviews.clone())
}

fn folded(journal: &MemoryJournal) -> Stream<Fulfillment> {
    Stream::of(&fulfillment_id(1), commits(journal), at(0)).unwrap()
}

#[test]
fn b49_a_snapshot_and_the_commits_after_it_fold_to_what_all_commits_fold_to() {
    let journal = opened_stream();
    for n in 0..3 * EVERY {
        assert_eq!(report(&journal, &n.to_string(), nth(n)), Ok(Outcome::Applied), "{n}");
        assert_eq!(seen(&loaded(&journal)), seen(&folded(&journal)), "after report {n}");
    }
    assert!(!folded(&journal).opened_reviews.is_empty(), "some reports open reviews");
    let reads = Reads::of(&journal);
    assert!(loaded(&reads).version > 2 * EVERY);
    assert_eq!(reads.commits.get(), NEWEST as usize, "a load reads the newest commits and the snapshot");
}

#[test]
fn p8_work_whose_cause_is_only_in_the_snapshot_is_done() {
    let journal = opened_stream();
    for n in 0..2 * EVERY {
        assert_eq!(report(&journal, &n.to_string(), nth(n)), Ok(Outcome::Applied));
    }
    for n in 0..EVERY {
        let again = report(&journal, &n.to_string(), nth(n)).unwrap();
        assert!(matches!(again, Outcome::AlreadyDone | Outcome::Ignored(_)), "report {n}: {again:?}");
    }
    assert_eq!(commits(&journal).len() as u64, 2 * EVERY + 1);
}

#[test]
fn b49_a_snapshot_that_does_not_fit_is_not_used_and_the_next_commit_replaces_it() {
    let of_another = |change: fn(&mut Snapshot)| {
        let journal = opened_stream();
        for n in 0..2 * EVERY {
            assert_eq!(report(&journal, &n.to_string(), nth(n)), Ok(Outcome::Applied));
        }
        let name = format!("fulfillment/{}", fulfillment_id(1));
        let mut snapshot = now(journal.snapshot(&name)).unwrap().unwrap();
        let fitting = snapshot.clone();
        change(&mut snapshot);
        now(journal.store_snapshot(&snapshot)).unwrap();
        assert_eq!(seen(&loaded(&journal)), seen(&folded(&journal)));
        assert_eq!(report(&journal, "next", nth(2 * EVERY)), Ok(Outcome::Applied));
        let next = now(journal.snapshot(&name)).unwrap().unwrap();
        assert_eq!((next.version, next.fold), (fitting.version + 2, fitting.fold));
        assert_eq!(seen(&loaded(&journal)), seen(&folded(&journal)));
    };
    of_another(|snapshot| snapshot.fold += 1);
    of_another(|snapshot| snapshot.epoch = "before the restore".to_owned());
    of_another(|snapshot| snapshot.digest = "of another commit".to_owned());
    of_another(|snapshot| snapshot.version -= EVERY);
    of_another(|snapshot| snapshot.state.truncate(10));
}

#[test]
fn equal_streams_have_equal_snapshots_and_none_has_a_correlation_id() {
    let journals = [opened_stream(), opened_stream()];
    let stored = journals.map(|journal| {
        for n in 0..EVERY {
            assert_eq!(report(&journal, &n.to_string(), nth(n)), Ok(Outcome::Applied));
        }
        now(journal.snapshot(&format!("fulfillment/{}", fulfillment_id(1)))).unwrap().unwrap()
    });
    assert_eq!(stored[0], stored[1]);
}

#[test]
fn a_commit_counts_even_if_its_snapshot_is_not_stored() {
    let journal = opened_stream();
    for n in 0..EVERY - 2 {
        assert_eq!(report(&journal, &n.to_string(), nth(n)), Ok(Outcome::Applied));
    }
    // Its reading, its append, the snapshot.
    let script = Script::fault_at(2, Fault::Throttle, || {});
    script.arm(true);
    assert_eq!(report(&Faulty::new(journal.clone(), &script), "at 50", nth(EVERY - 2)), Ok(Outcome::Applied));
    assert!(script.has_happened());
    assert_eq!(now(journal.snapshot(&format!("fulfillment/{}", fulfillment_id(1)))), Ok(None));
    for n in EVERY - 1..2 * EVERY {
        assert_eq!(report(&journal, &n.to_string(), nth(n)), Ok(Outcome::Applied));
    }
    assert_eq!(seen(&loaded(&journal)), seen(&folded(&journal)));
}

#[test]
fn b49_a_warm_function_reads_a_few_commits_of_a_long_stream_and_sees_all_of_it() {
    let journal = opened_stream();
    let reads = Reads::of(&journal);
    let counted = reads.commits.clone();
    let warm = Recent::new(reads);
    let mut n = 0;
    for round in 0..120_u64 {
        // Other instances commit none, some, or more than a warm load looks back.
        for _ in 0..[0, 1, 3, 7, 8, 20, 0, 70][usize::try_from(round % 8).unwrap()] {
            assert_eq!(report(&journal, &n.to_string(), nth(n)), Ok(Outcome::Applied));
            n += 1;
        }
        let before = counted.get();
        assert_eq!(seen(&loaded(&warm)), seen(&folded(&journal)), "round {round}");
        if round > 8 && round % 8 == 2 {
            assert!(counted.get() - before <= 8, "round {round}: {} commits read", counted.get() - before);
        }
    }
}

#[test]
fn b49_a_warm_function_uses_nothing_that_it_kept_of_another_history() {
    let journal = opened_stream();
    let warm = Recent::new(journal.clone());
    for n in 0..EVERY {
        assert_eq!(report(&warm, &n.to_string(), nth(n)), Ok(Outcome::Applied));
    }
    let backup = journal.backup();
    assert_eq!(report(&warm, "lost", nth(EVERY)), Ok(Outcome::Applied));
    drop(loaded(&warm));
    journal.restore(&backup);
    assert_eq!(report(&journal, "another", nth(EVERY + 1)), Ok(Outcome::Applied));
    assert_eq!(seen(&loaded(&warm)), seen(&folded(&journal)));
}

/// The commit of a routing of `lines` lines, each a kit of fourteen parts, to one site.
fn routed(lines: u32) -> (MemoryJournal, Result<Outcome, Failure>) {
    let journal = MemoryJournal::default();
    let commit =
        |n: usize, command| now(execute::<Order>(&journal, &order_id(), &context("tests", 0), &n.to_string(), command));
    for (n, command) in to_release(&vec![3; lines as usize]).into_iter().enumerate() {
        assert_eq!(commit(n, command), Ok(Outcome::Applied));
    }
    let assigned: Vec<_> = (1..=lines).map(|line| line_quantity(line, 3)).collect();
    let parts = |line: u32| {
        let part = |n: u32| Component { sku: id(&format!("SKU-{line}-PART-{n}")), per_kit: NonZeroU32::MIN };
        Handling { kit: (1..=14).map(part).collect(), traced: None }
    };
    let handling = (1..=lines).map(|line| (line_no(line), parts(line))).collect();
    let assigned = Assignment { handling, ..assignment(1, &assigned) };
    let outcome = commit(9, OrderCommand::RecordRouting(routing(&[assigned])));
    (journal, outcome)
}

#[test]
fn b49_500_lines_with_kits_of_fourteen_parts_are_one_commit_that_can_be_stored() {
    let (journal, outcome) = routed(500);
    assert_eq!(outcome, Ok(Outcome::Applied));
    let stream = format!("order/{}", order_id());
    let newest = journal.commits(&stream).pop().unwrap();
    assert!(newest.events.len() > 256 << 10, "{} bytes as text", newest.events.len());
    assert!(journal.item_bytes(&stream).into_iter().all(|bytes| bytes < 100 << 10));
    assert_eq!(entries(&newest, "/crossdock").unwrap().len(), 2, "each event is published");
}

#[test]
fn b49_a_decision_that_does_not_fit_is_refused_with_its_code_and_nothing_of_it_is_written() {
    let (journal, outcome) = routed(1_500);
    assert!(matches!(outcome, Err(Failure::Permanent { code: Code::CommitTooLarge, .. })), "{outcome:?}");
    assert_eq!(journal.commits(&format!("order/{}", order_id())).len(), 5);
}

/// A journal whose read commits are counted.
struct Reads {
    journal: MemoryJournal,
    commits: Rc<Cell<usize>>,
}

impl Reads {
    fn of(journal: &MemoryJournal) -> Self {
        Self { journal: journal.clone(), commits: Rc::default() }
    }

    fn count(&self, read: Vec<Commit>) -> Vec<Commit> {
        self.commits.set(self.commits.get() + read.len());
        read
    }
}

impl Journal for Reads {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        Ok(self.count(self.journal.read(stream).await?))
    }
    async fn read_newest(
        &self,
        stream: &str,
        after: u64,
        limit: u32,
        freshness: Freshness,
    ) -> Result<Vec<Commit>, Failure> {
        Ok(self.count(self.journal.read_newest(stream, after, limit, freshness).await?))
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

/// Reads the `n`th report from a delivery of that name.
struct Numbered;

impl ReportReader for Numbered {
    async fn read_report(&self, delivery: &Delivery) -> Result<Result<Reported, Unmappable>, Failure> {
        let commands = vec![nth(delivery.id.parse().unwrap())];
        Ok(Ok(Reported { fulfillment: fulfillment_id(1), commands }))
    }
}

#[test]
fn c21_a_thousand_reports_for_one_order_are_recorded_by_bounded_reads() {
    let reads = Reads::of(&opened_stream());
    let counted = reads.commits.clone();
    let (journal, deliveries) = (reads.journal.clone(), MemoryDeliveries::default());
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let records: Vec<Record> = (0..1_000).map(|n: u64| {
        let delivery = Delivery {
            partner: id("eastco"),
            role: Role::Warehouse,
            id: n.to_string(),
            topic: "report".to_owned(),
            body: Vec::new(),
            received_at: at(0),
            correlation: "corr".to_owned(),
            traceparent: None,
        };
        now(deliveries.store(&delivery)).unwrap();
        let detail = json!({
            "id": format!("delivery/eastco/{n}"), "type": "delivery.received", "subject": format!("delivery/eastco/{n}"),
            "time": at(0), "correlationid": "corr", "data": { "partner": "eastco", "delivery": n.to_string() },
        });
        Record { id: n.to_string(), body: json!({ "detail": detail }).to_string(), receive_count: 1, ..Record::default() }
    }).collect();
    let ports = warehouse_report_record::Ports { journal: reads, deliveries, registry: Numbered };
    let step = |work: DeliveryWork, cx| {
        let ports = &ports;
        async move { warehouse_report_record::handle(ports, work, &cx).await }
    };
    for batch in records.chunks(10) {
        assert_eq!(now(run(&STEP, batch, || at(10), || 500, &queue, &due, step)), Vec::<String>::new());
    }
    assert_eq!(commits(&journal).len(), 1_001, "each report is recorded");
    assert!(queue.parked().is_empty() && due.all().is_empty(), "none is parked, and none waits");
    assert!(counted.get() <= 1_000 * NEWEST as usize, "a load reads no more the longer the stream is");
}
