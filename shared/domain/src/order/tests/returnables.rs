//! What returns have reserved of an order's lines.

use std::collections::BTreeMap;

use super::*;
use crate::ReturnId;
use crate::returnable::{Reservation, ReservationRequest, Units};

fn return_id(n: u32) -> ReturnId {
    ReturnId::derive(&id("acme-crm"), &id(&format!("RMA-{n}")))
}

/// The `round`th request of the `n`th return, as (line, pieces).
pub(super) fn reserve(n: u32, round: u32, lines: &[(u32, u32)]) -> OrderCommand {
    let lines: BTreeMap<_, _> = lines.iter().map(|(line, amount)| (line_no(*line), each(*amount))).collect();
    OrderCommand::ReserveReturn(ReservationRequest { return_id: return_id(n), round, lines })
}

/// An order of ten pieces of which `shipped` have left.
fn shipped(shipped: u32) -> Order {
    apply(routed_order(), report(1, 8, &[(1, shipped)], &[]))
}

fn of(order: &Order, n: u32) -> Reservation {
    order.returnables.get(line_no(1), &return_id(n)).unwrap().clone()
}

/// The units that the `n`th return has, and how many wait.
fn units(order: &Order, n: u32) -> (Vec<(u32, u32)>, u32) {
    let reservation = of(order, n);
    let whole = |amount: rust_decimal::Decimal| u32::try_from(amount).unwrap();
    let units = reservation.units.iter().map(|Units { from, to }| (whole(*from), whole(*to)));
    (units.collect(), whole(reservation.waiting.amount()))
}

fn refusal(order: &Order, command: OrderCommand) -> String {
    let events = order.decide(command).unwrap();
    let [OrderEvent::RequestRejected(why)] = &events[..] else { panic!("{events:?}") };
    why.to_string()
}

#[test]
fn each_return_gets_units_of_its_own_and_all_that_it_asks_for_at_once() {
    let order = play(shipped(10), [reserve(1, 1, &[(1, 4)]), reserve(2, 1, &[(1, 6)])]);
    assert_eq!((units(&order, 1), units(&order, 2)), ((vec![(0, 4)], 0), (vec![(4, 10)], 0)));
    // The same request again, and an earlier round that arrives late.
    assert_eq!(order.decide(reserve(1, 1, &[(1, 4)])), Ok(vec![]));
    assert_eq!(order.decide(reserve(1, 0, &[(1, 1)])), Ok(vec![]));
}

#[test]
fn two_requests_for_all_of_a_line_cannot_both_have_it() {
    let order = apply(shipped(10), reserve(1, 1, &[(1, 10)]));
    let why = refusal(&order, reserve(2, 1, &[(1, 10)]));
    assert_eq!(why, "MORE_THAN_RETURNABLE: line 1: 0 EA can be returned, 10 EA were asked for");
}

#[test]
fn what_came_back_is_not_offered_again() {
    let order = apply(shipped(10), reserve(1, 1, &[(1, 3)]));
    let why = refusal(&order, reserve(2, 1, &[(1, 8)]));
    assert_eq!(why, "MORE_THAN_RETURNABLE: line 1: 7 EA can be returned, 8 EA were asked for");
}

#[test]
fn d22_what_has_not_shipped_yet_waits_and_is_reserved_when_it_leaves() {
    let order = apply(shipped(4), reserve(1, 1, &[(1, 5)]));
    assert_eq!(units(&order, 1), (vec![(0, 4)], 1));
    let order = apply(order, report(1, 9, &[(1, 10)], &[]));
    assert_eq!(units(&order, 1), (vec![(0, 5)], 0));
}

#[test]
fn what_can_never_ship_is_refused_with_the_number() {
    let mut closed = progress(1, 9, RequestStatus::Accepted, &[(1, 4)], &[(1, 4)]);
    closed.closed_short = true;
    closed.unfilled.insert(line_no(1), each(6));
    let order = play(routed_order(), [OrderCommand::RecordProgress(closed), OrderCommand::Cancel(cancel())]);
    let why = refusal(&order, reserve(1, 1, &[(1, 5)]));
    assert_eq!(why, "MORE_THAN_RETURNABLE: line 1: 4 EA can be returned, 5 EA were asked for");
    assert_eq!(units(&apply(order, reserve(1, 1, &[(1, 4)])), 1), (vec![(0, 4)], 0));
}

#[test]
fn what_waited_and_will_not_ship_any_more_stops_waiting() {
    let order = apply(shipped(4), reserve(1, 1, &[(1, 5)]));
    let order = play(order, [OrderCommand::Cancel(cancel()), withdrawn_rest()]);
    assert_eq!(units(&order, 1), (vec![(0, 4)], 0));
    assert_eq!(of(&order, 1).asked, each(5));
}

/// Four pieces left, and the warehouse withdrew the rest.
fn withdrawn_rest() -> OrderCommand {
    OrderCommand::RecordProgress(progress(1, 9, RequestStatus::Withdrawn, &[(1, 4)], &[(1, 4)]))
}

