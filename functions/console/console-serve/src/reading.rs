//! Pages of what the stores have. Each page is shown to those whose roles allow it.

use std::time::Duration;

use console::page::{self, AtRisk, Found, Frame, PartnerRow, Person, ReviewPage};
use console::rows::{OrderRow, ReviewRow};
use console::session::Ticket;
use console::{Action, Route};
use domain::intake::Delivery;
use domain::order::Status;
use domain::review::Team;
use domain::{DeliveryId, Fulfillment, FulfillmentId, Order, OrderId};
use engine::http::{Grant, Response};
use engine::journal::stream_name;
use engine::partner::Documents;
use engine::partner_health::{PartnerHealth, PartnerHealthStore};
use engine::stores::{Page, ViewRow, Views};
use engine::{Commit, Context, Failure, Journal, Stream};
use futures::future::try_join_all;
use jiff::Timestamp;
use partners::Registry;
use usecases::names;
use views::{OPEN_REVIEWS, OpenReview, REVIEWS, TimedFold};

use crate::{Ports, page as answer, say, see_other};

/// Orders with these statuses do not go on by themselves.
const AT_RISK: [Status; 6] = [
    Status::Unpriceable,
    Status::CreditRefused,
    Status::Backordered,
    Status::Unroutable,
    Status::OnHold,
    Status::Cancelling,
];
/// The rows of a cause that are counted.
const COUNTED: u32 = 100;
/// The rows of a page of a list.
const ROWS: u32 = 50;
/// The reviews of one order, fulfillment or delivery that a list shows; all of them are on the order's page.
const OF_ONE: usize = 3;
/// The rows of each status that a search looks through for names that have no key of their own.
const LOOKED_THROUGH: u32 = 200;

/// Answers with a page.
pub(crate) async fn read<P, N, S, I>(
    ports: &Ports<impl Journal, P, impl Views, impl Documents, impl PartnerHealthStore, N, S, I>,
    frame: &Frame<'_>,
    ticket: &Ticket,
    person: &Person,
    route: &Route,
    cx: &Context,
) -> Result<Response, Failure> {
    let needs = match route {
        Route::Orders { .. } | Route::Search { .. } | Route::Order { .. } | Route::Timeline { .. } | Route::Home => {
            Action::ReadOrders
        }
        Route::Reviews { .. } | Route::Review { .. } => Action::ReadReviews,
        Route::Partners => Action::ReadPartners,
        Route::Decide { .. }
        | Route::SignIn { .. }
        | Route::SignedIn
        | Route::SignOut
        | Route::Style
        | Route::Script
        | Route::Icon => {
            return Ok(say(404, frame, "Not found", "The console has no such page."));
        }
    };
    if !person.may(needs) {
        let text = "Your roles do not show this page. The identity provider names your roles; ask who administers it.";
        return Ok(say(403, frame, "Not for your roles", text));
    }
    let no_order = || say(404, frame, "Not found", "There is no such order.");
    let html = match route {
        Route::Home => home(ports, frame, person).await?,
        Route::Orders { status, cursor } => {
            let Some(status) = Status::ALL.into_iter().find(|known| known.as_str() == status) else {
                return Ok(say(404, frame, "Not found", "There is no such status."));
            };
            let list = format!("order/{}", status.as_str());
            let Some(page) = listed(&ports.views, &list, ROWS, cursor.as_deref()).await? else {
                return Ok(see_other(
                    &Route::Orders { status: status.as_str().to_owned(), cursor: None }.href(frame.site),
                ));
            };
            let rows: Vec<OrderRow> = views::documents(&page.rows).iter().map(OrderRow::read).collect();
            page::orders(frame, status.as_str(), &rows, cursor.as_deref(), page.next)
        }
        Route::Search { reference } => {
            let found = search(ports, reference, cx).await?;
            if let [only] = found.rows.as_slice() {
                return Ok(see_other(&Route::Order { id: only.id.clone(), lines: 0, packages: 0 }.href(frame.site)));
            }
            page::found(frame, reference, &found)
        }
        Route::Order { id, lines, packages } => match order(&ports.journal, id, cx).await? {
            Some(order) => page::order(frame, &order.detail, &order.entries, *lines, *packages),
            None => return Ok(no_order()),
        },
        Route::Timeline { id, from } => match order(&ports.journal, id, cx).await? {
            Some(order) => page::timeline(frame, &order.detail.summary.id, &order.entries, *from),
            None => return Ok(no_order()),
        },
        Route::Reviews { team, cursor } => {
            let known = Team::ALL.iter().find(|known| known.as_str() == team).copied();
            if known.is_none() && !team.is_empty() {
                return Ok(say(404, frame, "Not found", "There is no such team."));
            }
            let Some((rows, next, looked)) = worklist(&ports.views, known, cursor.as_deref()).await? else {
                return Ok(see_other(&Route::Reviews { team: team.clone(), cursor: None }.href(frame.site)));
            };
            page::reviews(frame, team, &rows, cursor.as_deref(), next, looked)
        }
        Route::Review { id } => match Reviewed::load(&ports.journal, id, cx).await? {
            Some(Reviewed { version, order, review: Some(review), .. }) => page::review(
                frame,
                &ReviewPage { review: &review, order, version, key: ticket.decision_key(id, version) },
            ),
            Some(_) | None => {
                return Ok(say(
                    404,
                    frame,
                    "Not open",
                    "This review is decided, or its facts have changed, or it never was.",
                ));
            }
        },
        Route::Partners
        | Route::Decide { .. }
        | Route::SignIn { .. }
        | Route::SignedIn
        | Route::SignOut
        | Route::Style
        | Route::Script
        | Route::Icon => partners_page(ports, frame, cx).await?,
    };
    Ok(answer(200, html))
}

