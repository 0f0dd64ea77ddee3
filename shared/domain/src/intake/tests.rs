#![allow(clippy::unwrap_used)]

use super::*;
use crate::review::Choice;
use crate::workflow::{decide, fold};

fn unmappable(delivery: &str, detail: &str) -> DeliveryCommand {
    DeliveryCommand::RecordUnmappable(Unmappable {
        partner: "acme-crm".parse().unwrap(),
        delivery: delivery.to_owned(),
        topic: "order.created".to_owned(),
        code: "MSG-004".to_owned(),
        order: Some("CRM-1".parse().unwrap()),
        places: vec![OffendingPlace { pointer: "/data/lines".to_owned(), detail: detail.to_owned() }],
    })
}

fn mapped() -> DeliveryCommand {
    DeliveryCommand::RecordMapped(Mapped { delivery: "msg-2".to_owned() })
}

/// The events that the commands end in, each decided after those before it.
fn history(commands: &[DeliveryCommand]) -> Vec<DeliveryEvent> {
    let mut events = Vec::new();
    for command in commands {
        events.extend(decide(fold::<Delivery>(&events).as_ref(), command.clone()).unwrap());
    }
    events
}

fn after(commands: &[DeliveryCommand]) -> Delivery {
    fold(&history(commands)).unwrap()
}

#[test]
fn b44_a_copy_with_the_same_mistakes_says_nothing_new_and_another_mistake_is_another_review() {
    let once = after(&[unmappable("msg-1", "is missing")]);
    let reason = once.reviews().remove(0).reason;
    assert_eq!(reason, "MSG-004: acme-crm sent order.created msg-1 with the order CRM-1: /data/lines: is missing");
    assert_eq!(history(&[unmappable("msg-1", "is missing"), unmappable("msg-2", "is missing")]).len(), 1);
    let other = after(&[unmappable("msg-1", "is missing"), unmappable("msg-2", "must be a list")]);
    assert_eq!(other.reviews().len(), 1);
    assert_ne!(other.reviews(), once.reviews());
}

#[test]
fn b44_what_was_read_after_all_is_off_the_worklist_and_the_crm_is_told_nothing_more() {
    let open = after(&[unmappable("msg-1", "is missing")]);
    assert!(open.refusal().is_some());
    let closed = after(&[unmappable("msg-1", "is missing"), mapped(), mapped(), unmappable("msg-1", "is missing")]);
    assert_eq!((closed.reviews(), closed.refusal()), (vec![], None));
    let again = after(&[unmappable("msg-1", "is missing"), mapped(), unmappable("msg-3", "must be a list")]);
    assert_eq!((again.reviews().len(), again.refusal().is_some()), (1, true));
}

#[test]
fn b44_the_crm_is_told_once_of_each_mistake_and_a_person_can_close_the_review() {
    let first = after(&[unmappable("msg-1", "is missing")]);
    let told = DeliveryCommand::RecordCrmUpdated(RefusalShown { digest: first.refusal().unwrap().digest() });
    let shown = after(&[unmappable("msg-1", "is missing"), told.clone(), told]);
    assert_eq!((shown.refusal(), shown.reviews().len()), (None, 1));
    let review = shown.reviews().remove(0);
    let decision = |choice| {
        DeliveryCommand::Decide(Decision {
            review: review.key(),
            kind: review.kind,
            choice,
            document: None,
            by: "ann".to_owned(),
            note: String::new(),
        })
    };
    assert!(shown.decide(decision(Choice::Retry)).is_err());
    let decided = shown.decide(decision(Choice::Acknowledge)).unwrap();
    assert_eq!(decided.iter().fold(shown, Workflow::evolve).reviews(), []);
}
