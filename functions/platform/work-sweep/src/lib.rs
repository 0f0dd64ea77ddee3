//! Announces due work again whose announcement was lost: a message that was discarded, or that an outage swallowed; work
//! that the release before did not know; work that a corrected partner's document made possible.
//!
//! - On: a schedule, once a day; `"again"` in its queue, after a release, a restore, or a change of a partner's document; and
//!   the pages of its own sweep, messages that it sends itself.
//! - Does: reads the lists of open orders, and of those that ended lately, page by page; folds each order and its fulfillments,
//!   and announces all their due work, unless they have changed in the last hour: their messages may be under way. After a
//!   restore the CRM's update is due for each of them, whatever the journal says that the CRM shows.
//! - Then: the steps find the work. Where a due item already waits for it, both become one item when the step defers again.
//! - Fails: STO-… (the stores), BUS-… (the bus); the queue delivers the page again. A stream that cannot be folded is logged,
//!   and holds up no other.

use domain::order::Status;
use domain::{Fulfillment, Order, OrderId, Workflow};
use engine::journal::{Commit, Freshness, stream_name};
use engine::relay::{Bus, publish, wake_again};
use engine::stores::{Queues, ViewRow, Views};
use engine::{Code, Context, Failure, Journal, Stream};
use futures::stream::{StreamExt as _, iter};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use usecases::due::{DueNow, due_now, fulfillments_of};

/// The ports that this function uses.
#[derive(Debug)]
pub struct Ports<J, V, B, Q> {
    /// Orders' and fulfillments' streams.
    pub journal: J,
    /// The lists of orders, and what was announced.
    pub views: V,
    /// Where work is announced.
    pub bus: B,
    /// The function's own queue.
    pub queues: Q,
    /// The CloudEvents source, `/crossdock/<environment>`.
    pub source: String,
}

/// A message in the function's queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Begins a sweep that also announces what an earlier sweep announced.
    Again,
    /// One page of a sweep.
    Page {
        /// A list of orders, such as `order/routed`.
        list: String,
        /// Where the page begins; `None` for the list's first.
        cursor: Option<String>,
        /// The sweep's generation. Work is announced once in a generation, however often a page is delivered.
        generation: u32,
    },
}

/// Orders of a page. Together they take less than a second.
const PAGE: u32 = 20;
/// Orders at once. Each call needs a connection, and the function has a fourteenth of a processor.
const AT_ONCE: usize = 5;
/// A stream that changed this lately may have messages under way.
const RESTING: SignedDuration = SignedDuration::from_hours(1);
/// An order that ended may have something left to tell the CRM. Later than this it is not looked at again.
const ENDED_LATELY: SignedDuration = SignedDuration::from_hours(48);
/// Lists are ranked by the time of ordering. Of the lists of orders that ended, only those ordered this lately are read.
const ORDERED_LATELY: SignedDuration = SignedDuration::from_hours(60 * 24);
/// Work that stays as it is, such as work whose message is parked, is announced once in this time.
const GENERATION_MINUTES: i64 = 7 * 24 * 60;
/// Where the views keep what was announced of an order.
const ANNOUNCED: &str = "announced";

/// Carries out the `messages` of its queue, or begins the daily sweep if there are none. Returns how many streams were
/// announced.
///
/// # Errors
/// Failures of the stores and of the bus.
pub async fn handle(
    ports: &Ports<impl Journal, impl Views, impl Bus, impl Queues>,
    messages: &[String],
    cx: &Context,
) -> Result<usize, Failure> {
    let minute = cx.now.as_second().div_euclid(60);
    if messages.is_empty() {
        begin(ports, minute - minute.rem_euclid(GENERATION_MINUTES), cx).await?;
    }
    let mut announced = 0;
    for message in messages {
        match serde_json::from_str(message) {
            Ok(Message::Again) => begin(ports, minute, cx).await?,
            Ok(Message::Page { list, cursor, generation }) => {
                announced += sweep(ports, &list, cursor.as_deref(), generation, cx).await?;
            }
            Err(error) => {
                let cause = format!("neither \"again\" nor a page: {}", engine::redact::json_error(&error));
                return Err(Failure::permanent(Code::MessageMalformed, cause));
            }
        }
    }
    Ok(announced)
}

/// Sends the first page of each list.
async fn begin(
    ports: &Ports<impl Journal, impl Views, impl Bus, impl Queues>,
    generation: i64,
    cx: &Context,
) -> Result<(), Failure> {
    let generation = u32::try_from(generation).unwrap_or(u32::MAX);
    let first = |status: Status| Message::Page { list: list_of(status), cursor: None, generation };
    send(ports, &Status::ALL.map(first), cx).await
}

/// The list of the orders with a status.
fn list_of(status: Status) -> String {
    format!("{}/{}", Order::KIND, status.as_str())
}

async fn send(
    ports: &Ports<impl Journal, impl Views, impl Bus, impl Queues>,
    messages: &[Message],
    cx: &Context,
) -> Result<(), Failure> {
    let bodies: Result<Vec<String>, _> = messages.iter().map(serde_json::to_string).collect();
    let bodies = bodies.map_err(|e| Failure::permanent(Code::StateImpossible, engine::redact::json_error(&e)))?;
    let refused = ports.queues.send(cx.function, &bodies).await?;
    let is_accepted = refused.is_empty();
    is_accepted.then_some(()).ok_or(Failure::transient(Code::StoreBusy, "the queue did not accept the next page"))
}

