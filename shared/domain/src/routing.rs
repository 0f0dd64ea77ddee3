//! Which warehouse ships what: geography, service level, stock, cut-off and calendar, cost; one site where one can, else a
//! split. Every site that was looked at is told with its reasons.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, PartnerId, SiteCode};
use crate::order::{AllocatedLine, Allocation, Assignment, Known, OrderCommand, Routing, ServiceLevel, Share, Stage};
use crate::party::Destination;
use crate::quantity::Quantity;

pub use crate::candidate::{Candidate, Reason};

/// A site as the registry describes it.
#[derive(Debug, Clone)]
pub struct Site {
    /// The 3PL.
    pub warehouse: PartnerId,
    /// The site, and the ERP's stock location of the same name.
    pub code: SiteCode,
    /// Countries it ships to (ISO 3166-1 alpha-2); for some, only these regions.
    pub serves: Vec<Territory>,
    /// What it offers.
    pub service_levels: Vec<ServiceLevel>,
    /// Orders that come later leave on the next working day.
    pub cut_off: Time,
    /// The site's clock.
    pub time_zone: TimeZone,
    /// Days on which nothing leaves, beside Saturdays and Sundays.
    pub holidays: Vec<Date>,
    /// Relative cost; the cheaper of two equals is taken.
    pub cost: u32,
}

/// A country, or some of its regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Territory {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Regions nearest to the site; an order for one of them prefers it.
    #[serde(default)]
    pub home_regions: Vec<String>,
}

/// What has to be routed.
#[derive(Debug, Clone)]
pub struct RoutingQuestion<'a> {
    order: &'a OrderId,
    destination: &'a Destination,
    service_level: ServiceLevel,
    allocation: &'a Allocation,
    shares: Vec<Share>,
}

impl crate::order::Order {
    /// Whether the order has to be routed now.
    pub fn routing_question(&self) -> Option<RoutingQuestion<'_>> {
        let known = self.known().filter(|known| known.wanted())?;
        let (Stage::Released(cleared) | Stage::Unroutable(cleared, _)) = &known.stage else { return None };
        Some(RoutingQuestion {
            order: known.id(),
            destination: &known.submission.destination,
            service_level: known.submission.service_level,
            allocation: &cleared.allocation,
            shares: wanted(known),
        })
    }
}

/// What every line needs from a warehouse now: ordered, less what is short.
fn wanted(known: &Known) -> Vec<Share> {
    let open = known.ladders().into_iter().filter(|ladder| !ladder.open.is_zero());
    open.map(|ladder| Share { line: ladder.line, sku: ladder.sku, quantity: ladder.open }).collect()
}

