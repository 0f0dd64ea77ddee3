#![allow(clippy::unwrap_used, clippy::panic)]

use crate::fulfillment::{MilestoneKind, PackageStatus};
use crate::order::Standing;
use crate::review::ReviewKind;
use crate::samples::{
    accepted, apply, at, each, faltered, goods_issued, id, line_no, milestone, open, opened, packed, play, quantity,
    refused, rejected, sending, share, voided,
};
use crate::{Effect, Fulfillment, FulfillmentCommand, PackageId, Workflow};

const GOODS_ISSUE: fn() -> Effect = || Effect::PostGoodsIssue { package: id("P-1") };

fn shares(amount: u32) -> Vec<crate::order::Share> {
    vec![share(1, amount)]
}

fn status(state: &Fulfillment, package: &str) -> PackageStatus {
    state.known().unwrap().packages.get(&id::<PackageId>(package)).unwrap().status()
}

fn kinds(state: &Fulfillment) -> Vec<ReviewKind> {
    state.known().unwrap().reviews().into_iter().map(|review| review.kind).collect()
}

fn shipped(state: &Fulfillment) -> u32 {
    amount(&state.known().unwrap().progress(1).unwrap().shipped)
}

fn delivered(state: &Fulfillment) -> u32 {
    amount(&state.known().unwrap().progress(1).unwrap().delivered)
}

fn amount(by_line: &std::collections::BTreeMap<crate::LineNo, crate::Quantity>) -> u32 {
    by_line.get(&line_no(1)).map_or(0, |quantity| quantity.amount().try_into().unwrap())
}

fn standing(state: &Fulfillment) -> Standing {
    state.known().unwrap().progress(1).unwrap().standing
}

/// The command after `command`, each once: a new one does not compile until it has its place in the table.
fn after(command: &FulfillmentCommand) -> Option<FulfillmentCommand> {
    match command {
        FulfillmentCommand::Open(..) => Some(accepted("F-1")),
        FulfillmentCommand::RecordAccepted(_) => Some(rejected("no room")),
        FulfillmentCommand::RecordRejected(_) => Some(packed("P-1", 1, &shares(3), None)),
        FulfillmentCommand::RecordPacked(_) => Some(voided("P-1", 5)),
        FulfillmentCommand::RecordVoided(_) => Some(milestone("P-1", 2, MilestoneKind::PickedUp)),
        FulfillmentCommand::RecordMilestone(_) => Some(goods_issued("P-1", "GI-1", &shares(3))),
        FulfillmentCommand::RecordGoodsIssued(_) => {
            Some(FulfillmentCommand::RecordAll(vec![accepted("F-1"), accepted("F-1"), rejected("no room")]))
        }
        FulfillmentCommand::RecordAll(_) => Some(FulfillmentCommand::Announce(sending(GOODS_ISSUE(), 1))),
        FulfillmentCommand::Announce(_) => {
            Some(FulfillmentCommand::RecordFaltered(faltered(Effect::RequestFulfillment, 1)))
        }
        FulfillmentCommand::RecordFaltered(_) => {
            Some(FulfillmentCommand::RecordRefused(refused(Effect::RequestFulfillment, "REJECTED")))
        }
        FulfillmentCommand::RecordRefused(_) => None,
    }
}

fn first() -> FulfillmentCommand {
    FulfillmentCommand::Open(opened(&shares(3)), sending(Effect::RequestFulfillment, 2))
}

fn name(command: &FulfillmentCommand) -> &'static str {
    match command {
        FulfillmentCommand::Open(..) => "open",
        FulfillmentCommand::RecordAccepted(_) => "accepted",
        FulfillmentCommand::RecordRejected(_) => "rejected",
        FulfillmentCommand::RecordPacked(_) => "packed",
        FulfillmentCommand::RecordVoided(_) => "voided",
        FulfillmentCommand::RecordMilestone(_) => "milestone",
        FulfillmentCommand::RecordGoodsIssued(_) => "goods-issued",
        FulfillmentCommand::RecordAll(_) => "all",
        FulfillmentCommand::Announce(_) => "announce",
        FulfillmentCommand::RecordFaltered(_) => "faltered",
        FulfillmentCommand::RecordRefused(_) => "refused",
    }
}

