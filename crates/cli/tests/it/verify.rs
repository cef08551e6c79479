//! `verify`: exit codes, the report, and packages behind a server.

use crate::media;
use crate::support::{Run, Scratch, key};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A package of the clip in `out`, and its key in `out.key`.
fn packaged(scratch: &Scratch, more: &[&str]) -> PathBuf {
    let clip = media::clip();
    let arguments = [
        "package",
        clip.to_str().unwrap(),
        "-o",
        "out",
        "--segment-duration",
        "1",
    ];
    scratch.run(arguments.iter().chain(more)).ok();
    clip
}

/// The outcome of each check in a JSON report.
fn outcomes(run: &Run) -> BTreeMap<u64, String> {
    let report = run.json();
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .map(|check| {
            let outcome = check["outcome"].as_str().unwrap().to_owned();
            (check["number"].as_u64().unwrap(), outcome)
        })
        .collect()
}

/// Replaces a text of a file once.
fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_package_of_ours_passes_all_that_can_be_checked() {
    let scratch = Scratch::new();
    let license = ["--license-url", "https://keys.example/license"];
    let clip = packaged(&scratch, &license);
    let clip = clip.to_str().unwrap();
    let run = scratch
        .run([
            "verify",
            "out",
            "--key-file",
            "out.key",
            "--source",
            clip,
            "--json",
        ])
        .ok();
    let report = run.json();
    assert_eq!(
        (&report["passed"], &report["depth"]),
        (&true.into(), &"full".into())
    );
    let found = outcomes(&run);
    assert_eq!(found.len(), 48);
    for number in [
        1, 6, 13, 18, 23, 25, 26, 27, 28, 29, 30, 31, 36, 37, 38, 39, 41, 42, 43, 44,
    ] {
        assert_eq!(
            found[&number],
            "passed",
            "check {number}: {}",
            report["checks"][number as usize - 1]
        );
    }
    assert_eq!(found[&47], "not_checked");
    // Without the key and the source less is known, and that is said.
    let run = scratch.words("verify out/stream.mpd --json").ok();
    assert_eq!(outcomes(&run)[&28], "not_checked");
    assert_eq!(outcomes(&run)[&43], "not_checked");
    let text = scratch.words("verify out/master.m3u8 --depth quick").ok();
    let lines: Vec<&str> = text.stdout().lines().collect();
    assert!(lines[0].starts_with(" 1 MUST   passed "), "{}", lines[0]);
    assert!(
        text.stdout().contains("36 MUST   not checked"),
        "{}",
        text.stdout()
    );
    assert!(
        lines.last().unwrap().contains(" 0 failed"),
        "{}",
        text.stdout()
    );
}

#[test]
fn a_broken_package_is_told_by_exit_code_1() {
    let scratch = Scratch::new();
    packaged(&scratch, &["--scheme", "none"]);
    let root = scratch.path().join("out");
    replace(&root.join("stream.mpd"), "bandwidth=\"", "bandwidth=\"0");
    std::fs::remove_file(root.join("audio/2.m4s")).unwrap();
    let run = scratch.run(["verify", "out"]);
    assert_eq!(run.code(), Some(1), "{}", run.stderr());
    assert_eq!(run.stderr(), "");
    let lost = "37 MUST   failed ";
    assert!(
        run.stdout().lines().any(|line| line.starts_with(lost)),
        "{}",
        run.stdout()
    );
    assert!(
        run.stdout().contains("MUST audio/2.m4s: is not there"),
        "{}",
        run.stdout()
    );
    let run = scratch.run(["verify", "out", "--json"]);
    assert_eq!(run.code(), Some(1));
    let report = run.json();
    assert!(
        report["failed"].as_array().unwrap().contains(&37.into()),
        "{report}"
    );
    let finding = &report["checks"][36]["findings"][0];
    assert!(
        finding["level"] == "MUST" && finding["where"].is_string(),
        "{finding}"
    );
}

#[test]
fn another_source_and_another_key_are_seen() {
    let scratch = Scratch::new();
    packaged(&scratch, &["--key", &key()]);
    let sound = media::sound();
    let run = scratch.run([
        "verify",
        "out",
        "--source",
        sound.to_str().unwrap(),
        "--key",
        &key(),
    ]);
    assert_eq!(run.code(), Some(1), "{}", run.stderr());
    assert!(
        run.stdout().contains("28 MUST   failed"),
        "{}",
        run.stdout()
    );
    let clip = media::clip();
    let wrong = key().replace("b4aa", "b4ab");
    let run = scratch.run([
        "verify",
        "out",
        "--source",
        clip.to_str().unwrap(),
        "--key",
        &wrong,
    ]);
    assert_eq!(run.code(), Some(1), "{}", run.stderr());
    assert!(
        run.stdout().contains("not those of the source"),
        "{}",
        run.stdout()
    );
    assert!(!run.stdout().contains("b4ab"), "a key is in the report");
}

