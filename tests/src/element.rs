//! The elements of a schedule: everything that a seed can draw, each in words.

use std::fmt;

use serde_json::Value;
use simulators::fault::{PartnerFault, Rule};
use simulators::habits::{Closes, WorkScript};
use testkit::memory::{Fault, ScheduledFault};

use crate::deployment::DeliveryFault;

/// One thing that a schedule can do without.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// The CRM sends an order; then so many seconds pass.
    Order(Value, u64),
    /// So many seconds pass; then people act.
    Moment(u64, Action),
    /// A partner fails calls or messages by a rule.
    PartnerFault(&'static str, Box<Rule>),
    /// A call of one of our functions fails.
    CallFault(ScheduledFault),
    /// The nth message into any queue, counted from 1, meets a fault.
    DeliveryFault(u64, DeliveryFault),
    /// Every message to a function is delivered twice.
    DeliveredTwice(&'static str),
    /// The clock of a function's processes is wrong by so many milliseconds.
    ClockSkew(String, i64),
    /// The ERP has so many eaches of an SKU, in the east and in the west, until the schedule ends.
    StockLimit(String, [u32; 2]),
    /// A warehouse packs in an unusual way, until the schedule ends.
    WarehouseScript(&'static str, Box<WorkScript>),
    /// The ERP has a habit, until the schedule ends.
    ErpHabit(ErpHabit),
    /// The warehouse without idempotency keys accepts a second order under one reference.
    AcceptsDuplicates,
}

/// What people do while a schedule runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// An operator redrives all parked messages.
    Redrive,
    /// The customer cancels an order, by the CRM's id.
    Cancel(String),
    /// A user holds an order; the hold ends with the schedule at the latest.
    Hold(String),
    /// A user releases the hold of an order.
    ReleaseHold(String),
    /// The customer changes the quantity of the first line.
    Amend(String, u32),
    /// The CRM sends an order again with another address.
    Readdress(Value),
    /// The same purchase order arrives by our own API, too.
    ByApi(Value),
    /// The API's client cancels an order by its own id, the second one here; the first one here is the CRM's.
    CancelByApi(String, String),
    /// An operator decides every open review of an order by the choice with this number, counted round.
    Decide(String, usize),
    /// Two operators decide each open review of an order and of its fulfillments at once, by these choices, counted round.
    DecideTogether(String, [usize; 2]),
    /// A partner fails every call, or answers slowly.
    Outage(&'static str, PartnerFault),
    /// The outage ends.
    Recovered(&'static str),
}

/// A habit of the ERP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErpHabit {
    /// An approval of credit holds for so many milliseconds; it may have expired when it arrives.
    CreditFor(i64),
    /// All approvals of credit hold until so many seconds after the beginning.
    CreditUntil(i64),
    /// Stock is shown and not allocated.
    ShowsStockOnly,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order, pause) => {
                let lines = order["lines"].as_array().map_or(0, Vec::len);
                write!(f, "the CRM sends order {} ({lines} lines); {pause} s pass", order["id"].as_str().unwrap_or("?"))
            }
            Self::Moment(pause, Action::Redrive) => write!(f, "{pause} s pass; all parked messages are redriven"),
            Self::Moment(pause, Action::Cancel(order)) => write!(f, "{pause} s pass; order {order} is cancelled"),
            Self::Moment(pause, Action::Hold(order)) => write!(f, "{pause} s pass; order {order} is held"),
            Self::Moment(pause, Action::ReleaseHold(order)) => {
                write!(f, "{pause} s pass; the hold of order {order} is released")
            }
            Self::Moment(pause, Action::Amend(order, quantity)) => {
                write!(f, "{pause} s pass; order {order} is amended to {quantity} of its first line")
            }
            Self::Moment(pause, Action::Readdress(order)) => {
                write!(f, "{pause} s pass; order {} goes to another address", order["id"].as_str().unwrap_or("?"))
            }
            Self::Moment(pause, Action::ByApi(order)) => {
                let po = order["customer_po"].as_str().unwrap_or("?");
                write!(f, "{pause} s pass; {po} is ordered by our API, too")
            }
            Self::Moment(pause, Action::CancelByApi(order, alias)) => {
                write!(f, "{pause} s pass; order {order} is cancelled as {alias}")
            }
            Self::Moment(pause, Action::Decide(order, way)) => {
                write!(f, "{pause} s pass; the reviews of {order} are decided by choice {way}")
            }
            Self::Moment(pause, Action::DecideTogether(order, choices)) => {
                write!(f, "{pause} s pass; two people decide the reviews of {order} at once, by choices {choices:?}")
            }
            Self::Moment(pause, Action::Outage(partner, fault)) => {
                write!(f, "{pause} s pass; {partner} has an outage: {}", fault.name())
            }
            Self::Moment(pause, Action::Recovered(partner)) => write!(f, "{pause} s pass; {partner} recovers"),
            Self::StockLimit(sku, [east, west]) => {
                write!(f, "the stock of {sku} is {east} in the east and {west} in the west")
            }
            Self::PartnerFault(partner, rule) => {
                let when = &rule.when;
                let percent = when.percent.unwrap_or(100);
                let times = when.times.unwrap_or(u64::MAX);
                let (name, operation) = (rule.fault.name(), &when.operation);
                write!(f, "{partner}: {name} at {percent} % of `{operation}`, {times} times at most")
            }
            Self::CallFault(ScheduledFault { at, fault, aim }) => {
                let aim = aim.map(|(function, call)| format!(" of {function}'s `{call}`")).unwrap_or_default();
                let time = if let Fault::Stall { ms } = fault { format!(" for {ms} ms") } else { String::new() };
                write!(f, "the first call{aim} from the {at}th on: {}{time}", fault.as_str())
            }
            Self::DeliveredTwice(function) => write!(f, "every message to {function} is delivered twice"),
            Self::DeliveryFault(message, DeliveryFault::Double) => write!(f, "message {message} is delivered twice"),
            Self::DeliveryFault(message, DeliveryFault::Overtakes) => {
                write!(f, "message {message} overtakes all before it")
            }
            Self::DeliveryFault(message, DeliveryFault::Lost) => {
                write!(f, "the first delivery of message {message} is lost")
            }
            Self::DeliveryFault(message, DeliveryFault::Discarded) => write!(f, "message {message} is lost for ever"),
            Self::DeliveryFault(message, DeliveryFault::Late { ms }) => write!(f, "message {message} is {ms} ms late"),
            Self::ClockSkew(function, ms) => write!(f, "the clock of {function} is {ms} ms off"),
            Self::WarehouseScript(partner, script) => describe(f, partner, script),
            Self::ErpHabit(ErpHabit::CreditFor(ms)) => write!(f, "the ERP's approvals of credit hold for {ms} ms"),
            Self::ErpHabit(ErpHabit::CreditUntil(s)) => {
                write!(f, "the ERP's approvals of credit hold until {s} s after the beginning")
            }
            Self::ErpHabit(ErpHabit::ShowsStockOnly) => write!(f, "the ERP shows stock and allocates none"),
            Self::AcceptsDuplicates => write!(f, "shipwest accepts a second order under one reference"),
        }
    }
}

/// A script in words.
fn describe(f: &mut fmt::Formatter<'_>, partner: &str, script: &WorkScript) -> fmt::Result {
    write!(f, "{partner} packs")?;
    match script.packages {
        Some(packages) => write!(f, " {packages} packages a request")?,
        None => write!(f, " as usual")?,
    }
    let WorkScript { void_first, reject_later, short_by, first_only, respells, closes, times, .. } = script;
    let habits = [
        (*void_first, "the first label void".to_owned()),
        (reject_later.is_some(), "rejects what it accepted".to_owned()),
        (*short_by > 0, format!("{short_by} pieces short")),
        (*first_only, "reports the first package only".to_owned()),
        (*respells, "spells addresses and sorts lines in its own way".to_owned()),
        (*closes != Closes::Naming, format!("closes {closes:?}")),
    ];
    for (_, habit) in habits.iter().filter(|(has, _)| *has) {
        write!(f, ", {habit}")?;
    }
    times.map_or(Ok(()), |times| write!(f, ", for {times} requests"))
}
