//! A warehouse's work: how a request becomes packages, and when each event happens to them.
//!
//! Both 3PLs work alike and differ in their protocol only. Nothing happens by itself: the driver asks for the events that are
//! due, and time is an argument.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;

use crate::exchange::{fnv, later, matches};
pub use crate::habits::{Closes, Trace, WorkScript};

/// A package's milestones, unless a script has others.
const MILESTONES: [&str; 4] = ["label_created", "picked_up", "in_transit", "delivered"];

/// How a warehouse works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds between one step and the next.
    pub pace_ms: u64,
    /// Packages per request; by default one per line, at most three.
    pub packages: Option<usize>,
    /// The first script that matches a request applies.
    pub scripts: Vec<WorkScript>,
}

/// One line of a request, as the warehouse sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The line's number in the order.
    pub line: i64,
    /// The SKU.
    pub sku: String,
    /// How much, in `uom`.
    pub quantity: Decimal,
    /// The unit.
    pub uom: String,
    /// The lot, where the warehouse reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Serial numbers, where the warehouse reports them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub serials: Vec<String>,
}

impl Line {
    /// A line without lot and serial numbers.
    #[must_use]
    pub fn new(line: i64, sku: &str, quantity: Decimal, uom: &str) -> Self {
        Self { line, sku: sku.to_owned(), quantity, uom: uom.to_owned(), lot: None, serials: Vec::new() }
    }
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) status: Status,
    pub(crate) lines: Vec<Line>,
    pub(crate) packages: Vec<Package>,
    /// Why it will not be shipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The time from which on a query shows it.
    #[serde(skip)]
    pub(crate) shown_from: Timestamp,
    /// When the last package was packed.
    #[serde(skip)]
    pub(crate) closed_at: Option<Timestamp>,
    /// How an address and the order of lines are shown.
    #[serde(skip)]
    pub(crate) respells: bool,
    /// Whether messages have only the members that the vendor publishes.
    #[serde(skip)]
    pub(crate) as_published: bool,
    /// Whether messages come without the header that names their topic.
    #[serde(skip)]
    pub(crate) without_topic: bool,
    /// Whether a package lists the lines that it has nothing of.
    #[serde(skip)]
    pub(crate) lists_zeros: bool,
    #[serde(skip)]
    closes: Closes,
    #[serde(skip)]
    first_only: bool,
}

impl Job {
    /// The packages that the message of a close names; `None` for a message without a list.
    pub(crate) fn named(&self, again: bool) -> Option<Vec<&str>> {
        let packed =
            || self.packages.iter().filter(|package| package.packed).map(|package| package.id.as_str()).collect();
        match self.closes {
            Closes::NamingLate if !again => None,
            Closes::Naming | Closes::NamingLate => Some(packed()),
            Closes::WithoutList => None,
            Closes::WithEmptyList => Some(Vec::new()),
        }
    }

    /// The lines as the warehouse shows them.
    pub(crate) fn shown_lines(&self) -> Vec<Line> {
        let mut lines = self.lines.clone();
        if self.respells {
            lines.reverse();
        }
        lines
    }

    /// Whether the warehouse sends no message for `event`.
    pub(crate) fn is_unreported(&self, event: &WorkEvent) -> bool {
        let later = match event {
            WorkEvent::Accepted | WorkEvent::Rejected { .. } => false,
            WorkEvent::Packed { package } | WorkEvent::Voided { package } | WorkEvent::Milestone { package, .. } => {
                *package > 0
            }
            WorkEvent::Closed { .. } => true,
        };
        self.first_only && later
    }
}

/// The status of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Accepted,
    Rejected,
    Cancelled,
    Packing,
    Completed,
}

/// One package of a request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) carrier: String,
    pub(crate) tracking: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) packed: bool,
    pub(crate) voided: bool,
    pub(crate) milestones: Vec<String>,
    /// When each of the milestones was passed.
    #[serde(skip)]
    pub(crate) passed_at: Vec<Timestamp>,
    #[serde(skip)]
    pub(crate) packed_at: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) voided_at: Option<Timestamp>,
    /// The total quantity that the warehouse reports.
    #[serde(skip)]
    pub(crate) total: Decimal,
}

/// Milestones that happen outside of the building.
const OUTSIDE: [&str; 4] = ["picked_up", "in_transit", "out_for_delivery", "delivered"];