fn stages() -> Vec<(&'static str, Fulfillment)> {
    let requested = open(&shares(3));
    let faltered =
        apply(requested.clone(), FulfillmentCommand::RecordFaltered(faltered(Effect::RequestFulfillment, 1)));
    let taken = apply(requested.clone(), accepted("F-1"));
    let packed = apply(taken.clone(), packed("P-1", 1, &shares(3), None));
    let left = apply(packed.clone(), milestone("P-1", 2, MilestoneKind::PickedUp));
    let refusal = FulfillmentCommand::RecordRefused(refused(Effect::RequestFulfillment, "REJECTED"));
    vec![
        ("absent", Fulfillment::default()),
        ("requested", requested.clone()),
        ("faltered", faltered),
        ("refused", apply(requested.clone(), refusal)),
        ("rejected", apply(requested, rejected("no room"))),
        ("accepted", taken),
        ("packed", packed.clone()),
        ("voided", apply(packed, voided("P-1", 5))),
        ("left", left.clone()),
        ("posted", apply(left, goods_issued("P-1", "GI-1", &shares(3)))),
    ]
}

#[test]
fn every_command_has_one_answer_in_every_stage() {
    let table = crate::samples::table(&stages(), first(), after, name);
    let expected = "\
open
  opened+sending: absent
  sending: requested faltered refused rejected accepted packed voided left posted
accepted
  !FULFILLMENT_UNKNOWN: absent
  accepted: requested faltered refused rejected
  -: accepted packed voided left posted
rejected
  !FULFILLMENT_UNKNOWN: absent
  rejected: requested faltered refused accepted packed voided left posted
  -: rejected
packed
  !FULFILLMENT_UNKNOWN: absent
  package_packed: requested faltered refused rejected accepted
  -: packed voided left posted
voided
  !FULFILLMENT_UNKNOWN: absent
  package_voided: requested faltered refused rejected accepted packed left posted
  -: voided
milestone
  !FULFILLMENT_UNKNOWN: absent
  milestone_recorded: requested faltered refused rejected accepted packed voided
  -: left posted
goods-issued
  !FULFILLMENT_UNKNOWN: absent
  goods_issued: requested faltered refused rejected accepted packed voided left
  -: posted
all
  !FULFILLMENT_UNKNOWN: absent
  accepted+rejected: requested faltered refused
  accepted: rejected
  rejected: accepted packed voided left posted
announce
  !FULFILLMENT_UNKNOWN: absent
  sending: requested faltered refused rejected accepted packed voided left posted
faltered
  !FULFILLMENT_UNKNOWN: absent
  faltered: requested
  -: faltered refused rejected accepted packed voided left posted
refused
  !FULFILLMENT_UNKNOWN: absent
  effect_refused: requested faltered rejected accepted packed voided left posted
  -: refused
";
    assert_eq!(table, expected, "the table is now\n{table}");
}

#[test]
fn c01_delivered_before_shipped_keeps_both_facts_and_reads_delivered() {
    let facts = [
        milestone("P-1", 9, MilestoneKind::Delivered),
        milestone("P-1", 2, MilestoneKind::PickedUp),
        packed("P-1", 1, &shares(3), Some("1Z")),
    ];
    let state = play(open(&shares(3)), facts);
    assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::Delivered));
    assert_eq!(state.known().unwrap().packages[&id("P-1")].milestones.len(), 2);
    assert_eq!((shipped(&state), delivered(&state)), (3, 3));
}

#[test]
fn c02_a_late_milestone_moves_nothing_backwards() {
    let state =
        play(open(&shares(3)), [packed("P-1", 1, &shares(3), None), milestone("P-1", 5, MilestoneKind::Delivered)]);
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
            assert_eq!(after.known().unwrap().packages[&id("P-1")].milestones.len(), 2, "kept");
        }
    }
}

