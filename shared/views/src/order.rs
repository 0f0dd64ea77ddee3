//! Read models of an order: its row in lists, its details, and its timeline across all systems.

use std::collections::BTreeMap;

use domain::order::{
    Alias, Held, InvoiceDisagreed, Invoiced, LineQuantities, LineQuantity, Listing, OrderReview, Status, Submission,
    WithdrawalReason,
};
use domain::returnable::Reservation;
use domain::shipment::{PackageSummary, Progress, RequestStatus};
use domain::workflow::evolve;
use domain::{ExternalId, Fulfillment, FulfillmentId, Money, Order, OrderEvent, OrderId, PartnerId};
use engine::http::Grant;
use engine::journal::events_of;
use engine::stores::{ViewRow, sortable};
use engine::{Commit, Failure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reference::Reference;
use crate::{Entry, OURS, OpenReview, TimedFold, decision_text, failed_text, rejected_text, started_text};

/// An order's row in lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Crossdock's id of the order.
    pub id: OrderId,
    /// The status, computed from the order's state.
    pub status: Status,
    /// The system that submitted the order: a CRM or an API client.
    pub source: String,
    /// The order's id in that system.
    pub external_id: String,
    /// What other submissions called it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Name>,
    /// The sold-to customer's number.
    pub customer: String,
    /// The customer's purchase order number.
    pub customer_po: String,
    /// The order's total, tax included; `None` until it is priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// When the customer ordered, by the sender's clock.
    pub ordered_at: Timestamp,
    /// The newest commit's time; in lists, that of the newest commit that changed what they show.
    pub updated_at: Timestamp,
    /// The number of open reviews; in lists, without those of the fulfillments.
    pub reviews: usize,
}

/// A name of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Name {
    /// Crossdock's id of the order, or its alias.
    pub id: OrderId,
    /// The system that calls it so.
    pub source: String,
    /// The order's id in that system.
    pub external_id: String,
}

/// What a client with `grant` calls the order: by its own submission where it sees its own orders only.
pub fn known_as(order: &Order, grant: &Grant) -> Name {
    let submission = &order.terms.submission;
    let own = grant.client().and_then(|client| order.name_by(client).map(|name| (client, name)));
    let (source, (id, external_id)) =
        own.unwrap_or((submission.source.as_str(), (order.id(), &submission.external_id)));
    Name { id: id.clone(), source: source.to_owned(), external_id: external_id.to_string() }
}

/// A row's document as a client with `grant` sees it; `None` if the order is none of the client's. It stays a value, because a
/// newer release may have written it.
pub fn listed(mut row: Value, grant: &Grant) -> Option<Value> {
    let Some(client) = grant.client() else { return Some(row) };
    let members = row.as_object_mut()?;
    let aliases = members.remove("aliases");
    if members.get("source").and_then(Value::as_str) == Some(client) {
        return Some(row);
    }
    let aliases = aliases.as_ref().and_then(Value::as_array)?;
    let own = aliases.iter().find(|alias| alias.get("source").and_then(Value::as_str) == Some(client))?;
    members.extend(own.as_object()?.clone());
    Some(row)
}

/// One order with all details.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detail {
    /// As in lists, but with the fulfillments' reviews in the count.
    #[serde(flatten)]
    pub summary: Summary,
    /// The version of the order's newest commit.
    pub version: u64,
    /// Each line with its quantities: ordered, open, shipped and so on.
    pub lines: Vec<LineQuantities>,
    /// The number of the ERP's sales order; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sales_order: Option<String>,
    /// The number of the ERP's invoice; `None` before it is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// All fulfillments that were ever assigned.
    pub fulfillments: Vec<FulfillmentView>,
    /// The holds in effect, one for each party that holds the order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldView>,
    /// The open reviews of the order and its fulfillments.
    pub open_reviews: Vec<OpenReview>,
}

/// A hold in an order's details.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HoldView {
    /// The partner or API client that holds the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// The holder's words.
    pub reason: String,
    /// When it was requested, by the holder's clock, where it gave a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

/// A fulfillment in an order's details.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FulfillmentView {
    /// Crossdock's id, which the warehouse gets as the reference.
    pub id: FulfillmentId,
    /// The 3PL's name in the registry.
    pub warehouse: String,
    /// The 3PL's site that ships.
    pub site: String,
    /// How far the request to the warehouse is.
    pub request_status: RequestStatus,
    /// The requested quantities, in stock-keeping units.
    pub lines: Vec<LineQuantity>,
    /// The packages without the voided ones.
    pub packages: Vec<PackageSummary>,
}

