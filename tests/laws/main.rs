//! The laws of the pure core: they hold for every history, in any order of its facts.

#![allow(clippy::unwrap_used)]

#[path = "../../shared/domain/src/samples.rs"]
mod samples;
mod wakes;

use std::collections::BTreeSet;

use domain::fulfillment::{
    FulfillmentRequest, FulfillmentReview, GoodsIssue, GoodsIssued, Milestone, Missing, Opened, Packed, Rejected,
    TracedGoods, Voided, Watch,
};
use domain::order::{
    Allocation, AllocationNo, CreditApproved, CreditExpired, CrmState, Deallocated, LineQuantity, OrderReview,
    PredecessorShipped, PurchaseOrderUse, SalesOrderCancelled, StockArrived, Traced,
};
use domain::review::{Choice, Review, ReviewKind as _};
use domain::shipment::{MilestoneKind, PackageStatus};
use domain::shipment::{Progress, RequestStatus};
use domain::workflow::{decide, evolve, fold};
use domain::{
    Fulfillment, FulfillmentCommand, FulfillmentEffect, FulfillmentEvent, Order, OrderCommand, OrderEffect, OrderEvent,
    OrderId, Quantity, Rejection, Workflow,
};
use proptest::prelude::*;
use proptest::sample::select;
use samples::{
    allocation, amendment, apply, approved, assignment, at, begin, cancel, crm_updated, decision, each, failed,
    fulfillment_id, held, hold_released, id, invoiced, kit, line_no, line_quantity, open, open_as, opened, overdue,
    part, permutations, play, progress, quantity, quote, refused, refused_credit, released, routed, routing, site,
    started, submission, to_release, traceable, watched,
};

fn cases(n: u32) -> ProptestConfig {
    ProptestConfig { cases: n, failure_persistence: None, ..ProptestConfig::default() }
}

// ---- A fulfillment's facts

/// What was asked of the fulfillment: ten of line 1 and five of line 2.
fn asked() -> Vec<LineQuantity> {
    vec![line_quantity(1, 10), line_quantity(2, 5)]
}

/// Contents of every kind: right, partial, too much, and what nobody asked for.
fn contents() -> impl Strategy<Value = Vec<LineQuantity>> {
    let mut other_product = line_quantity(1, 3);
    other_product.sku = id("OTHER");
    let mut other_unit = line_quantity(2, 1);
    other_unit.quantity = quantity(1, "CS");
    let line = select(vec![
        line_quantity(1, 4),
        line_quantity(1, 6),
        line_quantity(1, 10),
        line_quantity(1, 12),
        line_quantity(2, 2),
        line_quantity(2, 5),
        line_quantity(1, 0),
        line_quantity(9, 1),
        part("BOLT", 3),
        part("BOLT", 8),
        part("NUT", 1),
        part("NUT", 4),
        other_product,
        other_unit,
    ]);
    proptest::collection::vec(line, 0..3)
}

/// The fulfillment as it may have been assigned: watched, and with line 1 plain, a kit, or to be traced.
fn assigned() -> impl Strategy<Value = Opened> {
    let deadlines = watched(&asked()).deadlines;
    let all = [opened(&asked()), bolts(), traceable(&asked(), Traced::Lot), traceable(&asked(), Traced::Serial)];
    select(all.map(|opened| Opened { deadlines: deadlines.clone(), ..opened }).to_vec())
}

/// What [`asked`] requests, with one product on both lines: goods of one may count for the other.
fn one_product() -> Vec<LineQuantity> {
    asked().into_iter().map(|goods| LineQuantity { sku: line_quantity(1, 1).sku, ..goods }).collect()
}

/// Line 1 is a kit of two bolts and a nut.
fn bolts() -> Opened {
    kit(&asked(), &[("BOLT", 2), ("NUT", 1)])
}

/// Lots and serial numbers of line 1.
fn traced() -> impl Strategy<Value = Vec<TracedGoods>> {
    let serials = proptest::collection::btree_set(select(vec![id("S-1"), id("S-2"), id("S-3"), id("S-4")]), 0..4);
    let told = (1..11u32, proptest::option::of(select(vec![id("L-1"), id("L-2")])), serials);
    let told = told.prop_map(|(amount, lot, serials)| {
        let of = line_quantity(1, amount);
        TracedGoods { line: of.line, sku: of.sku, quantity: of.quantity, lot, serials }
    });
    proptest::collection::vec(told, 0..2)
}

fn package() -> impl Strategy<Value = domain::PackageId> {
    select(vec![id("P-1"), id("P-2"), id("P-3")])
}

fn tracking() -> impl Strategy<Value = Option<domain::Tracking>> {
    proptest::option::of(select(vec![id("1ZA"), id("1ZB"), id("1ZC")]))
}

fn kind() -> impl Strategy<Value = MilestoneKind> {
    select(vec![
        MilestoneKind::Unknown,
        MilestoneKind::LabelCreated,
        MilestoneKind::OnHold,
        MilestoneKind::PickedUp,
        MilestoneKind::InTransit,
        MilestoneKind::DeliveryDelayed,
        MilestoneKind::OutForDelivery,
        MilestoneKind::ReadyForPickup,
        MilestoneKind::DeliveryFailed,
        MilestoneKind::Delivered,
        MilestoneKind::ReturnToSender,
        MilestoneKind::Cancelled,
    ])
}

