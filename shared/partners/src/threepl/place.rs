//! The place that a warehouse shows for a fulfillment of ours, compared with the one that it was sent.
//!
//! Only postal code and country are compared. A warehouse stores the rest in its own spelling (capitals, abbreviations, a
//! corrected street), and the address of a fulfillment never changes under its reference.

/// Whether two places may be the same; `None` and empty texts are not known.
pub(super) fn may_be_same(one: [Option<&str>; 2], other: [Option<&str>; 2]) -> bool {
    one.into_iter().zip(other).all(|(one, other)| {
        let (one, other) = (plain(one), plain(other));
        // The longer one may be the same code with its extension: 10001-1234, USA.
        one.starts_with(&other) || other.starts_with(&one)
    })
}

fn plain(text: Option<&str>) -> String {
    let letters = text.unwrap_or_default().chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::may_be_same;

    #[test]
    fn postal_codes_are_the_same_in_any_spelling_and_with_an_extension() {
        let london = [Some("EC1A 1BB"), Some("GB")];
        assert!(may_be_same(london, [Some("ec1a1bb"), Some("gb")]));
        assert!(may_be_same(london, [None, None]) && may_be_same(london, [Some(""), Some("GB")]));
        assert!(may_be_same([Some("10001-1234"), Some("USA")], [Some("10001"), Some("US")]));
        assert!(!may_be_same(london, [Some("EC1A 1BC"), Some("GB")]));
        assert!(!may_be_same([Some("10115"), Some("US")], [Some("10115"), Some("DE")]));
    }
}
