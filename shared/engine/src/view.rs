//! Read models: what people and partners' portals see of an order. Pure functions of folded streams.

use std::collections::BTreeMap;

use domain::fulfillment::Missing;
use domain::order::{LineQuantities, PackageSummary, RequestStatus, Status, WithdrawalReason};
use domain::review::{Choice, Decision, Review, ReviewKind};
use domain::{Effect, Fulfillment, FulfillmentEvent, FulfillmentId, Money, Order, OrderEvent, OrderId, Workflow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::journal::{Commit, events_of};
use crate::stores::{ViewRow, sortable};

/// An order in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Our id.
    pub id: OrderId,
    /// Where it stands.
    pub status: Status,
    /// Which system it came from, and what that calls it.
    pub source: String,
    /// What the source calls it.
    pub external_id: String,
    /// The sold-to customer.
    pub customer: String,
    /// Their number for it.
    pub customer_po: String,
    /// What they owe, once it is priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How many decisions wait for somebody.
    pub reviews: usize,
}

/// One order, in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detail {
    /// As in a list.
    #[serde(flatten)]
    pub summary: Summary,
    /// The journal's version that this was read from.
    pub version: u64,
    /// Where each line's quantity stands.
    pub lines: Vec<LineQuantities>,
    /// The ERP's sales order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sales_order: Option<String>,
    /// The ERP's invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// Who ships what.
    pub fulfillments: Vec<FulfillmentView>,
    /// Decisions that wait for somebody.
    pub open_reviews: Vec<OpenReview>,
}

/// A decision that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenReview {
    /// What it is decided under: `<order or fulfillment>.<review>`.
    pub id: String,
    /// What it is about.
    pub kind: ReviewKind,
    /// Why, for people.
    pub reason: String,
    /// What can be decided.
    pub options: Vec<Choice>,
    /// Since when it waits.
    pub since: Timestamp,
    /// By when somebody should have decided.
    pub decide_by: Timestamp,
}

/// A workflow that leaves decisions to people.
pub trait Reviewed: Workflow {
    /// Those that wait now.
    fn reviews(&self) -> Vec<Review>;

    /// What may be decided of one.
    fn options(kind: ReviewKind) -> &'static [Choice];
}

impl Reviewed for Order {
    fn reviews(&self) -> Vec<Review> {
        self.known().map(|known| known.reviews()).unwrap_or_default()
    }

    fn options(kind: ReviewKind) -> &'static [Choice] {
        kind.options()
    }
}

impl Reviewed for Fulfillment {
    fn reviews(&self) -> Vec<Review> {
        self.known().map(|known| known.reviews()).unwrap_or_default()
    }

    fn options(kind: ReviewKind) -> &'static [Choice] {
        kind.options_of_fulfillment()
    }
}

/// A stream, folded with an eye on what it left to people and since when.
#[derive(Debug, Clone)]
pub struct TimedFold<W> {
    /// What it is.
    pub state: W,
    /// How many commits it has.
    pub version: u64,
    /// When it last changed.
    pub changed: Timestamp,
    /// Whether it ever left a decision to somebody.
    pub ever_waited: bool,
    since: BTreeMap<String, Timestamp>,
}

impl<W: Reviewed> TimedFold<W> {
    /// Folds commits; `None` where there are none.
    ///
    /// # Errors
    /// A commit that cannot be read.
    pub fn of(commits: &[Commit], now: Timestamp) -> Result<Option<Self>, Failure> {
        let (mut state, mut since, mut ever_waited) = (W::default(), BTreeMap::new(), false);
        for commit in commits {
            state = events_of::<W>(commit, now)?.iter().fold(state, W::evolve);
            let open: Vec<String> = state.reviews().iter().map(Review::key).collect();
            since.retain(|key, _| open.contains(key));
            ever_waited |= !open.is_empty();
            for key in open {
                since.entry(key).or_insert(commit.at);
            }
        }
        let Some(newest) = commits.last() else { return Ok(None) };
        Ok(Some(Self { state, version: newest.version, changed: newest.at, ever_waited, since }))
    }

    /// What waits for a decision, by when it should have one.
    fn open_reviews(&self, stream: &str) -> Vec<OpenReview> {
        let item = |review: Review| {
            let since = self.since.get(&review.key()).copied().unwrap_or(self.changed);
            OpenReview {
                id: format!("{stream}.{}", review.key()),
                kind: review.kind,
                options: W::options(review.kind).to_vec(),
                since,
                decide_by: since.checked_add(review.kind.patience()).unwrap_or(Timestamp::MAX),
                reason: review.reason,
            }
        };
        let mut reviews: Vec<OpenReview> = self.state.reviews().into_iter().map(item).collect();
        reviews.sort_by(|a, b| (a.decide_by, &a.id).cmp(&(b.decide_by, &b.id)));
        reviews
    }
}

