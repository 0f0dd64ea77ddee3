//! Reads times in partners' messages.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::wire::fields::Place;

/// When something happened, by the sender's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Never later than when we received the message.
    pub(crate) at: Timestamp,
    /// Whether the message's time was later than that, and was cut.
    pub(crate) clock_ahead: bool,
}

impl Moment {
    /// For a message without a time of its own.
    pub(crate) fn received(received_at: Timestamp) -> Self {
        Self { at: received_at, clock_ahead: false }
    }
}

/// Reads a time. Absent: an offence.
pub(crate) fn read(place: &Place<'_>, zone: &TimeZone, received_at: Timestamp) -> Option<Moment> {
    let moment = parse(place.text()?, zone, received_at);
    if moment.is_none() {
        place.refuse("is not a time, such as \"2026-03-02T10:00:00Z\"");
    }
    moment
}

/// Reads the first of `places` that is present; without any, the time of receipt.
pub(crate) fn first(places: &[Place<'_>], zone: &TimeZone, received_at: Timestamp) -> Option<Moment> {
    match places.iter().find(|place| !place.is_blank()) {
        Some(place) => read(place, zone, received_at),
        None => Some(Moment::received(received_at)),
    }
}

/// When a message's sender asked for what the message says; `None` if it has no time. A time that cannot be read is an offence.
pub(crate) fn asked_at(root: &Place<'_>, zone: &TimeZone, received_at: Timestamp) -> Option<Timestamp> {
    let place = root.at("timestamp");
    if place.is_blank() { None } else { read(&place, zone, received_at).map(|moment| moment.at) }
}

/// A time without an offset is a local time in `zone`; of the two that it may be when clocks are set back, the first.
fn parse(text: &str, zone: &TimeZone, received_at: Timestamp) -> Option<Moment> {
    let text = text.trim();
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp(),
    };
    Some(Moment { at: at.min(received_at), clock_ahead: at > received_at })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn c07_a_time_without_a_zone_is_local_to_the_partner_and_a_clock_ahead_is_cut_and_flagged() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let now: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        for (text, at, clock_ahead) in [
            ("2026-07-01T11:00:00Z", "2026-07-01T11:00:00Z", false),
            ("2026-07-01T11:00:00+02:00", "2026-07-01T09:00:00Z", false),
            ("2026-07-01T07:00:00", "2026-07-01T11:00:00Z", false),
            ("2026-07-01 07:00:00", "2026-07-01T11:00:00Z", false),
            ("2026-01-01T07:00:00", "2026-01-01T12:00:00Z", false),
            ("2026-07-01T11:00:00.1234567Z", "2026-07-01T11:00:00.1234567Z", false),
            ("2026-07-01T12:00:01Z", "2026-07-01T12:00:00Z", true),
            ("2026-07-01T08:00:01", "2026-07-01T12:00:00Z", true),
            ("9999-12-30T00:00:00Z", "2026-07-01T12:00:00Z", true),
            // The hour that occurs twice, and the one that is skipped.
            ("2025-11-02T01:30:00", "2025-11-02T05:30:00Z", false),
            ("2026-03-08T02:30:00", "2026-03-08T07:30:00Z", false),
        ] {
            let moment = parse(text, &zone, now).unwrap();
            assert_eq!(moment, Moment { at: at.parse().unwrap(), clock_ahead }, "{text}");
        }
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "1767225600"] {
            assert_eq!(parse(text, &zone, now), None, "{text}");
        }
    }
}
