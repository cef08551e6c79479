//! What of a document breaks the clients of an earlier one.
//!
//! In: two OpenAPI documents. Out: a line for each promise that the later one does not keep. Things that were added are no such thing.

use serde_json::Value;
use std::collections::BTreeSet;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// Bounds of what may be sent, and whether a larger one lets less in.
const BOUNDS: [(&str, bool); 8] = [
    ("minimum", true),
    ("maximum", false),
    ("exclusiveMinimum", true),
    ("exclusiveMaximum", false),
    ("minLength", true),
    ("maxLength", false),
    ("minItems", true),
    ("maxItems", false),
];

/// Which way a schema goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Clients send it: less may not be let in.
    Sent,
    /// Clients read it: nothing may be missing.
    Read,
}

/// Both documents, and what was found.
struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: BTreeSet<String>,
    /// Pairs of references that were followed, so that schemas may name themselves.
    followed: BTreeSet<(String, String, bool)>,
}

/// Every break of `new` towards `old`, in order.
pub fn changes(old: &Value, new: &Value) -> BTreeSet<String> {
    let mut comparison = Comparison {
        old,
        new,
        found: BTreeSet::new(),
        followed: BTreeSet::new(),
    };
    for (path, item) in old["paths"].as_object().expect("paths") {
        for method in METHODS {
            let place = format!("{} {path}", method.to_uppercase());
            match (&item[method], &new["paths"][path][method]) {
                (Value::Null, _) => {}
                (_, Value::Null) => comparison.say(&place, "is gone"),
                (old, new) => comparison.operation(&place, old, new),
            }
        }
    }
    comparison.found
}

impl<'a> Comparison<'a> {
    fn say(&mut self, place: &str, what: &str) {
        self.found.insert(format!("{place}: {what}"));
    }

    fn operation(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        self.parameters(place, old, new);
        self.body(place, &old["requestBody"], &new["requestBody"]);
        for (status, answer) in fields(&old["responses"]) {
            let place = format!("{place} {status}");
            let other = &new["responses"][status];
            if other.is_null() {
                self.say(&place, "this answer is gone");
                continue;
            }
            for (header, _) in fields(&answer["headers"]) {
                if other["headers"][header].is_null() {
                    self.say(&place, &format!("the header {header} is gone"));
                }
            }
            for (kind, content) in fields(&answer["content"]) {
                match &other["content"][kind] {
                    Value::Null => self.say(&place, &format!("it is not {kind} any more")),
                    later => self.schema(&place, &content["schema"], &later["schema"], Way::Read),
                }
            }
        }
        for (scheme, scopes) in allowed(old) {
            let wants_more = allowed(new)
                .into_iter()
                .find(|(other, _)| *other == scheme)
                .is_none_or(|(_, later)| !later.is_subset(&scopes));
            if wants_more {
                self.say(
                    place,
                    &format!("it wants more than {scheme} with {scopes:?}"),
                );
            }
        }
    }

