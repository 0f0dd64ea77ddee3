//! What one call tells about its partner's health, beside its result. A call may take several requests.

use std::cell::Cell;
use std::time::Duration;

use engine::partner_health::CallOutcome;
use jiff::Timestamp;

use crate::client::transport::{Reply, TransportFailure};

/// Counts and latencies of one call's requests.
#[derive(Debug, Default)]
pub(crate) struct CallStats {
    requests: Cell<u32>,
    failed: Cell<bool>,
    /// A write may have been carried out: it was answered, or its outcome is unknown.
    maybe_written: Cell<bool>,
    slowest: Cell<Option<Duration>>,
    retry_at: Cell<Option<Timestamp>>,
}

impl CallStats {
    /// How many requests were sent; repeats and requests for tokens count.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.get()
    }

    pub(crate) fn maybe_written(&self) -> bool {
        self.maybe_written.get()
    }

    pub(crate) fn count_request(&self) {
        self.requests.set(self.requests.get() + 1);
    }

    /// Our configuration for the partner is wrong, or its answer to our credentials is. Nothing can be done with it, as if it
    /// were down.
    pub(crate) fn misconfigured(&self) {
        self.failed.set(true);
    }

    /// The partner answered 429.
    pub(crate) fn limited_until(&self, retry_at: Timestamp) {
        self.retry_at.set(Some(retry_at));
    }

    /// Records a reply or its absence. A partner that rejects a request, or sends a body that we cannot read, is up; one that
    /// answers 408 or 5xx, or does not answer, is down.
    pub(crate) fn record(&self, reply: &Result<Reply, TransportFailure>, latency: Duration, is_write: bool) {
        let was_not_done = match reply {
            Ok(reply) => matches!(reply.status, 401 | 403 | 429),
            Err(TransportFailure::NotSent(_) | TransportFailure::Forbidden(_)) => true,
            Err(TransportFailure::TimedOut | TransportFailure::Lost(_)) => false,
        };
        self.maybe_written.set(self.maybe_written.get() || is_write && !was_not_done);
        match reply {
            Ok(reply) => {
                self.slowest.set(self.slowest.get().max(Some(latency)));
                self.failed.set(self.failed.get() || matches!(reply.status, 408 | 500..=599));
            }
            Err(TransportFailure::NotSent(_) | TransportFailure::TimedOut | TransportFailure::Lost(_)) => {
                self.failed.set(true);
            }
            Err(TransportFailure::Forbidden(_)) => {}
        }
    }

    /// The call's outcome for the partner's health: a failure outweighs a 429, and a 429 outweighs an answer.
    pub(crate) fn outcome(&self) -> CallOutcome {
        match (self.failed.get(), self.retry_at.get(), self.slowest.get()) {
            (true, _, _) => CallOutcome::Failed,
            (false, Some(until), _) => CallOutcome::Later(until),
            (false, None, Some(latency)) => CallOutcome::Answer(latency),
            (false, None, None) => CallOutcome::Nothing,
        }
    }
}
