//! Captures what our functions log as text, so that a test can search it for personal data.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The log: one line for each event and for each span's fields.
#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<String>>);

/// Runs `work`. Returns its result and what it logged.
pub(crate) fn captured<T>(work: impl FnOnce() -> T) -> (T, String) {
    let captured = Captured::default();
    let done = tracing::subscriber::with_default(captured.clone(), work);
    (done, captured.text(std::mem::take))
}

impl Captured {
    fn text<T>(&self, with: impl FnOnce(&mut String) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Captured {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.text(|text| span.record(&mut Line(text)));
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, values: &Record<'_>) {
        self.text(|text| values.record(&mut Line(text)));
    }
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, event: &Event<'_>) {
        self.text(|text| {
            event.record(&mut Line(text));
            text.push('\n');
        });
    }
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}