impl Package {
    /// Whether it has left the building.
    pub(crate) fn left(&self) -> bool {
        self.left_at().is_some()
    }

    /// When it left.
    pub(crate) fn left_at(&self) -> Option<Timestamp> {
        self.passed().find(|(name, _)| OUTSIDE.contains(name)).map(|(_, at)| at)
    }

    /// The time of its last event.
    pub(crate) fn touched_at(&self) -> Option<Timestamp> {
        self.passed().map(|(_, at)| at).chain(self.packed_at).chain(self.voided_at).max()
    }

    /// Its milestones with their times, in the order in which they were passed.
    pub(crate) fn passed(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.milestones.iter().map(String::as_str).zip(self.passed_at.iter().copied())
    }
}

/// An event; numbers are indexes into [`WarehouseWork::jobs`] and the job's packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkEvent {
    Accepted,
    Rejected { reason: String },
    Packed { package: usize },
    Voided { package: usize },
    Milestone { package: usize, name: String },
    Closed { again: bool },
}

/// All requests of a warehouse, and the events that are to come.
#[derive(Debug)]
pub(crate) struct WarehouseWork {
    pub(crate) pace: Pace,
    pub(crate) jobs: Vec<Job>,
    agenda: BTreeMap<(Timestamp, u64), (usize, WorkEvent)>,
    sequence: u64,
}

