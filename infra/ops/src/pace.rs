//! Time, and whether to stop, as long work sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// Time, and whether to stop.
pub(crate) trait Pace {
    /// The current time.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, pause: Duration);
    /// Whether the operator asked to stop after the current message.
    fn is_stopping(&self) -> bool;
}

/// The machine's time. Ctrl-C asks a run to stop after the current message; a second one ends the process.
pub(crate) struct Interruptible(Arc<AtomicBool>);

impl Interruptible {
    /// From now on Ctrl-C and SIGTERM are noticed.
    ///
    /// # Errors
    /// The signals cannot be handled.
    pub(crate) fn new() -> Result<Self, String> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // In this order: the first signal finds the flag unset and sets it, the second one ends the process.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
                .map_err(|why| format!("signals cannot be handled: {why}"))?;
        }
        Ok(Self(flag))
    }
}

impl Pace for Interruptible {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, pause: Duration) {
        let step = Duration::from_millis(200);
        let mut left = pause;
        while !left.is_zero() && !self.is_stopping() {
            tokio::time::sleep(left.min(step)).await;
            left = left.saturating_sub(step);
        }
    }

    fn is_stopping(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
