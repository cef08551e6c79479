//! The document beside the last one that was given out, `docs/openapi.json`.

use super::breaking;
use crate::support::{TestApp, json_of};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Breaks that were decided on: their lines, each with the reason.
const DECLARED: &str = "docs/openapi-breaks.json";
const GOLDEN: &str = "docs/openapi.json";

fn root(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the workspace").join(name)
}

fn stored(name: &str) -> Value {
    let text = std::fs::read_to_string(root(name)).expect(name);
    serde_json::from_str(&text).expect(name)
}

async fn served() -> Value {
    let app = TestApp::start().await;
    json_of(app.get("/api/v1/openapi.json").await, StatusCode::OK).await
}

#[tokio::test]
async fn the_document_keeps_what_the_last_one_promised() {
    let (old, new) = (stored(GOLDEN), served().await);
    let declared = stored(DECLARED);
    let declared = declared.as_object().expect("lines with reasons");
    let broken = breaking::changes(&old, &new);
    let undeclared: Vec<&String> = broken
        .iter()
        .filter(|line| !declared.contains_key(*line))
        .collect();
    assert!(
        undeclared.is_empty(),
        "this breaks clients of {GOLDEN}; undo it, or write each line with its reason into {DECLARED}:\n{undeclared:#?}"
    );
    for (line, reason) in declared {
        let reason = reason.as_str().unwrap_or_default();
        assert!(reason.len() > 20, "{DECLARED}: {line} has no reason");
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(&new).expect("JSON") + "\n";
        std::fs::write(root(GOLDEN), text).expect(GOLDEN);
        return;
    }
    assert!(
        old == new,
        "{GOLDEN} is not the document that is served; nothing is broken. Type:\n  \
         UPDATE_GOLDEN=1 cargo test -p server --test it contract::document"
    );
}

/// Changes a copy of the document at a pointer.
fn changed(document: &Value, pointer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut copy = document.clone();
    change(
        copy.pointer_mut(pointer)
            .unwrap_or_else(|| panic!("{pointer} is not there")),
    );
    copy
}

fn without(document: &Value, pointer: &str, name: &str) -> Value {
    changed(document, pointer, |place| {
        let gone = place.as_object_mut().and_then(|fields| fields.remove(name));
        assert!(gone.is_some(), "{pointer} has no {name}");
    })
}

/// Documents with broken objects, and what is said of each.
fn mutants_of_objects(whole: &Value) -> Vec<(&'static str, Value)> {
    let schemas = "/components/schemas";
    let asset = format!("{schemas}/Asset");
    let order = format!("{schemas}/PackageRequest");
    vec![
        (
            "GET /api/v1/jobs: is gone",
            without(whole, "/paths", "/api/v1/jobs"),
        ),
        (
            "DELETE /api/v1/assets/{id}: is gone",
            without(whole, "/paths/~1api~1v1~1assets~1{id}", "delete"),
        ),
        (
            ".name: this field is gone",
            without(whole, &format!("{asset}/properties"), "name"),
        ),
        (
            ".scheme: it is required now",
            changed(whole, &order, |order| order["required"] = json!(["scheme"])),
        ),
        (
            ".size: the type was",
            changed(whole, &format!("{asset}/properties/size/type"), |kind| {
                *kind = json!("string")
            }),
        ),
        (
            ".size: the type was",
            changed(whole, &format!("{asset}/properties/size/type"), |kind| {
                *kind = json!(["integer", "null"]);
            }),
        ),
        (
            ".priority: the type was",
            changed(
                whole,
                &format!("{order}/properties/priority/type"),
                |kind| {
                    *kind = json!("integer");
                },
            ),
        ),
        (
            ".name: it is not always there any more",
            changed(whole, &format!("{asset}/required"), |names| {
                names
                    .as_array_mut()
                    .expect("names")
                    .retain(|name| name != "name");
            }),
        ),
    ]
}

/// Documents in which a word is missing, and what is said of each.
fn mutants_of_words(whole: &Value) -> Vec<(&'static str, Value)> {
    let schemas = "/components/schemas";
    vec![
        (
            "the word \"dead\" is gone",
            changed(
                whole,
                &format!("{schemas}/Job/properties/state/enum"),
                |words| {
                    words
                        .as_array_mut()
                        .expect("words")
                        .retain(|word| word != "dead");
                },
            ),
        ),
        (
            "the word \"gone\" is gone",
            changed(
                whole,
                &format!("{schemas}/Problem410/allOf/1/properties/code/enum"),
                |words| {
                    *words = json!(["another"]);
                },
            ),
        ),
        (
            "the word \"cenc\" is gone",
            changed(
                whole,
                &format!("{schemas}/PackageRequest/properties/scheme/enum"),
                |words| {
                    *words = json!(["cbcs", "none", null]);
                },
            ),
        ),
    ]
}

