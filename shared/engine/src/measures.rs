//! Metrics that ride on the log line which a message's end writes anyway. CloudWatch reads them out of the line, so that a
//! metric costs no call.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use domain::PartnerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One value of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The metric's name, such as `release-time`.
    pub name: String,
    /// CloudWatch's name of the unit.
    pub unit: Unit,
    /// In units.
    pub value: u64,
    /// The dimension `Partner`; `None` for a metric of the whole deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
}

/// The units of our metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Things that were counted.
    Count,
}

/// The metrics of one message. The default keeps none, as in tools and tests that do not look at them.
#[derive(Clone, Default)]
pub struct Measures(Option<Rc<RefCell<Vec<Measure>>>>);

impl Measures {
    /// For a message whose end is logged.
    pub fn of_message() -> Self {
        Self(Some(Rc::default()))
    }

    /// The time from `since` to `until`; none has passed where clocks disagree.
    pub fn time(&self, name: &str, since: Timestamp, until: Timestamp) {
        let value = u64::try_from(until.duration_since(since).as_secs()).unwrap_or_default();
        self.add(Measure { name: name.to_owned(), unit: Unit::Seconds, value, partner: None });
    }

    /// How long a partner took to answer.
    pub fn latency(&self, name: &str, partner: &PartnerId, latency: Duration) {
        let value = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.add(Measure {
            name: name.to_owned(),
            unit: Unit::Milliseconds,
            value,
            partner: Some(partner.to_string()),
        });
    }

    /// One more of what happened at a partner.
    pub fn count(&self, name: &str, partner: &PartnerId) {
        self.add(Measure { name: name.to_owned(), unit: Unit::Count, value: 1, partner: Some(partner.to_string()) });
    }

    /// The log line's field `measures`; `None` if there are none.
    pub fn field(&self) -> Option<String> {
        let measures = self.0.as_ref()?.borrow();
        if measures.is_empty() { None } else { serde_json::to_string(&*measures).ok() }
    }

    fn add(&self, measure: Measure) {
        if let Some(measures) = &self.0 {
            measures.borrow_mut().push(measure);
        }
    }
}

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Measures({})", self.field().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_message_without_metrics_has_no_field_and_clocks_that_disagree_make_no_negative_time() {
        let measures = Measures::of_message();
        assert_eq!(measures.field(), None);
        let (earlier, later) = ("2026-03-02T10:00:00Z".parse().unwrap(), "2026-03-02T10:00:07.9Z".parse().unwrap());
        measures.time("release-time", earlier, later);
        measures.time("release-time", later, earlier);
        let written: Vec<Measure> = serde_json::from_str(&measures.field().unwrap()).unwrap();
        assert_eq!(written.iter().map(|measure| measure.value).collect::<Vec<u64>>(), [7, 0]);
        let unseen = Measures::default();
        unseen.time("release-time", earlier, later);
        assert_eq!(unseen.field(), None);
    }
}
