//! Checks 21–24, 26–30, 32: encryption.

use super::{Checked, ensure};
use crate::avc_reader::SliceReader;
use crate::package::Package;
use crate::reader::{ReadSample, Segment, descend, kinds, nal_units, top_level};
use bmff::BoxView;
use bmff::boxes::{Saio, Saiz, Tenc};
use packager::{ContentKey, EncryptScope, KeyId, Scheme};

pub fn check(package: &Package, rendition: &Checked<'_>) {
    let is_video = rendition.read.init.is_video();
    let wanted = match package.options.encrypt {
        EncryptScope::All => package.options.scheme,
        EncryptScope::Video => package.options.scheme.filter(|_| is_video),
    };
    let Some(scheme) = wanted else {
        ensure(
            21,
            rendition.read.init.scheme.is_none(),
            "a clear track has sinf",
        );
        ensure(
            32,
            rendition.read.init.pssh.is_empty(),
            "a clear track has pssh",
        );
        return;
    };
    sample_entry(rendition, scheme);
    track_defaults(rendition, scheme);
    init_data(rendition);
    let files = rendition.files[1..].iter().zip(&rendition.keys);
    for ((file, key), segment) in files.zip(&rendition.read.segments) {
        parameters(rendition, segment, key.as_ref());
        auxiliary_boxes(file, segment, scheme, is_video, key.is_none());
    }
    let record = &rendition.read.init.avc_record;
    let mut slices = (!record.is_empty()).then(|| SliceReader::new(record));
    let segments = rendition
        .read
        .segments
        .iter()
        .zip(&rendition.clear.segments);
    for ((sealed, clear), key) in segments.zip(&rendition.keys) {
        for (sealed, clear) in sealed.samples.iter().zip(&clear.samples) {
            ensure(28, sealed.data.len() == clear.data.len(), "another size");
            if key.is_none() {
                ensure(
                    34,
                    sealed == clear,
                    "a sample of the clear lead is encrypted",
                );
                continue;
            }
            subsamples(sealed, scheme, is_video);
            ciphertext(sealed, clear);
            if let Some(slices) = &mut slices {
                slice_headers(slices, sealed, clear, scheme);
            }
        }
    }
    let samples = rendition.read.samples().count();
    let clear = rendition.clear.samples().count();
    ensure(28, samples == clear, "another number of samples");
}

fn sample_entry(rendition: &Checked<'_>, scheme: Scheme) {
    let init = &rendition.read.init;
    let entry = if init.is_video() { b"encv" } else { b"enca" };
    let original = rendition.clear.init.entry;
    ensure(21, init.entry == entry, format!("the entry {}", init.entry));
    let found = init.scheme.as_ref().expect("check 21: no sinf");
    ensure(21, found.original_format == original, "frma");
    let fourcc = found.scheme_type.to_string();
    ensure(21, fourcc == scheme.fourcc(), format!("schm says {fourcc}"));
    let boxes = top_level(rendition.files[0]);
    let path: [&[u8; 4]; 5] = [b"trak", b"mdia", b"minf", b"stbl", b"stsd"];
    let stsd = descend(&boxes[1], &path);
    let entry = stsd.children_after(8).next().unwrap().unwrap();
    let skip = if init.is_video() { 78 } else { 28 };
    let mut inside = entry.children_after(skip).map(Result::unwrap);
    let sinf = inside.find(|view| view.kind == b"sinf").unwrap();
    ensure(21, kinds(&sinf) == ["frma", "schm", "schi"], "sinf");
    let schm = sinf.need(b"schm").unwrap();
    ensure(21, schm.body[8..12] == [0, 1, 0, 0], "scheme_version");
    let tenc = descend(&sinf, &[b"schi", b"tenc"]);
    let version = u8::from(matches!(scheme, Scheme::Cbcs | Scheme::Cens) && init.is_video());
    ensure(22, tenc.body[0] == version, "the version of tenc");
}

/// Checks 30 and 34: the key of a segment, from its sample entry or from a group.
fn parameters(rendition: &Checked<'_>, segment: &Segment, key: Option<&ContentKey>) {
    let init = &rendition.read.init;
    let found = segment.tenc(init).map(|tenc| KeyId(tenc.kid));
    let what = format!("a segment at {} has {found:?}", segment.decode_time);
    ensure(34, found == key.map(|key| key.kid), what);
    if found.is_none() {
        ensure(34, segment.group.is_none(), "a group of clear samples");
        let entries = &init.further_entries;
        ensure(
            34,
            *entries == [rendition.clear.init.entry],
            "the clear entry",
        );
    }
    if let (Some(own), Some(default)) = (&segment.group, init.tenc()) {
        ensure(22, own.is_protected, "isProtected is 0");
        let pattern = |tenc: &Tenc| (tenc.crypt_blocks, tenc.skip_blocks, tenc.iv_size);
        ensure(22, pattern(own) == pattern(default), "another pattern");
        let length = |tenc: &Tenc| tenc.constant_iv.as_ref().map(Vec::len);
        ensure(23, length(own) == length(default), "the constant IV");
        let same_iv = own.constant_iv == default.constant_iv;
        ensure(
            25,
            own.constant_iv.is_none() || !same_iv,
            "the IV of another period",
        );
    }
}

