//! `pssh`: init data of protection systems (ISO/IEC 23001-7, 8.1).

use crate::KeyId;
use bmff::Writer;

/// The common system of W3C "cenc" init data: 1077efec-c0b2-4d02-ace3-3c1e52e2fb4b.
pub(crate) const COMMON_SYSTEM: [u8; 16] =
    0x1077efec_c0b2_4d02_ace3_3c1e52e2fb4b_u128.to_be_bytes();

/// The common `pssh` box, version 1: key ids and no data.
pub(crate) fn common_box(kids: &[KeyId]) -> Vec<u8> {
    let mut w = Writer::default();
    w.full(b"pssh", 1, 0, |w| {
        w.put(&COMMON_SYSTEM);
        w.u32(kids.len() as u32);
        for kid in kids {
            w.put(&kid.0);
        }
        w.u32(0);
    });
    w.into_bytes()
}

/// A `pssh` box of version 0: a system's own data.
pub(crate) fn data_box(system_id: &[u8; 16], data: &[u8]) -> Vec<u8> {
    let mut w = Writer::default();
    w.full(b"pssh", 0, 0, |w| {
        w.put(system_id);
        w.u32(data.len() as u32);
        w.put(data);
    });
    w.into_bytes()
}
