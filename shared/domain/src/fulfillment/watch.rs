//! When something should have been heard of a fulfillment: worked out from what its warehouse promised when it was routed. No
//! clock here; whoever watches asks for the next time and comes back then.

use jiff::{SignedDuration, Timestamp};

use crate::fulfillment::decide::Fulfillment;
use crate::fulfillment::event::{Late, Missing, Opened};
use crate::fulfillment::package::Package;
use crate::fulfillment::review::FulfillmentReview;
use crate::goods::Deadlines;
use crate::ids::PackageId;
use crate::order::RequestStatus;
use crate::review::Review;

/// Until when a fulfillment can be left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watch {
    /// Then this should have been heard. Never a time that was raised already: what is late is looked for again a day
    /// later.
    Until(Timestamp, Missing),
    /// Nothing is waited for.
    Over,
}

impl Watch {
    /// What is late at `now`, if anything is.
    pub fn passed(self, now: Timestamp) -> Option<Late> {
        match self {
            Self::Until(due, missing) => (due <= now).then_some(Late { missing, due }),
            Self::Over => None,
        }
    }
}

/// How long after it was raised something late is looked for again.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

impl Watch {
    /// The next deadline of `opened`, whether or not its request was sent.
    pub fn of(fulfillment: Option<&Fulfillment>, opened: &Opened) -> Self {
        match (fulfillment, &opened.deadlines) {
            (Some(fulfillment), _) => fulfillment.watch(),
            (None, Some(deadlines)) => Self::Until(deadlines.acknowledge_by, Missing::Acknowledgement),
            (None, None) => Self::Over,
        }
    }
}

impl Fulfillment {
    /// Whether the warehouse closed the fulfillment and not all that it packed is known: it has to be asked, since a package's
    /// message may be late.
    pub fn is_closed_unreported(&self) -> bool {
        self.closed.is_some() && !self.is_told_whole()
    }

    /// When something should be heard next.
    pub fn watch(&self) -> Watch {
        let next = |(due, missing): (Timestamp, Missing)| {
            let raised = self.raised(&missing).map(|late| late.due).max().filter(|raised| *raised >= due);
            let due = raised.map_or(Some(due), |raised| raised.checked_add(AGAIN).ok());
            due.map(|due| (due, missing))
        };
        let next = self.missing().into_iter().filter_map(next).min();
        next.map_or(Watch::Over, |(due, missing)| Watch::Until(due, missing))
    }

    /// What was raised as late and has still not come. A review names the time at which it was missed first, so that it
    /// stays the same one however often it was looked for.
    pub(super) fn lateness(&self) -> Vec<Review<FulfillmentReview>> {
        let late = |(due, missing): (Timestamp, Missing)| {
            let first = self.raised(&missing).map(|late| late.due).filter(|raised| *raised >= due).min()?;
            let warehouse = &self.opened.warehouse;
            Some(match missing {
                Missing::Acknowledgement => {
                    let reason = format!("{warehouse} said neither yes nor no by {first}");
                    Review { kind: FulfillmentReview::Late, reason }
                }
                Missing::Departure => {
                    let reason = format!("not all of it had left {warehouse} by {first}");
                    Review { kind: FulfillmentReview::Late, reason }
                }
                Missing::News { package } => {
                    let reason = format!("package {package} left, and nothing was heard of it by {first}");
                    Review { kind: FulfillmentReview::TrackingExpired, reason }
                }
            })
        };
        self.missing().into_iter().filter_map(late).collect()
    }

    /// What has not come yet, and when it should.
    fn missing(&self) -> Vec<(Timestamp, Missing)> {
        let Some(deadlines) = &self.opened.deadlines else { return Vec::new() };
        let mut missing = Vec::new();
        match self.request_status() {
            RequestStatus::Requested => {
                missing.push((deadlines.acknowledge_by, Missing::Acknowledgement));
                missing.push((deadlines.depart_by, Missing::Departure));
            }
            // What cannot be counted is somebody's decision already; it is not waited for, too.
            RequestStatus::Accepted if matches!(self.is_departed(), Ok(false)) => {
                missing.push((deadlines.depart_by, Missing::Departure));
            }
            RequestStatus::Accepted | RequestStatus::Rejected | RequestStatus::Withdrawn => {}
        }
        missing.extend(self.live().filter_map(|(id, package)| news(deadlines, id, package)));
        missing
    }

    fn raised(&self, missing: &Missing) -> impl Iterator<Item = &Late> {
        self.late.iter().filter(move |late| late.missing == *missing)
    }
}

/// When the next news of a package under way is due.
fn news(deadlines: &Deadlines, id: &PackageId, package: &Package) -> Option<(Timestamp, Missing)> {
    if !package.has_left() || package.is_delivered() || package.is_returned() {
        return None;
    }
    let silence = SignedDuration::from_hours(deadlines.silence_hours.into());
    let due = package.last_news()?.checked_add(silence).ok()?;
    Some((due, Missing::News { package: id.clone() }))
}
