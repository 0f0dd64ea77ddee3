//! An operator as the author of commits.

use engine::Context;
use engine::context::{Epoch, SKEW};
use jiff::Timestamp;

/// The context of a commit that an operator makes.
pub(crate) fn context(who: &str, epoch: Epoch, now: Timestamp) -> Context {
    Context {
        function: "crossdock",
        correlation: format!("operator-{who}-{}", now.as_millisecond()),
        traceparent: None,
        now,
        event_time: now,
        lease: SKEW,
        epoch,
        actor: Some(format!("operator/{who}")),
        folds: engine::folds::Folds::default(),
        measures: Default::default(),
    }
}
