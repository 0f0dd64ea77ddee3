#![allow(clippy::unwrap_used, clippy::panic)]

use crate::fulfillment::{Closed, MilestoneKind, Missing, PackageStatus, Watch};
use crate::fulfillment::{FulfillmentEffect, FulfillmentRequest, FulfillmentReview};
use crate::order::{RequestStatus, Traced};
use crate::review::{Choice, Decision, Review};
use crate::samples::{
    accepted, apply, at, begin, closed, decision, each, failed, goods_issued, id, kit, late, line_no, line_quantity,
    milestone, open, open_as, opened, packed, part, play, quantity, refused, rejected, started, too_late, traceable,
    voided, watched, with_lots, with_serials, withdrawn,
};
use crate::{Fulfillment, FulfillmentCommand, PackageId, Workflow};

const GOODS_ISSUE: fn() -> FulfillmentEffect = || FulfillmentEffect::PostGoodsIssue { package: id("P-1") };

fn lines(amount: u32) -> Vec<crate::order::LineQuantity> {
    vec![line_quantity(1, amount)]
}

fn status(state: &Fulfillment, package: &str) -> PackageStatus {
    state.packages.get(&id::<PackageId>(package)).unwrap().status()
}

fn kinds(state: &Fulfillment) -> Vec<FulfillmentReview> {
    state.reviews().into_iter().map(|review| review.kind).collect()
}

fn shipped(state: &Fulfillment) -> u32 {
    amount(&state.progress(1).unwrap().shipped)
}

fn delivered(state: &Fulfillment) -> u32 {
    amount(&state.progress(1).unwrap().delivered)
}

fn amount(by_line: &std::collections::BTreeMap<crate::LineNo, crate::Quantity>) -> u32 {
    by_line.get(&line_no(1)).map_or(0, |quantity| quantity.amount().try_into().unwrap())
}

fn request_status(state: &Fulfillment) -> RequestStatus {
    state.progress(1).unwrap().request_status
}

/// The command after `command`, each once: a new one does not compile until it has its place in the table.
fn after(command: &FulfillmentCommand) -> Option<FulfillmentCommand> {
    match command {
        FulfillmentCommand::Open(..) => Some(FulfillmentCommand::CloseNotSent(opened(&lines(3)))),
        FulfillmentCommand::CloseNotSent(_) => Some(accepted("F-1")),
        FulfillmentCommand::RecordAccepted(_) => Some(rejected("no room")),
        FulfillmentCommand::RecordRejected(_) => Some(withdrawn(Some("F-1"))),
        FulfillmentCommand::RecordWithdrawn(_) => Some(too_late()),
        FulfillmentCommand::RecordWithdrawalRefused(_) => Some(packed("P-1", 1, &lines(3), None)),
        FulfillmentCommand::RecordPacked(_) => Some(voided("P-1", 5)),
        FulfillmentCommand::RecordVoided(_) => Some(milestone("P-1", 2, MilestoneKind::PickedUp)),
        FulfillmentCommand::RecordMilestone(_) => Some(closed(3)),
        FulfillmentCommand::RecordClosed(_) => Some(goods_issued("P-1", "GI-1", &lines(3))),
        FulfillmentCommand::RecordGoodsIssued(_) => Some(late(Missing::Departure, 1_440)),
        FulfillmentCommand::RaiseLate(..) => {
            Some(FulfillmentCommand::RecordAll(vec![accepted("F-1"), accepted("F-1"), rejected("no room")]))
        }
        FulfillmentCommand::RecordAll(_) => Some(FulfillmentCommand::Decide(retry())),
        FulfillmentCommand::Decide(_) => Some(FulfillmentCommand::Announce(started(GOODS_ISSUE(), 1))),
        FulfillmentCommand::Announce(_) => {
            Some(FulfillmentCommand::RecordEffectFailed(failed(FulfillmentEffect::Request, 1)))
        }
        FulfillmentCommand::RecordEffectFailed(_) => {
            Some(FulfillmentCommand::RecordEffectRejected(refused(FulfillmentEffect::Request, "REJECTED")))
        }
        FulfillmentCommand::RecordEffectRejected(_) => None,
    }
}

/// The decision to ask the warehouse once more.
fn retry() -> Decision<FulfillmentReview> {
    let refused = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    decision(&reviews(&refused), FulfillmentReview::PartnerRefused, Choice::Retry)
}

fn refusal(effect: FulfillmentEffect, code: &str) -> FulfillmentCommand {
    FulfillmentCommand::RecordEffectRejected(refused(effect, code))
}

fn reviews(state: &Fulfillment) -> Vec<Review<FulfillmentReview>> {
    state.reviews()
}

/// The state after somebody decided its only review of that kind.
fn decide(state: Fulfillment, kind: FulfillmentReview, choice: Choice) -> Fulfillment {
    let decision = decision(&reviews(&state), kind, choice);
    apply(state, FulfillmentCommand::Decide(decision))
}

fn first() -> FulfillmentCommand {
    FulfillmentCommand::Open(opened(&lines(3)), started(FulfillmentEffect::Request, 2))
}

fn name(command: &FulfillmentCommand) -> &'static str {
    match command {
        FulfillmentCommand::Open(..) => "open",
        FulfillmentCommand::CloseNotSent(_) => "close-not-sent",
        FulfillmentCommand::RecordAccepted(_) => "accepted",
        FulfillmentCommand::RecordRejected(_) => "rejected",
        FulfillmentCommand::RecordWithdrawn(_) => "withdrawn",
        FulfillmentCommand::RecordWithdrawalRefused(_) => "withdrawal-refused",
        FulfillmentCommand::RecordPacked(_) => "packed",
        FulfillmentCommand::RecordVoided(_) => "voided",
        FulfillmentCommand::RecordMilestone(_) => "milestone",
        FulfillmentCommand::RecordClosed(_) => "closed",
        FulfillmentCommand::RecordGoodsIssued(_) => "goods-issued",
        FulfillmentCommand::RaiseLate(..) => "late",
        FulfillmentCommand::RecordAll(_) => "all",
        FulfillmentCommand::Decide(_) => "decide",
        FulfillmentCommand::Announce(_) => "announce",
        FulfillmentCommand::RecordEffectFailed(_) => "effect-failed",
        FulfillmentCommand::RecordEffectRejected(_) => "refused",
    }
}

fn stages() -> Vec<(&'static str, Fulfillment)> {
    let requested = open(&lines(3));
    let failed =
        apply(requested.clone(), FulfillmentCommand::RecordEffectFailed(failed(FulfillmentEffect::Request, 1)));
    let taken = apply(requested.clone(), accepted("F-1"));
    let packed = apply(taken.clone(), packed("P-1", 1, &lines(3), None));
    let left = apply(packed.clone(), milestone("P-1", 2, MilestoneKind::PickedUp));
    let refusal = FulfillmentCommand::RecordEffectRejected(refused(FulfillmentEffect::Request, "REJECTED"));
    vec![
        ("requested", requested.clone()),
        ("effect-failed", failed),
        ("refused", apply(requested.clone(), refusal)),
        ("rejected", apply(requested.clone(), rejected("no room"))),
        ("accepted", taken.clone()),
        ("withdrawing", apply(taken.clone(), FulfillmentCommand::Announce(started(FulfillmentEffect::Withdraw, 1)))),
        ("withdrawn", apply(taken.clone(), withdrawn(Some("F-1")))),
        ("kept", apply(taken.clone(), too_late())),
        ("closed", apply(taken.clone(), closed(3))),
        ("late", apply(requested, late(Missing::Departure, 1_440))),
        ("packed", packed.clone()),
        ("voided", apply(packed, voided("P-1", 5))),
        ("left", left.clone()),
        ("posted", apply(left, goods_issued("P-1", "GI-1", &lines(3)))),
    ]
}

