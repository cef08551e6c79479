//! Reads what a client notes about an asset: `external_id` and `metadata`, in JSON, in a form, or in the headers of tus.

use super::error::{Problem, Result};
use super::fields::{Faults, Fields};
use crate::db::annotations::{Annotations, Change, MOST_ENTRIES, MetadataChange};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Their names in JSON, in forms and in the headers of tus.
pub(super) const EXTERNAL_ID: &str = "external_id";
pub(super) const METADATA: &str = "metadata";
/// Characters of the longest external id.
const LONGEST_EXTERNAL_ID: usize = 255;
/// Characters of the longest name and of the longest value of an entry.
const LONGEST_NAME: usize = 40;
const LONGEST_VALUE: usize = 500;
/// Entries that a change may name: enough to replace all that there may be.
const MOST_NAMED: usize = 2 * MOST_ENTRIES;

/// What is noted about a new asset.
pub(super) fn of_new(fields: &Fields, faults: &mut Faults) -> Annotations {
    let noted = Annotations::default().with(&change(fields, faults));
    if noted.metadata.len() > MOST_ENTRIES {
        faults.of::<()>(Err(too_many(noted.metadata.len())));
    }
    noted
}

/// The same of texts, of which the second one is JSON.
///
/// # Errors
/// 422 that names each wrong value.
pub(super) fn of_texts(external_id: Option<&str>, metadata: Option<&str>) -> Result<Annotations> {
    let mut faults = Faults::default();
    let mut fields = Map::new();
    if let Some(external_id) = external_id {
        fields.insert(EXTERNAL_ID.to_owned(), external_id.into());
    }
    if let Some(metadata) = metadata {
        let parsed = serde_json::from_str::<Value>(metadata);
        let parsed = parsed.map_err(|_| no_object());
        fields.insert(METADATA.to_owned(), faults.of(parsed));
    }
    let noted = of_new(&Fields::of(fields), &mut faults);
    faults.end().map(|()| noted)
}

/// What is to be noted from now on, as a JSON merge patch (RFC 7396) says it.
pub(super) fn change(fields: &Fields, faults: &mut Faults) -> Change {
    let external_id = fields.value(EXTERNAL_ID);
    let external_id = external_id.map(|value| faults.of(read_external_id(value)));
    let metadata = match fields.value(METADATA) {
        None => MetadataChange::default(),
        Some(Value::Null) => MetadataChange::Clear,
        Some(Value::Object(entries)) if entries.len() > MOST_NAMED => {
            faults.of::<()>(Err(too_many(entries.len())));
            MetadataChange::default()
        }
        Some(Value::Object(entries)) => MetadataChange::Merge(read_entries(entries, faults)),
        Some(_) => {
            faults.of::<()>(Err(no_object()));
            MetadataChange::default()
        }
    };
    Change {
        external_id,
        metadata,
    }
}

/// The entries of metadata that a query asks for: `metadata[name]=value`.
///
/// # Errors
/// 400 where there are too many, or the name is not in brackets.
pub(super) fn asked_for(query: Vec<(String, String)>) -> Result<Vec<(String, String)>> {
    let of_metadata = |(parameter, value): (String, String)| {
        let rest = parameter.strip_prefix(METADATA)?;
        // Other parameters may begin with the same letters.
        if !rest.is_empty() && !rest.starts_with('[') {
            return None;
        }
        let name = rest
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let wrong = || {
            let text = "must be written as metadata[name]=value";
            Problem::field(METADATA, text)
        };
        Some(name.map(|name| (name.to_owned(), value)).ok_or_else(wrong))
    };
    let asked: Vec<(String, String)> = query
        .into_iter()
        .filter_map(of_metadata)
        .collect::<Result<_>>()?;
    if asked.len() > MOST_ENTRIES {
        let text = format!("may be given {MOST_ENTRIES} times at most");
        return Err(Problem::field(METADATA, text));
    }
    Ok(asked)
}

/// 422 where there would be too many entries.
pub(super) fn too_many(count: usize) -> Problem {
    let text = format!("would have {count} entries; there may be {MOST_ENTRIES}");
    Problem::not_allowed(&[METADATA], text)
}

fn no_object() -> Problem {
    Problem::not_allowed(&[METADATA], "must be a JSON object of texts, or null")
}

fn read_external_id(value: &Value) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if is_plain(text, LONGEST_EXTERNAL_ID) => Ok(Some(text.clone())),
        _ => {
            let text = format!(
                "must be a text of 1 to {LONGEST_EXTERNAL_ID} characters, none of them a control character, \
                 without spaces at its ends; or null"
            );
            Err(Problem::not_allowed(&[EXTERNAL_ID], text))
        }
    }
}

