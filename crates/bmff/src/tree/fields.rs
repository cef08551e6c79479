//! The fields of a box that matter, as text.

use super::Context;
use super::protection;
use crate::boxes::{
    Ftyp, Hdlr, Mdhd, Mvhd, Sidx, Stsz, Table, Tfdt, Tfhd, Tkhd, Trex, Trun, parse_edits,
};
use crate::{BoxView, Error};

/// Names and values of a box's fields.
pub(super) type Fields = Vec<(String, String)>;

pub(super) fn fields(view: &BoxView<'_>, context: &Context) -> Result<Fields, Error> {
    let field = |name: &str, value: &dyn std::fmt::Display| (name.to_string(), value.to_string());
    Ok(match &view.kind.0 {
        b"ftyp" | b"styp" => {
            let ftyp = Ftyp::parse(view)?;
            let brands: Vec<String> = ftyp
                .compatible_brands
                .iter()
                .map(|b| b.to_string())
                .collect();
            vec![
                field("major_brand", &ftyp.major_brand),
                field("compatible_brands", &brands.join(" ")),
            ]
        }
        b"mvhd" => {
            let mvhd = Mvhd::parse(view)?;
            vec![
                field("timescale", &mvhd.timescale),
                field("duration", &mvhd.duration),
            ]
        }
        b"mdhd" => {
            let mdhd = Mdhd::parse(view)?;
            vec![
                field("timescale", &mdhd.timescale),
                field("duration", &mdhd.duration),
                field("language", &mdhd.language),
            ]
        }
        b"tkhd" => {
            let tkhd = Tkhd::parse(view)?;
            vec![
                field("track_id", &tkhd.track_id),
                field("enabled", &tkhd.enabled),
                field("width", &(f64::from(tkhd.width) / 65536.0)),
                field("height", &(f64::from(tkhd.height) / 65536.0)),
            ]
        }
        b"hdlr" => vec![field("handler", &Hdlr::parse(view)?.handler)],
        b"elst" => parse_edits(view)?
            .iter()
            .map(|edit| {
                let text = format!(
                    "duration {} media_time {} rate {}",
                    edit.segment_duration,
                    edit.media_time,
                    f64::from(edit.media_rate) / 65536.0
                );
                field("edit", &text)
            })
            .collect(),
        b"stsz" | b"stz2" => {
            let stsz = Stsz::parse(view)?;
            vec![
                field("sample_size", &stsz.sample_size),
                field("sample_count", &stsz.count),
            ]
        }
        b"stts" | b"ctts" => vec![field("entry_count", &Table::parse(view, 8)?.count)],
        b"stsc" => vec![field("entry_count", &Table::parse(view, 12)?.count)],
        b"stco" | b"stss" => vec![field("entry_count", &Table::parse(view, 4)?.count)],
        b"co64" => vec![field("entry_count", &Table::parse(view, 8)?.count)],
        _ => fragment_fields(view, context)?,
    })
}

fn fragment_fields(view: &BoxView<'_>, context: &Context) -> Result<Fields, Error> {
    let field = |name: &str, value: &dyn std::fmt::Display| (name.to_string(), value.to_string());
    Ok(match &view.kind.0 {
        b"trex" => {
            let trex = Trex::parse(view)?;
            vec![
                field("track_id", &trex.track_id),
                field("default_sample_duration", &trex.duration),
                field("default_sample_size", &trex.size),
                field("default_sample_flags", &format!("{:#010x}", trex.flags)),
            ]
        }
        b"mfhd" => {
            let mut cursor = view.cursor();
            cursor.version_flags()?;
            vec![field("sequence_number", &cursor.u32()?)]
        }
        b"tfhd" => {
            let tfhd = Tfhd::parse(view)?;
            let mut fields = vec![
                field("track_id", &tfhd.track_id),
                field("default_base_is_moof", &tfhd.default_base_is_moof),
            ];
            fields.extend(tfhd.duration.map(|v| field("default_sample_duration", &v)));
            fields.extend(tfhd.size.map(|v| field("default_sample_size", &v)));
            let flags = tfhd
                .flags
                .map(|v| field("default_sample_flags", &format!("{v:#010x}")));
            fields.extend(flags);
            fields
        }
        b"tfdt" => vec![field(
            "base_media_decode_time",
            &Tfdt::parse(view)?.base_media_decode_time,
        )],
        b"trun" => {
            let trun = Trun::parse(view)?;
            vec![
                field("sample_count", &trun.count),
                field("flags", &format!("{:#x}", trun.flags)),
                field("data_offset", &trun.data_offset.unwrap_or_default()),
            ]
        }
        b"sidx" => index_fields(&Sidx::parse(view)?),
        _ => protection::fields(view, context)?,
    })
}

fn index_fields(sidx: &Sidx) -> Fields {
    let field = |name: &str, value: &dyn std::fmt::Display| (name.to_string(), value.to_string());
    let mut fields = vec![
        field("reference_id", &sidx.reference_id),
        field("timescale", &sidx.timescale),
        field(
            "earliest_presentation_time",
            &sidx.earliest_presentation_time,
        ),
        field("first_offset", &sidx.first_offset),
    ];
    fields.extend(sidx.references.iter().map(|reference| {
        let what = if reference.is_index { "index" } else { "media" };
        let sap = match reference.starts_with_sap {
            true => reference.sap_type.to_string(),
            false => "none".to_string(),
        };
        let text = format!(
            "{what} size {} duration {} sap {sap} delta {}",
            reference.size, reference.duration, reference.sap_delta_time
        );
        field("reference", &text)
    }));
    fields
}
