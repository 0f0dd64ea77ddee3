//! Converts a document from TOML to the JSON that the registry stores.

use serde_json::{Map, Number, Value};

/// Dates and times of TOML become texts.
///
/// # Errors
/// The parser's message, with the line.
pub(super) fn to_json(text: &str) -> Result<Value, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    object(table)
}

fn object(table: toml::Table) -> Result<Value, String> {
    let members = table.into_iter().map(|(name, value)| Ok((name, json(value)?)));
    Ok(Value::Object(members.collect::<Result<Map<_, _>, String>>()?))
}

fn json(value: toml::Value) -> Result<Value, String> {
    match value {
        toml::Value::String(text) => Ok(Value::String(text)),
        toml::Value::Integer(number) => Ok(Value::Number(Number::from(number))),
        // No member of a document is a float. Converted, it is reported with its path.
        toml::Value::Float(number) => Ok(Number::from_f64(number).map_or(Value::Null, Value::Number)),
        toml::Value::Boolean(flag) => Ok(Value::Bool(flag)),
        toml::Value::Datetime(time) => Ok(Value::String(time.to_string())),
        toml::Value::Array(items) => Ok(Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?)),
        toml::Value::Table(table) => object(table),
    }
}
