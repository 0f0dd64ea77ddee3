//! One suite per port. The store in memory and the store on AWS pass the same suite.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::OrderId;
use engine::journal::{Append, CreateOutcome, Freshness, NewStream, Takeover, Wake};
use engine::partner_health::{CallOutcome, Limits, PartnerHealth, PartnerHealthStore, Permit};
use engine::sessions::{Session, Sessions};
use engine::stores::{Deliveries, Due, DueItem, Parties, ViewRow, Views};
use engine::{Cause, Commit, Journal};
use futures::future::join_all;
use jiff::Timestamp;

use engine::delivery::{Delivery, Role, StoreOutcome};

/// A name that no other run uses.
fn fresh(kind: &str) -> String {
    format!("{kind}-{:016x}", fastrand::u64(..))
}

fn at() -> Timestamp {
    Timestamp::from_second(1_795_000_000).unwrap_or_default()
}

/// A commit of `stream` at `version`; `mark` makes its cause and its event unique.
fn commit(stream: &str, version: u64, mark: &str) -> Commit {
    Commit {
        stream: stream.to_owned(),
        version,
        cause: Cause::new("suite", mark),
        correlation: "c-1".to_owned(),
        caused_by: None,
        actor: "suite".to_owned(),
        at: at(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        epoch: "e1".to_owned(),
        events: format!(r#"[{{"type":"order.overdue","deadline":"2026-11-23T00:00:00Z","mark":"{mark}"}}]"#),
        opened_reviews: vec![format!("overdue-{mark}")],
        listed: version == 1,
        wakes: vec![Wake {
            step: "crm-update".to_owned(),
            about: BTreeMap::from([("package".to_owned(), mark.to_owned())]),
        }],
    }
}

fn new_stream(stream: &str, unique: &[&str]) -> NewStream {
    let deadline = DueItem {
        due: at(),
        id: fresh("deadline"),
        function: "deadline-raise".to_owned(),
        body: "{}".to_owned(),
        why: "deadline".to_owned(),
        partner: None,
        parent: None,
    };
    let unique = unique.iter().map(|key| (*key).to_owned()).collect();
    NewStream { commit: commit(stream, 1, stream), unique, deadline, party: None, takeover: None }
}

/// The journal's promises.
///
/// # Panics
/// A promise is broken.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
pub async fn journal(journal: &impl Journal) {
    let stream = fresh("order/suite");
    let long = (0..40_000).map(|n| format!("review-{n}")).collect::<Vec<_>>().join(" ");
    let long = Commit { events: commit(&stream, 1, &long).events, ..commit(&fresh("order/long"), 1, "long") };
    assert_eq!(journal.append(&long).await.unwrap(), Append::Committed, "b49: 500 KB of events that deflate well");
    assert_eq!(journal.read(&long.stream).await.unwrap(), vec![long]);
    assert_eq!(journal.read(&stream).await.unwrap(), vec![], "an unknown stream is empty");
    assert_eq!(journal.append(&commit(&stream, 1, "a")).await.unwrap(), Append::Committed);
    assert_eq!(journal.append(&commit(&stream, 1, "b")).await.unwrap(), Append::Raced, "one winner a version");
    assert_eq!(journal.append(&commit(&stream, 1, "a")).await.unwrap(), Append::Raced, "not even the same twice");
    for version in 2..=12 {
        assert_eq!(journal.append(&commit(&stream, version, "c")).await.unwrap(), Append::Committed);
    }
    let read = journal.read(&stream).await.unwrap();
    assert_eq!(read.iter().map(|commit| commit.version).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>(), "in order");
    assert_eq!(read.first(), Some(&commit(&stream, 1, "a")), "a commit reads back as it was written");
    for freshness in [Freshness::Newest, Freshness::AtLeast(12)] {
        let newest = journal.read_newest(&stream, 3, 2, freshness).await.unwrap();
        assert_eq!(newest.iter().map(|commit| commit.version).collect::<Vec<_>>(), [11, 12], "the newest two");
        let newest = journal.read_newest(&stream, 11, 64, freshness).await.unwrap();
        assert_eq!(newest, [commit(&stream, 12, "c")], "what follows");
    }

    let (first, second) = (fresh("order/suite"), fresh("order/suite"));
    let (po, other) = (fresh("po"), fresh("po"));
    assert_eq!(journal.create(&new_stream(&first, &[&po])).await.unwrap(), CreateOutcome::Committed);
    assert_eq!(
        journal.create(&new_stream(&first, &[&other])).await.unwrap(),
        CreateOutcome::Exists,
        "a stream is created once"
    );
    let taken = CreateOutcome::Taken { key: po.clone(), owner: first.clone() };
    assert_eq!(
        journal.create(&new_stream(&second, &[&other, &po])).await.unwrap(),
        taken,
        "a natural key has one owner"
    );
    assert_eq!(journal.read(&second).await.unwrap(), vec![], "all of a founding or none of it");
    assert_eq!(
        journal.create(&new_stream(&second, &[&other])).await.unwrap(),
        CreateOutcome::Committed,
        "the other key was free"
    );
    assert_eq!(journal.read(&first).await.unwrap(), vec![commit(&first, 1, &first)]);
    several_streams(journal).await;
    takeovers(journal).await;
}

/// Commits of several streams are written together or not at all.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
async fn several_streams(journal: &impl Journal) {
    let (order, alias) = (fresh("order/suite"), fresh("order/suite"));
    assert_eq!(journal.create(&new_stream(&order, &[])).await.unwrap(), CreateOutcome::Committed);
    let both = |version: u64| [commit(&order, version, "alias"), commit(&alias, 1, "alias")];
    assert_eq!(journal.append_all(&both(2)).await.unwrap(), Append::Committed);
    assert_eq!(journal.append_all(&both(3)).await.unwrap(), Append::Raced, "the second stream has its first commit");
    assert_eq!(journal.read(&order).await.unwrap().len(), 2, "all of it or nothing");
    assert_eq!(journal.read(&alias).await.unwrap(), vec![commit(&alias, 1, "alias")]);
    assert_eq!(journal.create(&new_stream(&alias, &[])).await.unwrap(), CreateOutcome::Exists, "an alias is no order");
    let other = fresh("order/suite");
    let behind = [commit(&order, 2, "late"), commit(&other, 1, "late")];
    assert_eq!(journal.append_all(&behind).await.unwrap(), Append::Raced, "the first stream has moved on");
    assert_eq!(journal.read(&other).await.unwrap(), vec![]);
}

/// A natural key moves to a new stream only from the owner that was read, and unchanged.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
async fn takeovers(journal: &impl Journal) {
    let (old, key) = (fresh("order/suite"), fresh("po"));
    assert_eq!(journal.create(&new_stream(&old, &[&key])).await.unwrap(), CreateOutcome::Committed);
    let taking = |stream: &str, version: u64, unique: &[&str]| NewStream {
        takeover: Some(Takeover { key: key.clone(), last: commit(&old, version, stream) }),
        ..new_stream(stream, unique)
    };
    let (first, second, used) = (fresh("order/suite"), fresh("order/suite"), fresh("key"));
    assert_eq!(journal.append(&commit(&old, 2, "news")).await.unwrap(), Append::Committed);
    let behind = journal.create(&taking(&first, 2, &[])).await.unwrap();
    assert_eq!(behind, CreateOutcome::Raced, "the owner has a commit after the version that was read");
    assert_eq!(journal.read(&first).await.unwrap(), vec![], "all of a takeover or none of it");
    assert_eq!(journal.create(&taking(&first, 3, &[&used])).await.unwrap(), CreateOutcome::Committed);
    assert_eq!(journal.read(&old).await.unwrap().len(), 3);
    let late = journal.create(&taking(&second, 4, &[])).await.unwrap();
    assert_eq!(late, CreateOutcome::Raced, "it is no longer the owner");
    assert_eq!(journal.read(&old).await.unwrap().len(), 3);
    let taken = journal.create(&new_stream(&second, &[&key])).await.unwrap();
    assert_eq!(taken, CreateOutcome::Taken { key: key.clone(), owner: first.clone() }, "the new owner has the key");
    let onward = NewStream {
        takeover: Some(Takeover { key: key.clone(), last: commit(&first, 2, &second) }),
        ..new_stream(&second, &[&used])
    };
    let taken = CreateOutcome::Taken { key: used.clone(), owner: first.clone() };
    assert_eq!(journal.create(&onward).await.unwrap(), taken, "another key of it is taken");
    assert_eq!(journal.read(&first).await.unwrap().len(), 1);
    assert_eq!(journal.create(&NewStream { unique: vec![], ..onward }).await.unwrap(), CreateOutcome::Committed);
}

/// Of two hundred concurrent commits at one version, one is written.
///
/// # Panics
/// None or several are written.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
pub async fn journal_race(journal: &impl Journal) {
    let stream = fresh("order/race");
    let marks: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let all = join_all(marks.iter().map(async |mark| {
        // A throttled call is told apart from a lost race, and repeated.
        loop {
            match journal.append(&commit(&stream, 1, mark)).await {
                Ok(append) => return append,
                Err(engine::Failure::Transient { .. }) => {}
                Err(failure) => panic!("{failure:?}"),
            }
        }
    }))
    .await;
    let winners = all.iter().filter(|append| **append == Append::Committed).count();
    assert_eq!(winners, 1, "one version has one winner");
    let read = journal.read(&stream).await.unwrap();
    assert_eq!(read.len(), 1);
    let winner = all.iter().position(|append| *append == Append::Committed).unwrap();
    assert_eq!(
        read.first().unwrap().cause,
        Cause::new("suite", &winner.to_string()),
        "what was written is the winner's"
    );
}

/// The delivery store's promises.
///
/// # Panics
/// A promise is broken.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
pub async fn deliveries(store: &impl Deliveries) {
    let id = fresh("msg");
    let received_at = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let delivery = |body: &[u8]| Delivery {
        partner: "acme-crm".parse().unwrap(),
        role: Role::Crm,
        id: id.clone(),
        topic: "order.created".to_owned(),
        body: body.to_vec(),
        // Now, in whole milliseconds: a real store forgets what is old.
        received_at,
        correlation: "c-1".to_owned(),
        traceparent: None,
    };
    let (first, second) = (delivery(b"\xEF\xBB\xBF{}"), delivery(b"{ }"));
    assert_eq!(store.fetch(&first.partner, &id).await.unwrap(), None);
    assert_eq!(store.store(&first).await.unwrap(), StoreOutcome::New);
    assert_eq!(store.store(&first).await.unwrap(), StoreOutcome::Same { received_at });
    store.announce_again(&first.key()).await.unwrap();
    assert_eq!(
        store.store(&second).await.unwrap(),
        StoreOutcome::Conflict { stored: first.digest() },
        "the first body stays"
    );
    assert_eq!(store.fetch(&first.partner, &id).await.unwrap(), Some(first), "byte for byte");
}

/// The party store's promises.
///
/// # Panics
/// A promise is broken.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
pub async fn parties(store: &impl Parties) {
    let order = OrderId::derive(&"suite".parse().unwrap(), &fresh("x").parse().unwrap());
    let reference = domain::party::PartyRef { order, n: 1 };
    let party = |name: &str| domain::party::Party {
        name: name.to_owned(),
        company: None,
        line1: "1 Sample Street".to_owned(),
        line2: None,
        city: "Berlin".to_owned(),
        region: None,
        postal_code: Some("10115".to_owned()),
        country: "DE".to_owned(),
        phone: None,
        email: None,
    };
    assert_eq!(store.fetch(&reference).await.unwrap(), None);
    store.store(&reference, &party("Ada Example")).await.unwrap();
    store.store(&reference, &party("Another Person")).await.unwrap();
    let stored = store.fetch(&reference).await.unwrap().unwrap();
    assert_eq!(stored.name, "Ada Example", "a record is immutable");
}

/// The promises of the partner health store.
///
/// # Panics
/// A promise is broken.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
pub async fn partner_health(store: &impl PartnerHealthStore) {
    let limits = Limits { slow: Duration::from_secs(5), in_flight: 2, rate: None };
    let failed = |state: &PartnerHealth| state.after(&limits, &Permit::default(), CallOutcome::Failed, at()).unwrap();
    let (partner, other) = (fresh("suite").parse().unwrap(), fresh("suite").parse().unwrap());
    let well = PartnerHealth::default();
    assert_eq!(store.read(&partner).await.unwrap(), (well.clone(), 0), "nobody wrote it: the partner is well");
    let one = failed(&well);
    assert!(store.swap(&partner, 0, &one).await.unwrap());
    assert!(!store.swap(&partner, 0, &well).await.unwrap(), "the first is written once");
    assert_eq!(store.read(&partner).await.unwrap(), (one.clone(), 1), "a gate reads back as it was written");
    let two = failed(&one);
    let both = [store.swap(&partner, 1, &two), store.swap(&partner, 1, &two)];
    let written = join_all(both).await.into_iter().filter(|swap| *swap.as_ref().unwrap()).count();
    assert_eq!(written, 1, "one version has one winner");
    assert_eq!(store.read(&partner).await.unwrap(), (two, 2));
    assert_eq!(store.read(&other).await.unwrap(), (well, 0), "partners do not share a gate");
}

/// The session store's promises.
///
/// # Panics
/// A promise is broken.
#[allow(clippy::unwrap_used)] // A suite is a test.
pub async fn sessions(store: &impl Sessions) {
    let subject = fresh("person");
    let session = |digest: &str, role: &str| Session {
        subject: subject.clone(),
        digest: digest.to_owned(),
        roles: vec![role.to_owned()],
        // Within the hour in which DynamoDB would delete it by itself.
        expires: "2099-03-02T10:00:00Z".parse().unwrap(),
    };
    let first = session("a", "finance");
    assert_eq!(store.find(&subject, "a").await.unwrap(), None);
    assert!(store.begin(&first).await.unwrap());
    assert!(!store.begin(&session("a", "operations")).await.unwrap(), "a session is never replaced");
    assert_eq!(store.find(&subject, "a").await.unwrap(), Some(first.clone()));
    assert!(store.begin(&Session { roles: vec![], ..session("b", "") }).await.unwrap(), "a person may have several");
    assert_eq!(store.find(&subject, "b").await.unwrap().unwrap().roles, [""; 0]);
    store.end(&subject, "b").await.unwrap();
    store.end(&subject, "b").await.unwrap();
    assert_eq!(store.find(&subject, "b").await.unwrap(), None, "one that was ended is not found");
    assert_eq!(store.find(&subject, "a").await.unwrap(), Some(first), "and the others are");
    assert_eq!(store.find(&fresh("person"), "a").await.unwrap(), None, "a digest is its subject's alone");
}

/// The due store's promises.
///
/// # Panics
/// A promise is broken.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
pub async fn due(store: &impl Due) {
    let (id, partner) = (fresh("due"), fresh("suite").parse::<domain::PartnerId>().unwrap());
    let item = |seconds: i64| DueItem {
        due: at().checked_add(std::time::Duration::from_secs(seconds.unsigned_abs())).unwrap(),
        id: id.clone(),
        function: "order-price".to_owned(),
        body: r#"{"detail":{}}"#.to_owned(),
        why: "claimed".to_owned(),
        partner: Some(partner.clone()),
        parent: None,
    };
    let (early, late) = (item(1), item(2));
    let partition = early.partition();
    let mine = async |now: Timestamp| {
        let ready = store.ready(&partition, now, 1_000, None).await.unwrap();
        ready.items.into_iter().filter(|create| create.id == id).collect::<Vec<_>>()
    };
    store.defer(&late).await.unwrap();
    store.defer(&early).await.unwrap();
    store.defer(&early).await.unwrap();
    assert_eq!(mine(at()).await, vec![], "nothing is due yet");
    assert_eq!(mine(early.due).await, vec![early.clone()], "due to the moment, once");
    assert_eq!(mine(late.due).await, vec![early.clone(), late.clone()], "oldest first");
    let listed = async || store.partners().await.unwrap().into_iter().find(|waiting| waiting.partner == partner);
    let waiting = listed().await.unwrap();
    store.forget(&waiting).await.unwrap();
    assert!(listed().await.is_some(), "a partner whose work has just begun to wait stays listed");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = store.ready(&partition, late.due, 1, after.as_deref()).await.unwrap();
        paged.extend(page.items.into_iter().filter(|create| create.id == id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, [early.clone(), late.clone()], "a page after the other, with what lies in between untouched");
    store.done(&early).await.unwrap();
    store.done(&early).await.unwrap();
    assert_eq!(mine(late.due).await, vec![late.clone()]);
    let more = [late.clone(), item(4), item(5)];
    for item in &more {
        store.defer(item).await.unwrap();
    }
    store.all_done(&more).await.unwrap();
    store.all_done(&[]).await.unwrap();
    assert_eq!(mine(item(5).due).await, vec![], "gone at once");
    let parent = format!("fulfillment/{id}");
    let child = DueItem { parent: Some(parent.clone()), partner: None, ..item(3) };
    let partition = child.partition();
    let mine = async |now: Timestamp| {
        let ready = store.ready(&partition, now, 1_000, None).await.unwrap();
        ready.items.into_iter().filter(|create| create.id == id).collect::<Vec<_>>()
    };
    store.defer(&child).await.unwrap();
    assert_eq!(store.waiting(&parent, 10).await.unwrap(), vec![child.clone()], "found by what it waits for");
    assert_eq!(store.waiting("fulfillment/another", 10).await.unwrap(), vec![]);
    assert_eq!(mine(child.due).await, vec![child.clone()], "and by its time, whatever happens to its parent");
    store.done(&child).await.unwrap();
    assert_eq!((store.waiting(&parent, 10).await.unwrap(), mine(child.due).await), (vec![], vec![]), "gone from both");
}

/// The read models' promises.
///
/// # Panics
/// A promise is broken.
#[allow(clippy::unwrap_used, clippy::panic)] // A suite is a test.
pub async fn views(store: &impl Views) {
    let list = fresh("order/suite");
    let row = |n: u32, version: u64, list: &str| ViewRow {
        key: format!("{list}-{n}"),
        part: "summary".to_owned(),
        version,
        fold: 1,
        list: list.to_owned(),
        rank: format!("2026-11-23T00:00:{n:02}.000Z/{n}"),
        document: format!(r#"{{"version":{version}}}"#),
    };
    for n in 0..5 {
        assert!(store.put(&row(n, 2, &list)).await.unwrap());
    }
    assert!(!store.put(&row(0, 1, &list)).await.unwrap(), "an older row never replaces a newer one");
    assert!(!store.put(&row(0, 2, &list)).await.unwrap(), "nor an equal one");
    let rebuilt = |version: u64| ViewRow { fold: 2, ..row(0, version, &list) };
    assert!(!store.put(&rebuilt(1)).await.unwrap(), "nor an older one of a newer fold");
    assert!(store.put(&rebuilt(2)).await.unwrap(), "a newer fold is written over the same version");
    assert!(!store.put(&row(0, 2, &list)).await.unwrap(), "and not the other way round");
    assert_eq!(store.get(&row(0, 2, &list).key, "summary").await.unwrap(), Some(rebuilt(2)));
    let first = store.list(&list, 3, None).await.unwrap();
    let second = store.list(&list, 3, first.next.as_deref()).await.unwrap();
    let keys = |rows: &[ViewRow]| rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>();
    let expected: Vec<String> = (0..5).rev().map(|n| row(n, 2, &list).key).collect();
    assert_eq!([keys(&first.rows), keys(&second.rows)].concat(), expected, "newest first, each once");
    assert_eq!(second.next, None);
    let elsewhere = store.list(&format!("{list}-elsewhere"), 3, first.next.as_deref()).await;
    assert!(matches!(elsewhere, Err(engine::Failure::Permanent { .. })), "a cursor is of its list alone");
    let mut moved = row(4, 3, &list);
    moved.list = format!("{list}-elsewhere");
    assert!(store.put(&moved).await.unwrap());
    assert_eq!(keys(&store.list(&list, 10, None).await.unwrap().rows).len(), 4, "a row stands in one list");

    let name = fresh("reference/suite");
    let reference = |n: u32| ViewRow {
        key: name.clone(),
        part: format!("tracking/{n:02}"),
        list: String::new(),
        rank: String::new(),
        ..row(n, 1, &list)
    };
    let other = ViewRow { key: format!("{name}-other"), ..reference(99) };
    // More than one call takes.
    let all: Vec<ViewRow> = (0..30).map(reference).chain([other]).collect();
    store.put_all(&all).await.unwrap();
    store.put_all(&all[..3]).await.unwrap();
    store.put_all(&[]).await.unwrap();
    assert_eq!(store.rows(&name, 100).await.unwrap(), all[..30], "the rows of the key, each once");
    assert_eq!(store.rows(&name, 2).await.unwrap().len(), 2);
}
