//! A partner's rejection, without personal data: it ends in the journal and is shown to many.

use domain::Rejection;
use domain::party::Party;

use crate::client::transport::Reply;

/// Reads `{"code", "reason" | "message", "line"?}`, as far as the members are there. The reason is redacted.
pub(crate) fn rejection(reply: &Reply) -> Rejection {
    rejection_with(reply, engine::redact::text)
}

/// The same, with `clean` instead of the usual redaction. A code that is not made of capital letters, digits and underscores
/// is not repeated; `HTTP_<status>` takes its place.
pub(crate) fn rejection_with(reply: &Reply, clean: impl FnOnce(&str) -> String) -> Rejection {
    let body = serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
    let is_plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let code = text("code").filter(|code| (1..=40).contains(&code.len()) && code.bytes().all(is_plain));
    let code = code.map_or_else(|| format!("HTTP_{}", reply.status), str::to_owned);
    let words = text("reason").or_else(|| text("message")).map(clean).unwrap_or_default();
    let line = body.get("line").and_then(serde_json::Value::as_u64).map(|line| format!("line {line}"));
    let parts: Vec<String> = line.into_iter().chain((!words.is_empty()).then_some(words)).collect();
    let reason = if parts.is_empty() { "the partner named no reason".to_owned() } else { parts.join(": ") };
    Rejection { code, reason }
}

/// `words` redacted, and without what they repeat of the receiver `party`.
pub(crate) fn without_party(words: &str, party: &Party) -> String {
    let Party { name, company, line1, line2, city, region: _, postal_code, country: _, phone, email } = party;
    let optional = [company, line2, phone, email].into_iter().filter_map(Option::as_ref);
    let personal = [name, line1, city, postal_code].into_iter().chain(optional);
    // Parts of one or two letters stay: they occur in ordinary words, and without those the reason could not be read.
    let clean = personal.filter(|part| part.len() > 2).fold(words.to_owned(), |words, part| cut(&words, part));
    // After the cuts: the redaction takes a postal code and a house number side by side for a phone number, and then the
    // street would not be found any more.
    engine::redact::text(&clean)
}

/// `words` redacted, and without every word that has a digit, as house numbers and postal codes have. For a warehouse's words
/// where the receiver is not known. A name cannot be told from other words and stays.
pub(crate) fn without_digits(words: &str) -> String {
    let words = words.split_whitespace();
    let cut = words.map(|word| if word.chars().any(char::is_numeric) { "[redacted]" } else { word });
    engine::redact::text(&cut.collect::<Vec<_>>().join(" "))
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

#[cfg(test)]
mod tests {
    use super::*;

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
