//! The box tree, indented or as JSON.

use crate::failure::Failure;
use crate::text;
use packager::BoxNode;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

/// Bytes of a value that stands in the line of its box.
const MAX_INLINE: usize = 80;

/// A box in JSON. Fields are a list because a box can repeat a name.
#[derive(Serialize)]
struct BoxJson<'a> {
    #[serde(rename = "type")]
    fourcc: &'a str,
    offset: u64,
    size: u64,
    fields: Vec<FieldJson<'a>>,
    children: Vec<Self>,
}

#[derive(Serialize)]
struct FieldJson<'a> {
    name: &'a str,
    value: &'a str,
}

/// Writes the tree to stdout.
///
/// # Errors
/// As [`text::print`].
pub fn print(file: &Path, tree: &[BoxNode], json: bool) -> Result<(), Failure> {
    if json {
        return text::print_json(&tree.iter().map(box_json).collect::<Vec<_>>());
    }
    if tree.is_empty() {
        text::note(&format!("{}: no box in it", file.display()));
    }
    let mut lines = String::new();
    for node in tree {
        append(node, 0, &mut lines);
    }
    text::print(lines.as_bytes())
}

fn box_json(node: &BoxNode) -> BoxJson<'_> {
    let fields = node
        .fields
        .iter()
        .map(|(name, value)| FieldJson { name, value });
    BoxJson {
        fourcc: &node.fourcc,
        offset: node.offset,
        size: node.size,
        fields: fields.collect(),
        children: node.children.iter().map(box_json).collect(),
    }
}

/// `tkhd 0x30 92 track_ID=1 …`; the engine limits how deep a tree is.
fn append(node: &BoxNode, depth: usize, lines: &mut String) {
    let indent = depth * 2;
    let fourcc = text::printable(&node.fourcc);
    // Writing to a String cannot fail.
    let _ = write!(
        lines,
        "{:indent$}{fourcc} at {:#x}, {} bytes",
        "", node.offset, node.size
    );
    // What a box says several times, or at length, has lines of its own.
    let mut times = HashMap::new();
    for (name, _) in &node.fields {
        *times.entry(name).or_insert(0) += 1;
    }
    let (listed, short): (Vec<_>, Vec<_>) = node
        .fields
        .iter()
        .partition(|(name, value)| value.len() > MAX_INLINE || times.get(name) > Some(&1));
    for (name, value) in short {
        let _ = write!(lines, ", {name}={}", one_line(value));
    }
    lines.push('\n');
    for (name, value) in listed {
        let _ = writeln!(lines, "{:indent$}  {name}: {}", "", one_line(value));
    }
    for child in &node.children {
        append(child, depth + 1, lines);
    }
}

fn one_line(value: &str) -> String {
    text::printable(value).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_long_values_have_lines_of_their_own() {
        let field = |name: &str, value: &str| (name.to_string(), value.to_string());
        let node = BoxNode {
            fourcc: "senc".into(),
            offset: 8,
            size: 99,
            fields: vec![
                field("sample", "0: iv 01"),
                field("iv_size", "8"),
                field("sample", "1: iv 02"),
            ],
            children: Vec::new(),
        };
        let mut lines = String::new();
        append(&node, 1, &mut lines);
        assert_eq!(
            lines,
            "  senc at 0x8, 99 bytes, iv_size=8\n    sample: 0: iv 01\n    sample: 1: iv 02\n"
        );
    }

    #[test]
    fn children_are_indented_and_control_characters_shown() {
        let leaf = BoxNode {
            fourcc: "\u{1}xyz".into(),
            offset: 24,
            size: 8,
            fields: vec![
                ("name".into(), "a\nb".into()),
                ("error".into(), "cut".into()),
            ],
            children: Vec::new(),
        };
        let root = BoxNode {
            fourcc: "moov".into(),
            offset: 16,
            size: 16,
            fields: Vec::new(),
            children: vec![leaf],
        };
        let mut lines = String::new();
        append(&root, 0, &mut lines);
        assert_eq!(
            lines,
            "moov at 0x10, 16 bytes\n  \\u{1}xyz at 0x18, 8 bytes, name=a\\nb, error=cut\n"
        );
    }
}