#[test]
fn every_command_has_one_answer_in_every_stage() {
    let table = crate::samples::table(stages(), first(), after, name);
    let expected = "\
open
  opened+effect_started: absent
  effect_started: requested effect-failed refused rejected accepted withdrawing withdrawn kept closed late packed voided left posted
close-not-sent
  opened+withdrawn: absent
  -: requested effect-failed rejected accepted withdrawing withdrawn kept closed late packed voided left posted
  withdrawn: refused
accepted
  !FULFILLMENT_UNKNOWN: absent
  accepted: requested effect-failed refused rejected late
  -: accepted withdrawing withdrawn kept closed packed voided left posted
rejected
  !FULFILLMENT_UNKNOWN: absent
  rejected: requested effect-failed refused accepted withdrawing withdrawn kept closed late packed voided left posted
  -: rejected
withdrawn
  !FULFILLMENT_UNKNOWN: absent
  withdrawn: requested effect-failed refused rejected accepted withdrawing kept closed late packed voided left posted
  -: withdrawn
withdrawal-refused
  !FULFILLMENT_UNKNOWN: absent
  withdrawal_refused: requested effect-failed refused rejected accepted withdrawing withdrawn closed late packed voided left posted
  -: kept
packed
  !FULFILLMENT_UNKNOWN: absent
  package_packed: requested effect-failed refused rejected accepted withdrawing withdrawn kept closed late
  -: packed voided left posted
voided
  !FULFILLMENT_UNKNOWN: absent
  package_voided: requested effect-failed refused rejected accepted withdrawing withdrawn kept closed late packed left posted
  -: voided
milestone
  !FULFILLMENT_UNKNOWN: absent
  milestone_recorded: requested effect-failed refused rejected accepted withdrawing withdrawn kept closed late packed voided
  -: left posted
closed
  !FULFILLMENT_UNKNOWN: absent
  closed: requested effect-failed refused rejected accepted withdrawing withdrawn kept late packed voided left posted
  -: closed
goods-issued
  !FULFILLMENT_UNKNOWN: absent
  goods_issued: requested effect-failed refused rejected accepted withdrawing withdrawn kept closed late packed voided left
  -: posted
late
  opened+late: absent
  late: requested effect-failed refused rejected accepted withdrawing withdrawn kept closed packed voided left posted
  -: late
all
  !FULFILLMENT_UNKNOWN: absent
  accepted+rejected: requested effect-failed refused late
  accepted: rejected
  rejected: accepted withdrawing withdrawn kept closed packed voided left posted
decide
  !FULFILLMENT_UNKNOWN: absent
  !REVIEW_NOT_OPEN: requested effect-failed rejected accepted withdrawing withdrawn kept closed late packed voided left posted
  review_decided: refused
announce
  !FULFILLMENT_UNKNOWN: absent
  effect_started: requested effect-failed refused rejected accepted withdrawing withdrawn kept closed late packed voided left posted
effect-failed
  !FULFILLMENT_UNKNOWN: absent
  effect_failed: requested late
  -: effect-failed refused rejected accepted withdrawing withdrawn kept closed packed voided left posted
refused
  !FULFILLMENT_UNKNOWN: absent
  effect_rejected: requested effect-failed rejected accepted withdrawing withdrawn kept closed late packed voided left posted
  -: refused
";
    assert_eq!(table, expected, "the table is now\n{table}");
}

#[test]
fn c01_delivered_before_shipped_keeps_both_facts_and_reads_delivered() {
    let facts = [
        milestone("P-1", 9, MilestoneKind::Delivered),
        milestone("P-1", 2, MilestoneKind::PickedUp),
        packed("P-1", 1, &lines(3), Some("1Z")),
    ];
    let state = play(open(&lines(3)), facts);
    assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::Delivered));
    assert_eq!(state.packages[&id("P-1")].milestones.len(), 2);
    assert_eq!((shipped(&state), delivered(&state)), (3, 3));
}

#[test]
fn c02_a_late_milestone_moves_nothing_backwards() {
    let state =
        play(open(&lines(3)), [packed("P-1", 1, &lines(3), None), milestone("P-1", 5, MilestoneKind::Delivered)]);
    for late in [
        MilestoneKind::InTransit,
        MilestoneKind::OutForDelivery,
        MilestoneKind::DeliveryFailed,
        MilestoneKind::LabelCreated,
        MilestoneKind::OnHold,
        MilestoneKind::Unknown,
        MilestoneKind::Cancelled,
    ] {
        for when in [2, 9] {
            let after = apply(state.clone(), milestone("P-1", when, late));
            assert_eq!(status(&after, "P-1"), PackageStatus::At(MilestoneKind::Delivered), "{late:?} at {when}");
            assert_eq!(delivered(&after), 3);
            assert_eq!(after.packages[&id("P-1")].milestones.len(), 2, "kept");
        }
    }
}

#[test]
fn c03_a_delivered_package_may_come_back_and_somebody_is_told() {
    for times in [(5, 9), (9, 5)] {
        let state = play(
            open(&lines(3)),
            [
                packed("P-1", 1, &lines(3), None),
                milestone("P-1", times.0, MilestoneKind::Delivered),
                milestone("P-1", times.1, MilestoneKind::ReturnToSender),
            ],
        );
        assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::ReturnToSender));
        assert_eq!((shipped(&state), delivered(&state)), (3, 0));
        assert_eq!(kinds(&state), [FulfillmentReview::ReturnedToSender]);
    }
}

#[test]
fn c04_a_voided_and_reprinted_label_is_one_shipment_under_another_package() {
    let state = play(
        open(&lines(3)),
        [
            packed("P-1", 1, &lines(3), Some("1ZOLD")),
            voided("P-1", 2),
            packed("P-2", 3, &lines(3), Some("1ZNEW")),
            milestone("P-2", 4, MilestoneKind::PickedUp),
        ],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::Voided);
    assert_eq!(shipped(&state), 3);
    assert_eq!(state.progress(1).unwrap().packages.len(), 1);
    assert!(kinds(&state).is_empty());
}

#[test]
fn c04_a_package_reprinted_under_its_own_name_lives_on_with_the_new_tracking_number() {
    let facts = [
        packed("P-1", 1, &lines(3), Some("1ZOLD")),
        voided("P-1", 3),
        packed("P-1", 5, &lines(3), Some("1ZNEW")),
        milestone("P-1", 6, MilestoneKind::PickedUp),
    ];
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::PickedUp));
        assert_eq!(shipped(&state), 3);
        assert!(kinds(&state).is_empty(), "{:?}", kinds(&state));
        let package = &state.packages[&id::<PackageId>("P-1")];
        assert_eq!(package.leg().unwrap().tracking.as_str(), "1ZNEW");
    }
}