/// Anything that a warehouse, or the ERP for it, may say of a fulfillment.
fn fact() -> impl Strategy<Value = FulfillmentCommand> {
    let carrier = || proptest::option::of(select(vec![id("UPS"), id("DHL")]));
    let packed = (package(), 0..20i64, contents(), carrier(), tracking(), traced());
    let packed = packed.prop_map(|(package, n, lines, carrier, tracking, traced)| {
        FulfillmentCommand::RecordPacked(Packed {
            package,
            at: at(n),
            lines,
            carrier,
            tracking,
            traced,
            unassigned: vec![],
        })
    });
    let milestone = (package(), 0..20i64, kind(), any::<bool>(), carrier(), tracking());
    let milestone = milestone.prop_map(|(package, n, milestone, clock_ahead, carrier, tracking)| {
        let code = (milestone == MilestoneKind::Unknown).then(|| format!("RAW-{}", n % 3));
        FulfillmentCommand::RecordMilestone(Milestone {
            package,
            milestone,
            at: at(n),
            code,
            clock_ahead,
            carrier,
            tracking,
        })
    });
    let posted = (package(), select(vec!["GI-1", "GI-2"]), contents()).prop_map(|(package, document, lines)| {
        FulfillmentCommand::RecordGoodsIssued(GoodsIssued { package, document: id(document), lines })
    });
    let voided =
        (package(), 0..20i64).prop_map(|(package, n)| FulfillmentCommand::RecordVoided(Voided { package, at: at(n) }));
    let missing = prop_oneof![
        Just(Missing::Acknowledgement),
        Just(Missing::Departure),
        package().prop_map(|package| Missing::News { package }),
    ];
    let late =
        (missing, select(vec![60, 1_440, 2_880, 2_890, 4_320])).prop_map(|(missing, due)| samples::late(missing, due));
    let refused = select(vec!["it is being picked", "it has gone"])
        .prop_map(|why| FulfillmentCommand::RecordWithdrawalRefused(Rejection::new("TOO_LATE", why)));
    prop_oneof![
        1 => select(vec!["F-1", "F-2"]).prop_map(samples::accepted),
        1 => select(vec![None, Some("F-1"), Some("F-2")]).prop_map(samples::withdrawn),
        1 => refused,
        1 => (0..20i64).prop_map(samples::closed),
        2 => late,
        1 => select(vec!["no room", "too far"]).prop_map(|reason| {
            FulfillmentCommand::RecordRejected(Rejected { reason: reason.to_owned() })
        }),
        4 => packed,
        2 => voided,
        6 => milestone,
        1 => posted,
    ]
}

/// The fact as the event that it becomes.
fn event(fact: &FulfillmentCommand) -> Option<FulfillmentEvent> {
    match fact.clone() {
        FulfillmentCommand::RecordAccepted(accepted) => Some(FulfillmentEvent::Accepted(accepted)),
        FulfillmentCommand::RecordRejected(rejected) => Some(FulfillmentEvent::Rejected(rejected)),
        FulfillmentCommand::RecordPacked(packed) => Some(FulfillmentEvent::PackagePacked(packed)),
        FulfillmentCommand::RecordVoided(voided) => Some(FulfillmentEvent::PackageVoided(voided)),
        FulfillmentCommand::RecordMilestone(milestone) => Some(FulfillmentEvent::MilestoneRecorded(milestone)),
        FulfillmentCommand::RecordGoodsIssued(issued) => Some(FulfillmentEvent::GoodsIssued(issued)),
        FulfillmentCommand::RecordWithdrawn(withdrawn) => Some(FulfillmentEvent::Withdrawn(withdrawn)),
        FulfillmentCommand::RecordWithdrawalRefused(why) => Some(FulfillmentEvent::WithdrawalRefused(why)),
        FulfillmentCommand::RecordClosed(closed) => Some(FulfillmentEvent::Closed(closed)),
        FulfillmentCommand::RaiseLate(_, late) => Some(FulfillmentEvent::Late(late)),
        FulfillmentCommand::Open(..)
        | FulfillmentCommand::CloseNotSent(_)
        | FulfillmentCommand::Decide(_)
        | FulfillmentCommand::RecordAll(_)
        | FulfillmentCommand::Announce(_)
        | FulfillmentCommand::RecordEffectFailed(_)
        | FulfillmentCommand::RecordEffectRejected(_) => None,
    }
}

/// A history, and the same once more: mixed, and some of it twice.
fn mixed<T: Clone + std::fmt::Debug + 'static>(
    facts: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    facts.prop_flat_map(|facts| {
        let twice = proptest::sample::subsequence(facts.clone(), 0..=facts.len());
        let again = twice.prop_flat_map({
            let facts = facts.clone();
            move |twice| Just([facts.clone(), twice].concat()).prop_shuffle()
        });
        (Just(facts), again)
    })
}

/// All that a reader sees of a fulfillment.
fn seen(state: &Fulfillment) -> impl PartialEq + std::fmt::Debug {
    let known = state;
    let statuses: Vec<PackageStatus> = known.packages.values().map(|package| package.status()).collect();
    let asked = (
        FulfillmentRequest::due(Some(state), &known.opened),
        state.withdrawal(),
        state.due_goods_issues().collect::<Vec<_>>(),
        known.watch(),
    );
    (known.request_status(), statuses, known.progress(), known.reviews(), asked)
}

