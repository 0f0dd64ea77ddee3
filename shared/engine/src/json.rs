//! Reads JSON from outside: with a bound on its values, its depth and its texts, and with no member given twice. Every body
//! that a partner or client wrote is read here; the bytes are bounded where they are received or unpacked.
//!
//! A parsed value takes up to eighty times the memory of its text (`{"a":0},`), so the length of a body alone bounds nothing.
//! serde_json itself keeps the last of two members of one name; the sender may have meant the first.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::{Map, Number, Value};

/// The most values in one document, those inside others included. An order of 500 lines has some 10,000.
pub const MAX_NODES: usize = 100_000;

/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A JSON pointer to a member that is given twice, up to the last name that is no text of the sender's; otherwise empty.
    pub pointer: String,
    /// What is wrong, at which line and column.
    pub why: String,
}

/// The longest text, in bytes: as long as the longest body that is not compressed.
pub const MAX_TEXT: usize = 256 * 1024;

/// The longest name of a member, in bytes.
pub const MAX_NAME: usize = 1_024;

/// The document as a value. A byte-order mark is skipped.
///
/// # Errors
/// It is not JSON, has more than [`MAX_NODES`] values or [`MAX_DEPTH`] levels, a text longer than [`MAX_TEXT`] or a name
/// longer than [`MAX_NAME`], or gives a member twice.
pub fn read(bytes: &[u8]) -> Result<Value, Refused> {
    parse(bytes, true)
}

/// The document as a `D`, which has no `Value` in it. Members that `D` does not have may be given twice.
///
/// # Errors
/// It is refused as by [`check`], or is no `D`.
pub fn typed<D: DeserializeOwned>(bytes: &[u8]) -> Result<D, Refused> {
    check(bytes)?;
    let read = serde_json::from_slice(without_mark(bytes));
    read.map_err(|error| Refused { pointer: String::new(), why: crate::redact::json_error(&error) })
}

/// Checks what [`read`] checks, but allows members that are given twice, and keeps nothing.
///
/// # Errors
/// As [`read`].
pub fn check(bytes: &[u8]) -> Result<(), Refused> {
    parse(bytes, false).map(|_nothing| ())
}

fn parse(bytes: &[u8], keep: bool) -> Result<Value, Refused> {
    let (left, twice) = (Cell::new(MAX_NODES), RefCell::new(String::new()));
    let mut json = serde_json::Deserializer::from_slice(without_mark(bytes));
    let value = Node { left: &left, twice: &twice, path: &Path::Root, depth: 0, keep }.deserialize(&mut json);
    let ended = value.and_then(|value| json.end().map(|()| value));
    ended.map_err(|error| Refused { pointer: twice.take(), why: crate::redact::json_error(&error) })
}

/// Where a value stands in its document.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The JSON pointer, up to the first name that may be a text of the sender's. Other names need no escapes.
    fn pointer(&self) -> (String, bool) {
        let (parent, step) = match self {
            Self::Root => return (String::new(), true),
            Self::Member(parent, name) => (parent, crate::redact::is_name(name).then(|| (*name).to_owned())),
            Self::Item(parent, index) => (parent, Some(index.to_string())),
        };
        match (parent.pointer(), step) {
            ((pointer, true), Some(step)) => (format!("{pointer}/{step}"), true),
            ((pointer, _), _) => (pointer, false),
        }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// One value, and all inside it.
#[derive(Clone, Copy)]
struct Node<'a> {
    left: &'a Cell<usize>,
    /// Takes the pointer of a member that is given twice.
    twice: &'a RefCell<String>,
    path: &'a Path<'a>,
    depth: usize,
    keep: bool,
}