#[test]
fn c04_a_repeated_report_of_the_old_label_does_not_bring_a_void_package_back() {
    let state = play(
        open(&lines(3)),
        [packed("P-1", 1, &lines(3), Some("1ZOLD")), voided("P-1", 3), packed("P-1", 5, &lines(3), Some("1ZOLD"))],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::Voided);
    assert_eq!(request_status(&state), RequestStatus::Requested);
}

#[test]
fn c04_what_moved_though_it_was_void_has_left_and_is_reviewed() {
    let facts =
        [packed("P-1", 1, &lines(3), Some("1Z")), voided("P-1", 3), milestone("P-1", 5, MilestoneKind::InTransit)];
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(shipped(&state), 3);
        assert_eq!(kinds(&state), [FulfillmentReview::MovedThoughVoid]);
    }
}

#[test]
fn c05_a_second_package_never_erases_the_first() {
    let state = play(
        open(&lines(5)),
        [
            packed("P-1", 1, &lines(2), Some("1ZA")),
            packed("P-2", 1, &lines(3), Some("1ZB")),
            milestone("P-1", 2, MilestoneKind::Delivered),
            milestone("P-2", 2, MilestoneKind::InTransit),
        ],
    );
    assert_eq!((shipped(&state), delivered(&state)), (5, 2));
    let state = apply(state, milestone("P-2", 3, MilestoneKind::Delivered));
    assert_eq!((shipped(&state), delivered(&state)), (5, 5));
}

#[test]
fn c07_a_clamped_time_is_flagged_and_kept() {
    let FulfillmentCommand::RecordMilestone(mut ahead) = milestone("P-1", 5, MilestoneKind::InTransit) else {
        panic!()
    };
    ahead.clock_ahead = true;
    let state = play(open(&lines(3)), [FulfillmentCommand::RecordMilestone(ahead)]);
    let package = &state.packages[&id::<PackageId>("P-1")];
    assert!(package.milestones.iter().all(|milestone| milestone.clock_ahead));
}

#[test]
fn c08_an_unmapped_code_is_unknown_kept_raw_and_reviewed() {
    let state = play(
        open(&lines(3)),
        [
            packed("P-1", 1, &lines(3), None),
            milestone("P-1", 9, MilestoneKind::Unknown),
            milestone("P-1", 2, MilestoneKind::PickedUp),
        ],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::PickedUp));
    let reviews = state.reviews();
    assert_eq!(reviews[0].kind, FulfillmentReview::UnknownCode);
    assert!(reviews[0].reason.contains("`XYZ`"));
    let alone = play(open(&lines(3)), [milestone("P-1", 9, MilestoneKind::Unknown)]);
    assert_eq!(status(&alone, "P-1"), PackageStatus::At(MilestoneKind::Unknown));
    assert_eq!(shipped(&alone), 0);
}

#[test]
fn c10_a_carrier_swapped_in_transit_leaves_both_legs() {
    let state =
        play(open(&lines(3)), [packed("P-1", 4, &lines(3), Some("DHL9")), packed("P-1", 1, &lines(3), Some("1Z"))]);
    let package = &state.packages[&id::<PackageId>("P-1")];
    assert_eq!(package.legs.len(), 2);
    assert_eq!(package.leg().unwrap().tracking.as_str(), "DHL9");
}

#[test]
fn c11_a_shipment_cancelled_and_made_anew_counts_once() {
    let facts = [
        packed("S-1", 1, &lines(3), Some("1ZA")),
        milestone("S-1", 2, MilestoneKind::PickedUp),
        milestone("S-1", 3, MilestoneKind::Cancelled),
        packed("S-2", 4, &lines(3), Some("1ZB")),
        milestone("S-2", 5, MilestoneKind::PickedUp),
    ];
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(status(&state, "S-1"), PackageStatus::At(MilestoneKind::Cancelled));
        assert_eq!(shipped(&state), 3);
    }
}