impl WarehouseWork {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, jobs: Vec::new(), agenda: BTreeMap::new(), sequence: 0 }
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.pace.clone());
    }

    /// The script for a request; it applies once less from then on.
    pub(crate) fn script(&mut self, reference: &str, lines: &[Line]) -> WorkScript {
        let fits = |script: &&mut WorkScript| {
            let named = script.reference.as_deref().is_none_or(|pattern| matches(pattern, reference));
            let stocked =
                script.sku.as_deref().is_none_or(|pattern| lines.iter().any(|line| matches(pattern, &line.sku)));
            named && stocked && script.times != Some(0)
        };
        let Some(script) = self.pace.scripts.iter_mut().find(fits) else { return WorkScript::default() };
        script.times = script.times.map(|times| times.saturating_sub(1));
        script.clone()
    }

    /// Accepts a request and schedules its events. `package_id` names each package.
    pub(crate) fn take(
        &mut self,
        id: String,
        reference: String,
        lines: Vec<Line>,
        script: &WorkScript,
        now: Timestamp,
        mut package_id: impl FnMut() -> String,
    ) -> usize {
        let wanted = script.packages.or(self.pace.packages).unwrap_or_else(|| lines.len().clamp(1, 3));
        let mut packages: Vec<Package> = split(&summed(picked(&lines, script), script), wanted)
            .into_iter()
            .map(|lines| package(package_id(), lines, script))
            .collect();
        if script.void_first
            && let Some(first) = packages.first()
        {
            let again = package(package_id(), bare(&first.lines), script);
            packages.push(again);
        }
        let job = self.jobs.len();
        let begun = later(now, script.late_ms);
        self.jobs.push(Job {
            id,
            reference,
            status: Status::Accepted,
            lines,
            packages,
            reason: None,
            shown_from: begun,
            closed_at: None,
            respells: script.respells,
            as_published: script.as_published,
            without_topic: script.without_topic,
            lists_zeros: script.lists_zeros,
            closes: script.closes,
            first_only: script.first_only,
        });
        if !script.silent {
            self.plan(job, script, begun);
        }
        job
    }

    /// The next event that has happened by now, with its time and job. One at a time, so that its message shows the job as it was
    /// then.
    pub(crate) fn step(&mut self, now: Timestamp) -> Option<(Timestamp, usize, WorkEvent)> {
        let entry = self.agenda.first_entry()?;
        let (at, _) = *entry.key();
        if at > now {
            return None;
        }
        let (job, event) = entry.remove();
        self.apply(job, &event, at);
        Some((at, job, event))
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.agenda.keys().next().map(|&(at, _)| at)
    }

    pub(crate) fn planned(&self) -> usize {
        self.agenda.len()
    }

    /// Cancels a request before packing; `false` when it is too late.
    pub(crate) fn cancel(&mut self, job: usize) -> bool {
        let Some(entry) = self.jobs.get_mut(job) else {
            return false;
        };
        match entry.status {
            // Nothing will ship, which is what was requested.
            Status::Cancelled | Status::Rejected => true,
            Status::Accepted => {
                entry.status = Status::Cancelled;
                self.agenda.retain(|_, (planned, _)| *planned != job);
                true
            }
            Status::Packing | Status::Completed => false,
        }
    }

    fn plan(&mut self, job: usize, script: &WorkScript, now: Timestamp) {
        let pace = self.pace.pace_ms;
        self.at(later(now, pace), job, WorkEvent::Accepted);
        if let Some(reason) = script.reject_later.clone() {
            self.at(later(now, pace.saturating_mul(2)), job, WorkEvent::Rejected { reason });
            return;
        }
        let milestones = script.milestones.clone().unwrap_or_else(|| MILESTONES.map(str::to_owned).to_vec());
        let count = self.jobs.get(job).map_or(0, |job| job.packages.len());
        let mut closed = later(now, pace.saturating_mul(2));
        for package in 0..count {
            // Packages leave one after the other, a quarter of a step apart.
            let apart = (pace / 4).saturating_mul(package as u64);
            let mut time = later(now, pace.saturating_mul(2).saturating_add(apart));
            if script.void_first && package == 0 {
                self.at(time, job, WorkEvent::Packed { package });
                self.at(time, job, WorkEvent::Milestone { package, name: "label_created".to_owned() });
                self.at(later(time, pace), job, WorkEvent::Voided { package });
                continue;
            }
            if script.void_first && package == count - 1 {
                time = later(time, pace);
            }
            self.at(time, job, WorkEvent::Packed { package });
            closed = closed.max(time);
            for name in &milestones {
                self.at(time, job, WorkEvent::Milestone { package, name: name.clone() });
                time = later(time, pace);
            }
        }
        self.at(closed, job, WorkEvent::Closed { again: false });
        if script.closes == Closes::NamingLate {
            self.at(later(closed, pace.saturating_mul(10)), job, WorkEvent::Closed { again: true });
        }
    }

    fn at(&mut self, time: Timestamp, job: usize, event: WorkEvent) {
        self.sequence += 1;
        self.agenda.insert((time, self.sequence), (job, event));
    }

    fn apply(&mut self, job: usize, event: &WorkEvent, at: Timestamp) {
        let Some(job) = self.jobs.get_mut(job) else {
            return;
        };
        match event {
            WorkEvent::Accepted => {}
            WorkEvent::Rejected { reason } => {
                job.status = Status::Rejected;
                job.reason = Some(reason.clone());
            }
            WorkEvent::Closed { again: false } => job.closed_at = Some(at),
            WorkEvent::Closed { again: true } => {}
            WorkEvent::Packed { package } => {
                job.status = Status::Packing;
                if let Some(package) = job.packages.get_mut(*package) {
                    package.packed = true;
                    package.packed_at = Some(at);
                }
            }
            WorkEvent::Voided { package } => {
                if let Some(package) = job.packages.get_mut(*package) {
                    package.voided = true;
                    package.voided_at = Some(at);
                }
            }
            WorkEvent::Milestone { package, name } => {
                if let Some(package) = job.packages.get_mut(*package) {
                    package.milestones.push(name.clone());
                    package.passed_at.push(at);
                }
                if job.packages.iter().all(|package| package.voided || package.left()) {
                    job.status = Status::Completed;
                }
            }
        }
    }
}

/// The lines with those of one SKU as one, if the script says so.
fn summed(lines: Vec<Line>, script: &WorkScript) -> Vec<Line> {
    if !script.sums_up {
        return lines;
    }
    let mut summed: Vec<Line> = Vec::new();
    for line in lines {
        match summed.iter_mut().find(|known| known.sku == line.sku && known.uom == line.uom) {
            Some(known) => known.quantity += line.quantity,
            None => summed.push(line),
        }
    }
    summed
}

/// The lines as they are picked: the first one short, over, or with another SKU.
fn picked(lines: &[Line], script: &WorkScript) -> Vec<Line> {
    let mut lines = lines.to_vec();
    if let Some(first) = lines.first_mut() {
        let (short, over) = (Decimal::from(script.short_by), Decimal::from(script.over_by));
        first.quantity = (first.quantity - short).max(Decimal::ZERO) + over;
        if let Some(other) = &script.substitute {
            first.sku.clone_from(other);
        }
    }
    lines.retain(|line| !line.quantity.is_zero());
    lines
}