fn same_fulfillment(
    opened: &Opened,
    one: &[FulfillmentCommand],
    other: &[FulfillmentCommand],
) -> Result<(), TestCaseError> {
    let open = || open_as(opened.clone());
    let (first, second) = (play(open(), one.to_vec()), play(open(), other.to_vec()));
    prop_assert_eq!(&first, &second, "as commands");
    prop_assert_eq!(seen(&first), seen(&second));
    let events: Vec<FulfillmentEvent> = other.iter().filter_map(event).collect();
    let folded = events.iter().fold(open(), Fulfillment::evolve);
    prop_assert_eq!(&first, &folded, "as events");
    Ok(())
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_fulfillments_facts_end_the_same_in_any_order_and_number(
        opened in assigned(),
        (facts, again) in mixed(proptest::collection::vec(fact(), 1..24)),
    ) {
        same_fulfillment(&opened, &facts, &again)?;
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn all_permutations_of_six_facts_of_a_fulfillment_end_the_same(
        opened in assigned(),
        facts in proptest::collection::vec(fact(), 6),
    ) {
        let first = play(open_as(opened.clone()), facts.clone());
        for facts in permutations(&facts) {
            prop_assert_eq!(&first, &play(open_as(opened.clone()), facts));
        }
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_delivered_package_goes_nowhere_but_back(facts in proptest::collection::vec(fact(), 1..40)) {
        let mut state = open(&asked());
        let mut ended: BTreeSet<domain::PackageId> = BTreeSet::new();
        for fact in facts {
            state = apply(state, fact);
            for (name, package) in &state.packages {
                let end = [MilestoneKind::Delivered, MilestoneKind::ReturnToSender].map(PackageStatus::At);
                if end.contains(&package.status()) {
                    ended.insert(name.clone());
                }
                prop_assert!(!ended.contains(name) || end.contains(&package.status()), "{:?}", package);
            }
        }
    }

    #[test]
    fn a_fulfillment_never_reports_more_delivered_than_shipped_nor_counts_a_void_package(
        opened in assigned(),
        facts in proptest::collection::vec(fact(), 1..40),
    ) {
        let state = play(open_as(opened), facts);
        let progress = state.progress().unwrap();
        for (line, delivered) in &progress.delivered {
            prop_assert!(delivered.amount() <= progress.shipped[line].amount());
        }
        prop_assert!(state.package_summaries().all(|package| package.status != PackageStatus::Voided));
    }

    #[test]
    fn a_goods_issue_is_asked_for_only_of_what_left_and_was_asked_for(
        opened in assigned(),
        facts in proptest::collection::vec(fact(), 1..40),
    ) {
        let state = play(open_as(opened), facts);
        for (name, package) in &state.packages {
            if let Some(issue) = state.goods_issue(name) {
                prop_assert!(package.has_left() && !package.is_void());
                prop_assert!(state.matches(&issue.lines));
            }
        }
    }

    #[test]
    fn b11_what_left_and_what_never_will_is_together_no_more_than_was_asked_for(
        opened in assigned(),
        facts in proptest::collection::vec(fact(), 1..40),
    ) {
        let state = play(open_as(opened), facts);
        let progress = state.progress().unwrap();
        for fulfillment in asked() {
            let of = |sums: &std::collections::BTreeMap<domain::LineNo, Quantity>| {
                sums.get(&fulfillment.line).map_or(0.into(), |quantity| quantity.amount())
            };
            let (left, never) = (of(&progress.shipped), of(&progress.unfilled));
            prop_assert!(never.is_zero() || left + never <= fulfillment.quantity.amount());
        }
    }

    #[test]
    fn b14_what_is_posted_of_kits_is_what_left_as_kits_whenever_all_is_posted(
        facts in proptest::collection::vec((fact(), 0..4u32), 1..30),
    ) {
        let posts = |fact: &FulfillmentCommand| matches!(fact, FulfillmentCommand::RecordGoodsIssued(_));
        let mut state = open_as(bolts());
        let mut asked: Vec<GoodsIssued> = Vec::new();
        for (fact, step) in facts.into_iter().filter(|(fact, _)| !posts(fact)) {
            state = apply(state, fact);
            if step == 0 {
                state = post(state, &mut asked);
            }
            if step == 1 && let Some(issued) = asked.pop() {
                state = apply(state, FulfillmentCommand::RecordGoodsIssued(issued));
            }
        }
        while state.due_goods_issues().next().is_some() || !asked.is_empty() {
            state = post(state, &mut asked);
            state = play(state, asked.drain(..).map(FulfillmentCommand::RecordGoodsIssued));
        }
        let known = &state;
        let progress = known.progress().unwrap();
        let (posted, shipped) = (kits_posted(&state), kits_shipped(&state));
        let reviews = known.reviews();
        let differs = reviews.iter().any(|review| review.kind == FulfillmentReview::PostingMismatch);
        prop_assert!(!progress.goods_issued || posted == shipped, "{posted} posted, {shipped} left");
        prop_assert!(posted == shipped || differs, "{posted} posted, {shipped} left, {reviews:?}");
    }

    #[test]
    fn b14_kits_in_several_packages_are_posted_once_however_departures_and_postings_are_mixed(
        packages in kit_packages(),
        steps in proptest::collection::vec(0..5usize, 1..20),
    ) {
        let mut state = play(open_as(bolts()), packages);
        let mut asked: Vec<GoodsIssued> = Vec::new();
        for step in steps.into_iter().chain([2, 3, 4]) {
            state = match (step, asked.pop()) {
                (0, Some(issued)) => apply(state, FulfillmentCommand::RecordGoodsIssued(issued)),
                (step, newest) => {
                    asked.extend(newest);
                    let leaves = || samples::milestone(&format!("P-{}", step - 1), 2, MilestoneKind::PickedUp);
                    if step < 2 { post(state, &mut asked) } else { apply(state, leaves()) }
                }
            };
        }
        while state.due_goods_issues().next().is_some() || !asked.is_empty() {
            state = post(state, &mut asked);
            state = play(state, asked.drain(..).map(FulfillmentCommand::RecordGoodsIssued));
        }
        let known = &state;
        prop_assert!(known.progress().unwrap().goods_issued);
        prop_assert_eq!(known.reviews(), vec![]);
        prop_assert_eq!(kits_posted(&state), kits_shipped(&state));
    }

    #[test]
    fn a_watch_never_names_a_time_that_was_raised_and_ends_with_the_fulfillment(
        opened in assigned(),
        facts in proptest::collection::vec(fact(), 1..40),
    ) {
        let mut state = play(open_as(opened), facts);
        for _ in 0..5 {
            let watch = state.watch();
            let Some(late) = watch.clone().passed(the_end()) else {
                prop_assert_eq!(watch, Watch::Over);
                break;
            };
            prop_assert!(!state.late.contains(&late));
            let opened = state.opened.clone();
            state = apply(state, FulfillmentCommand::RaiseLate(opened, late));
            prop_assert_ne!(state.watch(), watch);
        }
    }
}

fn kits_shipped(state: &Fulfillment) -> Quantity {
    let progress = state.progress().unwrap();
    progress.shipped.get(&line_no(1)).copied().unwrap_or(each(0))
}

fn kits_posted(state: &Fulfillment) -> Quantity {
    let issues = state.goods_issues.values().flat_map(|all| all.iter());
    let kits = issues.flat_map(|issued| &issued.lines).filter(|fulfillment| fulfillment.line == line_no(1));
    kits.fold(each(0), |sum, fulfillment| sum.plus(fulfillment.quantity).unwrap())
}

/// Three packages with kits, parts of kits and other goods.
fn kit_packages() -> impl Strategy<Value = Vec<FulfillmentCommand>> {
    let line = select(vec![
        part("BOLT", 2),
        part("BOLT", 3),
        part("NUT", 1),
        part("NUT", 2),
        line_quantity(1, 1),
        line_quantity(2, 2),
    ]);
    proptest::collection::vec(proptest::collection::vec(line, 1..4), 3)
        .prop_map(|all| (1..).zip(all).map(|(n, lines)| samples::packed(&format!("P-{n}"), 1, &lines, None)).collect())
}

/// Later than everything.
fn the_end() -> jiff::Timestamp {
    at(1_000_000)
}

/// The state after the next goods issue was announced; what it asks for, once, is `asked` and not answered yet.
fn post(state: Fulfillment, asked: &mut Vec<GoodsIssued>) -> Fulfillment {
    let announced = |issue: &GoodsIssue| state.postings.contains_key(&issue.package);
    let next = state.due_goods_issues().min_by_key(announced);
    let Some(issue) = next else { return state };
    let document = id(&format!("GI-{}", issue.package));
    let issued = GoodsIssued { package: issue.package, document, lines: issue.lines };
    if asked.iter().any(|other| other.package == issued.package) {
        assert!(asked.contains(&issued), "a repeat asks for something else: {issued:?}");
        return state;
    }
    let effect = FulfillmentEffect::PostGoodsIssue { package: issued.package.clone() };
    asked.push(issued);
    apply(state, FulfillmentCommand::Announce(started(effect, 1)))
}

// ---- An order's facts

/// The progress of fulfillment `n` as of version `as_of`: equal arguments give equal progress, as in a stream.
fn progress_of(n: u32, as_of: u64) -> Progress {
    let rng = (u64::from(n) * 7 + as_of * 13) % 11;
    let request_status = match rng {
        0 => RequestStatus::Rejected,
        1 => RequestStatus::Withdrawn,
        2 => RequestStatus::Requested,
        _ => RequestStatus::Accepted,
    };
    let shipped = u32::try_from(rng).unwrap();
    let mut report = progress(n, as_of, request_status, &[(1, shipped), (2, shipped / 2)], &[(1, shipped / 2)]);
    if rng == 7 {
        report.shipped.insert(line_no(9), each(1));
    }
    if rng == 8 {
        report.shipped.insert(line_no(2), quantity(1, "CS"));
    }
    if rng == 5 {
        report.unfilled.insert(line_no(1), each(1));
    }
    if rng == 6 {
        report.withdrawal_refused = Some("TOO_LATE: no".to_owned());
    }
    if rng == 10 {
        report.shipped.insert(line_no(1), Quantity::new(1_000_000_000_000u64.into(), id("EA")).unwrap());
    }
    report
}

/// Anything that may be reported of an order: by its fulfillments (one of them never assigned), by the clock, by a second source.
fn order_fact() -> impl Strategy<Value = OrderCommand> {
    let report = (1..=3u32, 1..12u64).prop_map(|(n, as_of)| OrderCommand::RecordProgress(progress_of(n, as_of)));
    let again = select(vec!["first", "second", "third"]).prop_map(|digest| {
        let mut again = submission(&[10, 5]);
        again.digest = digest.to_owned();
        OrderCommand::Submit(again)
    });
    prop_oneof![
        8 => report,
        1 => Just(OrderCommand::RaiseOverdue(overdue())),
        1 => again,
        1 => (1..9u64).prop_map(|version| OrderCommand::RecordCrmUpdated(crm_updated(version, &format!("digest {version}")))),
    ]
}

/// An order over two fulfillments.
fn split() -> Order {
    routed(&[10, 5], &[&[line_quantity(1, 6), line_quantity(2, 5)], &[line_quantity(1, 4)]])
}

/// The order without what the CRM was told: that is a log of what landed there, and in which order it did.
fn unreported(order: &Order) -> Order {
    Order { crm: CrmState::Nothing, ..order.clone() }
}

fn newest_told(order: &Order) -> Option<u64> {
    match &order.crm {
        CrmState::Nothing => None,
        CrmState::Newest(told) | CrmState::Stale(told) => Some(told.version),
    }
}

fn as_order_event(fact: &OrderCommand) -> Option<OrderEvent> {
    match fact.clone() {
        OrderCommand::RaiseOverdue(overdue) => Some(OrderEvent::Overdue(overdue)),
        OrderCommand::RecordCrmUpdated(told) => Some(OrderEvent::CrmUpdated(told)),
        OrderCommand::Submit(_)
        | OrderCommand::RecordQuote(_)
        | OrderCommand::RecordUnpriceable(_)
        | OrderCommand::RecordCreditApproved(_)
        | OrderCommand::RecordCreditExpiredOnArrival(_)
        | OrderCommand::RecordCreditRefused(_)
        | OrderCommand::ExpireCredit(_)
        | OrderCommand::RecordAllocation(_)
        | OrderCommand::RecordStock(_)
        | OrderCommand::RecordDeallocated(_)
        | OrderCommand::RecordRelease(_)
        | OrderCommand::RecordSalesOrderCancelled(_)
        | OrderCommand::RecordRouting(_)
        | OrderCommand::RecordInvoice(_)
        | OrderCommand::ReserveReturn(_)
        // Its event has the lines that changed, so it depends on the state in which it was decided.
        | OrderCommand::RecordProgress(_)
        | OrderCommand::RecordDiscard(_)
        | OrderCommand::Cancel(_)
        | OrderCommand::Hold(_)
        | OrderCommand::ReleaseHold(_)
        | OrderCommand::Amend(_)
        | OrderCommand::RefuseRequest(_)
        | OrderCommand::Reassign(_)
        | OrderCommand::Decide(_)
        | OrderCommand::Announce(_)
        | OrderCommand::RecordEffectFailed(_)
        | OrderCommand::RecordPredecessorShipped(_)
        | OrderCommand::RecordEffectRejected(_) => None,
    }
}

/// All that a reader sees of an order.
fn shown(order: &Order) -> impl PartialEq + std::fmt::Debug {
    let known = order;
    (known.status(), known.line_quantities(), known.reviews())
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn an_orders_facts_end_the_same_in_any_order_and_number(
        (facts, again) in mixed(proptest::collection::vec(order_fact(), 1..20)),
    ) {
        let (one, other) = (play(split(), facts.clone()), play(split(), again));
        prop_assert_eq!(unreported(&one), unreported(&other));
        prop_assert_eq!(shown(&one), shown(&other));
        prop_assert_eq!(newest_told(&one), newest_told(&other));
        let events: Vec<OrderEvent> = facts.iter().rev().filter_map(as_order_event).collect();
        let folded = events.iter().fold(split(), Order::evolve);
        let alone = play(split(), facts.into_iter().filter(|fact| as_order_event(fact).is_some()));
        prop_assert_eq!(unreported(&folded), unreported(&alone), "as events");
    }

    #[test]
    fn one_more_crm_update_settles_what_the_crm_shows(facts in proptest::collection::vec(order_fact(), 1..20)) {
        let order = play(split(), facts);
        if let Some(update) = order.crm_update(vec![], 1) {
            let order = apply(order, OrderCommand::RecordCrmUpdated(crm_updated(99, &update.digest())));
            prop_assert!(order.crm_update(vec![], 1).is_none() && !order.crm.is_stale());
        }
    }
}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn all_permutations_of_six_facts_of_an_order_end_the_same(facts in proptest::collection::vec(order_fact(), 6)) {
        let first = play(split(), facts.clone());
        for facts in permutations(&facts) {
            prop_assert_eq!(unreported(&first), unreported(&play(split(), facts)));
        }
    }
}

#[test]
fn credit_and_stock_end_the_same_in_any_order_and_number() {
    let stock = || allocation("AL-1", &[(1, &[("EAST", 10)], 0), (2, &[("EAST", 5)], 0)]);
    let words = [
        OrderCommand::RecordCreditApproved(approved()),
        OrderCommand::RecordCreditRefused(refused_credit()),
        OrderCommand::RecordAllocation(stock()),
        OrderCommand::RecordAllocation(stock()),
        OrderCommand::RecordCreditApproved(approved()),
    ];
    let priced = || begin::<Order>(to_release(&[10, 5]).into_iter().take(2));
    let first = play(priced(), words.clone());
    assert!(first.sales_order_request(at(0)).is_some());
    for words in permutations(&words) {
        assert_eq!(play(priced(), words), first);
    }
}

#[test]
fn documents_made_twice_show_the_same_in_any_order() {
    let words = [
        OrderCommand::RecordInvoice(invoiced("INV-1")),
        OrderCommand::RecordInvoice(invoiced("INV-2")),
        OrderCommand::RecordRelease(released("SO-2")),
        OrderCommand::RecordAllocation(allocation("AL-2", &[(1, &[("WEST", 10)], 0)])),
        OrderCommand::RaiseOverdue(overdue()),
        OrderCommand::RecordProgress(progress(1, 3, RequestStatus::Accepted, &[(1, 6)], &[(1, 6)])),
    ];
    let first = play(split(), words.clone());
    for words in permutations(&words) {
        assert_eq!(shown(&play(split(), words)), shown(&first));
    }
}

// ---- Both together

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn an_order_shows_what_its_fulfillments_know_however_late_each_report_is_written(
        facts in proptest::collection::vec((any::<bool>(), fact()), 1..30),
        mix in any::<u64>(),
    ) {
        let mut fulfillments = [open(&asked()), open(&asked())];
        let mut reports = Vec::new();
        for (version, (second, fact)) in (2..).zip(facts) {
            let n = usize::from(second);
            fulfillments[n] = apply(fulfillments[n].clone(), fact);
            fulfillments[n].committed(version);
            let mut report = fulfillments[n].progress().unwrap();
            report.fulfillment = fulfillment_id(u32::from(second) + 1);
            reports.push((mix.wrapping_mul(version).rotate_left(17) % 101, report));
        }
        let newest: Vec<Progress> = (1..=2).filter_map(|n| {
            reports.iter().rev().map(|(_, report)| report).find(|report| report.fulfillment == fulfillment_id(n)).cloned()
        }).collect();
        reports.sort_by_key(|(place, _)| *place);
        let order = play(split(), reports.into_iter().map(|(_, report)| OrderCommand::RecordProgress(report)));
        for quantities in order.line_quantities() {
            let sum = |part: fn(&Progress) -> &std::collections::BTreeMap<domain::LineNo, Quantity>| {
                newest.iter().filter_map(|report| part(report).get(&quantities.line)).map(|q| q.amount()).sum::<rust_decimal::Decimal>()
            };
            prop_assert_eq!(quantities.shipped.amount(), sum(|report| &report.shipped));
            prop_assert_eq!(quantities.delivered.amount(), sum(|report| &report.delivered));
            prop_assert!(quantities.delivered.amount() <= quantities.shipped.amount());
        }
        conserved(&order)?;
    }
}