#[test]
fn c03_a_delivered_package_may_come_back_and_somebody_is_told() {
    for times in [(5, 9), (9, 5)] {
        let state = play(
            open(&shares(3)),
            [
                packed("P-1", 1, &shares(3), None),
                milestone("P-1", times.0, MilestoneKind::Delivered),
                milestone("P-1", times.1, MilestoneKind::ReturnToSender),
            ],
        );
        assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::ReturnToSender));
        assert_eq!((shipped(&state), delivered(&state)), (3, 0));
        assert_eq!(kinds(&state), [ReviewKind::ReturnedToSender]);
    }
}

#[test]
fn c04_a_voided_and_reprinted_label_is_one_shipment_under_another_package() {
    let state = play(
        open(&shares(3)),
        [
            packed("P-1", 1, &shares(3), Some("1ZOLD")),
            voided("P-1", 2),
            packed("P-2", 3, &shares(3), Some("1ZNEW")),
            milestone("P-2", 4, MilestoneKind::PickedUp),
        ],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::Voided);
    assert_eq!(shipped(&state), 3);
    assert_eq!(state.known().unwrap().progress(1).unwrap().packages.len(), 1);
    assert!(kinds(&state).is_empty());
}

#[test]
fn c04_a_package_reprinted_under_its_own_name_lives_on_with_the_new_tracking_number() {
    let facts = [
        packed("P-1", 1, &shares(3), Some("1ZOLD")),
        voided("P-1", 3),
        packed("P-1", 5, &shares(3), Some("1ZNEW")),
        milestone("P-1", 6, MilestoneKind::PickedUp),
    ];
    for facts in permutations(&facts) {
        let state = play(open(&shares(3)), facts);
        assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::PickedUp));
        assert_eq!(shipped(&state), 3);
        assert!(kinds(&state).is_empty(), "{:?}", kinds(&state));
        let package = &state.known().unwrap().packages[&id::<PackageId>("P-1")];
        assert_eq!(package.leg().unwrap().tracking.as_str(), "1ZNEW");
    }
}

#[test]
fn c04_a_repeated_report_of_the_old_label_does_not_bring_a_void_package_back() {
    let state = play(
        open(&shares(3)),
        [packed("P-1", 1, &shares(3), Some("1ZOLD")), voided("P-1", 3), packed("P-1", 5, &shares(3), Some("1ZOLD"))],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::Voided);
    assert_eq!(standing(&state), Standing::Requested);
}

#[test]
fn c04_what_moved_though_it_was_void_has_left_and_is_reviewed() {
    let facts =
        [packed("P-1", 1, &shares(3), Some("1Z")), voided("P-1", 3), milestone("P-1", 5, MilestoneKind::InTransit)];
    for facts in permutations(&facts) {
        let state = play(open(&shares(3)), facts);
        assert_eq!(shipped(&state), 3);
        assert_eq!(kinds(&state), [ReviewKind::MovedThoughVoid]);
    }
}

