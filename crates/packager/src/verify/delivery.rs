//! Check 47: how files are served.

use super::{Finding, Level, Outcome, VerifyReport};

/// What a server answered about one file.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// Path in the package.
    pub path: String,
    /// `Content-Type` of a GET.
    pub content_type: Option<String>,
    /// Status of a HEAD.
    pub head_status: u16,
    /// Whether HEAD and GET name the same length.
    pub head_agrees: bool,
    /// Status of a GET of the first two bytes, and how many came.
    pub range: (u16, u64),
    /// Status of a GET of bytes behind the end.
    pub range_behind: u16,
    /// Whether there is an `ETag`.
    pub etag: bool,
    /// `Access-Control-Allow-Origin` for a request with an origin.
    pub allow_origin: Option<String>,
    /// `Access-Control-Expose-Headers`, in lower case.
    pub exposed: Vec<String>,
    /// Whether a text comes compressed when the client offers that; `None` when it was not tried.
    pub compressed: Option<bool>,
}

/// What a server answered.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// One of each kind of file.
    pub files: Vec<Served>,
    /// Paths that lead out of the package, and the status of each.
    pub traversal: Vec<(String, u16)>,
}

/// The number of this check.
const DELIVERY: u32 = 47;

impl VerifyReport {
    /// Puts check 47 into a report.
    pub fn add_delivery(&mut self, delivery: &Delivery) {
        let mut findings = Vec::new();
        for file in &delivery.files {
            check_file(file, &mut findings);
        }
        for (path, status) in &delivery.traversal {
            if (200..300).contains(status) {
                add(
                    &mut findings,
                    Level::Must,
                    path,
                    format!("a path out of the package is answered with {status}"),
                );
            }
        }
        let found = self
            .checks
            .iter_mut()
            .find(|check| check.number == DELIVERY);
        if let Some(check) = found {
            check.outcome = match (delivery.files.is_empty(), findings.is_empty()) {
                (true, _) => Outcome::NotChecked("no file was served".into()),
                (false, true) => Outcome::Passed,
                (false, false) => Outcome::Failed(findings),
            };
        }
    }
}

fn add(findings: &mut Vec<Finding>, level: Level, path: &str, what: String) {
    findings.push(Finding {
        level,
        where_: path.to_string(),
        what,
    });
}

fn check_file(file: &Served, findings: &mut Vec<Finding>) {
    let mut ensure = |right: bool, level: Level, what: &dyn Fn() -> String| {
        if !right {
            add(findings, level, &file.path, what());
        }
    };
    let due = media_types(&file.path);
    let found = file.content_type.as_deref().unwrap_or_default();
    let plain = found
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let right = due.is_empty() || due.contains(&plain.as_str());
    ensure(right, Level::Must, &|| {
        format!("Content-Type is '{found}', {} is due", due.join(" or "))
    });
    ensure(file.head_status == 200, Level::Must, &|| {
        format!("HEAD is answered with {}", file.head_status)
    });
    ensure(file.head_agrees, Level::Must, &|| {
        "HEAD names another length than GET".into()
    });
    let is_text = file.compressed.is_some();
    let (status, bytes) = file.range;
    let level = if is_text { Level::Should } else { Level::Must };
    ensure(status == 206 && bytes == 2, level, &|| {
        format!("a range of 2 bytes is answered with {status} and {bytes} bytes")
    });
    let behind = file.range_behind;
    ensure(behind == 416, level, &|| {
        format!("a range behind the end is answered with {behind}")
    });
    ensure(file.etag, level, &|| "no ETag".into());
    let origin = file.allow_origin.as_deref();
    ensure(origin.is_some(), Level::Must, &|| {
        "no Access-Control-Allow-Origin".into()
    });
    for header in ["content-length", "content-range"] {
        let exposed = file
            .exposed
            .iter()
            .any(|name| name == header || name == "*");
        ensure(exposed || is_text, Level::Must, &|| {
            format!("'{header}' is not among Access-Control-Expose-Headers")
        });
    }
    ensure(file.compressed != Some(false), Level::Should, &|| {
        "a text is not compressed".into()
    });
}

/// The media types that a file may have.
fn media_types(path: &str) -> &'static [&'static str] {
    let end = path.rsplit_once('.').map_or("", |(_, end)| end);
    match end.to_ascii_lowercase().as_str() {
        "mpd" => &["application/dash+xml"],
        "m3u8" => &[
            "application/vnd.apple.mpegurl",
            "audio/mpegurl",
            "application/x-mpegurl",
        ],
        "mp4" | "m4s" | "cmfv" | "cmfa" | "cmft" => &[
            "video/mp4",
            "audio/mp4",
            "application/mp4",
            "video/iso.segment",
        ],
        "m4v" => &["video/mp4"],
        "m4a" => &["audio/mp4"],
        "vtt" => &["text/vtt"],
        "webp" => &["image/webp"],
        "jpg" | "jpeg" => &["image/jpeg"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::book::Book;

    fn good() -> Served {
        Served {
            path: "video/1.m4s".into(),
            content_type: Some("video/mp4".into()),
            head_status: 200,
            head_agrees: true,
            range: (206, 2),
            range_behind: 416,
            etag: true,
            allow_origin: Some("*".into()),
            exposed: vec!["content-length".into(), "content-range".into()],
            compressed: None,
        }
    }

    fn findings(delivery: &Delivery) -> Vec<String> {
        let mut report = Book::default().finish();
        report.add_delivery(delivery);
        match &report.checks[46].outcome {
            Outcome::Failed(findings) => findings
                .iter()
                .map(|finding| finding.what.clone())
                .collect(),
            Outcome::Passed => Vec::new(),
            Outcome::NotChecked(reason) => vec![reason.clone()],
        }
    }

    #[test]
    fn each_fault_of_a_server_is_found() {
        let one = |change: fn(&mut Served)| {
            let mut file = good();
            change(&mut file);
            findings(&Delivery {
                files: vec![file],
                traversal: vec![("../x".into(), 404)],
            })
        };
        assert_eq!(one(|_| {}), Vec::<String>::new());
        for (change, expect) in [
            (
                (|file| file.content_type = Some("text/plain".into())) as fn(&mut Served),
                "Content-Type",
            ),
            (|file| file.head_status = 405, "HEAD"),
            (|file| file.head_agrees = false, "another length"),
            (|file| file.range = (200, 900), "range of 2 bytes"),
            (|file| file.range_behind = 200, "behind the end"),
            (|file| file.etag = false, "ETag"),
            (|file| file.allow_origin = None, "Allow-Origin"),
            (|file| file.exposed.clear(), "content-range"),
            (|file| file.compressed = Some(false), "not compressed"),
        ] {
            let found = one(change);
            assert!(
                found.iter().any(|what| what.contains(expect)),
                "{expect}: {found:?}"
            );
        }
        let out = Delivery {
            files: vec![good()],
            traversal: vec![("%2e%2e/x".into(), 200)],
        };
        assert!(findings(&out)[0].contains("out of the package"));
        assert_eq!(findings(&Delivery::default()), ["no file was served"]);
    }
}
