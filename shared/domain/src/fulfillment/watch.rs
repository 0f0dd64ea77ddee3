//! The time by which the next report of a fulfillment is expected, computed from what its warehouse promised when it was
//! routed. There is no clock here: the watching function asks for the next time and checks again then.

use jiff::{SignedDuration, Timestamp};

use crate::fulfillment::package::Package;
use crate::fulfillment::{Fulfillment, FulfillmentReview, Late, Missing, Opened};
use crate::goods::Deadlines;
use crate::ids::PackageId;
use crate::review::Review;
use crate::shipment::RequestStatus;

/// When to look at a fulfillment again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watch {
    /// At this time, by which this report is expected. A time that was raised as late is not returned again; its report is
    /// expected a day later.
    Until(Timestamp, Missing),
    /// Never: no report is expected.
    Over,
}

impl Watch {
    /// The report that is late at `now`, if it is.
    pub fn passed(self, now: Timestamp) -> Option<Late> {
        match self {
            Self::Until(due, missing) => (due <= now).then_some(Late { missing, due }),
            Self::Over => None,
        }
    }
}

/// The time after which a late report is raised again.
const RAISE_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

impl Watch {
    /// The next deadline of the fulfillment `opened`, whether or not its stream exists yet.
    pub fn of(fulfillment: Option<&Fulfillment>, opened: &Opened) -> Self {
        match (fulfillment, &opened.deadlines) {
            (Some(fulfillment), _) => fulfillment.watch(),
            (None, Some(deadlines)) => Self::Until(deadlines.acknowledge_by, Missing::Acknowledgement),
            (None, None) => Self::Over,
        }
    }
}

impl Fulfillment {
    /// Whether the warehouse closed the fulfillment, and not every package of it is reported. An inquiry is due, because a
    /// package's own message may be late.
    pub fn is_closed_unreported(&self) -> bool {
        self.closed.is_some() && !self.is_fully_reported()
    }

    /// When the next report is expected.
    pub fn watch(&self) -> Watch {
        let next = |(due, missing): (Timestamp, Missing)| {
            let raised = self.raised(&missing).map(|late| late.due).max().filter(|raised| *raised >= due);
            let due = raised.map_or(Some(due), |raised| raised.checked_add(RAISE_AGAIN_AFTER).ok());
            due.map(|due| (due, missing))
        };
        let next = self.missing().into_iter().filter_map(next).min();
        next.map_or(Watch::Over, |(due, missing)| Watch::Until(due, missing))
    }

    /// The reviews of late reports that are still missing. A review names the first deadline that passed, so that it stays
    /// the same review when the report is raised again.
    pub(super) fn late_reviews(&self) -> Vec<Review<FulfillmentReview>> {
        let late = |(due, missing): (Timestamp, Missing)| {
            let first = self.raised(&missing).map(|late| late.due).filter(|raised| *raised >= due).min()?;
            let warehouse = &self.opened.warehouse;
            Some(match missing {
                Missing::Acknowledgement => {
                    let reason = format!("{warehouse} neither accepted nor rejected it by {first}");
                    Review { kind: FulfillmentReview::Late, reason }
                }
                Missing::Departure => {
                    let reason = format!("not all of it had left {warehouse} by {first}");
                    Review { kind: FulfillmentReview::Late, reason }
                }
                Missing::News { package } => {
                    let reason = format!("package {package} left, and no news of it arrived by {first}");
                    Review { kind: FulfillmentReview::TrackingExpired, reason }
                }
            })
        };
        self.missing().into_iter().filter_map(late).collect()
    }

    /// The reports that are missing, with their deadlines.
    fn missing(&self) -> Vec<(Timestamp, Missing)> {
        let Some(deadlines) = &self.opened.deadlines else { return Vec::new() };
        let mut missing = Vec::new();
        match self.request_status() {
            RequestStatus::Requested => {
                missing.push((deadlines.acknowledge_by, Missing::Acknowledgement));
                missing.push((deadlines.depart_by, Missing::Departure));
            }
            // A sum out of range is already reviewed, so the departure is not expected in addition.
            RequestStatus::Accepted if matches!(self.is_departure_complete(), Ok(false)) => {
                missing.push((deadlines.depart_by, Missing::Departure));
            }
            RequestStatus::Accepted | RequestStatus::Rejected | RequestStatus::Withdrawn => {}
        }
        missing.extend(self.live().filter_map(|(id, package)| next_news(deadlines, id, package)));
        missing
    }

    /// Every time that `missing` was raised as late.
    fn raised(&self, missing: &Missing) -> impl Iterator<Item = &Late> {
        self.late.iter().filter(move |late| late.missing == *missing)
    }
}

/// When the next news of a package under way is due.
fn next_news(deadlines: &Deadlines, id: &PackageId, package: &Package) -> Option<(Timestamp, Missing)> {
    if !package.has_left() || package.is_delivered() || package.is_returned() {
        return None;
    }
    let silence = SignedDuration::from_hours(deadlines.silence_hours.into());
    let due = package.last_news()?.checked_add(silence).ok()?;
    Some((due, Missing::News { package: id.clone() }))
}