#[test]
fn c13_a_second_goods_issue_for_one_package_is_kept_and_reviewed_in_either_order() {
    let left = play(open(&lines(3)), [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
    let one = play(left.clone(), [goods_issued("P-1", "GI-1", &lines(3)), goods_issued("P-1", "GI-2", &lines(3))]);
    let two = play(left, [goods_issued("P-1", "GI-2", &lines(3)), goods_issued("P-1", "GI-1", &lines(3))]);
    assert_eq!(one, two);
    assert_eq!(kinds(&one), [FulfillmentReview::DuplicateDocument]);
}

#[test]
fn a_goods_issue_that_the_package_does_not_bear_out_is_reviewed() {
    let posted = play(
        open(&lines(5)),
        [
            packed("P-1", 1, &lines(3), None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            goods_issued("P-1", "GI-1", &lines(3)),
        ],
    );
    assert!(kinds(&posted).is_empty());
    let emptied = apply(posted.clone(), voided("P-1", 3));
    assert_eq!((shipped(&emptied), kinds(&emptied)), (0, vec![FulfillmentReview::PostingMismatch]));
    let refilled = apply(posted, packed("P-1", 3, &lines(5), None));
    assert_eq!((shipped(&refilled), kinds(&refilled)), (5, vec![FulfillmentReview::PostingMismatch]));
}

#[test]
fn b02_two_references_for_one_fulfillment_are_two_orders_at_the_warehouse_and_are_reviewed() {
    let state = play(open(&lines(3)), [accepted("F-1"), accepted("F-1")]);
    assert!(kinds(&state).is_empty());
    assert_eq!(kinds(&apply(state, accepted("F-2"))), [FulfillmentReview::DuplicateDocument]);
}

#[test]
fn b04_a_rejection_after_an_acceptance_counts_in_either_order_until_something_ships() {
    let one = play(open(&lines(3)), [accepted("F-1"), rejected("no room")]);
    let two = play(open(&lines(3)), [rejected("no room"), accepted("F-1")]);
    assert_eq!(one, two);
    assert_eq!(request_status(&one), RequestStatus::Rejected);
    assert_eq!(request_status(&apply(one, packed("P-1", 1, &lines(3), None))), RequestStatus::Accepted);
}

#[test]
fn b12_more_than_asked_is_counted_as_it_was_shipped() {
    let state =
        play(open(&lines(3)), [packed("P-1", 1, &lines(5), None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
    assert_eq!(shipped(&state), 5);
}

#[test]
fn b13_a_wrong_product_line_or_unit_is_never_posted_nor_counted_and_is_reviewed() {
    let mut sku = line_quantity(1, 3);
    sku.sku = id("OTHER");
    let mut unit = line_quantity(1, 3);
    unit.quantity = quantity(3, "CS");
    for wrong in [sku, unit, line_quantity(9, 3)] {
        let state =
            play(open(&lines(3)), [packed("P-1", 1, &[wrong], None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
        assert_eq!(kinds(&state), [FulfillmentReview::ContentMismatch]);
        assert_eq!(shipped(&state), 0);
        assert_eq!(state.goods_issue(&id("P-1")), None);
    }
}

#[test]
fn a_package_that_left_with_nobody_knows_what_is_reviewed_until_somebody_says() {
    let state = play(open(&lines(3)), [milestone("P-1", 2, MilestoneKind::InTransit)]);
    assert_eq!(kinds(&state), [FulfillmentReview::ContentMismatch]);
    assert_eq!(state.goods_issue(&id("P-1")), None);
    let state = apply(state, packed("P-1", 1, &lines(3), None));
    assert!(kinds(&state).is_empty());
    assert_eq!(state.goods_issue(&id("P-1")).unwrap().lines, lines(3));
}

#[test]
fn a_goods_issue_is_asked_for_once_the_package_left_and_never_again_after_the_answer() {
    let state = play(open(&lines(3)), [packed("P-1", 1, &lines(3), None)]);
    assert_eq!(state.goods_issue(&id("P-1")), None, "packed is not left");
    let state = apply(state, milestone("P-1", 2, MilestoneKind::LabelCreated));
    assert_eq!(state.goods_issue(&id("P-1")), None, "a printed label is not left");
    let state = apply(state, milestone("P-1", 2, MilestoneKind::PickedUp));
    assert!(state.goods_issue(&id("P-1")).is_some());
    let state = apply(state, goods_issued("P-1", "GI-1", &lines(3)));
    assert_eq!(state.goods_issue(&id("P-1")), None);
}

#[test]
fn a_refusal_is_no_news_once_another_attempt_was_answered() {
    let refusal = || FulfillmentCommand::RecordEffectRejected(refused(FulfillmentEffect::Request, "DUPLICATE"));
    let one = play(open(&lines(3)), [refusal(), accepted("F-1")]);
    let two = play(open(&lines(3)), [accepted("F-1"), refusal()]);
    assert_eq!(one, two);
    assert!(kinds(&one).is_empty());
    assert_eq!(kinds(&play(open(&lines(3)), [refusal()])), [FulfillmentReview::PartnerRefused]);
}

#[test]
fn an_attempt_that_was_stale_does_not_let_go_of_its_successors_claim() {
    let state = apply(open(&lines(3)), FulfillmentCommand::Announce(started(FulfillmentEffect::Request, 2)));
    let late = FulfillmentCommand::RecordEffectFailed(failed(FulfillmentEffect::Request, 1));
    assert_eq!(state.decide(late), Ok(vec![]));
}

#[test]
fn one_document_with_the_same_fact_twice_makes_one_event() {
    let fact = || milestone("P-1", 2, MilestoneKind::PickedUp);
    let events = open(&lines(3)).decide(FulfillmentCommand::RecordAll(vec![fact(), fact()])).unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn the_latest_word_on_a_packages_content_counts_whenever_it_arrives() {
    let words = [packed("P-1", 1, &lines(3), None), packed("P-1", 4, &lines(2), None), packed("P-1", 2, &[], None)];
    for words in permutations(&words) {
        let state = play(open(&lines(3)), words);
        let package = &state.packages[&id::<PackageId>("P-1")];
        assert_eq!(package.lines()[0].quantity, each(2));
        assert_eq!(package.contents, crate::fulfillment::Contents::Reported(at(4), lines(2)));
    }
}

// ---- Withdrawal

/// `None`: nothing to ask back; else the reference that it is asked back under.
fn asked_back(state: &Fulfillment) -> Option<Option<String>> {
    state.withdrawal().map(|withdrawal| withdrawal.reference.map(|reference| reference.to_string()))
}

#[test]
fn b04_a_fulfillment_that_was_never_sent_is_given_up_without_a_call() {
    let give_up = || FulfillmentCommand::CloseNotSent(opened(&lines(3)));
    let never = begin::<Fulfillment>([give_up()]);
    assert_eq!((request_status(&never), asked_back(&never)), (RequestStatus::Withdrawn, None));
    assert_eq!(FulfillmentRequest::due(Some(&never), &opened(&lines(3))), None);
    assert_eq!(never.decide(give_up()), Ok(vec![]));
    let refused = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    assert_eq!(request_status(&apply(refused, give_up())), RequestStatus::Withdrawn);
    for possibly_there in [
        open(&lines(3)),
        apply(open(&lines(3)), FulfillmentCommand::RecordEffectFailed(failed(FulfillmentEffect::Request, 1))),
        apply(open(&lines(3)), accepted("F-1")),
        apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "OUTCOME_UNKNOWN")),
        apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "DUPLICATE_DIFFERS")),
    ] {
        assert_eq!(possibly_there.decide(give_up()), Ok(vec![]));
        assert!(possibly_there.withdrawal().is_some());
        assert!(possibly_there.inquiry().is_some(), "its warehouse can be asked");
    }
}

#[test]
fn a_fulfillment_is_not_cancelled_by_itself() {
    let refused = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    let cancel = decision(&reviews(&refused), FulfillmentReview::PartnerRefused, Choice::Cancel);
    let answer = refused.decide(FulfillmentCommand::Decide(cancel));
    assert_eq!(answer.unwrap_err().code, "CHOICE_NOT_OFFERED");
}

#[test]
fn b04_a_fulfillment_is_asked_back_while_it_is_possibly_there_and_not_before_the_request_is_over() {
    let state = open(&lines(3));
    let withdrawal = state.withdrawal().unwrap();
    assert_eq!((withdrawal.reference, withdrawal.sent_until), (None, Some(at(1))));
    let state = apply(state, accepted("F-1"));
    let withdrawal = state.withdrawal().unwrap();
    assert_eq!((withdrawal.reference, withdrawal.sent_until), (Some(id("F-1")), None));
    let asking = apply(state, FulfillmentCommand::Announce(started(FulfillmentEffect::Withdraw, 1)));
    assert!(asking.withdrawal().is_some(), "its claim may lapse");
    assert_eq!(FulfillmentRequest::due(Some(&asking), &opened(&lines(3))), None);
    let back = apply(asking.clone(), withdrawn(Some("F-1")));
    assert_eq!((request_status(&back), asked_back(&back)), (RequestStatus::Withdrawn, None));
    assert!(back.open_effects().is_empty());
    let kept = apply(asking, too_late());
    assert_eq!((request_status(&kept), asked_back(&kept)), (RequestStatus::Accepted, None));
    assert!(kept.open_effects().is_empty());
    assert_eq!(kept.progress(1).unwrap().withdrawal_refused.as_deref(), Some("it is being picked"));
}

#[test]
fn b04_a_fulfillment_that_is_taken_on_after_it_was_given_up_is_asked_back_again_in_either_order() {
    for facts in permutations(&[withdrawn(None), accepted("F-1")]) {
        let state = play(open(&lines(3)), facts);
        assert_eq!(
            (request_status(&state), asked_back(&state)),
            (RequestStatus::Accepted, Some(Some("F-1".to_owned())))
        );
        assert_eq!(FulfillmentRequest::due(Some(&state), &opened(&lines(3))), None);
        let state = apply(state, withdrawn(Some("F-1")));
        assert_eq!((request_status(&state), asked_back(&state)), (RequestStatus::Withdrawn, None));
    }
}

#[test]
fn b05_a_shipment_wins_over_a_withdrawal_in_either_order() {
    let left = || [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let facts = [vec![accepted("F-1"), withdrawn(Some("F-1"))], left().to_vec()].concat();
    for facts in permutations(&facts) {
        let state = play(open(&lines(3)), facts);
        assert_eq!((request_status(&state), shipped(&state), asked_back(&state)), (RequestStatus::Accepted, 3, None));
    }
    let gone = play(apply(open(&lines(3)), accepted("F-1")), left());
    assert_eq!(asked_back(&gone), None);
    let why = gone.kept_unasked().unwrap();
    let kept = apply(gone, FulfillmentCommand::RecordWithdrawalRefused(why.clone()));
    assert_eq!(kept.progress(9).unwrap().withdrawal_refused, Some(why.reason));
    assert_eq!(kept.kept_unasked(), None, "once");
    let unheard = play(open(&lines(3)), [accepted("F-1"), refusal(FulfillmentEffect::Withdraw, "HTTP_409")]);
    let unheard = play(unheard, left());
    assert_eq!((unheard.kept_unasked(), kinds(&unheard)), (None, vec![FulfillmentReview::PartnerRefused]));
    let again = decide(unheard, FulfillmentReview::PartnerRefused, Choice::Retry);
    assert!(again.kept_unasked().is_some(), "asked again, the answer is that it left");
    for state in [open(&lines(3)), play(open(&lines(3)), [accepted("F-1"), withdrawn(Some("F-1"))])] {
        assert_eq!(state.kept_unasked(), None);
    }
}

#[test]
fn b05_what_was_asked_back_is_asked_again_until_it_is_answered_whatever_is_heard_meanwhile() {
    let ask = || FulfillmentCommand::Announce(started(FulfillmentEffect::Withdraw, 1));
    let asked = || apply(apply(open(&lines(3)), accepted("F-1")), ask());
    let left = || [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    for meanwhile in [left().to_vec(), vec![rejected("no room")], vec![closed(3)]] {
        let state = play(asked(), meanwhile);
        assert_eq!(asked_back(&state), Some(Some("F-1".to_owned())), "nobody knows what came of it");
        for answer in [too_late(), withdrawn(Some("F-1")), refusal(FulfillmentEffect::Withdraw, "NO")] {
            let state = apply(state.clone(), answer);
            assert_eq!((asked_back(&state), state.open_effects().len()), (None, 0));
        }
    }
}

#[test]
fn b07_what_was_packed_of_a_fulfillment_that_came_back_was_unpacked() {
    for facts in permutations(&[accepted("F-1"), packed("P-1", 1, &lines(3), None), withdrawn(Some("F-1"))]) {
        let state = play(open(&lines(3)), facts);
        let progress = state.progress(1).unwrap();
        assert_eq!((progress.request_status, progress.packages.len()), (RequestStatus::Withdrawn, 0));
        assert!(kinds(&state).is_empty());
    }
}

#[test]
fn a_warehouse_that_both_gave_a_fulfillment_back_and_refused_it_gave_it_back() {
    for facts in permutations(&[accepted("F-1"), withdrawn(Some("F-1")), rejected("cancelled"), too_late()]) {
        let progress = play(open(&lines(3)), facts).progress(1).unwrap();
        assert_eq!((progress.request_status, progress.withdrawal_refused), (RequestStatus::Withdrawn, None));
    }
}

#[test]
fn a_withdrawal_that_was_settled_by_hand_is_a_withdrawal() {
    let state = play(open(&lines(3)), [accepted("F-1"), refusal(FulfillmentEffect::Withdraw, "OUTCOME_UNKNOWN")]);
    assert_eq!((kinds(&state), asked_back(&state)), (vec![FulfillmentReview::OutcomeUnknown], None));
    let again = decide(state.clone(), FulfillmentReview::OutcomeUnknown, Choice::Retry);
    assert!(again.withdrawal().is_some());
    let settled = decide(state, FulfillmentReview::OutcomeUnknown, Choice::ResolvedManually);
    assert_eq!((request_status(&settled), kinds(&settled)), (RequestStatus::Withdrawn, vec![]));
}

// ---- Short shipments

fn unfilled(state: &Fulfillment) -> u32 {
    amount(&state.progress(1).unwrap().unfilled)
}

#[test]
fn b11_what_was_not_packed_when_the_fulfillment_was_closed_is_unfilled_in_any_order() {
    let facts = [packed("P-1", 1, &lines(2), None), milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)];
    for facts in permutations(&facts) {
        let state = play(open(&lines(5)), facts);
        assert_eq!((shipped(&state), unfilled(&state)), (2, 3));
        let more = apply(state.clone(), packed("P-2", 4, &lines(2), None));
        assert_eq!(unfilled(&more), 1, "a package that is told of late");
        assert_eq!(unfilled(&apply(more.clone(), voided("P-2", 5))), 3);
        assert_eq!(unfilled(&apply(more, packed("P-3", 4, &lines(2), None))), 0, "never below nothing");
        assert_eq!(unfilled(&apply(state, packed("P-1", 4, &lines(5), None))), 0);
    }
    assert_eq!(unfilled(&apply(open(&lines(5)), packed("P-1", 1, &lines(2), None))), 0, "not closed yet");
}

#[test]
fn b11_a_close_is_the_warehouses_word_that_it_had_the_fulfillment_and_is_told_once() {
    let state = apply(open(&lines(5)), closed(3));
    assert_eq!((request_status(&state), unfilled(&state)), (RequestStatus::Accepted, 5));
    assert_eq!(state.decide(closed(9)), Ok(vec![]));
}

#[test]
fn b11_what_a_late_message_may_tell_of_is_not_called_unfilled() {
    let done = |packages: Option<&[&str]>| {
        let packages = packages.map(|all| all.iter().map(|package| id(package)).collect());
        FulfillmentCommand::RecordClosed(Closed { at: at(9), packages })
    };
    let unfilled = |state: &Fulfillment| state.unfilled().unwrap();
    let some = |state: Fulfillment| apply(state, packed("P-1", 1, &lines(2), None));
    let asked = || apply(open(&lines(5)), accepted("F-1"));
    let unlisted = some(apply(asked(), done(None)));
    assert!(unlisted.is_closed_unreported() && unfilled(&unlisted).is_empty(), "it has to be asked what it packed");
    let listed = apply(unlisted, done(Some(&["P-1", "P-2"])));
    assert!(listed.is_closed_unreported() && unfilled(&listed).is_empty(), "P-2 is on its way");
    let whole = apply(listed, packed("P-2", 2, &lines(2), None));
    assert_eq!(unfilled(&whole).values().map(|left| left.amount()).sum::<rust_decimal::Decimal>(), 1.into());
    for facts in permutations(&[done(None), done(Some(&["P-1"])), packed("P-1", 1, &lines(5), None)]) {
        assert!(unfilled(&play(asked(), facts)).is_empty());
    }
}

#[test]
fn b11_nothing_is_sent_again_in_place_of_goods_that_were_accepted_and_cannot_be_counted() {
    let cases = quantity(3, "CS");
    let of = |line: u32| crate::order::LineQuantity { line: line_no(line), quantity: cases, ..line_quantity(1, 1) };
    for foreign in [of(1), of(7)] {
        let facts = [packed("P-1", 1, &[foreign], None), milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)];
        let state = decide(play(open(&lines(36)), facts), FulfillmentReview::ContentMismatch, Choice::Accept);
        assert_eq!(unfilled(&state), 0);
        assert_eq!(kinds(&state), [FulfillmentReview::ContentMismatch], "somebody has to say what is still owed");
        let enough = decide(state.clone(), FulfillmentReview::ContentMismatch, Choice::Accept);
        assert_eq!((unfilled(&enough), kinds(&enough)), (0, vec![]));
        let owed = decide(state, FulfillmentReview::ContentMismatch, Choice::Recall);
        assert_eq!((unfilled(&owed), kinds(&owed)), (36, vec![]));
    }
}

#[test]
fn c09_a_package_that_was_named_and_never_told_of_is_waited_for() {
    let done = FulfillmentCommand::RecordClosed(Closed {
        at: at(3),
        packages: Some(["P-1", "P-2"].iter().map(|package| id(package)).collect()),
    });
    let facts = [
        accepted("F-1"),
        packed("P-1", 1, &lines(2), None),
        milestone("P-1", 2, MilestoneKind::PickedUp),
        done,
        milestone("P-1", 3, MilestoneKind::Delivered),
    ];
    let state = play(open_as(watched(&lines(3))), facts);
    let watch = state.watch();
    assert!(matches!(watch, Watch::Until(_, Missing::Departure)), "{watch:?}");
    let told = [packed("P-2", 2, &lines(1), None), milestone("P-2", 3, MilestoneKind::Delivered)];
    assert_eq!(play(state, told).watch(), Watch::Over);
}

#[test]
fn b17_whatever_frees_a_goods_issue_frees_all_of_them_one_after_the_other() {
    let pack = |package: &str| with_serials(packed(package, 1, &lines(1), None), &["S-1"]);
    let left = |package: &str| milestone(package, 2, MilestoneKind::Delivered);
    let one_left = || {
        let facts = [accepted("F-1"), pack("P-1"), pack("P-2"), left("P-1")];
        play(open_as(traceable(&lines(2), Traced::Serial)), facts)
    };
    let state = || apply(one_left(), left("P-2"));
    assert!(state().any_goods_issue().is_none(), "one serial number is on both");
    let corrected = with_serials(packed("P-2", 3, &lines(1), None), &["S-2"]);
    for freed in [decide(state(), FulfillmentReview::SerialTwice, Choice::Accept), apply(state(), corrected)] {
        let first = freed.any_goods_issue().unwrap().package;
        let posted = apply(freed, goods_issued(first.as_str(), "GI-1", &lines(1)));
        let second = posted.fresh_goods_issue().unwrap().package;
        assert_ne!(first, second);
        let all = apply(posted, goods_issued(second.as_str(), "GI-2", &lines(1)));
        assert!(all.fresh_goods_issue().is_none() && all.progress(9).unwrap().goods_issued);
    }
    let alone = apply(one_left(), voided("P-2", 5));
    assert_eq!(alone.any_goods_issue().unwrap().package, id("P-1"));
}

#[test]
fn b11_nothing_is_called_unfilled_while_nobody_knows_what_left() {
    let state = play(open(&lines(5)), [milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)]);
    assert_eq!(unfilled(&state), 0);
    assert_eq!(unfilled(&apply(state, packed("P-1", 1, &lines(2), None))), 3);
    let wrong = packed("P-1", 1, &[part("OTHER", 5)], None);
    let state = play(open(&lines(5)), [wrong, milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)]);
    assert_eq!(unfilled(&state), 0);
    assert_eq!(unfilled(&decide(state.clone(), FulfillmentReview::ContentMismatch, Choice::Accept)), 0);
    assert_eq!(unfilled(&decide(state, FulfillmentReview::ContentMismatch, Choice::Recall)), 5);
}

// ---- Kits

/// Three kits of two bolts and a nut.
fn bolts() -> Fulfillment {
    open_as(kit(&lines(3), &[("BOLT", 2), ("NUT", 1)]))
}

fn posting(state: &Fulfillment, package: &str) -> Option<Vec<crate::order::LineQuantity>> {
    state.goods_issue(&id(package)).map(|issue| issue.lines)
}

fn is_posted(state: &Fulfillment) -> bool {
    state.progress(1).unwrap().goods_issued
}

#[test]
fn b14_a_kit_is_asked_for_in_exactly_its_parts() {
    let kit = kit(&[line_quantity(1, 3), line_quantity(2, 5)], &[("BOLT", 2), ("NUT", 1)]);
    let request = FulfillmentRequest::due(None, &kit).unwrap();
    assert_eq!(request.lines, [part("BOLT", 6), part("NUT", 3), line_quantity(2, 5)]);
}

#[test]
fn b14_a_partial_kit_never_counts_as_a_kit() {
    let left = |package, lines: &[crate::order::LineQuantity]| {
        [packed(package, 1, lines, None), milestone(package, 2, MilestoneKind::Delivered)]
    };
    let state = play(bolts(), left("P-1", &[part("BOLT", 5)]));
    assert_eq!((shipped(&state), delivered(&state)), (0, 0));
    assert_eq!(posting(&state, "P-1"), None);
    assert!(is_posted(&state), "nothing is complete, and nothing to post");
    let state = play(state, left("P-2", &[part("NUT", 3)]));
    assert_eq!((shipped(&state), delivered(&state)), (2, 2));
    let state = play(state, left("P-3", &[part("BOLT", 1)]));
    assert_eq!((shipped(&state), delivered(&state), kinds(&state)), (3, 3, vec![]));
    let built = play(bolts(), left("P-1", &[line_quantity(1, 3)]));
    assert_eq!((shipped(&built), kinds(&built)), (3, vec![]), "kits that the warehouse built itself");
}

#[test]
fn b14_kits_are_posted_by_the_package_that_completes_them_and_never_twice() {
    let state = play(
        bolts(),
        [
            packed("P-1", 1, &[part("BOLT", 4)], None),
            packed("P-2", 1, &[part("NUT", 3)], None),
            packed("P-3", 1, &[part("BOLT", 2)], None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            milestone("P-2", 2, MilestoneKind::PickedUp),
        ],
    );
    assert_eq!((posting(&state, "P-1"), posting(&state, "P-2")), (Some(lines(2)), Some(lines(2))));
    let second = || FulfillmentEffect::PostGoodsIssue { package: id("P-2") };
    let state = apply(state, FulfillmentCommand::Announce(started(second(), 1)));
    assert_eq!(posting(&state, "P-1"), None, "what one is about to post the other does not");
    assert!(!is_posted(&state));
    let state = apply(state, milestone("P-3", 3, MilestoneKind::PickedUp));
    assert_eq!((posting(&state, "P-2"), posting(&state, "P-3")), (Some(lines(2)), Some(lines(1))), "the same again");
    let state = apply(state, goods_issued("P-2", "GI-2", &lines(2)));
    assert_eq!((posting(&state, "P-1"), posting(&state, "P-3")), (Some(lines(1)), Some(lines(1))));
    let state = apply(state, goods_issued("P-3", "GI-3", &lines(1)));
    assert_eq!((posting(&state, "P-1"), posting(&state, "P-3"), kinds(&state)), (None, None, vec![]));
    assert!(is_posted(&state));
}

#[test]
fn b14_kits_posted_by_hand_are_not_posted_again() {
    let whole = [part("BOLT", 4), part("NUT", 2)];
    let state = play(
        bolts(),
        [
            packed("P-1", 1, &whole, None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            refusal(GOODS_ISSUE(), "CLOSED"),
        ],
    );
    assert!(!is_posted(&state));
    let state = decide(state, FulfillmentReview::PartnerRefused, Choice::ResolvedManually);
    assert!(is_posted(&state));
    let rest = [part("BOLT", 2), part("NUT", 1)];
    let state = play(state, [packed("P-2", 3, &rest, None), milestone("P-2", 4, MilestoneKind::PickedUp)]);
    assert_eq!(posting(&state, "P-2"), Some(lines(1)));
    let state = apply(state, goods_issued("P-2", "GI-2", &lines(1)));
    assert!(is_posted(&state) && kinds(&state).is_empty());
}

#[test]
fn b14_parts_that_never_make_a_kit_are_reviewed_once_the_fulfillment_is_closed() {
    let state = play(bolts(), [packed("P-1", 1, &[part("BOLT", 5), part("NUT", 3)], None)]);
    assert!(kinds(&state).is_empty());
    let state = apply(state, closed(3));
    assert_eq!((unfilled(&state), kinds(&state)), (1, vec![FulfillmentReview::ContentMismatch; 2]));
    let state = apply(state, packed("P-2", 4, &[part("BOLT", 1)], None));
    assert_eq!((unfilled(&state), kinds(&state)), (0, vec![]));
}

#[test]
fn b14_kits_that_were_posted_and_did_not_leave_are_reviewed() {
    let state = play(
        bolts(),
        [
            packed("P-1", 1, &[part("BOLT", 2), part("NUT", 1)], None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            goods_issued("P-1", "GI-1", &lines(2)),
        ],
    );
    assert_eq!(kinds(&state), [FulfillmentReview::PostingMismatch]);
}

// ---- Lots and serial numbers

/// Three pieces that left in one package.
fn left_with(traced: Traced, packed: FulfillmentCommand) -> Fulfillment {
    play(open_as(traceable(&lines(3), traced)), [packed, milestone("P-1", 2, MilestoneKind::PickedUp)])
}

#[test]
fn b17_a_goods_issue_waits_for_every_pieces_lot() {
    let bare = || packed("P-1", 1, &lines(3), None);
    for short in [bare(), with_lots(bare(), &[("L-1", 2)])] {
        let state = left_with(Traced::Lot, short);
        assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::TraceMissing], None));
        assert!(!is_posted(&state));
        let told = with_lots(packed("P-1", 3, &[], None), &[("L-1", 2), ("L-2", 1)]);
        let told = apply(state.clone(), told);
        assert_eq!((kinds(&told), posting(&told, "P-1")), (vec![], Some(lines(3))));
        assert_eq!(kinds(&apply(told, packed("P-1", 4, &lines(3), None))), [], "silence takes no lot back");
        let lifted = decide(state.clone(), FulfillmentReview::TraceMissing, Choice::Accept);
        assert_eq!((kinds(&lifted), posting(&lifted, "P-1")), (vec![], Some(lines(3))));
        let recalled = decide(state, FulfillmentReview::TraceMissing, Choice::Recall);
        assert_eq!((kinds(&recalled), posting(&recalled, "P-1")), (vec![], None));
    }
}

#[test]
fn b17_a_goods_issue_waits_for_as_many_serial_numbers_as_pieces() {
    let bare = || packed("P-1", 1, &lines(3), None);
    let state = left_with(Traced::Serial, with_serials(bare(), &["S-1", "S-2"]));
    assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::TraceMissing], None));
    let state = apply(state, with_serials(packed("P-1", 3, &lines(3), None), &["S-1", "S-2", "S-3"]));
    assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![], Some(lines(3))));
}

