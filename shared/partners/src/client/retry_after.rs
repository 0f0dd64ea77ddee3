//! How long to wait after a 429: seconds, a fraction of seconds, or an HTTP date, in `retry-after` or `x-retry-after`.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::client::transport::Reply;

/// If no header can be read.
const DEFAULT: Duration = Duration::from_secs(30);
/// "0" and a past date must not become a loop.
const SHORTEST: Duration = Duration::from_secs(1);
/// A year must not bury the work.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Between a second and an hour.
pub(crate) fn read(reply: &Reply, now: Timestamp) -> Duration {
    let wait = ["retry-after", "x-retry-after"].into_iter().find_map(|name| parse(reply.header(name)?, now));
    wait.unwrap_or(DEFAULT).clamp(SHORTEST, LONGEST)
}

/// Seconds, rounded up, or a date as in RFC 9110.
fn parse(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !whole.is_empty() && digits(whole) && digits(fraction) {
        // Too many digits for a number are a very long time.
        let seconds: u64 = whole.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds.saturating_add(u64::from(fraction.bytes().any(|b| b != b'0')))));
    }
    let at = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
    // A past date means "at once".
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn b24_a_429_waits_as_long_as_its_header_says_between_a_second_and_an_hour() {
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
