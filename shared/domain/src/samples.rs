//! Builders for tests: a small order, and what partners report about it. Used by this crate's unit tests and by the
//! laws in `tests/`.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use domain::fulfillment::{
    Accepted, Closed, GoodsIssued, Late, Milestone, Missing, Opened, Packed, Rejected, TracedGoods, Voided, Withdrawn,
};
use domain::order::{
    AllocatedLine, Allocation, AllocationNo, Amendment, Assignment, CancelRequested, Component, CreditApproved,
    CreditRefused, CrmUpdated, Deadlines, Handling, Held, HoldReleased, Invoiced, LineQuantity, OrderLine, Overdue,
    Quote, QuotedLine, Released, Routing, ServiceLevel, ShortPolicy, Source, Submission, Traced, WorkDiscarded,
};
use domain::party::{Destination, PartyRef};
use domain::review::{Choice, Decision, Review, ReviewKind};
use domain::routing::{Candidate, Reason, Site, Territory};
use domain::shipment::MilestoneKind;
use domain::shipment::{Progress, RequestStatus};
use domain::workflow::decide;
use domain::{
    EffectFailed, EffectRejected, EffectStarted, Fulfillment, FulfillmentCommand, FulfillmentEffect, FulfillmentId,
    LineNo, Money, Order, OrderCommand, OrderId, Quantity, Rejection, Uom, Workflow,
};
use jiff::Timestamp;

/// Parses an identifier.
pub fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// `n` minutes after the start of the tests, which is a Monday morning in New York.
pub fn at(n: i64) -> Timestamp {
    Timestamp::from_second(1_767_621_600 + n * 60).unwrap()
}

pub fn quantity(amount: u32, uom: &str) -> Quantity {
    Quantity::new(amount.into(), id(uom)).unwrap()
}

pub fn each(amount: u32) -> Quantity {
    quantity(amount, "EA")
}

pub fn line_no(n: u32) -> LineNo {
    LineNo::new(n).unwrap()
}

pub fn money(amount: &str) -> Money {
    Money { amount: amount.parse().unwrap(), currency: id("USD") }
}

pub fn order_id() -> OrderId {
    OrderId::derive(&id("acme-crm"), &id("CRM-1001"))
}

pub fn fulfillment_id(n: u32) -> FulfillmentId {
    order_id().fulfillment(n)
}

/// The SKU of a line, unless a test sets another one.
pub fn sku(line: u32) -> String {
    format!("SKU-{line}")
}

/// An order with one line for each number of pieces; lines are numbered from 1.
pub fn submission(lines: &[u32]) -> Submission {
    let line = |(n, amount): (u32, &u32)| OrderLine { line: line_no(n), sku: id(&sku(n)), quantity: each(*amount) };
    Submission {
        source: id("acme-crm"),
        external_id: id("CRM-1001"),
        customer: id("C-100"),
        customer_po: id("PO-77"),
        currency: id("USD"),
        service_level: ServiceLevel::Standard,
        ship_complete: false,
        requested_by: None,
        ship_to: PartyRef { order: order_id(), n: 1 },
        destination: Destination { country: "US".to_owned(), region: "NY".to_owned() },
        lines: (1..).zip(lines).map(line).collect(),
        expected: None,
        digest: "first".to_owned(),
        ordered_at: at(0),
        deadline: at(100_000),
    }
}

/// The ERP's quote for `submission`; one ordered unit is `per` pieces.
pub fn quote(submission: &Submission, per: u32) -> Quote {
    // The first line has all of the amount, so that the lines add up.
    let first = submission.lines.first().map(|line| line.line);
    let line = |line: &OrderLine| QuotedLine {
        line: line.line,
        base_uom: Uom::EACH,
        numerator: NonZeroU32::new(per).unwrap(),
        denominator: NonZeroU32::MIN,
        unit_price: 10.into(),
        amount: if Some(line.line) == first { 10.into() } else { 0.into() },
        tax: if Some(line.line) == first { 1.into() } else { 0.into() },
    };
    let lines = submission.lines.iter().map(line).collect();
    Quote { revision: 0, lines, subtotal: money("10"), tax: money("1"), total: money("11") }
}