impl Node<'_> {
    fn inside<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("more than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn number(number: impl Into<Number>) -> Value {
        Value::Number(number.into())
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(D::Error::custom(format_args!("more than {MAX_NODES} values")));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<Value, E> {
        Ok(Value::Bool(is))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Self::number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Self::number(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        if text.len() > MAX_TEXT {
            return Err(E::custom(format_args!("more than {MAX_TEXT} bytes in one text")));
        }
        Ok(if self.keep { Value::String(text.to_owned()) } else { Value::Null })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut values = Vec::new();
        for index in 0.. {
            let item = Node { path: &Path::Item(self.path, index), ..inside };
            let Some(value) = items.next_element_seed(item)? else { break };
            if self.keep {
                values.push(value);
            }
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.len() > MAX_NAME {
                return Err(A::Error::custom(format_args!("more than {MAX_NAME} bytes in one name")));
            }
            let path = Path::Member(self.path, &name);
            if self.keep && object.contains_key(&name) {
                self.twice.replace(path.pointer().0);
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            let value = members.next_value_seed(Node { path: &path, ..inside })?;
            if self.keep {
                object.insert(name, value);
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_read_as_serde_json_reads_it() {
        for text in [
            r#"{"a":[1,-2,0.5,"x\n\u00e9",true,false,null,{}],"b":{"c":[]}}"#,
            "18446744073709551615",
            "1e3",
            "\"\"",
            "[]",
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        assert_eq!(read(b"\xEF\xBB\xBF{}").unwrap(), json!({}));
    }

    #[test]
    fn a_member_that_is_given_twice_is_refused_by_name() {
        let why = read(br#"{"lines":[{"quantity":"1","quantity":"9"}]}"#).unwrap_err();
        assert_eq!(why.why, "the member `quantity` is given twice (line 1, column 36)");
        assert_eq!(why.pointer, "/lines/0/quantity");
        assert!(
            check(br#"{"quantity":"1","quantity":"9"}"#).is_ok(),
            "whether it matters is not checked before it is stored"
        );
        // A name is the sender's text.
        let why = read(br#"{"ada@example.com":1,"ada@example.com":2}"#).unwrap_err();
        assert!(!why.why.contains("ada@") && why.pointer.is_empty(), "{why:?}");
    }

    #[test]
    fn a_small_text_with_very_many_values_or_levels_is_refused() {
        for text in [format!("[{}0]", "0,".repeat(MAX_NODES)), format!("[{}0]", r#"{"a":0},"#.repeat(MAX_NODES))] {
            for refused in [read(text.as_bytes()).unwrap_err(), check(text.as_bytes()).unwrap_err()] {
                assert!(refused.why.starts_with("more than 100000 values"), "{refused:?}");
            }
        }
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(nested(MAX_DEPTH).as_bytes()).is_ok());
        let deep = nested(MAX_DEPTH + 1);
        assert!(read(deep.as_bytes()).unwrap_err().why.starts_with("more than 32 levels"));
        assert!(check(nested(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn a17_a_text_or_a_name_that_is_too_long_is_refused() {
        let texts = |bytes: usize| format!(r#"["{}"]"#, "x".repeat(bytes));
        let names = |bytes: usize| format!(r#"{{"{}":1}}"#, "x".repeat(bytes));
        for (fits, too_long, why) in [
            (texts(MAX_TEXT), texts(MAX_TEXT + 1), "more than 262144 bytes in one text"),
            (names(MAX_NAME), names(MAX_NAME + 1), "more than 1024 bytes in one name"),
        ] {
            assert!(read(fits.as_bytes()).is_ok() && check(fits.as_bytes()).is_ok());
            for refused in [read(too_long.as_bytes()).unwrap_err(), check(too_long.as_bytes()).unwrap_err()] {
                assert!(refused.why.starts_with(why), "{refused:?}");
            }
        }
    }

    #[test]
    fn a17_a_type_is_read_within_the_same_bounds() {
        assert_eq!(typed::<Vec<u8>>(b"\xEF\xBB\xBF[1,2]").unwrap(), [1, 2]);
        let many = format!("[{}0]", "0,".repeat(MAX_NODES));
        assert!(typed::<Vec<u8>>(many.as_bytes()).unwrap_err().why.starts_with("more than 100000 values"));
        assert_eq!(
            typed::<Vec<u8>>(b"[\"ada@example.com\"]").unwrap_err().why,
            "not of the expected shape (line 1, column 18)"
        );
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (text, why) in [
            ("", "cut off (line 1, column 0)"),
            ("{} x", "not valid JSON (line 1, column 4)"),
            ("{\n NaN}", "not valid JSON (line 2, column 2)"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err().why, why);
            assert_eq!(check(text.as_bytes()).unwrap_err().why, why);
        }
    }
}
