//! A partner's rejection, without personal data: it ends in the journal and is shown to many.

use domain::Rejection;

use crate::client::transport::Reply;

/// Reads `{"code", "reason" | "message", "line"?}`, as far as the members are there. The reason is redacted.
pub(crate) fn rejection(reply: &Reply) -> Rejection {
    rejection_with(reply, engine::redact::text)
}

/// The same, with `clean` instead of the usual redaction. A code that is not made of capital letters, digits and underscores
/// is not repeated; `HTTP_<status>` takes its place.
pub(crate) fn rejection_with(reply: &Reply, clean: impl FnOnce(&str) -> String) -> Rejection {
    let body = engine::json::read(&reply.body).unwrap_or_default();
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

/// `words` redacted, and without every word that has a digit, as house numbers and postal codes have. For a warehouse's words
/// where the receiver is not known. A name cannot be told from other words and stays.
pub(crate) fn without_digits(words: &str) -> String {
    let words = words.split_whitespace();
    let cut = words.map(|word| if word.chars().any(char::is_numeric) { "[redacted]" } else { word });
    engine::redact::text(&cut.collect::<Vec<_>>().join(" "))
}