fn read_entries(
    entries: &Map<String, Value>,
    faults: &mut Faults,
) -> BTreeMap<String, Option<String>> {
    let read = |(name, value): (&String, &Value)| {
        let value = faults.of(read_entry(name, value));
        (name.clone(), value)
    };
    entries.iter().map(read).collect()
}

fn read_entry(name: &str, value: &Value) -> Result<Option<String>> {
    let wrong = |what: String| Err(Problem::not_allowed(&[METADATA, name], what));
    // Brackets stand around names where assets are asked for: `metadata[name]=value`.
    if !is_plain(name, LONGEST_NAME) || name.contains(['[', ']']) {
        return wrong(format!(
            "must have a name of 1 to {LONGEST_NAME} characters, none of them a bracket or a control character, \
             without spaces at its ends"
        ));
    }
    match value {
        Value::Null => Ok(None),
        // PostgreSQL keeps no text with NUL in it.
        Value::String(text) if text.chars().count() <= LONGEST_VALUE && !text.contains('\0') => {
            Ok(Some(text.clone()))
        }
        _ => wrong(format!(
            "must be a text of at most {LONGEST_VALUE} characters, or null"
        )),
    }
}

/// Whether a text is a name that every engine compares in the same way.
fn is_plain(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count())
        && !text.contains(char::is_control)
        && text.trim() == text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Annotations> {
        let mut faults = Faults::default();
        let fields = Fields::parse(body.to_string().as_bytes(), false)?;
        let noted = of_new(&fields, &mut faults);
        faults.end().map(|()| noted)
    }

    #[test]
    fn what_is_within_the_limits_is_read() {
        let name = "ü".repeat(LONGEST_NAME);
        let value = "🎬".repeat(LONGEST_VALUE);
        let id = "é".repeat(LONGEST_EXTERNAL_ID);
        let body = json!({"external_id": id, "metadata": {name.clone(): value, "empty": "", "none": null}});
        let noted = read(&body).expect("annotations");
        assert_eq!(noted.external_id, Some(id));
        assert_eq!(noted.metadata.get(&name), Some(&value));
        assert_eq!(noted.metadata.len(), 2);
        let none = read(&json!({"external_id": null, "metadata": null}));
        assert_eq!(none.expect("nothing"), Annotations::default());
    }

    #[test]
    fn each_wrong_value_is_named() {
        let many: Map<String, Value> = (0..51).map(|n| (n.to_string(), "x".into())).collect();
        for (body, pointers) in [
            (json!({"external_id": ""}), vec!["/external_id"]),
            (
                json!({"external_id": "x".repeat(256)}),
                vec!["/external_id"],
            ),
            (json!({"external_id": 7}), vec!["/external_id"]),
            (json!({"external_id": " a"}), vec!["/external_id"]),
            (json!({"metadata": []}), vec!["/metadata"]),
            (json!({ "metadata": many }), vec!["/metadata"]),
            (
                json!({"external_id": "a\nb", "metadata": {"a/b~": 1, "": "x", "c[d]": "x", "e": "\u{0}"}}),
                vec![
                    "/external_id",
                    "/metadata/",
                    "/metadata/a~1b~0",
                    "/metadata/c[d]",
                    "/metadata/e",
                ],
            ),
            (
                json!({"metadata": {"n".repeat(41): "x"}}),
                vec![&format!("/metadata/{}", "n".repeat(41))],
            ),
            (
                json!({"metadata": {"v": "x".repeat(501)}}),
                vec!["/metadata/v"],
            ),
        ] {
            let problem = read(&body).expect_err("a problem");
            assert_eq!(problem.status(), 422, "{body}");
            assert_eq!(problem.pointers(), pointers, "{body}");
        }
    }

    #[test]
    fn entries_that_are_asked_for_stand_in_brackets() {
        let pairs = |names: &[&str]| {
            names
                .iter()
                .map(|name| ((*name).to_owned(), "x".to_owned()))
                .collect()
        };
        let asked = asked_for(pairs(&["q", "metadata[a b]", "metadata_of", "metadata[]"]))
            .expect("entries");
        let names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a b", ""]);
        for wrong in ["metadata", "metadata[a", "metadata[a]b"] {
            assert_eq!(
                asked_for(pairs(&[wrong])).expect_err("a problem").status(),
                400,
                "{wrong}"
            );
        }
        assert!(asked_for(pairs(&["metadata[a]"; 51])).is_err());
    }

    #[test]
    fn texts_are_read_as_json_is() {
        let noted = of_texts(Some("42"), Some("{\"a\": \"b\"}")).expect("annotations");
        assert_eq!(
            noted,
            read(&json!({"external_id": "42", "metadata": {"a": "b"}})).expect("same")
        );
        let problem = of_texts(Some(""), Some("{")).expect_err("a problem");
        assert_eq!(problem.pointers(), ["/metadata", "/external_id"]);
    }
}