impl RoutingQuestion<'_> {
    /// Weighs `sites` at `now` and decides.
    pub fn decide(&self, sites: &[Site], now: Timestamp) -> OrderCommand {
        let mut weighed: Vec<Weighed<'_>> = sites.iter().map(|site| self.weigh(site, now)).collect();
        weighed.sort_by_key(|w| w.rank());
        let plan = self.one_site(&weighed).unwrap_or_else(|| self.split(&weighed));
        let assignments = (1..).zip(&plan).map(|(n, (i, lines))| Assignment {
            fulfillment: self.order.fulfillment(n),
            warehouse: weighed[*i].site.warehouse.clone(),
            site: weighed[*i].site.code.clone(),
            ship_by: weighed[*i].ships_on,
            lines: lines.clone(),
        });
        let assignments = assignments.collect();
        let candidates = (0..).zip(weighed).map(|(i, w)| Candidate {
            warehouse: w.site.warehouse.clone(),
            site: w.site.code.clone(),
            reasons: w.reasons,
            chosen: plan.contains_key(&i),
        });
        OrderCommand::RecordRouting(Routing { candidates: candidates.collect(), assignments })
    }

    fn weigh<'s>(&self, site: &'s Site, now: Timestamp) -> Weighed<'s> {
        let mut reasons = Vec::new();
        let serves = || site.serves.iter().filter(|territory| territory.country == self.destination.country);
        let served = serves().next().is_some();
        if !served {
            reasons.push(Reason::CountryNotServed { country: self.destination.country.clone() });
        }
        let fast_enough = site.service_levels.contains(&self.service_level);
        if !fast_enough {
            reasons.push(Reason::ServiceLevelNotOffered { service_level: self.service_level });
        }
        let stock = self.shares.iter().filter(|share| !self.at(site, share).is_zero()).count();
        let all = stock == self.shares.len() && self.shares.iter().all(|share| self.at(site, share) == share.quantity);
        reasons.push(match (stock, all) {
            (0, _) => Reason::NoStock,
            (_, true) => Reason::HasAll,
            (_, false) => Reason::HasPart,
        });
        let home = serves().any(|territory| territory.home_regions.contains(&self.destination.region));
        if home {
            reasons.push(Reason::HomeRegion { region: self.destination.region.clone() });
        }
        let (ships_on, after_cut_off) = site.ships_on(now);
        reasons.push(Reason::ShipsOn { date: ships_on, after_cut_off });
        reasons.push(Reason::Cost { cost: site.cost });
        let eligible = served && fast_enough && stock > 0;
        Weighed { site, eligible, has_all: all, home, ships_on, reasons }
    }

    /// How much of `share` the site can give.
    fn at(&self, site: &Site, share: &Share) -> Quantity {
        let line = |line: &&AllocatedLine| line.line == share.line;
        let source = self
            .allocation
            .lines
            .iter()
            .find(line)
            .and_then(|line| line.sources.iter().find(|source| source.location == site.code));
        let zero = Quantity::zero(share.quantity.uom());
        source.map_or(zero, |source| source.quantity.at_most(share.quantity).unwrap_or(zero))
    }

    /// The best site that can ship all of it alone.
    fn one_site(&self, weighed: &[Weighed<'_>]) -> Option<BTreeMap<usize, Vec<Share>>> {
        let (i, _) = weighed.iter().enumerate().find(|(_, w)| w.eligible && w.has_all)?;
        Some(BTreeMap::from([(i, self.shares.clone())]))
    }

    /// Best site first, each takes what is left and what it has. Nothing where a remainder stays: half an answer would
    /// hide that somebody has to decide.
    fn split(&self, weighed: &[Weighed<'_>]) -> BTreeMap<usize, Vec<Share>> {
        let mut plan: BTreeMap<usize, Vec<Share>> = BTreeMap::new();
        for share in &self.shares {
            let mut left = share.quantity;
            for (i, w) in weighed.iter().enumerate().filter(|(_, w)| w.eligible) {
                let Ok(take) = self.at(w.site, share).at_most(left) else { continue };
                let Ok(rest) = left.less(take) else { continue };
                if !take.is_zero() {
                    plan.entry(i).or_default().push(Share { quantity: take, ..share.clone() });
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

struct Weighed<'s> {
    site: &'s Site,
    eligible: bool,
    has_all: bool,
    home: bool,
    ships_on: Date,
    reasons: Vec<Reason>,
}

impl Weighed<'_> {
    /// Less is better. The names come last, so that the answer never depends on the registry's order.
    fn rank(&self) -> (bool, bool, bool, Date, u32, PartnerId, SiteCode) {
        let (warehouse, code) = (self.site.warehouse.clone(), self.site.code.clone());
        (!self.eligible, !self.has_all, !self.home, self.ships_on, self.site.cost, warehouse, code)
    }
}

impl Site {
    /// The day on which goods leave that are asked for at `now`, and whether the cut-off made it a later one.
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

    fn works_on(&self, day: Date) -> bool {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !self.holidays.contains(&day)
    }
}

fn next(day: Date) -> Date {
    day.saturating_add(1.day())
}

/// The candidates' reasons as one sentence, for people.
pub fn explain(candidates: &[Candidate]) -> String {
    let reason = |reason: &Reason| match reason {
        Reason::CountryNotServed { country } => Some(format!("does not ship to {country}")),
        Reason::ServiceLevelNotOffered { service_level } => Some(format!("does not offer {service_level:?}")),
        Reason::NoStock => Some("has no stock".to_owned()),
        Reason::HasPart => Some("has only a part".to_owned()),
        Reason::HomeRegion { .. } | Reason::HasAll | Reason::ShipsOn { .. } | Reason::Cost { .. } => None,
    };
    let told = candidates.iter().map(|candidate| {
        let against: Vec<String> = candidate.reasons.iter().filter_map(reason).collect();
        format!("{} {}: {}", candidate.warehouse, candidate.site, against.join(", "))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "the registry names no warehouse".to_owned() } else { told.join("; ") }
}
