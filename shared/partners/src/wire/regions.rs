//! The states and provinces of ISO 3166-2, for the countries where price, tax and routing depend on them.

/// The United States: the states, the district, the outlying areas, and the three codes of the military post, which carriers
/// take as states.
const US: [(&str, &str); 60] = [
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "District of Columbia"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
    ("AS", "American Samoa"),
    ("GU", "Guam"),
    ("MP", "Northern Mariana Islands"),
    ("PR", "Puerto Rico"),
    ("UM", "United States Minor Outlying Islands"),
    ("VI", "Virgin Islands"),
    ("AA", "Armed Forces Americas"),
    ("AE", "Armed Forces Europe"),
    ("AP", "Armed Forces Pacific"),
];

const CANADA: [(&str, &str); 13] = [
    ("AB", "Alberta"),
    ("BC", "British Columbia"),
    ("MB", "Manitoba"),
    ("NB", "New Brunswick"),
    ("NL", "Newfoundland and Labrador"),
    ("NS", "Nova Scotia"),
    ("NT", "Northwest Territories"),
    ("NU", "Nunavut"),
    ("ON", "Ontario"),
    ("PE", "Prince Edward Island"),
    ("QC", "Quebec"),
    ("SK", "Saskatchewan"),
    ("YT", "Yukon"),
];

/// The regions of a country, if its addresses need one.
fn of_country(country: &str) -> Option<&'static [(&'static str, &'static str)]> {
    match country {
        "US" => Some(&US),
        "CA" => Some(&CANADA),
        _ => None,
    }
}

/// Whether price and tax in a country depend on the region, so that an address needs one.
pub(crate) fn is_needed(country: &str) -> bool {
    of_country(country).is_some()
}

/// The code of a region in ISO 3166-2, without the country: `NY` for `ny`, `US-NY` and `New York`. In a country whose regions
/// we do not know, the text without the country's prefix, a short code in capitals. `None` for a region that the country does not
/// have.
pub(crate) fn code(country: &str, text: &str) -> Option<String> {
    let text = text.trim();
    let prefixed = text.split_once('-').filter(|(prefix, _)| prefix.eq_ignore_ascii_case(country));
    let region = prefixed.map_or(text, |(_, region)| region);
    let Some(regions) = of_country(country) else {
        let is_code = region.len() <= 3 && region.bytes().all(|b| b.is_ascii_alphanumeric());
        return Some(if is_code { region.to_ascii_uppercase() } else { region.to_owned() });
    };
    // "Québec" is the one name that is written with an accent.
    let plain = region.replace(['é', 'É'], "e");
    let is_meant =
        |(code, name): &&(&str, &str)| code.eq_ignore_ascii_case(&plain) || name.eq_ignore_ascii_case(&plain);
    regions.iter().find(is_meant).map(|(code, _)| (*code).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b45_a_region_has_one_code_however_it_is_written() {
        for text in ["NY", "ny", "US-NY", "us-ny", "New York", "NEW YORK", " NY "] {
            assert_eq!(code("US", text).as_deref(), Some("NY"), "{text}");
        }
        assert_eq!(code("CA", "Québec").as_deref(), Some("QC"));
        for (country, text) in [("US", "NX"), ("US", "ON"), ("CA", "NY"), ("US", "CA-ON"), ("US", "")] {
            assert_eq!(code(country, text), None, "{country} {text}");
        }
    }

    #[test]
    fn b45_in_other_countries_the_senders_region_stays() {
        assert_eq!(code("DE", "DE-by").as_deref(), Some("BY"));
        assert_eq!(code("DE", "Baden-Württemberg").as_deref(), Some("Baden-Württemberg"));
        assert_eq!(code("MX", "Nuevo León").as_deref(), Some("Nuevo León"));
    }

    #[test]
    fn no_code_is_there_twice() {
        for regions in [&US[..], &CANADA[..]] {
            let codes: std::collections::BTreeSet<&str> = regions.iter().map(|(code, _)| *code).collect();
            assert_eq!(codes.len(), regions.len());
        }
    }
}
