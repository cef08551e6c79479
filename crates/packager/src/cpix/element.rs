//! An XML document as elements that know where they stand.

use crate::Error;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{NsReader, XmlVersion};
use zeroize::Zeroizing;

/// An element with its attributes, text and children.
pub(super) struct Element {
    /// The namespace that it is in.
    pub space: Space,
    /// Its name without a prefix.
    pub name: String,
    /// Its own text, which may be a key.
    pub text: Zeroizing<String>,
    pub children: Vec<Element>,
    attributes: Vec<(String, String)>,
    /// Line and column of its tag, from 1.
    place: (usize, usize),
}

/// The namespaces of a CPIX document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Cpix,
    /// Portable Symmetric Key Container (RFC 6030).
    Pskc,
    Other,
}

/// `xmlns` of CPIX.
pub(super) const CPIX: &str = "urn:dashif:org:cpix";
/// `xmlns` of PSKC.
pub(super) const PSKC: &str = "urn:ietf:params:xml:ns:keyprov:pskc";

/// How large a document may be, in bytes.
const MAX_DOCUMENT: usize = 4 << 20;
/// How deep elements may nest.
const MAX_DEPTH: usize = 32;
/// How many elements a document may have.
const MAX_ELEMENTS: usize = 100_000;

impl Element {
    /// Reads a document; gives its root.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says line and column; [`Error::LimitExceeded`] names the limit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_DOCUMENT {
            let what = format!("the CPIX document has more than {MAX_DOCUMENT} bytes");
            return Err(Error::LimitExceeded(what));
        }
        let mut builder = Builder {
            text,
            counted: (0, 1, 0),
            open: Vec::new(),
            root: None,
            elements: 0,
        };
        let mut reader = NsReader::from_str(text);
        loop {
            let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let (space, event) = match reader.read_resolved_event() {
                Ok((space, event)) => (Space::of(&space), event),
                Err(error) => {
                    let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
                    return Err(broken(builder.place(at), &no_xml(&error)));
                }
            };
            let place = builder.place(at);
            match event {
                Event::Eof => return builder.finish(place),
                event => builder.take(space, event, place)?,
            }
        }
    }

    /// An attribute that must be there.
    pub fn need(&self, name: &str) -> Result<&str, Error> {
        let value = self.attribute(name);
        value.ok_or_else(|| self.error(&format!("the attribute {name} is missing")))
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A number in an attribute.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        let Some(text) = self.attribute(name) else {
            return Ok(None);
        };
        let number = text.trim().parse::<u64>();
        number
            .map(Some)
            .map_err(|_| self.error(&format!("{name} is no number")))
    }

    /// Children of a name in the namespace of CPIX.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        let children = self.children.iter();
        children.filter(move |child| child.space == Space::Cpix && child.name == name)
    }

    /// The first child of a name, in whichever namespace of a CPIX document.
    pub fn child(&self, name: &str) -> Option<&Element> {
        let mut children = self.children.iter();
        children.find(|child| child.space != Space::Other && child.name == name)
    }

    /// `line 3, column 5: ContentKey: …`; never with the element's text, which may be a key.
    pub fn error(&self, what: &str) -> Error {
        Error::InvalidInput(self.says(what))
    }

    /// The text of [`Element::error`].
    pub fn says(&self, what: &str) -> String {
        format!("{}: {what}", self.place())
    }

    /// `line 3, column 5: ContentKey`.
    pub fn place(&self) -> String {
        let (line, column) = self.place;
        format!("line {line}, column {column}: {}", self.name)
    }
}

impl Space {
    fn of(space: &ResolveResult<'_>) -> Self {
        match space {
            ResolveResult::Bound(Namespace(name)) if *name == CPIX => Self::Cpix,
            ResolveResult::Bound(Namespace(name)) if *name == PSKC => Self::Pskc,
            _ => Self::Other,
        }
    }
}

