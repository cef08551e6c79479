//! A protection system whose words are given: `pssh` boxes as bytes, or what a CPIX document says.

use super::{
    FairPlayOptions, HlsKey, MpdProtection, PlayReadyOptions, ProtectionSystem, SystemInit,
    WidevineOptions, fairplay, playready, pssh, widevine,
};
use crate::content_key::decode_hex;
use crate::{Error, KeyId, Scheme};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bmff::BoxView;
use bmff::boxes::Pssh;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// What a system says of a key, word for word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GivenSystem {
    /// Which system.
    pub system_id: [u8; 16],
    /// The key that it speaks of; `None` is every key.
    pub kid: Option<KeyId>,
    /// The whole `pssh` box.
    pub pssh: Option<Vec<u8>>,
    /// Children of `ContentProtection`: XML that declares its own namespaces.
    pub content_protection: Option<String>,
    /// Lines of media playlists; without them those of Widevine and PlayReady follow from the box.
    pub hls_media: Option<String>,
    /// Lines of the multivariant playlist.
    pub hls_master: Option<String>,
    /// The URI of a FairPlay key, when there are no lines.
    pub hls_uri: Option<String>,
}

/// How deep the elements of given XML may nest.
const MAX_XML_DEPTH: usize = 16;

impl GivenSystem {
    /// Reads one or more whole `pssh` boxes, one behind the other.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when the bytes are something else.
    pub fn from_boxes(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let refuse = |what: String| Error::InvalidOptions(format!("no pssh box: {what}"));
        let mut systems = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let view = BoxView::new(rest, 0).map_err(|error| refuse(error.to_string()))?;
            if view.kind != b"pssh" {
                return Err(refuse(format!("a box '{}' is there", view.kind)));
            }
            let pssh = Pssh::parse(&view).map_err(|error| refuse(error.to_string()))?;
            let size = usize::try_from(view.size()).unwrap_or(usize::MAX);
            let (whole, behind) = rest
                .split_at_checked(size)
                .ok_or_else(|| refuse("it is cut short".into()))?;
            systems.push(Self {
                system_id: pssh.system_id,
                pssh: Some(whole.to_vec()),
                ..Self::default()
            });
            rest = behind;
        }
        match systems.is_empty() {
            true => Err(refuse("nothing is there".into())),
            false => Ok(systems),
        }
    }

    /// Reads whole `pssh` boxes written in hex or base64.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when the text is neither, or says something else.
    pub fn from_text(text: &str) -> Result<Vec<Self>, Error> {
        let text = text.trim();
        // A box begins with a size of less than 16 MiB: with 00 in hex, with A in base64.
        let bytes = match text.starts_with("00") {
            true => decode_hex(text),
            false => STANDARD.decode(text).ok(),
        };
        let what = "no pssh box: the text is neither hex nor base64";
        Self::from_boxes(&bytes.ok_or_else(|| Error::InvalidOptions(what.into()))?)
    }

    /// A system with the data of its `pssh` box.
    pub fn from_data(system_id: [u8; 16], data: &[u8]) -> Self {
        Self {
            system_id,
            pssh: Some(pssh::data_box(&system_id, data)),
            ..Self::default()
        }
    }

    /// The system: where nothing is said but its name, and the name is known, it has the packager's words.
    pub fn into_system(self) -> ProtectionSystem {
        let is_silent = self.pssh.is_none()
            && self.content_protection.is_none()
            && self.hls_media.is_none()
            && self.hls_uri.is_none();
        match self.system_id {
            pssh::COMMON_SYSTEM => ProtectionSystem::Common,
            widevine::SYSTEM if is_silent => ProtectionSystem::Widevine(WidevineOptions::default()),
            playready::SYSTEM if is_silent => {
                ProtectionSystem::PlayReady(PlayReadyOptions::default())
            }
            fairplay::SYSTEM if is_silent => ProtectionSystem::FairPlay(FairPlayOptions::default()),
            _ => ProtectionSystem::Given(self),
        }
    }

    /// Checks what is going to be copied into manifests.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when XML is not well-formed or lines are no tags of a playlist.
    pub fn check(&self) -> Result<(), Error> {
        let system = KeyId(self.system_id).uuid();
        if let Some(boxes) = &self.pssh {
            let known = Self::from_boxes(boxes)?;
            if known.iter().any(|given| given.system_id != self.system_id) {
                let what = format!("the pssh box of system {system} names another system");
                return Err(Error::InvalidOptions(what));
            }
        }
        if let Some(xml) = &self.content_protection {
            check_xml(xml).map_err(|what| {
                Error::InvalidOptions(format!("ContentProtectionData of system {system}: {what}"))
            })?;
        }
        for (given, start) in [
            (&self.hls_media, "#EXT-X-KEY:METHOD="),
            (&self.hls_master, "#EXT-X-SESSION-KEY:METHOD="),
        ] {
            let is_key =
                |line: &String| line.starts_with(start) && !line.contains(char::is_control);
            let lines = lines(given);
            if let Some((number, _)) = (1..).zip(&lines).find(|(_, line)| !is_key(line)) {
                return Err(Error::InvalidOptions(format!(
                    "HLSSignalingData of system {system}: line {number} is no {start}…"
                )));
            }
        }
        if self
            .hls_uri
            .as_ref()
            .is_some_and(|uri| !super::fits_a_playlist(uri))
        {
            let what = format!("the HLS URI of system {system} does not fit a playlist");
            return Err(Error::InvalidOptions(what));
        }
        Ok(())
    }

    fn speaks_of(&self, kid: KeyId) -> bool {
        self.kid.is_none_or(|own| own == kid)
    }

    pub(super) fn init(&self, kids: &[KeyId]) -> Result<Option<SystemInit>, Error> {
        if !kids.iter().any(|kid| self.speaks_of(*kid)) {
            return Ok(None);
        }
        self.check()?;
        let is_common = self.system_id == pssh::COMMON_SYSTEM;
        let xml = self.content_protection.clone();
        // The given element may hold the box already.
        let has_pssh = xml.as_deref().is_some_and(|xml| has_element(xml, "pssh"));
        let has_object = xml.as_deref().is_some_and(|xml| has_element(xml, "pro"));
        let text = self.pssh.as_ref().filter(|_| !has_pssh);
        let data = self.data_of(playready::SYSTEM).filter(|_| !has_object);
        let mut mpd = MpdProtection {
            value: None,
            pssh: text.map(|pssh| STANDARD.encode(pssh)),
            playready_object: data.map(|data| STANDARD.encode(data)),
            xml,
        };
        let says_something = mpd != MpdProtection::default();
        mpd.value = match self.system_id {
            widevine::SYSTEM => Some("Widevine"),
            playready::SYSTEM => Some("MSPR 2.0"),
            _ => None,
        };
        Ok(Some(SystemInit {
            system_id: self.system_id,
            pssh: self.pssh.clone(),
            mpd: (says_something && !is_common).then_some(mpd),
        }))
    }

    pub(super) fn hls_key(&self, kid: KeyId, scheme: Scheme) -> Result<Option<HlsKey>, Error> {
        if !self.speaks_of(kid) {
            return Ok(None);
        }
        self.check()?;
        let lines = lines(&self.hls_media);
        if lines.is_empty() {
            return self.derived_hls_key(kid, scheme);
        }
        let method = scheme.hls_method().unwrap_or_default();
        let start = format!("#EXT-X-KEY:METHOD={method},");
        if lines.iter().any(|line| !line.starts_with(&start)) {
            return Err(Error::InvalidOptions(format!(
                "HLSSignalingData of system {}: {} needs METHOD={method}",
                KeyId(self.system_id).uuid(),
                scheme.fourcc()
            )));
        }
        Ok(Some(HlsKey::Lines(lines)))
    }

    /// The tag that follows from other words of a system whose form is known.
    fn derived_hls_key(&self, kid: KeyId, scheme: Scheme) -> Result<Option<HlsKey>, Error> {
        if let Some(uri) = self.hls_uri.clone() {
            return FairPlayOptions { uri }.hls_key(kid, scheme).map(Some);
        }
        if let Some(data) = self.data_of(widevine::SYSTEM) {
            return Ok(Some(widevine::hls_key(kid, &data)));
        }
        let object = self.data_of(playready::SYSTEM);
        Ok(object.map(|object| playready::hls_key(&object)))
    }

    /// The data of the box, if the system is this one.
    fn data_of(&self, system_id: [u8; 16]) -> Option<Vec<u8>> {
        let boxed = self.pssh.as_ref().filter(|_| self.system_id == system_id)?;
        let pssh = BoxView::new(boxed, 0).and_then(|view| Pssh::parse(&view));
        Some(pssh.ok()?.data)
    }

    /// Lines of the multivariant playlist, when the system speaks of one of these keys.
    pub(super) fn master_lines(&self, kids: &[KeyId]) -> Vec<String> {
        match kids.iter().any(|kid| self.speaks_of(*kid)) {
            true => lines(&self.hls_master),
            false => Vec::new(),
        }
    }
}

