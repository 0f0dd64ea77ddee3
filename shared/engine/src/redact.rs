//! Keeps personal data and secrets out of causes: they end in logs and dead-letter queues.

/// A JSON error without the value that it stumbled over: serde quotes strings that it did not expect.
pub fn json_error(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "not readable",
        serde_json::error::Category::Syntax => "not valid JSON",
        serde_json::error::Category::Data => "not of the expected shape",
        serde_json::error::Category::Eof => "cut off",
    };
    let text = error.to_string();
    // Field names and variants stand in back-ticks and are ours; values stand in quotes and are not.
    let field = text.split('`').nth(1).filter(|_| text.starts_with("missing field") || text.starts_with("unknown"));
    match field {
        Some(field) if text.starts_with("missing field") => {
            format!("{kind}: `{field}` is missing (line {}, column {})", error.line(), error.column())
        }
        _ => format!("{kind} (line {}, column {})", error.line(), error.column()),
    }
}

/// `text` without what looks like an e-mail address, a bearer token, a webhook secret or a run of seven or more digits, and
/// no longer than 500 characters.
pub fn text(text: &str) -> String {
    let mut clean: Vec<&str> = Vec::new();
    let mut after_bearer = false;
    for word in text.split_whitespace() {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let secret = word.contains("whsec_") || after_bearer;
        let personal = word.contains('@') || (digits >= 7 && word.bytes().all(|b| !b.is_ascii_alphabetic()));
        after_bearer = word.eq_ignore_ascii_case("bearer");
        clean.push(if secret || personal { "[redacted]" } else { word });
    }
    clean.join(" ").chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a15_a_cause_never_quotes_what_a_sender_wrote() {
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
    }
}
