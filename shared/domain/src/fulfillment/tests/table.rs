//! The decision table: the answer to every command in every stage.

use super::*;

/// The command after `command` in the table. The match has to name every command, so none can be left out.
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
    let with_reference = apply(requested.clone(), accepted("F-1"));
    let packed = apply(with_reference.clone(), packed("P-1", 1, &lines(3), None));
    let left = apply(packed.clone(), milestone("P-1", 2, MilestoneKind::PickedUp));
    let refusal = FulfillmentCommand::RecordEffectRejected(refused(FulfillmentEffect::Request, "REJECTED"));
    vec![
        ("requested", requested.clone()),
        ("effect-failed", failed),
        ("refused", apply(requested.clone(), refusal)),
        ("rejected", apply(requested.clone(), rejected("no room"))),
        ("accepted", with_reference.clone()),
        (
            "withdrawing",
            apply(with_reference.clone(), FulfillmentCommand::Announce(started(FulfillmentEffect::Withdraw, 1))),
        ),
        ("withdrawn", apply(with_reference.clone(), withdrawn(Some("F-1")))),
        ("withdrawal-refused", apply(with_reference.clone(), too_late())),
        ("closed", apply(with_reference.clone(), closed(3))),
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
  effect_started: requested effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused closed late packed voided left posted
close-not-sent
  opened+withdrawn: absent
  -: requested effect-failed rejected accepted withdrawing withdrawn withdrawal-refused closed late packed voided left posted
  withdrawn: refused
accepted
  !FULFILLMENT_UNKNOWN: absent
  accepted: requested effect-failed refused rejected late
  -: accepted withdrawing withdrawn withdrawal-refused closed packed voided left posted
rejected
  !FULFILLMENT_UNKNOWN: absent
  rejected: requested effect-failed refused accepted withdrawing withdrawn withdrawal-refused closed late packed voided left posted
  -: rejected
withdrawn
  !FULFILLMENT_UNKNOWN: absent
  withdrawn: requested effect-failed refused rejected accepted withdrawing withdrawal-refused closed late packed voided left posted
  -: withdrawn
withdrawal-refused
  !FULFILLMENT_UNKNOWN: absent
  withdrawal_refused: requested effect-failed refused rejected accepted withdrawing withdrawn closed late packed voided left posted
  -: withdrawal-refused
packed
  !FULFILLMENT_UNKNOWN: absent
  package_packed: requested effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused closed late
  -: packed voided left posted
voided
  !FULFILLMENT_UNKNOWN: absent
  package_voided: requested effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused closed late packed left posted
  -: voided
milestone
  !FULFILLMENT_UNKNOWN: absent
  milestone_recorded: requested effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused closed late packed voided
  -: left posted
closed
  !FULFILLMENT_UNKNOWN: absent
  closed: requested effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused late packed voided left posted
  -: closed
goods-issued
  !FULFILLMENT_UNKNOWN: absent
  goods_issued: requested effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused closed late packed voided left
  -: posted
late
  opened+late: absent
  late: requested effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused closed packed voided left posted
  -: late
all
  !FULFILLMENT_UNKNOWN: absent
  accepted+rejected: requested effect-failed refused late
  accepted: rejected
  rejected: accepted withdrawing withdrawn withdrawal-refused closed packed voided left posted
decide
  !FULFILLMENT_UNKNOWN: absent
  request_rejected: requested effect-failed rejected accepted withdrawing withdrawn withdrawal-refused closed late packed voided left posted
  review_decided: refused
announce
  !FULFILLMENT_UNKNOWN: absent
  effect_started: requested effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused closed late packed voided left posted
effect-failed
  !FULFILLMENT_UNKNOWN: absent
  effect_failed: requested late
  -: effect-failed refused rejected accepted withdrawing withdrawn withdrawal-refused closed packed voided left posted
refused
  !FULFILLMENT_UNKNOWN: absent
  effect_rejected: requested effect-failed rejected accepted withdrawing withdrawn withdrawal-refused closed late packed voided left posted
  -: refused
";
    assert_eq!(table, expected, "the code has this table:\n{table}");
}
