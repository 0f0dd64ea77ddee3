//! Finds an order by any of its names. An alias is a stream of its own with one event that names the order; so a name is
//! either an order or an alias, and never both.

use domain::{Order, OrderEvent, OrderId};
use engine::http::Grant;
use engine::journal::{Journal, Stream, events_of, stream_name};
use engine::{Commit, Context, Failure};
use jiff::Timestamp;

/// The order that `name` belongs to, as its own id or as an alias; without a commit if there is none.
///
/// # Errors
/// Failures of the store and of [`events_of`].
pub async fn load(journal: &impl Journal, name: &OrderId, cx: &Context) -> Result<Stream<Order>, Failure> {
    let stream = Stream::load(journal, name, cx).await?;
    if stream.state.is_some() || stream.version == 0 {
        return Ok(stream);
    }
    // The events of an alias make no state.
    let commits = journal.read(&stream_name::<Order>(name)).await?;
    match alias_in(&commits, cx.now)? {
        Some(order) => Stream::load(journal, &order, cx).await,
        None => Ok(stream),
    }
}

/// The order that `name` belongs to, if `grant` covers it: a client that may not see the order learns nothing of it.
///
/// # Errors
/// As [`load`].
pub async fn load_granted(
    journal: &impl Journal,
    name: &OrderId,
    cx: &Context,
    grant: &Grant,
) -> Result<Stream<Order>, Failure> {
    let stream = load(journal, name, cx).await?;
    let is_covered = |order: &Order| grant.client().is_none_or(|client| order.name_by(client).is_some());
    Ok(if stream.state.as_ref().is_none_or(is_covered) { stream } else { Stream::of(name, vec![], cx.now)? })
}

/// All commits of that order, not folded: the order's own id, and its commits.
///
/// # Errors
/// As [`load`].
pub async fn commits(
    journal: &impl Journal,
    name: &OrderId,
    now: Timestamp,
) -> Result<(OrderId, Vec<Commit>), Failure> {
    let commits = journal.read(&stream_name::<Order>(name)).await?;
    match alias_in(&commits, now)? {
        Some(order) => {
            let commits = journal.read(&stream_name::<Order>(&order)).await?;
            Ok((order, commits))
        }
        None => Ok((name.clone(), commits)),
    }
}

/// The order that the stream of an alias names. Such a stream has one commit.
fn alias_in(commits: &[Commit], now: Timestamp) -> Result<Option<OrderId>, Failure> {
    let [only] = commits else { return Ok(None) };
    Ok(match events_of::<Order>(only, now)?.into_iter().next() {
        Some(OrderEvent::Aliased(alias)) => Some(alias.order),
        Some(_) | None => None,
    })
}

/// When the order's cancellation was requested: by the requester's clock where the request has a time, otherwise by ours.
///
/// # Errors
/// As [`events_of`].
pub(crate) fn cancelled_at(commits: &[Commit], now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    for commit in commits.iter().rev() {
        for event in events_of::<Order>(commit, now)? {
            if let OrderEvent::CancelRequested(request) = event {
                return Ok(Some(request.asked_at.unwrap_or(commit.at)));
            }
        }
    }
    Ok(None)
}