impl WorkScript {
    /// Whether nothing of `lines` is picked.
    pub(crate) fn finds_nothing_of(&self, lines: &[Line]) -> bool {
        picked(lines, self).is_empty()
    }
}

/// The lines without lots and serial numbers.
fn bare(lines: &[Line]) -> Vec<Line> {
    lines.iter().map(|line| Line::new(line.line, &line.sku, line.quantity, &line.uom)).collect()
}

/// The lines of package `id` with the lots or serial numbers that the script reports.
fn traced(id: &str, lines: Vec<Line>, trace: Trace) -> Vec<Line> {
    let traced_line = |mut line: Line| {
        let pieces = line.quantity.to_u32().unwrap_or(0);
        let whose = match trace {
            Trace::Lots => {
                line.lot = Some(format!("LOT-{}", fnv(&line.sku) % 1_000));
                return line;
            }
            Trace::Serials => id,
            Trace::SameSerials => "X",
        };
        line.serials = (1..=pieces).map(|n| format!("SN-{whose}-{}-{n}", line.line)).collect();
        line
    };
    lines.into_iter().map(traced_line).collect()
}

/// Distributes lines over packages: whole lines while there are enough, otherwise a part of every line in each.
fn split(lines: &[Line], wanted: usize) -> Vec<Vec<Line>> {
    let wanted = wanted.max(1);
    let mut packages: Vec<Vec<Line>> = vec![Vec::new(); wanted];
    if wanted <= lines.len() {
        for (line, package) in lines.iter().zip((0..wanted).cycle()) {
            if let Some(package) = packages.get_mut(package) {
                package.push(line.clone());
            }
        }
    } else {
        let parts = Decimal::from(wanted);
        for line in lines {
            let fulfillment = (line.quantity / parts).floor();
            let mut rest = line.quantity - fulfillment * parts;
            for package in &mut packages {
                let extra = rest.min(Decimal::ONE);
                rest -= extra;
                let quantity = fulfillment + extra;
                if !quantity.is_zero() {
                    package.push(Line { quantity, ..line.clone() });
                }
            }
        }
    }
    packages.retain(|lines| !lines.is_empty());
    packages
}

/// Carrier and tracking number follow from the package's id, so that a run repeats exactly.
fn package(id: String, lines: Vec<Line>, script: &WorkScript) -> Package {
    let hash = fnv(&id);
    let (carrier, tracking) = match hash % 3 {
        0 => ("UPS", format!("1Z{:016}", hash % 10_000_000_000_000_000)),
        1 => ("FedEx", format!("{:012}", hash % 1_000_000_000_000)),
        _ => ("USPS", format!("94{:020}", hash)),
    };
    let sum: Decimal = lines.iter().map(|line| line.quantity).sum();
    Package {
        lines: match script.trace {
            Some(trace) => traced(&id, lines, trace),
            None => lines,
        },
        id,
        carrier: carrier.to_owned(),
        tracking,
        packed: false,
        voided: false,
        milestones: Vec::new(),
        passed_at: Vec::new(),
        packed_at: None,
        voided_at: None,
        total: if script.wrong_total { sum + Decimal::ONE } else { sum },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rust_decimal::Decimal;

    use super::{Line, split};

    fn line(line: i64, quantity: i64) -> Line {
        Line::new(line, &format!("SKU-{line}"), Decimal::from(quantity), "EA")
    }

    #[test]
    fn packages_hold_exactly_what_was_asked_for() {
        for (lines, wanted) in [
            (vec![line(1, 3)], 1),
            (vec![line(1, 3)], 2),
            (vec![line(1, 1)], 4),
            (vec![line(1, 5), line(2, 1)], 3),
            (vec![line(1, 5), line(2, 1), line(3, 7)], 2),
        ] {
            let packages = split(&lines, wanted);
            assert!(packages.len() <= wanted && packages.iter().all(|package| !package.is_empty()));
            for line in &lines {
                let packed: Decimal = packages
                    .iter()
                    .flatten()
                    .filter(|packed| packed.line == line.line)
                    .map(|packed| packed.quantity)
                    .sum();
                assert_eq!(packed, line.quantity);
            }
        }
    }
}