// ---- Any command at any time

/// The state after `command`, also of a stream that does not exist yet; what is refused changes nothing.
fn apply_to<W: Workflow>(state: Option<W>, command: W::Command) -> Option<W> {
    let events = decide(state.as_ref(), command).unwrap_or_default();
    events.iter().fold(state, evolve)
}

fn order_effect() -> impl Strategy<Value = OrderEffect> {
    select(vec![
        OrderEffect::Allocate { allocation_no: AllocationNo::FIRST },
        OrderEffect::Allocate { allocation_no: AllocationNo::new(2) },
        OrderEffect::Deallocate { allocation_no: AllocationNo::FIRST },
        OrderEffect::CreateSalesOrder,
        OrderEffect::CancelSalesOrder,
        OrderEffect::Invoice,
    ])
}

fn fulfillment_effect() -> impl Strategy<Value = FulfillmentEffect> {
    select(vec![
        FulfillmentEffect::Request,
        FulfillmentEffect::Withdraw,
        FulfillmentEffect::PostGoodsIssue { package: id("P-1") },
    ])
}

fn bookkeeping<E: std::fmt::Debug>(effect: impl Strategy<Value = E>) -> impl Strategy<Value = (E, u32, u8)> {
    (effect, 1..4u32, 0..3u8)
}

