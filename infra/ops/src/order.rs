//! `crossdock order`: one order across all systems, now or as it was.

use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use domain::{ExternalId, Fulfillment, FulfillmentId, Order, OrderId, PartnerId, Workflow};
use engine::http::Grant;
use engine::journal::{Stream, stream_name};
use engine::stores::Views;
use engine::{Commit, Failure, Journal};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use usecases::names;
use views::TimedFold;
use views::order::{Detail, Summary};
use views::reference::Reference;

use crate::connection::Connection;
use crate::output::{self, FOUND, Output, words};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Shows an order: status, lines, fulfillments, documents, open reviews.
    ///
    /// With --at, the order as the journal knew it then: what did we know when we decided?
    #[command(after_help = "Examples:\n  crossdock order show ord_6ce86670g2ykygj63p6wp7y650\n  \
        crossdock order show ord_6ce86670g2ykygj63p6wp7y650 --at 2026-03-02T10:00:00Z --json\n\n\
        Exit codes:\n  0  shown\n  1  there is no such order (then)\n  2  a call failed")]
    Show(One),
    /// Shows what happened to an order, in all systems, oldest first.
    #[command(after_help = "Examples:\n  crossdock order trace ord_6ce86670g2ykygj63p6wp7y650\n\n\
        Exit codes:\n  0  shown\n  1  there is no such order (then)\n  2  a call failed")]
    Trace(One),
    /// Finds orders by a reference: an order's or fulfillment's id (which warehouses have as reference), the id that a CRM or
    /// API client has, the customer's purchase order, the ERP's sales order or invoice, a warehouse's order, or a tracking
    /// number.
    ///
    /// All are found by key; of a reference's spelling, spaces, hyphens and the letters' case do not count. References follow the
    /// journal within moments. Those of before this release, or of a views table that was lost, are written by `crossdock views
    /// rebuild`.
    #[command(after_help = "Examples:\n  crossdock order find ord_6ce86670g2ykygj63p6wp7y650-1\n  \
        crossdock order find 801xx000003DHP0 --source acme-crm\n  crossdock order find PO-77\n  \
        crossdock order find '1Z 999 AA1 01 2345 6784'\n\n\
        Exit codes:\n  0  found\n  1  not found\n  2  a call failed")]
    Find(Find),
}

#[derive(Args)]
pub(crate) struct One {
    /// The order's id or an alias of it.
    #[arg(value_name = "ORDER")]
    order: OrderId,
    /// As the journal was at this time.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

#[derive(Args)]
pub(crate) struct Find {
    /// What is known of it.
    #[arg(value_name = "REFERENCE")]
    reference: String,
    /// The CRM or client that submitted it.
    #[arg(long, value_name = "ID")]
    source: Option<PartnerId>,
    /// The most references that are read: different customers may have one purchase order number.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    most: u32,
}

pub(crate) fn run(command: &Command, connection: &Connection, out: &Output) -> ExitCode {
    let end = match command {
        Command::Show(asked) => output::wait(show(asked, connection, out)),
        Command::Trace(asked) => output::wait(trace(asked, connection, out)),
        Command::Find(asked) => output::wait(find(asked, connection, out)),
    };
    end.unwrap_or_else(|why| output::fail(&why))
}

/// An order's commits and those of its fulfillments, as they were at one time.
pub(crate) struct Story {
    pub(crate) order: Vec<Commit>,
    pub(crate) fulfillments: Vec<Vec<Commit>>,
}

impl Story {
    /// Reads the streams of `order`, without what was committed after `at`.
    ///
    /// # Errors
    /// Failures of the journal.
    pub(crate) async fn read(journal: &impl Journal, order: &OrderId, at: Option<Timestamp>) -> Result<Self, Failure> {
        let until_then = |mut commits: Vec<Commit>| {
            // Commits are made one after another; where clocks differ, what a later one is based on belongs to it.
            let known =
                commits.iter().rposition(|commit| at.is_none_or(|at| commit.at <= at)).map_or(0, |last| last + 1);
            commits.truncate(known);
            commits
        };
        let now = Timestamp::now();
        let order = until_then(names::commits(journal, order, now).await?.1);
        let mut fulfillments = Vec::new();
        if let Some(fold) = folded::<Order>(&order)? {
            for id in fold.state.fulfillments.assignments.keys() {
                fulfillments.push(until_then(journal.read(&stream_name::<Fulfillment>(id)).await?));
            }
        }
        Ok(Self { order, fulfillments })
    }