#[test]
fn b17_one_serial_number_in_two_packages_blocks_both_until_one_is_corrected_or_void() {
    let pair = |package, serials| with_serials(packed(package, 1, &lines(2), None), serials);
    let facts =
        [pair("P-1", &["S-1", "S-2"]), pair("P-2", &["S-2", "S-3"]), milestone("P-1", 2, MilestoneKind::PickedUp)];
    for facts in permutations(&facts) {
        let state = play(open_as(traceable(&lines(4), Traced::Serial)), facts);
        assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::SerialTwice], None));
        let corrected = with_serials(packed("P-2", 3, &lines(2), None), &["S-3", "S-4"]);
        for lift in [corrected, voided("P-2", 3)] {
            let state = apply(state.clone(), lift);
            assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![], Some(lines(2))));
        }
        let accepted = decide(state, FulfillmentReview::SerialTwice, Choice::Accept);
        assert_eq!((kinds(&accepted), posting(&accepted, "P-1")), (vec![], Some(lines(2))));
    }
}

// ---- Decisions

#[test]
fn only_an_open_review_can_be_decided_and_only_as_it_offers() {
    let state = apply(open(&lines(3)), refusal(FulfillmentEffect::Request, "REJECTED"));
    let decision = |choice| FulfillmentCommand::Decide(Decision { choice, ..retry() });
    assert_eq!(state.decide(decision(Choice::Recall)).unwrap_err().code, "CHOICE_NOT_OFFERED");
    let state = apply(state, decision(Choice::ResolvedManually));
    assert!(kinds(&state).is_empty() && FulfillmentRequest::due(Some(&state), &opened(&lines(3))).is_none());
    assert_eq!(state.decide(decision(Choice::Retry)).unwrap_err().code, "REVIEW_NOT_OPEN");
}