fn order_command() -> impl Strategy<Value = OrderCommand> {
    let base = || submission(&[10, 5]);
    let part = |mut allocation: Allocation, no| {
        allocation.allocation_no = AllocationNo::new(no);
        allocation.lines.iter_mut().for_each(|line| line.asked = Some(each(3)));
        allocation
    };
    let stock = select(vec![
        part(allocation("AL-4", &[(1, &[("WEST", 3)], 0)]), 2),
        part(allocation("AL-5", &[(2, &[("WEST", 2)], 1)]), 3),
        allocation("AL-1", &[(1, &[("EAST", 6), ("WEST", 4)], 0), (2, &[("EAST", 5)], 0)]),
        allocation("AL-1", &[(1, &[("EAST", 6)], 4), (2, &[], 5)]),
        allocation("AL-2", &[(1, &[("EAST", 60)], 0)]),
        allocation("AL-3", &[]),
    ]);
    let fulfillments = select(vec![
        vec![],
        vec![assignment(1, &[line_quantity(1, 6), line_quantity(2, 5)]), assignment(2, &[line_quantity(1, 4)])],
        vec![assignment(1, &[line_quantity(1, 12)])],
        vec![assignment(1, &[line_quantity(1, 3), line_quantity(1, 3), line_quantity(7, 1)])],
    ]);
    let quotes = select(vec![1u32, 3, 12]).prop_map(move |per| {
        let mut quote = quote(&base(), per);
        if per == 3 {
            quote.lines.pop();
        }
        quote
    });
    prop_oneof![
        2 => Just(OrderCommand::Submit(base())),
        1 => (select(vec!["EDI-1", "EDI-2"]), select(vec!["first", "second"])).prop_map(move |(external, digest)| {
            let mut again = base();
            again.external_id = id(external);
            again.ship_to.order = OrderId::derive(&again.source, &again.external_id);
            again.digest = digest.to_owned();
            OrderCommand::Submit(again)
        }),
        1 => Just(OrderCommand::RecordPredecessorShipped(PredecessorShipped { fulfillment: fulfillment_id(9) })),
        2 => quotes.prop_map(OrderCommand::RecordQuote),
        1 => select(vec!["A", "B"]).prop_map(|code| OrderCommand::RecordUnpriceable(Rejection::new(code, "no"))),
        2 => Just(OrderCommand::RecordCreditApproved(approved())),
        1 => Just(OrderCommand::RecordCreditRefused(refused_credit())),
        3 => stock.prop_map(OrderCommand::RecordAllocation),
        2 => select(vec!["SO-1", "SO-2"]).prop_map(|number| OrderCommand::RecordRelease(released(number))),
        3 => fulfillments.prop_map(|fulfillments| OrderCommand::RecordRouting(routing(&fulfillments))),
        1 => select(vec!["INV-1", "INV-2"]).prop_map(|number| OrderCommand::RecordInvoice(invoiced(number))),
        1 => Just(OrderCommand::Cancel(cancel())),
        1 => Just(OrderCommand::Hold(held())),
        1 => Just(OrderCommand::ReleaseHold(hold_released())),
        1 => select(vec![vec![8, 5], vec![10], vec![10, 5, 2]]).prop_map(|lines| OrderCommand::Amend(amendment(&lines))),
        1 => (1..=3u32).prop_map(|n| OrderCommand::Reassign(fulfillment_id(n))),
        1 => Just(OrderCommand::ExpireCredit(CreditExpired { valid_until: at(60), needs_decision: false })),
        1 => Just(OrderCommand::RecordCreditExpiredOnArrival(CreditApproved { valid_until: Some(at(60)), ..approved() })),
        1 => (1..=2u32).prop_map(|n| OrderCommand::RecordStock(StockArrived { lines: vec![line_quantity(n, 3)] })),
        1 => (1..=3u32).prop_map(|no| OrderCommand::RecordDeallocated(Deallocated { allocation_no: AllocationNo::new(no) })),
        1 => Just(OrderCommand::RecordSalesOrderCancelled(SalesOrderCancelled { sales_order: Some(id("SO-1")) })),
        2 => (select(OrderReview::ALL), select(Choice::ALL), select(vec!["UNKNOWN_SKU: no", "over the limit"])).prop_map(
            |(kind, choice, reason)| {
                let review = Review { kind, reason: reason.to_owned() };
                OrderCommand::Decide(decision(&[review], kind, choice))
            },
        ),
        6 => order_fact(),
        3 => bookkeeping(order_effect()).prop_map(|(effect, attempt, what)| match what {
            0 => OrderCommand::Announce(started(effect, attempt)),
            1 => OrderCommand::RecordEffectFailed(failed(effect, attempt)),
            _more => OrderCommand::RecordEffectRejected(refused(effect, "NO")),
        }),
    ]
}

