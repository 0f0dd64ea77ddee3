//! What warehouses are told, and what they report.

use super::*;
use crate::goods::{Component, Handling, LineQuantity, Traced};
use crate::samples::{line_quantity, quantity};

fn parcel(no: u32, warehouse: &str, lines: &[LineQuantity]) -> ExpectedReceipt {
    ExpectedReceipt { no, warehouse: id(warehouse), site: id("EAST"), lines: lines.to_vec(), tracking: None }
}

fn announced(no: u32, revision: u32) -> ReturnCommand {
    ReturnCommand::RecordAnnounced(Announced { no, revision, reference: id(&format!("WR-{no}")) })
}

fn two_lines() -> Return {
    let both = [line_quantity(1, 3), line_quantity(2, 1)];
    apply(authorized_as(request(&[(1, 3), (2, 1)])), ReturnCommand::ExpectReceipts(vec![parcel(1, "eastco", &both)]))
}

#[test]
fn d17_two_parcels_to_two_sites_are_two_warehouse_returns_of_one_rma() {
    let parcels = vec![parcel(1, "eastco", &[line_quantity(1, 2)]), parcel(2, "shipwest", &[line_quantity(1, 1)])];
    let expect = ReturnCommand::ExpectReceipts(parcels);
    let state = apply(expected(), expect.clone());
    assert_eq!(state.decide(expect), Ok(vec![]));
    let told: Vec<(String, String, String)> =
        state.announcements().map(|it| (it.rma.to_string(), it.warehouse().unwrap().to_string(), it.key())).collect();
    let key = |no: u32| format!("announce-receipt/{}/{no}/1", return_id());
    let rma = || "RMA-1".to_owned();
    assert_eq!(told, [(rma(), "eastco".to_owned(), key(1)), (rma(), "shipwest".to_owned(), key(2))]);
    let state = play(state, [announced(1, 1), announced(2, 1), receipt("1", 20, &[(GOOD, 2)])]);
    let mut west = receipt_of("SKU-1", "1", 30, &[(GOOD, 1)]);
    west.warehouse = id("shipwest");
    let state = settled(apply(state, ReturnCommand::RecordReceipt(west)));
    assert_eq!((state.announcements().count(), state.credited(line_no(1))), (0, dec("3")));
}

#[test]
fn a_second_return_at_the_warehouse_for_one_parcel_is_reviewed() {
    let second = ReturnCommand::RecordAnnounced(Announced { no: 1, revision: 1, reference: id("WR-77") });
    let state = play(two_lines(), [announced(1, 1), second.clone()]);
    assert_eq!((kinds(&state), state.decide(second)), (vec![ReturnReview::DuplicateDocument], Ok(vec![])));
}

#[test]
fn nothing_is_announced_before_the_authorization() {
    let expect = ReturnCommand::ExpectReceipts(vec![parcel(1, "eastco", &[line_quantity(1, 3)])]);
    assert_eq!(apply(requested(request(&[(1, 3)])), expect).announcements().count(), 0);
}

#[test]
fn an_announcement_is_edited_when_a_line_is_cancelled_and_withdrawn_when_all_are() {
    let state = apply(two_lines(), announced(1, 1));
    assert_eq!((state.announcements().count(), state.announcement_withdrawals().count()), (0, 0));
    let one = apply(state, ReturnCommand::Cancel(Some(BTreeSet::from([line_no(2)]))));
    let edit = one.announcements().next().unwrap();
    assert_eq!((edit.revision, edit.known_as, edit.expected.lines), (2, Some(id("WR-1")), vec![line_quantity(1, 3)]));
    let one = apply(one, announced(1, 2));
    assert_eq!(one.announcements().count(), 0);
    let all = apply(one, ReturnCommand::Cancel(None));
    let withdrawal = all.announcement_withdrawals().next().unwrap();
    assert_eq!(
        (withdrawal.known_as.clone(), withdrawal.key()),
        (Some(id("WR-1")), format!("withdraw-announcement/{}/1", return_id()))
    );
    let withdrawn = ReturnCommand::RecordAnnouncementWithdrawn(AnnouncementWithdrawn { no: 1 });
    let all = apply(all, withdrawn.clone());
    assert_eq!((all.announcement_withdrawals().count(), all.decide(withdrawn)), (0, Ok(vec![])));
}

#[test]
fn an_announcement_without_an_answer_is_withdrawn_after_its_claim() {
    let effect = ReturnEffect::AnnounceReceipt { no: 1, revision: 1 };
    let state = apply(two_lines(), ReturnCommand::Announce(started(effect, 7)));
    let state = apply(state, ReturnCommand::Cancel(None));
    let withdrawals: Vec<_> =
        state.announcement_withdrawals().map(|it| (it.known_as.clone(), it.not_before())).collect();
    assert_eq!((withdrawals, state.announcements().count()), (vec![(None, Some(at(7)))], 0));
}

