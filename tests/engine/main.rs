//! What a step relies on: causes, races, claims, batches, the relay, and the creation of an order.

#![allow(clippy::unwrap_used, clippy::panic)]

mod faults_that_last;
mod names;
#[path = "../../shared/domain/src/samples.rs"]
mod samples;
mod shared_streams;
mod snapshots;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use domain::order::{AllocationNo, AllocationRequest, OrderReview, Spelling, Stage};
use domain::party::{Party, PartyRef};
use domain::review::{Choice, Decision};
use domain::shipment::MilestoneKind;
use domain::{
    EffectStarted, Fulfillment, FulfillmentCommand, FulfillmentEffect, Order, OrderCommand, OrderEffect, OrderId,
    PartnerId, Rejection, Workflow,
};
use engine::batch::{Parked, Queue, Record, Step, Turn, run, settle};
use engine::effect::{Claim, Claimed, claim};
use engine::http::Grant;
use engine::inbound::{ChangeRequest, NewOrder};
use engine::journal::{Append, Commit, CreateOutcome, NewStream, Stream, Wake, events_of, execute};
use engine::partner::{Attempt, CallFailure, Ready, Recipient};
use engine::relay::{Bus, Entry, Published, Rejected, entries, publish, resource};
use engine::snapshot::Snapshot;
use engine::stores::{Due, DueItem, DuePage, Parties, Views, WaitingPartner};
use engine::{Cause, Code, Context, Epoch, EventEnvelope, Failure, Journal, Measures, Outcome, Wait};
use futures::FutureExt;
use jiff::Timestamp;
use samples::{allocation, approved, at, cancel, id, order_id, quote, refused_credit, submission, to_release};
use serde_json::json;
use testkit::memory::{
    Fault, Faulty, MemoryBus, MemoryDue, MemoryJournal, MemoryParties, MemoryQueue, MemoryViews, Script,
};
use usecases::change::{Answer, Sender, WorkKey, change};
use usecases::submission::{Submitted, submit};
use usecases::work::OrderWork;

/// No call here waits, so a future that is not done at its first poll was killed.
fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().unwrap_or_else(|| panic!("killed"))
}

fn context(function: &'static str, minute: i64) -> Context {
    Context {
        function,
        correlation: "corr".to_owned(),
        traceparent: None,
        now: at(minute),
        event_time: at(0),
        lease: Duration::from_secs(60),
        epoch: Epoch::FIRST,
        actor: None,
        folds: Default::default(),
        measures: Default::default(),
    }
}

/// A journal with a priced order in it.
fn priced() -> MemoryJournal {
    let journal = MemoryJournal::default();
    for (n, command) in to_release(&[10]).into_iter().take(2).enumerate() {
        assert_eq!(commit(&journal, &n.to_string(), command), Ok(Outcome::Applied));
    }
    journal
}

fn commit(journal: &impl Journal, work: &str, command: OrderCommand) -> Result<Outcome, Failure> {
    now(execute::<Order>(journal, &order_id(), &context("tests", 0), work, command))
}

fn order(journal: &impl Journal) -> Stream<Order> {
    now(Stream::load(journal, &order_id(), &context("tests", 0))).unwrap()
}

fn commits(journal: &MemoryJournal) -> usize {
    journal.commits(&format!("order/{}", order_id())).len()
}

fn stock(number: &str) -> OrderCommand {
    OrderCommand::RecordAllocation(allocation(number, &[(1, &[("EAST", 10)], 0)]))
}

// ---- The journal

#[test]
fn a_commit_has_the_correlation_id_of_its_stream_and_names_the_one_that_caused_it() {
    let journal = priced();
    let delivery = Context { correlation: "webhook".to_owned(), ..context("tests", 1) };
    let stock = now(execute::<Order>(&journal, &order_id(), &delivery, "stock", stock("AL-1")));
    assert_eq!(stock, Ok(Outcome::Applied));
    let ids = journal.commits(&format!("order/{}", order_id())).into_iter();
    let ids: Vec<(String, Option<String>)> = ids.map(|commit| (commit.correlation, commit.caused_by)).collect();
    let corr = || "corr".to_owned();
    assert_eq!(ids, [(corr(), None), (corr(), None), (corr(), Some("webhook".to_owned()))]);
}

