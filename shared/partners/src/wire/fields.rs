//! Reads JSON by hand, so that all offences are reported with their JSON pointers and not only the first. Numbers are read as
//! text or as whole numbers, never as floats. An offence never repeats what the sender wrote.

use std::cell::RefCell;
use std::fmt::Display;
use std::str::FromStr;

use engine::http::Offence;
use icu_normalizer::ComposingNormalizerBorrowed;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

/// The offences found so far.
#[derive(Default)]
pub(crate) struct Report(RefCell<Vec<Offence>>);

impl Report {
    pub(crate) fn root<'v>(&'v self, value: &'v Value) -> Place<'v> {
        Place { value: Some(value), pointer: String::new(), report: self }
    }

    /// `built`, if there are no offences.
    pub(crate) fn into_result<T>(self, built: Option<T>) -> Result<T, Vec<Offence>> {
        let offences = self.0.into_inner();
        match built {
            Some(built) if offences.is_empty() => Ok(built),
            Some(_) | None if !offences.is_empty() => Err(offences),
            // A reader that returns `None` has reported why. This keeps a silent one from looking like success.
            Some(_) | None => Err(vec![offence("", "cannot be read")]),
        }
    }

    fn add(&self, pointer: &str, detail: impl Display) {
        self.0.borrow_mut().push(offence(pointer, detail));
    }
}

pub(crate) fn offence(pointer: &str, detail: impl Display) -> Offence {
    Offence { pointer: pointer.to_owned(), detail: detail.to_string() }
}

/// A place in a JSON document, present or absent.
#[derive(Clone)]
pub(crate) struct Place<'v> {
    value: Option<&'v Value>,
    pointer: String,
    report: &'v Report,
}

