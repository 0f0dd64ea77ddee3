//! An order's names under races: two submissions at once, a takeover beside a cancellation, and kills between the calls.

use domain::OrderEvent;
use domain::order::{PredecessorShipped, Status};
use usecases::names;

use super::*;

/// A submission of `external` under the purchase order `PO-1`, ordered and submitted at `minute`.
fn ordered(external: &str, minute: i64) -> NewOrder {
    let mut new = new_order(external, "PO-1", "x");
    new.submission.ordered_at = at(minute);
    new
}

fn at_minute(minute: i64) -> Context {
    Context { event_time: at(minute), ..context("order-import", minute) }
}

fn submit_at(journal: &impl Journal, external: &str, minute: i64) -> Result<(OrderId, Submitted), Failure> {
    now(submit(journal, &at_minute(minute), external, ordered(external, minute), None))
}

fn load(client: &PartnerClient, external: &str) -> Stream<Order> {
    now(names::load(&client.journal, &order_of(external), &context("tests", 0))).unwrap()
}

fn do_to(client: &PartnerClient, external: &str, work: &str, command: OrderCommand) {
    let done = now(execute::<Order>(&client.journal, &order_of(external), &context("tests", 10), work, command));
    assert_eq!(done, Ok(Outcome::Applied));
}

/// Order 1, of minute 0.
fn active() -> PartnerClient {
    let client = PartnerClient::new();
    assert_eq!(submit_at(&client.journal, "1", 0), Ok((order_of("1"), Submitted::Created)));
    client
}

/// Order 1, of minute 0, is cancelled at minute 10.
fn cancelled() -> PartnerClient {
    let client = active();
    do_to(&client, "1", "cancel", OrderCommand::Cancel(cancel()));
    assert_eq!(load(&client, "1").state.unwrap().status(), Status::Cancelled);
    client
}

/// The same, with an allocation at the ERP that may exist: it is not undone yet.
fn cancelling() -> PartnerClient {
    let client = active();
    let allocate = OrderEffect::Allocate { allocation_no: AllocationNo::FIRST };
    do_to(&client, "1", "announce", OrderCommand::Announce(samples::started(allocate, 1)));
    do_to(&client, "1", "cancel", OrderCommand::Cancel(cancel()));
    assert_eq!(load(&client, "1").state.unwrap().status(), Status::Cancelling);
    client
}

fn undo(client: &PartnerClient) {
    let failed = samples::failed(OrderEffect::Allocate { allocation_no: AllocationNo::FIRST }, 1);
    let failed = domain::EffectFailed { not_sent: true, ..failed };
    do_to(client, "1", "undone", OrderCommand::RecordEffectFailed(failed));
    assert_eq!(load(client, "1").state.unwrap().status(), Status::Cancelled);
}

/// What holds whatever happened: one name is one order or one alias of one, one live order has the purchase order, and
/// each address belongs to an order.
fn assert_consistent(client: &PartnerClient) {
    let mut live = 0;
    let streams = client.journal.streams();
    for stream in &streams {
        let id: OrderId = stream.strip_prefix("order/").unwrap().parse().unwrap();
        let own: Stream<Order> = now(Stream::load(&client.journal, &id, &context("tests", 0))).unwrap();
        let named = now(names::load(&client.journal, &id, &context("tests", 0))).unwrap();
        let order = named.state.unwrap_or_else(|| panic!("{stream} leads to no order"));
        assert_eq!(own.state.is_none(), order.names.aliases.contains_key(&id), "{stream} is the order or its alias");
        live += usize::from(own.state.is_some() && order.names.moved_to.is_none());
        if let Some(next) = order.names.moved_to.filter(|_| own.state.is_some()) {
            let next: Stream<Order> = now(Stream::load(&client.journal, &next, &context("tests", 0))).unwrap();
            assert_eq!(next.state.unwrap().names.taken.unwrap().from, id, "both know of the takeover");
        }
    }
    assert_eq!(live, 1, "one order has the purchase order: {streams:?}");
    for party in client.parties.references() {
        let own: Stream<Order> = now(Stream::load(&client.journal, &party.order, &context("tests", 0))).unwrap();
        assert!(own.state.is_some(), "the address of {} belongs to no order", party.order);
    }
    let deadlines = client.due.all().len();
    assert_eq!(deadlines, client.parties.references().len(), "each order has one deadline and one address");
}

#[test]
fn b29_a_new_order_takes_the_purchase_order_of_a_cancelled_one_over_and_the_next_one_after_its_cancellation() {
    let client = cancelled();
    assert_eq!(submit_at(&client.journal, "2", 20), Ok((order_of("2"), Submitted::Created)));
    assert_eq!(submit_at(&client.journal, "2", 20), Ok((order_of("2"), Submitted::Same)), "sent again");
    assert_eq!(submit_at(&client.journal, "1", 0), Ok((order_of("1"), Submitted::Same)), "the old one sent again");
    assert_consistent(&client);
    let cx = context("tests", 30);
    let cancelled = now(execute::<Order>(&client.journal, &order_of("2"), &cx, "c", OrderCommand::Cancel(cancel())));
    assert_eq!(cancelled, Ok(Outcome::Applied));
    assert_eq!(submit_at(&client.journal, "3", 40), Ok((order_of("3"), Submitted::Created)));
    assert_consistent(&client);
}