#[test]
fn a_commit_that_ends_a_business_time_measures_it_from_the_streams_beginning() {
    let journal = MemoryJournal::default();
    for (n, command) in to_release(&[10]).into_iter().enumerate() {
        let measures = Measures::of_message();
        let minute = i64::try_from(n).unwrap();
        let cx = Context { measures: measures.clone(), ..context("tests", minute) };
        let outcome = now(execute::<Order>(&journal, &order_id(), &cx, &n.to_string(), command.clone()));
        assert_eq!(outcome, Ok(Outcome::Applied));
        let is_release = matches!(command, OrderCommand::RecordRelease(_));
        let expected = format!(r#"[{{"name":"release-time","unit":"Seconds","value":{}}}]"#, minute * 60);
        assert_eq!(measures.field(), is_release.then_some(expected), "{command:?}");
    }
}

#[test]
fn work_with_a_cause_that_is_in_the_stream_is_done_whatever_it_would_decide_now() {
    let journal = priced();
    assert_eq!(commit(&journal, "credit", OrderCommand::RecordCreditRefused(refused_credit())), Ok(Outcome::Applied));
    assert_eq!(commit(&journal, "credit", OrderCommand::RecordCreditApproved(approved())), Ok(Outcome::AlreadyDone));
    assert_eq!(commits(&journal), 3);
}

#[test]
fn a_request_that_changes_nothing_commits_once_and_is_done_when_it_comes_again() {
    let journal = priced();
    for (work, expected) in
        [("a", Outcome::Applied), ("b", Outcome::Applied), ("b", Outcome::AlreadyDone), ("a", Outcome::AlreadyDone)]
    {
        assert_eq!(commit(&journal, work, OrderCommand::Cancel(cancel())), Ok(expected));
    }
}

#[test]
fn a_request_for_an_order_that_does_not_exist_is_answered_and_leaves_nothing() {
    let journal = MemoryJournal::default();
    let outcome = commit(&journal, "a", OrderCommand::Cancel(cancel()));
    assert!(matches!(outcome, Ok(Outcome::Rejected(why)) if why.code == "ORDER_UNKNOWN"));
    assert!(journal.streams().is_empty());
}

/// Lets `other` commit just before the next append of `journal`.
fn raced(journal: &MemoryJournal, other: impl Fn(&MemoryJournal) + 'static) -> Faulty<MemoryJournal> {
    let inner = journal.clone();
    // The first call is the stream's reading, the second one its append.
    let script = Script::fault_at(1, Fault::Interleave, move || other(&inner));
    script.arm(true);
    Faulty::new(journal.clone(), &script)
}

#[test]
fn a_raced_commit_is_decided_again_on_the_state_that_the_other_one_left() {
    let journal = priced();
    let slow = raced(&journal, |journal| {
        assert_eq!(commit(journal, "credit", OrderCommand::RecordCreditApproved(approved())), Ok(Outcome::Applied));
    });
    assert_eq!(commit(&slow, "allocate", stock("AL-1")), Ok(Outcome::Applied));
    assert!(order(&journal).state.unwrap().sales_order_request(at(0)).is_some(), "both stand");
    assert_eq!(order(&journal).version, 4);
}

#[test]
fn a_raced_commit_whose_work_the_other_one_did_is_done() {
    let journal = priced();
    let slow = raced(&journal, |journal| {
        assert_eq!(commit(journal, "allocate", stock("AL-1")), Ok(Outcome::Applied));
    });
    assert_eq!(commit(&slow, "allocate", stock("AL-1")), Ok(Outcome::AlreadyDone));
    assert_eq!(commits(&journal), 3);
}

#[test]
fn a_raced_commit_without_remaining_events_writes_nothing() {
    let journal = priced();
    let slow = raced(&journal, |journal| {
        assert_eq!(commit(journal, "by hand", stock("AL-1")), Ok(Outcome::Applied));
    });
    assert!(matches!(commit(&slow, "allocate", stock("AL-1")), Ok(Outcome::Ignored(_))));
    assert_eq!(commits(&journal), 3);
}

/// A journal in which another commit always comes first.
struct Crowded(MemoryJournal, Cell<usize>);

impl Journal for Crowded {
    async fn read(&self, stream: &str) -> Result<Vec<Commit>, Failure> {
        self.0.read(stream).await
    }
    async fn read_newest(&self, stream: &str, limit: u32) -> Result<Vec<Commit>, Failure> {
        self.0.read_newest(stream, limit).await
    }
    async fn snapshot(&self, stream: &str) -> Result<Option<Snapshot>, Failure> {
        self.0.snapshot(stream).await
    }
    async fn store_snapshot(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        self.0.store_snapshot(snapshot).await
    }
    async fn append(&self, _commit: &Commit) -> Result<Append, Failure> {
        self.1.set(self.1.get() + 1);
        Ok(Append::Raced)
    }
    async fn append_all(&self, _commits: &[Commit]) -> Result<Append, Failure> {
        Ok(Append::Raced)
    }
    async fn create(&self, new_stream: &NewStream) -> Result<CreateOutcome, Failure> {
        self.0.create(new_stream).await
    }
}

#[test]
fn races_are_bounded_and_end_in_the_queue() {
    let crowded = Crowded(priced(), Cell::new(0));
    let raced = commit(&crowded, "allocate", stock("AL-1"));
    assert!(matches!(raced, Err(Failure::Transient { code: Code::JournalRaced, .. })));
    assert!((2..20).contains(&crowded.1.get()));
    let claimed = now(claim(&crowded, &(), &order_id(), &context("stock-allocate", 1), Order::allocation_request));
    assert!(matches!(claimed, Err(Failure::Transient { code: Code::JournalRaced, .. })));
}

#[test]
fn an_append_whose_reply_is_lost_is_done_when_the_message_comes_again() {
    let journal = priced();
    let script = Script::fault_at(1, Fault::LoseReply, || {});
    script.arm(true);
    assert!(commit(&Faulty::new(journal.clone(), &script), "allocate", stock("AL-1")).is_err());
    assert_eq!(commit(&journal, "allocate", stock("AL-1")), Ok(Outcome::AlreadyDone));
    assert_eq!(commits(&journal), 3);
}

fn journaled(events: serde_json::Value) -> Commit {
    Commit {
        stream: "order/x".to_owned(),
        version: 1,
        cause: Cause::new("tests", "1"),
        correlation: "corr".to_owned(),
        caused_by: None,
        actor: "tests".to_owned(),
        at: at(0),
        traceparent: None,
        epoch: "e1".to_owned(),
        events: events.to_string(),
        opened_reviews: vec![],
        listed: false,
        wakes: vec![],
    }
}

#[test]
fn an_event_of_a_later_release_waits_for_that_release_and_is_not_parked() {
    let progressed = json!({
        "type": "order.fulfillment_progressed", "fulfillment": samples::fulfillment_id(1), "as_of": 3, "request_status": "teleported",
        "shipped": {}, "delivered": {}, "goods_issued": false,
    });
    let ahead = [
        json!([{"type": "order.teleported", "data": 1}]),
        json!([{"type": "order.effect_started", "effect": "teleport", "key": "k", "of_version": 1, "until": at(1), "attempt": 1}]),
        json!([{"type": "order.effect_failed", "effect": "teleport", "attempt": 1, "code": "X"}]),
        json!([progressed]),
    ];
    for events in ahead {
        let read = events_of::<Order>(&journaled(events.clone()), at(0));
        assert!(
            matches!(&read, Err(Failure::Deferred { why: Wait::SchemaAhead, until }) if *until > at(0)),
            "{events}: {read:?}"
        );
    }
    let milestone =
        json!([{"type": "fulfillment.milestone_recorded", "package": "P-1", "milestone": "teleported", "at": at(0)}]);
    let read = events_of::<Fulfillment>(&journaled(milestone), at(0));
    assert!(matches!(read, Err(Failure::Deferred { why: Wait::SchemaAhead, .. })), "{read:?}");
}

#[test]
fn a_commit_that_no_release_can_read_is_parked_without_its_content() {
    for events in [json!({"not": "a list"}), json!([{"type": "order.crm_updated", "version": "ada@example.com"}])] {
        let Err(Failure::Permanent { code: Code::JournalCorrupt, cause }) =
            events_of::<Order>(&journaled(events), at(0))
        else {
            panic!("a corrupt commit must be parked")
        };
        assert!(cause.contains("order/x version 1") && !cause.contains("ada"), "{cause}");
    }
}

#[test]
fn a_stream_that_holds_a_later_releases_event_defers_the_step() {
    let journal = priced();
    let mut ahead = journaled(json!([{"type": "order.teleported"}]));
    ahead.stream = format!("order/{}", order_id());
    ahead.version = 3;
    now(journal.append(&ahead)).unwrap();
    let failure = commit(&journal, "allocate", stock("AL-1"));
    assert!(matches!(failure, Err(Failure::Deferred { why: Wait::SchemaAhead, .. })));
}

// ---- Claims

type Claiming = Result<Claimed<Order, AllocationRequest>, Failure>;

fn claiming(journal: &impl Journal, minute: i64) -> Claiming {
    now(claim(journal, &(), &order_id(), &context("stock-allocate", minute), Order::allocation_request))
}

fn mine(claiming: Claiming) -> engine::effect::Claim<Order> {
    match claiming {
        Ok(Claimed::Mine(claim, _)) => claim,
        other => panic!("{other:?}"),
    }
}

fn settled(
    claim: engine::effect::Claim<Order>,
    journal: &impl Journal,
    minute: i64,
    answer: Result<OrderCommand, CallFailure>,
) -> Result<Outcome, Failure> {
    now(claim.settle(journal, &context("stock-allocate", minute), answer))
}

fn unknown() -> CallFailure {
    CallFailure::Unknown { code: Code::PartnerTimeout, cause: "no answer".into() }
}

/// The committed intent of the order's first allocation, which is still open.
fn allocation_started(journal: &impl Journal) -> EffectStarted<OrderEffect> {
    let first = OrderEffect::Allocate { allocation_no: AllocationNo::FIRST };
    order(journal).state.unwrap().open_effects().get(&first).unwrap().started().clone()
}

#[test]
fn an_intent_is_committed_before_the_effect_with_a_key_of_the_work() {
    let journal = priced();
    let claim = mine(claiming(&journal, 1));
    assert_eq!(claim.attempt(), Attempt::First);
    let started = allocation_started(&journal);
    assert_eq!(started.key, format!("allocate/{}", order_id()));
    assert_eq!((started.of_version, started.until, started.attempt), (2, at(2), 1));
}

#[test]
fn a_held_claim_defers_until_it_lapses_and_is_then_repeated_with_the_same_key() {
    let journal = priced();
    let first = mine(claiming(&journal, 1));
    let key = allocation_started(&journal).key;
    let Err(Failure::Deferred { until, why: Wait::Claimed }) = claiming(&journal, 1) else { panic!("it is held") };
    assert_eq!(until, at(2));
    drop(first);
    let second = mine(claiming(&journal, 2));
    assert!(matches!(second.attempt(), Attempt::Repeat { .. }));
    let started = allocation_started(&journal);
    assert_eq!((started.key, started.attempt), (key, 2));
}

#[test]
fn b01_an_unknown_outcome_ends_the_claim_and_is_repeated_at_once() {
    let journal = priced();
    let lost = settled(mine(claiming(&journal, 1)), &journal, 1, Err(unknown()));
    assert!(matches!(lost, Err(Failure::Transient { code: Code::PartnerTimeout, .. })));
    let again = mine(claiming(&journal, 1));
    assert!(matches!(again.attempt(), Attempt::Repeat { .. }));
    assert_eq!(settled(again, &journal, 1, Ok(stock("AL-1"))), Ok(Outcome::Applied));
    assert!(matches!(claiming(&journal, 1), Ok(Claimed::Nothing)));
}

#[test]
fn a_refusal_is_recorded_reviewed_and_not_sent_again() {
    let journal = priced();
    let no = Err(CallFailure::Refused(Rejection::new("CLOSED", "the books are closed")));
    let refused = settled(mine(claiming(&journal, 1)), &journal, 1, no);
    assert!(matches!(refused, Ok(Outcome::Rejected(_))));
    assert!(matches!(claiming(&journal, 1), Ok(Claimed::Nothing)));
    let reviews = order(&journal).state.as_ref().unwrap().reviews();
    assert_eq!(reviews[0].kind, OrderReview::PartnerRefused);
}

#[test]
fn b24_a_429_is_waited_for_outside_the_queue() {
    let journal = priced();
    let partner: PartnerId = id("acme-erp");
    let later = CallFailure::Limited { partner: partner.clone(), retry_after: Duration::from_secs(30) };
    let limited = settled(mine(claiming(&journal, 1)), &journal, 1, Err(later));
    let until = at(1) + Duration::from_secs(30);
    assert_eq!(limited, Err(Failure::Deferred { until, why: Wait::Limited(partner) }));
    let again = now(claim(
        &journal,
        &(),
        &order_id(),
        &Context { now: until, ..context("stock-allocate", 0) },
        Order::allocation_request,
    ));
    assert_eq!(mine(again).attempt(), Attempt::First, "what was certainly not done is asked for as if never before");
}

#[test]
fn b23_work_for_a_partner_with_an_open_circuit_waits_and_writes_nothing() {
    struct Shut;
    impl Ready for Shut {
        async fn ready(&self, _cx: &Context, to: Recipient<'_>) -> Result<(), Failure> {
            assert_eq!(to, Recipient::Erp);
            Err(Failure::Deferred { until: at(7), why: Wait::Circuit(id("acme-erp")) })
        }
    }
    let journal = priced();
    let context = context("stock-allocate", 1);
    let shut = now(claim(&journal, &Shut, &order_id(), &context, Order::allocation_request));
    assert!(matches!(shut, Err(Failure::Deferred { until, why: Wait::Circuit(_) }) if until == at(7)));
    assert_eq!(commits(&journal), 2);
    drop(mine(claiming(&journal, 1)));
    let held = now(claim(&journal, &Shut, &order_id(), &context, Order::allocation_request));
    assert!(matches!(held, Err(Failure::Deferred { why: Wait::Claimed, .. })), "a held claim does not ask");
}

#[test]
fn an_effect_that_was_certainly_not_done_is_requested_again_as_a_first_attempt() {
    let not_sent = || CallFailure::NotSent { code: Code::PartnerBusy, cause: "no connection".into() };
    let closed = || CallFailure::Closed { until: at(3), why: Wait::Circuit(id("acme-erp")), after: None };
    let journal = priced();
    assert!(settled(mine(claiming(&journal, 1)), &journal, 1, Err(not_sent())).is_err());
    let second = mine(claiming(&journal, 1));
    assert_eq!(second.attempt(), Attempt::First);
    let waits = settled(second, &journal, 1, Err(closed()));
    let until = at(3) + Duration::from_secs(2);
    assert_eq!(
        waits,
        Err(Failure::Deferred { until, why: Wait::Circuit(id("acme-erp")) }),
        "behind what was tried less"
    );
    let third = mine(claiming(&journal, 3));
    assert_eq!(third.attempt(), Attempt::First);
    assert!(settled(third, &journal, 3, Err(unknown())).is_err());
    let fourth = mine(claiming(&journal, 4));
    assert!(matches!(fourth.attempt(), Attempt::Repeat { .. }));
    assert!(settled(fourth, &journal, 4, Err(not_sent())).is_err());
    let repeat = mine(claiming(&journal, 4)).attempt();
    assert!(matches!(repeat, Attempt::Repeat { .. }), "an earlier attempt may have been heard");
}

#[test]
fn b23_a_call_that_found_the_circuit_open_waits_and_its_outcome_stays_unknown() {
    let journal = priced();
    let after = Some(Box::new(unknown()));
    let closed = CallFailure::Closed { until: at(3), why: Wait::Circuit(id("acme-erp")), after };
    let waits = settled(mine(claiming(&journal, 1)), &journal, 1, Err(closed));
    assert!(matches!(waits, Err(Failure::Deferred { until, .. }) if until > at(3)));
    assert!(matches!(mine(claiming(&journal, 3)).attempt(), Attempt::Repeat { .. }));
}

#[test]
fn our_own_fault_is_parked_and_can_be_redriven_after_its_correction() {
    let journal = priced();
    let ours = CallFailure::Ours { code: Code::PartnerRefused, cause: "400".into() };
    let parked = settled(mine(claiming(&journal, 1)), &journal, 1, Err(ours));
    assert!(matches!(parked, Err(Failure::Permanent { code: Code::PartnerRefused, .. })));
    assert!(matches!(claiming(&journal, 1), Ok(Claimed::Mine(..))));
}

#[test]
fn the_answer_is_recorded_although_the_order_was_cancelled_in_between() {
    let journal = priced();
    let claim = mine(claiming(&journal, 1));
    assert_eq!(commit(&journal, "cancel", OrderCommand::Cancel(cancel())), Ok(Outcome::Applied));
    assert_eq!(settled(claim, &journal, 1, Ok(stock("AL-1"))), Ok(Outcome::Applied));
    let state = order(&journal).state;
    assert!(!state.as_ref().unwrap().stock.allocations.is_empty());
    assert!(state.as_ref().unwrap().deallocation().is_some(), "stock that the order no longer needs is deallocated");
    assert!(matches!(claiming(&journal, 9), Ok(Claimed::Nothing)));
}

#[test]
fn two_deliveries_at_once_make_one_claim() {
    let journal = priced();
    let slow = raced(&journal, |journal| drop(mine(claiming(journal, 1))));
    assert!(matches!(claiming(&slow, 1), Err(Failure::Deferred { why: Wait::Claimed, .. })));
    assert_eq!(commits(&journal), 3);
}

#[test]
fn an_unrelated_commit_between_intent_and_answer_costs_a_decision_and_not_a_second_effect() {
    let journal = priced();
    let claim = mine(claiming(&journal, 1));
    assert_eq!(commit(&journal, "credit", OrderCommand::RecordCreditApproved(approved())), Ok(Outcome::Applied));
    assert_eq!(settled(claim, &journal, 1, Ok(stock("AL-1"))), Ok(Outcome::Applied));
    let open_effects = journal.commits(&format!("order/{}", order_id()));
    assert_eq!(open_effects.iter().filter(|commit| commit.events.contains("order.effect_started")).count(), 1);
}

#[test]
fn f08_killed_after_its_intent_a_step_resumes_when_the_claim_has_lapsed() {
    let journal = priced();
    let script = Script::fault_at(1, Fault::KillAfter, || {});
    script.arm(true);
    let faults_met = Faulty::new(journal.clone(), &script);
    let context = context("stock-allocate", 1);
    assert!(claim(&faults_met, &(), &order_id(), &context, Order::allocation_request).now_or_never().is_none());
    assert!(matches!(claiming(&journal, 1), Err(Failure::Deferred { .. })));
    assert!(matches!(mine(claiming(&journal, 2)).attempt(), Attempt::Repeat { .. }));
}

#[test]
fn b02_the_answer_of_an_older_attempt_under_another_number_is_stored_and_reviewed() {
    let journal = priced();
    let first = mine(claiming(&journal, 1));
    let second = mine(claiming(&journal, 2));
    assert_eq!(settled(second, &journal, 2, Ok(stock("AL-2"))), Ok(Outcome::Applied));
    assert_eq!(settled(first, &journal, 3, Ok(stock("AL-1"))), Ok(Outcome::Applied));
    assert_eq!(order(&journal).state.as_ref().unwrap().reviews()[0].kind, OrderReview::DuplicateDocument);
}

#[test]
fn the_failure_of_an_older_attempt_does_not_end_the_claim_of_a_later_one() {
    let journal = priced();
    let first = mine(claiming(&journal, 1));
    let second = mine(claiming(&journal, 2));
    assert!(settled(first, &journal, 2, Err(unknown())).is_err());
    assert!(matches!(claiming(&journal, 2), Err(Failure::Deferred { why: Wait::Claimed, .. })));
    assert_eq!(settled(second, &journal, 2, Ok(stock("AL-1"))), Ok(Outcome::Applied));
}

/// The journal was restored at minute 5; the order is of minute 0.
fn restored(minute: i64) -> Context {
    Context { epoch: Epoch { number: 2, began: at(5) }, ..context("stock-allocate", minute) }
}

fn claim_at(journal: &MemoryJournal, cx: &Context) -> Claim<Order> {
    mine(now(claim(journal, &(), &order_id(), cx, Order::allocation_request)))
}

#[test]
fn the_first_call_for_an_order_that_is_older_than_the_epoch_is_a_repetition() {
    let journal = priced();
    assert_eq!(claim_at(&priced(), &context("stock-allocate", 10)).attempt(), Attempt::First, "never restored");
    let later = Context { epoch: Epoch { number: 2, began: at(-5) }, ..context("stock-allocate", 10) };
    assert_eq!(claim_at(&priced(), &later).attempt(), Attempt::First, "ordered after the restore");
    let first = claim_at(&journal, &restored(10));
    assert_eq!(first.attempt(), Attempt::Repeat { over_by: at(5) });
    // The partner's settle time is not over, or it answers 429: the lost call may still have been carried out.
    let limited = CallFailure::Limited { partner: id("acme-erp"), retry_after: Duration::from_secs(30) };
    assert!(now(first.settle(&journal, &restored(10), Err(limited))).is_err());
    assert!(
        matches!(claim_at(&journal, &restored(12)).attempt(), Attempt::Repeat { .. }),
        "a failure does not close it"
    );
}

#[test]
fn a_retry_that_a_person_decided_after_a_restore_is_sent() {
    let journal = priced();
    let unknown = Rejection::new(domain::rejection::OUTCOME_UNKNOWN, "an operator has to look there");
    let refused =
        now(claim_at(&journal, &restored(10)).settle(&journal, &restored(10), Err(CallFailure::Refused(unknown))));
    assert!(matches!(refused, Ok(Outcome::Rejected(_))));
    let reviews = order(&journal).state.unwrap().reviews();
    let [review] = &reviews[..] else { panic!("{reviews:?}") };
    assert_eq!(review.kind, OrderReview::OutcomeUnknown);
    let decision = Decision {
        review: review.key(),
        kind: review.kind,
        choice: Choice::Retry,
        document: None,
        by: "ops".to_owned(),
        note: String::new(),
    };
    assert_eq!(commit(&journal, "decide", OrderCommand::Decide(decision)), Ok(Outcome::Applied));
    assert_eq!(claim_at(&journal, &restored(20)).attempt(), Attempt::First);
}

// ---- Batches

const STEP: Step = Step { function: "order-route", attempts: 3, lease: Duration::from_secs(5), epoch: Epoch::FIRST };

/// A message about the order that the CRM calls `external`.
fn message(external: &str, receive_count: u32) -> Record {
    let order = OrderId::derive(&id("acme-crm"), &id(external));
    let detail = json!({
        "specversion": "1.0", "id": format!("e1/order/{order}/1/0"), "source": "/crossdock/tests",
        "type": "order.released", "subject": format!("order/{order}"), "time": at(0), "correlationid": "corr",
        "data": {"type": "order.released"},
    });
    Record {
        id: format!("message {external}"),
        receipt: format!("receipt {external}"),
        body: json!({"version": "0", "id": "x", "detail-type": "order.released", "detail": detail}).to_string(),
        receive_count,
        first_received: at(-5),
    }
}

fn order_of(external: &str) -> OrderId {
    OrderId::derive(&id("acme-crm"), &id(external))
}

/// Runs a batch; returns the ids that the queue has to deliver again.
fn batch(
    records: &[Record],
    queue: &impl Queue,
    due: &impl Due,
    handle: impl Fn(OrderId) -> Result<Outcome, Failure>,
) -> Vec<String> {
    let handle = &handle;
    let work = |work: OrderWork, _context: Context| async move { handle(work.order) };
    now(run(&STEP, records, || at(10), || 500, queue, due, work))
}

fn busy() -> Failure {
    Failure::transient(Code::PartnerBusy, "503 for ada@example.com")
}

#[test]
fn f05_of_a_batch_only_the_failed_ids_are_returned() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let records: Vec<Record> = (0..10).map(|n| message(&n.to_string(), 1)).collect();
    let failing = [order_of("3"), order_of("7")];
    let again =
        batch(
            &records,
            &queue,
            &due,
            |order| {
                if failing.contains(&order) { Err(busy()) } else { Ok(Outcome::Applied) }
            },
        );
    assert_eq!(again, ["message 3", "message 7"]);
    let pause = queue.take_delay("receipt 3").unwrap();
    assert!(pause >= Duration::from_millis(500) && pause <= Duration::from_secs(1), "{pause:?}");
    assert_eq!(queue.take_delay("receipt 4"), None);
    assert!(queue.parked().is_empty() && due.all().is_empty());
}