#[test]
fn what_cannot_be_verified_has_its_exit_code() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path().join("empty")).unwrap();
    scratch.write("junk.mpd", "<MPD");
    scratch.write("junk.m3u8", "junk");
    scratch.words("verify empty").fails(65, "no MPD (.mpd)");
    scratch.words("verify junk.mpd").fails(65, "junk.mpd");
    scratch.words("verify junk.m3u8").fails(65, "no playlist");
    scratch.words("verify absent.mpd").fails(74, "absent.mpd");
    scratch
        .words("verify http://localhost/x.mpd")
        .fails(2, "--url");
    scratch
        .words("verify http://localhost/x --url")
        .fails(2, "must end in .mpd");
    scratch
        .words("verify ftp://localhost/x.mpd --url")
        .fails(2, "http://");
    scratch
        .words("verify http://127.0.0.1:9/x.mpd --url")
        .fails(74, "x.mpd");
}

#[test]
fn package_checks_what_it_writes_at_every_depth() {
    let scratch = Scratch::new();
    for depth in ["quick", "sample", "full"] {
        packaged(&scratch, &["--verify", depth, "--force"]);
        scratch.words("verify out --key-file out.key").ok();
    }
}

/// Answers requests for files of a folder, well or badly, until the test ends.
fn serve(root: PathBuf, good: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let root = Arc::new(root);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, root) = (stream.unwrap(), Arc::clone(&root));
            std::thread::spawn(move || answer(stream, &root, good));
        }
    });
    address
}

/// One request a connection.
fn answer(mut stream: TcpStream, root: &Path, good: bool) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let mut words = request
        .first()
        .map(String::as_str)
        .unwrap_or_default()
        .split(' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let field = |name: &str| {
        let line = request
            .iter()
            .find(|line| line.to_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let outside = path.contains("..") || path.contains('%');
    let file = std::fs::read(root.join(path.trim_start_matches('/')))
        .ok()
        .filter(|_| !outside);
    let status = if file.is_none() { 404 } else { 200 };
    let bytes = file.unwrap_or_default();
    let range = field("range:").filter(|_| good && status == 200);
    let (status, body) = match range.and_then(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((
            first.parse::<usize>().ok()?,
            last.parse::<usize>().unwrap_or(usize::MAX),
        ))
    }) {
        Some((first, _)) if first >= bytes.len() => (416, Vec::new()),
        Some((first, last)) => {
            let last = last.min(bytes.len() - 1);
            let head = format!("content-range: bytes {first}-{last}/{}\r\n", bytes.len());
            return respond(
                &mut stream,
                206,
                &head,
                path,
                &bytes[first..=last],
                (method, good),
            );
        }
        None => (status, bytes.clone()),
    };
    let packs = field("accept-encoding:").is_some_and(|codings| codings.contains("gzip"));
    // Only the header is looked at.
    let head = if good && packs {
        "content-encoding: gzip\r\n"
    } else {
        ""
    };
    respond(&mut stream, status, head, path, &body, (method, good));
}

fn respond(
    stream: &mut TcpStream,
    status: u16,
    more: &str,
    path: &str,
    body: &[u8],
    (method, good): (&str, bool),
) {
    let kind = match path.rsplit('.').next().unwrap_or_default() {
        _ if !good => "text/plain",
        "mpd" => "application/dash+xml",
        "m3u8" => "application/vnd.apple.mpegurl",
        _ => "video/mp4",
    };
    let mut head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{more}",
        body.len()
    );
    if good {
        head += "etag: \"1\"\r\naccess-control-allow-origin: *\r\naccess-control-expose-headers: Content-Length, Content-Range\r\n";
    }
    writeln!(head, "\r").unwrap();
    // A client that has seen enough goes away: that is its right.
    let _ = stream.write_all(head.as_bytes());
    if method != "HEAD" {
        let _ = stream.write_all(body);
    }
}

#[test]
fn a_package_is_checked_where_it_is_served() {
    let scratch = Scratch::new();
    let clip = packaged(&scratch, &["--key", &key()]);
    let clip = clip.to_str().unwrap();
    let address = serve(scratch.path().join("out"), true);
    for manifest in ["stream.mpd", "master.m3u8"] {
        let url = format!("http://{address}/{manifest}");
        let run = scratch.run([
            "verify",
            &url,
            "--url",
            "--json",
            "--key",
            &key(),
            "--source",
            clip,
        ]);
        assert_eq!(run.code(), Some(0), "{}{}", run.stdout(), run.stderr());
        let found = outcomes(&run);
        assert_eq!(
            (found[&47].as_str(), found[&28].as_str()),
            ("passed", "passed")
        );
    }
    let address = serve(scratch.path().join("out"), false);
    let url = format!("http://{address}/stream.mpd");
    let run = scratch.run(["verify", &url, "--url", "--json", "--depth", "quick"]);
    assert_eq!(run.code(), Some(1), "{}{}", run.stdout(), run.stderr());
    assert_eq!(run.json()["failed"], serde_json::json!([47]));
    let url = format!("http://{address}/absent.mpd");
    scratch
        .run(["verify", &url, "--url"])
        .fails(65, "not there");
}