fn fulfillment_command() -> impl Strategy<Value = FulfillmentCommand> {
    let book = bookkeeping(fulfillment_effect()).prop_map(|(effect, attempt, what)| match what {
        0 => FulfillmentCommand::Announce(started(effect, attempt)),
        1 => FulfillmentCommand::RecordEffectFailed(failed(effect, attempt)),
        _more => FulfillmentCommand::RecordEffectRejected(refused(effect, "NO")),
    });
    let again = (assigned(), 1..4u32)
        .prop_map(|(opened, attempt)| FulfillmentCommand::Open(opened, started(FulfillmentEffect::Request, attempt)));
    let give_up = assigned().prop_map(FulfillmentCommand::CloseNotSent);
    let one = prop_oneof![16 => fact(), 4 => book, 2 => again, 1 => give_up];
    one.prop_recursive(2, 8, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(FulfillmentCommand::RecordAll))
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn b49_the_version_of_a_register_grows_with_each_change_of_its_content(
        opened in prop_oneof![3 => assigned(), 2 => Just(opened(&one_product()))],
        commands in proptest::collection::vec(with_decisions(), 1..40),
    ) {
        let mut state = open_as(opened);
        state.committed(1);
        for (version, (command, decided)) in (2..).zip(commands) {
            let before = state.progress().unwrap();
            let reviews = state.reviews();
            let review = decided.and_then(|(at, choice)| Some((reviews.get(at % reviews.len().max(1))?, choice)));
            let command = review.map_or(command, |(review, choice)| {
                FulfillmentCommand::Decide(decision(std::slice::from_ref(review), review.kind, choice))
            });
            state = apply_to(Some(state), command).unwrap();
            state.committed(version);
            let after = state.progress().unwrap();
            let is_same = Progress { as_of: before.as_of, ..after.clone() } == before;
            prop_assert!(is_same || after.as_of == version, "{:?} became {:?}", before, after);
        }
    }
}

