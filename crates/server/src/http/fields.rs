//! Reads the fields of a JSON body, and names the one that is wrong.

use super::error::{Problem, Result};
use serde_json::{Map, Value};

/// The fields of a JSON object.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

/// What is wrong in one body, gathered, so that the answer names all of it.
#[derive(Debug, Default)]
pub(super) struct Faults(Option<Problem>);

impl Faults {
    /// What was read; where it is wrong, nothing, and the fault is kept.
    pub(super) fn of<T: Default>(&mut self, read: Result<T>) -> T {
        read.unwrap_or_else(|fault| {
            self.0 = Some(match self.0.take() {
                Some(first) => first.and(fault),
                None => fault,
            });
            T::default()
        })
    }

    /// All faults as one problem, if there are any.
    pub(super) fn end(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

impl Fields {
    /// Reads a body; an empty one has no fields when `may_be_empty`.
    pub(super) fn parse(body: &[u8], may_be_empty: bool) -> Result<Self> {
        if may_be_empty && body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Problem::invalid("the body must be a JSON object")),
            // The parser's own text could repeat a piece of a secret.
            Err(error) => Err(Problem::invalid(format!(
                "the body is not JSON: something is wrong at line {}, column {}",
                error.line(),
                error.column()
            ))),
        }
    }

    /// Fields that were read elsewhere.
    pub(super) fn of(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// A field as it came, `null` too.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Refuses fields that nobody knows, for they are likely misspelt.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        let unknown = |name: &&str| !known.contains(name);
        let unknown: Vec<&str> = self.0.keys().map(String::as_str).filter(unknown).collect();
        match unknown.is_empty() {
            true => Ok(()),
            false => Err(Problem::unknown_fields(&unknown, known)),
        }
    }

    /// A text, when it is there and not `null`.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::in_body(name, "must be a text")),
        }
    }

    /// A text that must be there.
    pub(super) fn needed_text(&self, name: &str) -> Result<&str> {
        self.text(name)?
            .ok_or_else(|| Problem::in_body(name, "is missing"))
    }

    /// Whether something is so, when it is there and not `null`.
    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(Problem::in_body(name, "must be true or false")),
        }
    }

    /// A whole number that must be there; it may be written as a text.
    pub(super) fn needed_number(&self, name: &str) -> Result<i64> {
        let number = match self.0.get(name) {
            None | Some(Value::Null) => return Err(Problem::in_body(name, "is missing")),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(other) => other.as_i64(),
        };
        number.ok_or_else(|| Problem::in_body(name, "must be a whole number"))
    }

    /// A limit: a whole number from 0 on, or `null` for none; nothing when it is not there.
    pub(super) fn limit(&self, name: &str) -> Result<Option<Option<i64>>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => match value.as_i64() {
                Some(number) if number >= 0 => Ok(Some(Some(number))),
                _ => Err(Problem::in_body(
                    name,
                    "must be a whole number from 0 on, or null",
                )),
            },
        }
    }

    /// A whole number between two bounds.
    pub(super) fn number(&self, name: &str, bounds: (i32, i32)) -> Result<Option<i32>> {
        let (from, to) = bounds;
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_i64().and_then(|number| i32::try_from(number).ok()) {
                Some(number) if (from..=to).contains(&number) => Ok(Some(number)),
                _ => Err(Problem::in_body(
                    name,
                    format_args!("must be a whole number from {from} to {to}"),
                )),
            },
        }
    }

    /// A number between two bounds.
    pub(super) fn decimal(&self, name: &str, bounds: (f64, f64)) -> Result<Option<f64>> {
        let (from, to) = bounds;
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) if (from..=to).contains(&number) => Ok(Some(number)),
                _ => Err(Problem::in_body(
                    name,
                    format_args!("must be a number from {from} to {to}"),
                )),
            },
        }
    }

    /// A length of time in seconds between two bounds, in milliseconds.
    pub(super) fn seconds(&self, name: &str, bounds: (f64, f64)) -> Result<Option<i64>> {
        let (from, to) = bounds;
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(seconds) if (from..=to).contains(&seconds) => {
                    Ok(Some((seconds * 1000.0).round() as i64))
                }
                _ => Err(Problem::in_body(
                    name,
                    format_args!("must be a number of seconds from {from} to {to}"),
                )),
            },
        }
    }

    /// A list of words of a set, with their meanings.
    pub(super) fn list<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<Vec<T>>> {
        let known = || {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let what = format!("must be a list of words, of these: {}", known.join(", "));
            Problem::in_body(name, what)
        };
        let given = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(given)) => given,
            Some(_) => return Err(known()),
        };
        let meaning = |value: &Value| {
            let text = value.as_str()?;
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, meaning)| *meaning)
        };
        let meanings: Option<Vec<T>> = given.iter().map(meaning).collect();
        meanings.map(Some).ok_or_else(known)
    }

    /// One word of a set, with its meaning.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Problem::in_body(name, format_args!("must be one of {}", known.join(", ")))
        })
    }
}
