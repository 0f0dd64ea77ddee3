//! Postal codes: which countries have none, and which form they have where tax and carriers depend on it.

/// Countries and areas whose addresses have no postal code, or whose postal operator delivers without one (Universal Postal Union,
/// postal addressing systems).
const NONE_NEEDED: [&str; 68] = [
    "AE", "AG", "AI", "AO", "AW", "BF", "BI", "BJ", "BO", "BQ", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CK", "CM",
    "CW", "DJ", "DM", "ER", "FJ", "GA", "GD", "GH", "GM", "GQ", "GY", "HK", "IE", "JM", "KI", "KM", "KN", "KP", "LC",
    "LY", "ML", "MO", "MR", "MS", "MW", "NR", "NU", "PA", "QA", "RW", "SB", "SC", "SL", "SR", "SS", "ST", "SX", "TD",
    "TG", "TL", "TO", "TT", "TV", "UG", "VC", "VU", "WS", "YE", "ZW",
];

/// Whether an address in `country` needs a postal code.
pub(crate) fn is_needed(country: &str) -> bool {
    !NONE_NEEDED.contains(&country)
}

/// The form that `code` should have and does not. In the US and Canada tax depends on it, and a ZIP code that a spreadsheet took
/// for a number has lost its leading zero. Codes of other countries are passed on.
pub(crate) fn missed_form(country: &str, code: &str) -> Option<&'static str> {
    let mut plain = code.to_ascii_uppercase();
    plain.retain(|c| !matches!(c, ' ' | '-'));
    let is_form = |form: &str| {
        let fits = |(expected, c): (char, char)| match expected {
            '9' => c.is_ascii_digit(),
            _ => c.is_ascii_uppercase(),
        };
        plain.chars().count() == form.len() && form.chars().zip(plain.chars()).all(fits)
    };
    match country {
        "US" if !is_form("99999") && !is_form("999999999") => {
            Some("is no ZIP code, such as \"02108\" or \"02108-1234\": it has five or nine digits, with leading zeros")
        }
        "CA" if !is_form("A9A9A9") => Some("is no postal code of CA, such as \"K1A 0B1\""),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_code_that_lost_its_leading_zero_is_refused() {
        for (country, code) in
            [("US", "02108"), ("US", "02108-1234"), ("US", "021081234"), ("CA", "k1a 0b1"), ("CA", "K1A0B1")]
        {
            assert_eq!(missed_form(country, code), None, "{country} {code}");
        }
        for (country, code) in
            [("US", "2108"), ("US", "021O8"), ("US", "K1A 0B1"), ("CA", "02108"), ("CA", "K1A"), ("US", "٠٢١٠٨")]
        {
            assert!(missed_form(country, code).is_some(), "{country} {code}");
        }
        for (country, code) in [("GB", "sw1a1aa"), ("DE", "D-80331"), ("IE", "D02 AF30")] {
            assert_eq!(missed_form(country, code), None, "{country} {code}: it is passed on");
        }
    }

    #[test]
    fn countries_without_postal_codes_are_countries_and_listed_once() {
        let listed: std::collections::BTreeSet<&str> = NONE_NEEDED.into_iter().collect();
        assert_eq!(listed.len(), NONE_NEEDED.len());
        assert!(listed.into_iter().all(crate::wire::countries::is_known));
        assert!(["US", "DE", "JP"].into_iter().all(is_needed));
    }
}