#[test]
fn b29_a_new_order_waits_while_the_old_one_is_still_being_cancelled_and_ends_as_a_review_after_a_day() {
    let client = cancelling();
    let waits = submit_at(&client.journal, "2", 20);
    assert!(matches!(waits, Err(Failure::Deferred { why: Wait::Cancelling, .. })), "{waits:?}");
    let later = Context { event_time: at(20), ..context("order-import", 25) };
    let waits = now(submit(&client.journal, &later, "2", ordered("2", 20), None));
    assert_eq!(waits, Err(Failure::Deferred { until: at(30), why: Wait::Cancelling }), "after twice its age");
    assert_eq!(client.journal.streams().len(), 1, "nothing is written meanwhile");
    assert_consistent(&client);
    let next_day = Context { event_time: at(20), ..context("order-import", 20 + 24 * 60) };
    let conflict = now(submit(&client.journal, &next_day, "2", ordered("2", 20), None));
    assert_eq!(conflict, Ok((order_of("1"), Submitted::Conflicting)));
    let reviews = load(&client, "1").state.unwrap().reviews();
    assert_eq!(reviews.iter().map(|it| it.kind).collect::<Vec<_>>(), [OrderReview::ConflictingSubmission]);
    assert_consistent(&client);
}

#[test]
fn b29_the_cancellation_that_ends_beside_a_waiting_order_lets_it_take_over() {
    let client = cancelling();
    assert!(submit_at(&client.journal, "2", 20).is_err());
    undo(&client);
    assert_eq!(submit_at(&client.journal, "2", 20), Ok((order_of("2"), Submitted::Created)));
    assert_consistent(&client);
}

/// Runs `first` on a journal in which `other` happens just before its `n`th call.
fn interleaved<T>(
    client: &PartnerClient,
    n: usize,
    other: impl FnMut() + 'static,
    first: impl Fn(&Faulty<MemoryJournal>) -> T,
) -> (T, bool) {
    let script = Script::fault_at(n, Fault::Interleave, other);
    script.arm(true);
    let result = first(&Faulty::new(client.journal.clone(), &script));
    (result, script.has_happened())
}

#[test]
fn b29_of_two_orders_that_take_over_at_once_one_is_new_and_the_other_one_is_its_alias() {
    let mut places = 0;
    for n in 0.. {
        let client = cancelled();
        let journal = client.journal.clone();
        let other = move || drop(submit_at(&journal, "3", 21).unwrap());
        let (submitted, happened) = interleaved(&client, n, other, |journal| submit_at(journal, "2", 20));
        if !happened {
            break;
        }
        assert!(submitted.is_ok(), "{submitted:?}");
        assert_consistent(&client);
        assert_eq!((load(&client, "2").id, load(&client, "3").id), (order_of("3"), order_of("3")), "before call {n}");
        places += 1;
    }
    assert!(places >= 4, "own name, purchase order, its owner, takeover: {places}");
}

/// Expected: the copy is the same order, or a conflict of it if the cancellation came first; it is never a new order.
#[test]
fn b51_a_cancellation_beside_the_second_sources_copy_makes_no_second_order() {
    for n in 0.. {
        let client = active();
        let journal = client.journal.clone();
        let other = move || {
            let cx = context("tests", 10);
            now(execute::<Order>(&journal, &order_of("1"), &cx, "c", OrderCommand::Cancel(cancel())))
                .unwrap()
                .recorded()
                .unwrap();
        };
        let (submitted, happened) = interleaved(&client, n, other, |journal| submit_at(journal, "EDI-9", 5));
        if !happened {
            break;
        }
        assert_eq!(submitted.unwrap().0, order_of("1"), "before call {n}");
        assert_consistent(&client);
        let reviews = load(&client, "1").state.unwrap().reviews().len();
        assert!(reviews <= 1);
        let (_, again) = submit_at(&client.journal, "EDI-9", 5).unwrap();
        let same = if reviews == 1 { Submitted::Conflicting } else { Submitted::Same };
        assert_eq!(again, same, "sent again, it gets the same answer");
        assert_eq!(load(&client, "1").state.unwrap().reviews().len(), reviews);
    }
}

#[test]
fn b51_a_late_copy_of_the_cancelled_order_is_an_alias_of_that_order_and_not_of_its_successor() {
    let client = cancelled();
    submit_at(&client.journal, "2", 20).unwrap();
    let copy = now(submit(&client.journal, &at_minute(30), "copy", ordered("EDI-1", 5), None));
    assert_eq!(copy, Ok((order_of("1"), Submitted::Conflicting)));
    let other = now(submit(&client.journal, &at_minute(30), "other", ordered("EDI-2", 20), None));
    assert_eq!(other, Ok((order_of("2"), Submitted::Same)));
    assert_consistent(&client);
    assert_eq!((load(&client, "EDI-1").id, load(&client, "EDI-2").id), (order_of("1"), order_of("2")));
}

