//! The table of docs/security-tests.md is true: it has every attack that is promised, and each test that it names is there.

use std::collections::BTreeMap;
use std::path::Path;

/// What is promised as tests.
fn promised() -> impl Iterator<Item = u32> {
    (1..=13).chain(18..=34).chain(36..=49).chain([52])
}

/// The rows of the table: ids, and the files and functions that each names.
fn rows(text: &str) -> BTreeMap<u32, Vec<(String, String)>> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| SEC-")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let id = cells[0].trim_start_matches("SEC-").parse().expect(line);
        let tests = cells[2].split("<br>").map(|test| {
            let (file, name) = test.trim_matches([' ', '`']).split_once("::").expect(line);
            (file.to_owned(), name.to_owned())
        });
        assert!(rows.insert(id, tests.collect()).is_none(), "{line}: twice");
    }
    rows
}

/// Whether a file below `crates/` has a test of this name.
pub fn is_test(file: &str, name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let path = root.expect("the folder of crates").join(file);
    let code = std::fs::read_to_string(path).unwrap_or_default();
    let Some(at) = code.find(&format!("fn {name}(")) else {
        return false;
    };
    // The attribute stands on one of the lines before it.
    let before: Vec<&str> = code[..at].lines().rev().take(6).collect();
    let before = before.join("\n");
    before.contains("test]") || before.contains("test(")
}

/// What is wrong with a table.
fn faults(text: &str) -> Vec<String> {
    let rows = rows(text);
    let missing = promised().filter(|id| rows.get(id).is_none_or(Vec::is_empty));
    let mut faults: Vec<String> = missing
        .map(|id| format!("SEC-{id:02} has no test"))
        .collect();
    for (id, (file, name)) in rows
        .iter()
        .flat_map(|(id, tests)| tests.iter().map(move |test| (id, test)))
    {
        if !is_test(file, name) {
            faults.push(format!("SEC-{id:02}: {file} has no test {name}"));
        }
    }
    faults
}

#[test]
fn every_attack_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace");
    let text = std::fs::read_to_string(root.join("docs/security-tests.md")).expect("the table");
    assert_eq!(faults(&text), [] as [String; 0]);
    // It sees what is not so.
    let renamed = text.replacen("sec_16_no_route_opens", "sec_16_another_name", 1);
    assert_eq!(faults(&renamed).len(), 1);
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("| SEC-36 "))
        .collect();
    assert_eq!(faults(&without.join("\n")), ["SEC-36 has no test"]);
}