#[test]
fn f03_a_poison_message_among_nine_good_ones_is_parked_with_its_cause_and_delays_none() {
    let mut without_subject = message("5", 1);
    without_subject.body = without_subject.body.replace("order/ord_", "order/0");
    let mut cut_off = message("5", 1);
    cut_off.body.truncate(200);
    let bodies = ["", "not json", "[]", "{\"detail\":{}}", "\u{0}", "{\"detail\":7}"];
    let poison = bodies.into_iter().map(|body| Record { body: body.to_owned(), ..message("5", 1) });
    for poison in poison.chain([without_subject, cut_off]) {
        let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
        let mut records: Vec<Record> = (0..10).map(|n| message(&n.to_string(), 1)).collect();
        records[5] = poison.clone();
        let done = Rc::new(Cell::new(0));
        let again = batch(&records, &queue, &due, |_order| {
            done.set(done.get() + 1);
            Ok(Outcome::Applied)
        });
        assert_eq!((again, done.get()), (vec![], 9), "{}", poison.body);
        let [parked] = &queue.parked()[..] else { panic!("one is parked") };
        assert_eq!(parked.body, poison.body, "sent back, it is the same work");
        assert!([Code::MessageMalformed, Code::MessageUnreadable].contains(&parked.code));
        assert_eq!((parked.function, parked.attempts, parked.first_received), ("order-route", 1, at(-5)));
        assert!(!parked.cause.is_empty());
    }
}

