//! Logs: one JSON object per line on standard output, with the event's fields beside the message.
//!
//! The layer is our own, because the filters and formats of `tracing-subscriber` cost time at every start and space in
//! every package. Spans are not logged; each line has the correlation id as a field.

use std::fmt;
use std::io::Write as _;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Starts logging, at the level in `RUST_LOG`: `error`, `warn`, `info`, `debug` or `trace`; otherwise `info`.
pub(crate) fn begin() {
    let level = std::env::var("RUST_LOG").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(Level::INFO);
    let namespace = std::env::var("ENVIRONMENT").unwrap_or_default();
    // A second start in one process, which only tests have, keeps the first subscriber.
    if tracing::subscriber::set_global_default(tracing_subscriber::registry().with(JsonLines { level, namespace }))
        .is_err()
    {
        tracing::debug!("logging was started already");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let cause = engine::redact::text(panic.payload_as_str().unwrap_or_default());
        tracing::error!(outcome = "panicked", place, cause, "panicked at {place}: {cause}");
    }));
}

struct JsonLines {
    level: Level,
    /// Of the metrics in lines: the deployment's name.
    namespace: String,
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level && is_logged(metadata.target(), *metadata.level())
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.level.into())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = line(event, &self.namespace, Timestamp::now());
        line.push(b'\n');
        // If standard output is closed, there is no place to report the error to.
        if std::io::stdout().lock().write_all(&line).is_err() {}
    }
}

/// The field that becomes the line's metrics.
const MEASURES: &str = "measures";

/// The prefixes of the targets of other crates.
const OTHER_CRATES: [&str; 9] = ["aws_", "h2", "hyper", "lambda_runtime", "mio", "reqwest", "rustls", "tokio", "tower"];

/// Whether events of the target may be logged, regardless of `RUST_LOG`.
///
/// The debug events of other crates are not: they show requests, with personal data and credentials. The runtime's
/// events about failed invocations are not either, because the runner has logged those failures.
fn is_logged(target: &str, level: Level) -> bool {
    let is_other_crate = OTHER_CRATES.iter().any(|prefix| target.starts_with(prefix));
    !(is_other_crate && level > Level::INFO) && target != "lambda_runtime::layers::panic"
}

fn line(event: &Event<'_>, namespace: &str, now: Timestamp) -> Vec<u8> {
    let metadata = event.metadata();
    let mut line = Line { bytes: Vec::with_capacity(512), namespace, now };
    let beginning = format!("{{\"timestamp\":\"{now:.3}\",\"level\":\"{}\"", metadata.level());
    line.bytes.extend_from_slice(beginning.as_bytes());
    line.text("target", metadata.target());
    event.record(&mut line);
    line.bytes.push(b'}');
    line.bytes
}

/// A line so far.
struct Line<'a> {
    bytes: Vec<u8>,
    namespace: &'a str,
    now: Timestamp,
}

impl Line<'_> {
    fn name(&mut self, name: &str) {
        self.bytes.extend_from_slice(b",\"");
        // The name needs no escaping: it is a Rust identifier, or a metric of ours.
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        // Cannot fail: every text can be JSON, and the writer is in memory.
        if serde_json::to_writer(&mut self.bytes, value).is_err() {
            self.bytes.extend_from_slice(b"null");
        }
    }

    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        self.bytes.extend_from_slice(value.to_string().as_bytes());
    }
}

impl Visit for Line<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities and no NaN.
        if value.is_finite() { self.plain(field.name(), value) } else { self.text(field.name(), &value.to_string()) }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.plain(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MEASURES {
            for (name, value) in crate::metrics::members(value, self.namespace, self.now) {
                self.name(&name);
                self.bytes.extend_from_slice(value.to_string().as_bytes());
            }
            return;
        }
        self.text(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    struct Captured(Arc<Mutex<Vec<Value>>>);

    impl<S: Subscriber> Layer<S> for Captured {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let line = line(event, "crossdock-test", Timestamp::UNIX_EPOCH);
            assert!(line.iter().all(|byte| *byte >= b' '), "a control character would end or break the line");
            self.0.lock().unwrap().push(serde_json::from_slice(&line).unwrap());
        }
    }

    #[test]
    fn debug_events_of_other_crates_are_never_logged() {
        for target in
            ["aws_sigv4::http_request", "lambda_runtime::layers::api_response", "hyper_util::client", "h2::proto"]
        {
            assert!(!is_logged(target, Level::TRACE) && !is_logged(target, Level::DEBUG), "{target}");
            assert!(is_logged(target, Level::WARN), "{target}");
        }
        assert!(is_logged("cloud::start", Level::DEBUG) && is_logged("order_price", Level::TRACE));
    }

    #[test]
    fn a15_no_partners_words_break_a_line_or_add_a_field() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let hostile = "x\n{\"level\":\"INFO\"}\r\u{2028}\u{1b}[2J\0\",\"level\":\"DEBUG\" \\ \u{202e}";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Captured(lines.clone())), || {
            tracing::error!(cause = hostile, why = %hostile, debug = ?hostile, "failed: {hostile}");
        });
        let line = lines.lock().unwrap().remove(0);
        assert_eq!(line["cause"], hostile);
        assert_eq!((line["why"].as_str(), line["level"].as_str()), (Some(hostile), Some("ERROR")));
    }

    #[test]
    fn a_line_with_measures_is_a_line_of_metrics() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Captured(lines.clone())), || {
            let measures = Some(r#"[{"name":"release-time","unit":"Seconds","value":7}]"#);
            tracing::info!(measures, outcome = "applied", "released");
            tracing::info!(measures = None::<&str>, outcome = "applied", "nothing measured");
        });
        let lines = lines.lock().unwrap();
        let (with, without) = (&lines[0], &lines[1]);
        assert_eq!((&with["release-time"], &with["measures"]), (&serde_json::json!([7]), &Value::Null));
        assert_eq!(with["_aws"]["CloudWatchMetrics"][0]["Namespace"], "crossdock-test");
        assert_eq!(without.get("_aws"), None);
    }

    #[test]
    fn a_line_is_json_with_the_fields_beside_the_message() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Captured(lines.clone())), || {
            let pause_ms = 1_500u128;
            tracing::warn!(code = "STO-001", pause_ms, stream = %"order/ord_1", "again in {pause_ms} ms \"soon\"");
        });
        let line = lines.lock().unwrap().remove(0);
        assert_eq!(line["message"], "again in 1500 ms \"soon\"");
        assert_eq!(line["pause_ms"], 1500);
        assert_eq!(line["code"], "STO-001");
        assert_eq!(line["stream"], "order/ord_1");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["timestamp"], "1970-01-01T00:00:00.000Z");
    }
}
