//! Which site ships what.

#![allow(clippy::unwrap_used, clippy::panic)]
use jiff::civil::date;

use super::*;
use crate::samples::{
    LineStock, allocation, apply, approved, at, begin, each, id, line_no, quantity, quote, released, site, submission,
};
use crate::{Order, Workflow};

/// An order of `lines` pieces that is released with this stock.
fn released_with(lines: &[u32], stock: &[LineStock<'_>]) -> Order {
    let submission = submission(lines);
    let quote = quote(&submission, 1);
    begin::<Order>([
        OrderCommand::Submit(submission),
        OrderCommand::RecordQuote(quote),
        OrderCommand::RecordCreditApproved(approved()),
        OrderCommand::RecordAllocation(allocation("AL-1", stock)),
        OrderCommand::RecordRelease(released("SO-1")),
    ])
}

#[test]
fn a_fulfillment_could_ship_elsewhere_only_if_another_site_in_the_registry_has_all_of_it() {
    let sites = [site("EAST", 100, &[]), site("WEST", 110, &[])];
    let routed = |stock: &[LineStock<'_>]| {
        let order = released_with(&[3], stock);
        let routing = decide(&order, &sites, at(1));
        (apply(order, OrderCommand::RecordRouting(routing.clone())), routing.assignments[0].fulfillment.clone())
    };
    for (stock, elsewhere) in
        [([("EAST", 3), ("WEST", 3)], true), ([("EAST", 3), ("WEST", 2)], false), ([("EAST", 3), ("NORTH", 3)], false)]
    {
        let (order, fulfillment) = routed(&[(1, &stock, 0)]);
        assert_eq!(order.could_ship_elsewhere(&fulfillment, &sites, at(2)), elsewhere, "{stock:?}");
    }
}

fn decide(order: &Order, sites: &[Site], now: Timestamp) -> Routing {
    let OrderCommand::RecordRouting(routing) = order.routing_query().unwrap().decide(sites, now) else {
        panic!("a routing query answers with a routing")
    };
    routing
}

/// Each chosen site with its quantities by line.
fn plan(routing: &Routing) -> Vec<(String, Vec<(u32, Quantity)>)> {
    let lines =
        |assignment: &Assignment| assignment.lines.iter().map(|goods| (goods.line.0.get(), goods.quantity)).collect();
    routing.assignments.iter().map(|assignment| (assignment.site.to_string(), lines(assignment))).collect()
}

fn at_local(text: &str) -> Timestamp {
    text.parse::<jiff::civil::DateTime>().unwrap().to_zoned(site("EAST", 1, &[]).time_zone).unwrap().timestamp()
}

#[test]
fn one_site_with_all_of_the_stock_is_preferred_to_two_sites_with_parts() {
    let order = released_with(&[10], &[(1, &[("EAST", 6), ("WEST", 10)], 0)]);
    let sites = [site("EAST", 1, &["NY"]), site("WEST", 9, &[])];
    assert_eq!(plan(&decide(&order, &sites, at(0))), [("WEST".to_owned(), vec![(1, each(10))])]);
}

#[test]
fn a_home_region_counts_before_the_ship_date_and_the_date_before_the_cost() {
    let order = released_with(&[10], &[(1, &[("EAST", 10), ("WEST", 10)], 0)]);
    let mut late = site("EAST", 1, &[]);
    late.cut_off = jiff::civil::time(8, 0, 0, 0);
    let chosen = |sites: &[Site]| plan(&decide(&order, sites, at(0)))[0].0.clone();
    assert_eq!(chosen(&[site("EAST", 1, &[]), site("WEST", 9, &["NY"])]), "WEST", "the nearer site");
    assert_eq!(chosen(&[late.clone(), site("WEST", 9, &[])]), "WEST", "the site that ships sooner");
    assert_eq!(chosen(&[site("EAST", 2, &[]), site("WEST", 1, &[])]), "WEST", "the cheaper site");
    late.serves[0].home_regions.push("NY".to_owned());
    assert_eq!(
        chosen(&[late, site("WEST", 1, &[])]),
        "EAST",
        "the nearer site, although it ships later and costs more"
    );
}

#[test]
fn the_order_of_the_sites_in_the_registry_changes_no_routing() {
    let order = released_with(&[10, 4], &[(1, &[("EAST", 6), ("WEST", 5), ("SOUTH", 5)], 0), (2, &[("SOUTH", 4)], 0)]);
    let sites = [site("EAST", 1, &[]), site("WEST", 1, &[]), site("SOUTH", 1, &[])];
    let first = decide(&order, &sites, at(0));
    for sites in crate::samples::permutations(&sites) {
        assert_eq!(decide(&order, &sites, at(0)), first);
    }
}

#[test]
fn b08_a_split_assigns_every_line_exactly_its_ordered_quantity() {
    let order = released_with(&[10, 4], &[(1, &[("EAST", 6), ("WEST", 7)], 0), (2, &[("WEST", 4)], 0)]);
    let sites = [site("EAST", 1, &["NY"]), site("WEST", 1, &[])];
    let routing = decide(&order, &sites, at(0));
    assert_eq!(
        plan(&routing),
        [("EAST".to_owned(), vec![(1, each(6))]), ("WEST".to_owned(), vec![(1, each(4)), (2, each(4))]),]
    );
    let line_quantities = apply(order, OrderCommand::RecordRouting(routing)).line_quantities();
    assert!(line_quantities.iter().all(|l| l.in_fulfillment == l.ordered && l.open.is_zero() && l.over.is_zero()));
}

#[test]
fn b09_a_short_quantity_is_backordered_and_not_routed() {
    let order = released_with(&[10], &[(1, &[("EAST", 6)], 4)]);
    let routing = decide(&order, &[site("EAST", 1, &[])], at(0));
    assert_eq!(plan(&routing), [("EAST".to_owned(), vec![(1, each(6))])]);
    let quantities = apply(order, OrderCommand::RecordRouting(routing)).line_quantities().remove(0);
    assert_eq!((quantities.in_fulfillment, quantities.backordered), (each(6), each(4)));
}

#[test]
fn b15_each_of_two_lines_of_one_product_is_routed_by_its_own_allocation() {
    let order = released_with(&[3, 5], &[(1, &[("EAST", 3)], 0), (2, &[("WEST", 5)], 0)]);
    let routing = decide(&order, &[site("EAST", 1, &[]), site("WEST", 1, &[])], at(0));
    assert_eq!(plan(&routing), [("EAST".to_owned(), vec![(1, each(3))]), ("WEST".to_owned(), vec![(2, each(5))]),]);
}

#[test]
fn b22_an_order_that_no_site_may_ship_is_reviewed_with_the_reasons_of_every_site() {
    let order = released_with(&[10], &[(1, &[("EAST", 10), ("NORTH", 10)], 0)]);
    let mut abroad = site("EAST", 1, &[]);
    abroad.serves[0].country = "GB".to_owned();
    let mut slow = site("NORTH", 1, &[]);
    slow.service_levels = vec![ServiceLevel::Expedited];
    let routing = decide(&order, &[abroad, slow, site("WEST", 1, &[])], at(0));
    assert!(routing.assignments.is_empty());
    let against = |code: &str| {
        let candidate = routing.candidates.iter().find(|candidate| candidate.site == id(code)).unwrap();
        assert!(!candidate.chosen);
        candidate.reasons.clone()
    };
    assert!(against("EAST").contains(&Reason::CountryNotServed { country: "US".to_owned() }));
    let level = Reason::ServiceLevelNotOffered { service_level: ServiceLevel::Standard };
    assert!(against("NORTH").contains(&level));
    assert!(against("WEST").contains(&Reason::NoStock));
    let stuck = apply(order, OrderCommand::RecordRouting(routing));
    let review = stuck.reviews().remove(0);
    assert_eq!(review.kind, crate::order::OrderReview::Unroutable);
    for words in ["EAST: does not ship to US", "NORTH: does not offer", "WEST: has no stock"] {
        assert!(review.reason.contains(words), "{}", review.reason);
    }
    assert!(stuck.routing_query().is_none(), "the same question again has the same answer");
    let again = apply(
        stuck.clone(),
        OrderCommand::Decide(crate::samples::decision(
            &stuck.reviews(),
            review.kind,
            crate::review::Choice::RouteAgain,
        )),
    );
    assert!(again.routing_query().is_some(), "the next routing may find a site");
}

#[test]
fn b22_an_order_is_not_routed_in_part_if_no_site_has_the_rest() {
    let order = released_with(&[10], &[(1, &[("EAST", 6)], 0)]);
    let routing = decide(&order, &[site("EAST", 1, &[])], at(0));
    assert!(routing.assignments.is_empty());
    assert!(explain(&routing.candidates).contains("has only a part of the stock"));
    assert_eq!(explain(&[]), "the registry names no warehouse");
}

#[test]
fn b18_after_the_cut_off_at_the_sites_local_time_goods_leave_on_the_next_working_day() {
    let site = site("EAST", 1, &[]);
    let ships = |text: &str| site.ships_on(at_local(text));
    assert_eq!(ships("2026-01-07T15:00:00"), (date(2026, 1, 7), false), "the cut-off itself is in time");
    assert_eq!(ships("2026-01-07T15:00:01"), (date(2026, 1, 8), true));
    assert_eq!(ships("2026-01-09T16:00:00"), (date(2026, 1, 12), true), "Friday evening");
    assert_eq!(ships("2026-01-10T09:00:00"), (date(2026, 1, 12), false), "Saturday");
}

#[test]
fn b18_the_cut_off_follows_daylight_saving_time() {
    let site = site("EAST", 1, &[]);
    let ships = |text: &str| site.ships_on(text.parse().unwrap()).0;
    // Daylight saving time begins on Sunday, 2026-03-08: 15:00 is 20:00 UTC on the Friday before and 19:00 UTC on
    // the Monday after.
    assert_eq!(ships("2026-03-06T19:59:00Z"), date(2026, 3, 6));
    assert_eq!(ships("2026-03-06T20:01:00Z"), date(2026, 3, 9));
    assert_eq!(ships("2026-03-09T18:59:00Z"), date(2026, 3, 9));
    assert_eq!(ships("2026-03-09T19:59:00Z"), date(2026, 3, 10));
    // It ends on 2026-11-01.
    assert_eq!(ships("2026-10-30T19:01:00Z"), date(2026, 11, 2));
    assert_eq!(ships("2026-11-02T19:01:00Z"), date(2026, 11, 2));
    // The days of the change are Sundays, on which no site works: goods leave on Monday.
    for instant in ["2026-03-08T06:59:00Z", "2026-03-08T07:01:00Z"] {
        assert_eq!(ships(instant), date(2026, 3, 9));
    }
    for instant in ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"] {
        assert_eq!(ships(instant), date(2026, 11, 2));
    }
}

