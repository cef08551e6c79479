//! Gathers findings by check.

use super::table;
use super::{CheckResult, Finding, Level, Outcome, VerifyReport};
use std::collections::BTreeMap;

/// How many findings of one check are kept; the others are counted.
const MAX_FINDINGS: usize = 20;

#[derive(Default)]
struct Entry {
    performed: bool,
    findings: Vec<Finding>,
    more: u64,
    reason: Option<String>,
    /// Whether a part of the package was left out.
    incomplete: bool,
}

/// What is known of each check so far.
#[derive(Default)]
pub(super) struct Book {
    entries: BTreeMap<u32, Entry>,
}

impl Book {
    /// Notes that a check was made.
    pub fn performed(&mut self, number: u32) {
        self.entries.entry(number).or_default().performed = true;
    }

    /// Makes a check: when `right` is false, it has a finding.
    pub fn ensure(
        &mut self,
        number: u32,
        right: bool,
        place: &dyn std::fmt::Display,
        what: impl FnOnce() -> String,
    ) {
        self.performed(number);
        if !right {
            self.must(number, place, what());
        }
    }

    /// As [`Book::ensure`], and a finding is a warning.
    pub fn advise(
        &mut self,
        number: u32,
        right: bool,
        place: &dyn std::fmt::Display,
        what: impl FnOnce() -> String,
    ) {
        self.performed(number);
        if !right {
            self.add(number, Level::Should, place, what());
        }
    }

    /// Something is wrong.
    pub fn must(&mut self, number: u32, place: &dyn std::fmt::Display, what: impl Into<String>) {
        // A check whose headline is a recommendation fails no package.
        self.add(number, table::check(number).0, place, what);
    }

    /// Something is not as it should be.
    pub fn add(
        &mut self,
        number: u32,
        level: Level,
        place: &dyn std::fmt::Display,
        what: impl Into<String>,
    ) {
        let entry = self.entries.entry(number).or_default();
        entry.performed = true;
        let finding = Finding {
            level,
            where_: place.to_string(),
            what: what.into(),
        };
        // DASH and HLS often show the same fault.
        if entry.findings.contains(&finding) {
            return;
        }
        if entry.findings.len() < MAX_FINDINGS {
            return entry.findings.push(finding);
        }
        entry.more += 1;
        // A failure behind many warnings is not lost.
        let is_worst = level == Level::Must
            && entry
                .findings
                .iter()
                .all(|found| found.level != Level::Must);
        if let (true, Some(last)) = (is_worst, entry.findings.last_mut()) {
            *last = finding;
        }
    }

    /// Why a check is not made, as long as nothing makes it.
    pub fn not_checked(&mut self, number: u32, reason: impl Into<String>) {
        let entry = self.entries.entry(number).or_default();
        if entry.reason.is_none() {
            entry.reason = Some(reason.into());
        }
    }

    /// Why a check is made on a part of the package only: then it is not passed, though nothing was found.
    pub fn incomplete(&mut self, number: u32, reason: impl Into<String>) {
        self.not_checked(number, reason);
        self.entries.entry(number).or_default().incomplete = true;
    }

    /// The report over all checks.
    pub fn finish(mut self) -> VerifyReport {
        let checks = (1..=table::COUNT).map(|number| {
            let (level, title) = table::check(number);
            let entry = self.entries.remove(&number).unwrap_or_default();
            CheckResult {
                number,
                level,
                title,
                outcome: entry.outcome(number),
            }
        });
        VerifyReport {
            checks: checks.collect(),
        }
    }
}

impl Entry {
    fn outcome(mut self, number: u32) -> Outcome {
        if self.more > 0 {
            self.findings.push(Finding {
                level: Level::Should,
                where_: "the package".into(),
                what: format!("and {} more of this kind", self.more),
            });
        }
        match (self.findings.is_empty(), self.performed && !self.incomplete) {
            (false, _) => Outcome::Failed(self.findings),
            (true, true) => Outcome::Passed,
            (true, false) => {
                let reason = self.reason.unwrap_or(table::default_reason(number).into());
                Outcome::NotChecked(reason)
            }
        }
    }
}