    /// The order in detail; `None` if it did not exist.
    ///
    /// # Errors
    /// A stream cannot be folded.
    pub(crate) fn detail(&self) -> Result<Option<Detail>, Failure> {
        let folds = self.fulfillments.iter().filter_map(|commits| folded::<Fulfillment>(commits).transpose());
        let folds = folds.collect::<Result<Vec<_>, Failure>>()?;
        Ok(folded::<Order>(&self.order)?.map(|order| views::order::detail(&order, &folds, &Grant::All)))
    }
}

/// The fold of a stream's commits; `None` if there are none.
///
/// # Errors
/// A commit cannot be read.
pub(crate) fn folded<W: Workflow<Id: FromStr>>(commits: &[Commit]) -> Result<Option<TimedFold<W>>, Failure> {
    let id = |commit: &Commit| commit.stream.strip_prefix(W::KIND)?.strip_prefix('/')?.parse().ok();
    let Some(id) = commits.first().and_then(id) else { return Ok(None) };
    Ok(TimedFold::of(Stream::of(&id, commits.to_vec(), Timestamp::now())?))
}

async fn show(asked: &One, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let journal = connection.deployment()?.journal()?;
    let story = Story::read(&journal, &asked.order, asked.at).await.map_err(|failure| words(&failure))?;
    let Some(detail) = story.detail().map_err(|failure| words(&failure))? else { return Ok(unknown(asked)) };
    Ok(out.print(&json!(detail), || lines(&detail)))
}

fn unknown(asked: &One) -> ExitCode {
    let then = asked.at.map_or_else(String::new, |at| format!(" at {at}"));
    output::say(&format!("there is no order {}{then}", asked.order));
    ExitCode::from(FOUND)
}

fn lines(detail: &Detail) -> Vec<String> {
    let summary = &detail.summary;
    let known = |what: &str, value: &Option<String>| value.as_ref().map(|value| format!("  {what} {value}"));
    let mut lines = vec![
        format!("{}  {}  version {}", output::bold(summary.id.as_str()), summary.status.as_str(), detail.version),
        format!(
            "  {} {} of customer {}, PO {}",
            summary.source, summary.external_id, summary.customer, summary.customer_po
        ),
        format!("  ordered {}, changed {}", summary.ordered_at, summary.updated_at),
    ];
    lines.extend(known("sales order", &detail.sales_order));
    lines.extend(known("invoice", &detail.invoice));
    lines.extend(detail.holds.iter().map(|hold| format!("  on hold: {}", hold.reason)));
    lines.extend(detail.fulfillments.iter().map(|fulfillment| {
        let (id, packages) = (&fulfillment.id, fulfillment.packages.len());
        let status = json!(fulfillment.request_status);
        let status = status.as_str().unwrap_or_default();
        format!("  {id}  {status} at {} {}, packages {packages}", fulfillment.warehouse, fulfillment.site)
    }));
    lines.extend(
        detail
            .open_reviews
            .iter()
            .map(|review| format!("  review {}  {}  decide by {}", review.id, review.reason, review.decide_by)),
    );
    lines
}

async fn trace(asked: &One, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let journal = connection.deployment()?.journal()?;
    let story = Story::read(&journal, &asked.order, asked.at).await.map_err(|failure| words(&failure))?;
    if story.order.is_empty() {
        return Ok(unknown(asked));
    }
    let entries = views::order::timeline(&story.order, &story.fulfillments, Timestamp::now(), &Grant::All);
    let entries = entries.map_err(|failure| words(&failure))?;
    let text = || {
        let line = |entry: &views::Entry| {
            let status =
                entry.status.map_or_else(String::new, |status| format!("  -> {}", output::bold(status.as_str())));
            format!("{}  {:<12}  {}: {}{status}", entry.at, entry.system, entry.event, entry.text)
        };
        entries.iter().map(line).collect()
    };
    Ok(out.print(&json!({ "order": asked.order, "entries": entries }), text))
}

async fn find(asked: &Find, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let found =
        matches(&deployment.journal()?, &deployment.views()?, asked).await.map_err(|failure| words(&failure))?;
    if found.is_empty() {
        output::say(&format!("no order is known by {}", asked.reference));
        return Ok(ExitCode::from(FOUND));
    }
    let text = || {
        let row = |found: &Found| {
            let Summary { id, status, source, external_id, customer_po, .. } = &found.order;
            let id = found.fulfillment.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
            [
                id,
                status.as_str().to_owned(),
                source.clone(),
                external_id.clone(),
                customer_po.clone(),
                found.by.replace('_', " "),
            ]
        };
        let head = ["ORDER", "STATUS", "SOURCE", "EXTERNAL ID", "PO", "FOUND BY"];
        output::table(head, &found.iter().map(row).collect::<Vec<_>>())
    };
    Ok(out.print(&json!({ "orders": found }), text))
}

/// An order that has a reference.
#[derive(Debug, PartialEq, Serialize)]
struct Found {
    #[serde(flatten)]
    order: Summary,
    /// What has the reference, such as `sales_order`.
    by: String,
    /// The fulfillment that has it, or whose package has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fulfillment: Option<FulfillmentId>,
}

/// The orders that have the reference, as the journal has them.
async fn matches(journal: &impl Journal, views: &impl Views, asked: &Find) -> Result<Vec<Found>, Failure> {
    let reference = asked.reference.trim();
    let named = |order: OrderId, kind: &str, fulfillment| Reference {
        order,
        kind: kind.to_owned(),
        reference: reference.to_owned(),
        fulfillment,
    };
    let by_id = || reference.parse().ok().map(|id| named(id, "id", None));
    let by_fulfillment =
        || reference.parse::<FulfillmentId>().ok().map(|id| named(id.order().clone(), "id", Some(id.clone())));
    let by_source = || {
        let external: ExternalId = reference.parse().ok()?;
        Some(named(OrderId::derive(asked.source.as_ref()?, &external), "external_id", None))
    };
    let mut references: Vec<Reference> = by_fulfillment().or_else(by_id).or_else(by_source).into_iter().collect();
    let rows = views.rows(&views::reference::key(reference), asked.most).await?;
    references.extend(rows.iter().filter_map(|row| serde_json::from_str::<Reference>(&row.document).ok()));
    let mut found: Vec<Found> = Vec::new();
    for Reference { order, kind, fulfillment, .. } in references {
        // The journal says whether there is such an order: a restored one may have lost it.
        let Some(detail) = Story::read(journal, &order, None).await?.detail()? else { continue };
        let is_of = |source: &PartnerId| {
            let names = std::iter::once(&detail.summary.source);
            names.chain(detail.summary.aliases.iter().map(|alias| &alias.source)).any(|name| name == source.as_str())
        };
        let is_known = found.iter().any(|known| known.order.id == detail.summary.id && known.by == kind);
        if !is_known && asked.source.as_ref().is_none_or(is_of) {
            found.push(Found { order: detail.summary, by: kind, fulfillment });
        }
    }
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use domain::order::Status;
    use engine::Cause;
    use serde_json::Value;
    use testkit::memory::{MemoryJournal, MemoryViews};

    use super::*;

    const SUBMITTED: &str = include_str!("../../../events/samples/bus/order.submitted.json");
    const PRICED: &str = include_str!("../../../events/samples/bus/order.priced.json");

    /// An order that was submitted at ten and priced at eleven.
    pub(crate) fn journal() -> (MemoryJournal, OrderId) {
        let journal = MemoryJournal::default();
        let submitted: Value = serde_json::from_str(SUBMITTED).unwrap();
        let source: PartnerId = submitted["data"]["source"].as_str().unwrap().parse().unwrap();
        let order = OrderId::derive(&source, &submitted["data"]["external_id"].as_str().unwrap().parse().unwrap());
        for (version, at, event) in [(1, "10:00:00", SUBMITTED), (2, "11:00:00", PRICED)] {
            let event: Value = serde_json::from_str(event).unwrap();
            journal.overwrite(&Commit {
                stream: format!("order/{order}"),
                version,
                cause: Cause::new("test", &version.to_string()),
                correlation: "c-1".to_owned(),
                caused_by: None,
                actor: "test".to_owned(),
                at: format!("2026-03-02T{at}Z").parse().unwrap(),
                traceparent: None,
                epoch: "1".to_owned(),
                events: json!([event["data"]]).to_string(),
                opened_reviews: Vec::new(),
                listed: true,
                wakes: Vec::new(),
            });
        }
        (journal, order)
    }

    async fn status(at: &str) -> Option<Status> {
        let (journal, order) = journal();
        let story = Story::read(&journal, &order, Some(at.parse().unwrap())).await.unwrap();
        story.detail().unwrap().map(|detail| detail.summary.status)
    }

    #[tokio::test]
    async fn an_order_is_shown_as_the_journal_knew_it_then() {
        assert_eq!(status("2026-03-02T09:59:59Z").await, None);
        assert_eq!(status("2026-03-02T10:30:00Z").await, Some(Status::Submitted));
        assert_eq!(status("2026-03-02T11:00:00Z").await, Some(Status::Priced));
    }

    #[tokio::test]
    async fn an_order_is_found_by_every_reference_that_its_commits_have() {
        let (journal, order) = journal();
        let detail = Story::read(&journal, &order, None).await.unwrap().detail().unwrap().unwrap();
        let (source, external) = (detail.summary.source.clone(), detail.summary.external_id.clone());
        let views = MemoryViews::default();
        let later = |stream: String, version, event: Value| Commit {
            stream,
            version,
            events: json!([event]).to_string(),
            ..journal.commits(&format!("order/{order}"))[0].clone()
        };
        journal.overwrite(&later(
            format!("order/{order}"),
            3,
            json!({ "type": "order.released", "sales_order": "SO-4711" }),
        ));
        let shipped: [Value; 2] = [
            json!({ "type": "fulfillment.accepted", "reference": "WO/9" }),
            json!({ "type": "fulfillment.package_packed", "package": "P-1", "at": "2026-03-02T12:00:00Z", "lines": [],
                "carrier": "UPS", "tracking": "1Z999AA10123456784" }),
        ];
        let fulfillment = order.fulfillment(1);
        let shipped = shipped
            .into_iter()
            .zip(2..)
            .map(|(event, version)| later(format!("fulfillment/{fulfillment}"), version, event));
        for commit in journal.commits(&format!("order/{order}")).into_iter().chain(shipped) {
            let rows = views::names::of_commit(&commit, Timestamp::now()).unwrap();
            views.put_all(&rows).await.unwrap();
        }
        let lost = order_of_no_commit();
        let dangling = later(format!("order/{lost}"), 1, json!({ "type": "order.released", "sales_order": "SO-4711" }));
        views.put_all(&views::names::of_commit(&dangling, Timestamp::now()).unwrap()).await.unwrap();

        let found = async |reference: &str, source: Option<&str>| {
            let source = source.map(|source| source.parse().unwrap());
            let asked = Find { reference: reference.to_owned(), source, most: 100 };
            let found = matches(&journal, &views, &asked).await.unwrap();
            assert!(found.iter().all(|found| found.order.id == order));
            found.into_iter().map(|found| found.by).collect::<Vec<_>>()
        };
        for (reference, source, by) in [
            (order.as_str(), None, "id"),
            (&fulfillment.to_string(), None, "id"),
            (&external, Some(source.as_str()), "external_id"),
            (&external, None, "external_id"),
            (&detail.summary.customer_po, None, "purchase_order"),
            ("so-4711", None, "sales_order"),
            ("WO/9", None, "warehouse_order"),
            ("1z 999 aa1 01 2345 6784", None, "tracking"),
            ("PO-UNKNOWN", None, ""),
            (&external, Some("other-crm"), ""),
        ] {
            let expected: Vec<&str> = Some(by).filter(|by| !by.is_empty()).into_iter().collect();
            assert_eq!(found(reference, source).await, expected, "{reference} of {source:?}");
        }
    }

    /// The id of an order that a restored journal has lost.
    fn order_of_no_commit() -> OrderId {
        OrderId::derive(&"acme-crm".parse().unwrap(), &"LOST".parse().unwrap())
    }
}
