//! What `verify` says on stdout: a line a check, or JSON.

use crate::failure::Failure;
use crate::text;
use packager::{CheckResult, Level, Outcome, VerifyReport};
use serde::Serialize;
use std::fmt::Write as _;

/// `--json`.
#[derive(Serialize)]
struct Json<'a> {
    target: &'a str,
    depth: &'static str,
    /// Whether no requirement is broken.
    passed: bool,
    /// Numbers of the checks with a broken requirement.
    failed: Vec<u32>,
    /// Numbers of those with warnings alone.
    warned: Vec<u32>,
    checks: Vec<JsonCheck<'a>>,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    number: u32,
    level: &'static str,
    title: &'a str,
    /// `passed`, `failed`, `warning` or `not_checked`.
    outcome: &'static str,
    /// Why it was not made.
    reason: Option<&'a str>,
    findings: Vec<JsonFinding<'a>>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    level: &'static str,
    r#where: &'a str,
    what: &'a str,
}

/// Writes the report.
///
/// # Errors
/// As [`text::print`].
pub fn print(
    target: &str,
    depth: &'static str,
    report: &VerifyReport,
    json: bool,
) -> Result<(), Failure> {
    if json {
        let numbers = |which: fn(&CheckResult) -> bool| {
            let chosen = report.checks.iter().filter(|check| which(check));
            chosen.map(|check| check.number).collect::<Vec<_>>()
        };
        let failed = numbers(CheckResult::fails);
        return text::print_json(&Json {
            target,
            depth,
            passed: failed.is_empty(),
            failed,
            warned: numbers(CheckResult::warns),
            checks: report.checks.iter().map(json_check).collect(),
        });
    }
    text::print(text::printable(&human(target, report)).as_bytes())
}

fn json_check(check: &CheckResult) -> JsonCheck<'_> {
    let findings = match &check.outcome {
        Outcome::Failed(findings) => findings.as_slice(),
        _ => &[],
    };
    JsonCheck {
        number: check.number,
        level: word(check.level),
        title: check.title,
        outcome: outcome(check),
        reason: match &check.outcome {
            Outcome::NotChecked(reason) => Some(reason),
            _ => None,
        },
        findings: findings
            .iter()
            .map(|finding| JsonFinding {
                level: word(finding.level),
                r#where: &finding.where_,
                what: &finding.what,
            })
            .collect(),
    }
}

/// A line a check, one for each finding below it, and a summary.
fn human(target: &str, report: &VerifyReport) -> String {
    let mut lines = String::new();
    let mut counts = [0_u32; 4];
    // Writing to a String cannot fail.
    for check in &report.checks {
        let outcome = outcome(check);
        let place = match outcome {
            "passed" => 0,
            "failed" => 1,
            "warning" => 2,
            _ => 3,
        };
        counts[place] += 1;
        let _ = write!(
            lines,
            "{:>2} {:<6} {:<12} {}",
            check.number,
            word(check.level),
            outcome.replace('_', " "),
            check.title
        );
        match &check.outcome {
            Outcome::NotChecked(reason) => {
                let _ = writeln!(lines, " ({reason})");
            }
            Outcome::Passed => lines.push('\n'),
            Outcome::Failed(findings) => {
                lines.push('\n');
                for finding in findings {
                    let level = word(finding.level);
                    let _ = writeln!(lines, "     {level} {}: {}", finding.where_, finding.what);
                }
            }
        }
    }
    let [passed, failed, warned, left] = counts;
    let _ = writeln!(
        lines,
        "{target}: {passed} passed, {failed} failed, {warned} with warnings, {left} not checked"
    );
    lines
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Must => "MUST",
        Level::Should => "SHOULD",
    }
}

fn outcome(check: &CheckResult) -> &'static str {
    match &check.outcome {
        Outcome::Passed => "passed",
        Outcome::NotChecked(_) => "not_checked",
        Outcome::Failed(_) if check.fails() => "failed",
        Outcome::Failed(_) => "warning",
    }
}