/// One warehouse's fulfillment, as a reader of the order sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FulfillmentView {
    /// Our name for it.
    pub id: FulfillmentId,
    /// The 3PL.
    pub warehouse: String,
    /// Which of its sites.
    pub site: String,
    /// The warehouse's word.
    pub request_status: RequestStatus,
    /// What, in stock-keeping units.
    pub lines: Vec<domain::order::LineQuantity>,
    /// Its packages.
    pub packages: Vec<PackageSummary>,
}

/// Something that happened to an order, as its timeline tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened; for a milestone, when the carrier says it did.
    pub at: Timestamp,
    /// When we wrote it down.
    pub recorded_at: Timestamp,
    /// In which system: `crossdock`, `crm`, `erp`, or the warehouse's name.
    pub system: String,
    /// The event, such as `order.priced`.
    pub event: String,
    /// For people.
    pub text: String,
    /// The order's status after it, where that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Which stream and version: where to look it up.
    pub stream: String,
    /// Which commit.
    pub version: u64,
    /// What made us write it.
    pub cause: String,
    /// From the first byte to the last partner call.
    pub correlation_id: String,
}

/// An order's summary; `None` for an order that was never submitted. `changed` is its newest commit's time.
pub fn summary(order: &Order, changed: Timestamp) -> Option<Summary> {
    let known = order.known()?;
    let submission = &known.submission;
    Some(Summary {
        id: known.id().clone(),
        status: known.status(),
        source: submission.source.to_string(),
        external_id: submission.external_id.to_string(),
        customer: submission.customer.to_string(),
        customer_po: submission.customer_po.to_string(),
        total: known.price().map(|price| price.total),
        ordered_at: submission.ordered_at,
        updated_at: changed,
        reviews: known.reviews().len(),
    })
}

/// An order in full, with its fulfillments' own reviews.
pub fn detail(order: &TimedFold<Order>, fulfillments: &[TimedFold<Fulfillment>]) -> Option<Detail> {
    let known = order.state.known()?;
    let mut open_reviews = order.open_reviews(known.id().as_str());
    for seen in fulfillments {
        open_reviews
            .extend(seen.state.known().into_iter().flat_map(|s| seen.open_reviews(&s.opened.fulfillment.to_string())));
    }
    let fulfillment = |assignment: &domain::order::Assignment| {
        let progress = known.progress.get(&assignment.fulfillment);
        FulfillmentView {
            id: assignment.fulfillment.clone(),
            warehouse: assignment.warehouse.to_string(),
            site: assignment.site.to_string(),
            request_status: progress.map_or(RequestStatus::Requested, |progress| progress.request_status),
            lines: assignment.lines.clone(),
            packages: progress.map_or_else(Vec::new, |progress| progress.packages.clone()),
        }
    };
    Some(Detail {
        summary: Summary { reviews: open_reviews.len(), ..summary(&order.state, order.changed)? },
        version: order.version,
        lines: known.line_quantities(),
        sales_order: known.sales_order().map(ToString::to_string),
        invoice: known.invoice().map(|invoiced| invoiced.invoice.to_string()),
        fulfillments: known.assignments.values().map(fulfillment).collect(),
        open_reviews,
    })
}

/// The part of the rows that hold a stream's decisions: one row for all of them, so that a decided one leaves with the next
/// version and none is left over.
pub const REVIEWS: &str = "reviews";

/// The list of streams that wait for a decision.
pub const OPEN_REVIEWS: &str = "review/open";

/// The rows that lists are made of: the order itself, and the decisions that it waits for.
pub fn rows(order: &TimedFold<Order>) -> Vec<ViewRow> {
    let Some(summary) = summary(&order.state, order.changed) else { return Vec::new() };
    let document = serde_json::to_string(&summary).unwrap_or_default();
    // By when it was ordered, which never changes: the index is written only when the status is, and a page stays a page.
    let rank = format!("{}/{}", sortable(summary.ordered_at), summary.id);
    let key = format!("order/{}", summary.id);
    let list = format!("order/{}", summary.status.as_str());
    let row = ViewRow { key: key.clone(), part: "summary".to_owned(), version: order.version, list, rank, document };
    std::iter::once(row).chain(review_row(order, key, summary.id.as_str())).collect()
}

