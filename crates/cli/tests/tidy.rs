//! The house rules that a program can check. Each test names the rule, the file and the line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use toml::Table;

/// Which of our own crates a crate may import, tests included. A new crate is entered here first.
const IMPORTS: [(&str, &[&str]); 5] = [
    ("bmff", &[]),
    ("packager", &["bmff"]),
    ("transcode", &[]),
    ("server", &["packager", "transcode"]),
    ("reelpack", &["server", "packager", "transcode"]),
];
const MAX_FILE_LINES: usize = 799;
const MAX_FUNCTION_LINES: usize = 69;

#[test]
fn crates_import_downwards_only() {
    let allowed: BTreeMap<_, _> = IMPORTS.into_iter().collect();
    let mut faults = Vec::new();
    for (manifest, table) in manifests() {
        let name = table["package"]["name"].as_str().unwrap_or_default();
        let Some(allowed) = allowed.get(name) else {
            faults.push(format!(
                "{}: `{name}` is not in IMPORTS",
                manifest.display()
            ));
            continue;
        };
        for import in own_dependencies(&table) {
            if !allowed.contains(&import.as_str()) {
                faults.push(format!("{}: {name} imports {import}", manifest.display()));
            }
        }
    }
    none("the import graph of the house", &faults);
}

#[test]
fn no_crate_has_unsafe_code() {
    let root = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let root: Table = root.parse().unwrap();
    let lint = &root["workspace"]["lints"]["rust"]["unsafe_code"];
    assert_eq!(
        lint.as_str(),
        Some("forbid"),
        "workspace.lints.rust.unsafe_code"
    );
    let inherits = |table: &Table| {
        let lints = table.get("lints").and_then(|lints| lints.get("workspace"));
        lints.and_then(toml::Value::as_bool) == Some(true)
    };
    let faults: Vec<_> = manifests()
        .into_iter()
        .filter(|(_, table)| !inherits(table))
        .map(|(path, _)| format!("{}: without `[lints] workspace = true`", path.display()))
        .collect();
    none("lints come from the workspace", &faults);
}

#[test]
fn files_are_short() {
    let faults: Vec<_> = sources()
        .iter()
        .filter(|file| file.text.lines().count() > MAX_FILE_LINES)
        .map(|file| format!("{}: {} lines", file.name(), file.text.lines().count()))
        .collect();
    none("files stay below 800 lines", &faults);
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for file in sources().iter().filter(|file| file.is("rs")) {
        for (line, name, length) in functions(&file.text) {
            if length > MAX_FUNCTION_LINES {
                faults.push(format!("{}:{line}: {name} has {length} lines", file.name()));
            }
        }
    }
    none("functions stay below 70 lines of body", &faults);
}

#[test]
fn no_test_is_switched_off_and_nothing_is_unfinished() {
    let words = [
        concat!("#[", "ignore"),
        concat!("to", "do!("),
        concat!("unimplemented", "!("),
        concat!("db", "g!("),
    ];
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut faults = Vec::new();
    for file in sources() {
        for (number, line) in (1..).zip(file.text.lines()) {
            let code = words
                .iter()
                .find(|word| file.is("rs") && line.contains(**word));
            let note = notes.iter().find(|word| has_word(line, word));
            if let Some(word) = code.or(note) {
                faults.push(format!("{}:{number}: {word}", file.name()));
            }
        }
    }
    none("nothing is switched off or left for later", &faults);
}

#[test]
fn every_wall_takes_a_capability_away() {
    let processes: &[&str] = &["process::Command", "Command::new"];
    let impure: &[&str] = &["SystemTime", "Instant", "rand", "getrandom"];
    let outside: &[&str] = &["std::fs", "std::net", "std::thread", "std::env", "tokio"];
    let mut faults = Vec::new();
    for (room, words) in [
        ("bmff", [processes, impure].concat()),
        ("packager", [processes, impure, outside].concat()),
        ("server", processes.to_vec()),
    ] {
        let folder = Path::new("crates").join(room).join("src");
        for file in sources()
            .iter()
            .filter(|file| file.path.starts_with(&folder))
        {
            for (number, line) in (1..).zip(file.text.lines()) {
                let code = line.split("//").next().unwrap_or_default();
                if let Some(word) = words.iter().find(|word| has_word(code, word)) {
                    faults.push(format!("{}:{number}: {word}", file.name()));
                }
            }
        }
    }
    none(
        "no process outside its room, no clock and no chance in the engine",
        &faults,
    );
}

