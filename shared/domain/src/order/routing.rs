//! Which warehouse ships what. Sites are ranked by geography, service level, stock, cut-off and calendar, and cost. One
//! site ships all of it if it can; otherwise the lines are split. The decision names every site with its reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::due::digest;
use crate::ids::{FulfillmentId, LineNo, PartnerId, SiteCode, Sku};
use crate::order::{
    Assignment, Component, Deadlines, Handling, LineQuantity, Order, OrderCommand, ServiceLevel, ShortPolicy,
    Submission, Traced,
};
use crate::quantity::Quantity;

pub use crate::order::candidate::{Candidate, Reason};

/// A routing decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// Every site that was considered, best first.
    pub candidates: Vec<Candidate>,
    /// The new fulfillments. Empty where no site may or can ship.
    pub assignments: Vec<Assignment>,
}

/// A site, as the registry describes it.
#[derive(Debug, Clone)]
pub struct Site {
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The site, which is also the ERP's stock location of that name.
    pub code: SiteCode,
    /// The countries that the site ships to.
    pub serves: Vec<Territory>,
    /// The speeds of transport that the site offers.
    pub service_levels: Vec<ServiceLevel>,
    /// At the site's local time. Orders after it leave on the next working day.
    pub cut_off: Time,
    /// The cut-off, the holidays and the deadlines are in this zone.
    pub time_zone: TimeZone,
    /// Days on which nothing leaves, in addition to Saturdays and Sundays.
    pub holidays: Vec<Date>,
    /// Relative cost, without a unit; of two sites that are otherwise equal, the cheaper one ships.
    pub cost: u32,
    /// The components of each kit that the warehouse stocks in parts.
    pub kits: BTreeMap<Sku, Vec<Component>>,
    /// What the warehouse has to report for a product's pieces: their lots or their serial numbers.
    pub traced: BTreeMap<Sku, Traced>,
    /// What happens to goods that the warehouse cannot find.
    pub on_short: ShortPolicy,
    /// How soon the site reports, by service level; the default where it promises nothing else.
    pub promises: BTreeMap<ServiceLevel, Promise>,
}

/// How soon a warehouse promises to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// Minutes until the warehouse accepts or rejects a fulfillment. They count from the start of work: after the
    /// cut-off, from the next working day.
    pub acknowledge_minutes: u32,
    /// Hours until the last package leaves, from the end of the day on which the goods should leave.
    pub depart_hours: u32,
    /// The longest time between two reports of a package under way, in hours.
    pub silence_hours: u32,
}

impl Default for Promise {
    /// 30 minutes for an answer, a day for the departure, a week between reports.
    fn default() -> Self {
        Self { acknowledge_minutes: 30, depart_hours: 24, silence_hours: 168 }
    }
}

/// A country that a site ships to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Territory {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// The regions nearest to the site, in the spelling of orders. The site is preferred for orders to them.
    #[serde(default)]
    pub home_regions: Vec<String>,
}

/// What has to be routed: lines of an order with allocated stock and without a warehouse.
#[derive(Debug, Clone)]
pub struct RoutingQuery<'a> {
    order: &'a Order,
    lines: Vec<LineQuantity>,
    /// Sites whose warehouses rejected a fulfillment of the order.
    excluded: BTreeSet<&'a SiteCode>,
    /// Lines of which a site did not find all, although the ERP showed it there.
    not_found: BTreeSet<(&'a SiteCode, LineNo)>,
}