fn track_defaults(rendition: &Checked<'_>, scheme: Scheme) {
    let init = &rendition.read.init;
    let tenc = init.tenc().expect("check 22: no tenc");
    ensure(22, tenc.is_protected, "isProtected is 0");
    let first = rendition.kids().first().map(|kid| kid.0);
    ensure(30, Some(tenc.kid) == first, "default_KID");
    let pattern = (tenc.crypt_blocks, tenc.skip_blocks);
    match scheme {
        Scheme::Cbcs => {
            let wanted = if init.is_video() { (1, 9) } else { (0, 0) };
            ensure(23, pattern == wanted, format!("the pattern {pattern:?}"));
            ensure(23, tenc.iv_size == 0, "IVs in the samples");
            let iv = tenc.constant_iv.as_ref().map(Vec::len);
            ensure(23, iv == Some(16), "the constant IV");
        }
        Scheme::Cenc => {
            ensure(24, pattern == (0, 0), "a pattern");
            ensure(24, tenc.iv_size == 8, "the size of IVs");
            ensure(24, tenc.constant_iv.is_none(), "a constant IV");
        }
        Scheme::Cens => {
            let wanted = if init.is_video() { (1, 9) } else { (0, 0) };
            ensure(24, pattern == wanted, format!("the pattern {pattern:?}"));
            ensure(24, tenc.iv_size == 8, "the size of IVs");
            ensure(24, tenc.constant_iv.is_none(), "a constant IV");
        }
        Scheme::Cbc1 => {
            ensure(23, pattern == (0, 0), "a pattern");
            ensure(23, tenc.iv_size == 16, "the size of IVs");
            ensure(23, tenc.constant_iv.is_none(), "a constant IV");
        }
    }
}

fn init_data(rendition: &Checked<'_>) {
    let [pssh] = rendition.read.init.pssh.as_slice() else {
        panic!("check 32: one pssh is due");
    };
    let common = 0x1077efec_c0b2_4d02_ace3_3c1e52e2fb4b_u128;
    ensure(32, pssh.system_id == common.to_be_bytes(), "the system");
    let kids: Vec<[u8; 16]> = rendition.kids().iter().map(|kid| kid.0).collect();
    ensure(30, pssh.kids == kids, "the key ids");
    ensure(32, pssh.data.is_empty(), "data");
    let boxes = top_level(rendition.files[0]);
    let found = boxes[1].need(b"pssh").unwrap();
    ensure(
        32,
        found.body[0] == 1 && found.size() == 36 + 16 * kids.len() as u64,
        "version and size",
    );
}

fn auxiliary_boxes(file: &[u8], segment: &Segment, scheme: Scheme, is_video: bool, is_clear: bool) {
    let boxes = top_level(file);
    let moofs = boxes.iter().filter(|view| view.kind == b"moof");
    let mut rest = segment.samples.as_slice();
    for (moof, count) in moofs.zip(&segment.fragments) {
        let (samples, behind) = rest.split_at(*count);
        if is_clear {
            let order = kinds(&moof.need(b"traf").unwrap());
            ensure(34, order == ["tfhd", "tfdt", "trun"], format!("{order:?}"));
        } else {
            auxiliary_boxes_of(moof, samples, scheme, is_video);
        }
        rest = behind;
    }
}