#[test]
fn d03_more_than_was_asked_for_is_in_custody_and_never_credited() {
    let state = settled(apply(expected(), receipt("1", 20, &[(GOOD, 5)])));
    assert_eq!((state.credited(line_no(1)), kinds(&state)), (dec("3"), vec![ReturnReview::Excess]));
    assert_eq!(reasons(&state), ["2 of SKU-1: more than comes back"]);
    assert_eq!(state.stock.values().sum::<Decimal>(), dec("5"));
}

#[test]
fn d06_another_product_is_in_custody_and_reviewed() {
    let wrong = ReturnCommand::RecordReceipt(receipt_of("SKU-9", "1", 20, &[(GOOD, 3)]));
    let state = settled(apply(expected(), wrong));
    assert_eq!((state.credited(line_no(1)), kinds(&state)), (dec("0"), vec![ReturnReview::WrongItem]));
    assert_eq!(state.stock.values().sum::<Decimal>(), dec("3"));
}

#[test]
fn d02_goods_without_a_return_are_matched_approved_and_only_then_credited() {
    let blind = ReturnRequest { origin: Origin::Warehouse, content: None, source: id("eastco"), ..request(&[]) };
    let state = apply(requested(blind), receipt("1", 20, &[(GOOD, 3)]));
    assert_eq!((state.status(), kinds(&state)), (ReturnStatus::Unmatched, vec![ReturnReview::Unmatched]));
    assert_eq!((state.reservation_request(), state.authorization_request()), (None, None));
    let matched = apply(state, ReturnCommand::Match(content(&[(1, 3)])));
    assert_eq!(refusal(&matched, ReturnCommand::Match(content(&[(1, 2)]))), "ALREADY_MATCHED");
    let matched = play(matched, [reserved(4, 1, &[(1, 0, 3)]), invoiced()]);
    assert_eq!((matched.authorization_request(), kinds(&matched)), (None, vec![ReturnReview::ApprovalNeeded]));
    let approved = decide(&matched, ReturnReview::ApprovalNeeded, Choice::Approve);
    assert_eq!(settled(apply(approved, authorized())).credited(line_no(1)), dec("3"));
}

#[test]
fn d10_an_undeliverable_parcel_is_not_credited_unless_the_policy_says_so() {
    let mut undeliverable = request(&[(1, 3)]);
    undeliverable.origin = Origin::Undeliverable;
    undeliverable.content.as_mut().unwrap().lines[0].reason = ReasonClass::Undeliverable;
    let back =
        |request: ReturnRequest| settled(play(authorized_as(request), [invoiced(), receipt("1", 20, &[(GOOD, 3)])]));
    let state = back(undeliverable.clone());
    assert_eq!((net_and_tax(&state), state.status()), ((dec("0"), dec("0")), ReturnStatus::ReturnedToSender));
    assert_eq!(state.stock.values().sum::<Decimal>(), dec("3"));
    undeliverable.policy.credit_undeliverable = true;
    assert_eq!(back(undeliverable).credited(line_no(1)), dec("3"));
}

#[test]
fn a_report_that_is_not_newer_changes_nothing_and_increments_add_up() {
    let state = apply(expected(), receipt("1", 20, &[(GOOD, 2)]));
    assert_eq!(state.decide(receipt("1", 20, &[(GOOD, 2)])), Ok(vec![]));
    assert_eq!(state.decide(receipt("1", 19, &[(GOOD, 3)])), Ok(vec![]));
    // A partner that reports increments names each report.
    let mut reversal = receipt_of("SKU-1", "report-3", 22, &[(GOOD, 1)]);
    reversal.reverses = true;
    let state = play(
        expected(),
        [
            receipt("report-1", 20, &[(GOOD, 2)]),
            receipt("report-2", 21, &[(GOOD, 1)]),
            ReturnCommand::RecordReceipt(reversal),
        ],
    );
    assert_eq!(received(&state, 1), dec("2"));
}

