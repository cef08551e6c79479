//! The fields of boxes of the encryption (ISO/IEC 23001-7; ISO/IEC 14496-12, 8.7.8 to 8.9.3).

use super::fields::Fields;
use super::{Context, MAX_DEPTH, children_start};
use crate::boxes::{Pssh, Saio, Saiz, SampleAuxiliary, Sbgp, Sgpd, Tenc};
use crate::{BoxView, Cursor, Error};
use std::fmt::Display;

/// How many entries of a list are shown; how many more there are is said.
const MAX_LISTED: usize = 32;

/// PIFF's name for `senc` in a `uuid` box.
const PIFF_SENC: [u8; 16] = 0xa2394f52_5a9b_4f14_a244_6c427c648df4_u128.to_be_bytes();

pub(super) fn fields(view: &BoxView<'_>, context: &Context) -> Result<Fields, Error> {
    Ok(match &view.kind.0 {
        b"frma" => vec![field("original_format", &view.cursor().fourcc()?)],
        b"schm" => {
            let mut cursor = view.cursor();
            cursor.skip(4)?;
            vec![field("scheme_type", &cursor.fourcc()?)]
        }
        b"tenc" => tenc_fields(&Tenc::parse(view)?),
        b"senc" => senc_fields(view.cursor(), context.iv_size)?,
        b"uuid" => {
            let mut cursor = view.cursor();
            let name: [u8; 16] = cursor.array()?;
            let mut fields = vec![field("usertype", &hex(&name))];
            if name == PIFF_SENC {
                let inner = cursor.part(cursor.rest().len())?;
                fields.extend(senc_fields(inner, context.iv_size)?);
            }
            fields
        }
        b"saiz" => {
            let saiz = Saiz::parse(view)?;
            let mut fields = vec![
                field("default_size", &saiz.default_size),
                field("sample_count", &saiz.count),
            ];
            if saiz.default_size == 0 {
                fields.push(field("sizes", &listed(&saiz.sizes)));
            }
            fields
        }
        b"saio" => vec![field("offsets", &listed(&Saio::parse(view)?.offsets))],
        b"sbgp" => {
            let sbgp = Sbgp::parse(view)?;
            let runs = sbgp.runs.iter().take(MAX_LISTED);
            let runs = runs.map(|(count, group)| run(*count, *group));
            let runs: Vec<String> = runs.chain(more(sbgp.runs.len())).collect();
            vec![
                field("grouping_type", &sbgp.grouping_type),
                field("runs", &runs.join(" ")),
            ]
        }
        b"sgpd" => sgpd_fields(&Sgpd::parse(view)?),
        b"pssh" => {
            let pssh = Pssh::parse(view)?;
            let mut fields = vec![field("system_id", &hex(&pssh.system_id))];
            let kids = pssh.kids.iter().take(MAX_LISTED);
            fields.extend(kids.map(|kid| field("kid", &hex(kid))));
            fields.extend(more(pssh.kids.len()).map(|text| field("kid", &text)));
            fields.push(field("data_size", &pssh.data.len()));
            fields
        }
        _ => Vec::new(),
    })
}

/// The IV size of the first `tenc` below a box, at most [`MAX_DEPTH`] boxes deep; `left` is how many boxes are looked
/// at, and becomes less.
pub(super) fn default_iv_size(view: &BoxView<'_>, depth: usize, left: &mut usize) -> Option<u8> {
    *left = left.checked_sub(1)?;
    if view.kind == b"tenc" {
        return Tenc::parse(view).ok().map(|tenc| tenc.iv_size);
    }
    let skip = children_start(view).filter(|_| depth < MAX_DEPTH)?;
    let mut children = view.children_after(skip).map_while(Result::ok);
    children.find_map(|child| match *left {
        // Nothing is found any more: the walk ends here.
        0 => Some(None),
        _ => default_iv_size(&child, depth + 1, left).map(Some),
    })?
}

fn field(name: &str, value: &dyn Display) -> (String, String) {
    (name.to_string(), value.to_string())
}

fn tenc_fields(tenc: &Tenc) -> Fields {
    let pattern = format!("{}:{}", tenc.crypt_blocks, tenc.skip_blocks);
    let mut fields = vec![
        field("is_protected", &tenc.is_protected),
        field("pattern", &pattern),
        field("iv_size", &tenc.iv_size),
        field("kid", &hex(&tenc.kid)),
    ];
    let constant_iv = tenc.constant_iv.as_ref();
    fields.extend(constant_iv.map(|iv| field("constant_iv", &hex(iv))));
    fields
}