/// Documents with a broken operation, and what is said of each.
fn mutants_of_an_operation(whole: &Value) -> Vec<(&'static str, Value)> {
    let jobs = "/paths/~1api~1v1~1jobs/get";
    vec![
        (
            "GET /api/v1/jobs limit: maximum is 100 now",
            changed(whole, jobs, |jobs| {
                let limit = jobs["parameters"].as_array_mut().expect("parameters");
                let limit = limit
                    .iter_mut()
                    .find(|one| one["name"] == "limit")
                    .expect("limit");
                limit["schema"]["maximum"] = json!(100);
            }),
        ),
        (
            "GET /api/v1/jobs state: this parameter is gone",
            changed(whole, jobs, |jobs| {
                let all = jobs["parameters"].as_array_mut().expect("parameters");
                all.retain(|one| one["name"] != "state");
            }),
        ),
        (
            "GET /api/v1/jobs tenant: it is new and required",
            changed(whole, jobs, |jobs| {
                let all = jobs["parameters"].as_array_mut().expect("parameters");
                all.push(json!({"name": "tenant", "in": "query", "required": true, "schema": {}}));
            }),
        ),
        (
            "GET /api/v1/jobs 200: this answer is gone",
            without(whole, &format!("{jobs}/responses"), "200"),
        ),
        (
            "GET /api/v1/jobs 200: the header Request-Id is gone",
            without(
                whole,
                &format!("{jobs}/responses/200/headers"),
                "Request-Id",
            ),
        ),
        (
            "GET /api/v1/jobs 200: it is not application/json any more",
            without(
                whole,
                &format!("{jobs}/responses/200/content"),
                "application/json",
            ),
        ),
        (
            "GET /api/v1/jobs: it wants more than bearer",
            changed(whole, &format!("{jobs}/security"), |ways| {
                *ways = json!([{"bearer": ["admin"]}, {"session": []}]);
            }),
        ),
    ]
}

#[tokio::test]
async fn what_breaks_clients_is_seen_in_mutants_of_the_document() {
    let whole = served().await;
    let mutants = [
        mutants_of_objects(&whole),
        mutants_of_words(&whole),
        mutants_of_an_operation(&whole),
    ];
    let mutants = mutants.into_iter().flatten();
    for (wanted, mutant) in mutants {
        let found = breaking::changes(&whole, &mutant);
        assert!(
            found.iter().any(|line| line.contains(wanted)),
            "{wanted}: {found:#?}"
        );
    }
}

#[tokio::test]
async fn what_is_added_breaks_nobody() {
    let whole = served().await;
    let order = "/components/schemas/PackageRequest/properties";
    let additions = [
        changed(&whole, "/paths", |paths| {
            paths["/api/v1/new"] = json!({"get": {}})
        }),
        changed(&whole, "/components/schemas/Asset/properties", |fields| {
            fields["new"] = json!({"type": "string"});
        }),
        changed(&whole, order, |fields| {
            fields["new"] = json!({"type": "string"})
        }),
        changed(
            &whole,
            "/components/schemas/Job/properties/state/enum",
            |words| {
                words.as_array_mut().expect("words").push(json!("new"));
            },
        ),
        changed(&whole, "/paths/~1api~1v1~1jobs/get/parameters", |all| {
            let new = json!({"name": "new", "in": "query", "required": false, "schema": {}});
            all.as_array_mut().expect("parameters").push(new);
        }),
        changed(&whole, "/paths/~1api~1v1~1jobs/get/responses", |all| {
            all["418"] = json!({"description": "new"});
        }),
    ];
    for (number, later) in additions.iter().enumerate() {
        assert_eq!(
            breaking::changes(&whole, later),
            BTreeSet::new(),
            "{number}"
        );
        assert_ne!(whole, *later, "{number}");
    }
}

#[tokio::test]
async fn every_operation_says_all_that_it_can_answer() {
    let document = served().await;
    assert_eq!(
        document["openapi"].as_str().map(|text| &text[..4]),
        Some("3.1.")
    );
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let place = format!("{method} {path}");
            let name = operation["operationId"].as_str().expect("a name");
            assert!(
                names.insert(name.to_owned()),
                "{place}: {name} is another's name"
            );
            assert!(
                operation["security"].is_array(),
                "{place}: who may come in?"
            );
            let answers = operation["responses"].as_object().expect("answers");
            assert!(
                answers.keys().any(|status| status.starts_with(['2', '3'])),
                "{place}"
            );
            for status in ["421", "500", "503", "507"] {
                assert!(answers.contains_key(status), "{place}: no {status}");
            }
            for (status, answer) in answers {
                let place = format!("{place} {status}");
                assert!(
                    answer["description"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty())
                        || status.starts_with('2'),
                    "{place}: no words"
                );
                assert!(answer["headers"]["Request-Id"].is_object(), "{place}");
                let is_problem = status.starts_with(['4', '5']);
                let problem = &answer["content"]["application/problem+json"]["schema"]["$ref"];
                // Pages of the first API, headers without a body.
                let other = answer["content"]["text/html"].is_object()
                    || method == "head"
                    || path.contains("/dash/");
                if is_problem && !other {
                    let wanted = format!("#/components/schemas/Problem{status}");
                    assert_eq!(problem.as_str(), Some(wanted.as_str()), "{place}");
                }
            }
        }
    }
    assert!(names.len() > 45, "{}", names.len());
}
