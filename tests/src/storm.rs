//! Storms: what a seed draws, played on a whole deployment, and what is broken after it.
//!
//! A [`Schedule`] says everything that will go wrong and everything that will be asked, element by element, so that a
//! failing one can be made shorter by leaving elements out (`shrink`). The rest of a run (which queue is served next,
//! how large a batch is) follows from the schedule's seed, so that equal schedules run alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::memory::{Fault, Script, Strike};
use testkit::partners::fault::{Fault as Trouble, Rule, When};
use testkit::partners::floor::Script as FloorScript;
use testkit::partners::{PARTNERS, System, samples};

use crate::deployment::{Deployment, Hiccup, order_id};
use crate::logs;
use crate::mutants::Mutant;
use crate::promises::{self, Weather};

const A_DAY: Duration = Duration::from_secs(24 * 3_600);

/// More than all orders of a storm want, in eaches.
const PLENTY: u32 = 1_000_000;

/// Functions whose clocks may be wrong: every one that reads its own.
const CLOCKS: [&str; 16] = [
    "webhook-receive",
    "order-import",
    "order-price",
    "credit-check",
    "stock-allocate",
    "sales-order-create",
    "order-route",
    "fulfillment-request",
    "warehouse-report-record",
    "goods-issue-post",
    "fulfillment-rollup",
    "crm-update",
    "invoice-create",
    "deadline-raise",
    "view-project",
    "due-fire",
];

/// Where a fault hurts most.
const AIMS: [(&str, &str); 12] = [
    ("order-import", "journal.found"),
    ("credit-check", "journal.append"),
    ("stock-allocate", "journal.append"),
    ("stock-allocate", "erp.allocate"),
    ("sales-order-create", "erp.create_sales_order"),
    ("fulfillment-request", "warehouse.request"),
    ("warehouse-report-record", "journal.append"),
    ("goods-issue-post", "erp.post_goods_issue"),
    ("fulfillment-rollup", "journal.append"),
    ("crm-update", "crm.update"),
    ("invoice-create", "erp.invoice"),
    ("due-fire", "due.done"),
];

/// Everything that one run is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Where it was drawn from; what it does not say follows from this.
    pub seed: u64,
    /// What happens. Orders and moments follow one another in this order; all others hold from the beginning.
    pub elements: Vec<Element>,
}