#[test]
fn two_lines_of_one_product_are_filled_by_name_and_then_from_the_first_on() {
    let mut both = request(&[(1, 2), (2, 2)]);
    both.content.as_mut().unwrap().lines[1].sku = id("SKU-1");
    let state = authorized_as(both);
    let unnamed = apply(state.clone(), receipt("1", 20, &[(GOOD, 3)]));
    assert_eq!((received(&unnamed, 1), received(&unnamed, 2)), (dec("2"), dec("1")));
    let mut named = receipt_of("SKU-1", "1", 20, &[(GOOD, 1)]);
    named.line = Some(line_no(2));
    let named = apply(state, ReturnCommand::RecordReceipt(named));
    assert_eq!((received(&named, 1), received(&named, 2)), (dec("0"), dec("1")));
}

#[test]
fn a_substitute_counts_for_the_line_that_it_was_shipped_for() {
    let mut substituted = request(&[(1, 3)]);
    substituted.content.as_mut().unwrap().lines[0].substitutes = BTreeSet::from([id("SKU-1B")]);
    let came = ReturnCommand::RecordReceipt(receipt_of("SKU-1B", "1", 20, &[(GOOD, 3)]));
    let state = settled(play(authorized_as(substituted), [invoiced(), came]));
    assert_eq!(state.credited(line_no(1)), dec("3"));
}

#[test]
fn d18_one_component_of_a_kit_credits_no_kit() {
    let mut kits = request(&[(1, 2)]);
    let part = |sku: &str, per_kit: u32| Component { sku: id(sku), per_kit: per_kit.try_into().unwrap() };
    kits.content.as_mut().unwrap().lines[0].handling =
        Handling { kit: vec![part("BOLT", 2), part("NUT", 1)], traced: None };
    let state =
        play(authorized_as(kits), [ReturnCommand::RecordInvoice(invoice(&[(1, 2, amounts("20.00", "0", "EUR"))]))]);
    let came = |sku: &str, when: i64, goods: &[(Disposition, u32)]| {
        ReturnCommand::RecordReceipt(receipt_of(sku, sku, when, goods))
    };
    let one = settled(apply(state, came("BOLT", 20, &[(GOOD, 3)])));
    assert_eq!((one.credited(line_no(1)), kinds(&one)), (dec("0"), vec![ReturnReview::LooseComponents]));
    let kit = settled(apply(one, came("NUT", 21, &[(GOOD, 1)])));
    assert_eq!((net_and_tax(&kit).0, reasons(&kit)), (dec("10.00"), vec!["1 of BOLT: not a whole kit".to_owned()]));
    // A kit is as bad as its worst component.
    let damaged =
        settled(play(kit, [came("BOLT", 30, &[(GOOD, 4)]), came("NUT", 31, &[(GOOD, 1), (Disposition::Damaged, 1)])]));
    assert_eq!((damaged.credited(line_no(1)), received(&damaged, 1)), (dec("1"), dec("2")));
}

#[test]
fn a_piece_without_the_serial_number_that_was_shipped_is_received_and_left_to_a_person() {
    let mut traced = request(&[(1, 2)]);
    let line = &mut traced.content.as_mut().unwrap().lines[0];
    line.handling.traced = Some(Traced::Serial);
    line.serials = BTreeSet::from([id("S-1"), id("S-2")]);
    let state = apply(authorized_as(traced), invoiced());
    let with = |key: &str, serial: &str| {
        let mut receipt = receipt_of("SKU-1", key, 20, &[(GOOD, 1)]);
        receipt.serials = BTreeSet::from([id(serial)]);
        ReturnCommand::RecordReceipt(receipt)
    };
    let right = settled(apply(state, with("1", "S-1")));
    assert_eq!((right.credited(line_no(1)), kinds(&right)), (dec("1"), vec![]));
    for wrong in [with("2", "S-9"), with("2", "S-1"), receipt("2", 20, &[(GOOD, 1)])] {
        let state = settled(apply(right.clone(), wrong));
        assert_eq!((state.credited(line_no(1)), received(&state, 1)), (dec("1"), dec("2")));
        assert_eq!(kinds(&state), [ReturnReview::AcceptanceUndecided]);
    }
}

#[test]
fn a_lot_that_was_not_shipped_is_left_to_a_person() {
    let mut traced = request(&[(1, 3)]);
    let line = &mut traced.content.as_mut().unwrap().lines[0];
    line.handling.traced = Some(Traced::Lot);
    line.lots = BTreeSet::from([id("L-1")]);
    let state = apply(authorized_as(traced), invoiced());
    let with = |lot: &str| {
        ReturnCommand::RecordReceipt(Receipt { lot: Some(id(lot)), ..receipt_of("SKU-1", lot, 20, &[(GOOD, 1)]) })
    };
    let state = settled(play(state, [with("L-1"), with("L-2")]));
    assert_eq!((state.credited(line_no(1)), kinds(&state)), (dec("1"), vec![ReturnReview::AcceptanceUndecided]));
}