/// Given lines, without empty ones and line ends.
fn lines(text: &Option<String>) -> Vec<String> {
    let lines = text.as_deref().unwrap_or_default().lines();
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// Elements that are closed, and text; no declaration, no document type, no entity of its own.
fn check_xml(xml: &str) -> Result<(), String> {
    let mut reader = Reader::from_str(xml);
    let mut depth = 0_usize;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("it is not well-formed XML: {error}"))?;
        match event {
            Event::Start(start) => {
                depth += 1;
                if depth > MAX_XML_DEPTH {
                    return Err(format!("elements nest deeper than {MAX_XML_DEPTH}"));
                }
                check_attributes(&start)?;
            }
            Event::Empty(start) => check_attributes(&start)?,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) if depth == 0 && !text.trim_ascii().is_empty() => {
                return Err("text stands outside an element".into());
            }
            Event::Text(_) | Event::CData(_) if depth > 0 => {}
            Event::GeneralRef(name) if depth > 0 && is_predefined(&name) => {}
            Event::Text(_) | Event::Comment(_) => {}
            Event::Eof if depth == 0 => return Ok(()),
            Event::Eof => return Err("an element is not closed".into()),
            _ => return Err("elements, text and predefined entities alone are understood".into()),
        }
    }
}

/// Whether checked XML has an element of this name, in whatever namespace.
fn has_element(xml: &str, name: &str) -> bool {
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start))
                if start.local_name().as_ref() == name =>
            {
                return true;
            }
            Ok(Event::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// A number of a character, or one of the five names that XML itself gives.
fn is_predefined(name: &BytesRef<'_>) -> bool {
    matches!(name.resolve_char_ref(), Ok(Some(_)))
        || matches!(&**name, "amp" | "lt" | "gt" | "quot" | "apos")
}

fn check_attributes(start: &BytesStart<'_>) -> Result<(), String> {
    for attribute in start.attributes() {
        attribute.map_err(|error| format!("an attribute is not well-formed: {error}"))?;
    }
    Ok(())
}
