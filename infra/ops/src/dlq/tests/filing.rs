//! Export, import, edits, and reviews of what is about to be lost.

use std::time::Duration;

use engine::delivery::{Delivery, Role};
use engine::stores::Deliveries;
use testkit::memory::MemoryDeliveries;

use crate::dlq::archive::{Import, export, import, read};
use crate::dlq::edit::{Edit, edit};
use crate::dlq::expiring::{Reviewed, expiring, review};
use crate::dlq::filter::Filter;
use crate::dlq::tests::world::{QUEUE, World};

fn by_ann() -> Import<'static> {
    Import { who: "ann", why: "T-17", file: "f1", now: "2026-03-02T12:00:00Z".parse().unwrap() }
}

#[tokio::test]
async fn what_is_exported_is_imported_once_with_its_cause() {
    let world = World::new();
    world.park_order("ord_a", 2, "PRT-002", "acme-erp is out of order");
    world.park_delivery("eastco", "msg_1", "MSG-004", "a mapping was missing");
    let mut file = Vec::new();
    let (count, passed) = export(&world, QUEUE, &Filter::default(), &mut file, |_, _| {}).await.unwrap();
    assert_eq!((count, passed.complete), (2, true));
    let messages = read(file.as_slice()).unwrap();

    let other = World::new();
    assert_eq!(import(&other, &other, &messages, &by_ann(), |_, _| {}).await.unwrap(), 2);
    assert_eq!(other.parked(), world.parked());
    assert_eq!(other.plan(&Filter::default()).await.entries[1].code, "PRT-002");
    assert_eq!(import(&other, &other, &messages, &by_ann(), |_, _| {}).await.unwrap(), 0, "the same file again");
    assert_eq!(other.parked().len(), 2);

    let text = String::from_utf8(file).unwrap().replace("ord_a", "ord_b");
    assert!(read(text.as_bytes()).unwrap_err().contains("line 1"), "a changed body is refused");
}

#[tokio::test]
async fn nothing_is_imported_without_its_first_record() {
    let (world, other) = (World::new(), World::new());
    world.park_order("ord_a", 2, "PRT-002", "acme-erp is out of order");
    let mut file = Vec::new();
    export(&world, QUEUE, &Filter::default(), &mut file, |_, _| {}).await.unwrap();
    other.audit_refuses.set(true);
    assert!(import(&other, &other, &read(file.as_slice()).unwrap(), &by_ann(), |_, _| {}).await.is_err());
    assert_eq!(other.parked(), [""; 0]);
}

fn corrected<'a>(delivery: &'a str, body: &str) -> Edit<'a> {
    let now = "2026-03-02T12:00:00Z".parse().unwrap();
    Edit { delivery, body: body.as_bytes().to_vec(), who: "ann", why: "T-17", dry_run: false, now }
}

async fn eastco() -> MemoryDeliveries {
    let deliveries = MemoryDeliveries::default();
    let delivery = Delivery {
        partner: "eastco".parse().unwrap(),
        role: Role::Warehouse,
        id: "msg_1".to_owned(),
        topic: "package.packed".to_owned(),
        body: b"wrong".to_vec(),
        received_at: "2026-03-02T09:00:00Z".parse().unwrap(),
        correlation: "c-1".to_owned(),
        traceparent: None,
    };
    deliveries.store(&delivery).await.unwrap();
    deliveries
}

#[tokio::test]
async fn f02_an_edited_delivery_is_stored_beside_the_original_with_who_and_why() {
    let (world, deliveries) = (World::new(), eastco().await);
    let edited = edit(&deliveries, &world, corrected("delivery/eastco/msg_1", "right")).await.unwrap();
    assert_eq!(edited.stored, "eastco/msg_1/edit-1");
    let partner = "eastco".parse().unwrap();
    let original = deliveries.fetch(&partner, "msg_1").await.unwrap().unwrap();
    assert_eq!(original.body, b"wrong", "the original stays");
    let stored = deliveries.fetch(&partner, "msg_1/edit-1").await.unwrap().unwrap();
    assert_eq!((stored.body.as_slice(), stored.topic.as_str()), (b"right".as_slice(), "package.packed"));
    assert_eq!(stored.correlation, "c-1", "one story");
    let again = edit(&deliveries, &world, corrected("eastco/msg_1", "right")).await.unwrap();
    assert_eq!(again.stored, "eastco/msg_1/edit-1", "the same edit is the same delivery");
    let other = edit(&deliveries, &world, corrected("eastco/msg_1/edit-1", "better")).await.unwrap();
    assert_eq!(other.stored, "eastco/msg_1/edit-2");
    let records = world.records.borrow();
    assert!(
        records
            .values()
            .all(|record| record.contains("ann") && record.contains("T-17") && record.contains("eastco/msg_1"))
    );
    assert_eq!(records.len(), 4, "intent and done of both");
}

#[tokio::test]
async fn a_message_that_is_about_to_outlive_its_queue_gets_one_review_and_stays() {
    let world = World::new();
    world.park_order("ord_a", 2, "PRT-002", "acme-erp is out of order");
    world.park_delivery("eastco", "msg_1", "MSG-004", "a mapping was missing");
    world.revive(Duration::from_secs(11 * 86_400));
    world.park_order("ord_b", 2, "PRT-002", "acme-erp is out of order");
    let until = crate::pace::Pace::now(&world).checked_add(Duration::from_secs(4 * 86_400)).unwrap();
    let (found, passed) = expiring(&world, QUEUE, &Filter::default(), until, |_, _| {}).await.unwrap();
    assert_eq!((found.len(), passed.seen), (2, 3), "the third is lost in two weeks");
    let expected = Reviewed { reviewed: 1, done: 0, without_order: 1 };
    assert_eq!(review(&world, &found, ("ann", "T-17"), true).await.unwrap(), expected);
    assert_eq!(world.reviews.borrow().len(), 0, "a dry run changes nothing");
    for _ in 0..2 {
        assert_eq!(review(&world, &found, ("ann", "T-17"), false).await.unwrap(), expected);
    }
    let reviews: Vec<String> = world.reviews.borrow().iter().cloned().collect();
    assert!(reviews.len() == 1 && reviews[0].starts_with("expiring/order-price/"), "{reviews:?}");
    assert_eq!(world.parked().len(), 3);
}

#[tokio::test]
async fn an_event_of_the_journal_is_never_edited() {
    let (world, deliveries) = (World::new(), eastco().await);
    let refused = edit(&deliveries, &world, corrected("order/ord_a", "{}")).await.unwrap_err();
    assert!(refused.contains("never edited") && refused.contains("change request"), "{refused}");
    let same = edit(&deliveries, &world, corrected("eastco/msg_1", "wrong")).await.unwrap_err();
    assert!(same.contains("redrive"), "{same}");
    assert!(edit(&deliveries, &world, corrected("eastco/msg_9", "right")).await.unwrap_err().contains("not stored"));
    world.audit_refuses.set(true);
    assert!(edit(&deliveries, &world, corrected("eastco/msg_1", "right")).await.is_err());
    assert_eq!(deliveries.fetch(&"eastco".parse().unwrap(), "msg_1/edit-1").await.unwrap(), None);
}