/// Any command; in its place often the decision of a review that is open, and which choice.
fn with_decisions() -> impl Strategy<Value = (FulfillmentCommand, Option<(usize, Choice)>)> {
    (fulfillment_command(), proptest::option::weighted(0.3, (0..9usize, select(Choice::ALL))))
}

/// Quantities add up on every line.
fn conserved(order: &Order) -> Result<(), TestCaseError> {
    let known = order;
    prop_assert_eq!(known.line_quantities().len(), known.terms.submission.lines.len(), "no line is hidden");
    for l in known.line_quantities() {
        let has = l.ordered.amount() + l.over.amount();
        let parts = [l.open, l.in_fulfillment, l.backordered, l.cancelled, l.shipped];
        prop_assert_eq!(has, parts.iter().map(|part| part.amount()).sum::<rust_decimal::Decimal>(), "{:?}", l);
    }
    Ok(())
}

/// Asks an order everything that it can be asked.
fn interrogate(order: &Order) {
    let sites = [site("EAST", 1, &["NY"]), site("WEST", 2, &[])];
    drop((order.price_query(), order.credit_query(), order.allocation_request(), order.sales_order_request(at(0))));
    drop((order.stock_query(), order.deallocation(), order.sales_order_cancellation()));
    drop((order.invoice_request(), order.crm_update(vec![], 1), order.crm.is_stale()));
    drop(order.routing_query().map(|query| query.decide(&sites, at(0))));
    drop((order.status(), order.reviews()));
}

/// Whether an order is read back as it was written.
fn reads_back<E>(events: &[E]) -> Result<(), TestCaseError>
where
    E: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let text = serde_json::to_string(events).unwrap();
    prop_assert_eq!(&serde_json::from_str::<Vec<E>>(&text).unwrap()[..], events);
    Ok(())
}

/// Requests are ordered by their commits, and each commits; so does a claim. Everything else is news once.
fn is_news_once(command: &OrderCommand, order: &Order) -> bool {
    match command {
        OrderCommand::Cancel(_)
        | OrderCommand::Hold(_)
        | OrderCommand::ReleaseHold(_)
        | OrderCommand::Amend(_)
        | OrderCommand::ReserveReturn(_)
        | OrderCommand::RefuseRequest(_)
        | OrderCommand::Decide(_)
        | OrderCommand::Announce(_) => false,
        // Every stale update of the CRM is recorded: it makes the order send the newest status again.
        OrderCommand::RecordCrmUpdated(told) => newest_told(order).is_none_or(|newest| newest <= told.version),
        OrderCommand::Submit(_)
        | OrderCommand::RecordQuote(_)
        | OrderCommand::RecordUnpriceable(_)
        | OrderCommand::RecordCreditApproved(_)
        | OrderCommand::RecordCreditExpiredOnArrival(_)
        | OrderCommand::RecordCreditRefused(_)
        | OrderCommand::ExpireCredit(_)
        | OrderCommand::RecordAllocation(_)
        | OrderCommand::RecordStock(_)
        | OrderCommand::RecordDeallocated(_)
        | OrderCommand::RecordRelease(_)
        | OrderCommand::RecordSalesOrderCancelled(_)
        | OrderCommand::RecordRouting(_)
        | OrderCommand::RecordProgress(_)
        | OrderCommand::RecordInvoice(_)
        | OrderCommand::Reassign(_)
        | OrderCommand::RaiseOverdue(_)
        | OrderCommand::RecordDiscard(_)
        | OrderCommand::RecordPredecessorShipped(_)
        | OrderCommand::RecordEffectFailed(_)
        | OrderCommand::RecordEffectRejected(_) => true,
    }
}