/// A page of a list; `None` if the cursor is not one of its.
async fn listed(views: &impl Views, list: &str, limit: u32, cursor: Option<&str>) -> Result<Option<Page>, Failure> {
    match views.list(list, limit, cursor).await {
        Ok(page) => Ok(Some(page)),
        Err(Failure::Permanent { .. }) if cursor.is_some() => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn home<J, P, D, H, N, S, I>(
    ports: &Ports<J, P, impl Views, D, H, N, S, I>,
    frame: &Frame<'_>,
    person: &Person,
) -> Result<String, Failure> {
    let cause = async |status: Status| -> Result<AtRisk, Failure> {
        let page = ports.views.list(&format!("order/{}", status.as_str()), COUNTED, None).await?;
        let rows: Vec<OrderRow> = views::documents(&page.rows).iter().map(OrderRow::read).collect();
        let totals = rows.iter().filter_map(|row| row.total).collect();
        let oldest = rows.iter().filter_map(|row| row.ordered_at).min();
        Ok(AtRisk { cause: status.as_str(), count: rows.len(), more: page.next.is_some(), totals, oldest })
    };
    let causes = try_join_all(AT_RISK.map(cause)).await?;
    let reviews = if person.may(Action::ReadReviews) {
        let page = ports.views.list(OPEN_REVIEWS, COUNTED, None).await?;
        let first =
            views::documents(&page.rows).into_iter().flat_map(views::each).map(|review| ReviewRow::read(&review));
        Some((page.rows.len(), page.next.is_some(), first.filter_map(|review| review.decide_by).min()))
    } else {
        None
    };
    Ok(page::home(frame, &causes, reviews))
}

/// The most urgent reviews, of all teams or one, and the cursor of the next ones; `None` if the cursor is none of the list's.
async fn worklist(
    views: &impl Views,
    team: Option<Team>,
    cursor: Option<&str>,
) -> Result<Option<(Vec<ReviewRow>, Option<String>, usize)>, Failure> {
    /// One team's reviews may be far apart; a page is not looked for longer than this.
    const MOST_PAGES: usize = 10;
    let (mut rows, mut next, mut looked) = (Vec::new(), cursor.map(str::to_owned), 0);
    for _ in 0..MOST_PAGES {
        let Some(page) = listed(views, OPEN_REVIEWS, ROWS, next.as_deref()).await? else { return Ok(None) };
        looked += page.rows.len();
        for row in &page.rows {
            let reviews = views::documents(std::slice::from_ref(row)).into_iter().flat_map(views::each);
            let reviews = reviews.map(|review| ReviewRow::read(&review));
            rows.extend(reviews.filter(|review| team.is_none_or(|team| review.team() == Some(team))).take(OF_ONE));
        }
        next = page.next;
        if !rows.is_empty() || next.is_none() {
            break;
        }
    }
    Ok(Some((rows, next, looked)))
}

/// The orders that a reference belongs to. Ids are found by key; a purchase order, and the id of a sender that no CRM's document names,
/// are looked for in the lists, newest first.
async fn search<P, H, N, S, I>(
    ports: &Ports<impl Journal, P, impl Views, impl Documents, H, N, S, I>,
    reference: &str,
    cx: &Context,
) -> Result<Found, Failure> {
    if reference.is_empty() {
        return Ok(Found::default());
    }
    let mut by_key: Vec<OrderId> = reference.parse().into_iter().collect();
    by_key.extend(reference.parse::<FulfillmentId>().ok().map(|id| id.order().clone()));
    if let Ok(external) = reference.parse() {
        let registry = Registry::read(&ports.registry.documents().await?);
        let crms = registry.partners().filter(|partner| partner.role() == engine::delivery::Role::Crm);
        by_key.extend(crms.map(|crm| OrderId::derive(&crm.id, &external)));
    }
    let mut rows: Vec<OrderRow> = Vec::new();
    for id in by_key {
        if let Some(order) = TimedFold::of(names::load(&ports.journal, &id, cx).await?) {
            let summary = serde_json::to_value(views::order::summary(&order.state, order.changed)).unwrap_or_default();
            rows.push(OrderRow::read(&summary));
        }
    }
    if !rows.is_empty() {
        rows.dedup_by(|a, b| a.id == b.id);
        return Ok(Found { rows, looked_through: 0 });
    }
    let of_status =
        async |status: Status| ports.views.list(&format!("order/{}", status.as_str()), LOOKED_THROUGH, None).await;
    let pages = try_join_all(Status::ALL.into_iter().map(of_status)).await?;
    let documents = pages.iter().flat_map(|page| views::documents(&page.rows));
    rows.extend(documents.filter(|row| OrderRow::is_called(row, reference)).map(|row| OrderRow::read(&row)).take(50));
    Ok(Found { rows, looked_through: LOOKED_THROUGH })
}

struct WholeOrder {
    detail: views::order::Detail,
    entries: Vec<views::Entry>,
}

/// The order of this id or alias, from the journal.
async fn order(journal: &impl Journal, id: &str, cx: &Context) -> Result<Option<WholeOrder>, Failure> {
    let Ok(id) = id.parse::<OrderId>() else { return Ok(None) };
    let (id, commits) = names::commits(journal, &id, cx.now).await?;
    let Some(order) = TimedFold::of(Stream::<Order>::of(&id, commits.clone(), cx.now)?) else { return Ok(None) };
    let ids: Vec<&FulfillmentId> = order.state.fulfillments.assignments.keys().collect();
    let read = async |id: &FulfillmentId| journal.read(&stream_name::<Fulfillment>(id)).await;
    let streams: Vec<Vec<Commit>> = try_join_all(ids.iter().map(|id| read(id))).await?;
    let mut fulfillments = Vec::new();
    for (id, commits) in ids.into_iter().zip(&streams) {
        fulfillments.extend(TimedFold::of(Stream::<Fulfillment>::of(id, commits.clone(), cx.now)?));
    }
    let detail = views::order::detail(&order, &fulfillments, &Grant::All);
    let entries = views::order::timeline(&commits, &streams, cx.now, &Grant::All)?;
    Ok(Some(WholeOrder { detail, entries }))
}

/// A review as the journal has it now.
pub(crate) struct Reviewed {
    /// Its stream's version.
    pub(crate) version: u64,
    /// The order that it belongs to.
    pub(crate) order: Option<String>,
    /// `None` if it is not open.
    pub(crate) review: Option<OpenReview>,
    /// What happened to the order, or nothing for a delivery.
    pub(crate) entries: Vec<views::Entry>,
}

impl Reviewed {
    /// The review of this id; `None` if its stream does not exist.
    pub(crate) async fn load(journal: &impl Journal, id: &str, cx: &Context) -> Result<Option<Self>, Failure> {
        let Some((stream, _)) = id.split_once('.') else { return Ok(None) };
        let (version, order, rows) = if let Ok(own) = stream.parse::<OrderId>() {
            let Some(fold) = TimedFold::of(Stream::<Order>::load(journal, &own, cx).await?) else { return Ok(None) };
            (fold.version, Some(own.to_string()), views::order::rows(&fold))
        } else if let Ok(own) = stream.parse::<FulfillmentId>() {
            let Some(fold) = TimedFold::of(Stream::<Fulfillment>::load(journal, &own, cx).await?) else {
                return Ok(None);
            };
            (fold.version, Some(own.order().to_string()), views::fulfillment::rows(&fold))
        } else if let Ok(own) = stream.parse::<DeliveryId>() {
            let Some(fold) = TimedFold::of(Stream::<Delivery>::load(journal, &own, cx).await?) else { return Ok(None) };
            (fold.version, None, views::intake::rows(&own, &fold))
        } else {
            return Ok(None);
        };
        let is_reviews = |row: &&ViewRow| row.part == REVIEWS;
        let open =
            rows.iter().find(is_reviews).and_then(|row| serde_json::from_str::<Vec<OpenReview>>(&row.document).ok());
        let review = open.into_iter().flatten().find(|review| review.id == id);
        Ok(Some(Self { version, order, review, entries: Vec::new() }))
    }

    /// The same with what happened in its stream after version `seen`.
    pub(crate) async fn since(
        self,
        journal: &impl Journal,
        id: &str,
        seen: u64,
        cx: &Context,
    ) -> Result<Self, Failure> {
        let Some(of) = &self.order else { return Ok(self) };
        let stream = id.split('.').next().unwrap_or_default();
        let entries = order(journal, of, cx).await?.map(|order| order.entries).unwrap_or_default();
        let is_later = |entry: &views::Entry| entry.version > seen && entry.stream.rsplit('/').next() == Some(stream);
        Ok(Self { entries: entries.into_iter().filter(is_later).collect(), ..self })
    }
}

async fn partners_page<J, P, V, N, S, I>(
    ports: &Ports<J, P, V, impl Documents, impl PartnerHealthStore, N, S, I>,
    frame: &Frame<'_>,
    cx: &Context,
) -> Result<String, Failure> {
    let registry = Registry::read(&ports.registry.documents().await?);
    let row = async |partner: &partners::Partner| -> Result<PartnerRow, Failure> {
        let (health, _) = ports.partner_health.read(&partner.id).await?;
        let (state, until) = state(&health, cx.now);
        let role = partner.role().as_str().to_owned();
        Ok(PartnerRow { partner: partner.id.to_string(), role, state, until })
    };
    Ok(page::partners(frame, &try_join_all(registry.partners().map(row)).await?))
}

/// As `crossdock partner health` says it.
fn state(health: &PartnerHealth, now: Timestamp) -> (&'static str, Option<Timestamp>) {
    let is_asked_to_wait = health.takes(now, Duration::from_secs(10)) == 0;
    match (health.open_until(), is_asked_to_wait, health.is_slow()) {
        (Some(until), _, _) => ("circuit open", Some(until)),
        (None, true, _) => ("paused or limited", None),
        (None, false, true) => ("slow", None),
        (None, false, false) => ("healthy", None),
    }
}
