//! Checks 1–5, 7–9, 20: init segments.

use super::{Checked, ensure};
use crate::reader::{descend, kinds, top_level};
use bmff::BoxView;
use bmff::boxes::{Mdhd, Mvhd, Tkhd, Trex, parse_edits};

pub fn check(rendition: &Checked<'_>) {
    let boxes = top_level(rendition.files[0]);
    let types: Vec<String> = boxes.iter().map(|view| view.kind.to_string()).collect();
    ensure(1, types == ["ftyp", "moov"], format!("{types:?}"));
    let moov = &boxes[1];
    let children = kinds(moov);
    let wanted: &[&str] = match rendition.read.init.scheme {
        Some(_) => &["mvhd", "trak", "mvex", "pssh"],
        None => &["mvhd", "trak", "mvex"],
    };
    ensure(1, children == wanted, format!("{children:?}"));
    let trex = Trex::parse(&descend(moov, &[b"mvex", b"trex"])).unwrap();
    let tkhd = Tkhd::parse(&descend(moov, &[b"trak", b"tkhd"])).unwrap();
    ensure(
        1,
        trex.track_id == tkhd.track_id,
        "trex names another track",
    );
    tables(moov, rendition);
    headers(moov, rendition);
    edits(moov);
    track_ids(rendition);
    codecs(rendition);
    brands(&boxes[0]);
}

fn tables(moov: &BoxView<'_>, rendition: &Checked<'_>) {
    let stbl = descend(moov, &[b"trak", b"mdia", b"minf", b"stbl"]);
    for kind in [b"stts", b"stsc", b"stco"] {
        let table = stbl.need(kind).unwrap();
        ensure(2, table.body == [0; 8], "a table is not empty");
    }
    ensure(2, stbl.need(b"stsz").unwrap().body == [0; 12], "stsz");
    let stsd = stbl.need(b"stsd").unwrap();
    let has_clear_lead = rendition.keys.contains(&None) && rendition.read.init.scheme.is_some();
    let entries = [0, 0, 0, if has_clear_lead { 2 } else { 1 }];
    ensure(2, stsd.body[4..8] == entries, "sample entries");
    let dref = descend(moov, &[b"trak", b"mdia", b"minf", b"dinf", b"dref"]);
    let entry = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12];
    ensure(4, dref.body[..12] == entry, "dref");
    ensure(4, &dref.body[12..] == b"url \0\0\0\x01", "dref");
}

fn headers(moov: &BoxView<'_>, rendition: &Checked<'_>) {
    let mvhd = Mvhd::parse(&moov.need(b"mvhd").unwrap()).unwrap();
    let mdhd = Mdhd::parse(&descend(moov, &[b"trak", b"mdia", b"mdhd"])).unwrap();
    let tkhd = descend(moov, &[b"trak", b"tkhd"]);
    ensure(3, mvhd.duration == 0, "mvhd has a duration");
    ensure(3, mdhd.duration == 0, "mdhd has a duration");
    ensure(3, tkhd.body[0] == 0, "tkhd is not version 0");
    ensure(3, tkhd.body[20..24] == [0; 4], "tkhd has a duration");
    let tkhd = Tkhd::parse(&tkhd).unwrap();
    if !rendition.read.init.is_video() {
        ensure(3, (tkhd.width, tkhd.height) == (0, 0), "sound has a size");
        return;
    }
    let stsd = descend(moov, &[b"trak", b"mdia", b"minf", b"stbl", b"stsd"]);
    let entry = stsd.children_after(8).next().unwrap().unwrap();
    let number = |at: usize| u64::from(u16::from_be_bytes([entry.body[at], entry.body[at + 1]]));
    let (width, height) = (number(24), number(26));
    let inside: Vec<_> = entry.children_after(78).map(Result::unwrap).collect();
    let pasp = inside.iter().find(|view| view.kind == b"pasp");
    ensure(10, pasp.is_some(), "a picture without pasp");
    let mut aspect = pasp.unwrap().cursor();
    let (h, v) = (aspect.u32().unwrap(), aspect.u32().unwrap());
    let shown = (width << 16) * u64::from(h) / u64::from(v);
    ensure(3, u64::from(tkhd.width) == shown, "the presented width");
    ensure(
        3,
        u64::from(tkhd.height) == height << 16,
        "the presented height",
    );
}

fn edits(moov: &BoxView<'_>) {
    let Some(edts) = moov.need(b"trak").unwrap().child(b"edts").unwrap() else {
        return;
    };
    ensure(5, kinds(&edts) == ["elst"], "edts holds more than elst");
    let edits = parse_edits(&edts.need(b"elst").unwrap()).unwrap();
    ensure(5, edits.len() == 1, "more than one edit");
    ensure(5, edits[0].segment_duration == 0, "an edit with an end");
    ensure(
        5,
        edits[0].media_rate == 0x1_0000,
        "an edit of another speed",
    );
    ensure(5, edits[0].media_time > 0, "an edit without effect");
}

fn track_ids(rendition: &Checked<'_>) {
    let init = &rendition.read.init;
    for segment in &rendition.read.segments {
        ensure(8, segment.track_id == init.track_id, "tfhd's track");
    }
    ensure(8, init.trex.track_id == init.track_id, "trex's track");
}

fn codecs(rendition: &Checked<'_>) {
    let init = &rendition.read.init;
    let clear = init.scheme.as_ref().map(|scheme| scheme.original_format);
    let format = clear.unwrap_or(init.entry).to_string();
    let found = if format == "avc1" {
        let [_, profile, compatibility, level, ..] = init.avc_record[..] else {
            panic!("check 9: avcC is cut short");
        };
        format!("avc1.{profile:02x}{compatibility:02x}{level:02x}")
    } else if init.is_video() {
        // The rest of the string is what ffprobe and the writer of the record are compared by elsewhere.
        let rest = rendition.codec.trim_start_matches(&format);
        ensure(9, rest.starts_with('.'), format!("{format} in the boxes"));
        format!("{format}{rest}")
    } else if init.esds.is_empty() {
        // Browsers know the four characters of Opus and FLAC in lower case.
        format.to_lowercase()
    } else {
        // ES_ID and flags follow the first descriptor's tag and length.
        let esds = &init.esds[4..];
        ensure(7, esds[0] == 3 && esds[1] < 0x80, "esds");
        ensure(7, esds[2..4] == [0, 0], "ES_ID is not 0");
        ensure(9, esds[5] == 4, "no decoder configuration");
        // Behind the 13 bytes of the decoder configuration lie what is specific to AAC, or the end of it.
        match esds[20] {
            5 => format!("mp4a.{:02X}.{}", esds[7], esds[22] >> 3),
            _ => format!("mp4a.{:02X}", esds[7]),
        }
    };
    ensure(9, found == rendition.codec, format!("{found} in the boxes"));
}

fn brands(ftyp: &BoxView<'_>) {
    ensure(20, &ftyp.body[..8] == b"cmfc\0\0\0\0", "the major brand");
    for brand in [b"cmfc", b"iso6"] {
        let listed = ftyp.body[8..].chunks(4).any(|other| other == brand);
        ensure(20, listed, "a compatible brand is missing");
    }
}
