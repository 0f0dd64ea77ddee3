//! Runs a schedule on a whole deployment, and lists the violated promises.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use jiff::SignedDuration;
use simulators::habits::CreditValidity;
use simulators::{PARTNERS, System};
use testkit::memory::{ScheduledFault, Script};

use crate::deployment::{Deployment, order_id};
use crate::logs;
use crate::mutants::Mutant;
use crate::promises::{self, RunContext};
use crate::schedule::{Action, Element, ErpHabit, Schedule};

/// Longer than a warehouse may take for a departure, after which it is asked for what it did not report.
const SOME_DAYS: Duration = Duration::from_secs(3 * 24 * 3_600);

/// More than all orders of a schedule need, in eaches.
const PLENTY: u32 = 1_000_000;

/// The outcome of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How often each kind of fault happened.
    pub faults_met: BTreeMap<String, u64>,
    /// The violated promises, in words; empty if all promises hold.
    pub violations: Vec<String>,
    /// How many messages were delivered.
    pub delivered: usize,
    /// A digest of all commits of all streams: equal runs have equal digests.
    pub journal: String,
    /// The scheduled faults that happened, each with its call.
    pub met: Vec<(ScheduledFault, &'static str)>,
}

/// Runs `schedule`, with a deliberate mistake or without. A panic counts as a violation.
pub fn play(schedule: &Schedule, mutant: Option<Mutant>) -> Report {
    let played = catch_unwind(AssertUnwindSafe(|| {
        if !schedule.is_thorough() {
            return run(schedule, mutant);
        }
        let (mut report, log) = logs::captured(|| run(schedule, mutant));
        if let Some(found) = schedule.personal_data().iter().find(|word| log.contains(word.as_str())) {
            report.violations.push(format!("P9: the log holds `{found}`"));
        }
        report
    }));
    match played {
        Ok(report) => report,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
            Report { violations: vec![format!("panicked: {text}")], ..Report::default() }
        }
    }
}

fn run(schedule: &Schedule, mutant: Option<Mutant>) -> Report {
    let mut deployment = Deployment::with_mistake(schedule.seed, mutant);
    let mut faults = Vec::new();
    let mut orders = Vec::new();
    let (mut cancelled, mut held) = (Vec::new(), Vec::new());
    for element in &schedule.elements {
        match element {
            Element::CallFault(fault) => faults.push(*fault),
            Element::DeliveryFault(message, fault) => {
                deployment.delivery_faults.insert(*message, *fault);
            }
            Element::DeliveredTwice(function) => drop(deployment.delivered_twice.insert((*function).to_owned())),
            Element::ClockSkew(function, ms) => drop(deployment.skews.insert(function.clone(), *ms)),
            Element::PartnerFault(..)
            | Element::WarehouseScript(..)
            | Element::StockLimit(..)
            | Element::ErpHabit(_)
            | Element::AcceptsDuplicates => prepare(&deployment, element),
            Element::Order(order, _) => orders.push(order.clone()),
            Element::Moment(_, Action::Cancel(order)) => cancelled.push(order.clone()),
            Element::Moment(_, Action::CancelByApi(order, alias)) => cancelled.extend([order.clone(), alias.clone()]),
            Element::Moment(_, Action::Hold(order)) => held.push(order.clone()),
            Element::Moment(..) => {}
        }
    }
    let script = Script::schedule(faults);
    deployment.faults = Some(("*", script.clone()));
    let mut delivered = 0;
    for element in &schedule.elements {
        match element {
            Element::Order(order, pause) => {
                deployment.order(order.clone());
                delivered += deployment.run(Duration::from_secs(*pause));
            }
            Element::Moment(pause, action) => {
                delivered += deployment.run(Duration::from_secs(*pause));
                match action {
                    Action::Redrive => drop(deployment.redrive()),
                    Action::Cancel(order) => deployment.cancel(&order_id(order)),
                    Action::Hold(order) => deployment.hold(&order_id(order)),
                    Action::ReleaseHold(order) => deployment.release_hold(&order_id(order)),
                    Action::Amend(order, quantity) => deployment.amend(&order_id(order), *quantity),
                    Action::Readdress(order) => deployment.change("order.amended", order.clone()),
                    Action::ByApi(order) => deployment.order_by_api(order),
                    Action::CancelByApi(_, alias) => deployment.cancel_by_api(alias),
                    Action::Decide(order, way) => deployment.decide_all(&order_id(order), *way),
                    Action::DecideTogether(order, ways) => deployment.decide_together(&order_id(order), *ways),
                    Action::Outage(partner, fault) => deployment.start_outage(partner, fault.clone()),
                    Action::Recovered(partner) => deployment.end_outage(partner),
                }
            }
            Element::PartnerFault(..)
            | Element::CallFault(_)
            | Element::DeliveryFault(..)
            | Element::DeliveredTwice(_)
            | Element::ClockSkew(..)
            | Element::WarehouseScript(..)
            | Element::StockLimit(..)
            | Element::ErpHabit(_)
            | Element::AcceptsDuplicates => {}
        }
    }
    // From here on nothing fails any more: what the faults left behind has to be finished.
    let met = script.end();
    if !deployment.wrong.is_empty() {
        return Report { violations: deployment.wrong, delivered, met, ..Report::default() };
    }
    // Most faults pass, so that a schedule may park nothing by itself.
    deployment.enqueue("order-price", HOPELESS);
    for (partner, ..) in PARTNERS {
        deployment.end_all_faults(partner);
    }
    deployment.end_all_habits();
    for element in &schedule.elements {
        if let Element::StockLimit(sku, _) = element {
            deployment.stock(sku, [PLENTY; 2]);
        }
    }
    for order in &held {
        deployment.release_hold(&order_id(order));
    }
    for _ in 0..3 {
        deployment.redrive();
        deployment.order_again_by_api();
        delivered += deployment.run(SOME_DAYS);
        if !deployment.wrong.is_empty() {
            return Report { violations: deployment.wrong, delivered, met, ..Report::default() };
        }
        for order in deployment.orders() {
            deployment.decide_all(&order, 0);
        }
    }
    delivered += deployment.run(SOME_DAYS);
    let parked = deployment.discard(HOPELESS);
    let faults_met = counted(&deployment, &met);
    let context = RunContext { orders: &orders, cancelled: &cancelled, faults_met: &faults_met };
    let mut violations = promises::violations_after(&deployment, &context);
    if parked == 0 {
        violations.push("P1: a message that no step can read is in no dead-letter queue".to_owned());
    }
    if schedule.is_thorough() && violations.is_empty() {
        violations = promises::redriven(&mut deployment, SOME_DAYS);
        violations.extend(promises::exposed_personal_data(&deployment, &orders));
    }
    let journal = deployment.fingerprint();
    Report { faults_met, violations, delivered, journal, met }
}

