//! Spans of time as people give them.

use jiff::SignedDuration;

/// A span such as `90m`, `36h` or `4d`; a day has 24 hours.
pub(crate) fn read(text: &str) -> Option<SignedDuration> {
    match text.strip_suffix('d').map(str::parse::<i64>) {
        Some(Ok(days)) => days.checked_mul(86_400).map(SignedDuration::from_secs),
        Some(Err(_)) | None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_minutes_hours_or_days() {
        for (text, minutes) in [("90m", 90), ("36h", 36 * 60), ("4d", 4 * 24 * 60), ("1h30m", 90)] {
            assert_eq!(read(text), Some(SignedDuration::from_mins(minutes)), "{text}");
        }
        for text in ["", "4", "d", "1d 12h", "soon", "999999999999999999d"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