#[test]
fn a_permanent_failure_is_parked_at_once_and_acknowledged() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let failure = || Failure::permanent(Code::PartnerUnknown, "no such partner");
    assert!(batch(&[message("1", 1)], &queue, &due, |_order| Err(failure())).is_empty());
    assert_eq!(queue.parked()[0].code, Code::PartnerUnknown);
}

#[test]
fn deferred_work_is_one_due_item_however_often_it_is_delivered() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let wait = || Failure::Deferred { until: at(30), why: Wait::Claimed };
    for count in 1..=9 {
        assert!(batch(&[message("1", count)], &queue, &due, |_order| Err(wait())).is_empty());
    }
    let [item] = &due.all()[..] else { panic!("{:?}", due.all()) };
    assert_eq!((item.due, item.function.as_str(), item.why.as_str()), (at(30), "order-route", "claimed"));
    assert_eq!(item.body, message("1", 1).body, "the message as it came");
    assert!(queue.parked().is_empty(), "waiting is not an attempt");
    batch(&[message("2", 1)], &queue, &due, |_order| Err(wait()));
    assert_eq!(due.all().len(), 2, "another message is another item");
}

/// Stores that take nothing.
struct Down;

impl Queue for Down {
    async fn delay(&self, _receipt: &str, _pause: Duration) -> Result<(), Failure> {
        Err(busy())
    }
    async fn park(&self, _parked: &Parked) -> Result<(), Failure> {
        Err(busy())
    }
}