#[test]
fn b30_one_id_under_two_purchase_orders_at_once_is_an_order_or_an_alias_and_never_both() {
    for n in 0.. {
        let client = active();
        let journal = client.journal.clone();
        let mut elsewhere = new_order("EDI-9", "PO-2", "y");
        elsewhere.submission.ordered_at = at(5);
        let other = move || drop(now(submit(&journal, &at_minute(5), "other", elsewhere.clone(), None)).unwrap());
        let (submitted, happened) = interleaved(&client, n, other, |journal| submit_at(journal, "EDI-9", 5));
        if !happened {
            break;
        }
        assert_eq!(submitted, Ok((order_of("EDI-9"), Submitted::Conflicting)), "before call {n}");
        assert!(load(&client, "1").state.unwrap().names.aliases.is_empty());
    }
}

#[test]
fn b29_b30_a_submission_that_is_killed_or_unanswered_at_any_call_ends_the_same_when_it_comes_again() {
    type Case = (fn() -> PartnerClient, i64, Submitted);
    let cases: [Case; 3] =
        [(cancelled, 20, Submitted::Created), (cancelled, 5, Submitted::Conflicting), (active, 5, Submitted::Same)];
    for (start, minute, expected) in cases {
        let mut places = 0;
        for fault in [Fault::KillBefore, Fault::KillAfter, Fault::LoseReply, Fault::Throttle, Fault::Race] {
            for n in 0.. {
                let client = start();
                let script = Script::fault_at(n, fault, || {});
                script.arm(true);
                let faulty = Faulty::new(client.journal.clone(), &script);
                let cx = at_minute(minute);
                let first = submit(&faulty, &cx, "2", ordered("2", minute), None).now_or_never();
                if !script.has_happened() {
                    break;
                }
                let (id, again) = submit_at(&client.journal, "2", minute).unwrap();
                let is_new = expected == Submitted::Created;
                assert_eq!(id, order_of(if is_new { "2" } else { "1" }), "{fault:?} at call {n}: {first:?}");
                assert!(again == expected || is_new && again == Submitted::Same, "{fault:?} at call {n}: {again:?}");
                assert_consistent(&client);
                places += 1;
            }
        }
        assert!(places >= 15, "only {places} places");
    }
}

#[test]
fn what_the_loser_of_a_race_would_have_stored_is_not_there() {
    let client = active();
    let mut loser = ordered("EDI-9", 5);
    loser.party = party("another address");
    loser.submission.digest = "another address".to_owned();
    let lost = now(submit(&client.journal, &at_minute(5), "lost", loser, None));
    assert_eq!(lost, Ok((order_of("1"), Submitted::Conflicting)));
    let [kept] = &client.parties.references()[..] else { panic!("one address") };
    assert_eq!(kept.order, order_of("1"));
}

#[test]
fn b52_a_shipment_of_the_predecessor_is_recorded_once_and_only_where_there_is_one() {
    let client = cancelled();
    submit_at(&client.journal, "2", 20).unwrap();
    let shipped =
        OrderCommand::RecordPredecessorShipped(PredecessorShipped { fulfillment: order_of("1").fulfillment(1) });
    do_to(&client, "2", "a", shipped.clone());
    let (of_new, of_old) = (load(&client, "2").state.unwrap(), load(&client, "1").state.unwrap());
    assert_eq!(of_new.reviews().iter().map(|it| it.kind).collect::<Vec<_>>(), [OrderReview::PredecessorShipped]);
    assert_eq!(of_new.decide(shipped.clone()), Ok(vec![]));
    assert_eq!(of_old.decide(shipped), Ok(vec![]), "it has no predecessor");
}

#[test]
fn a_key_of_another_order_takes_nothing_over() {
    let client = cancelled();
    assert_eq!(client.submit("other", new_order("7", "PO-7", "z"), Some("key-1")).1, Submitted::Created);
    let reused = now(submit(&client.journal, &at_minute(20), "2", ordered("2", 20), Some("key-1")));
    assert_eq!(reused, Ok((order_of("7"), Submitted::KeyReused)));
    assert!(load(&client, "1").state.unwrap().names.moved_to.is_none());
}

#[test]
fn an_alias_names_its_order_in_its_only_commit() {
    let client = active();
    submit_at(&client.journal, "EDI-9", 5).unwrap();
    let commits = client.journal.commits(&format!("order/{}", order_of("EDI-9")));
    let [only] = &commits[..] else { panic!("{commits:?}") };
    let events = events_of::<Order>(only, at(0)).unwrap();
    assert!(matches!(&events[..], [OrderEvent::Aliased(alias)] if alias.order == order_of("1")), "{events:?}");
}
