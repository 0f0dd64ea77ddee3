//! Messages whose step keeps failing with a transient fault. After a few deliveries such a message becomes a due item
//! and comes back later and later, so that an outage of hours parks nothing. Its body carries the time at which the
//! failures began, because a queue counts each return as a new message.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

/// A message that has failed for so long is parked: by then people know of any outage, and the fault is the message's.
pub(super) const LONGEST: Duration = Duration::from_secs(4 * 3_600);

/// The shortest pause as a due item; shorter ones are the queue's.
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause, and so the longest that work waits after the end of an outage.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The body's first member while its step fails. The bus writes no member of this name.
const MEMBER: &str = "{\"failing_since\":\"";

/// The time at which the failures of a message began, and its body as the bus wrote it.
pub(super) fn read(body: &str) -> (Option<Timestamp>, Cow<'_, str>) {
    let marked = body.strip_prefix(MEMBER).and_then(|rest| rest.split_once("\","));
    match marked.and_then(|(since, rest)| Some((since.parse().ok()?, rest))) {
        Some((since, rest)) => (Some(since), Cow::Owned(format!("{{{rest}"))),
        None => (None, Cow::Borrowed(body)),
    }
}

/// `body`, a JSON object as the bus wrote it, with the time at which its failures began.
pub(super) fn write(body: &str, since: Timestamp) -> String {
    body.trim_start().strip_prefix('{').map_or_else(|| body.to_owned(), |rest| format!("{MEMBER}{since}\",{rest}"))
}

/// The time of the next attempt: the failures last twice as long by then, less up to half of the pause by chance.
/// `rng` is in `0..1000`.
pub(super) fn next_attempt(since: Timestamp, now: Timestamp, rng: u32) -> Timestamp {
    let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    let pause = age.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    let pause = pause / 2 + pause / 2 * rng.min(1_000) / 1_000;
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

/// Whether the message is to be parked.
pub(super) fn is_over(since: Timestamp, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(since)).is_ok_and(|age| age >= LONGEST)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    #[test]
    fn a_body_is_read_back_as_the_bus_wrote_it() {
        let body = r#"{"version":"0","detail":{"id":"a\",b"}}"#;
        let marked = write(body, at(7));
        assert!(serde_json::from_str::<serde_json::Value>(&marked).is_ok());
        assert_eq!(read(&marked), (Some(at(7)), Cow::Borrowed(body)));
        assert_eq!(read(body), (None, Cow::Borrowed(body)));
        assert_eq!(read("{\"failing_since\":\"soon\",\"a\":1}").0, None);
    }

    #[test]
    fn attempts_double_their_distance_up_to_a_quarter_of_an_hour_and_end() {
        let (mut now, mut attempts) = (at(10), 0);
        while !is_over(at(0), now) {
            let next = next_attempt(at(0), now, 500);
            let pause = next.duration_since(now).as_secs();
            assert!((5..=900).contains(&pause), "{pause}");
            (now, attempts) = (next, attempts + 1);
        }
        assert!((20..40).contains(&attempts), "{attempts}");
    }
}
