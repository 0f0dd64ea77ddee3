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
mod tests;
