//! Settings come from flags, else the environment, else a file, else defaults; what cannot be is said, with its place.

use crate::support::{Run, Scratch};

fn show(scratch: &Scratch, variables: &[(&str, &str)], flags: &[&str]) -> Run {
    let mut command = scratch.command();
    command.args(["config", "show"]).args(flags);
    for (name, value) in variables {
        command.env(name, value);
    }
    Run(command.output().unwrap())
}

const FILE: &str = "\
listen = \"127.0.0.1:7001\"
max_upload = \"20GiB\"
max_unfinished = 7
keep_work = true
cors_origin = [\"https://a.example\", \"https://b.example\"]
reserve = \"2GiB\"
";

#[test]
fn each_layer_goes_before_the_next() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path().join("r.toml"), FILE).unwrap();
    let variables = [
        ("REELPACK_CONFIG", "r.toml"),
        ("REELPACK_LISTEN", "127.0.0.1:7002"),
        ("REELPACK_RESERVE", "3GiB"),
        ("REELPACK_PULL_ALLOW", "10.0.0.0/8,192.168.0.0/16"),
        ("REELPACK_PORT", "tcp://10.0.0.1:80"),
    ];
    let run = show(&scratch, &variables, &["--listen", "127.0.0.1:7003"]);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    let shown = run.stdout();
    for line in [
        "listen = \"127.0.0.1:7003\"  # flag --listen",
        "reserve = \"3GiB\"  # environment REELPACK_RESERVE",
        "pull_allow = [\"10.0.0.0/8\", \"192.168.0.0/16\"]  # environment REELPACK_PULL_ALLOW",
        "max_upload = \"20GiB\"  # file r.toml",
        "max_unfinished = \"7\"  # file r.toml",
        "keep_work = \"true\"  # file r.toml",
        "cors_origin = [\"https://a.example\", \"https://b.example\"]  # file r.toml",
        "upload_expiry = \"24h\"  # default",
        "# public_url is not set",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    // What was shown is a file of settings itself.
    std::fs::write(scratch.path().join("again.toml"), shown).unwrap();
    let again = show(&scratch, &[], &["--config", "again.toml"]);
    assert_eq!(again.code(), Some(0), "{}", again.stderr());
    assert!(
        again
            .stdout()
            .contains("listen = \"127.0.0.1:7003\"  # file again.toml")
    );
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    let scratch = Scratch::new();
    for (text, wanted) in [
        (
            "datadir = \"/x\"",
            &["r.toml", "datadir", "did you mean data_dir?"][..],
        ),
        ("listen = \"nowhere\"", &["r.toml", "listen", "nowhere"]),
        ("max_unfinished = \"many\"", &["r.toml", "max_unfinished"]),
        (
            "listen = [\"a\", \"b\"]",
            &["r.toml", "listen", "one value"],
        ),
        ("listen = ", &["r.toml", "1"]),
        (
            "database_url = \"postgres://u:canary@h/d\"",
            &["r.toml", "database_url_file"],
        ),
    ] {
        std::fs::write(scratch.path().join("r.toml"), text).unwrap();
        let run = show(&scratch, &[], &["--config=r.toml"]);
        assert_eq!(run.code(), Some(2), "{text}: {}", run.stderr());
        for word in wanted {
            assert!(run.stderr().contains(word), "{text}: {}", run.stderr());
        }
        assert!(!run.stderr().contains("canary"), "{}", run.stderr());
    }
    for (name, value, word) in [
        ("REELPACK_MAX_UNFINISHED", "many", "REELPACK_MAX_UNFINISHED"),
        (
            "REELPACK_DATABASE_URL",
            "postgres://u:canary@h/d",
            "REELPACK_DATABASE_URL_FILE",
        ),
    ] {
        let run = show(&scratch, &[(name, value)], &[]);
        assert_eq!(run.code(), Some(2), "{}", run.stderr());
        assert!(run.stderr().contains(word), "{}", run.stderr());
        assert!(!run.stderr().contains("canary"), "{}", run.stderr());
    }
    let run = show(&scratch, &[], &["--config", "absent.toml"]);
    assert_eq!(run.code(), Some(74), "{}", run.stderr());
}

#[test]
fn secrets_are_not_shown() {
    let scratch = Scratch::new();
    let url = "postgres://u:canary@127.0.0.1/d";
    let run = show(&scratch, &[], &["--database-url", url]);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert!(!run.stdout().contains("canary"), "{}", run.stdout());
    assert!(
        run.stdout()
            .contains("database_url = \"…\"  # flag --database-url")
    );
}