#[test]
fn b19_nothing_leaves_on_a_holiday() {
    let mut site = site("EAST", 1, &[]);
    site.holidays = vec![date(2026, 1, 8), date(2026, 1, 9)];
    assert_eq!(site.ships_on(at_local("2026-01-07T15:30:00")), (date(2026, 1, 12), true));
    assert_eq!(site.ships_on(at_local("2026-01-08T16:00:00")), (date(2026, 1, 12), false), "a holiday has no cut-off");
    assert_eq!(site.ships_on(at_local("2026-01-07T09:00:00")), (date(2026, 1, 7), false));
}

#[test]
fn b19_a_holiday_at_one_site_moves_the_order_to_another() {
    let order = released_with(&[10], &[(1, &[("EAST", 10), ("WEST", 10)], 0)]);
    let mut closed = site("EAST", 1, &[]);
    closed.holidays = vec![date(2026, 1, 5)];
    let routing = decide(&order, &[closed, site("WEST", 9, &[])], at(0));
    assert_eq!(plan(&routing)[0].0, "WEST");
    assert_eq!(routing.assignments[0].ship_by, date(2026, 1, 5));
}

#[test]
fn the_home_regions_of_every_entry_of_a_country_count() {
    let order = released_with(&[10], &[(1, &[("EAST", 10), ("WEST", 10)], 0)]);
    let mut two = site("WEST", 9, &["CA"]);
    two.serves.push(Territory { country: "US".to_owned(), home_regions: vec!["NY".to_owned()] });
    assert_eq!(plan(&decide(&order, &[site("EAST", 1, &[]), two], at(0)))[0].0, "WEST");
}

