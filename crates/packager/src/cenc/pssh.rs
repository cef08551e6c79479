//! `pssh`: init data of protection systems (ISO/IEC 23001-7, 8.1).

use crate::KeyId;
use bmff::Writer;

/// The common system of W3C "cenc" init data: 1077efec-c0b2-4d02-ace3-3c1e52e2fb4b.
const COMMON_SYSTEM: u128 = 0x1077efec_c0b2_4d02_ace3_3c1e52e2fb4b;
/// Widevine: edef8ba9-79d6-4ace-a3c8-27dcd51d21ed.
const WIDEVINE_SYSTEM: u128 = 0xedef8ba9_79d6_4ace_a3c8_27dcd51d21ed;

/// Writes the common `pssh` box, version 1: key ids and no data.
pub(crate) fn write_common(w: &mut Writer, kids: &[KeyId]) {
    w.full(b"pssh", 1, 0, |w| {
        w.put(&COMMON_SYSTEM.to_be_bytes());
        w.u32(kids.len() as u32);
        for kid in kids {
            w.put(&kid.0);
        }
        w.u32(0);
    });
}

/// The bytes of [`write_common`].
pub(crate) fn common_box(kids: &[KeyId]) -> Vec<u8> {
    let mut w = Writer::default();
    write_common(&mut w, kids);
    w.into_bytes()
}

/// The bytes of a `pssh` box of Widevine, version 0, around its own header.
pub(crate) fn widevine_box(header: &[u8]) -> Vec<u8> {
    let mut w = Writer::default();
    w.full(b"pssh", 0, 0, |w| {
        w.put(&WIDEVINE_SYSTEM.to_be_bytes());
        w.u32(header.len() as u32);
        w.put(header);
    });
    w.into_bytes()
}