fn auxiliary_boxes_of(moof: &BoxView<'_>, samples: &[ReadSample], scheme: Scheme, is_video: bool) {
    let traf = moof.need(b"traf").unwrap();
    let mut order = kinds(&traf);
    // How these are, the reader has checked.
    order.retain(|kind| kind != "sgpd" && kind != "sbgp");
    if scheme == Scheme::Cbcs && !is_video {
        // A constant IV and whole samples: nothing is to be said.
        ensure(26, order == ["tfhd", "tfdt", "trun"], format!("{order:?}"));
        return;
    }
    let wanted = ["tfhd", "tfdt", "trun", "saiz", "saio", "senc"];
    ensure(26, order == wanted, format!("{order:?}"));
    let saiz = Saiz::parse(&traf.need(b"saiz").unwrap()).unwrap();
    let saio = Saio::parse(&traf.need(b"saio").unwrap()).unwrap();
    let senc = traf.need(b"senc").unwrap();
    let count = samples.len();
    ensure(26, saiz.count as usize == count, "the count of saiz");
    let mut head = senc.cursor();
    head.skip(4).unwrap();
    ensure(
        26,
        head.u32().unwrap() as usize == count,
        "the count of senc",
    );
    let [offset] = saio.offsets.as_slice() else {
        panic!("check 26: saio has {} entries", saio.offsets.len());
    };
    let first = senc.body_offset() + 8;
    ensure(26, moof.offset + offset == first, "saio points elsewhere");
    let mut total = 0;
    for (index, sample) in samples.iter().enumerate() {
        let table = if is_video {
            2 + 6 * sample.auxiliary.subsamples.len()
        } else {
            0
        };
        let size = sample.auxiliary.iv.len() + table;
        let named = match saiz.default_size {
            0 => saiz.sizes[index],
            size => size,
        };
        ensure(
            26,
            size == usize::from(named),
            format!("saiz of sample {index}"),
        );
        total += size;
    }
    ensure(26, total + 8 == senc.body.len(), "senc holds more");
}

fn subsamples(sample: &ReadSample, scheme: Scheme, is_video: bool) {
    let auxiliary = &sample.auxiliary;
    let iv = match scheme {
        Scheme::Cbcs => 0,
        Scheme::Cenc | Scheme::Cens => 8,
        Scheme::Cbc1 => 16,
    };
    ensure(24, auxiliary.iv.len() == iv, "the length of an IV");
    ensure(
        27,
        auxiliary.subsamples.is_empty() != is_video,
        "subsamples",
    );
    if !is_video {
        return;
    }
    let parts = auxiliary.subsamples.iter();
    let sum: usize = parts
        .map(|part| usize::from(part.clear) + part.protected as usize)
        .sum();
    ensure(
        26,
        sum == sample.data.len(),
        "subsamples do not fill the sample",
    );
    if scheme != Scheme::Cbcs {
        let parts = &auxiliary.subsamples;
        let whole = parts.iter().all(|part| part.protected % 16 == 0);
        ensure(27, whole, "protected bytes are no whole blocks");
    }
}

/// Check 29, sample by sample: clear bytes stay, protected blocks change.
fn ciphertext(sealed: &ReadSample, clear: &ReadSample) {
    let mut at = 0;
    let whole = [(0, sealed.data.len())];
    let parts: Vec<(usize, usize)> = match sealed.auxiliary.subsamples.as_slice() {
        [] => whole.to_vec(),
        parts => parts
            .iter()
            .map(|part| (usize::from(part.clear), part.protected as usize))
            .collect(),
    };
    for (open, protected) in parts {
        let behind = at + open;
        ensure(
            27,
            sealed.data[at..behind] == clear.data[at..behind],
            "clear bytes differ",
        );
        at = behind + protected;
        if protected >= 16 {
            let (sealed, clear) = (&sealed.data[behind..at], &clear.data[behind..at]);
            ensure(
                29,
                sealed[..16] != clear[..16],
                "a protected block is clear",
            );
        }
    }
}

/// Check 27: NAL unit headers, other units and slice headers are clear; all other whole blocks are not.
fn slice_headers(
    slices: &mut SliceReader,
    sealed: &ReadSample,
    clear: &ReadSample,
    scheme: Scheme,
) {
    let mut protected = Vec::new();
    let mut at = 0;
    for part in &sealed.auxiliary.subsamples {
        at += usize::from(part.clear);
        if part.protected > 0 {
            protected.push((at, at + part.protected as usize));
        }
        at += part.protected as usize;
    }
    let mut expected = Vec::new();
    let units = nal_units(&sealed.data, slices.length_size());
    let originals = nal_units(&clear.data, slices.length_size());
    ensure(
        27,
        units.len() == originals.len(),
        "NAL lengths are encrypted",
    );
    for ((start, nal), (_, original)) in units.into_iter().zip(originals) {
        if !matches!(nal.first().map(|header| header & 31), Some(1 | 5)) {
            ensure(27, nal == original, "a unit that is no slice is encrypted");
            slices.learn(nal);
            continue;
        }
        // Read from the ciphertext, without a key.
        let header = slices.header_len(nal).expect("check 27: a slice header");
        let same = slices.header_len(original) == Ok(header);
        ensure(27, same, "a slice header differs in the ciphertext");
        let end = start + nal.len();
        let mut length = nal.len() - header;
        if scheme != Scheme::Cbcs {
            length -= length % 16;
        }
        if length >= 16 {
            expected.push((end - length, end));
        }
    }
    ensure(
        27,
        protected == expected,
        format!("{protected:?}, {expected:?} is due"),
    );
}