impl Due for Down {
    async fn defer(&self, _item: &DueItem) -> Result<(), Failure> {
        Err(busy())
    }
    async fn ready(&self, _: &str, _: Timestamp, _: u32, _: Option<&str>) -> Result<DuePage, Failure> {
        Err(busy())
    }
    async fn waiting(&self, _parent: &str, _limit: u32) -> Result<Vec<DueItem>, Failure> {
        Err(busy())
    }
    async fn done(&self, _item: &DueItem) -> Result<(), Failure> {
        Err(busy())
    }
    async fn all_done(&self, _items: &[DueItem]) -> Result<(), Failure> {
        Err(busy())
    }
    async fn partners(&self) -> Result<Vec<WaitingPartner>, Failure> {
        Err(busy())
    }
    async fn forget(&self, _partner: &WaitingPartner) -> Result<(), Failure> {
        Err(busy())
    }
}

#[test]
fn a_message_that_can_be_neither_parked_nor_deferred_stays_in_the_queue() {
    let failures = [
        Failure::Deferred { until: at(30), why: Wait::Claimed },
        Failure::permanent(Code::PartnerUnknown, "no such partner"),
        busy(),
    ];
    for failure in failures {
        let again = batch(&[message("1", 9)], &Down, &Down, |_order| Err(failure.clone()));
        assert_eq!(again, ["message 1"], "{failure:?}");
    }
}