impl Order {
    /// The routing that is due: of lines with stock and without a warehouse. One that no site could meet is due again when
    /// its lines or the excluded sites change, or when a person decides so.
    pub fn routing_query(&self) -> Option<RoutingQuery<'_>> {
        let is_unroutable = |query: &RoutingQuery<'_>| self.fulfillments.unroutable == Some(query.digest());
        self.lines_to_route().filter(|query| !is_unroutable(query))
    }

    /// What has to be routed. `None` while a fulfillment is being withdrawn, because only the withdrawal shows how much of
    /// it has to be routed again.
    pub(super) fn lines_to_route(&self) -> Option<RoutingQuery<'_>> {
        let returning = self.fulfillments.withdrawals.keys().any(|id| self.fulfillments.is_returning(id));
        if !self.is_active() || returning || !self.stage.awaits_invoice() {
            return None;
        }
        let lines = self.unassigned_lines();
        let (excluded, not_found) = (self.excluded_sites().collect(), self.not_found());
        (!lines.is_empty()).then_some(RoutingQuery { order: self, lines, excluded, not_found })
    }

    /// Whether other `sites` could ship all of `fulfillment` from the allocated stock. If not, withdrawing it would
    /// only make the order unroutable.
    pub fn could_ship_elsewhere(&self, fulfillment: &FulfillmentId, sites: &[Site], now: Timestamp) -> bool {
        let Some(assignment) = self.fulfillments.assignments.get(fulfillment) else { return false };
        let excluded = self.excluded_sites().chain([&assignment.site]).collect();
        let not_found = self.not_found();
        let query = RoutingQuery { order: self, lines: assignment.lines.clone(), excluded, not_found };
        matches!(query.decide(sites, now), OrderCommand::RecordRouting(routing) if !routing.assignments.is_empty())
    }

    /// Sites whose warehouses rejected a fulfillment of the order, or did not answer, and may not be chosen again.
    fn excluded_sites(&self) -> impl Iterator<Item = &SiteCode> {
        let assignments = &self.fulfillments.assignments;
        self.fulfillments.refusals().filter_map(|id| assignments.get(id).map(|assignment| &assignment.site))
    }

    /// The lines of which a site closed its fulfillment short: the ERP may show stock there that does not exist.
    fn not_found(&self) -> BTreeSet<(&SiteCode, LineNo)> {
        let fulfillments = &self.fulfillments;
        let short = fulfillments.progress.iter().filter(|(id, _)| !fulfillments.superseded.contains(*id));
        let of_site = short.filter_map(|(id, progress)| Some((&fulfillments.assignments.get(id)?.site, progress)));
        of_site.flat_map(|(site, progress)| progress.unfilled.keys().map(move |line| (site, *line))).collect()
    }

    /// What each line still needs from a warehouse: the ordered quantity, less what is short or has a warehouse.
    fn unassigned_lines(&self) -> Vec<LineQuantity> {
        let open = self.line_quantities().into_iter().filter(|line| !line.open.is_zero());
        open.map(|line| LineQuantity { line: line.line, sku: line.sku, quantity: line.open }).collect()
    }
}

