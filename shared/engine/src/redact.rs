//! Removes personal data and secrets from causes, which reach logs and dead-letter queues.

use domain::party::Party;

/// A JSON error without the value that caused it: serde quotes unexpected strings.
pub fn json_error(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "not readable",
        serde_json::error::Category::Syntax => "not valid JSON",
        serde_json::error::Category::Data => "not of the expected shape",
        serde_json::error::Category::Eof => "cut off",
    };
    let text = error.to_string();
    // Names in back-ticks are our own fields and variants; values in quotes are the sender's.
    let field = text.split('`').nth(1).filter(|_| text.starts_with("missing field") || text.starts_with("unknown"));
    let place = format!("(line {}, column {})", error.line(), error.column());
    if let Some(bound) = text.strip_prefix("more than ") {
        let bound = bound.split(" at line").next().unwrap_or_default();
        return format!("more than {bound} {place}");
    }
    if let Some(twice) = text.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next()) {
        return match is_name(twice) {
            true => format!("the member `{twice}` is given twice {place}"),
            false => format!("a member is given twice {place}"),
        };
    }
    match field {
        Some(field) if text.starts_with("missing field") => {
            format!("{kind}: `{field}` is missing {place}")
        }
        _ => format!("{kind} {place}"),
    }
}

/// Whether a member's name is one that an interface would have. Names in a sender's text may be anything.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// `text` without e-mail addresses, bearer tokens, webhook secrets and telephone numbers (seven or more digits, also with spaces
/// between them), cut to 500 characters. Amounts and quantities stay: numbers with one to three decimals or with commas between
/// thousands, and whole numbers before a currency or a unit in capitals.
pub fn text(text: &str) -> String {
    let mut clean: Vec<&str> = Vec::new();
    let mut after_bearer = false;
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if is_numeric(word) {
            let mut run = vec![word];
            while !run.last().is_some_and(|word| word.ends_with([',', ';', ':']))
                && let Some(next) = words.next_if(|next| is_numeric(next))
            {
                run.push(next);
            }
            let digits: usize = run.iter().map(|word| digits(word)).sum();
            let counts = run.iter().all(|word| is_amount(word))
                || (run.len() == 1 && is_whole(word) && words.peek().is_some_and(|next| is_unit(next)));
            if (digits < 7 || counts) && !after_bearer {
                clean.append(&mut run);
            } else {
                clean.push("[redacted]");
            }
            after_bearer = false;
            continue;
        }
        let secret = word.contains("whsec_") || word.contains('@') || after_bearer;
        after_bearer = word.eq_ignore_ascii_case("bearer");
        clean.push(if secret { "[redacted]" } else { word });
    }
    clean.join(" ").chars().take(500).collect()
}

/// `words` as by [`text`], and without what they repeat of the receiver `party`.
pub fn without_party(words: &str, party: &Party) -> String {
    without_parties(words, [party])
}

/// The same, for several receivers.
pub fn without_parties<'a>(words: &str, parties: impl IntoIterator<Item = &'a Party>) -> String {
    // After the cuts: the redaction takes a postal code and a house number side by side for a phone number, and then the
    // street would not be found any more.
    text(&parties.into_iter().fold(words.to_owned(), |words, party| cut_party(&words, party)))
}

fn cut_party(words: &str, party: &Party) -> String {
    let Party { name, company, line1, line2, city, region: _, postal_code, country: _, phone, email } = party;
    let optional = [company, line2, postal_code, phone, email].into_iter().filter_map(Option::as_ref);
    let personal = [name, line1, city].into_iter().chain(optional);
    // Parts of one or two letters stay: they occur in ordinary words, and without those the reason could not be read.
    personal.filter(|part| part.len() > 2).fold(words.to_owned(), |words, part| cut(&words, part))
}

/// `words` with every occurrence of `part` replaced, in any case.
fn cut(words: &str, part: &str) -> String {
    let part: String = part.chars().flat_map(case_folded).collect();
    let mut clean = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        let matched = matched_bytes(rest, &part);
        match matched {
            Some(_) => clean.push_str("[redacted]"),
            None => clean.push(first),
        }
        rest = &rest[matched.unwrap_or(first.len_utf8())..];
    }
    clean
}