/// The summary of an order, with all its names. `changed` is its newest commit's time, and in lists that of the newest commit
/// that changed what they show.
pub fn summary(order: &Order, changed: Timestamp) -> Summary {
    let Listing { id, status, source, external_id, aliases, customer, customer_po, total, ordered_at, reviews } =
        order.listing();
    Summary {
        id: id.clone(),
        status,
        source: source.to_string(),
        external_id: external_id.to_string(),
        aliases: aliases.iter().map(name).collect(),
        customer: customer.to_string(),
        customer_po: customer_po.to_string(),
        total,
        ordered_at,
        updated_at: changed,
        reviews,
    }
}

fn name((id, alias): (&OrderId, &Alias)) -> Name {
    let Alias { source, external_id } = alias;
    Name { id: id.clone(), source: source.to_string(), external_id: external_id.to_string() }
}

/// The details of an order, with the reviews of its fulfillments, as a client with `grant` sees them.
pub fn detail(order: &TimedFold<Order>, fulfillments: &[TimedFold<Fulfillment>], grant: &Grant) -> Detail {
    let state = &order.state;
    let folded = |id: &FulfillmentId| fulfillments.iter().find(|it| it.state.opened.fulfillment == *id);
    let mut open_reviews = order.open_reviews(state.id().as_str());
    open_reviews.extend(fulfillments.iter().flat_map(crate::fulfillment::open_reviews));
    let is_own = grant.client().is_some();
    for review in open_reviews.iter_mut().filter(|_| is_own) {
        if review.kind == OrderReview::ConflictingSubmission.as_str() {
            "it was sent again, with other content or after its cancellation".clone_into(&mut review.reason);
        }
    }
    let Name { id, source, external_id } = known_as(state, grant);
    let mut summary = summary(state, order.changed);
    if is_own {
        summary = Summary { id, source, external_id, aliases: vec![], ..summary };
    }
    let fulfillment = |assignment: &domain::order::Assignment| {
        let progress = state.fulfillments.progress.get(&assignment.fulfillment);
        FulfillmentView {
            id: assignment.fulfillment.clone(),
            warehouse: assignment.warehouse.to_string(),
            site: assignment.site.to_string(),
            request_status: progress.map_or(RequestStatus::Requested, |progress| progress.request_status),
            lines: assignment.lines.clone(),
            packages: folded(&assignment.fulfillment)
                .map_or_else(Vec::new, |it| it.state.package_summaries().collect()),
        }
    };
    let hold = |held: &Held| {
        let holder = held.holder.as_deref().map(|holder| grant.shown(holder).to_owned());
        HoldView { holder, reason: held.reason.clone(), asked_at: held.asked_at }
    };
    Detail {
        summary: Summary { reviews: open_reviews.len(), ..summary },
        version: order.version,
        lines: state.line_quantities(),
        sales_order: state.documents.sales_order().map(ToString::to_string),
        invoice: state.stage.invoice().map(|invoiced| invoiced.invoice.to_string()),
        fulfillments: state.fulfillments.assignments.values().map(fulfillment).collect(),
        holds: state.changes.held().map(hold).collect(),
        open_reviews,
    }
}

/// The rows of an order for the lists: its summary, and its open reviews.
pub fn rows(order: &TimedFold<Order>) -> Vec<ViewRow> {
    let (version, changed) = order.listed;
    let summary = summary(&order.state, changed);
    let id = summary.id.to_string();
    let row = ViewRow {
        key: format!("order/{id}"),
        part: "summary".to_owned(),
        version,
        fold: crate::FOLD,
        list: format!("order/{}", summary.status.as_str()),
        // Ranked by a time that never changes: the index is then written only when the status changes, and cursors stay
        // valid.
        rank: format!("{}/{id}", sortable(summary.ordered_at)),
        document: serde_json::to_string(&summary).unwrap_or_default(),
    };
    std::iter::once(row).chain(order.review_row(&id)).collect()
}

/// The rows of the names that other systems have for the order by this commit.
///
/// # Errors
/// The commit cannot be read.
pub(crate) fn references(commit: &Commit, now: Timestamp) -> Result<Vec<ViewRow>, Failure> {
    crate::reference::rows::<Order>(commit, now, names)
}

fn names(order: &OrderId, event: &OrderEvent) -> Vec<Reference> {
    if let OrderEvent::Submitted(Submission { external_id, customer_po, .. }) = event {
        let external = Reference::of_order(order, "external_id", external_id);
        vec![external, Reference::of_order(order, "purchase_order", customer_po)]
    } else if let OrderEvent::AliasAdded(added) = event {
        vec![Reference::of_order(order, "external_id", &added.external_id)]
    } else if let OrderEvent::Released(released) = event {
        vec![Reference::of_order(order, "sales_order", &released.sales_order)]
    } else if let OrderEvent::Invoiced(Invoiced { invoice, .. })
    | OrderEvent::InvoiceDisagreed(InvoiceDisagreed { invoice, .. }) = event
    {
        vec![Reference::of_order(order, "invoice", invoice)]
    } else {
        vec![]
    }
}

