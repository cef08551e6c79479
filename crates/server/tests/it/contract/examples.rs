//! The examples of the documentation do what they say, against a server where one has to show a token.

use super::run;
use crate::support::{TestApp, clips, text};
use std::path::PathBuf;
use std::process::Command;

/// What an example needs to be allowed.
const SCOPES: [&str; 3] = ["assets:read", "assets:write", "playback:sign"];

async fn runs(program: &str, example: &str) {
    let app = TestApp::closed().await;
    let (token, _) = app.token(&SCOPES).await;
    let file = app.dir().join("token.txt");
    std::fs::write(&file, token).expect("the token's file");
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(example);
    let mut command = Command::new(program);
    command
        .arg(&example)
        .arg(clips::numbered(0))
        .env("REELPACK_URL", &app.base)
        .env("REELPACK_TOKEN_FILE", &file);
    let ran = run(command).await;
    let (said, wrong) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{said}{wrong}");
    let lines: Vec<&str> = said.lines().collect();
    let begins = ["asset ast_", "package pkg_", "plays http://"];
    for (line, wanted) in lines.iter().zip(begins) {
        assert!(line.starts_with(wanted), "{line}: not {wanted}");
    }
    let rest = [
        "plays with a token",
        "without a token: 401",
        "error invalid_request at /scheme",
    ];
    assert_eq!(lines[3..], rest, "{said}{wrong}");
    assert_eq!(wrong, "");
}

#[tokio::test]
async fn the_example_for_curl_goes_the_whole_way() {
    runs("bash", "way.sh").await;
}

#[tokio::test]
async fn the_example_in_javascript_goes_the_whole_way() {
    runs("node", "way.mjs").await;
}

#[tokio::test]
async fn the_example_in_python_goes_the_whole_way() {
    runs("python3", "way.py").await;
}

#[tokio::test]
async fn the_docs_hold_the_very_examples_that_are_run() {
    let app = TestApp::start().await;
    let document = app.get_json("/api/v1/openapi.json").await;
    let shown = text(&document["info"]["description"]);
    for name in ["way.sh", "way.mjs", "way.py"] {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(name);
        let whole = std::fs::read_to_string(file).expect(name);
        assert!(shown.contains(&whole), "{name} is not in the docs");
    }
}