#[test]
fn a_routed_or_cancelled_order_has_no_routing_query() {
    let order = released_with(&[10], &[(1, &[("EAST", 10)], 0)]);
    let routing = decide(&order, &[site("EAST", 1, &[])], at(0));
    let cancelled = apply(order.clone(), OrderCommand::Cancel(crate::samples::cancel()));
    assert!(cancelled.routing_query().is_none());
    assert_eq!(cancelled.decide(OrderCommand::RecordRouting(routing.clone())), Ok(vec![]));
    assert!(apply(order, OrderCommand::RecordRouting(routing)).routing_query().is_none());
}

#[test]
fn b16_an_allocated_source_in_another_unit_than_its_line_is_not_routed() {
    let mut stock = allocation("AL-1", &[(1, &[("EAST", 10)], 0)]);
    stock.lines[0].sources[0].quantity = quantity(10, "CS");
    let submission = submission(&[10]);
    let quote = quote(&submission, 1);
    let order = begin::<Order>([
        OrderCommand::Submit(submission),
        OrderCommand::RecordQuote(quote),
        OrderCommand::RecordCreditApproved(approved()),
        OrderCommand::RecordAllocation(stock),
        OrderCommand::RecordRelease(released("SO-1")),
    ]);
    assert!(decide(&order, &[site("EAST", 1, &[])], at(0)).assignments.is_empty());
    assert_eq!(order.line_quantities()[0].line, line_no(1));
}
