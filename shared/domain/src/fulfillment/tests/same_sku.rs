//! Goods whose order line is not known, or that are reported on another line of the same product.

use super::*;
use crate::Sku;
use crate::fulfillment::{Packed, UnassignedGoods};
use crate::order::LineQuantity;
use crate::samples::permutations;

/// Lines of one product: two pieces on line 1, five on line 2.
fn twins() -> Vec<LineQuantity> {
    let mut second = line_quantity(2, 5);
    second.sku = line_quantity(1, 2).sku;
    vec![line_quantity(1, 2), second]
}

fn unassigned(package: &str, when: i64, sku: &Sku, amount: Option<u32>) -> FulfillmentCommand {
    let FulfillmentCommand::RecordPacked(packed) = packed(package, when, &[], None) else { panic!() };
    let goods =
        UnassignedGoods { sku: sku.clone(), quantity: amount.map(each), lot: None, serials: Default::default() };
    FulfillmentCommand::RecordPacked(Packed { unassigned: vec![goods], ..packed })
}

fn amounts(state: &Fulfillment) -> Vec<(u32, u32)> {
    let progress = state.progress().unwrap();
    progress.shipped.iter().map(|(line, quantity)| (line.0.get(), quantity.amount().try_into().unwrap())).collect()
}

fn posted(state: &Fulfillment, package: &str) -> Vec<(u32, u32)> {
    let lines = state.goods_issue(&id(package)).map(|issue| issue.lines).unwrap_or_default();
    lines.iter().map(|goods| (goods.line.0.get(), goods.quantity.amount().try_into().unwrap())).collect()
}

#[test]
fn c16_a_product_without_a_line_counts_for_the_one_line_that_requests_it() {
    let lines = [line_quantity(1, 2), line_quantity(2, 3)];
    let facts = [unassigned("P-1", 1, &lines[1].sku, Some(3)), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let state = play(open(&lines), facts);
    assert_eq!((amounts(&state), posted(&state, "P-1")), (vec![(2, 3)], vec![(2, 3)]));
    assert_eq!(kinds(&state), []);
}

#[test]
fn c16_a_product_that_fits_no_line_or_several_or_has_no_quantity_is_reviewed_and_not_counted() {
    let other: Sku = id("OTHER");
    let own = twins()[0].sku.clone();
    for (sku, amount) in [(&other, Some(1)), (&own, Some(7)), (&own, None)] {
        let facts = [unassigned("P-1", 1, sku, amount), milestone("P-1", 2, MilestoneKind::PickedUp)];
        let state = play(open(&twins()), facts);
        assert_eq!((amounts(&state), posted(&state, "P-1")), (vec![], vec![]), "{sku} {amount:?}");
        assert_eq!(kinds(&state), [FulfillmentReview::ContentMismatch]);
    }
}

#[test]
fn c16_an_accepted_product_of_several_lines_is_distributed_over_them() {
    let own = twins()[0].sku.clone();
    let facts = [unassigned("P-1", 1, &own, Some(7)), milestone("P-1", 2, MilestoneKind::PickedUp)];
    let state = play(open(&twins()), facts);
    let decided = decision(&state.reviews(), FulfillmentReview::ContentMismatch, Choice::Accept);
    let state = apply(state, FulfillmentCommand::Decide(decided));
    assert_eq!((amounts(&state), posted(&state, "P-1")), (vec![(1, 2), (2, 5)], vec![(1, 2), (2, 5)]));
}

#[test]
fn b41_a_sum_on_one_line_counts_for_the_other_lines_of_its_product_up_to_their_quantity() {
    let on_first = |amount| vec![line_quantity(1, amount)];
    for (amount, counted) in
        [(2, vec![(1, 2)]), (6, vec![(1, 2), (2, 4)]), (7, vec![(1, 2), (2, 5)]), (9, vec![(1, 4), (2, 5)])]
    {
        let facts = [packed("P-1", 1, &on_first(amount), None), milestone("P-1", 2, MilestoneKind::PickedUp)];
        let state = play(open(&twins()), facts);
        assert_eq!((amounts(&state), posted(&state, "P-1")), (counted.clone(), counted), "{amount}");
    }
}

#[test]
fn b41_a_report_on_its_own_line_is_never_displaced_by_another_packages_excess() {
    let second = |amount| vec![LineQuantity { quantity: each(amount), ..twins()[1].clone() }];
    let facts = [
        packed("P-1", 1, &[line_quantity(1, 4)], None),
        packed("P-2", 1, &second(5), None),
        milestone("P-1", 2, MilestoneKind::PickedUp),
        milestone("P-2", 2, MilestoneKind::PickedUp),
    ];
    for facts in permutations(&facts) {
        let state = play(open(&twins()), facts);
        assert_eq!(amounts(&state), [(1, 4), (2, 5)]);
        assert_eq!((posted(&state, "P-1"), posted(&state, "P-2")), (vec![(1, 4)], vec![(2, 5)]));
    }
}