/// The row of a fulfillment's own decisions: what its packages, the warehouse and the ERP leave to somebody. The order does not
/// know of them.
pub fn fulfillment_rows(fulfillment: &TimedFold<Fulfillment>) -> Vec<ViewRow> {
    let Some(known) = fulfillment.state.known() else { return Vec::new() };
    let id = known.opened.fulfillment.to_string();
    review_row(fulfillment, format!("fulfillment/{id}"), &id).into_iter().collect()
}

/// All decisions of one stream, ranked by the first that is due. An empty row is written only where an earlier one was not:
/// most streams never need a decision, and a row that says so would be written at each of their commits.
fn review_row<W: Reviewed>(seen: &TimedFold<W>, key: String, id: &str) -> Option<ViewRow> {
    let reviews = seen.open_reviews(id);
    let first = reviews.first().map_or(seen.changed, |review| review.decide_by);
    seen.ever_waited.then(|| ViewRow {
        key,
        part: REVIEWS.to_owned(),
        version: seen.version,
        list: if reviews.is_empty() { String::new() } else { OPEN_REVIEWS.to_owned() },
        rank: format!("{}/{id}", soonest_first(first)),
        document: serde_json::to_string(&reviews).unwrap_or_default(),
    })
}

/// A rank for lists, which show the highest first, that puts the earliest time there.
fn soonest_first(at: Timestamp) -> String {
    const FAR: i64 = 10_000_000_000_000;
    format!("{:014}", FAR - at.as_millisecond())
}

/// An order's and its fulfillments' commits as one timeline, oldest first.
///
/// # Errors
/// A commit that cannot be read.
pub fn timeline(order: &[Commit], fulfillments: &[Vec<Commit>], now: Timestamp) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut state = Order::default();
    for commit in order {
        for event in events_of::<Order>(commit, now)? {
            let before = state.known().map(|known| known.status());
            state = state.evolve(&event);
            let after = state.known().map(|known| known.status());
            let (system, text) = tell_order(&event, &state);
            let mut entry = entry(commit, kind_of(&event), system, text, commit.at);
            entry.status = after.filter(|_| before != after);
            entries.push(entry);
        }
    }
    for commits in fulfillments {
        let mut warehouse = String::new();
        for commit in commits {
            for event in events_of::<Fulfillment>(commit, now)? {
                if let FulfillmentEvent::Opened(opened) = &event {
                    warehouse = opened.warehouse.to_string();
                }
                let (system, text, at) = describe_fulfillment(&event, &warehouse, commit.at);
                entries.push(entry(commit, kind_of(&event), &system, text, at));
            }
        }
    }
    entries.sort_by(|a, b| (a.recorded_at, &a.stream, a.version).cmp(&(b.recorded_at, &b.stream, b.version)));
    Ok(entries)
}

fn entry(commit: &Commit, event: String, system: &str, text: String, at: Timestamp) -> Entry {
    Entry {
        at,
        recorded_at: commit.at,
        system: system.to_owned(),
        event,
        text,
        status: None,
        stream: commit.stream.clone(),
        version: commit.version,
        cause: commit.cause.clone(),
        correlation_id: commit.correlation.clone(),
    }
}

/// The event's name on the bus: serde knows it.
fn kind_of(event: &impl Serialize) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    value.get("type").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned()
}