pub fn approved() -> CreditApproved {
    CreditApproved { amount: money("11"), valid_until: None }
}

pub fn refused_credit() -> CreditRefused {
    CreditRefused { reason: "over the limit".to_owned(), unanswerable: false }
}

/// The stock of one line: (line, [(location, pieces)], short).
pub type LineStock<'a> = (u32, &'a [(&'a str, u32)], u32);

pub fn allocation(number: &str, lines: &[LineStock<'_>]) -> Allocation {
    let source = |(location, amount): &(&str, u32)| Source { location: id(location), quantity: each(*amount) };
    let line = |(line, sources, short): &LineStock<'_>| AllocatedLine {
        line: line_no(*line),
        sources: sources.iter().map(source).collect(),
        short: each(*short),
        asked: None,
    };
    Allocation { allocation_no: AllocationNo::FIRST, number: id(number), lines: lines.iter().map(line).collect() }
}

pub fn released(number: &str) -> Released {
    Released { sales_order: id(number), revision: 0 }
}

pub fn line_quantity(line: u32, amount: u32) -> LineQuantity {
    LineQuantity { line: line_no(line), sku: id(&sku(line)), quantity: each(amount) }
}

/// The `n`th fulfillment: odd ones ship from EAST, even ones from WEST.
pub fn assignment(n: u32, lines: &[LineQuantity]) -> Assignment {
    let (warehouse, site) = if n % 2 == 1 { ("eastco", "EAST") } else { ("shipwest", "WEST") };
    Assignment {
        fulfillment: fulfillment_id(n),
        warehouse: id(warehouse),
        site: id(site),
        ship_by: at(0).to_zoned(jiff::tz::TimeZone::UTC).date(),
        lines: lines.to_vec(),
        handling: BTreeMap::new(),
        deadlines: None,
        on_short: ShortPolicy::Backorder,
    }
}

pub fn routing(assignments: &[Assignment]) -> Routing {
    let candidate =
        Candidate { warehouse: id("eastco"), site: id("EAST"), reasons: vec![Reason::HasAll], chosen: true };
    Routing { candidates: vec![candidate], assignments: assignments.to_vec() }
}

/// A report of the `n`th fulfillment: the pieces that left and that arrived, as (line, pieces).
pub fn progress(
    n: u32,
    as_of: u64,
    request_status: RequestStatus,
    shipped: &[(u32, u32)],
    delivered: &[(u32, u32)],
) -> Progress {
    let by_line = |lines: &[(u32, u32)]| -> BTreeMap<LineNo, Quantity> {
        lines.iter().map(|(line, amount)| (line_no(*line), each(*amount))).collect()
    };
    Progress {
        fulfillment: fulfillment_id(n),
        as_of,
        request_status,
        shipped: by_line(shipped),
        delivered: by_line(delivered),
        has_packages: true,
        under_way: delivered != shipped,
        returned: false,
        goods_issued: true,
        unfilled: BTreeMap::new(),
        closed_short: false,
        withdrawal_refused: None,
    }
}

pub fn invoiced(number: &str) -> Invoiced {
    Invoiced { invoice: id(number), total: money("11") }
}

pub fn crm_updated(version: u64, digest: &str) -> CrmUpdated {
    CrmUpdated { version, digest: digest.to_owned(), epoch: Some(1), order_digest: None }
}

pub fn cancel() -> CancelRequested {
    CancelRequested { reason: "changed their mind".to_owned(), asked_at: None }
}

/// An amendment to one line for each number of pieces.
pub fn amendment(lines: &[u32]) -> Amendment {
    let Submission { ship_to, destination, lines, .. } = submission(lines);
    let digest = format!("amended to {}", lines.iter().map(|l| l.quantity.to_string()).collect::<Vec<_>>().join(", "));
    Amendment {
        revision: 0,
        reason: "changed their mind".to_owned(),
        ship_to,
        destination,
        lines,
        digest,
        service_level: None,
        ship_complete: None,
        asked_by: None,
        asked_at: None,
    }
}

pub fn held() -> Held {
    Held { reason: "credit".to_owned(), holder: None, asked_at: None }
}

pub fn hold_released() -> HoldReleased {
    HoldReleased { reason: "paid".to_owned(), holder: None, asked_at: None, overrides: false }
}

/// A decision of the first review of this kind.
pub fn decision<K: ReviewKind>(reviews: &[Review<K>], kind: K, choice: Choice) -> Decision<K> {
    let review = reviews.iter().find(|review| review.kind == kind).expect("no such review is open").key();
    Decision { review, kind, choice, document: None, by: "ops".to_owned(), note: String::new() }
}

pub fn work_discarded() -> WorkDiscarded {
    WorkDiscarded {
        step: "order-price".to_owned(),
        stream: format!("order/{}", order_id()),
        code: "PRT-002".to_owned(),
        by: "ann".to_owned(),
        note: "T-17: priced by phone".to_owned(),
        lost_at: None,
    }
}

pub fn overdue() -> Overdue {
    Overdue { deadline: at(100_000) }
}

pub fn started<E>(effect: E, attempt: u32) -> EffectStarted<E> {
    EffectStarted { effect, key: "key".to_owned(), of_version: 1, until: at(attempt.into()), attempt }
}

pub fn failed<E>(effect: E, attempt: u32) -> EffectFailed<E> {
    EffectFailed { effect, attempt, code: "PRT-001".to_owned(), not_sent: false }
}

pub fn refused<E>(effect: E, code: &str) -> EffectRejected<E> {
    EffectRejected { effect, rejection: Rejection::new(code, "no") }
}

/// The first fulfillment of the order, with these lines.
pub fn opened(lines: &[LineQuantity]) -> Opened {
    Opened {
        fulfillment: fulfillment_id(1),
        order: order_id(),
        sales_order: id("SO-1"),
        warehouse: id("eastco"),
        site: id("EAST"),
        service_level: ServiceLevel::Standard,
        requested_by: None,
        ship_to: PartyRef { order: order_id(), n: 1 },
        lines: lines.to_vec(),
        handling: BTreeMap::new(),
        deadlines: None,
        ordered_at: None,
    }
}

/// The same with deadlines: the answer after an hour, the departure after a day, news at least every two days.
pub fn watched(lines: &[LineQuantity]) -> Opened {
    let deadlines = Deadlines { acknowledge_by: at(60), depart_by: at(1_440), silence_hours: 48 };
    Opened { deadlines: Some(deadlines), ..opened(lines) }
}

/// The same, with line 1 as a kit of these components and pieces.
pub fn kit(lines: &[LineQuantity], parts: &[(&str, u32)]) -> Opened {
    let component =
        |(sku, per_kit): &(&str, u32)| Component { sku: id(sku), per_kit: NonZeroU32::new(*per_kit).unwrap() };
    let handling = Handling { kit: parts.iter().map(component).collect(), traced: None };
    Opened { handling: BTreeMap::from([(line_no(1), handling)]), ..opened(lines) }
}

/// The same, with lots or serial numbers required for line 1.
pub fn traceable(lines: &[LineQuantity], traced: Traced) -> Opened {
    let handling = Handling { kit: vec![], traced: Some(traced) };
    Opened { handling: BTreeMap::from([(line_no(1), handling)]), ..opened(lines) }
}

/// Pieces of another product for line 1, such as a component.
pub fn part(sku: &str, amount: u32) -> LineQuantity {
    LineQuantity { line: line_no(1), sku: id(sku), quantity: each(amount) }
}

pub fn accepted(reference: &str) -> FulfillmentCommand {
    FulfillmentCommand::RecordAccepted(Accepted { reference: id(reference) })
}

pub fn rejected(reason: &str) -> FulfillmentCommand {
    FulfillmentCommand::RecordRejected(Rejected { reason: reason.to_owned() })
}

pub fn withdrawn(reference: Option<&str>) -> FulfillmentCommand {
    FulfillmentCommand::RecordWithdrawn(Withdrawn { reference: reference.map(id) })
}

pub fn too_late() -> FulfillmentCommand {
    FulfillmentCommand::RecordWithdrawalRefused(Rejection::new("TOO_LATE", "it is being picked"))
}

pub fn closed(when: i64) -> FulfillmentCommand {
    FulfillmentCommand::RecordClosed(Closed { at: at(when), packages: Some(BTreeSet::new()) })
}

pub fn late(missing: Missing, due: i64) -> FulfillmentCommand {
    FulfillmentCommand::RaiseLate(opened(&[line_quantity(1, 3)]), Late { missing, due: at(due) })
}

/// The same report with lots, as (lot, pieces).
pub fn with_lots(packed: FulfillmentCommand, lots: &[(&str, u32)]) -> FulfillmentCommand {
    let of_lot = |(lot, amount): &(&str, u32)| TracedGoods { lot: Some(id(lot)), ..traced(*amount) };
    with_traced(packed, lots.iter().map(of_lot).collect())
}

/// The same report with serial numbers.
pub fn with_serials(packed: FulfillmentCommand, serials: &[&str]) -> FulfillmentCommand {
    let amount = u32::try_from(serials.len()).unwrap();
    let numbered = TracedGoods { serials: serials.iter().map(|serial| id(serial)).collect(), ..traced(amount) };
    with_traced(packed, vec![numbered])
}

fn traced(amount: u32) -> TracedGoods {
    TracedGoods { line: line_no(1), sku: id(&sku(1)), quantity: each(amount), lot: None, serials: Default::default() }
}

fn with_traced(packed: FulfillmentCommand, traced: Vec<TracedGoods>) -> FulfillmentCommand {
    let FulfillmentCommand::RecordPacked(packed) = packed else { return packed };
    FulfillmentCommand::RecordPacked(Packed { traced, ..packed })
}

pub fn packed(package: &str, when: i64, lines: &[LineQuantity], tracking: Option<&str>) -> FulfillmentCommand {
    FulfillmentCommand::RecordPacked(Packed {
        package: id(package),
        at: at(when),
        lines: lines.to_vec(),
        carrier: tracking.map(|_| id("UPS")),
        tracking: tracking.map(id),
        traced: vec![],
        unassigned: vec![],
    })
}

pub fn voided(package: &str, when: i64) -> FulfillmentCommand {
    FulfillmentCommand::RecordVoided(Voided { package: id(package), at: at(when) })
}

pub fn milestone(package: &str, when: i64, kind: MilestoneKind) -> FulfillmentCommand {
    FulfillmentCommand::RecordMilestone(Milestone {
        package: id(package),
        milestone: kind,
        at: at(when),
        code: (kind == MilestoneKind::Unknown).then(|| "XYZ".to_owned()),
        clock_ahead: false,
        carrier: None,
        tracking: None,
    })
}

pub fn goods_issued(package: &str, document: &str, lines: &[LineQuantity]) -> FulfillmentCommand {
    let issued = GoodsIssued { package: id(package), document: id(document), lines: lines.to_vec() };
    FulfillmentCommand::RecordGoodsIssued(issued)
}

/// The state of a new stream after `commands`.
pub fn begin<W: Workflow>(commands: impl IntoIterator<Item = W::Command>) -> W {
    let mut commands = commands.into_iter();
    let events = W::create(commands.next().unwrap()).unwrap();
    play(domain::workflow::fold::<W>(&events).unwrap(), commands)
}

/// The state after `command`. A refused command changes nothing.
pub fn apply<W: Workflow>(state: W, command: W::Command) -> W {
    let events = state.decide(command).unwrap_or_default();
    events.iter().fold(state, W::evolve)
}

/// The state after all of `commands`.
pub fn play<W: Workflow>(state: W, commands: impl IntoIterator<Item = W::Command>) -> W {
    commands.into_iter().fold(state, apply)
}

/// The first fulfillment, opened and with its request announced.
pub fn open(lines: &[LineQuantity]) -> Fulfillment {
    open_as(opened(lines))
}

/// The fulfillment `opened`, with its request announced.
pub fn open_as(opened: Opened) -> Fulfillment {
    let started = started(FulfillmentEffect::Request, 1);
    begin::<Fulfillment>([FulfillmentCommand::Open(opened, started)])
}

/// The commands from the submission to the release of an order of `lines` pieces. Both sites have all of the stock.
pub fn to_release(lines: &[u32]) -> Vec<OrderCommand> {
    let submission = submission(lines);
    let quote = quote(&submission, 1);
    let stock: Vec<(u32, [(&str, u32); 2])> =
        (1..).zip(lines).map(|(n, amount)| (n, [("EAST", *amount), ("WEST", *amount)])).collect();
    let stock: Vec<LineStock<'_>> = stock.iter().map(|(n, sources)| (*n, &sources[..], 0)).collect();
    vec![
        OrderCommand::Submit(submission),
        OrderCommand::RecordQuote(quote),
        OrderCommand::RecordCreditApproved(approved()),
        OrderCommand::RecordAllocation(allocation("AL-1", &stock)),
        OrderCommand::RecordRelease(released("SO-1")),
    ]
}

/// An order of `lines` pieces, routed to one warehouse for each entry of `fulfillments`.
pub fn routed(lines: &[u32], fulfillments: &[&[LineQuantity]]) -> Order {
    let assignments: Vec<Assignment> = (1..).zip(fulfillments).map(|(n, lines)| assignment(n, lines)).collect();
    let commands = to_release(lines).into_iter().chain([OrderCommand::RecordRouting(routing(&assignments))]);
    begin::<Order>(commands)
}

/// A site that ships to the United States; its cut-off is 15:00 in New York.
pub fn site(code: &str, cost: u32, home_regions: &[&str]) -> Site {
    Site {
        warehouse: id(if code == "WEST" { "shipwest" } else { "eastco" }),
        code: id(code),
        serves: vec![Territory {
            country: "US".to_owned(),
            home_regions: home_regions.iter().map(|region| (*region).to_owned()).collect(),
        }],
        service_levels: vec![ServiceLevel::Standard],
        cut_off: jiff::civil::time(15, 0, 0, 0),
        time_zone: jiff::tz::TimeZone::get("America/New_York").unwrap(),
        holidays: vec![],
        cost,
        kits: BTreeMap::new(),
        traced: BTreeMap::new(),
        on_short: ShortPolicy::Backorder,
        promises: BTreeMap::new(),
    }
}

/// Every permutation of `items`.
pub fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![vec![]];
    }
    let without = |i: usize| items.iter().take(i).chain(items.iter().skip(i + 1)).cloned().collect::<Vec<T>>();
    let starting_with =
        |i: usize| permutations(&without(i)).into_iter().map(move |rest| [vec![items[i].clone()], rest].concat());
    (0..items.len()).flat_map(starting_with).collect()
}

