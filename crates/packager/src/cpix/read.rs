//! From the elements of a CPIX document to what they mean.

use super::element::{Element, Space};
use super::{AudioFilter, Cpix, CpixKey, Range, Rule, VideoFilter};
use crate::cenc::systems::fairplay;
use crate::movie::Warning;
use crate::{ContentKey, Error, GivenSystem, KeyId, Scheme, parse_key_id, parse_key_value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub(super) fn document(text: &str) -> Result<Cpix, Error> {
    let root = Element::parse(text)?;
    if root.space != Space::Cpix || root.name != "CPIX" {
        return Err(root.error("is not the CPIX element of urn:dashif:org:cpix"));
    }
    let mut cpix = Cpix {
        content_id: root.attribute("contentId").map(str::to_owned),
        ..Cpix::default()
    };
    let list = |name: &'static str, entry: &'static str| {
        let lists = root.all(name);
        lists.flat_map(move |list| list.all(entry))
    };
    if let Some(delivery) = list("DeliveryDataList", "DeliveryData").next() {
        return Err(encrypted(delivery));
    }
    for element in list("ContentKeyList", "ContentKey") {
        let key = content_key(element)?;
        if cpix.keys.iter().any(|other| other.key.kid == key.key.kid) {
            return Err(element.error("its kid is that of a key before"));
        }
        cpix.keys.push(key);
    }
    if cpix.keys.is_empty() {
        return Err(root.error("there is no ContentKey inside"));
    }
    for element in list("DRMSystemList", "DRMSystem") {
        let system = drm_system(element)?;
        known_kid(&cpix, element, system.kid)?;
        cpix.systems.push(system);
    }
    cpix.periods = periods(list("ContentKeyPeriodList", "ContentKeyPeriod"))?;
    for element in list("ContentKeyUsageRuleList", "ContentKeyUsageRule") {
        let rule = usage_rule(element, &cpix.periods)?;
        known_kid(&cpix, element, Some(rule.kid))?;
        cpix.rules.push(rule);
    }
    warn(&root, &mut cpix);
    Ok(cpix)
}

fn encrypted(element: &Element) -> Error {
    let what = "its keys are encrypted, which this version cannot open: ask the key server for a document with plain values, over a protected connection";
    Error::Unsupported(element.says(what))
}

fn known_kid(cpix: &Cpix, element: &Element, kid: Option<KeyId>) -> Result<(), Error> {
    match cpix.keys.iter().any(|key| Some(key.key.kid) == kid) {
        true => Ok(()),
        false => Err(element.error("its kid is that of no ContentKey")),
    }
}

fn kid(element: &Element) -> Result<KeyId, Error> {
    let kid = parse_key_id(element.need("kid")?);
    kid.map_err(|error| element.error(&format!("kid {error}")))
}

fn content_key(element: &Element) -> Result<CpixKey, Error> {
    let kid = kid(element)?;
    if element.attribute("dependsOnKey").is_some() {
        let what = "keys that depend on other keys (dependsOnKey) are not understood: ask the key server for leaf keys alone";
        return Err(Error::Unsupported(element.says(what)));
    }
    let scheme = match element.attribute("commonEncryptionScheme") {
        None => None,
        Some(name) => Some(scheme(name).ok_or_else(|| {
            element.error("commonEncryptionScheme is none of cenc, cens, cbc1 and cbcs")
        })?),
    };
    let secret = element.child("Data").and_then(|data| data.child("Secret"));
    let value = match secret {
        None => None,
        Some(secret) => {
            if let Some(sealed) = secret.child("EncryptedValue") {
                return Err(encrypted(sealed));
            }
            secret.child("PlainValue")
        }
    };
    let Some(value) = value else {
        let what = "there is no key in it (Data/Secret/PlainValue): it is a request, and the key server's answer is wanted";
        return Err(element.error(what));
    };
    let bytes = parse_key_value(&value.text);
    Ok(CpixKey {
        key: ContentKey {
            kid,
            value: bytes.map_err(|error| value.error(&format!("the key {error}")))?,
        },
        scheme,
    })
}

fn scheme(name: &str) -> Option<Scheme> {
    let schemes = [Scheme::Cenc, Scheme::Cens, Scheme::Cbc1, Scheme::Cbcs];
    schemes
        .into_iter()
        .find(|scheme| scheme.fourcc() == name.trim())
}

fn drm_system(element: &Element) -> Result<GivenSystem, Error> {
    let id = parse_key_id(element.need("systemId")?);
    let id = id.map_err(|error| element.error(&format!("systemId {error}")))?;
    let mut system = GivenSystem {
        system_id: id.0,
        kid: Some(kid(element)?),
        ..GivenSystem::default()
    };
    for child in &element.children {
        match (child.space, child.name.as_str()) {
            (Space::Cpix, "PSSH") => system.pssh = bytes(child)?,
            (Space::Cpix, "ContentProtectionData") => system.content_protection = text(child)?,
            (Space::Cpix, "HLSSignalingData") => match child.attribute("playlist") {
                None | Some("media") => system.hls_media = text(child)?,
                Some("master") => system.hls_master = text(child)?,
                Some(_) => return Err(child.error("playlist is neither media nor master")),
            },
            (Space::Cpix, "URIExtXKey") if system.system_id == fairplay::SYSTEM => {
                system.hls_uri = text(child)?;
            }
            // Of other forms of streaming, and extensions.
            _ => {}
        }
    }
    let checked = system.check();
    checked.map_err(|error| element.error(&error.to_string()))?;
    Ok(system)
}

/// Base64 as bytes; `None` for an empty element, which is a request.
fn bytes(element: &Element) -> Result<Option<Vec<u8>>, Error> {
    let compact: Zeroizing<String> =
        Zeroizing::new(element.text.split_whitespace().collect::<String>());
    let bytes = STANDARD.decode(compact.as_bytes());
    let bytes = bytes.map_err(|_| element.error("is no base64"))?;
    Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
}

/// Base64 of a text.
fn text(element: &Element) -> Result<Option<String>, Error> {
    let text = bytes(element)?.map(String::from_utf8);
    let text = text.transpose();
    text.map_err(|_| element.error("is no base64 of a text"))
}

/// Ids of the periods, by their index or, without one, by their start, which is a time that sorts as a text.
fn periods<'a>(elements: impl Iterator<Item = &'a Element>) -> Result<Vec<String>, Error> {
    let mut found: Vec<(Option<u64>, Option<&str>, &str)> = Vec::new();
    for element in elements {
        let id = element.need("id")?;
        if found.iter().any(|period| period.2 == id) {
            return Err(element.error("its id is that of a period before"));
        }
        found.push((element.number("index")?, element.attribute("start"), id));
    }
    found.sort_by_key(|(index, start, _)| (*index, *start));
    Ok(found.into_iter().map(|(_, _, id)| id.to_owned()).collect())
}