fn tell_order<'a>(event: &OrderEvent, order: &'a Order) -> (&'a str, String) {
    let source = order.known().map_or("crossdock", |known| known.submission.source.as_str());
    let ours = "crossdock";
    match event {
        OrderEvent::Submitted(s) => (source, format!("ordered as {} with {} lines", s.external_id, s.lines.len())),
        OrderEvent::SubmissionConflicted(c) => {
            (ours, format!("{} sent it again as {}, with other content", c.source, c.external_id))
        }
        OrderEvent::Priced(price) => ("erp", format!("priced at {}, of which tax {}", price.total, price.tax)),
        OrderEvent::Unpriceable(why) => ("erp", format!("cannot be priced: {why}")),
        OrderEvent::CreditApproved(credit) => ("erp", format!("credit granted for {}", credit.amount)),
        OrderEvent::CreditRefused(credit) => ("erp", format!("credit refused: {}", credit.reason)),
        OrderEvent::Allocated(allocation) => ("erp", format!("stock set aside as {}", allocation.number)),
        OrderEvent::Released(released) => ("erp", format!("sales order {}", released.sales_order)),
        OrderEvent::Routed(routed) => {
            let chosen = routed.candidates.iter().filter(|candidate| candidate.chosen);
            let names: Vec<String> = chosen.map(|c| format!("{} {}", c.warehouse, c.site)).collect();
            (ours, format!("routed to {}", names.join(" and ")))
        }
        OrderEvent::Unroutable(routed) => {
            (ours, format!("cannot be routed: {}", domain::routing::explain(&routed.candidates)))
        }
        OrderEvent::Assigned(a) => {
            (ours, format!("{} goes to {} {}, to leave by {}", a.fulfillment, a.warehouse, a.site, a.ship_by))
        }
        OrderEvent::FulfillmentProgressed(progress) => {
            let request_status = || format!("{:?}", progress.request_status).to_lowercase();
            let far = if progress.shipped.is_empty() { request_status() } else { sums(progress) };
            (ours, format!("{}: {far}", progress.fulfillment))
        }
        OrderEvent::CrmUpdated(told) => ("crm", format!("shows version {}", told.version)),
        OrderEvent::Invoiced(invoiced) => ("erp", format!("invoice {} over {}", invoiced.invoice, invoiced.total)),
        OrderEvent::CancelRequested(request) => (ours, format!("cancellation asked for: {}", request.reason)),
        OrderEvent::Held(held) => (ours, format!("put on hold: {}", held.reason)),
        OrderEvent::HoldReleased(released) => (ours, format!("hold released: {}", released.reason)),
        OrderEvent::AmendRequested(amendment) => {
            (ours, format!("amendment {} waits for the warehouses: {}", amendment.revision, amendment.reason))
        }
        OrderEvent::Amended(amendment) => {
            (ours, format!("amendment {}, {} lines: {}", amendment.revision, amendment.lines.len(), amendment.reason))
        }
        OrderEvent::AmendRejected(no) => (ours, format!("amendment {} not possible: {}", no.revision, no.rejection)),
        OrderEvent::WithdrawalRequested(back) => {
            let why = match back.why {
                WithdrawalReason::Cancelled => "the order is cancelled",
                WithdrawalReason::Held => "the order is held",
                WithdrawalReason::Amended => "the order is to say something else",
                WithdrawalReason::NoResponse => "the warehouse did not answer",
                WithdrawalReason::TakenLate => "the warehouse took it after it was given up",
            };
            (ours, format!("{} asked back: {why}", back.fulfillment))
        }
        OrderEvent::CreditExpired(credit) => (ours, format!("credit ran out at {}", credit.valid_until)),
        OrderEvent::StockArrived(stock) => {
            let lines: Vec<String> =
                stock.lines.iter().map(|goods| format!("{} of line {}", goods.quantity, goods.line)).collect();
            ("erp", format!("has stock again: {}", lines.join(", ")))
        }
        OrderEvent::Deallocated(released) => ("erp", format!("stock of part {} given back", released.part)),
        OrderEvent::SalesOrderCancelled(gone) => match &gone.sales_order {
            Some(number) => ("erp", format!("sales order {number} cancelled")),
            None => ("erp", "has no sales order to cancel".to_owned()),
        },
        OrderEvent::OrphanDocument(made) => ("erp", format!("made {} in vain; it is to be undone", made.document)),
        OrderEvent::ReviewDecided(decision) => (ours, decision_text(decision)),
        OrderEvent::CustomerNotice(envelope) => {
            let template = serde_json::to_value(envelope.template).unwrap_or_default();
            (ours, format!("the customer is to be told: {}", template.as_str().unwrap_or_default()))
        }
        OrderEvent::RequestRejected(why) => (ours, format!("request refused: {why}")),
        OrderEvent::Overdue(overdue) => (ours, format!("not done by {}", overdue.deadline)),
        OrderEvent::EffectStarted(started) => (ours, started_text(started)),
        OrderEvent::EffectFailed(failed) => (ours, failed_text(failed)),
        OrderEvent::EffectRejected(refused) => ("erp", refused_text(refused)),
    }
}