#[test]
fn a_handlers_context_names_the_message_it_works_on() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let seen = Rc::new(RefCell::new(None));
    let handle = |_work: OrderWork, context: Context| {
        *seen.borrow_mut() = Some(context);
        async { Ok(Outcome::Applied) }
    };
    let turn = Turn { now: at(10), ..Turn::default() };
    now(settle(&STEP, &message("1", 1), turn, &queue, &due, &handle));
    let context = seen.borrow_mut().take().unwrap();
    assert_eq!((context.correlation.as_str(), context.now, context.event_time), ("corr", at(10), at(0)));
    assert_eq!(context.cause("route").as_str(), "order-route/route");
    assert_eq!(context.until(), at(10) + Duration::from_secs(5));
}

#[test]
fn c06_a_report_about_an_unknown_fulfillment_waits_for_it_and_is_then_reviewed() {
    let fulfillment = || "fulfillment/ord_x-1".to_owned();
    let soon = context("warehouse-report-record", 10).wait_for_parent(fulfillment(), Duration::from_secs(3_600));
    assert_eq!(
        soon,
        Failure::Deferred { until: at(60), why: Wait::ParentUnknown(fulfillment()) },
        "until its last look"
    );
    let late = context("warehouse-report-record", 61).wait_for_parent(fulfillment(), Duration::from_secs(3_600));
    assert!(matches!(late, Failure::Permanent { code: Code::ParentMissing, .. }));
}

#[test]
fn c06_a_second_look_that_fails_does_not_leave_a_report_waiting_for_a_parent_that_came() {
    let (queue, due) = (MemoryQueue::default(), MemoryDue::default());
    let looks = Cell::new(0);
    let missing = || context("order-route", 10).wait_for_parent("order/ord_x".to_owned(), Duration::from_secs(3_600));
    let again = batch(&[message("1", 1)], &queue, &due, |_order| {
        looks.set(looks.get() + 1);
        Err(if looks.get() == 1 { missing() } else { busy() })
    });
    assert_eq!(
        (looks.get(), again, due.all().len()),
        (2, vec!["message 1".to_owned()], 1),
        "it comes again, and waits too"
    );
    let waits = batch(&[message("1", 2)], &queue, &due, |_order| Err(missing()));
    assert_eq!((waits.len(), due.all().len()), (0, 1));
}

#[test]
fn another_request_under_a_used_key_is_refused_and_not_dropped() {
    let (journal, parties) = (priced(), MemoryParties::default());
    let desired = |key: &str, wanted: ChangeRequest| {
        let says = format!("{wanted:?}");
        let key = WorkKey::of_client("ops", key, &[&says]);
        let sender = Sender { name: "ops".to_owned(), asked_at: None, grant: Grant::All, may_override: false };
        now(change(&journal, &parties, &context("change-create", 10), &order_id(), &key, &sender, wanted))
    };
    let hold = || ChangeRequest::Hold { reason: "a call".to_owned() };
    let cancel = || ChangeRequest::Cancel { reason: "a call".to_owned(), asked_at: at(10) };
    assert_eq!(desired("k", hold()), Ok(Answer::Accepted));
    assert_eq!(desired("k", hold()), Ok(Answer::Accepted), "the same again");
    assert!(matches!(desired("k", cancel()), Ok(Answer::Refused(why)) if why.code == "KEY_REUSED"));
    assert_eq!(desired("k#1", cancel()), Ok(Answer::Accepted), "another key");
}

// ---- The relay

fn entry(n: usize) -> Entry {
    Entry { kind: format!("event {n}"), detail: String::new(), resources: vec![] }
}

/// A bus that refuses some entries at each call, and notes what was sent.
struct Picky {
    refusals: RefCell<Vec<Vec<usize>>>,
    sent: RefCell<Vec<Vec<String>>>,
}

impl Picky {
    fn new(refusals: &[&[usize]]) -> Self {
        let refusals = refusals.iter().rev().map(|places| places.to_vec()).collect();
        Self { refusals: RefCell::new(refusals), sent: RefCell::default() }
    }
}

impl Bus for Picky {
    async fn publish(&self, entries: &[Entry]) -> Result<Vec<Rejected>, Failure> {
        self.sent.borrow_mut().push(entries.iter().map(|entry| entry.kind.clone()).collect());
        let rejected = self.refusals.borrow_mut().pop().unwrap_or_default().into_iter();
        // The bus never accepts this one.
        let is_huge = |index: &usize| entries[*index].kind == "event 9";
        let for_good = |index: &usize| is_huge(index).then(|| Failure::permanent(Code::StoreRefused, "too large"));
        Ok(rejected.map(|index| Rejected { index, for_good: for_good(&index) }).collect())
    }
}

#[test]
fn exactly_the_refused_entries_are_sent_again() {
    let records = [vec![entry(0), entry(1)], vec![], vec![entry(2), entry(3)]];
    let bus = Picky::new(&[&[1, 3], &[1]]);
    assert_eq!(now(publish(&bus, &records)), Ok(Published::default()));
    let sent = bus.sent.borrow();
    assert_eq!(sent[0], ["event 0", "event 1", "event 2", "event 3"]);
    assert_eq!(sent[1..], [vec!["event 1", "event 3"], vec!["event 3"]]);
}

#[test]
fn an_entry_that_stays_refused_stops_the_stream_at_its_record() {
    let records = [vec![entry(0)], vec![entry(1)], vec![entry(2)]];
    let bus = Picky::new(&[&[1, 2], &[0, 1], &[0], &[0], &[0], &[0]]);
    assert_eq!(now(publish(&bus, &records)).unwrap().again_from, Some(1));
    let nothing = Picky::new(&[]);
    let published = now(publish(&nothing, &[vec![], vec![]]));
    assert_eq!((published, nothing.sent.borrow().len()), (Ok(Published::default()), 0));
}

#[test]
fn f14_an_entry_that_the_bus_never_accepts_is_reported_alone_and_the_others_are_published() {
    let records = [vec![entry(0)], vec![entry(8), entry(9)], vec![entry(2)]];
    let bus = Picky::new(&[&[2, 3]]);
    let published = now(publish(&bus, &records)).unwrap();
    assert_eq!(published.again_from, None);
    assert!(matches!(&published.refused[..], [(1, Failure::Permanent { .. })]), "{published:?}");
    assert_eq!(bus.sent.borrow()[1], ["event 2"]);
}

