//! Expected reports, and late ones.

use std::collections::BTreeSet;

use super::*;

#[test]
fn c09_a_package_that_is_listed_and_not_reported_is_expected() {
    let done = FulfillmentCommand::RecordClosed(Closed {
        at: at(3),
        packages: Some(["P-1", "P-2"].iter().map(|package| id(package)).collect()),
    });
    let facts = [
        accepted("F-1"),
        packed("P-1", 1, &lines(2), None),
        milestone("P-1", 2, MilestoneKind::PickedUp),
        done,
        milestone("P-1", 3, MilestoneKind::Delivered),
    ];
    let state = play(open_as(watched(&lines(3))), facts);
    let watch = state.watch();
    assert!(matches!(watch, Watch::Until(_, Missing::Departure)), "{watch:?}");
    let reports = [packed("P-2", 2, &lines(1), None), milestone("P-2", 3, MilestoneKind::Delivered)];
    assert_eq!(play(state, reports).watch(), Watch::Over);
}

#[test]
fn the_content_of_a_package_is_expected_though_all_else_of_it_is_known() {
    let listed = Some(BTreeSet::from([id("P-1")]));
    let done = FulfillmentCommand::RecordClosed(Closed { at: at(3), packages: listed });
    let facts = [
        accepted("F-1"),
        milestone("P-1", 2, MilestoneKind::PickedUp),
        done,
        milestone("P-1", 4, MilestoneKind::Delivered),
    ];
    let state = play(open_as(watched(&lines(3))), facts);
    assert!(state.is_closed_unreported(), "the warehouse is asked for it");
    assert_eq!(watch(&state), Watch::Until(at(1_440), Missing::Departure));
    let state = apply(state, packed("P-1", 1, &lines(3), None));
    assert_eq!((state.is_closed_unreported(), watch(&state)), (false, Watch::Over));
}

fn watch(state: &Fulfillment) -> Watch {
    Watch::of(Some(state), &watched(&lines(3)))
}

fn news() -> Missing {
    Missing::News { package: id("P-1") }
}

#[test]
fn the_next_report_is_expected_until_the_fulfillment_has_ended() {
    assert_eq!(Watch::of(None, &watched(&lines(3))), Watch::Until(at(60), Missing::Acknowledgement));
    assert_eq!(Watch::of(None, &opened(&lines(3))), Watch::Over, "an assignment without deadlines is not watched");
    let state = open_as(watched(&lines(3)));
    assert_eq!(watch(&state), Watch::Until(at(60), Missing::Acknowledgement));
    let state = apply(state, accepted("F-1"));
    assert_eq!(watch(&state), Watch::Until(at(1_440), Missing::Departure));
    assert_eq!(watch(&apply(state.clone(), closed(3))), Watch::Over);
    assert_eq!(watch(&apply(state.clone(), withdrawn(Some("F-1")))), Watch::Over);
    assert_eq!(watch(&apply(state.clone(), rejected("no room"))), Watch::Over);
    let state = apply(state, packed("P-1", 100, &lines(3), None));
    assert_eq!(
        watch(&apply(state.clone(), closed(101))),
        Watch::Until(at(1_440), Missing::Departure),
        "the package has not left"
    );
    let state = apply(state, milestone("P-1", 200, MilestoneKind::PickedUp));
    assert_eq!(watch(&state), Watch::Until(at(200 + 2_880), news()));
    assert_eq!(watch(&apply(state, milestone("P-1", 300, MilestoneKind::Delivered))), Watch::Over);
}

#[test]
fn a_fulfillment_whose_request_was_not_sent_in_time_is_late_and_is_still_requested() {
    let fulfillment = watched(&lines(3));
    let missed = Watch::of(None, &fulfillment).passed(at(60)).unwrap();
    let state = begin::<Fulfillment>([FulfillmentCommand::RaiseLate(fulfillment.clone(), missed)]);
    assert_eq!(kinds(&state), [FulfillmentReview::Late]);
    assert!(
        FulfillmentRequest::due(Some(&state), &fulfillment).is_some()
            && state.withdrawal().is_none()
            && state.inquiry().is_none()
    );
    let closed = apply(state.clone(), FulfillmentCommand::CloseNotSent(fulfillment.clone()));
    assert_eq!(request_status(&closed), RequestStatus::Withdrawn, "the request was never sent");
    let requested = apply(state, FulfillmentCommand::Open(fulfillment, started(FulfillmentEffect::Request, 1)));
    assert_eq!(kinds(&apply(requested, accepted("F-1"))), []);
}