#[test]
fn lock_files_name_no_registry() {
    let mut faults = Vec::new();
    for folder in ["", "web", "e2e"] {
        let path = root().join(folder).join("package-lock.json");
        let Ok(text) = fs::read_to_string(&path) else {
            // The page and its tests have one each; a folder without npm packages has none.
            assert!(
                !path.with_file_name("package.json").exists(),
                "{} is missing",
                path.display()
            );
            continue;
        };
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim_start().starts_with("\"resolved\"") && line.contains("http") {
                faults.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
    none("lock files carry no address of a registry", &faults);
}

#[test]
fn the_checks_see_what_they_look_for() {
    assert!(has_word("use rand::Rng;", "rand"));
    assert!(!has_word("let brand = operand;", "rand"));
    assert!(has_word("std::time::Instant::now()", "Instant"));
    let text =
        "fn one() {}\n\nimpl A {\n    pub fn two(\n        a: u8,\n    ) {\n        a;\n    }\n}\n";
    let found: Vec<_> = functions(text)
        .into_iter()
        .map(|(line, _, lines)| (line, lines))
        .collect();
    assert_eq!(found, [(1, 0), (4, 1)]);
    let names: BTreeSet<_> = sources().iter().map(Source::name).collect();
    for expect in [
        "crates/cli/src/main.rs",
        "crates/cli/tests/tidy.rs",
        "crates/bmff/src/lib.rs",
    ] {
        assert!(names.contains(expect), "{expect} is not looked at");
    }
}

/// A text file of the house, by its path in it.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn is(&self, extension: &str) -> bool {
        self.path
            .extension()
            .is_some_and(|found| found == extension)
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// Fails with all faults, not only the first.
#[track_caller]
fn none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// All sources in `crates/` and `web/src/`.
fn sources() -> Vec<Source> {
    const EXTENSIONS: [&str; 7] = ["rs", "ts", "svelte", "js", "css", "html", "sql"];
    let root = root();
    let mut sources = Vec::new();
    let mut folders = vec![root.join("crates"), root.join("web/src")];
    while let Some(folder) = folders.pop() {
        // The page may be left out of a checkout; then there is nothing to look at.
        let Ok(entries) = fs::read_dir(&folder) else {
            assert!(
                folder.ends_with("web/src"),
                "{} is missing",
                folder.display()
            );
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if !matches!(&*name, "target" | "node_modules" | "dist") {
                    folders.push(path);
                }
            } else if EXTENSIONS
                .iter()
                .any(|end| path.extension().is_some_and(|e| e == *end))
            {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_owned();
                sources.push(Source { path, text });
            }
        }
    }
    sources
}

/// `Cargo.toml` of every crate.
fn manifests() -> Vec<(PathBuf, Table)> {
    let entries = fs::read_dir(root().join("crates")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path().join("Cargo.toml"));
    let parse = |path: PathBuf| {
        let table = fs::read_to_string(&path).unwrap().parse().unwrap();
        (path, table)
    };
    paths.filter(|path| path.is_file()).map(parse).collect()
}

/// Our own crates among all dependencies of a crate, under whatever name.
fn own_dependencies(table: &Table) -> BTreeSet<String> {
    let names: BTreeSet<&str> = IMPORTS.iter().map(|(name, _)| *name).collect();
    let mut tables = vec![table];
    if let Some(targets) = table.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut found = BTreeSet::new();
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in table
                .get(kind)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
            {
                let real = value
                    .get("package")
                    .and_then(toml::Value::as_str)
                    .unwrap_or(name);
                if names.contains(real) {
                    found.insert(real.to_owned());
                }
            }
        }
    }
    found
}

/// Whether `word` is in `line` with no letter, digit or `_` beside it.
fn has_word(line: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

/// First line, name and number of lines of the body of each function; rustfmt has put its closing brace under
/// the line that it begins with.
fn functions(text: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some(at) = code.find("fn ").filter(|at| is_head(&code[..*at])) else {
            continue;
        };
        let name: String = code[at + 3..]
            .chars()
            .take_while(|c| *c != '(' && *c != '<')
            .collect();
        let indent = &line[..line.len() - code.len()];
        let rest = &lines[index..];
        let ends_at_once = code.ends_with('}') || code.ends_with(';');
        let open = rest.iter().position(|line| line.ends_with('{'));
        let close = rest
            .iter()
            .position(|line| line.strip_prefix(indent) == Some("}"));
        match (open, close) {
            (Some(open), Some(close)) if !ends_at_once && open < close => {
                found.push((index + 1, name, close - open - 1));
            }
            _ => found.push((index + 1, name, 0)),
        }
    }
    found
}

/// Whether a text before `fn ` is what can stand there: nothing but keywords.
fn is_head(text: &str) -> bool {
    text.split_whitespace().all(|word| {
        matches!(
            word,
            "pub" | "const" | "async" | "pub(crate)" | "pub(super)"
        ) || word.starts_with("pub(in")
    })
}