fn is_fact(command: &FulfillmentCommand) -> bool {
    match command {
        FulfillmentCommand::RecordAll(commands) => commands.iter().all(is_fact),
        FulfillmentCommand::Open(..)
        | FulfillmentCommand::CloseNotSent(_)
        | FulfillmentCommand::Decide(_)
        | FulfillmentCommand::Announce(_) => false,
        FulfillmentCommand::RecordAccepted(_)
        | FulfillmentCommand::RecordRejected(_)
        | FulfillmentCommand::RecordWithdrawn(_)
        | FulfillmentCommand::RecordWithdrawalRefused(_)
        | FulfillmentCommand::RecordClosed(_)
        | FulfillmentCommand::RaiseLate(..)
        | FulfillmentCommand::RecordPacked(_)
        | FulfillmentCommand::RecordVoided(_)
        | FulfillmentCommand::RecordMilestone(_)
        | FulfillmentCommand::RecordGoodsIssued(_)
        | FulfillmentCommand::RecordEffectFailed(_)
        | FulfillmentCommand::RecordEffectRejected(_) => true,
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn an_order_bears_any_command_at_any_time(
        steps in 0..=5usize,
        commands in proptest::collection::vec(order_command(), 1..40),
    ) {
        let mut order = to_release(&[10, 5]).into_iter().take(steps).fold(None, apply_to::<Order>);
        for command in commands {
            let Ok(events) = decide(order.as_ref(), command.clone()) else {
                prop_assert_eq!(&order, &None, "a submitted order refuses nothing without a record of it");
                continue;
            };
            reads_back(&events)?;
            for event in &events {
                order = evolve(order, event);
                order.as_ref().map_or(Ok(()), conserved)?;
            }
            let Some(order) = &order else { continue };
            interrogate(order);
            if is_news_once(&command, order) {
                prop_assert_eq!(order.decide(command.clone()), Ok(vec![]), "{:?} again", command);
            }
        }
    }

    #[test]
    fn a_fulfillment_bears_any_command_and_any_decision_at_any_time(
        commands in proptest::collection::vec((fulfillment_command(), 0..40usize), 1..40),
    ) {
        let mut state: Option<Fulfillment> = None;
        for (command, pick) in commands {
            let Ok(events) = decide(state.as_ref(), command.clone()) else {
                prop_assert_eq!(&state, &None, "an opened fulfillment refuses nothing");
                continue;
            };
            reads_back(&events)?;
            state = events.iter().fold(state, evolve);
            if is_fact(&command) && state.is_some() && !matches!(command, FulfillmentCommand::RecordAll(_)) {
                prop_assert_eq!(decide(state.as_ref(), command.clone()), Ok(vec![]), "{:?} again", command);
            }
            if let Some(known) = state.clone() {
                drop((seen(&known), FulfillmentRequest::due(Some(&known), &known.opened)));
                let asking = known.open_effects.contains(&FulfillmentEffect::Withdraw);
                prop_assert!(!asking || known.withdrawal().is_some(), "announced, and never to be answered: {:?}", known);
                for package in known.packages.keys() {
                    drop(known.goods_issue(package));
                }
                if let Some(review) = known.reviews().get(pick) {
                    let options = review.kind.options();
                    let decision = decision(std::slice::from_ref(review), review.kind, options[pick % options.len()]);
                    let events = known.decide(FulfillmentCommand::Decide(decision));
                    prop_assert!(events.is_ok(), "{:?}", review);
                    let events = events.unwrap();
                    reads_back(&events)?;
                    state = events.iter().fold(state, evolve);
                    prop_assert!(!state.as_ref().unwrap().reviews().contains(review), "{:?}", review);
                }
            }
        }
    }

    #[test]
    fn an_order_is_the_fold_of_its_events(commands in proptest::collection::vec(order_command(), 1..40)) {
        let mut order: Option<Order> = None;
        let mut journal = Vec::new();
        for command in commands {
            let events = decide(order.as_ref(), command).unwrap_or_default();
            order = events.iter().fold(order, evolve);
            journal.extend(events);
        }
        prop_assert_eq!(fold::<Order>(&journal), order);
    }

    /// Expected: the number goes only to what was ordered later, and only when no partner has, or may have, anything of the
    /// cancelled order.
    #[test]
    fn b29_b51_a_purchase_order_is_moves_only_by_a_cancelled_order_of_which_nothing_is_left(
        steps in 0..=5usize,
        commands in proptest::collection::vec(prop_oneof![1 => Just(OrderCommand::Cancel(cancel())), 9 => order_command()], 1..40),
    ) {
        let mut order = to_release(&[10, 5]).into_iter().take(steps).fold(None, apply_to::<Order>);
        let mut later = submission(&[10, 5]);
        for command in commands {
            order = apply_to(order, command);
            let Some(order) = &order else { continue };
            for minute in [49, 50, 51] {
                later.ordered_at = at(minute);
                prop_assert_eq!(order.purchase_order_use(&later, None), PurchaseOrderUse::SameOrder);
                let moves = matches!(order.purchase_order_use(&later, Some(at(50))), PurchaseOrderUse::NewOrder { .. });
                let nothing_left = order.nothing_will_ship()
                    && order.documents.sales_order().is_none()
                    && order.stock.allocations.is_empty()
                    && order.documents.open_effects.is_empty();
                prop_assert!(!moves || nothing_left && minute > 50, "{:?}", order);
            }
        }
    }

    #[test]
    fn whatever_is_in_stock_a_routing_gives_each_line_what_it_needs_or_nothing_at_all(
        stock in proptest::collection::vec((0..12u32, 0..12u32, 0..4u32), 2),
        turned in any::<bool>(),
    ) {
        let sources: Vec<[(&str, u32); 2]> = stock.iter().map(|(east, west, _)| [("EAST", *east), ("WEST", *west)]).collect();
        let lines: Vec<samples::LineStock<'_>> =
            (1..).zip(&sources).zip(&stock).map(|((n, sources), (_, _, short))| (n, &sources[..], *short)).collect();
        let order = begin::<Order>(to_release(&[10, 5]).into_iter().take(3).chain([
            OrderCommand::RecordAllocation(allocation("AL-1", &lines)),
            OrderCommand::RecordRelease(released("SO-1")),
        ]));
        let mut sites = [site("EAST", 1, &["NY"]), site("WEST", 2, &[])];
        if turned {
            sites.reverse();
        }
        let before = order.line_quantities();
        let command = order.routing_query().unwrap().decide(&sites, at(0));
        let after = apply(order, command).line_quantities();
        let all = after.iter().zip(&before).all(|(after, before)| {
            after.open.is_zero() && after.in_fulfillment == before.open && after.over.is_zero()
        });
        let none = after.iter().zip(&before).all(|(after, before)| after == before);
        prop_assert!(all || none, "{:?}", after);
    }
}
