//! Reads single values of a document.

use std::ops::RangeInclusive;
use std::str::FromStr;

use domain::order::ServiceLevel;
use jiff::tz::TimeZone;

use crate::wire::fields::Place;

/// The names of our service levels.
pub(super) const SERVICE_LEVELS: [(&str, ServiceLevel); 2] =
    [("standard", ServiceLevel::Standard), ("expedited", ServiceLevel::Expedited)];

pub(super) fn service_level(name: &str) -> Option<ServiceLevel> {
    SERVICE_LEVELS.into_iter().find(|(known, _)| *known == name).map(|(_, level)| level)
}

/// A whole number in `range`; `absent` if absent.
pub(super) fn number(place: &Place<'_>, range: RangeInclusive<u32>, absent: u32) -> Option<u32> {
    if place.is_absent() {
        return Some(absent);
    }
    let wide = u64::from(*range.start())..=u64::from(*range.end());
    place.whole(wide).and_then(|number| u32::try_from(number).ok())
}

/// One of a few names; the offence lists them.
pub(super) fn one_of<T: Clone>(place: &Place<'_>, names: &[(&str, T)]) -> Option<T> {
    let text = place.text()?;
    let named = names.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone());
    if named.is_none() {
        let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        place.refuse(format_args!("must be {}", known.join(" or ")));
    }
    named
}

/// An IANA time zone.
pub(super) fn zone(place: &Place<'_>) -> Option<TimeZone> {
    match TimeZone::get(place.text()?) {
        Ok(zone) => Some(zone),
        Err(_) => {
            place.refuse("is not an IANA time zone, such as \"America/New_York\"");
            None
        }
    }
}

/// A date or a time of day; `why` is the offence if it is not one.
pub(super) fn civil<T: FromStr>(place: &Place<'_>, why: &str) -> Option<T> {
    let parsed = place.text()?.parse().ok();
    if parsed.is_none() {
        place.refuse(why);
    }
    parsed
}