/// Announces the due work of one page of a list, then sends the next page.
async fn sweep(
    ports: &Ports<impl Journal, impl Views, impl Bus, impl Queues>,
    list: &str,
    cursor: Option<&str>,
    generation: u32,
    cx: &Context,
) -> Result<usize, Failure> {
    let ends = Status::ALL.into_iter().any(|status| status.is_final() && list_of(status) == list);
    let page = ports.views.list(list, PAGE, cursor).await?;
    let mut further = page.next;
    let mut orders = Vec::new();
    for row in &page.rows {
        let Some(summary) = read(row) else { continue };
        if ends && cx.now.duration_since(summary.ordered_at) > ORDERED_LATELY {
            further = None;
        }
        if !ends || cx.now.duration_since(summary.updated_at) <= ENDED_LATELY {
            orders.push(summary.id);
        }
    }
    let swept = iter(&orders).map(|order| announce(ports, order, generation, cx)).buffer_unordered(AT_ONCE);
    let swept: Vec<Result<usize, Failure>> = swept.collect().await;
    let mut announced = 0;
    for one in swept {
        match one {
            Ok(streams) => announced += streams,
            Err(Failure::Permanent { code, cause }) => {
                let (code, cause) = (code.as_str(), engine::redact::text(&cause));
                tracing::error!(function = cx.function, outcome = "skipped", code, cause, "an order was not swept");
            }
            Err(failure) => return Err(failure),
        }
    }
    if let Some(cursor) = further {
        send(ports, &[Message::Page { list: list.to_owned(), cursor: Some(cursor), generation }], cx).await?;
    }
    Ok(announced)
}

/// A row of another release that cannot be read is logged: its order is in the list again once the row was written anew.
fn read(row: &ViewRow) -> Option<views::order::Summary> {
    let summary = serde_json::from_str(&row.document);
    summary.inspect_err(|_not_shown| tracing::error!(row = row.key, "a row that cannot be read was not swept")).ok()
}

/// Announces all due work of an order and its fulfillments, unless they are changing now, or it was announced in this
/// generation and they have not changed since. Returns the number of streams with due work.
async fn announce(
    ports: &Ports<impl Journal, impl Views, impl Bus, impl Queues>,
    id: &OrderId,
    generation: u32,
    cx: &Context,
) -> Result<usize, Failure> {
    let (order, newest) = load::<Order>(ports, id, cx).await?;
    let mut newest: Vec<Commit> = newest.into_iter().collect();
    let mut fulfillments = Vec::new();
    for id in order.state.iter().flat_map(fulfillments_of) {
        let (fulfillment, last) = load::<Fulfillment>(ports, id, cx).await?;
        newest.extend(last);
        fulfillments.push(fulfillment);
    }
    let changed = newest.iter().map(|commit| commit.at).max();
    let due = due_now(&order, &fulfillments, cx.epoch);
    // What a restore kept has no messages under way, however young it is.
    let may_be_moving = |at: Timestamp| at >= cx.epoch.began && cx.now.duration_since(at) < RESTING;
    if due.is_empty() || changed.is_none_or(may_be_moving) {
        return Ok(0);
    }
    let order_stream = stream_name::<Order>(id);
    let version = cx.epoch.rank(newest.iter().map(|commit| commit.version).sum());
    let known = ports.views.get(&order_stream, ANNOUNCED).await?;
    if known.is_some_and(|known| (known.version, known.fold) >= (version, generation)) {
        return Ok(0);
    }
    let mut entries = Vec::new();
    for DueNow { stream, wakes } in &due {
        // Each stream with work has commits.
        let newest = newest.iter().find(|commit| commit.stream == *stream);
        let newest = newest.ok_or(Failure::permanent(Code::StateImpossible, "work of a stream without commits"))?;
        entries.extend(wake_again(newest, wakes.clone(), &format!("again-{generation}"), &ports.source)?);
    }
    let published = publish(&ports.bus, &[entries]).await?;
    if let Some((_, failure)) = published.refused.into_iter().next() {
        return Err(failure);
    }
    if published.again_from.is_some() {
        return Err(Failure::transient(Code::StoreBusy, "the bus did not take all entries"));
    }
    tracing::warn!(function = cx.function, stream = order_stream, due = ?due, "due work was announced again");
    let row = ViewRow {
        key: order_stream,
        part: ANNOUNCED.to_owned(),
        version,
        fold: generation,
        list: String::new(),
        rank: String::new(),
        document: "{}".to_owned(),
    };
    ports.views.put(&row).await?;
    Ok(due.len())
}

/// A stream with its newest commit.
async fn load<W: Workflow>(
    ports: &Ports<impl Journal, impl Views, impl Bus, impl Queues>,
    id: &W::Id,
    cx: &Context,
) -> Result<(Stream<W>, Option<Commit>), Failure> {
    let stream = Stream::load(&ports.journal, id, cx).await?;
    let newest = ports.journal.read_newest(&stream_name::<W>(id), 0, 1, Freshness::Newest).await?.pop();
    Ok((stream, newest))
}