#[test]
fn another_unit_cannot_be_counted_and_is_reviewed() {
    let mut cases = receipt_of("SKU-1", "1", 20, &[(GOOD, 1)]);
    cases.goods[0].quantity = quantity(1, "CS");
    let state = apply(expected(), ReturnCommand::RecordReceipt(cases));
    assert_eq!((received(&state, 1), kinds(&state)), (dec("0"), vec![ReturnReview::Uncountable]));
}

#[test]
fn the_policy_accepts_by_reason_and_state_and_leaves_what_is_unclear_to_a_person() {
    use Disposition as D;
    use ReasonClass as R;
    use Verdict::{Accept, Person, Refuse};
    let verdict = |reason, disposition, traced| policy().verdict(reason, disposition, traced);
    for disposition in [D::SellableAccessible, D::SellableNotAccessible] {
        assert_eq!(verdict(R::ChangeOfMind, disposition, true), Accept);
    }
    for disposition in [D::Damaged, D::NonSellableOther, D::Expired, D::Disposed, D::NeedsReplacement] {
        assert_eq!(verdict(R::ChangeOfMind, disposition, true), Refuse);
        assert_eq!(verdict(R::SellerFault, disposition, true), Accept);
        assert_eq!(verdict(R::CarrierDamage, disposition, true), Accept);
    }
    for reason in R::ALL.iter().copied() {
        assert_eq!(verdict(reason, GOOD, false), Person);
        assert_eq!(verdict(reason, D::Unknown, true), Person);
        assert_eq!(verdict(reason, D::MismatchInstance, true), Person);
    }
    assert_eq!(verdict(R::Other, GOOD, true), Person);
    let rule = AcceptanceRule { reason: Some(R::Other), disposition: None, traced: Some(true), verdict: Refuse };
    let configured = Policy { acceptance: vec![rule], ..policy() };
    assert_eq!(configured.verdict(R::Other, GOOD, true), Refuse);
    assert_eq!(configured.verdict(R::Other, GOOD, false), Person);
}

#[test]
fn a_persons_verdict_is_of_as_many_goods_as_it_was_given_for() {
    let unknown = |when: i64, amount: u32| receipt("1", when, &[(Disposition::Unknown, amount)]);
    let state = apply(expected(), unknown(20, 1));
    assert_eq!(reasons(&state), ["line 1: 1 of 1 unknown"]);
    let state = settled(decide(&state, ReturnReview::AcceptanceUndecided, Choice::Accept));
    assert_eq!((state.credited(line_no(1)), kinds(&state)), (dec("1"), vec![]));
    let state = settled(apply(state, unknown(21, 3)));
    assert_eq!((state.credited(line_no(1)), reasons(&state)), (dec("1"), vec!["line 1: 2 of 3 unknown".to_owned()]));
    let state = settled(decide(&state, ReturnReview::AcceptanceUndecided, Choice::Keep));
    assert_eq!((state.credited(line_no(1)), kinds(&state)), (dec("1"), vec![]));
}

#[test]
fn custody_goes_from_the_customer_to_the_stock() {
    let scanned = |when| ReturnCommand::RecordScanned(Scanned { at: at(when) });
    let mut state = expected();
    let mut shown = vec![(custody(&state), state.status())];
    for command in [scanned(15), receipt("1", 20, &[(Disposition::Returned, 3)]), receipt("1", 30, &[(GOOD, 3)])] {
        state = apply(state, command);
        shown.push((custody(&state), state.status()));
    }
    state = move_stock(state);
    shown.push((custody(&state), state.status()));
    state = settled(state);
    shown.push((custody(&state), state.status()));
    use LineCustody as C;
    use ReturnStatus as S;
    assert_eq!(
        shown,
        [
            (C::Advised, S::Authorized),
            (C::InTransit, S::InTransit),
            (C::Received, S::Received),
            (C::Inspected, S::Inspected),
            (C::Disposed, S::Inspected),
            (C::Disposed, S::Credited),
        ]
    );
    assert_eq!(state.decide(scanned(16)), Ok(vec![]));
}

#[test]
fn a_warehouse_that_reports_no_inspection_is_asked_until_it_has_judged_all() {
    let mut silent = request(&[(1, 3)]);
    silent.policy.poll_hours = Some(6);
    let state = apply(authorized_as(silent), receipt("1", 20, &[(GOOD, 2), (Disposition::Returned, 1)]));
    assert_eq!(state.inspection_poll_hours(), Some(6));
    assert_eq!(apply(state, receipt("1", 30, &[(GOOD, 3)])).inspection_poll_hours(), None);
}