#[test]
fn a_bus_that_refuses_for_a_while_gets_every_event_once() {
    let bus = MemoryBus::default();
    bus.refuse_some(2);
    let records: Vec<Vec<Entry>> = (0..4).map(|n| vec![entry(n)]).collect();
    assert_eq!(now(publish(&bus, &records)), Ok(Published::default()));
    let mut kinds: Vec<String> = bus.take().into_iter().map(|entry| entry.kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["event 0", "event 1", "event 2", "event 3"]);
}

#[test]
fn an_events_id_is_its_place_in_the_journal_whatever_is_published_beside_it() {
    let mut commit = journaled(json!([
        {"type": "order.effect_started", "x": 1}, {"type": "order.routed", "x": 2}, {"type": "order.assigned", "x": 3},
    ]));
    commit.version = 7;
    let entries = entries(&commit, "/crossdock/tests").unwrap();
    let details: Vec<serde_json::Value> = entries.iter().map(|e| serde_json::from_str(&e.detail).unwrap()).collect();
    assert_eq!(
        details.iter().map(|d| d["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["e1/order/x/7/1", "e1/order/x/7/2"]
    );
    assert_eq!(details[0]["data"], json!({"type": "order.routed", "x": 2}), "as it was stored");
    assert_eq!(details[0]["subject"], "order/x");
    let body = json!({"detail": details[0]}).to_string();
    let notice = EventEnvelope::read(&body).unwrap();
    assert_eq!((notice.kind.as_ref(), notice.correlation.as_ref()), ("order.routed", "corr"));
}

fn wake(step: &str, about: &[(&str, &str)]) -> Wake {
    let about = about.iter().map(|(member, id)| ((*member).to_owned(), (*id).to_owned()));
    Wake { step: step.to_owned(), about: about.collect() }
}

#[test]
fn b50_a_step_is_a_resource_of_the_event_about_its_work_and_of_no_other() {
    let mut commit = journaled(json!([
        {"type": "order.effect_started", "fulfillment": "f-2"}, {"type": "order.routed"},
        {"type": "order.assigned", "fulfillment": "f-1"}, {"type": "order.assigned", "fulfillment": "f-2"},
    ]));
    commit.wakes = vec![
        wake("crm-update", &[]),
        wake("fulfillment-request", &[("fulfillment", "f-1")]),
        wake("fulfillment-request", &[("fulfillment", "f-2")]),
    ];
    let entries = entries(&commit, "/crossdock/tests").unwrap();
    let woken: Vec<(&str, Vec<&str>)> =
        entries.iter().map(|it| (it.kind.as_str(), it.resources.iter().map(String::as_str).collect())).collect();
    let request = vec!["crossdock:step/fulfillment-request"];
    let expected = [
        ("order.routed", vec!["crossdock:step/crm-update"]),
        ("order.assigned", request.clone()),
        ("order.assigned", request),
    ];
    assert_eq!(woken, expected);
}

#[test]
fn b50_work_that_no_published_event_is_about_gets_an_entry_of_its_own() {
    let mut commit = journaled(json!([{"type": "order.effect_failed"}]));
    assert_eq!(entries(&commit, "/x").unwrap(), [], "it wakes no step");
    let about = [("fulfillment", "f-1")];
    commit.wakes = vec![wake("b", &about), wake("a", &about), wake("crm-update", &[])];
    let entries = entries(&commit, "/x").unwrap();
    let seen: Vec<(serde_json::Value, Vec<String>)> = entries
        .iter()
        .map(|it| {
            let detail: serde_json::Value = serde_json::from_str(&it.detail).unwrap();
            assert_eq!((it.kind.as_str(), &detail["type"]), ("order.work_due", &json!("order.work_due")));
            (json!([detail["id"], detail["data"]]), it.resources.clone())
        })
        .collect();
    let due = |n: u32, data: serde_json::Value| json!([format!("e1/order/x/1/{n}"), data]);
    assert_eq!(
        seen,
        [
            (due(1, json!({"type": "order.work_due"})), vec![resource("crm-update")]),
            (due(2, json!({"type": "order.work_due", "fulfillment": "f-1"})), vec![resource("a"), resource("b")]),
        ]
    );
}

#[test]
fn a_commit_that_cannot_be_read_is_reported_by_its_place() {
    let mut commit = journaled(json!([]));
    commit.events = "[{\"type\":".to_owned();
    let Err(Failure::Permanent { code: Code::JournalCorrupt, cause }) = entries(&commit, "/x") else {
        panic!("poison")
    };
    assert!(cause.contains("order/x version 1"), "{cause}");
}

// ---- How an order comes to exist

fn party(name: &str) -> Party {
    Party {
        name: name.to_owned(),
        company: None,
        line1: "1 Main Street".to_owned(),
        line2: None,
        city: "Albany".to_owned(),
        region: Some("NY".to_owned()),
        postal_code: Some("12201".to_owned()),
        country: "US".to_owned(),
        phone: None,
        email: None,
    }
}

fn new_order(external: &str, po: &str, digest: &str) -> NewOrder {
    let mut submission = submission(&[10]);
    submission.external_id = id(external);
    submission.customer_po = id(po);
    submission.digest = digest.to_owned();
    submission.ship_to = PartyRef { order: order_of(external), n: 1 };
    NewOrder { spelling: Spelling::Exact, submission, party: party(digest) }
}

struct PartnerClient {
    journal: MemoryJournal,
    parties: MemoryParties,
    due: MemoryDue,
}

impl PartnerClient {
    fn new() -> Self {
        let (due, parties) = (MemoryDue::default(), MemoryParties::default());
        Self { journal: MemoryJournal::new(due.clone(), parties.clone()), parties, due }
    }

    fn submit(&self, work: &str, new: NewOrder, key: Option<&str>) -> (OrderId, Submitted) {
        now(submit(&self.journal, &context("order-import", 0), work, new, key)).unwrap()
    }
}

#[test]
fn a01_the_same_order_any_number_of_times_is_one_order_with_one_deadline() {
    let client = PartnerClient::new();
    assert_eq!(client.submit("a", new_order("1", "PO-1", "x"), None), (order_of("1"), Submitted::Created));
    for work in ["a", "b", "c"] {
        assert_eq!(client.submit(work, new_order("1", "PO-1", "x"), None), (order_of("1"), Submitted::Same));
    }
    assert_eq!(client.journal.commits(&format!("order/{}", order_of("1"))).len(), 1);
    let [deadline] = &client.due.all()[..] else { panic!("one deadline") };
    assert_eq!(deadline.function, "deadline-raise");
    let notice = EventEnvelope::read(&deadline.body).unwrap();
    assert_eq!(notice.subject, format!("order/{}", order_of("1")));
}

#[test]
fn a03_b27_the_same_purchase_order_under_another_name_is_the_same_order_and_another_content_a_conflict() {
    let client = PartnerClient::new();
    client.submit("a", new_order("1", "PO-1", "x"), None);
    assert_eq!(client.submit("b", new_order("EDI-9", "PO-1", "x"), None), (order_of("1"), Submitted::Same));
    assert_eq!(client.submit("c", new_order("EDI-9", "PO-1", "y"), None), (order_of("1"), Submitted::Conflicting));
    assert_eq!(client.submit("c", new_order("EDI-9", "PO-1", "y"), None), (order_of("1"), Submitted::Conflicting));
    assert_eq!(client.journal.streams().len(), 2, "the order, and its alias");
    let order: Stream<Order> = now(Stream::load(&client.journal, &order_of("1"), &context("tests", 0))).unwrap();
    assert_eq!(order.version, 3);
    assert_eq!(order.state.as_ref().unwrap().reviews()[0].kind, OrderReview::ConflictingSubmission);
    assert!(matches!(order.state.as_ref().unwrap().stage, Stage::Submitted));
}

#[test]
fn b27_an_amendment_names_the_purchase_order_in_any_spelling_that_its_sender_does_not_tell_apart() {
    for (spelling, number, is_the_same) in [
        (Spelling::IgnoreCase, "po-1", true),
        (Spelling::IgnoreCase, "PO-2", false),
        (Spelling::LettersAndDigits, "po 1", true),
        (Spelling::Exact, "po-1", false),
    ] {
        let client = PartnerClient::new();
        client.submit("a", new_order("1", "PO-1", "x"), None);
        let new = Box::new(NewOrder { spelling, ..new_order("1", number, "y") });
        let request = ChangeRequest::Amend { new, reason: "a call".to_owned() };
        let sender = Sender { name: "acme-crm".to_owned(), asked_at: None, grant: Grant::All, may_override: false };
        let (cx, key) = (context("change-import", 0), WorkKey::of("b"));
        let order = order_of("1");
        let answer = now(change(&client.journal, &client.parties, &cx, &order, &key, &sender, request)).unwrap();
        assert_eq!(answer == Answer::Accepted, is_the_same, "{spelling:?} {number}: {answer:?}");
    }
}

#[test]
fn an_idempotency_key_of_another_order_creates_no_order() {
    let client = PartnerClient::new();
    client.submit("a", new_order("1", "PO-1", "x"), Some("key-1"));
    assert_eq!(client.submit("a", new_order("1", "PO-1", "x"), Some("key-1")).1, Submitted::Same);
    assert_eq!(client.submit("b", new_order("2", "PO-2", "x"), Some("key-1")), (order_of("1"), Submitted::KeyReused));
    assert_eq!(client.journal.streams().len(), 1);
}

#[test]
fn an_order_never_goes_to_the_address_of_another_content_that_came_at_the_same_time() {
    let client = PartnerClient::new();
    let script = Script::fault_at(1, Fault::KillBefore, || {});
    script.arm(true);
    let faults_met = Faulty::new(client.journal.clone(), &script);
    let cx = context("order-import", 0);
    // The first delivery keeps its receiver and dies before its order exists; the second one has another address.
    let first = submit(&faults_met, &cx, "a", new_order("1", "PO-1", "x"), None).now_or_never();
    assert!(first.is_none());
    assert_eq!(client.submit("b", new_order("1", "PO-1", "y"), None).1, Submitted::Created);
    let order: Stream<Order> = now(Stream::load(&client.journal, &order_of("1"), &cx)).unwrap();
    let receiver = now(client.parties.fetch(&order.state.as_ref().unwrap().terms.submission.ship_to)).unwrap();
    assert_eq!(receiver, Some(party("y")));
}

#[test]
fn a_new_stream_whose_reply_is_lost_is_the_same_order_when_it_comes_again() {
    let client = PartnerClient::new();
    let script = Script::fault_at(1, Fault::LoseReply, || {});
    script.arm(true);
    let lossy = Faulty::new(client.journal.clone(), &script);
    let cx = context("order-import", 0);
    assert!(now(submit(&lossy, &cx, "a", new_order("1", "PO-1", "x"), Some("k"))).is_err());
    assert_eq!(client.submit("a", new_order("1", "PO-1", "x"), Some("k")), (order_of("1"), Submitted::Same));
}

#[test]
fn a_price_for_an_unknown_line_is_reviewed_and_the_step_is_done() {
    let journal = MemoryJournal::default();
    let mut silent = quote(&submission(&[10]), 1);
    silent.lines.clear();
    assert_eq!(commit(&journal, "submit", OrderCommand::Submit(submission(&[10]))), Ok(Outcome::Applied));
    assert_eq!(commit(&journal, "price", OrderCommand::RecordQuote(silent)), Ok(Outcome::Applied));
    assert_eq!(order(&journal).state.as_ref().unwrap().reviews()[0].kind, OrderReview::Unpriceable);
}

// ---- Worklists

#[test]
fn c08_a_fulfillments_review_is_on_the_worklist_until_it_is_decided() {
    let (journal, views) = (MemoryJournal::default(), MemoryViews::default());
    let ports = view_project::Ports { journal: journal.clone(), views: views.clone() };
    let record = |work: &str, command: FulfillmentCommand| {
        let fulfillment = samples::fulfillment_id(1);
        let cx = context("warehouse-report-record", 0);
        assert_eq!(now(execute::<Fulfillment>(&journal, &fulfillment, &cx, work, command)), Ok(Outcome::Applied));
        let commits = journal.take_stream();
        assert_eq!(now(view_project::handle(&ports, &commits, &cx)), vec![]);
        now(views.list("review/open", 9, None)).unwrap().rows
    };
    let lines = [samples::line_quantity(1, 3)];
    let open = FulfillmentCommand::Open(samples::opened(&lines), samples::started(FulfillmentEffect::Request, 1));
    assert_eq!(record("open", open), vec![]);
    let waiting = record("left", samples::milestone("P-1", 2, MilestoneKind::PickedUp));
    assert_eq!(waiting.len(), 1, "it left, and nobody said what is in it");
    assert_eq!(waiting[0].key, format!("fulfillment/{}", samples::fulfillment_id(1)));
    assert!(waiting[0].document.contains("content_mismatch"));
    assert_eq!(record("packed", samples::packed("P-1", 1, &lines, None)), vec![]);
}