impl RoutingQuery<'_> {
    /// Digest of what has to be routed, and of the sites that are excluded.
    pub(super) fn digest(&self) -> String {
        digest(&(&self.lines, &self.excluded))
    }

    /// Ranks `sites` as of `now` and chooses among them.
    pub fn decide(&self, sites: &[Site], now: Timestamp) -> OrderCommand {
        let (mut rated, mut plan) = self.plan(sites, now);
        if plan.is_empty() && !self.not_found.is_empty() {
            // No other site can ship it: the stock may have been found or replenished.
            (rated, plan) = Self { not_found: BTreeSet::new(), ..self.clone() }.plan(sites, now);
        }
        let earlier = u32::try_from(self.order.fulfillments.assignments.len()).unwrap_or(u32::MAX);
        let assignments = (earlier.saturating_add(1)..).zip(&plan).map(|(n, (i, lines))| {
            let RatedSite { site, ships_on, .. } = &rated[*i];
            Assignment {
                fulfillment: self.order.id().fulfillment(n),
                warehouse: site.warehouse.clone(),
                site: site.code.clone(),
                ship_by: *ships_on,
                lines: lines.clone(),
                handling: site.handling(lines),
                on_short: site.on_short,
                deadlines: Some(site.deadlines(self.order.terms.submission.service_level, now)),
            }
        });
        let assignments = assignments.collect();
        let candidates = (0..).zip(rated).map(|(i, rated)| Candidate {
            warehouse: rated.site.warehouse.clone(),
            site: rated.site.code.clone(),
            reasons: rated.reasons,
            chosen: plan.contains_key(&i),
        });
        OrderCommand::RecordRouting(Routing { candidates: candidates.collect(), assignments })
    }

    /// The sites, best first, and what each of them ships.
    fn plan<'s>(&self, sites: &'s [Site], now: Timestamp) -> (Vec<RatedSite<'s>>, BTreeMap<usize, Vec<LineQuantity>>) {
        let mut rated: Vec<RatedSite<'_>> = sites.iter().map(|site| self.rate(site, now)).collect();
        rated.sort_by_key(|rated| rated.rank());
        let plan = self.one_site(&rated).unwrap_or_else(|| self.split(&rated));
        (rated, plan)
    }

    fn rate<'s>(&self, site: &'s Site, now: Timestamp) -> RatedSite<'s> {
        let mut reasons = Vec::new();
        let Submission { destination, service_level, .. } = &self.order.terms.submission;
        let serves = || site.serves.iter().filter(|territory| territory.country == destination.country);
        let served = serves().next().is_some();
        if !served {
            reasons.push(Reason::CountryNotServed { country: destination.country.clone() });
        }
        let fast_enough = site.service_levels.contains(service_level);
        if !fast_enough {
            reasons.push(Reason::ServiceLevelNotOffered { service_level: *service_level });
        }
        let excluded = self.excluded.contains(&site.code);
        if excluded {
            reasons.push(Reason::RefusedBefore);
        }
        let in_stock = self.lines.iter().filter(|goods| !self.available_at(site, goods).is_zero()).count();
        let has_all = in_stock == self.lines.len()
            && self.lines.iter().all(|goods| self.available_at(site, goods) == goods.quantity);
        reasons.push(match (in_stock, has_all) {
            (0, _) => Reason::NoStock,
            (_, true) => Reason::HasAll,
            (_, false) => Reason::HasPart,
        });
        let home = serves().any(|territory| territory.home_regions.contains(&destination.region));
        if home {
            reasons.push(Reason::HomeRegion { region: destination.region.clone() });
        }
        let (ships_on, after_cut_off) = site.ships_on(now);
        reasons.push(Reason::ShipsOn { date: ships_on, after_cut_off });
        reasons.push(Reason::Cost { cost: site.cost });
        let eligible = served && fast_enough && !excluded && in_stock > 0;
        RatedSite { site, eligible, has_all, home, ships_on, reasons }
    }

    /// How much of `goods` the site can ship: the quantity that the ERP allocated there for the line, less the quantity
    /// that the site ships in other fulfillments of the order.
    fn available_at(&self, site: &Site, goods: &LineQuantity) -> Quantity {
        let zero = Quantity::zero(goods.quantity.uom());
        if self.not_found.contains(&(&site.code, goods.line)) {
            return zero;
        }
        let add = |sum: Quantity, part: Quantity| sum.plus(part).unwrap_or(sum);
        let lines = self.order.stock.lines();
        let sources = lines.filter(|line| line.line == goods.line).flat_map(|line| &line.sources);
        let allocated = sources.filter(|source| source.location == site.code).fold(zero, |sum, s| add(sum, s.quantity));
        let live = |(id, assignment): &(&FulfillmentId, &Assignment)| {
            assignment.site == site.code && !self.order.fulfillments.will_not_ship(id)
        };
        let assigned =
            self.order.fulfillments.assignments.iter().filter(live).flat_map(|(_, assignment)| &assignment.lines);
        let assigned = assigned.filter(|other| other.line == goods.line).fold(zero, |sum, a| add(sum, a.quantity));
        allocated.less(assigned).and_then(|left| left.at_most(goods.quantity)).unwrap_or(zero)
    }

    /// The best site that can ship all of it alone.
    fn one_site(&self, rated: &[RatedSite<'_>]) -> Option<BTreeMap<usize, Vec<LineQuantity>>> {
        let i = rated.iter().position(|rated| rated.eligible && rated.has_all)?;
        Some(BTreeMap::from([(i, self.lines.clone())]))
    }

    /// Fills each line from the best site to the worst. Returns no plan if a quantity remains, because the missing part
    /// needs a person's decision.
    fn split(&self, rated: &[RatedSite<'_>]) -> BTreeMap<usize, Vec<LineQuantity>> {
        let mut plan: BTreeMap<usize, Vec<LineQuantity>> = BTreeMap::new();
        for goods in &self.lines {
            let mut left = goods.quantity;
            for (i, rated) in rated.iter().enumerate().filter(|(_, rated)| rated.eligible) {
                let Ok(take) = self.available_at(rated.site, goods).at_most(left) else { continue };
                let Ok(rest) = left.less(take) else { continue };
                if !take.is_zero() {
                    plan.entry(i).or_default().push(LineQuantity { quantity: take, ..goods.clone() });
                    left = rest;
                }
            }
            if !left.is_zero() {
                return BTreeMap::new();
            }
        }
        plan
    }
}

/// A site with the properties that decide its rank.
struct RatedSite<'s> {
    site: &'s Site,
    eligible: bool,
    has_all: bool,
    home: bool,
    ships_on: Date,
    reasons: Vec<Reason>,
}