/// A message that no release can read.
const HOPELESS: &str = "{\"detail\":\"no event\"}";

fn prepare(deployment: &Deployment, element: &Element) {
    if let Element::StockLimit(sku, pieces) = element {
        deployment.stock(sku, *pieces);
        return;
    }
    if let Element::ErpHabit(habit) = element {
        let start = deployment.clock.now();
        deployment.erp(|erp| match habit {
            ErpHabit::CreditFor(ms) => erp.credit_validity = CreditValidity::For(*ms),
            ErpHabit::CreditUntil(seconds) => {
                let until = start.checked_add(SignedDuration::from_secs(*seconds)).unwrap_or(start);
                erp.credit_validity = CreditValidity::Until(until);
            }
            ErpHabit::ShowsStockOnly => erp.shows_stock_only = true,
        });
        return;
    }
    let mut partners = deployment.partners.borrow_mut();
    match element {
        Element::PartnerFault(partner, rule) => {
            if let Some(partner) = partners.partner_mut(partner) {
                partner.faults.add(rule.as_ref().clone());
            }
        }
        Element::WarehouseScript(partner, script) => {
            if let Some(partner) = partners.partner_mut(partner) {
                partner.system.script(script.as_ref().clone());
            }
        }
        Element::AcceptsDuplicates => {
            if let Some(System::Shipbob(warehouse)) = partners.partner_mut("shipwest").map(|it| &mut it.system) {
                warehouse.accepts_duplicates = true;
            }
        }
        Element::Order(..)
        | Element::Moment(..)
        | Element::CallFault(_)
        | Element::DeliveryFault(..)
        | Element::DeliveredTwice(_)
        | Element::StockLimit(..)
        | Element::ErpHabit(_)
        | Element::ClockSkew(..) => {}
    }
}

fn counted(deployment: &Deployment, met: &[(ScheduledFault, &'static str)]) -> BTreeMap<String, u64> {
    let mut faults_met: BTreeMap<String, u64> = BTreeMap::new();
    for (scheduled, _) in met {
        *faults_met.entry(scheduled.fault.as_str().to_owned()).or_default() += 1;
    }
    for partner in &deployment.partners.borrow().all {
        for (name, n) in &partner.ledger.faults {
            *faults_met.entry(format!("partner: {name}")).or_default() += n;
        }
    }
    for order in deployment.orders().iter().filter_map(|id| deployment.fold(id)) {
        let names =
            [("order: taken over", order.names.taken.is_some()), ("order: alias", !order.names.aliases.is_empty())];
        for (name, _) in names.into_iter().filter(|(_, is_so)| *is_so) {
            *faults_met.entry(name.to_owned()).or_default() += 1;
        }
    }
    for (kind, n) in deployment.delivery_fault_counts() {
        *faults_met.entry(format!("message: {kind}")).or_default() += n;
    }
    faults_met
}