/// One thing that a schedule can do without.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// The CRM sends an order; then some seconds pass.
    Order(Value, u64),
    /// Some seconds pass; then somebody wants something.
    Moment(u64, Request),
    /// A partner's fault: calls or messages go wrong.
    Gale(&'static str, Box<Rule>),
    /// A call of one of our functions goes wrong.
    Strike(Strike),
    /// The nth message goes a strange way into its queue.
    Hiccup(u64, Hiccup),
    /// Every message to a function comes twice.
    Twice(&'static str),
    /// A function's processes have a wrong clock, by so many milliseconds.
    Skew(&'static str, i64),
    /// There are only so many eaches of an SKU, in the east and in the west, until the storm is over.
    Shelf(String, [u32; 2]),
    /// A warehouse packs in an unusual way.
    Floor(&'static str, Box<FloorScript>),
    /// The warehouse without keys does not refuse a second order under the same reference either.
    Careless,
}

/// What people ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// An operator sends back all that is parked.
    Redrive,
    /// The customer does not want an order any more, by the CRM's id for it.
    Cancel(String),
    /// Somebody holds an order; the hold ends with the storm at the latest.
    Hold(String),
    /// Somebody lets a held order go on.
    ReleaseHold(String),
    /// The customer wants so many of the first line.
    Amend(String, u32),
    /// The CRM says that an order goes to another address: what it sends is the order as it is now.
    Readdress(Value),
    /// The same purchase order comes by our own API, too.
    ByApi(Value),
    /// Somebody decides what of an order waits for a decision, each in the way that has this number, counted round.
    Decide(String, usize),
    /// A partner does not answer any more, or slowly.
    Outage(&'static str, Trouble),
    /// It is well again.
    Mended(&'static str),
}

/// What became of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How often each kind of fault struck.
    pub struck: BTreeMap<String, u64>,
    /// What is broken, in words; nothing where all promises hold.
    pub violations: Vec<String>,
    /// How many messages were delivered.
    pub delivered: usize,
    /// All commits of all streams, in short: equal where two runs were alike.
    pub journal: String,
    /// Which calls the strikes met.
    pub met: Vec<(Strike, &'static str)>,
}

impl Schedule {
    /// What `seed` draws. One in eight is quiet: nobody dies and nothing is lost, so that whatever is left undone is
    /// ours.
    pub fn draw(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let quiet = seed % 8 == 7;
        let mut elements = Vec::new();
        if !quiet {
            gales(&mut rng, &mut elements);
        }
        strikes(&mut rng, quiet, &mut elements);
        for _ in 0..rng.u32(0..12) {
            let hiccup = match rng.u8(0..4) {
                0 => Hiccup::Double,
                1 => Hiccup::Overtakes,
                2 => Hiccup::Lost,
                _ => Hiccup::Late { ms: rng.u32(100..60_000) },
            };
            elements.push(Element::Hiccup(rng.u64(1..120), hiccup));
        }
        for function in CLOCKS {
            if rng.u8(0..3) == 0 {
                elements.push(Element::Skew(function, rng.i64(-2_000..=2_000)));
            }
        }
        for warehouse in ["eastco", "shipwest"] {
            if rng.u8(0..3) == 0 {
                let packages = rng.bool().then(|| rng.usize(1..4));
                let script = FloorScript { void_first: rng.bool(), packages, ..FloorScript::default() };
                elements.push(Element::Floor(warehouse, Box::new(script)));
            }
        }
        if rng.bool() {
            elements.push(Element::Careless);
        }
        requests(&mut rng, quiet, &mut elements);
        Self { seed, elements }
    }
}

impl Schedule {
    /// Whether every message is sent once more afterwards, and everything that was written is searched for personal
    /// data.
    fn is_thorough(&self) -> bool {
        self.seed.is_multiple_of(8)
    }

    /// What people are called, where they live and how they are written to: it stands in the orders and belongs nowhere
    /// else.
    fn private(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for element in &self.elements {
            if let Element::Order(order, _) | Element::Moment(_, Request::Readdress(order)) = element {
                words.extend(promises::private(order));
            }
        }
        words
    }
}

/// Partners' faults.
fn gales(rng: &mut fastrand::Rng, elements: &mut Vec<Element>) {
    let calls = [
        json!({"kind": "fail", "status": 503}),
        json!({"kind": "fail", "status": 500, "after_effect": true}),
        json!({"kind": "timeout_before"}),
        json!({"kind": "timeout_after"}),
        json!({"kind": "lost_reply"}),
        json!({"kind": "garbage"}),
        json!({"kind": "limit", "retry_after": "7"}),
        json!({"kind": "limit", "retry_after": "soon"}),
        json!({"kind": "latency", "ms": 20_000}),
        json!({"kind": "unauthorized"}),
        json!({"kind": "down"}),
    ];
    let messages = [
        json!({"kind": "duplicate", "copies": 2}),
        json!({"kind": "reorder", "window": 3, "flush_ms": 4_000}),
        json!({"kind": "delay", "ms": 9_000}),
        json!({"kind": "drop", "redeliver_after_ms": 3_000}),
        json!({"kind": "wrong_signature"}),
        json!({"kind": "tamper"}),
        json!({"kind": "stale"}),
    ];
    for (partner, _, _) in PARTNERS {
        for (kinds, operation) in [(calls.as_slice(), "*"), (messages.as_slice(), "webhook.*")] {
            for _ in 0..rng.usize(0..3) {
                let Some(fault) = rng.choice(kinds) else { continue };
                let (percent, seed, times) = (rng.u8(5..35), rng.u64(..), rng.u32(1..6));
                let when = json!({"operation": operation, "percent": percent, "seed": seed, "times": times});
                let rule = serde_json::from_value(json!({"match": when, "fault": fault}));
                elements.extend(rule.ok().map(|rule| Element::Gale(partner, Box::new(rule))));
            }
        }
    }
}

/// Faults of our own functions' calls.
fn strikes(rng: &mut fastrand::Rng, quiet: bool, elements: &mut Vec<Element>) {
    let apart = rng.u32(15..200);
    let mut at = rng.u32(0..apart);
    while at < 2_000 {
        let stall = Fault::Stall { ms: rng.u32(50..2_900) };
        let harmless = [stall, Fault::Race];
        let kinds =
            [stall, Fault::Race, Fault::KillBefore, Fault::KillAfter, Fault::LoseReply, Fault::Throttle, Fault::Refuse];
        let fault = rng.choice(if quiet { &harmless[..] } else { &kinds[..] }).copied().unwrap_or(stall);
        elements.push(Element::Strike(Strike { at, fault, aim: None }));
        at += rng.u32(1..apart * 2);
    }
    // The moments that matter most are rarely met by chance: an effect between its announcement and its answer, a
    // commit between its decision and its write.
    for _ in 0..rng.u32(0..6) {
        let stall = Fault::Stall { ms: rng.u32(1_000..2_900) };
        let kinds = [stall, stall, Fault::KillAfter, Fault::LoseReply];
        let fault = rng.choice(if quiet { &kinds[..1] } else { &kinds[..] }).copied().unwrap_or(stall);
        let at = if rng.bool() { 0 } else { rng.u32(0..600) };
        let aim = rng.choice(AIMS);
        elements.push(Element::Strike(Strike { at, fault, aim }));
        // A second delivery meets whatever the first has left there.
        if let Some((function, _)) = aim.filter(|(function, _)| *function != "due-fire" && rng.bool()) {
            elements.push(Element::Twice(function));
        }
    }
}

/// Orders and what is wished of them.
fn requests(rng: &mut fastrand::Rng, quiet: bool, elements: &mut Vec<Element>) {
    let first = elements.len();
    let count = rng.usize(1..4);
    let mut number = 0;
    let id = || {
        number += 1;
        format!("CRM-{number}")
    };
    let orders = samples::orders(count + rng.usize(0..8), rng.u64(..), id);
    for mut order in orders.into_iter().rev().take(count) {
        let id = order["id"].as_str().unwrap_or_default().to_owned();
        unusual(rng, &mut order, elements);
        // Most of an order's work is done within its first seconds.
        match rng.u8(0..24) {
            kind if kind < 4 || quiet && rng.bool() => {
                elements.push(Element::Order(order, rng.u64(0..3)));
                elements.push(Element::Moment(rng.u64(0..6), Request::Cancel(id)));
            }
            4..7 => {
                elements.push(Element::Order(order, rng.u64(0..4)));
                elements.push(Element::Moment(rng.u64(0..8), Request::Hold(id.clone())));
                elements.push(Element::Moment(rng.u64(0..40), Request::ReleaseHold(id)));
            }
            7..10 => {
                elements.push(Element::Order(order, rng.u64(0..4)));
                elements.push(Element::Moment(rng.u64(0..8), Request::Amend(id, rng.u32(1..9))));
            }
            10..12 => {
                let mut moved = order.clone();
                moved["ship_to"]["line1"] = json!(format!("{} Another Road", rng.u32(1..400)));
                elements.push(Element::Order(order, rng.u64(0..4)));
                elements.push(Element::Moment(rng.u64(0..8), Request::Readdress(moved)));
            }
            12..14 => {
                let mut twin = order.clone();
                twin["id"] = json!(format!("{id}-again"));
                elements.push(Element::Order(order, rng.u64(0..2)));
                elements.push(Element::Moment(0, Request::ByApi(twin)));
            }
            14..16 => {
                elements.push(Element::Order(order, rng.u64(0..20)));
                elements.push(Element::Moment(rng.u64(0..900), Request::Decide(id, rng.usize(0..3))));
            }
            _ => elements.push(Element::Order(order, rng.u64(0..20))),
        }
    }
    if !quiet && rng.u8(0..4) == 0 {
        let partner = rng.choice(PARTNERS).map_or("acme-erp", |(name, ..)| name);
        let trouble = if rng.bool() { Trouble::Down } else { Trouble::Latency { ms: rng.u64(2_000..20_000) } };
        let at = rng.usize(first..=elements.len());
        elements.insert(at, Element::Moment(0, Request::Outage(partner, trouble)));
        let at = rng.usize(at + 1..=elements.len());
        elements.insert(at, Element::Moment(rng.u64(10..3_600), Request::Mended(partner)));
    }
    for _ in 0..rng.u32(1..4) {
        elements.push(Element::Moment(rng.u64(1..600), Request::Redrive));
    }
}

/// What not every order has: nothing on the shelf, nobody who would lend, a kit, a wish to have all of it at once.
fn unusual(rng: &mut fastrand::Rng, order: &mut Value, elements: &mut Vec<Element>) {
    if rng.u8(0..8) == 0
        && let Some(sku) = order["lines"][0]["sku"].as_str()
    {
        elements.push(Element::Shelf(sku.to_owned(), [rng.u32(0..4), rng.u32(0..2)]));
        order["ship_complete"] = json!(rng.bool());
    }
    if rng.u8(0..12) == 0 {
        order["customer"]["id"] = json!("C-POOR-1");
    }
    if rng.u8(0..10) == 0 {
        order["lines"][0]["sku"] = json!(promises::KIT.0);
        order["lines"][0]["uom"] = json!("EA");
    }
}

/// Plays `schedule`. A panic is a violation like any other.
pub fn weather(schedule: &Schedule, mutant: Option<Mutant>) -> Report {
    let played = catch_unwind(AssertUnwindSafe(|| {
        if !schedule.is_thorough() {
            return play(schedule, mutant);
        }
        let (mut report, log) = logs::kept(|| play(schedule, mutant));
        if let Some(found) = schedule.private().iter().find(|word| log.contains(word.as_str())) {
            report.violations.push(format!("P9: the log holds `{found}`"));
        }
        report
    }));
    match played {
        Ok(report) => report,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
            Report { violations: vec![format!("panicked: {text}")], ..Report::default() }
        }
    }
}

fn play(schedule: &Schedule, mutant: Option<Mutant>) -> Report {
    let mut deployment = Deployment::with_mistake(schedule.seed, mutant);
    let mut strikes = Vec::new();
    let mut orders = Vec::new();
    let (mut cancelled, mut held) = (Vec::new(), Vec::new());
    for element in &schedule.elements {
        match element {
            Element::Strike(strike) => strikes.push(*strike),
            Element::Hiccup(message, hiccup) => drop(deployment.hiccups.insert(*message, *hiccup)),
            Element::Twice(function) => drop(deployment.twice.insert((*function).to_owned())),
            Element::Skew(function, ms) => drop(deployment.skews.insert((*function).to_owned(), *ms)),
            Element::Gale(..) | Element::Floor(..) | Element::Shelf(..) | Element::Careless => {
                prepare(&deployment, element)
            }
            Element::Order(order, _) => orders.push(order.clone()),
            Element::Moment(_, Request::Cancel(order)) => cancelled.push(order.clone()),
            Element::Moment(_, Request::Hold(order)) => held.push(order.clone()),
            Element::Moment(..) => {}
        }
    }
    let script = Script::storm(strikes);
    deployment.chaos = Some(("*", script.clone()));
    let mut delivered = 0;
    for element in &schedule.elements {
        match element {
            Element::Order(order, pause) => {
                deployment.order(order.clone());
                delivered += deployment.run(Duration::from_secs(*pause));
            }
            Element::Moment(pause, request) => {
                delivered += deployment.run(Duration::from_secs(*pause));
                match request {
                    Request::Redrive => drop(deployment.redrive()),
                    Request::Cancel(order) => deployment.cancel(&order_id(order)),
                    Request::Hold(order) => deployment.hold(&order_id(order)),
                    Request::ReleaseHold(order) => deployment.release_hold(&order_id(order)),
                    Request::Amend(order, quantity) => deployment.amend(&order_id(order), *quantity),
                    Request::Readdress(order) => deployment.change("order.amended", order.clone()),
                    Request::ByApi(order) => deployment.order_by_api(order),
                    Request::Decide(order, way) => deployment.decide_all(&order_id(order), *way),
                    Request::Outage(partner, trouble) => strike(&deployment, partner, trouble),
                    Request::Mended(partner) => mend(&deployment, partner, Some(OUTAGE)),
                }
            }
            Element::Gale(..)
            | Element::Strike(_)
            | Element::Hiccup(..)
            | Element::Twice(_)
            | Element::Skew(..)
            | Element::Floor(..)
            | Element::Shelf(..)
            | Element::Careless => {}
        }
    }
    // The storm is over; what it left has to be put in order.
    let met = script.calm();
    if !deployment.wrong.is_empty() {
        return Report { violations: deployment.wrong, delivered, met, ..Report::default() };
    }
    for (partner, ..) in PARTNERS {
        mend(&deployment, partner, None);
    }
    for element in &schedule.elements {
        if let Element::Shelf(sku, _) = element {
            deployment.stock(sku, [PLENTY; 2]);
        }
    }
    for order in &held {
        deployment.release_hold(&order_id(order));
    }
    for _ in 0..3 {
        deployment.redrive();
        delivered += deployment.run(A_DAY);
        if !deployment.wrong.is_empty() {
            return Report { violations: deployment.wrong, delivered, met, ..Report::default() };
        }
        for order in deployment.orders() {
            deployment.decide_all(&order, 0);
        }
    }
    delivered += deployment.run(A_DAY);
    let struck = counted(&deployment, &met);
    let weather = Weather { orders: &orders, cancelled: &cancelled, struck: &struck };
    let mut violations = promises::broken_after(&deployment, &weather);
    // Both cost as much as all else together; one run in eight shows it.
    if schedule.is_thorough() && violations.is_empty() {
        violations = promises::redriven(&mut deployment, A_DAY);
        violations.extend(promises::revealed(&deployment, &orders));
    }
    let journal = deployment.fingerprint();
    Report { struck, violations, delivered, journal, met }
}

/// The rule that an outage is.
const OUTAGE: &str = "outage";

fn strike(deployment: &Deployment, partner: &str, trouble: &Trouble) {
    if let Some(partner) = deployment.town.borrow_mut().partner_mut(partner) {
        let rule = Rule { name: Some(OUTAGE.to_owned()), when: When::default(), fault: trouble.clone() };
        partner.faults.add(rule);
    }
}

fn mend(deployment: &Deployment, partner: &str, rule: Option<&str>) {
    if let Some(partner) = deployment.town.borrow_mut().partner_mut(partner) {
        partner.faults.clear(rule);
    }
}

fn prepare(deployment: &Deployment, element: &Element) {
    if let Element::Shelf(sku, pieces) = element {
        deployment.stock(sku, *pieces);
        return;
    }
    let mut town = deployment.town.borrow_mut();
    match element {
        Element::Gale(partner, rule) => {
            if let Some(partner) = town.partner_mut(partner) {
                partner.faults.add(rule.as_ref().clone());
            }
        }
        Element::Floor(partner, script) => {
            if let Some(partner) = town.partner_mut(partner) {
                partner.system.script(script.as_ref().clone());
            }
        }
        Element::Careless => {
            if let Some(System::Shipbob(warehouse)) = town.partner_mut("shipwest").map(|it| &mut it.system) {
                warehouse.careless = true;
            }
        }
        Element::Order(..)
        | Element::Moment(..)
        | Element::Strike(_)
        | Element::Hiccup(..)
        | Element::Twice(_)
        | Element::Shelf(..)
        | Element::Skew(..) => {}
    }
}

fn counted(deployment: &Deployment, met: &[(Strike, &'static str)]) -> BTreeMap<String, u64> {
    let mut struck: BTreeMap<String, u64> = BTreeMap::new();
    for (strike, _) in met {
        *struck.entry(strike.fault.as_str().to_owned()).or_default() += 1;
    }
    for partner in &deployment.town.borrow().partners {
        for (name, n) in &partner.ledger.faults {
            *struck.entry(format!("partner: {name}")).or_default() += n;
        }
    }
    for (kind, n) in deployment.hiccuped() {
        *struck.entry(format!("message: {kind}")).or_default() += n;
    }
    struck
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order, pause) => {
                let lines = order["lines"].as_array().map_or(0, Vec::len);
                write!(f, "the CRM sends order {} ({lines} lines); {pause} s pass", order["id"].as_str().unwrap_or("?"))
            }
            Self::Moment(pause, Request::Redrive) => write!(f, "{pause} s pass; all that is parked is sent back"),
            Self::Moment(pause, Request::Cancel(order)) => write!(f, "{pause} s pass; order {order} is cancelled"),
            Self::Moment(pause, Request::Hold(order)) => write!(f, "{pause} s pass; order {order} is held"),
            Self::Moment(pause, Request::ReleaseHold(order)) => write!(f, "{pause} s pass; order {order} may go on"),
            Self::Moment(pause, Request::Amend(order, quantity)) => {
                write!(f, "{pause} s pass; order {order} is amended to {quantity} of its first line")
            }
            Self::Moment(pause, Request::Readdress(order)) => {
                write!(f, "{pause} s pass; order {} goes to another address", order["id"].as_str().unwrap_or("?"))
            }
            Self::Moment(pause, Request::ByApi(order)) => {
                let po = order["customer_po"].as_str().unwrap_or("?");
                write!(f, "{pause} s pass; {po} is ordered by our API, too")
            }
            Self::Moment(pause, Request::Decide(order, way)) => {
                write!(f, "{pause} s pass; what waits of {order} is decided in way {way}")
            }
            Self::Moment(pause, Request::Outage(partner, trouble)) => {
                write!(f, "{pause} s pass; {partner} has an outage: {}", trouble.name())
            }
            Self::Moment(pause, Request::Mended(partner)) => write!(f, "{pause} s pass; {partner} is well again"),
            Self::Shelf(sku, [east, west]) => write!(f, "of {sku} there are {east} in the east and {west} in the west"),
            Self::Gale(partner, rule) => {
                let when = &rule.when;
                let percent = when.percent.unwrap_or(100);
                let times = when.times.unwrap_or(u64::MAX);
                let (name, operation) = (rule.fault.name(), &when.operation);
                write!(f, "{partner}: {name} at {percent} % of `{operation}`, {times} times at most")
            }
            Self::Strike(Strike { at, fault, aim }) => {
                let aim = aim.map(|(function, call)| format!(" of {function}'s `{call}`")).unwrap_or_default();
                let time = if let Fault::Stall { ms } = fault { format!(" for {ms} ms") } else { String::new() };
                write!(f, "the first call{aim} from the {at}th on: {}{time}", fault.as_str())
            }
            Self::Twice(function) => write!(f, "every message to {function} comes twice"),
            Self::Hiccup(message, Hiccup::Double) => write!(f, "message {message} comes twice"),
            Self::Hiccup(message, Hiccup::Overtakes) => write!(f, "message {message} overtakes all before it"),
            Self::Hiccup(message, Hiccup::Lost) => write!(f, "message {message} is lost once"),
            Self::Hiccup(message, Hiccup::Late { ms }) => write!(f, "message {message} comes {ms} ms late"),
            Self::Skew(function, ms) => write!(f, "the clock of {function} is {ms} ms off"),
            Self::Floor(partner, script) => {
                let packages = script.packages.map_or_else(|| "as usual".to_owned(), |n| n.to_string());
                let first = if script.void_first { ", the first label void" } else { "" };
                write!(f, "{partner} packs {packages} packages a request{first}")
            }
            Self::Careless => write!(f, "shipwest takes a second order under one reference"),
        }
    }
}