/// How many bytes at the beginning of `text` match `part`, which is case-folded.
fn matched_bytes(text: &str, part: &str) -> Option<usize> {
    let mut left = part.chars();
    for (at, c) in text.char_indices() {
        if left.as_str().is_empty() {
            return Some(at);
        }
        if !case_folded(c).all(|c| left.next() == Some(c)) {
            return None;
        }
    }
    left.as_str().is_empty().then_some(text.len())
}

/// One character may fold to several.
fn case_folded(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

/// Whether a word is written as an amount, and not as a telephone number: `99999.00`, `1,250,000`, `-1,250.5`.
fn is_amount(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ';', ':']);
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (whole, decimals) = unsigned.split_once('.').map_or((unsigned, None), |(whole, rest)| (whole, Some(rest)));
    let mut groups = whole.split(',');
    let first = groups.next().is_some_and(|first| !first.is_empty() && is_whole(first));
    let rest: Vec<&str> = groups.collect();
    let grouped = rest.iter().all(|group| group.len() == 3 && is_whole(group));
    first
        && grouped
        && match decimals {
            Some(decimals) => (1..=3).contains(&decimals.len()) && is_whole(decimals),
            None => !rest.is_empty(),
        }
}

fn is_whole(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a word may be a currency or a unit of measure: `USD`, `EA`.
fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ';', ':', ')']);
    (2..=3).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether a word has digits and no letters.
fn is_numeric(word: &str) -> bool {
    digits(word) > 0 && !word.contains('@') && word.bytes().all(|byte| !byte.is_ascii_alphabetic())
}

fn digits(word: &str) -> usize {
    word.bytes().filter(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a15_a_cause_never_quotes_the_senders_text() {
        let error = serde_json::from_str::<u32>("\"ada@example.com\"").unwrap_err();
        assert!(!json_error(&error).contains("ada"));
        #[derive(Debug, serde::Deserialize)]
        struct Named {
            #[allow(dead_code)]
            name: String,
        }
        assert!(json_error(&serde_json::from_str::<Named>("{}").unwrap_err()).contains("`name` is missing"));
        let clean = text("call ada@example.com at +44-20-7946-0018, Bearer abc.def whsec_MfKQ");
        assert_eq!(clean, "call [redacted] at [redacted] Bearer [redacted] [redacted]");
        assert_eq!(
            text("ring (212) 555 0199 or +1 212-555-0199, 36 EA of 12"),
            "ring [redacted] or [redacted] 36 EA of 12"
        );
        assert_eq!(text("line 1: 36 EA, 3 of 12 left"), "line 1: 36 EA, 3 of 12 left");
        assert_eq!(text("call 202.555.0147 or 555.0147, 020 7946 0018"), "call [redacted] or [redacted] [redacted]");
    }

    #[test]
    fn amounts_and_quantities_stay() {
        for kept in [
            "over the limit of 99999.00 USD",
            "the limit is 1,250,000.00, and -1250000.5 is open",
            "999999999 EA do not fit: at most 10000000 EA.",
            "a whole number from 1 to 999,999,999",
        ] {
            assert_eq!(text(kept), kept);
        }
        assert_eq!(text("call 2125550199 today"), "call [redacted] today");
        assert_eq!(text("2125550199 555.00"), "[redacted]");
    }

    #[test]
    fn a15_personal_data_is_cut_at_every_place_and_in_any_case() {
        for (words, part, clean) in [
            ("ADA EXAMPLE, or Ada Example: ada example's", "Ada Example", "[redacted], or [redacted]: [redacted]'s"),
            ("Lange Straße 5, LANGE STRASSE 5", "lange straße 5", "[redacted], [redacted]"),
            ("ΟΔΟΣ Όδος", "οδος", "[redacted] Όδος"),
            ("Ad, Adam, A", "Ada", "Ad, [redacted]m, A"),
            ("", "Ada", ""),
        ] {
            assert_eq!(cut(words, part), clean, "{words}");
        }
    }
}
