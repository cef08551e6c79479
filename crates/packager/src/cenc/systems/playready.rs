//! Microsoft PlayReady: a PlayReady Object with a header of XML in UTF-16.
//!
//! Facts are those of the PlayReady Header Specification: GUIDs have their first three fields in little-endian
//! order, attributes stand in the order of the alphabet, every element has its closing tag.

use super::HlsKey;
use crate::cenc::cipher::Cipher;
use crate::{ContentKey, Error, KeyId, Scheme};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use std::io;

/// 9a04f079-9840-4286-ab92-e65be0885f95.
pub(crate) const SYSTEM: [u8; 16] = 0x9a04f079_9840_4286_ab92_e65be0885f95_u128.to_be_bytes();

const NAMESPACE: &str = "http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader";

/// Clients take no larger object.
const MAX_OBJECT_BYTES: usize = 15 * 1024;

/// The record of a PlayReady Object that holds the header.
const HEADER_RECORD: u16 = 1;

/// What a PlayReady licence server and old clients want.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlayReadyOptions {
    /// Version of the header; `None` takes the oldest that can say it.
    pub version: Option<PlayReadyVersion>,
    /// LA_URL: where clients ask for a licence.
    pub license_url: Option<String>,
}

/// Version of the PlayReady header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayReadyVersion {
    /// 4.0.0.0: one key, AES-CTR.
    V40,
    /// 4.3.0.0: several keys, AES-CTR or AES-CBC.
    V43,
}

type Xml = Writer<Vec<u8>>;

/// The PlayReady Object: its length, the number of its records, and the one record with the header.
///
/// # Errors
/// [`Error::InvalidOptions`] when the version cannot name these keys under this scheme.
pub(crate) fn object(
    options: &PlayReadyOptions,
    keys: &[ContentKey],
    scheme: Scheme,
) -> Result<Vec<u8>, Error> {
    let header: Vec<u8> = header(options, keys, scheme)?
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let length = 10 + header.len();
    let fits = u16::try_from(header.len()).ok();
    let (Some(header_length), true) = (fits, length <= MAX_OBJECT_BYTES) else {
        return Err(Error::InvalidOptions(format!(
            "the PlayReady header of {} keys has {length} bytes, more than {MAX_OBJECT_BYTES}",
            keys.len()
        )));
    };
    let mut object = Vec::with_capacity(length);
    object.extend_from_slice(&(length as u32).to_le_bytes());
    object.extend_from_slice(&1_u16.to_le_bytes());
    object.extend_from_slice(&HEADER_RECORD.to_le_bytes());
    object.extend_from_slice(&header_length.to_le_bytes());
    object.extend_from_slice(&header);
    Ok(object)
}

/// The header of a PlayReady Object, as text; `None` when there is none or it is broken.
pub(crate) fn read_header(object: &[u8]) -> Option<String> {
    let number = |at: usize| {
        let bytes = object.get(at..at + 2)?;
        Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
    };
    let mut at = 6;
    for _ in 0..number(4)? {
        let (kind, length) = (number(at)?, number(at + 2)?);
        let value = object.get(at + 4..at + 4 + length)?;
        if kind == usize::from(HEADER_RECORD) {
            let (pairs, _) = value.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
            return String::from_utf16(&units).ok();
        }
        at += 4 + length;
    }
    None
}

/// The playlist's tag: the PlayReady Object as a data URI.
pub(crate) fn hls_key(object: &[u8]) -> HlsKey {
    let data = STANDARD.encode(object);
    HlsKey::Tag {
        key_format: "com.microsoft.playready",
        versions: "1",
        uri: format!("data:text/plain;charset=UTF-16;base64,{data}"),
        key_id: None,
    }
}

fn header(
    options: &PlayReadyOptions,
    keys: &[ContentKey],
    scheme: Scheme,
) -> Result<String, Error> {
    let oldest = match keys {
        [_] if scheme.is_counter_mode() => PlayReadyVersion::V40,
        _ => PlayReadyVersion::V43,
    };
    let version = options.version.unwrap_or(oldest);
    let refuse = |what: &str| {
        let what = format!("a PlayReady header of version 4.0 {what}: use version 4.3");
        Err(Error::InvalidOptions(what))
    };
    let mut xml = Writer::new(Vec::new());
    match (version, keys) {
        (PlayReadyVersion::V40, _) if !scheme.is_counter_mode() => {
            return refuse(&format!("cannot say {}", scheme.fourcc()));
        }
        (PlayReadyVersion::V40, [key]) => write_v40(&mut xml, options, key)?,
        (PlayReadyVersion::V40, _) => return refuse(&format!("cannot name {} keys", keys.len())),
        (PlayReadyVersion::V43, _) => write_v43(&mut xml, options, keys, scheme)?,
    }
    String::from_utf8(xml.into_inner()).map_err(|error| Error::Io(io::Error::other(error)))
}

fn write_v40(xml: &mut Xml, options: &PlayReadyOptions, key: &ContentKey) -> io::Result<()> {
    document(xml, "4.0.0.0", |xml| {
        element(xml, "PROTECTINFO", &[], |xml| {
            text(xml, "KEYLEN", "16")?;
            text(xml, "ALGID", "AESCTR")
        })?;
        text(xml, "KID", &STANDARD.encode(guid(key.kid)))?;
        text(xml, "CHECKSUM", &checksum(key))?;
        write_license_url(xml, options)
    })
}

fn write_v43(
    xml: &mut Xml,
    options: &PlayReadyOptions,
    keys: &[ContentKey],
    scheme: Scheme,
) -> io::Result<()> {
    document(xml, "4.3.0.0", |xml| {
        element(xml, "PROTECTINFO", &[], |xml| {
            element(xml, "KIDS", &[], |xml| {
                for key in keys {
                    let kid = STANDARD.encode(guid(key.kid));
                    let checksum = checksum(key);
                    // Checksums are of keys of AES-CTR.
                    let attributes = match scheme.is_counter_mode() {
                        false => vec![("ALGID", "AESCBC"), ("VALUE", &*kid)],
                        true => vec![
                            ("ALGID", "AESCTR"),
                            ("CHECKSUM", &*checksum),
                            ("VALUE", &*kid),
                        ],
                    };
                    element(xml, "KID", &attributes, |_| Ok(()))?;
                }
                Ok(())
            })
        })?;
        write_license_url(xml, options)
    })
}

fn document(
    xml: &mut Xml,
    version: &str,
    body: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let attributes = [("xmlns", NAMESPACE), ("version", version)];
    element(xml, "WRMHEADER", &attributes, |xml| {
        element(xml, "DATA", &[], body)
    })
}

fn write_license_url(xml: &mut Xml, options: &PlayReadyOptions) -> io::Result<()> {
    match &options.license_url {
        Some(url) => text(xml, "LA_URL", url),
        None => Ok(()),
    }
}

fn element(
    xml: &mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
    body: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
    xml.write_event(Event::Start(start))?;
    body(xml)?;
    xml.write_event(Event::End(BytesEnd::new(name)))
}

fn text(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    element(xml, name, &[], |xml| {
        xml.write_event(Event::Text(BytesText::new(text)))
    })
}

/// A KID as PlayReady orders its bytes.
fn guid(kid: KeyId) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = kid.0;
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

/// The first 8 bytes of the KID, encrypted with the key: tells a wrong key from the right one.
fn checksum(key: &ContentKey) -> String {
    let block = Cipher::new(&key.value).encrypt_block(guid(key.kid));
    STANDARD.encode(block.first_chunk::<8>().copied().unwrap_or_default())
}