/// The decision table of a workflow: for every command, the answers and the stages that give them. An answer is the
/// names of the events, `-` for none, or `!` and the code of a rejection. Every stage is listed once under every
/// command.
pub fn table<W: Workflow>(
    stages: Vec<(&'static str, W)>,
    first: W::Command,
    after: impl Fn(&W::Command) -> Option<W::Command>,
    name: impl Fn(&W::Command) -> &'static str,
) -> String {
    let answer = |state: &Option<W>, command: &W::Command| match decide(state.as_ref(), command.clone()) {
        Err(rejection) => format!("!{}", rejection.code),
        Ok(events) if events.is_empty() => "-".to_owned(),
        Ok(events) => events.iter().map(kind_of).collect::<Vec<_>>().join("+"),
    };
    let absent = std::iter::once(("absent", None));
    let stages: Vec<(&str, Option<W>)> =
        absent.chain(stages.into_iter().map(|(stage, state)| (stage, Some(state)))).collect();
    let mut text = String::new();
    let mut command = Some(first);
    while let Some(this) = command {
        let mut answers: Vec<(String, Vec<&str>)> = Vec::new();
        for (stage, state) in &stages {
            let answer = answer(state, &this);
            match answers.iter_mut().find(|(other, _)| *other == answer) {
                Some((_, stages)) => stages.push(stage),
                None => answers.push((answer, vec![stage])),
            }
        }
        text.push_str(&format!("{}\n", name(&this)));
        for (answer, stages) in answers {
            text.push_str(&format!("  {answer}: {}\n", stages.join(" ")));
        }
        command = after(&this);
    }
    text
}

/// The event's name without the name of its workflow.
fn kind_of(event: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(event).unwrap();
    value["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned()
}
