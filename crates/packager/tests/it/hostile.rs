//! Hostile files, made by `../shared/hostile/make_hostile.py` when it is beside the project.

use crate::conformance;
use crate::package::{Package, options};
use crate::tools::{Scratch, cpu_time, shared, source, succeed, tool};
use packager::{Error, Scheme};
use std::time::Duration;

/// One file: what it is, and what is expected of a reader.
struct Case {
    name: String,
    base: String,
    what: String,
    expect: String,
}

fn cases(index: &str) -> Vec<Case> {
    let lines = index.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        Case {
            name: fields[0].into(),
            base: fields[2].into(),
            what: fields[3].into(),
            expect: fields[5].into(),
        }
    });
    lines.collect()
}

/// Why the outcome is wrong, if it is.
fn judge(case: &Case, result: &Result<Package, Error>) -> Option<String> {
    match (case.base.as_str(), case.expect.as_str(), result) {
        ("ts" | "webm", _, Ok(_)) => Some("is no MP4 and was packaged".into()),
        ("ts" | "webm", _, Err(Error::Unsupported(_) | Error::InvalidInput(_))) => None,
        (_, "REJECT", Ok(_)) => Some("was packaged".into()),
        (_, "ACCEPT", Err(error)) => Some(format!("was refused: {error}")),
        (_, _, Err(Error::Io(error))) => Some(format!("was read beyond its end: {error}")),
        (_, _, Err(Error::InvalidOptions(text))) => Some(format!("blames the caller: {text}")),
        _ => None,
    }
}

#[test]
fn probe_plan_and_render_take_hostile_files_without_harm() {
    let Some(folder) = shared("hostile", "hostile files are") else {
        return;
    };
    let scratch = Scratch::new();
    let script = folder.join("make_hostile.py");
    let out = scratch.path("hostile");
    let arguments = [script.to_str().unwrap(), "--out", out.to_str().unwrap()];
    succeed(&tool("python3"), &arguments, None);
    let index = std::fs::read_to_string(out.join("INDEX.tsv")).expect("the index");
    let mut wrong = Vec::new();
    let cases = cases(&index);
    assert!(cases.len() > 300, "{} cases", cases.len());
    for case in &cases {
        let source = source(&out.join(&case.name));
        let started = cpu_time();
        let result = std::panic::catch_unwind(|| {
            let result = Package::make(&source, &options(Some(Scheme::Cbcs)));
            if let Ok(package) = &result {
                conformance::check(package);
                package.verify(&[&source]);
            }
            result
        });
        let complaint = match &result {
            Err(_) => Some("panicked, or its package is wrong (see above)".into()),
            Ok(result) => judge(case, result),
        };
        let late = cpu_time() - started > Duration::from_secs(5);
        let complaint = complaint.or_else(|| late.then(|| "took too long".to_string()));
        if let Some(complaint) = complaint {
            wrong.push(format!("{} ({}): {complaint}", case.name, case.what));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
