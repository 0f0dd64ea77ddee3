//! Removes personal data and secrets from causes, which reach logs and dead-letter queues.

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
    match field {
        Some(field) if text.starts_with("missing field") => {
            format!("{kind}: `{field}` is missing (line {}, column {})", error.line(), error.column())
        }
        _ => format!("{kind} (line {}, column {})", error.line(), error.column()),
    }
}

/// `text` without e-mail addresses, bearer tokens, webhook secrets and telephone numbers (seven or more digits, also with spaces
/// between them), cut to 500 characters.
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
            if digits < 7 && !after_bearer {
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
    }
}
