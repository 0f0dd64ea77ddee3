//! How long a partner that said "later" wants us to wait, in every form that partners say it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::transport::Reply;

/// Where it does not say, or says nothing that can be read.
pub(crate) const UNSAID: Duration = Duration::from_secs(30);
/// Not less: "now" would be a loop.
const LEAST: Duration = Duration::from_secs(1);
/// Not more: a partner that says "in a year" would bury the work.
const MOST: Duration = Duration::from_secs(60 * 60);

/// The wait, between a second and an hour.
pub(crate) fn read(reply: &Reply, now: Timestamp) -> Duration {
    let said = ["retry-after", "x-retry-after"].into_iter().find_map(|name| wait(reply.header(name)?, now));
    said.unwrap_or(UNSAID).clamp(LEAST, MOST)
}

/// Seconds (a fraction counts as a whole one), or a date as RFC 9110 has it.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !whole.is_empty() && digits(whole) && digits(fraction) {
        // More digits than a number holds are a very long time.
        let seconds: u64 = whole.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds.saturating_add(u64::from(fraction.bytes().any(|b| b != b'0')))));
    }
    let at = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
    // A date that has passed means "at once".
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn b24_a_429_waits_as_told_within_reason() {
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        for (name, text, seconds) in [
            ("retry-after", "7", 7),
            ("retry-after", " 7 ", 7),
            ("x-retry-after", "9", 9),
            ("retry-after", "0", 1),
            ("retry-after", "1.5", 2),
            ("retry-after", "2.0", 2),
            ("retry-after", "Mon, 02 Mar 2026 10:00:42 GMT", 42),
            ("retry-after", "Mon, 02 Mar 2026 09:00:00 GMT", 1),
            ("retry-after", "Tue, 02 Mar 2027 10:00:00 GMT", 3600),
            ("retry-after", "31536000", 3600),
            ("retry-after", "99999999999999999999999999", 3600),
            ("retry-after", "soon", 30),
            ("retry-after", "-5", 30),
            ("retry-after", "", 30),
            ("retry-after", ".", 30),
            ("other", "5", 30),
        ] {
            let reply = Reply { status: 429, headers: vec![(name.to_owned(), text.to_owned())], body: vec![] };
            assert_eq!(read(&reply, now), Duration::from_secs(seconds), "{name}: {text}");
        }
    }

    #[test]
    fn an_unreadable_header_does_not_hide_a_readable_one() {
        let header = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let headers = vec![header("retry-after", "soon"), header("x-retry-after", "3")];
        let reply = Reply { status: 429, headers, body: vec![] };
        assert_eq!(read(&reply, Timestamp::UNIX_EPOCH), Duration::from_secs(3));
    }
}