impl<'v> Place<'v> {
    /// The member `name`. `null` counts as absent.
    pub(crate) fn at(&self, name: &str) -> Self {
        let value = self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null());
        Self { value, pointer: format!("{}/{}", self.pointer, escape(name)), report: self.report }
    }

    /// The value as it stands there.
    pub(crate) fn value(&self) -> Option<&'v Value> {
        self.value
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.value.is_none()
    }

    /// This place; `None` if absent.
    pub(crate) fn present(self) -> Option<Self> {
        self.value.is_some().then_some(self)
    }

    /// Reports an offence at this place.
    pub(crate) fn refuse(&self, why: impl Display) {
        self.report.add(&self.pointer, why);
    }

    /// Reports each member that is not in `known`.
    pub(crate) fn only(&self, known: &[&str]) {
        let Some(Value::Object(members)) = self.value else { return };
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let pointer = format!("{}/{}", self.pointer, escape(name));
            self.report.add(&pointer, format_args!("is not known here; known are {}", known.join(", ")));
        }
    }

    /// The members of an object, in the document's order. Absent: no members.
    pub(crate) fn members(&self) -> Vec<(&'v str, Self)> {
        match self.value {
            None => vec![],
            Some(Value::Object(members)) => members.keys().map(|name| (name.as_str(), self.at(name))).collect(),
            Some(_) => {
                self.refuse("must be an object");
                vec![]
            }
        }
    }

    /// An object. Absent: an offence.
    pub(crate) fn object(&self) -> Option<&'v Map<String, Value>> {
        match self.value {
            Some(Value::Object(members)) => Some(members),
            Some(_) => self.none("must be an object"),
            None => self.none("is missing"),
        }
    }

    /// The elements of a list. Absent: no elements.
    pub(crate) fn items(&self) -> Vec<Self> {
        match self.value {
            None => vec![],
            Some(Value::Array(items)) => {
                let item = |(i, value)| Self {
                    value: Some(value).filter(|value: &&Value| !value.is_null()),
                    pointer: format!("{}/{i}", self.pointer),
                    report: self.report,
                };
                items.iter().enumerate().map(item).collect()
            }
            Some(_) => {
                self.refuse("must be a list");
                vec![]
            }
        }
    }

    /// The elements of a list with at least one; `why` is the offence if there are none.
    pub(crate) fn some_items(&self, why: &str) -> Option<Vec<Self>> {
        match self.value {
            Some(Value::Array(items)) if !items.is_empty() => Some(self.items()),
            Some(Value::Array(_)) | None => self.none(why),
            Some(_) => self.none("must be a list"),
        }
    }

    /// A text. Absent: an offence.
    pub(crate) fn text(&self) -> Option<&'v str> {
        match self.value {
            Some(Value::String(text)) => Some(text),
            Some(_) => self.none("must be a text"),
            None => self.none("is missing"),
        }
    }

    /// A text; `None` if absent or blank.
    pub(crate) fn optional_text(&self) -> Option<&'v str> {
        if self.is_blank() { None } else { self.text() }
    }

    /// A text that parses as a `T`. The offence is the parser's error; our parsers never repeat the text.
    pub(crate) fn parse<T>(&self) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        match self.text()?.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => self.none(error),
        }
    }

    /// The same; `None` if absent or blank.
    pub(crate) fn optional_parse<T>(&self) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        if self.is_blank() { None } else { self.parse() }
    }

    /// A name or another text that people read and copy: as [`Place::sentence`], and without characters that no one sees or that
    /// change the direction of others. Two systems would show and compare it in two ways.
    pub(crate) fn words(&self, max: usize) -> Option<String> {
        let text = self.sentence(max)?;
        if text.chars().any(is_hidden) {
            return self.none("has an invisible character, or one that changes the direction of writing");
        }
        // These join the letters beside them.
        if text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')) {
            return self.none("is empty");
        }
        Some(text)
    }

    /// A text for people, whatever characters it has: trimmed, in Unicode's form NFC, no control characters, 1 to `max`
    /// characters.
    pub(crate) fn sentence(&self, max: usize) -> Option<String> {
        let text = NFC.normalize(self.text()?.trim());
        if text.is_empty() {
            return self.none("is empty");
        }
        if text.chars().count() > max {
            return self.none(format_args!("is longer than {max} characters"));
        }
        if text.chars().any(char::is_control) {
            return self.none("has a control character");
        }
        Some(text.into_owned())
    }

    /// The same; `None` if absent or blank.
    pub(crate) fn optional_sentence(&self, max: usize) -> Option<String> {
        if self.is_blank() { None } else { self.sentence(max) }
    }

    /// The same; `None` if absent or blank.
    pub(crate) fn optional_words(&self, max: usize) -> Option<String> {
        if self.is_blank() { None } else { self.words(max) }
    }

    /// Whether the member is absent, `null` or a text of blanks alone. Many systems write a member that they have no value for as
    /// an empty text.
    pub(crate) fn is_blank(&self) -> bool {
        self.value.is_none_or(|value| value.as_str().is_some_and(|text| text.trim().is_empty()))
    }

    /// A boolean; `absent` if absent.
    pub(crate) fn flag(&self, absent: bool) -> bool {
        match self.value {
            None => absent,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.refuse("must be true or false");
                absent
            }
        }
    }

    /// A whole number in `range`, as a JSON number.
    pub(crate) fn whole(&self, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let Some(value) = self.value else { return self.none("is missing") };
        match value.as_u64().filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => self.none(format_args!("must be a whole number from {} to {}", range.start(), range.end())),
        }
    }

    /// An exact number: a decimal as text, or a whole JSON number. A JSON number with a fraction is an offence: most senders
    /// write it from a float, which may have lost digits.
    pub(crate) fn decimal(&self) -> Option<Decimal> {
        const DECIMAL: &str = "must be a decimal number written as text, such as \"1.50\"";
        match self.value {
            None => self.none("is missing"),
            Some(Value::String(text)) if is_plain_decimal(text) => match Decimal::from_str_exact(text) {
                Ok(number) => Some(number),
                Err(_) => self.none("has too many digits"),
            },
            Some(Value::Number(number)) => match number.as_i64() {
                Some(number) => Some(Decimal::from(number)),
                None => self.none(DECIMAL),
            },
            Some(_) => self.none(DECIMAL),
        }
    }

    /// The value of `result`; its error is an offence.
    pub(crate) fn take<T, E: Display>(&self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => self.none(error),
        }
    }

    fn none<T>(&self, why: impl Display) -> Option<T> {
        self.refuse(why);
        None
    }
}

/// One text may be written in several sequences of code points; this is the one that we store and compare.
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

/// Whether a character shows nothing, or changes the direction of the characters around it.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
            | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    )
}

/// `-?digits[.digits]`: no exponent, plus sign, underscore or space.
pub(crate) fn is_plain_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        None => digits(unsigned),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
    }
}

/// RFC 6901.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A body as JSON, with gzip undone, within the bounds of [`engine::json`]. Signatures are over the body as it was received.
pub(crate) fn json(body: &[u8]) -> Result<Value, Vec<Offence>> {
    let plain = crate::wire::gzip::plain(body).map_err(|why| vec![offence("", why)])?;
    engine::json::read(&plain).map_err(|refused| vec![offence(&refused.pointer, refused.why)])
}