#[test]
fn c05_a_second_package_never_erases_the_first() {
    let state = play(
        open(&shares(5)),
        [
            packed("P-1", 1, &shares(2), Some("1ZA")),
            packed("P-2", 1, &shares(3), Some("1ZB")),
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
    let state = play(open(&shares(3)), [FulfillmentCommand::RecordMilestone(ahead)]);
    let package = &state.known().unwrap().packages[&id::<PackageId>("P-1")];
    assert!(package.milestones.iter().all(|milestone| milestone.clock_ahead));
}

#[test]
fn c08_an_unmapped_code_is_unknown_kept_raw_and_reviewed() {
    let state = play(
        open(&shares(3)),
        [
            packed("P-1", 1, &shares(3), None),
            milestone("P-1", 9, MilestoneKind::Unknown),
            milestone("P-1", 2, MilestoneKind::PickedUp),
        ],
    );
    assert_eq!(status(&state, "P-1"), PackageStatus::At(MilestoneKind::PickedUp));
    let reviews = state.known().unwrap().reviews();
    assert_eq!(reviews[0].kind, ReviewKind::UnknownCode);
    assert!(reviews[0].reason.contains("`XYZ`"));
    let alone = play(open(&shares(3)), [milestone("P-1", 9, MilestoneKind::Unknown)]);
    assert_eq!(status(&alone, "P-1"), PackageStatus::At(MilestoneKind::Unknown));
    assert_eq!(shipped(&alone), 0);
}

#[test]
fn c10_a_carrier_swapped_in_transit_leaves_both_legs() {
    let state =
        play(open(&shares(3)), [packed("P-1", 4, &shares(3), Some("DHL9")), packed("P-1", 1, &shares(3), Some("1Z"))]);
    let package = &state.known().unwrap().packages[&id::<PackageId>("P-1")];
    assert_eq!(package.legs.len(), 2);
    assert_eq!(package.leg().unwrap().tracking.as_str(), "DHL9");
}

#[test]
fn c11_a_shipment_cancelled_and_made_anew_counts_once() {
    let facts = [
        packed("S-1", 1, &shares(3), Some("1ZA")),
        milestone("S-1", 2, MilestoneKind::PickedUp),
        milestone("S-1", 3, MilestoneKind::Cancelled),
        packed("S-2", 4, &shares(3), Some("1ZB")),
        milestone("S-2", 5, MilestoneKind::PickedUp),
    ];
    for facts in permutations(&facts) {
        let state = play(open(&shares(3)), facts);
        assert_eq!(status(&state, "S-1"), PackageStatus::At(MilestoneKind::Cancelled));
        assert_eq!(shipped(&state), 3);
    }
}

#[test]
fn c13_a_second_goods_issue_for_one_package_is_kept_and_reviewed_in_either_order() {
    let left =
        play(open(&shares(3)), [packed("P-1", 1, &shares(3), None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
    let one = play(left.clone(), [goods_issued("P-1", "GI-1", &shares(3)), goods_issued("P-1", "GI-2", &shares(3))]);
    let two = play(left, [goods_issued("P-1", "GI-2", &shares(3)), goods_issued("P-1", "GI-1", &shares(3))]);
    assert_eq!(one, two);
    assert_eq!(kinds(&one), [ReviewKind::MadeTwice]);
}

#[test]
fn a_goods_issue_that_the_package_does_not_bear_out_is_reviewed() {
    let posted = play(
        open(&shares(5)),
        [
            packed("P-1", 1, &shares(3), None),
            milestone("P-1", 2, MilestoneKind::PickedUp),
            goods_issued("P-1", "GI-1", &shares(3)),
        ],
    );
    assert!(kinds(&posted).is_empty());
    let emptied = apply(posted.clone(), voided("P-1", 3));
    assert_eq!((shipped(&emptied), kinds(&emptied)), (0, vec![ReviewKind::PostingMismatch]));
    let refilled = apply(posted, packed("P-1", 3, &shares(5), None));
    assert_eq!((shipped(&refilled), kinds(&refilled)), (5, vec![ReviewKind::PostingMismatch]));
}

#[test]
fn b02_two_references_for_one_share_are_two_orders_at_the_warehouse_and_are_reviewed() {
    let state = play(open(&shares(3)), [accepted("F-1"), accepted("F-1")]);
    assert!(kinds(&state).is_empty());
    assert_eq!(kinds(&apply(state, accepted("F-2"))), [ReviewKind::MadeTwice]);
}

#[test]
fn b04_a_rejection_after_an_acceptance_counts_in_either_order_until_something_ships() {
    let one = play(open(&shares(3)), [accepted("F-1"), rejected("no room")]);
    let two = play(open(&shares(3)), [rejected("no room"), accepted("F-1")]);
    assert_eq!(one, two);
    assert_eq!(standing(&one), Standing::Rejected);
    assert_eq!(standing(&apply(one, packed("P-1", 1, &shares(3), None))), Standing::Accepted);
}

#[test]
fn b12_more_than_asked_is_counted_as_it_was_shipped() {
    let state =
        play(open(&shares(3)), [packed("P-1", 1, &shares(5), None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
    assert_eq!(shipped(&state), 5);
}

#[test]
fn b13_a_wrong_product_line_or_unit_is_never_posted_nor_counted_and_is_reviewed() {
    let mut sku = share(1, 3);
    sku.sku = id("OTHER");
    let mut unit = share(1, 3);
    unit.quantity = quantity(3, "CS");
    for wrong in [sku, unit, share(9, 3)] {
        let state =
            play(open(&shares(3)), [packed("P-1", 1, &[wrong], None), milestone("P-1", 2, MilestoneKind::PickedUp)]);
        assert_eq!(kinds(&state), [ReviewKind::ContentMismatch]);
        assert_eq!(shipped(&state), 0);
        assert_eq!(state.goods_issue(&id("P-1")), None);
    }
}

#[test]
fn a_package_that_left_with_nobody_knows_what_is_reviewed_until_somebody_says() {
    let state = play(open(&shares(3)), [milestone("P-1", 2, MilestoneKind::InTransit)]);
    assert_eq!(kinds(&state), [ReviewKind::ContentMismatch]);
    assert_eq!(state.goods_issue(&id("P-1")), None);
    let state = apply(state, packed("P-1", 1, &shares(3), None));
    assert!(kinds(&state).is_empty());
    assert_eq!(state.goods_issue(&id("P-1")).unwrap().lines, shares(3));
}

#[test]
fn a_goods_issue_is_asked_for_once_the_package_left_and_never_again_after_the_answer() {
    let state = play(open(&shares(3)), [packed("P-1", 1, &shares(3), None)]);
    assert_eq!(state.goods_issue(&id("P-1")), None, "packed is not left");
    let state = apply(state, milestone("P-1", 2, MilestoneKind::LabelCreated));
    assert_eq!(state.goods_issue(&id("P-1")), None, "a printed label is not left");
    let state = apply(state, milestone("P-1", 2, MilestoneKind::PickedUp));
    assert!(state.goods_issue(&id("P-1")).is_some());
    let state = apply(state, goods_issued("P-1", "GI-1", &shares(3)));
    assert_eq!(state.goods_issue(&id("P-1")), None);
}

#[test]
fn a_refusal_is_no_news_once_another_attempt_was_answered() {
    let refusal = || FulfillmentCommand::RecordRefused(refused(Effect::RequestFulfillment, "DUPLICATE"));
    let one = play(open(&shares(3)), [refusal(), accepted("F-1")]);
    let two = play(open(&shares(3)), [accepted("F-1"), refusal()]);
    assert_eq!(one, two);
    assert!(kinds(&one).is_empty());
    assert_eq!(kinds(&play(open(&shares(3)), [refusal()])), [ReviewKind::PartnerRefused]);
}

#[test]
fn an_attempt_that_was_overtaken_does_not_let_go_of_its_successors_claim() {
    let state = apply(open(&shares(3)), FulfillmentCommand::Announce(sending(Effect::RequestFulfillment, 2)));
    let late = FulfillmentCommand::RecordFaltered(faltered(Effect::RequestFulfillment, 1));
    assert_eq!(state.decide(late), Ok(vec![]));
}

#[test]
fn one_document_with_the_same_fact_twice_makes_one_event() {
    let fact = || milestone("P-1", 2, MilestoneKind::PickedUp);
    let events = open(&shares(3)).decide(FulfillmentCommand::RecordAll(vec![fact(), fact()])).unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn the_latest_word_on_a_packages_content_counts_whenever_it_arrives() {
    let words = [packed("P-1", 1, &shares(3), None), packed("P-1", 4, &shares(2), None), packed("P-1", 2, &[], None)];
    for words in permutations(&words) {
        let state = play(open(&shares(3)), words);
        let package = &state.known().unwrap().packages[&id::<PackageId>("P-1")];
        assert_eq!(package.lines()[0].quantity, each(2));
        assert_eq!(package.contents, crate::fulfillment::Contents::Told(at(4), shares(2)));
    }
}

fn permutations(facts: &[FulfillmentCommand]) -> Vec<Vec<FulfillmentCommand>> {
    crate::samples::permutations(facts)
}
