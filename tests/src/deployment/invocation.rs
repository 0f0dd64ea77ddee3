//! Messages and invocations: what a queue holds, and a function's run that a fault can stop, stall or kill.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use engine::batch::Record;
use jiff::Timestamp;
use testkit::memory::Script;

/// A message in a queue.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: u64,
    pub(super) body: String,
    pub(super) visible_at: Timestamp,
    pub(super) deliveries: u32,
}

/// A fault of a message on its way into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFault {
    /// It is delivered twice.
    Double,
    /// It is delivered late.
    Late {
        /// Milliseconds.
        ms: u32,
    },
    /// It is delivered before all messages in the queue.
    Overtakes,
    /// Its first delivery is lost: it becomes visible again after the visibility timeout.
    Lost,
    /// It is lost for ever.
    Discarded,
}

impl DeliveryFault {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Double => "doubled",
            Self::Late { .. } => "late",
            Self::Overtakes => "overtakes",
            Self::Lost => "lost",
            Self::Discarded => "discarded",
        }
    }
}

/// An invocation in progress.
pub(super) struct Running {
    pub(super) function: String,
    pub(super) records: Vec<Record>,
    pub(super) work: Invocation,
    pub(super) script: Script,
    pub(super) resumes_at: Timestamp,
    pub(super) times_out_at: Timestamp,
}

/// One invocation; it ends with the ids of the records that have to be delivered again.
pub(super) type Invocation = Pin<Box<dyn Future<Output = Vec<String>>>>;

/// Runs a function whose caller waits for it, through every stall. `None` where the script killed it.
pub(super) fn run_to_end<T>(script: &Script, function: &str, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        script.arm_for(function);
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        script.arm(false);
        let (killed, stalled) = (script.take_killed(), script.take_stalled());
        match polled {
            Poll::Ready(done) if !killed => return Some(done),
            Poll::Pending if !killed && stalled.is_some() => {}
            Poll::Ready(_) | Poll::Pending => return None,
        }
    }
}