fn sums(progress: &domain::order::Progress) -> String {
    let told = |name: &str, lines: &BTreeMap<domain::LineNo, domain::Quantity>| {
        let lines: Vec<String> = lines.iter().map(|(line, quantity)| format!("{quantity} of line {line}")).collect();
        if lines.is_empty() { String::new() } else { format!("{name} {}", lines.join(", ")) }
    };
    let parts = [told("shipped", &progress.shipped), told("delivered", &progress.delivered)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn decision_text(decision: &Decision) -> String {
    let Decision { kind, choice, by, note, .. } = decision;
    let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
    format!("{} decided by {by}: {}{note}", kind.as_str(), choice.as_str())
}

fn started_text(started: &domain::EffectStarted) -> String {
    format!("about to {}, try {}, key {}", describe(&started.effect), started.attempt, started.key)
}

fn failed_text(failed: &domain::EffectFailed) -> String {
    let what = if failed.not_sent { "did not reach the partner" } else { "no usable answer" };
    format!("{what} when about to {}: {}", describe(&failed.effect), failed.code)
}

fn refused_text(refused: &domain::EffectRejected) -> String {
    format!("refused to {}: {}", describe(&refused.effect), refused.rejection)
}

/// What an effect is, for people, behind "to".
fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Allocate { part: 1 } => "set stock aside".to_owned(),
        Effect::Allocate { part } => format!("set stock aside, part {part}"),
        Effect::Deallocate { part } => format!("give stock back, part {part}"),
        Effect::CreateSalesOrder => "create or change the sales order".to_owned(),
        Effect::CancelSalesOrder => "cancel the sales order".to_owned(),
        Effect::WithdrawFulfillment => "ask the warehouse to give the fulfillment back".to_owned(),
        Effect::RequestFulfillment => "ask the warehouse to ship".to_owned(),
        Effect::PostGoodsIssue { package } => format!("post the goods issue of package {package}"),
        Effect::Invoice => "invoice".to_owned(),
    }
}

fn describe_fulfillment(event: &FulfillmentEvent, warehouse: &str, at: Timestamp) -> (String, String, Timestamp) {
    let ours = || "crossdock".to_owned();
    match event {
        FulfillmentEvent::Opened(opened) => (ours(), format!("{} opened for {warehouse}", opened.fulfillment), at),
        FulfillmentEvent::Accepted(accepted) => {
            (warehouse.to_owned(), format!("accepted as {}", accepted.reference), at)
        }
        FulfillmentEvent::Rejected(rejected) => (warehouse.to_owned(), format!("refused: {}", rejected.reason), at),
        FulfillmentEvent::PackagePacked(packed) => {
            let tracking = packed.tracking.as_ref().map_or(String::new(), |tracking| format!(", tracking {tracking}"));
            (warehouse.to_owned(), format!("packed package {}{tracking}", packed.package), packed.at)
        }
        FulfillmentEvent::PackageVoided(voided) => {
            (warehouse.to_owned(), format!("voided package {}", voided.package), voided.at)
        }
        FulfillmentEvent::MilestoneRecorded(milestone) => {
            let code = milestone.code.as_ref().map_or(String::new(), |code| format!(" ({code})"));
            let text = format!("package {} {}{code}", milestone.package, milestone.milestone.as_str());
            (warehouse.to_owned(), text, milestone.at)
        }
        FulfillmentEvent::Closed(closed) => (warehouse.to_owned(), "packs no more of it".to_owned(), closed.at),
        FulfillmentEvent::Withdrawn(withdrawn) => {
            let text = match &withdrawn.reference {
                Some(reference) => format!("gave {reference} back unshipped"),
                None => "does not have it".to_owned(),
            };
            (warehouse.to_owned(), text, at)
        }
        FulfillmentEvent::WithdrawalRefused(why) => (warehouse.to_owned(), format!("did not give it back: {why}"), at),
        FulfillmentEvent::Late(late) => {
            let missing = match &late.missing {
                Missing::Acknowledgement => "a yes or no".to_owned(),
                Missing::Departure => "the departure".to_owned(),
                Missing::News { package } => format!("news of package {package}"),
            };
            (ours(), format!("{missing} did not come by {}", late.due), at)
        }
        FulfillmentEvent::ReviewDecided(decision) => (ours(), decision_text(decision), at),
        FulfillmentEvent::GoodsIssued(issued) => {
            ("erp".to_owned(), format!("goods issue {} for package {}", issued.document, issued.package), at)
        }
        FulfillmentEvent::EffectStarted(started) => (ours(), started_text(started), at),
        FulfillmentEvent::EffectFailed(failed) => (ours(), failed_text(failed), at),
        FulfillmentEvent::EffectRejected(refused) => {
            let by_the_erp = matches!(refused.effect, Effect::PostGoodsIssue { .. });
            (if by_the_erp { "erp" } else { warehouse }.to_owned(), refused_text(refused), at)
        }
    }
}