#[test]
fn a_line_that_the_order_does_not_have_and_another_unit_are_refused() {
    let order = shipped(10);
    assert!(refusal(&order, reserve(1, 1, &[(7, 1)])).starts_with("LINE_UNKNOWN"));
    let OrderCommand::ReserveReturn(mut request) = reserve(1, 1, &[(1, 1)]) else { panic!() };
    request.lines.insert(line_no(1), quantity(1, "KG"));
    assert!(refusal(&order, OrderCommand::ReserveReturn(request)).starts_with("UNIT_UNKNOWN"));
}

#[test]
fn a_return_in_the_ordered_unit_reserves_stock_keeping_units() {
    let mut ordered = submission(&[2]);
    ordered.lines[0].quantity = quantity(2, "CS");
    let mut quote = quote(&ordered, 12);
    quote.lines[0].base_uom = Uom::EACH;
    let order = begin::<Order>([OrderCommand::Submit(ordered), OrderCommand::RecordQuote(quote)]);
    let OrderCommand::ReserveReturn(mut request) = reserve(1, 1, &[(1, 1)]) else { panic!() };
    request.lines.insert(line_no(1), quantity(1, "CS"));
    let order = apply(order, OrderCommand::ReserveReturn(request));
    assert_eq!((of(&order, 1).asked, units(&order, 1)), (each(12), (vec![], 12)));
}

#[test]
fn what_a_return_gives_back_goes_to_the_next_one_and_nothing_else_moves() {
    let order = play(shipped(10), [reserve(1, 1, &[(1, 4)]), reserve(2, 1, &[(1, 3)]), reserve(1, 2, &[(1, 2)])]);
    assert_eq!((units(&order, 1), units(&order, 2)), ((vec![(0, 2)], 0), (vec![(4, 7)], 0)));
    let order = apply(order, reserve(3, 1, &[(1, 5)]));
    assert_eq!(units(&order, 3), (vec![(2, 4), (7, 10)], 0));
    // A denied, cancelled or expired return keeps nothing.
    let order = play(order, [reserve(2, 2, &[]), reserve(4, 1, &[(1, 3)])]);
    assert_eq!((units(&order, 2), units(&order, 4)), ((vec![], 0), (vec![(4, 7)], 0)));
}

#[test]
fn the_newest_reservation_shrinks_when_less_was_shipped_than_was_known() {
    let order = play(shipped(10), [reserve(1, 1, &[(1, 4)]), reserve(2, 1, &[(1, 6)])]);
    let events = order.decide(report(1, 9, &[(1, 7)], &[])).unwrap();
    assert!(matches!(&events[..], [OrderEvent::FulfillmentProgressed(_), OrderEvent::ReturnReserved(_)]), "{events:?}");
    let order = apply(order, report(1, 9, &[(1, 7)], &[]));
    assert_eq!((units(&order, 1), units(&order, 2)), ((vec![(0, 4)], 0), (vec![(4, 7)], 3)));
}

#[test]
fn what_each_return_has_does_not_depend_on_the_order_of_the_reports() {
    let reports = [report(1, 9, &[(1, 7)], &[]), report(1, 10, &[(1, 3)], &[]), report(1, 11, &[(1, 9)], &[])];
    let asked = [reserve(1, 1, &[(1, 4)]), reserve(2, 1, &[(1, 6)])];
    let order = play(shipped(10), asked);
    let ends: Vec<_> = crate::samples::permutations(&reports)
        .into_iter()
        .map(|reports| {
            let order = play(order.clone(), reports.iter().chain(&reports).cloned());
            (of(&order, 1).reserved(), of(&order, 2).reserved(), units(&order, 2).1)
        })
        .collect();
    assert!(ends.iter().all(|end| *end == (4.into(), 5.into(), 1)), "{ends:?}");
}

#[test]
fn no_unit_is_ever_reserved_twice_whatever_returns_ask_and_give_back() {
    // A fixed walk through many states: each step asks for, or gives back, another quantity.
    let mut order = shipped(6);
    let mut seed = 7_u32;
    for step in 1..400_u32 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (who, amount) = ((seed >> 8) % 4, (seed >> 16) % 5);
        let command = if who == 0 {
            report(1, u64::from(step) + 8, &[(1, (seed >> 20) % 11)], &[])
        } else {
            reserve(who, step, &[(1, amount)])
        };
        order = apply(order, command);
        let held: Vec<Reservation> =
            (1..4).filter_map(|n| order.returnables.get(line_no(1), &return_id(n)).cloned()).collect();
        let mut taken: Vec<Units> = held.iter().flat_map(|it| it.units.clone()).collect();
        taken.sort_by_key(|units| units.from);
        assert!(taken.windows(2).all(|pair| pair[0].to <= pair[1].from), "step {step}: {taken:?}");
        let reserved: rust_decimal::Decimal = held.iter().map(Reservation::reserved).sum();
        assert!(reserved <= quantities(&order, 1).shipped.amount(), "step {step}: {held:?}");
        assert!(
            held.iter().all(|it| it.reserved() + it.waiting.amount() <= it.asked.amount()),
            "step {step}: {held:?}"
        );
    }
}
