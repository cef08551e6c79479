//! The box tree of a file, for people: what `bmff` reads, with the words of protection systems.

use crate::cenc::systems::{fairplay, playready, widevine};
use crate::{Error, KeyId, Source};
pub use bmff::BoxNode;
use bmff::BoxView;
use bmff::boxes::Pssh;
use prost::Message as _;

/// Protection systems that packages of any packager name (identifiers registered with the DASH Industry Forum).
const SYSTEMS: [([u8; 16], &str); 10] = [
    (crate::cenc::pssh::COMMON_SYSTEM, "common"),
    (widevine::SYSTEM, "Widevine"),
    (playready::SYSTEM, "PlayReady"),
    (fairplay::SYSTEM, "FairPlay"),
    (system(0xe2719d58_a985_b3c9_781a_b030af78d30e), "ClearKey"),
    (system(0x5e629af5_38da_4063_8977_97ffbd9902d4), "Marlin"),
    (
        system(0xf239e769_efa3_4850_9c16_a903c6932efb),
        "Adobe Primetime",
    ),
    (system(0xadb41c24_2dbf_4a6d_958b_4457c0d27b95), "Nagra"),
    (system(0x9a27dd82_fde2_4725_8cbc_4234aa06ec09), "Verimatrix"),
    (system(0x3d5e6d35_9b9a_41e8_b843_dd3c6e72c42c), "ChinaDRM"),
];

/// The largest `pssh` box whose data are shown, in bytes.
const MAX_SHOWN: u64 = 64 * 1024;

/// Reads the box tree of a file; malformed boxes are shown with a field `error`.
///
/// # Errors
/// When the source cannot be read.
pub fn tree(source: &dyn Source) -> Result<Vec<BoxNode>, Error> {
    let mut nodes = bmff::tree(source)?;
    explain(&mut nodes, source)?;
    Ok(nodes)
}

const fn system(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

/// The name of a protection system.
pub(crate) fn system_name(id: &[u8; 16]) -> Option<&'static str> {
    let known = SYSTEMS.iter().find(|(known, _)| known == id);
    known.map(|(_, name)| *name)
}

/// Adds to every `pssh` what its system says. How deep the tree is, its reader limits.
fn explain(nodes: &mut [BoxNode], source: &dyn Source) -> Result<(), Error> {
    for node in nodes {
        explain(&mut node.children, source)?;
        let whole = node.offset.saturating_add(node.size) <= source.len();
        if node.fourcc != "pssh" || !whole || node.size > MAX_SHOWN {
            continue;
        }
        let mut bytes = vec![0; usize::try_from(node.size).unwrap_or_default()];
        source.read_at(node.offset, &mut bytes)?;
        let pssh = BoxView::new(&bytes, node.offset).and_then(|view| Pssh::parse(&view));
        // What is wrong with a box, the tree says already.
        if let Ok(pssh) = pssh {
            if let Some(name) = system_name(&pssh.system_id) {
                node.fields.insert(0, ("system".into(), name.into()));
            }
            node.fields.extend(words(&pssh));
        }
    }
    Ok(())
}

/// The data of systems whose form is known.
fn words(pssh: &Pssh) -> Vec<(String, String)> {
    let field = |name: &str, value: String| (name.to_string(), value);
    let unreadable = |name: &str| vec![field("error", format!("the data are no {name}"))];
    match pssh.system_id {
        widevine::SYSTEM => match widevine::Header::decode(pssh.data.as_slice()) {
            Ok(header) => widevine_words(header),
            Err(_) => unreadable("header of Widevine"),
        },
        playready::SYSTEM => match playready::read_header(&pssh.data) {
            Some(header) => vec![field("header", header)],
            None => unreadable("PlayReady Object"),
        },
        _ => Vec::new(),
    }
}

fn widevine_words(header: widevine::Header) -> Vec<(String, String)> {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let mut words: Vec<(String, String)> = Vec::new();
    for id in &header.key_ids {
        let id = <[u8; 16]>::try_from(id.as_slice()).map_or(hex(id), |id| KeyId(id).hex());
        words.push(("key_id".into(), id));
    }
    let content_id = header.content_id.as_deref();
    let scheme = header.protection_scheme.map(u32::to_be_bytes);
    let scheme = scheme.map(|fourcc| bmff::FourCc(fourcc).to_string());
    let named = [
        ("provider", header.provider),
        ("content_id", content_id.map(hex)),
        ("policy", header.policy),
        ("protection_scheme", scheme),
    ];
    for (name, value) in named {
        words.extend(value.map(|value| (name.to_string(), value)));
    }
    words
}