impl RatedSite<'_> {
    /// The lowest rank is the best site. Names come last, so that the order of the registry's entries has no influence.
    fn rank(&self) -> (bool, bool, bool, Date, u32, PartnerId, SiteCode) {
        let (warehouse, code) = (self.site.warehouse.clone(), self.site.code.clone());
        (!self.eligible, !self.has_all, !self.home, self.ships_on, self.site.cost, warehouse, code)
    }
}

impl Site {
    /// The day on which goods that are requested at `now` leave, and whether the cut-off moved it to a later day.
    pub fn ships_on(&self, now: Timestamp) -> (Date, bool) {
        let local = now.to_zoned(self.time_zone.clone());
        let today = local.date();
        let late = self.works_on(today) && local.time() > self.cut_off;
        let mut day = if late { next(today) } else { today };
        while !self.works_on(day) && day < Date::MAX {
            day = next(day);
        }
        (day, late)
    }

    /// The special handling that these lines need at this site.
    fn handling(&self, lines: &[LineQuantity]) -> BTreeMap<LineNo, Handling> {
        let handling = lines.iter().map(|goods| {
            let kit = self.kits.get(&goods.sku).cloned().unwrap_or_default();
            (goods.line, Handling { kit, traced: self.traced.get(&goods.sku).copied() })
        });
        handling.filter(|(_, handling)| *handling != Handling::default()).collect()
    }

    /// When a fulfillment that is requested at `now` should be accepted, leave, and report. The time for the answer
    /// counts from the start of work: after the cut-off, from the next working day.
    pub fn deadlines(&self, level: ServiceLevel, now: Timestamp) -> Deadlines {
        let promise = self.promises.get(&level).copied().unwrap_or_default();
        let (day, _) = self.ships_on(now);
        let midnight = |day: Date| day.to_zoned(self.time_zone.clone()).map_or(now, |zoned| zoned.timestamp());
        let begins = now.max(midnight(day));
        let after =
            |at: Timestamp, seconds: u64| at.checked_add(Duration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        Deadlines {
            acknowledge_by: after(begins, u64::from(promise.acknowledge_minutes) * 60),
            depart_by: after(midnight(next(day)), u64::from(promise.depart_hours) * 3_600),
            silence_hours: promise.silence_hours,
        }
    }

    fn works_on(&self, day: Date) -> bool {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !self.holidays.contains(&day)
    }
}

fn next(day: Date) -> Date {
    day.saturating_add(1.day())
}

/// The reasons against each candidate, as one sentence for people.
pub fn explain(candidates: &[Candidate]) -> String {
    let reason = |reason: &Reason| match reason {
        Reason::CountryNotServed { country } => Some(format!("does not ship to {country}")),
        Reason::ServiceLevelNotOffered { service_level } => Some(format!("does not offer {service_level:?}")),
        Reason::RefusedBefore => Some("rejected it before, or did not answer".to_owned()),
        Reason::NoStock => Some("has no stock".to_owned()),
        Reason::HasPart => Some("has only a part of the stock".to_owned()),
        Reason::HomeRegion { .. } | Reason::HasAll | Reason::ShipsOn { .. } | Reason::Cost { .. } => None,
    };
    let explained = candidates.iter().map(|candidate| {
        let against: Vec<String> = candidate.reasons.iter().filter_map(reason).collect();
        format!("{} {}: {}", candidate.warehouse, candidate.site, against.join(", "))
    });
    let explained: Vec<String> = explained.collect();
    if explained.is_empty() { "the registry names no warehouse".to_owned() } else { explained.join("; ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use jiff::civil::date;

    use super::*;
    use crate::samples::{
        LineStock, allocation, apply, approved, at, begin, each, id, line_no, quantity, quote, released, site,
        submission,
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
        for (stock, elsewhere) in [
            ([("EAST", 3), ("WEST", 3)], true),
            ([("EAST", 3), ("WEST", 2)], false),
            ([("EAST", 3), ("NORTH", 3)], false),
        ] {
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
        let lines = |assignment: &Assignment| {
            assignment.lines.iter().map(|goods| (goods.line.0.get(), goods.quantity)).collect()
        };
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
        let order =
            released_with(&[10, 4], &[(1, &[("EAST", 6), ("WEST", 5), ("SOUTH", 5)], 0), (2, &[("SOUTH", 4)], 0)]);
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
        assert_eq!(
            site.ships_on(at_local("2026-01-08T16:00:00")),
            (date(2026, 1, 12), false),
            "a holiday has no cut-off"
        );
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
}
