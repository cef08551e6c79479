//! Commands that talk to a server where one has to log in.

use crate::media;
use crate::support::Scratch;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Output, Stdio};
use ureq::Agent;

/// A closed server, set up.
pub struct Closed {
    child: Child,
    base: String,
    cookie: String,
    agent: Agent,
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Closed {
    pub fn start(scratch: &Scratch) -> Self {
        let mut child = scratch
            .command()
            .args(["serve", "--data-dir", "data", "--reserve", "0"])
            .args(["--access", "closed", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut after = |what: &str| {
            let lines = lines.by_ref().map(Result::unwrap);
            let mut found = lines.filter_map(|line| Some(line.split_once(what)?.1.to_owned()));
            found.next().unwrap_or_else(|| panic!("no {what}"))
        };
        let base = after("listening on ");
        let token = after("set-up token ");
        std::thread::spawn(move || lines.for_each(drop));
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let login =
            json!({"set_up_token": token, "name": "ada", "password": "correct horse battery"});
        let mut server = Self {
            child,
            base,
            cookie: String::new(),
            agent,
        };
        assert_eq!(server.post("setup", &login).status(), 201);
        let login = json!({"name": "ada", "password": "correct horse battery"});
        let answer = server.post("session", &login);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        server.cookie = cookie.split(';').next().unwrap().to_owned();
        server
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn get(&self, path: &str) -> ureq::http::Response<ureq::Body> {
        let request = self.agent.get(format!("{}/api/v1/{path}", self.base));
        request.header("cookie", &self.cookie).call().unwrap()
    }

    pub fn post(&self, path: &str, body: &Value) -> ureq::http::Response<ureq::Body> {
        let request = self.agent.post(format!("{}/api/v1/{path}", self.base));
        let request = request.header("cookie", &self.cookie);
        let request = request.header("content-type", "application/json");
        request.send(body.to_string()).unwrap()
    }

    /// Writes a token of these scopes into a file.
    fn token(&self, scratch: &Scratch, name: &str, scopes: &[&str]) {
        let mut answer = self.post("tokens", &json!({"name": name, "scopes": scopes}));
        let made = answer.body_mut().read_to_string().unwrap();
        let made: Value = serde_json::from_str(&made).unwrap();
        let path = scratch.path().join(name);
        std::fs::write(&path, format!("{}\n", made["secret"].as_str().unwrap())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn commands_show_the_token_of_a_file_and_say_what_is_missing() {
    let scratch = Scratch::new();
    let server = Closed::start(&scratch);
    let clip = media::clip();
    let clip = clip.to_str().unwrap();
    let run = |words: &[&str], file: Option<&str>| {
        let mut command = scratch.command();
        command.args(words).args(["--server", &server.base]);
        command.env_remove("REELPACK_TOKEN_FILE");
        command.envs(file.map(|file| ("REELPACK_TOKEN_FILE", file)));
        command.output().unwrap()
    };
    let push = ["push", clip, "--no-package"];
    for words in [&push[..], &["jobs", "list"]] {
        let output = run(words, None);
        assert!(!output.status.success(), "{words:?}");
        assert!(
            said(&output).contains("--token-file or REELPACK_TOKEN_FILE"),
            "{}",
            said(&output)
        );
    }
    server.token(
        &scratch,
        "all",
        &["assets:read", "assets:write", "jobs:read", "jobs:write"],
    );
    let output = run(&push, Some("all"));
    assert!(output.status.success(), "{}", said(&output));
    let output = run(&["jobs", "list", "--token-file", "all"], None);
    assert!(output.status.success(), "{}", said(&output));

    server.token(&scratch, "reader", &["assets:read"]);
    let output = run(&["jobs", "list"], Some("reader"));
    assert!(
        said(&output).contains("jobs:read") && said(&output).contains("/tokens"),
        "{}",
        said(&output)
    );
    // A file that is none, is open to others, or is away.
    let path = scratch.path().join("all");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(said(&run(&["jobs", "list"], Some("all"))).contains("chmod 600"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "two words").unwrap();
    let output = run(&["jobs", "list"], Some("all"));
    assert!(said(&output).contains("holds no token") && !said(&output).contains("two words"));
    assert!(said(&run(&["jobs", "list"], Some("none"))).contains("cannot be read"));
}
