//! What a set is for (ISO/IEC 23009-1, 5.8.4.2 and 5.8.5.5), and sets of cues in files.

use super::{Xml, element, empty, language};
use crate::presentation::{Presentation, RenditionFacts, SetFacts};
use crate::{Role, TrackKind};
use quick_xml::events::{BytesText, Event};
use std::io;

/// Writes the role of a set, and for whom it is made where that is told.
pub(super) fn write(
    xml: &mut Xml,
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> io::Result<()> {
    // Values of the DVB scheme: 1 for people who do not see, 2 for those who do not hear.
    let audience = match rendition.role {
        Some(Role::Description) => Some("1"),
        Some(Role::Caption) => Some("2"),
        _ => None,
    };
    if let Some(audience) = audience {
        let scheme = "urn:tva:metadata:cs:AudioPurposeCS:2007";
        let attributes = [("schemeIdUri", scheme), ("value", audience)];
        empty(xml, "Accessibility", &attributes)?;
    }
    let role = match (rendition.role, rendition.kind) {
        (Some(role), _) => role.dash(),
        (None, TrackKind::Text) => Role::Subtitle.dash(),
        (None, _) => main_or_alternate(presentation, rendition),
    };
    let attributes = [("schemeIdUri", "urn:mpeg:dash:role:2011"), ("value", role)];
    empty(xml, "Role", &attributes)
}

/// The first picture and the first sound are the main ones.
fn main_or_alternate(
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> &'static str {
    let main = presentation.of_kind(rendition.kind).next();
    match main.and_then(SetFacts::first) {
        Some(first) if first.name == rendition.name => "main",
        _ => "alternate",
    }
}

/// A set of one list of cues: one file for the whole length. All players take that, and not all take segments of
/// WebVTT.
pub(super) fn write_cues(
    xml: &mut Xml,
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
    id: &str,
    bandwidth: u64,
) -> io::Result<()> {
    let mut attributes = vec![
        ("id", id),
        ("contentType", "text"),
        ("mimeType", "text/vtt"),
    ];
    if let Some(tag) = language::tag(rendition.language) {
        attributes.push(("lang", tag));
    }
    element(xml, "AdaptationSet", &attributes, |xml| {
        write(xml, presentation, rendition)?;
        let bandwidth = super::bandwidth(bandwidth);
        let attributes = [("id", rendition.name), ("bandwidth", &bandwidth)];
        element(xml, "Representation", &attributes, |xml| {
            element(xml, "BaseURL", &[], |xml| {
                let path = rendition.path(0);
                xml.write_event(Event::Text(BytesText::new(&path)))
            })
        })
    })
}
