//! An XML document as a tree, with names of known namespaces in one spelling.

use quick_xml::NsReader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use std::sync::Arc;

/// How deep elements may nest.
const MAX_DEPTH: usize = 32;
/// How many elements a document may have.
const MAX_ELEMENTS: usize = 500_000;

/// One element.
#[derive(Debug, Default, Clone)]
pub(super) struct Element {
    /// Local name in the MPD's namespace; in others behind a prefix: `cenc:pssh`.
    pub name: String,
    /// Without declarations of namespaces.
    pub attributes: Vec<(String, String)>,
    /// The elements inside.
    pub children: Vec<Arc<Element>>,
    /// All text directly inside.
    pub text: String,
}

impl Element {
    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// An attribute as a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.trim().parse().ok()
    }

    /// The children of one name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        let children = self.children.iter().map(|child| &**child);
        children.filter(move |child| child.name == name)
    }

    /// The first child of a name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        let mut children = self.children.iter().map(|child| &**child);
        children.find(|child| child.name == name)
    }
}

/// Reads a document.
///
/// # Errors
/// Says what is wrong and where, in bytes.
pub(super) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut count = 0;
    loop {
        let at = reader.buffer_position();
        let failed = |error: &dyn std::fmt::Display| format!("byte {at}: {error}");
        match reader.read_event().map_err(|error| failed(&error))? {
            Event::Start(start) => {
                count += 1;
                if open.len() >= MAX_DEPTH || count > MAX_ELEMENTS || root.is_some() {
                    return Err(failed(&"too many or too deep elements"));
                }
                open.push(element(&reader, &start).map_err(|error| failed(&error))?);
            }
            Event::Empty(start) => {
                count += 1;
                if count > MAX_ELEMENTS || root.is_some() {
                    return Err(failed(&"too many elements"));
                }
                let element = element(&reader, &start).map_err(|error| failed(&error))?;
                close(element, &mut open, &mut root);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root);
                }
            }
            Event::Text(text) => add_text(&mut open, &text.xml10_content()),
            Event::CData(text) => add_text(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let escaped = format!("&{};", &*reference);
                let text = quick_xml::escape::unescape(&escaped).map_err(|error| failed(&error))?;
                add_text(&mut open, &text);
            }
            Event::DocType(_) => return Err(failed(&"a document type is not allowed in an MPD")),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    match (root, open.last()) {
        (Some(root), None) => Ok(root),
        (_, Some(element)) => Err(format!("'{}' is not closed", element.name)),
        (None, None) => Err("there is no element".into()),
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(Arc::new(element)),
        None => *root = Some(element),
    }
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, String> {
    let (namespace, local) = reader.resolver().resolve_element(start.name());
    let mut element = Element {
        name: name(&namespace, local.as_ref())?,
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        let name = match namespace {
            ResolveResult::Unbound => local.as_ref().to_string(),
            _ => name(&namespace, local.as_ref())?,
        };
        element.attributes.push((name, value.into_owned()));
    }
    Ok(element)
}

/// The name of an element or attribute, with the prefix by which its namespace is known here.
fn name(namespace: &ResolveResult<'_>, local: &str) -> Result<String, String> {
    let uri = match namespace {
        ResolveResult::Bound(namespace) => namespace.0,
        ResolveResult::Unbound => "",
        ResolveResult::Unknown(prefix) => {
            return Err(format!("the prefix '{prefix}' is not declared"));
        }
    };
    Ok(match uri {
        "urn:mpeg:dash:schema:mpd:2011" => local.to_string(),
        "urn:mpeg:cenc:2013" => format!("cenc:{local}"),
        "https://dashif.org/CPS" | "http://dashif.org/guidelines/ContentProtection" => {
            format!("dashif:{local}")
        }
        "http://dashif.org/guidelines/clearKey" => format!("ck:{local}"),
        "urn:microsoft:playready" => format!("mspr:{local}"),
        "http://www.w3.org/1999/xlink" => format!("xlink:{local}"),
        "http://www.w3.org/2001/XMLSchema-instance" => format!("xsi:{local}"),
        other => format!("{{{other}}}{local}"),
    })
}