/// One timeline of an order and its fulfillments, in the order of the commits' times, as a client with `grant` sees it.
///
/// # Errors
/// A commit cannot be parsed.
pub fn timeline(
    order: &[Commit],
    fulfillments: &[Vec<Commit>],
    now: Timestamp,
    grant: &Grant,
) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut state: Option<Order> = None;
    for commit in order {
        for event in events_of::<Order>(commit, now)? {
            let before = state.as_ref().map(Order::status);
            state = evolve(state, &event);
            let after = state.as_ref().map(Order::status);
            let (system, text) = describe(&event, state.as_ref(), grant);
            let entry = Entry::new(commit, &event, system, text, commit.at, grant);
            entries.push(Entry { status: after.filter(|_| before != after), ..entry });
        }
    }
    for commits in fulfillments {
        entries.extend(crate::fulfillment::timeline(commits, now, grant)?);
    }
    entries.sort_by(|a, b| (a.recorded_at, &a.stream, a.version).cmp(&(b.recorded_at, &b.stream, b.version)));
    Ok(entries)
}

/// The system in which an event happened, and what happened, for people.
fn describe<'a>(event: &OrderEvent, order: Option<&'a Order>, grant: &Grant) -> (&'a str, String) {
    let source = order.map_or(OURS, |order| grant.shown(order.terms.submission.source.as_str()));
    // The id that a source has for the order, which only that source sees.
    let called = |source: &PartnerId, id: &ExternalId| match grant.client() {
        Some(client) if client != source.as_str() => String::new(),
        Some(_) | None => format!(" as {id}"),
    };
    match event {
        OrderEvent::Submitted(s) => {
            (source, format!("ordered{} with {} lines", called(&s.source, &s.external_id), s.lines.len()))
        }
        OrderEvent::SubmissionConflicted(c) => {
            let how = if c.after_cancel { "after its cancellation" } else { "with other content" };
            let by = grant.shown(c.source.as_str());
            (OURS, format!("{by} submitted it again{}, {how}", called(&c.source, &c.external_id)))
        }
        OrderEvent::AliasAdded(added) => {
            let by = grant.shown(added.source.as_str());
            (OURS, format!("{by} submitted it{}, too", called(&added.source, &added.external_id)))
        }
        OrderEvent::Aliased(aliased) => (OURS, format!("the same order as {}", aliased.order)),
        OrderEvent::PurchaseOrderMoved(moved) => (OURS, format!("its purchase order went to {}", moved.to)),
        OrderEvent::PurchaseOrderTaken(taken) => {
            (OURS, format!("took the purchase order over from {}, which is cancelled", taken.from))
        }
        OrderEvent::PredecessorShipped(shipped) => {
            (OURS, format!("{} of the cancelled order with its purchase order left", shipped.fulfillment))
        }
        OrderEvent::Priced(price) => ("erp", format!("priced at {}, of which tax {}", price.total, price.tax)),
        OrderEvent::Unpriceable(reason) => ("erp", format!("cannot be priced: {reason}")),
        OrderEvent::CreditApproved(credit) => ("erp", format!("credit granted for {}", credit.amount)),
        OrderEvent::CreditRefused(credit) => ("erp", format!("credit refused: {}", credit.reason)),
        OrderEvent::Allocated(allocation) => ("erp", format!("stock allocated as {}", allocation.number)),
        OrderEvent::Released(released) => ("erp", format!("sales order {}", released.sales_order)),
        OrderEvent::Routed(routed) => {
            let chosen = routed.candidates.iter().filter(|candidate| candidate.chosen);
            let names: Vec<String> = chosen.map(|c| format!("{} {}", c.warehouse, c.site)).collect();
            (OURS, format!("routed to {}", names.join(" and ")))
        }
        OrderEvent::Unroutable(routed) => {
            (OURS, format!("cannot be routed: {}", domain::routing::explain(&routed.candidates)))
        }
        OrderEvent::Assigned(a) => {
            (OURS, format!("{} assigned to {} {}, to ship by {}", a.fulfillment, a.warehouse, a.site, a.ship_by))
        }
        OrderEvent::FulfillmentProgressed(progress) => {
            let request_status = || format!("{:?}", progress.request_status).to_lowercase();
            let text = if progress.shipped.is_empty() { request_status() } else { shipped_and_delivered(progress) };
            (OURS, format!("{}: {text}", progress.fulfillment))
        }
        OrderEvent::CrmUpdated(updated) => ("crm", format!("updated to version {}", updated.version)),
        OrderEvent::Invoiced(invoiced) => ("erp", format!("invoice {} over {}", invoiced.invoice, invoiced.total)),
        OrderEvent::InvoiceDisagreed(InvoiceDisagreed { invoice, total, expected }) => {
            ("erp", format!("invoice {invoice} over {total}, where the order comes to {expected}"))
        }
        OrderEvent::CancelRequested(request) => (OURS, format!("cancellation requested: {}", request.reason)),
        OrderEvent::Held(held) => match &held.holder {
            Some(holder) => (OURS, format!("put on hold by {}: {}", grant.shown(holder), held.reason)),
            None => (OURS, format!("put on hold: {}", held.reason)),
        },
        OrderEvent::HoldReleased(released) => {
            let by = released.holder.as_ref().map(|holder| format!(" by {}", grant.shown(holder))).unwrap_or_default();
            let which = if released.overrides { "all holds" } else { "hold" };
            (OURS, format!("{which} released{by}: {}", released.reason))
        }
        OrderEvent::AmendRequested(amendment) => {
            (OURS, format!("amendment {} waits for the warehouses: {}", amendment.revision, amendment.reason))
        }
        OrderEvent::Amended(amendment) => {
            (OURS, format!("amendment {}, {} lines: {}", amendment.revision, amendment.lines.len(), amendment.reason))
        }
        OrderEvent::AmendRejected(amendment) => {
            (OURS, format!("amendment {} not possible: {}", amendment.revision, amendment.rejection))
        }
        OrderEvent::WithdrawalRequested(withdrawal) => {
            let why = match withdrawal.why {
                WithdrawalReason::Cancelled => "the order is cancelled",
                WithdrawalReason::Held => "the order is held",
                WithdrawalReason::Amended => "the order is amended",
                WithdrawalReason::NoResponse => "the warehouse did not answer",
                WithdrawalReason::TakenLate => "the warehouse accepted it late",
            };
            (OURS, format!("withdrawal of {} requested: {why}", withdrawal.fulfillment))
        }
        OrderEvent::CreditExpired(credit) => (OURS, format!("credit expired at {}", credit.valid_until)),
        OrderEvent::StockArrived(stock) => {
            let lines: Vec<String> =
                stock.lines.iter().map(|goods| format!("{} of line {}", goods.quantity, goods.line)).collect();
            ("erp", format!("has stock again: {}", lines.join(", ")))
        }
        OrderEvent::Deallocated(undone) => ("erp", format!("allocation {} undone", undone.allocation_no)),
        OrderEvent::SalesOrderCancelled(cancelled) => match &cancelled.sales_order {
            Some(number) => ("erp", format!("sales order {number} cancelled")),
            None => ("erp", "has no sales order to cancel".to_owned()),
        },
        OrderEvent::OrphanDocument(orphan) => {
            ("erp", format!("created {} after the order no longer needed it; to be undone", orphan.document))
        }
        OrderEvent::ReturnReserved(reservation) => (OURS, reservation_text(reservation)),
        OrderEvent::ReviewDecided(decision) => (OURS, decision_text(decision, grant)),
        OrderEvent::CustomerNotice(notice) => {
            let template = serde_json::to_value(notice.template).unwrap_or_default();
            (OURS, format!("notice to the customer: {}", template.as_str().unwrap_or_default()))
        }
        OrderEvent::RequestRejected(reason) => (OURS, format!("request refused: {reason}")),
        OrderEvent::Overdue(overdue) => (OURS, format!("not completed by {}", overdue.deadline)),
        OrderEvent::WorkDiscarded(discarded) => (OURS, discarded.text()),
        OrderEvent::EffectStarted(started) => (OURS, started_text(started)),
        OrderEvent::EffectFailed(failed) => (OURS, failed_text(failed)),
        OrderEvent::EffectRejected(refused) => ("erp", rejected_text(refused)),
    }
}

/// What a return has reserved, such as `… has reserved 3 of 5 EA of line 1, 2 EA wait until they are shipped`.
fn reservation_text(reservation: &Reservation) -> String {
    let Reservation { return_id, line, asked, waiting, .. } = reservation;
    let waits = if waiting.is_zero() { String::new() } else { format!(", {waiting} wait until they are shipped") };
    format!("{return_id} has reserved {} of {asked} of line {line}{waits}", reservation.reserved())
}

/// The sums over all packages, such as `shipped 2 EA of line 1; delivered 1 EA of line 1`.
fn shipped_and_delivered(progress: &Progress) -> String {
    let quantities = |name: &str, lines: &BTreeMap<domain::LineNo, domain::Quantity>| {
        let lines: Vec<String> = lines.iter().map(|(line, quantity)| format!("{quantity} of line {line}")).collect();
        if lines.is_empty() { String::new() } else { format!("{name} {}", lines.join(", ")) }
    };
    let parts = [quantities("shipped", &progress.shipped), quantities("delivered", &progress.delivered)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}
