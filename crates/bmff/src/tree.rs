//! The box tree of a file, for people: types, offsets, sizes and the fields that matter.

use crate::boxes::{
    Ftyp, Hdlr, Mdhd, Mvhd, Pssh, Saio, Saiz, Stsz, Table, Tenc, Tfdt, Tfhd, Tkhd, Trex, Trun,
    parse_edits,
};
use crate::{BoxView, Error, FourCc, MAX_BOX_IN_MEMORY, Source, TopLevel, read_box};

/// One box of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxNode {
    /// The type, printable.
    pub fourcc: String,
    /// Where the box begins in the file.
    pub offset: u64,
    /// Bytes of the whole box.
    pub size: u64,
    /// Names and values of its fields.
    pub fields: Vec<(String, String)>,
    /// The boxes inside.
    pub children: Vec<BoxNode>,
}

/// How deep boxes may nest.
const MAX_DEPTH: usize = 32;

/// Reads the whole tree. Media data is not read.
///
/// A box whose fields are malformed is shown with a field `error`; a file whose top-level boxes do
/// not follow one another ends with such a node.
///
/// # Errors
/// Only when the source cannot be read.
pub fn tree(source: &dyn Source) -> Result<Vec<BoxNode>, Error> {
    let mut nodes = Vec::new();
    for header in TopLevel::new(source) {
        let header = match header {
            Ok(header) => header,
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => {
                nodes.push(broken(FourCc(*b"????"), 0, 0, &error));
                break;
            }
        };
        let fits = header.end() <= source.len();
        let opaque = [b"mdat", b"free", b"skip", b"wide"]
            .into_iter()
            .any(|kind| header.kind == kind);
        if opaque || (fits && header.size > MAX_BOX_IN_MEMORY) {
            let mut node = empty(header.kind, header.offset, header.size);
            if !fits {
                let beyond = header.end() - source.len();
                let text = format!("the file ends {beyond} bytes before the box does");
                node.fields.push(("error".into(), text));
            }
            nodes.push(node);
            continue;
        }
        let node = match read_box(source, &header) {
            Ok(bytes) => match BoxView::new(&bytes, header.offset) {
                Ok(view) => node(&view, 0),
                Err(error) => broken(header.kind, header.offset, header.size, &error),
            },
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => broken(header.kind, header.offset, header.size, &error),
        };
        nodes.push(node);
    }
    Ok(nodes)
}

fn node(view: &BoxView<'_>, depth: usize) -> BoxNode {
    let mut node = empty(view.kind, view.offset, view.size());
    match fields(view) {
        Ok(fields) => node.fields = fields,
        Err(error) => node.fields = vec![("error".into(), error.to_string())],
    }
    let Some(skip) = children_start(view) else {
        return node;
    };
    if depth >= MAX_DEPTH {
        let text = format!("boxes nest deeper than {MAX_DEPTH}");
        node.fields.push(("error".into(), text));
        return node;
    }
    for child in view.children_after(skip) {
        match child {
            Ok(child) => node.children.push(self::node(&child, depth + 1)),
            Err(error) => {
                node.fields.push(("error".into(), error.to_string()));
                break;
            }
        }
    }
    node
}

fn empty(kind: FourCc, offset: u64, size: u64) -> BoxNode {
    BoxNode {
        fourcc: kind.to_string(),
        offset,
        size,
        fields: Vec::new(),
        children: Vec::new(),
    }
}

fn broken(kind: FourCc, offset: u64, size: u64, error: &Error) -> BoxNode {
    let mut node = empty(kind, offset, size);
    node.fields.push(("error".into(), error.to_string()));
    node
}

/// Where the children of a container begin in its body; `None` for a box that holds none.
fn children_start(view: &BoxView<'_>) -> Option<usize> {
    match &view.kind.0 {
        b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"dinf" | b"edts" | b"mvex" | b"moof"
        | b"traf" | b"sinf" | b"schi" | b"udta" | b"tapt" | b"wave" | b"mfra" => Some(0),
        b"stsd" | b"dref" => Some(8),
        b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"av01" | b"vp09" | b"encv" => Some(78),
        b"mp4a" | b"enca" | b"Opus" | b"fLaC" | b"ac-3" | b"ec-3" | b"alac" => {
            // Version of QuickTime's sound description: 1 and 2 have more fields.
            match view.body.get(8..10) {
                Some([0, 1]) => Some(44),
                Some([0, 2]) => Some(64),
                _ => Some(28),
            }
        }
        // In QuickTime files `meta` is no full box: its first child's type is at 4.
        b"meta" if view.body.get(4..8) == Some(b"hdlr") => Some(0),
        b"meta" => Some(4),
        _ => None,
    }
}

type Fields = Vec<(String, String)>;

fn fields(view: &BoxView<'_>) -> Result<Fields, Error> {
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
        _ => fragment_fields(view)?,
    })
}

fn fragment_fields(view: &BoxView<'_>) -> Result<Fields, Error> {
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
        b"frma" => vec![field("original_format", &view.cursor().fourcc()?)],
        b"schm" => {
            let mut cursor = view.cursor();
            cursor.skip(4)?;
            vec![field("scheme_type", &cursor.fourcc()?)]
        }
        b"tenc" => {
            let tenc = Tenc::parse(view)?;
            let mut fields = vec![
                field("is_protected", &tenc.is_protected),
                field(
                    "pattern",
                    &format!("{}:{}", tenc.crypt_blocks, tenc.skip_blocks),
                ),
                field("iv_size", &tenc.iv_size),
                field("kid", &hex(&tenc.kid)),
            ];
            fields.extend(tenc.constant_iv.map(|iv| field("constant_iv", &hex(&iv))));
            fields
        }
        b"senc" => {
            let mut cursor = view.cursor();
            let (_, flags) = cursor.version_flags()?;
            vec![
                field("subsamples", &(flags & 2 != 0)),
                field("sample_count", &cursor.u32()?),
            ]
        }
        b"saiz" => {
            let saiz = Saiz::parse(view)?;
            vec![
                field("default_size", &saiz.default_size),
                field("sample_count", &saiz.count),
            ]
        }
        b"saio" => {
            let offsets = Saio::parse(view)?.offsets;
            let offsets: Vec<String> = offsets.iter().map(u64::to_string).collect();
            vec![field("offsets", &offsets.join(" "))]
        }
        b"pssh" => {
            let pssh = Pssh::parse(view)?;
            let mut fields = vec![field("system_id", &hex(&pssh.system_id))];
            fields.extend(pssh.kids.iter().map(|kid| field("kid", &hex(kid))));
            fields.push(field("data_size", &pssh.data.len()));
            fields
        }
        _ => Vec::new(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