#[test]
fn a_late_report_is_reviewed_until_it_arrives_and_expected_again_a_day_later() {
    let state = open_as(watched(&lines(3)));
    assert_eq!(watch(&state).passed(at(59)), None);
    let missed = watch(&state).passed(at(60)).unwrap();
    let state = apply(state, FulfillmentCommand::RaiseLate(opened(&lines(3)), missed.clone()));
    assert_eq!(state.decide(FulfillmentCommand::RaiseLate(opened(&lines(3)), missed)), Ok(vec![]));
    assert_eq!(
        (kinds(&state), watch(&state)),
        (vec![FulfillmentReview::Late], Watch::Until(at(1_440), Missing::Departure))
    );
    let state = apply(state, late(Missing::Departure, 1_440));
    assert_eq!(watch(&state), Watch::Until(at(1_500), Missing::Acknowledgement));
    let earlier = reviews(&state);
    let state = apply(state, late(Missing::Acknowledgement, 1_500));
    assert_eq!(reviews(&state), earlier, "raising it again makes no new review");
    let state = apply(state, accepted("F-1"));
    assert_eq!(
        (kinds(&state), watch(&state)),
        (vec![FulfillmentReview::Late], Watch::Until(at(2_880), Missing::Departure))
    );
    let left = [packed("P-1", 3_000, &lines(3), None), milestone("P-1", 3_000, MilestoneKind::Delivered)];
    let state = play(state, left);
    assert_eq!((kinds(&state), watch(&state)), (vec![], Watch::Over));
}

#[test]
fn c12_a_package_without_news_for_too_long_is_reviewed_until_news_arrives() {
    let left = [packed("P-1", 1, &lines(3), None), milestone("P-1", 10, MilestoneKind::InTransit)];
    let facts = [left.to_vec(), vec![accepted("F-1"), late(news(), 10 + 2_880)]].concat();
    for facts in permutations(&facts) {
        let state = play(open_as(watched(&lines(3))), facts);
        assert_eq!(
            (kinds(&state), watch(&state)),
            (vec![FulfillmentReview::TrackingExpired], Watch::Until(at(4_330), news()))
        );
        let acknowledged = decide(state.clone(), FulfillmentReview::TrackingExpired, Choice::Acknowledge);
        assert_eq!((kinds(&acknowledged), watch(&acknowledged)), (vec![], Watch::Until(at(4_330), news())));
        let moving = apply(state, milestone("P-1", 4_000, MilestoneKind::InTransit));
        assert_eq!((kinds(&moving), watch(&moving)), (vec![], Watch::Until(at(4_000 + 2_880), news())));
    }
}

#[test]
fn c05_a_fulfillment_is_watched_until_its_last_package_that_is_not_void_is_delivered() {
    let state = play(
        open_as(watched(&lines(5))),
        [
            accepted("F-1"),
            packed("P-1", 1, &lines(2), None),
            packed("P-2", 1, &lines(3), None),
            packed("P-3", 1, &lines(3), None),
            voided("P-2", 2),
            milestone("P-1", 3, MilestoneKind::Delivered),
            milestone("P-3", 3, MilestoneKind::InTransit),
        ],
    );
    assert_eq!((shipped(&state), delivered(&state)), (5, 2));
    assert_eq!(watch(&state), Watch::Until(at(3 + 2_880), Missing::News { package: id("P-3") }));
    let state = apply(state, milestone("P-3", 4, MilestoneKind::Delivered));
    assert_eq!((delivered(&state), watch(&state)), (5, Watch::Over));
}
