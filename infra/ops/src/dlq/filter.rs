//! Which messages are meant.

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use crate::dlq::letter::DeadLetter;
use crate::span;

/// Which messages of a queue; without any, all of them. A message has to match each filter that is given.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Failed with this code (MSG-004), or has this text in its cause; `none` for crashes and timeouts.
    #[arg(long, value_name = "CODE|TEXT")]
    cause: Option<String>,
    /// Was sent by this partner, or failed by its answer.
    #[arg(long, value_name = "ID")]
    partner: Option<String>,
    /// Is about this order or one of its fulfillments.
    #[arg(long, value_name = "ORDER")]
    order: Option<String>,
    /// Was parked at this time or later: a time (2026-03-02T10:00:00Z) or an age (90m, 36h, 2d).
    #[arg(long, value_name = "TIME|AGE", value_parser = moment)]
    since: Option<Timestamp>,
    /// Was parked before this time, likewise.
    #[arg(long, value_name = "TIME|AGE", value_parser = moment)]
    until: Option<Timestamp>,
    /// Was delivered to its step so often, or more often.
    #[arg(long, value_name = "N")]
    attempts: Option<u32>,
    /// Its body has this text at this place: /detail/data/topic=package.packed.
    #[arg(long, value_name = "POINTER=TEXT", value_parser = place)]
    body: Option<(String, String)>,
}

impl Filter {
    /// Whether `letter` is meant.
    pub(crate) fn matches(&self, letter: &DeadLetter) -> bool {
        let is = |wanted: &Option<String>, own: &Option<String>| wanted.is_none() || wanted == own;
        let by_cause = |cause: &String| *cause == letter.code || letter.cause.contains(cause.as_str());
        let by_body = |(pointer, text): &(String, String)| {
            let body: Option<Value> = serde_json::from_str(&letter.body).ok();
            let value = body.as_ref().and_then(|body| body.pointer(pointer));
            value.is_some_and(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned) == *text)
        };
        self.cause.as_ref().is_none_or(by_cause)
            && is(&self.partner, &letter.partner)
            && is(&self.order, &letter.order)
            && self.since.is_none_or(|since| letter.sent_at >= since)
            && self.until.is_none_or(|until| letter.sent_at < until)
            && self.attempts.is_none_or(|attempts| letter.attempts >= attempts)
            && self.body.as_ref().is_none_or(by_body)
    }

    /// The filter in words, for plans and audit records.
    pub(crate) fn describe(&self) -> String {
        let text = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} {value}"));
        let parts = [
            text("cause", &self.cause),
            text("partner", &self.partner),
            text("order", &self.order),
            self.since.map(|at| format!("since {at}")),
            self.until.map(|at| format!("until {at}")),
            self.attempts.map(|attempts| format!("attempts {attempts}")),
            self.body.as_ref().map(|(pointer, value)| format!("body {pointer}={value}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "all".to_owned() } else { parts.join(", ") }
    }
}

/// A time, or an age before now.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let at = span::read(text).and_then(|age| Timestamp::now().checked_sub(age).ok());
    at.ok_or_else(|| "give a time such as 2026-03-02T10:00:00Z, or an age such as 90m, 36h or 2d".to_owned())
}

fn place(text: &str) -> Result<(String, String), String> {
    let (pointer, value) = text
        .split_once('=')
        .filter(|(pointer, _)| pointer.starts_with('/'))
        .ok_or_else(|| "give a JSON pointer and a text, such as /detail/data/topic=package.packed".to_owned())?;
    Ok((pointer.to_owned(), value.to_owned()))
}