/// Why a message that [`is_our_own`] is ignored.
pub(crate) const OUR_OWN: &str = "our own write";

/// The mark of our own writes: sent as the header `x-origin`, returned in a message's member `origin`.
pub(crate) const ORIGIN: &str = "crossdock";

/// Whether a write of ours caused the message.
pub(crate) fn is_our_own(root: &Place<'_>) -> bool {
    root.at("origin").value.and_then(Value::as_str) == Some(ORIGIN)
}

/// The sender's reason, redacted, at most 500 characters.
pub(crate) fn reason(place: &Place<'_>) -> String {
    let words = place.optional_sentence(500).map(|words| engine::redact::text(&words));
    words.unwrap_or_else(|| "no reason was named".to_owned())
}

/// A sender's name for a topic, with the characters that are safe in a log, at most 64.
pub(crate) fn topic(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "._-/".contains(*c)).take(64).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn b20_numbers_are_exact_or_refused() {
        for (value, read) in [
            (json!("0.10"), Some("0.10")),
            (json!("-3"), Some("-3")),
            (json!(3), Some("3")),
            (json!(0.1), None),
            (json!(3.0), None),
            (json!(1e3), None),
            (json!("1e3"), None),
            (json!("+1"), None),
            (json!("1_000"), None),
            (json!(" 1"), None),
            (json!("1."), None),
            (json!(".5"), None),
            (json!(""), None),
            (json!("NaN"), None),
            (json!("0.00000000000000000000000000001"), None),
            (json!("99999999999999999999999999999999999"), None),
            (json!(true), None),
            (json!(null), None),
        ] {
            let report = Report::default();
            let number = report.root(&json!({ "n": value })).at("n").decimal();
            assert_eq!(number.map(|n| n.to_string()).as_deref(), read, "{value}");
            assert_eq!(report.into_result(Some(())).is_ok(), read.is_some(), "{value}");
        }
    }

    #[test]
    fn b46_a_name_is_stored_in_one_form_and_has_no_character_that_no_one_sees() {
        let read = |text: &str| {
            let report = Report::default();
            let words = report.root(&json!({ "n": text })).at("n").words(30);
            report.into_result(words).map_err(|mut offences| offences.remove(0).detail)
        };
        assert_eq!(read("Zoe\u{308} Mu\u{308}ller"), Ok("Zo\u{EB} M\u{FC}ller".to_owned()));
        assert_eq!(read("Zo\u{EB}"), read("Zoe\u{308}"));
        for visible in [
            "\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}",
            "\u{5D3}\u{5E0}\u{5D4}",
            "\u{1F469}\u{200D}\u{1F4BB}",
        ] {
            assert_eq!(read(visible).as_deref(), Ok(visible));
        }
        for hidden in [
            "\u{200B}",
            "\u{2060}\u{2060}",
            "\u{3164}",
            "\u{2800}",
            "\u{202E}adA",
            "Ada\u{2066}x\u{2069}",
            "Ada\u{200F}",
        ] {
            assert!(read(hidden).unwrap_err().starts_with("has an invisible character"), "{hidden:?}");
        }
        for empty in ["\u{200D}", "\u{200C} \u{FE0F}"] {
            assert_eq!(read(empty), Err("is empty".to_owned()), "{empty:?}");
        }
        // A reason is not compared, and a fact is not refused because of it.
        let value = json!({ "reason": "broken\u{200B}" });
        let report = Report::default();
        assert_eq!(reason(&report.root(&value).at("reason")), "broken\u{200B}");
        assert_eq!(report.into_result(Some(())), Ok(()));
    }

    #[test]
    fn every_offence_is_reported_with_its_pointer() {
        let value = json!({"a": {"b/c": 1}, "list": [1, "x"], "extra": 1});
        let report = Report::default();
        let root = report.root(&value);
        root.only(&["a", "list"]);
        assert_eq!(root.at("a").at("b/c").text(), None);
        assert_eq!(root.at("list").items()[0].text(), None);
        assert_eq!(root.at("none").text(), None);
        let places: Vec<_> = report.into_result(Some(())).unwrap_err().into_iter().map(|o| o.pointer).collect();
        assert_eq!(places, ["/extra", "/a/b~1c", "/list/0", "/none"]);
    }
}