struct Builder<'a> {
    text: &'a str,
    /// A position up to which lines are counted, its line, and where that line begins.
    counted: (usize, usize, usize),
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Builder<'_> {
    /// Line and column of a position; positions are asked for in order.
    fn place(&mut self, at: usize) -> (usize, usize) {
        let (from, line, start) = self.counted;
        let part = self.text.as_bytes().get(from..at).unwrap_or_default();
        let lines = part.iter().filter(|byte| **byte == b'\n').count();
        let last = part.iter().rposition(|byte| *byte == b'\n');
        let start = last.map_or(start, |last| from + last + 1);
        self.counted = (at.max(from), line + lines, start);
        (line + lines, at.saturating_sub(start) + 1)
    }

    fn take(&mut self, space: Space, event: Event<'_>, place: (usize, usize)) -> Result<(), Error> {
        match event {
            Event::Start(start) => self.start(space, &start, place)?,
            Event::Empty(start) => {
                self.start(space, &start, place)?;
                self.end(place)?;
            }
            Event::End(_) => self.end(place)?,
            Event::Text(text) => self.text(&text.xml10_content(), place)?,
            Event::CData(text) => self.text(&text.xml10_content(), place)?,
            Event::GeneralRef(name) => {
                let character = resolve(&name)
                    .ok_or_else(|| broken(place, "an entity that XML itself does not define"))?;
                self.text(character.encode_utf8(&mut [0; 4]), place)?;
            }
            Event::DocType(_) => return Err(broken(place, "a document type is not understood")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn start(
        &mut self,
        space: Space,
        start: &BytesStart<'_>,
        place: (usize, usize),
    ) -> Result<(), Error> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS || self.open.len() >= MAX_DEPTH {
            return Err(Error::LimitExceeded(format!(
                "the CPIX document has more than {MAX_ELEMENTS} elements, or they nest deeper than {MAX_DEPTH}"
            )));
        }
        if self.root.is_some() {
            return Err(broken(place, "a second element behind the document's own"));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| broken(place, "a broken attribute"))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|_| broken(place, "a broken value of an attribute"))?;
            let name = attribute.key.as_ref().to_string();
            attributes.push((name, value.into_owned()));
        }
        self.open.push(Element {
            space,
            name: start.local_name().as_ref().to_string(),
            text: Zeroizing::default(),
            children: Vec::new(),
            attributes,
            place,
        });
        Ok(())
    }

    fn end(&mut self, place: (usize, usize)) -> Result<(), Error> {
        let element = self.open.pop();
        let element = element.ok_or_else(|| broken(place, "an end without its start"))?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, place: (usize, usize)) -> Result<(), Error> {
        match self.open.last_mut() {
            Some(element) => {
                let wanted = element.text.len() + text.len();
                if wanted > element.text.capacity() {
                    // A buffer that grows by itself leaves its old bytes behind, which may be those of a key.
                    let capacity = wanted.max(2 * element.text.capacity());
                    let mut longer = Zeroizing::new(String::with_capacity(capacity));
                    longer.push_str(&element.text);
                    element.text = longer;
                }
                element.text.push_str(text);
                Ok(())
            }
            None if text.trim().is_empty() => Ok(()),
            None => Err(broken(place, "text outside an element")),
        }
    }

    fn finish(self, place: (usize, usize)) -> Result<Element, Error> {
        match (self.open.last(), self.root) {
            (Some(open), _) => Err(open.error("is not closed")),
            (None, Some(root)) => Ok(root),
            (None, None) => Err(broken(place, "no element")),
        }
    }
}

/// What is wrong, without a word of the document: what stands in the place of a name may be a key.
fn no_xml(error: &quick_xml::Error) -> String {
    match error {
        quick_xml::Error::Syntax(error) => format!("no XML: {error}"),
        quick_xml::Error::IllFormed(_) => "no XML: a tag is not closed, or closes another".into(),
        _ => "no XML".into(),
    }
}

fn broken((line, column): (usize, usize), what: &str) -> Error {
    Error::InvalidInput(format!("line {line}, column {column}: {what}"))
}

/// A number of a character, or one of the five names that XML itself gives.
fn resolve(name: &BytesRef<'_>) -> Option<char> {
    match (name.resolve_char_ref(), &**name) {
        (Ok(Some(character)), _) => Some(character),
        (Ok(None), "amp") => Some('&'),
        (Ok(None), "lt") => Some('<'),
        (Ok(None), "gt") => Some('>'),
        (Ok(None), "quot") => Some('"'),
        (Ok(None), "apos") => Some('\''),
        _ => None,
    }
}