    fn parameters(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        let find = |all: &'a Value, wanted: &Value| {
            items(all).find(|other| other["name"] == wanted["name"] && other["in"] == wanted["in"])
        };
        for parameter in items(&old["parameters"]) {
            let place = format!("{place} {}", parameter["name"].as_str().unwrap_or_default());
            match find(&new["parameters"], parameter) {
                None => self.say(&place, "this parameter is gone"),
                Some(later) => {
                    if later["required"] == true && parameter["required"] != true {
                        self.say(&place, "it is required now");
                    }
                    self.schema(&place, &parameter["schema"], &later["schema"], Way::Sent);
                }
            }
        }
        for parameter in items(&new["parameters"]) {
            if parameter["required"] == true && find(&old["parameters"], parameter).is_none() {
                let name = parameter["name"].as_str().unwrap_or_default();
                self.say(&format!("{place} {name}"), "it is new and required");
            }
        }
    }

    fn body(&mut self, place: &str, old: &'a Value, new: &'a Value) {
        let place = format!("{place} body");
        if new["required"] == true && old["required"] != true {
            self.say(&place, "it is required now");
        }
        for (kind, content) in fields(&old["content"]) {
            match &new["content"][kind] {
                Value::Null => self.say(&place, &format!("{kind} is not taken any more")),
                later => self.schema(&place, &content["schema"], &later["schema"], Way::Sent),
            }
        }
    }

    /// Compares two schemas, their references followed.
    fn schema(&mut self, place: &str, old: &'a Value, new: &'a Value, way: Way) {
        let key = (old.to_string(), new.to_string(), way == Way::Sent);
        let reference = old["$ref"].is_string() || new["$ref"].is_string();
        if reference && !self.followed.insert(key) {
            return;
        }
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        self.types(place, old, new, way);
        self.words(place, old, new, way);
        self.bounds(place, old, new, way);
        self.fields(place, old, new, way);
        if !old["items"].is_null() {
            self.schema(&format!("{place}[]"), &old["items"], &new["items"], way);
        }
        for word in ["allOf", "oneOf", "anyOf"] {
            let later: Vec<&Value> = items(&new[word]).collect();
            for (number, part) in items(&old[word]).enumerate() {
                match later.get(number) {
                    None => self.say(place, &format!("a part of {word} is gone")),
                    Some(other) => self.schema(place, part, other, way),
                }
            }
        }
    }

    fn types(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        let (before, after) = (types(old), types(new));
        // No type is any type.
        let (wide, narrow) = match way {
            Way::Sent => (&after, &before),
            Way::Read => (&before, &after),
        };
        let fits = wide.is_empty() || !narrow.is_empty() && narrow.is_subset(wide);
        if !fits {
            self.say(place, &format!("the type was {before:?} and is {after:?}"));
        }
    }

    /// No word of a set may go: neither one that clients send nor one that they wait for. Sent ones may not become a set.
    fn words(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        let (before, after) = (words(old), words(new));
        match (before, after) {
            (Some(before), Some(after)) => {
                for word in before.difference(&after) {
                    self.say(place, &format!("the word {word} is gone"));
                }
            }
            (None, Some(_)) if way == Way::Sent => {
                self.say(place, "some words alone are taken now")
            }
            (Some(_), None) if way == Way::Read => self.say(place, "any word may come now"),
            _ => {}
        }
    }

    fn bounds(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        if way == Way::Read {
            return;
        }
        for (bound, is_lower) in BOUNDS {
            let Some(after) = new[bound].as_f64() else {
                continue;
            };
            let narrower = match old[bound].as_f64() {
                None => true,
                Some(before) if is_lower => after > before,
                Some(before) => after < before,
            };
            if narrower {
                self.say(place, &format!("{bound} is {after} now"));
            }
        }
        if new["pattern"].is_string() && new["pattern"] != old["pattern"] {
            self.say(place, "another pattern is asked for");
        }
        if new["additionalProperties"] == false && old["additionalProperties"] != false {
            self.say(place, "fields that nobody knows are refused now");
        }
    }

    fn fields(&mut self, place: &str, old: &'a Value, new: &'a Value, way: Way) {
        let (before, after) = (texts(&old["required"]), texts(&new["required"]));
        for (name, field) in fields(&old["properties"]) {
            let place = format!("{place}.{name}");
            let later = &new["properties"][name];
            if later.is_null() {
                self.say(&place, "this field is gone");
                continue;
            }
            self.schema(&place, field, later, way);
            match way {
                Way::Read if before.contains(name.as_str()) && !after.contains(name.as_str()) => {
                    self.say(&place, "it is not always there any more");
                }
                Way::Sent if after.contains(name.as_str()) && !before.contains(name.as_str()) => {
                    self.say(&place, "it is required now");
                }
                _ => {}
            }
        }
        if way == Way::Sent {
            for name in after.difference(&before) {
                if old["properties"][*name].is_null() {
                    self.say(&format!("{place}.{name}"), "it is new and required");
                }
            }
        }
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema["$ref"]
        .as_str()
        .map(|name| name.trim_start_matches('#'));
    pointer.map_or(schema, |pointer| {
        document.pointer(pointer).expect("what a reference names")
    })
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn texts(value: &Value) -> BTreeSet<&str> {
    items(value).filter_map(Value::as_str).collect()
}

fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(one) => {
            // Whole numbers are numbers.
            let more = (one == "number").then_some("integer");
            more.into_iter().chain([one.as_str()]).collect()
        }
        several => {
            let mut all = texts(several);
            if all.contains("number") {
                all.insert("integer");
            }
            all
        }
    }
}

/// The words of a set; `None` where any will do.
fn words(schema: &Value) -> Option<BTreeSet<String>> {
    match (&schema["enum"], &schema["const"]) {
        (Value::Array(words), _) => Some(words.iter().map(Value::to_string).collect()),
        (_, Value::Null) => None,
        (_, one) => Some([one.to_string()].into()),
    }
}

/// The ways in, each with the scopes that it needs.
fn allowed(operation: &Value) -> Vec<(String, BTreeSet<&str>)> {
    let ways = items(&operation["security"]).flat_map(fields);
    ways.map(|(scheme, scopes)| (scheme.clone(), texts(scopes)))
        .collect()
}