fn usage_rule(element: &Element, periods: &[String]) -> Result<Rule, Error> {
    let mut rule = Rule {
        kid: kid(element)?,
        place: element.place(),
        track_type: element.attribute("intendedTrackType").map(str::to_owned),
        periods: Vec::new(),
        labels: Vec::new(),
        videos: Vec::new(),
        audios: Vec::new(),
        bitrates: Vec::new(),
    };
    for child in &element.children {
        match (child.space, child.name.as_str()) {
            (Space::Cpix, "KeyPeriodFilter") => {
                let id = child.need("periodId")?;
                let index = periods.iter().position(|period| period == id);
                let what = "periodId is that of no ContentKeyPeriod";
                rule.periods.push(index.ok_or_else(|| child.error(what))?);
            }
            (Space::Cpix, "LabelFilter") => rule.labels.push(child.need("label")?.to_owned()),
            (Space::Cpix, "VideoFilter") => rule.videos.push(video_filter(child)?),
            (Space::Cpix, "AudioFilter") => rule.audios.push(AudioFilter {
                channels: range(child, "minChannels", "maxChannels")?,
            }),
            (Space::Cpix, "BitrateFilter") => {
                rule.bitrates
                    .push(range(child, "minBitrate", "maxBitrate")?);
            }
            _ => {
                let what = "this filter is not understood, so nobody knows what the key is for";
                return Err(Error::Unsupported(child.says(what)));
            }
        }
    }
    Ok(rule)
}

fn video_filter(element: &Element) -> Result<VideoFilter, Error> {
    let flag = |name: &str| match element.attribute(name).map(str::trim) {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(element.error(&format!("{name} is neither true nor false"))),
    };
    Ok(VideoFilter {
        pixels: range(element, "minPixels", "maxPixels")?,
        frame_rate: range(element, "minFps", "maxFps")?,
        hdr: flag("hdr")?,
        wide_gamut: flag("wcg")?,
    })
}

fn range(element: &Element, least: &str, most: &str) -> Result<Range, Error> {
    let (least, most) = (element.number(least)?, element.number(most)?);
    Ok(Range(least.unwrap_or(0), most.unwrap_or(u64::MAX)))
}

/// Says what is in the document and has no effect.
fn warn(root: &Element, cpix: &mut Cpix) {
    let mut warn = |what: &str| cpix.warnings.push(Warning(format!("CPIX: {what}")));
    let keys = root.all("ContentKeyList");
    let mut keys = keys.flat_map(|list| list.all("ContentKey"));
    if keys.any(|key| key.attribute("explicitIV").is_some()) {
        warn("explicitIV is not used: IVs are made anew for each packaging");
    }
    if root.children.iter().any(|child| child.name == "Signature") {
        warn("the document is signed, and the signature is not checked");
    }
}