#[test]
fn a_refused_effect_is_asked_again_by_decision_and_a_new_refusal_is_a_new_review() {
    let refused = || refusal(GOODS_ISSUE(), "CLOSED");
    let left = [packed("P-1", 1, &lines(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let state = apply(play(open(&lines(3)), left), refused());
    assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::PartnerRefused], None));
    let again = decide(state, FulfillmentReview::PartnerRefused, Choice::Retry);
    assert_eq!((kinds(&again), posting(&again, "P-1")), (vec![], Some(lines(3))));
    let state = apply(again, refused());
    assert_eq!((kinds(&state), posting(&state, "P-1")), (vec![FulfillmentReview::PartnerRefused], None));
    assert!(!is_posted(&state));
    assert!(is_posted(&decide(state, FulfillmentReview::PartnerRefused, Choice::ResolvedManually)));
}

#[test]
fn b13_a_substitution_that_somebody_accepts_counts_and_is_posted_as_it_is() {
    let substitute = || vec![part("OTHER", 3)];
    let facts = [packed("P-1", 1, &substitute(), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let state = decide(play(open(&lines(3)), facts), FulfillmentReview::ContentMismatch, Choice::Accept);
    assert_eq!((shipped(&state), kinds(&state), posting(&state, "P-1")), (3, vec![], Some(substitute())));
    assert!(!is_posted(&state));
    let posted = apply(state.clone(), goods_issued("P-1", "GI-1", &substitute()));
    assert!(is_posted(&posted) && kinds(&posted).is_empty());
    let other = apply(state, packed("P-1", 3, &[part("OTHER", 4)], None));
    assert_eq!((shipped(&other), kinds(&other)), (0, vec![FulfillmentReview::ContentMismatch]), "another content");
    let mut cases = line_quantity(1, 3);
    cases.quantity = quantity(3, "CS");
    let facts = [packed("P-1", 1, &[cases], None), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let state = decide(play(open(&lines(3)), facts), FulfillmentReview::ContentMismatch, Choice::Accept);
    assert_eq!((shipped(&state), posting(&state, "P-1")), (0, None), "another unit cannot be counted");
}

#[test]
fn b12_more_than_asked_is_posted_as_it_left() {
    let facts = [packed("P-1", 1, &lines(5), None), milestone("P-1", 2, MilestoneKind::PickedUp), closed(3)];
    let state = play(open(&lines(3)), facts);
    assert_eq!((posting(&state, "P-1"), unfilled(&state)), (Some(lines(5)), 0));
}

// ---- What is waited for

fn watch(state: &Fulfillment) -> Watch {
    Watch::of(Some(state), &watched(&lines(3)))
}

fn news() -> Missing {
    Missing::News { package: id("P-1") }
}

#[test]
fn what_should_come_next_is_watched_until_the_fulfillment_has_come_to_its_end() {
    assert_eq!(Watch::of(None, &watched(&lines(3))), Watch::Until(at(60), Missing::Acknowledgement));
    assert_eq!(Watch::of(None, &opened(&lines(3))), Watch::Over, "no deadlines were promised");
    let state = open_as(watched(&lines(3)));
    assert_eq!(watch(&state), Watch::Until(at(60), Missing::Acknowledgement));
    let state = apply(state, accepted("F-1"));
    assert_eq!(watch(&state), Watch::Until(at(1_440), Missing::Departure));
    assert_eq!(watch(&apply(state.clone(), closed(3))), Watch::Over);
    assert_eq!(watch(&apply(state.clone(), withdrawn(Some("F-1")))), Watch::Over);
    assert_eq!(watch(&apply(state.clone(), rejected("no room"))), Watch::Over);
    let state = apply(state, packed("P-1", 100, &lines(3), None));
    assert_eq!(watch(&apply(state.clone(), closed(101))), Watch::Until(at(1_440), Missing::Departure), "not left");
    let state = apply(state, milestone("P-1", 200, MilestoneKind::PickedUp));
    assert_eq!(watch(&state), Watch::Until(at(200 + 2_880), news()));
    assert_eq!(watch(&apply(state, milestone("P-1", 300, MilestoneKind::Delivered))), Watch::Over);
}

#[test]
fn a_fulfillment_that_could_not_even_be_asked_for_is_late_and_asked_for_when_that_is_possible() {
    let fulfillment = watched(&lines(3));
    let missed = Watch::of(None, &fulfillment).passed(at(60)).unwrap();
    let state = begin::<Fulfillment>([FulfillmentCommand::RaiseLate(fulfillment.clone(), missed)]);
    assert_eq!(kinds(&state), [FulfillmentReview::Late]);
    assert!(
        FulfillmentRequest::due(Some(&state), &fulfillment).is_some()
            && state.withdrawal().is_none()
            && state.inquiry().is_none()
    );
    let to_deallocate = apply(state.clone(), FulfillmentCommand::CloseNotSent(fulfillment.clone()));
    assert_eq!(request_status(&to_deallocate), RequestStatus::Withdrawn, "nobody was ever asked");
    let asked = apply(state, FulfillmentCommand::Open(fulfillment, started(FulfillmentEffect::Request, 1)));
    assert_eq!(kinds(&apply(asked, accepted("F-1"))), []);
}

#[test]
fn what_is_late_is_looked_for_again_a_day_later_and_reviewed_until_it_comes() {
    let state = open_as(watched(&lines(3)));
    assert_eq!(watch(&state).passed(at(59)), None);
    let missed = watch(&state).passed(at(60)).unwrap();
    let state = apply(state, FulfillmentCommand::RaiseLate(opened(&lines(3)), missed.clone()));
    assert_eq!(state.decide(FulfillmentCommand::RaiseLate(opened(&lines(3)), missed)), Ok(vec![]));
    assert_eq!(
        (kinds(&state), watch(&state)),
        (vec![FulfillmentReview::Late], Watch::Until(at(1_440), Missing::Departure))
    );
    let state = apply(state, late(Missing::Departure, 1_440));
    assert_eq!(watch(&state), Watch::Until(at(1_500), Missing::Acknowledgement));
    let before = reviews(&state);
    let state = apply(state, late(Missing::Acknowledgement, 1_500));
    assert_eq!(reviews(&state), before, "the same reviews, however often it is looked for");
    let state = apply(state, accepted("F-1"));
    assert_eq!(
        (kinds(&state), watch(&state)),
        (vec![FulfillmentReview::Late], Watch::Until(at(2_880), Missing::Departure))
    );
    let left = [packed("P-1", 3_000, &lines(3), None), milestone("P-1", 3_000, MilestoneKind::Delivered)];
    let state = play(state, left);
    assert_eq!((kinds(&state), watch(&state)), (vec![], Watch::Over));
}

#[test]
fn c12_a_package_that_is_silent_too_long_has_expired_until_it_is_heard_of() {
    let left = [packed("P-1", 1, &lines(3), None), milestone("P-1", 10, MilestoneKind::InTransit)];
    let facts = [left.to_vec(), vec![accepted("F-1"), late(news(), 10 + 2_880)]].concat();
    for facts in permutations(&facts) {
        let state = play(open_as(watched(&lines(3))), facts);
        assert_eq!(
            (kinds(&state), watch(&state)),
            (vec![FulfillmentReview::TrackingExpired], Watch::Until(at(4_330), news()))
        );
        let seen = decide(state.clone(), FulfillmentReview::TrackingExpired, Choice::Acknowledge);
        assert_eq!((kinds(&seen), watch(&seen)), (vec![], Watch::Until(at(4_330), news())));
        let outcome = apply(state, milestone("P-1", 4_000, MilestoneKind::InTransit));
        assert_eq!((kinds(&outcome), watch(&outcome)), (vec![], Watch::Until(at(4_000 + 2_880), news())));
    }
}

#[test]
fn c09_a_poll_that_repeats_known_facts_is_no_news_and_a_later_package_is() {
    let poll = |facts: &[FulfillmentCommand]| FulfillmentCommand::RecordAll(facts.to_vec());
    let facts = [
        accepted("F-1"),
        packed("P-1", 1, &lines(2), Some("1ZA")),
        milestone("P-1", 2, MilestoneKind::InTransit),
        with_lots(packed("P-1", 2, &[], None), &[("L-1", 2)]),
        closed(5),
    ];
    let state = apply(open(&lines(5)), poll(&facts));
    assert_eq!(state.decide(poll(&facts)), Ok(vec![]));
    assert_eq!(state.inquiry().unwrap().reference, Some(id("F-1")));
    let later = [&facts[..], &[packed("P-2", 3, &lines(3), Some("1ZB"))]].concat();
    assert_eq!(state.decide(poll(&later)).unwrap().len(), 1);
    assert_eq!(unfilled(&apply(state, poll(&later))), 0);
}

#[test]
fn c05_a_fulfillment_is_delivered_only_when_its_last_package_is_and_a_void_one_is_not_waited_for() {
    let state = play(
        open_as(watched(&lines(5))),
        [
            accepted("F-1"),
            packed("P-1", 1, &lines(2), None),
            packed("P-2", 1, &lines(3), None),
            packed("P-3", 1, &lines(3), None),
            voided("P-2", 2),
            milestone("P-1", 3, MilestoneKind::Delivered),
            milestone("P-3", 3, MilestoneKind::InTransit),
        ],
    );
    assert_eq!((shipped(&state), delivered(&state)), (5, 2));
    assert_eq!(watch(&state), Watch::Until(at(3 + 2_880), Missing::News { package: id("P-3") }));
    let state = apply(state, milestone("P-3", 4, MilestoneKind::Delivered));
    assert_eq!((delivered(&state), watch(&state)), (5, Watch::Over));
}

fn permutations(facts: &[FulfillmentCommand]) -> Vec<Vec<FulfillmentCommand>> {
    crate::samples::permutations(facts)
}
