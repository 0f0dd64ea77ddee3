//! What the ERP's documents have in common: created once under our reference, looked up by it, undone by it.

use domain::{DocumentNumber, Rejection};
use engine::partner::{Attempt, CallFailure, Secrets};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::client::rejection::rejection;
use crate::client::transport::{Method, Reply, Transport};
use crate::client::{Answer, FirstStep, PartnerClient};
use crate::rest::Items;

/// A document that must exist at most once.
pub(super) struct Document<'a> {
    /// The path of its collection, such as `invoices`.
    pub(super) path: &'static str,
    pub(super) reference: &'a str,
    /// The idempotency key of its creation.
    pub(super) key: String,
}

/// The number in the answer to a creation or a change.
#[derive(Deserialize)]
pub(super) struct Numbered {
    pub(super) number: DocumentNumber,
}

/// The status of a looked-up item.
#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    status: Option<String>,
}

/// Creates a document, or finds the one that an earlier attempt created. A document with other content is a rejection;
/// `is_same` compares.
pub(super) async fn create<S: Secrets, T: Transport, K: DeserializeOwned, A: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    document: &Document<'_>,
    body: &impl Serialize,
    attempt: Attempt,
    is_same: impl Fn(&K) -> bool,
) -> Result<A, CallFailure> {
    if let FirstStep::LookUp { then_wait } = client.first_step(attempt)? {
        if let Some(existing) = find(client, document, &is_same).await? {
            return Ok(existing);
        }
        client.require_settled(then_wait)?;
    }
    let post = client.write(Method::Post, client.url(&[document.path])?, Some(document.key.clone()), body)?;
    match client.call(&post).await? {
        Answer::Done(reply) => client.read(&reply),
        Answer::Conflict(reply) if rejection(&reply).code == "KEY_REUSED" => {
            let existing = find(client, document, &is_same).await?;
            existing.ok_or_else(|| client.unreadable("the key is in use, and the look-up by reference finds nothing"))
        }
        Answer::Conflict(reply) | Answer::Unprocessable(reply) | Answer::NotFound(reply) => Err(refused(&reply)),
    }
}

/// The document under the reference, with the same content. Undone documents do not count.
async fn find<S: Secrets, T: Transport, K: DeserializeOwned, A: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    document: &Document<'_>,
    is_same: impl Fn(&K) -> bool,
) -> Result<Option<A>, CallFailure> {
    let mut has_other = false;
    for item in look_up(client, document.path, document.reference).await? {
        if is_undone(client, &item)? {
            continue;
        }
        if is_same(&read_item(client, &item)?) {
            return read_item(client, &item).map(Some);
        }
        has_other = true;
    }
    if has_other { Err(differs(document)) } else { Ok(None) }
}

/// Another document exists under our reference.
pub(super) fn differs(document: &Document<'_>) -> CallFailure {
    let why = format!("{} of {} has other content than ours", document.path, document.reference);
    CallFailure::Refused(Rejection::new(domain::rejection::DUPLICATE_DIFFERS, why))
}

/// All items under `reference`, undone ones included.
pub(super) async fn look_up<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    path: &str,
    reference: &str,
) -> Result<Vec<Box<RawValue>>, CallFailure> {
    look_up_with_etag(client, path, reference).await.map(|(items, _)| items)
}

/// The same, with the reply's `ETag`.
pub(super) async fn look_up_with_etag<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    path: &str,
    reference: &str,
) -> Result<(Vec<Box<RawValue>>, Option<String>), CallFailure> {
    let mut url = client.url(&[path])?;
    url.query_pairs_mut().append_pair("reference", reference);
    match client.call(&client.get(url)).await? {
        Answer::Done(reply) => {
            let Items { items } = client.read::<Items<Box<RawValue>>>(&reply)?;
            Ok((items, reply.header("etag").map(str::to_owned)))
        }
        Answer::NotFound(_) => Ok((vec![], None)),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => Err(refused(&reply)),
    }
}

pub(super) fn read_item<S: Secrets, T: Transport, D: DeserializeOwned>(
    client: &PartnerClient<'_, S, T>,
    item: &RawValue,
) -> Result<D, CallFailure> {
    serde_json::from_str(item.get()).map_err(|error| client.unreadable(&engine::redact::json_error(&error)))
}

/// Whether an item was cancelled, released or reversed.
pub(super) fn is_undone<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    item: &RawValue,
) -> Result<bool, CallFailure> {
    let Status { status } = read_item(client, item)?;
    Ok(matches!(status.as_deref(), Some("cancelled" | "released" | "reversed")))
}

/// Posts to `path`, which undoes a document. A 404 means that it is undone already.
pub(super) async fn undo<S: Secrets, T: Transport>(
    client: &PartnerClient<'_, S, T>,
    path: &[&str],
    key: String,
) -> Result<(), CallFailure> {
    match client.call(&client.post_empty(client.url(path)?, key)).await? {
        Answer::Done(_) | Answer::NotFound(_) => Ok(()),
        Answer::Conflict(reply) | Answer::Unprocessable(reply) => Err(refused(&reply)),
    }
}

pub(super) fn refused(reply: &Reply) -> CallFailure {
    CallFailure::Refused(rejection(reply))
}

/// The only element that fits; `None` if there is none or more than one.
pub(super) fn only<L>(lines: &[L], fits: impl Fn(&L) -> bool) -> Option<&L> {
    let mut fitting = lines.iter().filter(|line| fits(line));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}