/// A description of one group: `1: is_protected true, …`.
fn sgpd_fields(sgpd: &Sgpd) -> Fields {
    let mut fields = vec![
        field("grouping_type", &sgpd.grouping_type),
        field("entry_count", &sgpd.count),
    ];
    if sgpd.default_index > 0 {
        fields.push(field("default_group", &sgpd.default_index));
    }
    for (number, tenc) in (1..).zip(sgpd.encryption.iter().take(MAX_LISTED)) {
        let parts: Vec<String> = tenc_fields(tenc)
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        fields.push(field("group", &format!("{number}: {}", parts.join(", "))));
    }
    fields.extend(more(sgpd.encryption.len()).map(|text| field("group", &text)));
    fields
}

/// `3 samples of group 1`; a number above 65536 is of the fragment itself (8.9.4).
fn run(count: u32, group: u32) -> String {
    match group.checked_sub(0x1_0000) {
        Some(own) => format!("{count}x own {own}"),
        None => format!("{count}x {group}"),
    }
}

/// The samples' IVs and subsamples. The size of an IV is what `tenc` said, or else what fills the box.
fn senc_fields(cursor: Cursor<'_>, known: Option<u8>) -> Result<Fields, Error> {
    let mut head = cursor.clone();
    let (_, flags) = head.version_flags()?;
    let (has_subsamples, count) = (flags & 2 != 0, head.u32()?);
    let mut fields = vec![
        field("subsamples", &has_subsamples),
        field("sample_count", &count),
    ];
    let fits = |iv_size: &u8| fills(head.clone(), count, *iv_size, has_subsamples);
    let sizes = known.into_iter().chain([8, 16, 0]);
    let Some(iv_size) = sizes.into_iter().find(fits) else {
        let text = "IVs of 0, 8 or 16 bytes do not fill the box";
        fields.push(field("error", &text));
        return Ok(fields);
    };
    fields.push(field("iv_size", &iv_size));
    if iv_size == 0 && !has_subsamples {
        return Ok(fields);
    }
    for index in 0..MAX_LISTED.min(count as usize) {
        let sample = SampleAuxiliary::parse(&mut head, iv_size, has_subsamples)?;
        fields.push(field("sample", &sample_text(index, &sample)));
    }
    fields.extend(more(count as usize).map(|text| field("sample", &text)));
    Ok(fields)
}

/// Whether entries with IVs of this size end where the box ends.
fn fills(mut cursor: Cursor<'_>, count: u32, iv_size: u8, has_subsamples: bool) -> bool {
    if !has_subsamples {
        return count as usize * usize::from(iv_size) == cursor.rest().len();
    }
    let mut skip = || -> Result<(), Error> {
        for _ in 0..count {
            cursor.skip(usize::from(iv_size))?;
            let parts = cursor.u16()?;
            cursor.skip(usize::from(parts) * 6)?;
        }
        Ok(())
    };
    skip().is_ok() && cursor.rest().is_empty()
}

/// `0: iv 0011…, 12 clear 160 protected, 5 clear 0 protected`.
fn sample_text(index: usize, sample: &SampleAuxiliary) -> String {
    let mut text = format!("{index}:");
    if !sample.iv.is_empty() {
        text.push_str(" iv ");
        text.push_str(&hex(&sample.iv));
    }
    let parts = sample.subsamples.iter().take(MAX_LISTED);
    let parts = parts.map(|part| format!(" {}+{}", part.clear, part.protected));
    text.extend(parts);
    if let Some(more) = more(sample.subsamples.len()) {
        text.push(' ');
        text.push_str(&more);
    }
    text
}

fn listed(values: &[impl Display]) -> String {
    let shown = values.iter().take(MAX_LISTED).map(ToString::to_string);
    let shown: Vec<String> = shown.chain(more(values.len())).collect();
    shown.join(" ")
}

/// `… 8 more`, when a list is longer than what is shown.
fn more(count: usize) -> Option<String> {
    let more = count.checked_sub(MAX_LISTED)?;
    (more > 0).then(|| format!("… {more} more"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
