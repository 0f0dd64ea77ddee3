//! Read models: what people and partners' portals see of an order. Pure functions of folded streams.

use std::collections::BTreeMap;

use domain::order::{Ladder, PackageSummary, Standing, Status};
use domain::review::Review;
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
    pub lines: Vec<Ladder>,
    /// The ERP's sales order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sales_order: Option<String>,
    /// The ERP's invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// Who ships what.
    pub fulfillments: Vec<Share>,
    /// Decisions that wait for somebody.
    pub open_reviews: Vec<Review>,
}

/// One warehouse's share, as a reader of the order sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// Our name for it.
    pub id: FulfillmentId,
    /// The 3PL.
    pub warehouse: String,
    /// Which of its sites.
    pub site: String,
    /// The warehouse's word.
    pub standing: Standing,
    /// What, in stock-keeping units.
    pub lines: Vec<domain::order::Share>,
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

/// An order in full, with its shares' own reviews.
pub fn detail(order: &Order, version: u64, changed: Timestamp, shares: &[Fulfillment]) -> Option<Detail> {
    let known = order.known()?;
    let mut open_reviews = known.reviews();
    open_reviews.extend(shares.iter().filter_map(Fulfillment::known).flat_map(|share| share.reviews()));
    let share = |assignment: &domain::order::Assignment| {
        let progress = known.progress.get(&assignment.fulfillment);
        Share {
            id: assignment.fulfillment.clone(),
            warehouse: assignment.warehouse.to_string(),
            site: assignment.site.to_string(),
            standing: progress.map_or(Standing::Requested, |progress| progress.standing),
            lines: assignment.lines.clone(),
            packages: progress.map_or_else(Vec::new, |progress| progress.packages.clone()),
        }
    };
    Some(Detail {
        summary: Summary { reviews: open_reviews.len(), ..summary(order, changed)? },
        version,
        lines: known.ladders(),
        sales_order: known.sales_order().map(ToString::to_string),
        invoice: known.invoice().map(|invoiced| invoiced.invoice.to_string()),
        fulfillments: known.assignments.values().map(share).collect(),
        open_reviews,
    })
}

/// The part of the rows that hold a stream's decisions: one row for all of them, so that a decided one leaves with the next
/// version and none is left over.
pub const REVIEWS: &str = "reviews";

/// The rows that lists are made of: the order itself, and each decision that waits.
pub fn rows(order: &Order, version: u64, changed: Timestamp) -> Vec<ViewRow> {
    let Some(summary) = summary(order, changed) else { return Vec::new() };
    let document = serde_json::to_string(&summary).unwrap_or_default();
    // By when it was ordered, which never changes: the index is written only when the status is, and a page stays a page.
    let rank = format!("{}/{}", sortable(summary.ordered_at), summary.id);
    let key = format!("order/{}", summary.id);
    let list = format!("order/{}", summary.status.as_str());
    let row = ViewRow { key: key.clone(), part: "summary".to_owned(), version, list, rank: rank.clone(), document };
    let reviews = order.known().map(|known| known.reviews()).unwrap_or_default();
    let list = if reviews.is_empty() { String::new() } else { "review/open".to_owned() };
    let document = serde_json::to_string(&reviews).unwrap_or_default();
    vec![row, ViewRow { key, part: REVIEWS.to_owned(), version, list, rank, document }]
}

/// The row of a share's own decisions: what its packages, the warehouse and the ERP leave to somebody. The order does not
/// know of them.
pub fn share_rows(share: &Fulfillment, version: u64, changed: Timestamp) -> Vec<ViewRow> {
    let Some(known) = share.known() else { return Vec::new() };
    let id = &known.opened.fulfillment;
    let reviews = known.reviews();
    vec![ViewRow {
        key: format!("fulfillment/{id}"),
        part: REVIEWS.to_owned(),
        version,
        list: if reviews.is_empty() { String::new() } else { "review/open".to_owned() },
        rank: format!("{}/{id}", sortable(changed)),
        document: serde_json::to_string(&reviews).unwrap_or_default(),
    }]
}

/// An order's and its shares' commits as one timeline, oldest first.
///
/// # Errors
/// A commit that cannot be read.
pub fn timeline(order: &[Commit], shares: &[Vec<Commit>], now: Timestamp) -> Result<Vec<Entry>, Failure> {
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
    for commits in shares {
        let mut warehouse = String::new();
        for commit in commits {
            for event in events_of::<Fulfillment>(commit, now)? {
                if let FulfillmentEvent::Opened(opened) = &event {
                    warehouse = opened.warehouse.to_string();
                }
                let (system, text, at) = tell_share(&event, &warehouse, commit.at);
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
            let standing = || format!("{:?}", progress.standing).to_lowercase();
            let far = if progress.shipped.is_empty() { standing() } else { sums(progress) };
            (ours, format!("{}: {far}", progress.fulfillment))
        }
        OrderEvent::Told(told) => ("crm", format!("shows version {}", told.version)),
        OrderEvent::Invoiced(invoiced) => ("erp", format!("invoice {} over {}", invoiced.invoice, invoiced.total)),
        OrderEvent::CancelRequested(request) => (ours, format!("cancellation asked for: {}", request.reason)),
        OrderEvent::RequestRejected(why) => (ours, format!("request refused: {why}")),
        OrderEvent::Overdue(overdue) => (ours, format!("not done by {}", overdue.deadline)),
        OrderEvent::Sending(sending) => (ours, sending_text(sending)),
        OrderEvent::Faltered(faltered) => (ours, faltered_text(faltered)),
        OrderEvent::EffectRefused(refused) => ("erp", refused_text(refused)),
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

fn sending_text(sending: &domain::Sending) -> String {
    format!("about to {}, try {}, key {}", deed(&sending.effect), sending.attempt, sending.key)
}

fn faltered_text(faltered: &domain::Faltered) -> String {
    let what = if faltered.unsent { "did not reach the partner" } else { "no usable answer" };
    format!("{what} when about to {}: {}", deed(&faltered.effect), faltered.code)
}

fn refused_text(refused: &domain::EffectRefused) -> String {
    format!("refused to {}: {}", deed(&refused.effect), refused.rejection)
}

/// What an effect is, for people, behind "to".
fn deed(effect: &Effect) -> String {
    match effect {
        Effect::Allocate => "set stock aside".to_owned(),
        Effect::CreateSalesOrder => "create the sales order".to_owned(),
        Effect::RequestFulfillment => "ask the warehouse to ship".to_owned(),
        Effect::PostGoodsIssue { package } => format!("post the goods issue of package {package}"),
        Effect::Invoice => "invoice".to_owned(),
    }
}

fn tell_share(event: &FulfillmentEvent, warehouse: &str, at: Timestamp) -> (String, String, Timestamp) {
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
        FulfillmentEvent::GoodsIssued(issued) => {
            ("erp".to_owned(), format!("goods issue {} for package {}", issued.document, issued.package), at)
        }
        FulfillmentEvent::Sending(sending) => (ours(), sending_text(sending), at),
        FulfillmentEvent::Faltered(faltered) => (ours(), faltered_text(faltered), at),
        FulfillmentEvent::EffectRefused(refused) => {
            let by_the_erp = matches!(refused.effect, Effect::PostGoodsIssue { .. });
            (if by_the_erp { "erp" } else { warehouse }.to_owned(), refused_text(refused), at)
        }
    }
}
