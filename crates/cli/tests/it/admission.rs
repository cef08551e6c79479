//! `token` and `user`: who may come in, looked after beside a server that runs.

use crate::kill::until;
use crate::support::{Run, Scratch};
use crate::token_file::Closed;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const OLD: &str = "correct horse battery";
const NEW: &str = "another horse of mine";

fn list(scratch: &Scratch) -> Vec<Value> {
    let run = scratch.words("token list --data-dir data --json").ok();
    run.json().as_array().unwrap().clone()
}

fn private(scratch: &Scratch, name: &str, text: &str) {
    let path = scratch.write(name, text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_token_is_made_shown_once_used_and_revoked_while_the_server_runs() {
    let scratch = Scratch::new();
    let server = Closed::start(&scratch);
    let create = "token create --data-dir data --name ingest --scope jobs:read,jobs:read --scope assets:read --expires-in 1h";
    let made = scratch.words(create).ok();
    // Nothing but the secret is on stdout, and it is nowhere else.
    let secret = made.stdout().trim_end().to_owned();
    assert!(
        secret.starts_with("rpt_") && made.stdout().lines().count() == 1,
        "{secret}"
    );
    assert!(
        made.stderr().contains("tok_") && !made.stderr().contains(&secret),
        "{}",
        made.stderr()
    );
    private(&scratch, "ingest", &secret);
    let jobs = || {
        let words = ["jobs", "list", "--token-file", "ingest", "--server"];
        scratch.run(words.iter().copied().chain([server.base()]))
    };
    jobs().ok();

    let tokens = list(&scratch);
    let token = &tokens[0];
    assert_eq!(token["name"], "ingest");
    assert_eq!(token["scopes"], json!(["jobs:read", "assets:read"]));
    assert_eq!(token["revoked_at"], Value::Null);
    let id = token["id"].as_str().unwrap();
    let shown = scratch.words("token list --data-dir data").ok();
    assert!(shown.stdout().contains(id) && shown.stdout().contains("last used"));
    for (path, bytes) in scratch.snapshot() {
        let held = bytes.unwrap_or_default();
        let found = held
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert_eq!(
            found,
            path.ends_with("ingest"),
            "{} holds the secret",
            path.display()
        );
    }

    scratch
        .words(&format!("token revoke {id} --data-dir data"))
        .ok();
    assert_ne!(jobs().code(), Some(0));
    assert!(list(&scratch)[0]["revoked_at"].is_string());
    let json = scratch.words(&format!("{create} --json")).ok();
    assert!(json.json()["secret"].as_str().unwrap().starts_with("rpt_"));
    assert_eq!(json.json()["tenant_id"], "ten_default");
}

#[test]
fn another_password_opens_and_the_old_one_and_its_sessions_do_not() {
    let scratch = Scratch::new();
    let server = Closed::start(&scratch);
    let people = scratch.words("user list --data-dir data --json").ok();
    assert_eq!(people.json()[0]["name"], "ada");
    assert_eq!(people.json().as_array().unwrap().len(), 1);
    assert_eq!(server.get("assets").status(), 200);

    private(&scratch, "new", &format!("{NEW}\n"));
    let run = scratch
        .words("user password ada --password-file new --data-dir data")
        .ok();
    assert!(!run.stdout().contains(NEW) && !run.stderr().contains(NEW));
    assert_eq!(server.get("assets").status(), 401, "the session goes on");
    for (password, status) in [(OLD, 401), (NEW, 200)] {
        let body = json!({"name": "ada", "password": password});
        assert_eq!(server.post("session", &body).status(), status, "{password}");
    }
}

/// Words, their exit codes, and what is said of them.
const WRONG: [(&str, i32, &str); 14] = [
    ("token create --name x", 2, "--scope"),
    ("token create --scope admin", 2, "--name"),
    ("token create --name x --scope root", 2, "assets:read"),
    (
        "token create --name x --scope admin --expires-in 0s",
        2,
        "expires_in",
    ),
    (
        "token create --name x --scope admin --expires-in 3years",
        2,
        "expires_in",
    ),
    (
        "token create --name x --scope admin --expires-in soon",
        2,
        "--expires-in",
    ),
    (
        "token create --name x --scope admin --tenant ten_none",
        65,
        "ten_none",
    ),
    ("token list --tenant ten_none", 65, "ten_none"),
    ("token revoke tok_none", 65, "token list"),
    ("user password nobody --password-file good", 65, "user list"),
    (
        "user password ada --password-file short",
        2,
        "12 characters",
    ),
    (
        "user password ada --password-file lines",
        2,
        "several lines",
    ),
    ("user password ada --password-file open", 2, "chmod 600"),
    (
        "user password ada --password-file none",
        74,
        "cannot be read",
    ),
];

#[test]
fn what_cannot_be_is_refused_by_name_and_nothing_is_changed() {
    let scratch = Scratch::new();
    let server = Closed::start(&scratch);
    let before = list(&scratch);
    for (words, code, says) in WRONG {
        private(&scratch, "good", NEW);
        private(&scratch, "short", "canary");
        private(&scratch, "lines", "canary one two\ncanary three\n");
        std::fs::set_permissions(
            scratch.write("open", NEW),
            std::fs::Permissions::from_mode(0o644),
        )
        .unwrap();
        let run = scratch.words(&format!("{words} --data-dir data"));
        assert_eq!(run.code(), Some(code), "{words}: {}", run.stderr());
        assert!(run.stderr().contains(says), "{words}: {}", run.stderr());
        assert_eq!(run.stdout(), "", "{words}");
        assert!(!run.stderr().contains("canary"), "{words}");
    }
    assert_eq!(list(&scratch), before);
    assert_eq!(server.get("assets").status(), 200);
    // No catalogue is made where none is.
    std::fs::create_dir(scratch.path().join("empty")).unwrap();
    for words in [
        "token list",
        "user list",
        "token create --name x --scope admin",
    ] {
        let run = scratch.words(&format!("{words} --data-dir empty"));
        run.fails(74, "start it once");
    }
    assert_eq!(
        std::fs::read_dir(scratch.path().join("empty"))
            .unwrap()
            .count(),
        0
    );
}

/// Runs the binary at a terminal of its own, and types lines; returns what the terminal showed, too.
fn at_a_terminal(scratch: &Scratch, words: &str, typed: &str) -> (Run, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let theirs = std::fs::File::options()
        .read(true)
        .write(true)
        .open(name)
        .unwrap();
    let mut command = Command::new("setsid");
    command
        .current_dir(scratch.path())
        .args(["--ctty", "--wait"]);
    command
        .arg(env!("CARGO_BIN_EXE_reelpack"))
        .args(words.split(' '));
    command
        .stdin(theirs)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    // The last handles to its side of the terminal must not be ours, or reading would have no end.
    drop(command);
    let mut terminal = std::fs::File::from(ours);
    let mut lines = typed.lines();
    let mut shown = Vec::new();
    let mut piece = [0; 256];
    // Each prompt ends in a colon and a space; then the next line is typed.
    let mut answered = 0;
    while let Ok(length @ 1..) = terminal.read(&mut piece) {
        shown.extend_from_slice(&piece[..length]);
        let asked = String::from_utf8_lossy(&shown).matches(": ").count();
        while answered < asked {
            answered += 1;
            // The question comes a moment before the terminal stops showing what is typed: nobody types as fast as a test.
            until("a terminal that shows nothing", || {
                let modes = tcgetattr(&terminal).unwrap().local_modes;
                (!modes.contains(LocalModes::ECHO)).then_some(())
            });
            let line = lines
                .next()
                .expect("no more questions than there are answers");
            terminal.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
    }
    let output = child.wait_with_output().unwrap();
    (Run(output), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn a_password_is_typed_twice_and_not_shown() {
    let scratch = Scratch::new();
    let server = Closed::start(&scratch);
    let words = "user password ada --data-dir data";
    let (run, shown) = at_a_terminal(&scratch, words, &format!("{NEW}\nsomething else\n"));
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("differ"), "{}", run.stderr());
    assert!(
        shown.contains("New password of ada") && !shown.contains("horse"),
        "{shown}"
    );
    assert_eq!(
        server.get("assets").status(),
        200,
        "the password was changed"
    );
    let (run, shown) = at_a_terminal(&scratch, words, &format!("{NEW}\n{NEW}\n"));
    assert!(!shown.contains(NEW), "{shown}");
    run.ok();
    let body = json!({"name": "ada", "password": NEW});
    assert_eq!(server.post("session", &body).status(), 200);
    // Without a terminal, it says what to do.
    let mut alone = Command::new("setsid");
    alone
        .current_dir(scratch.path())
        .arg("--wait")
        .arg(env!("CARGO_BIN_EXE_reelpack"));
    let run = Run(alone.args(words.split(' ')).output().unwrap());
    run.fails(74, "--password-file");
}
