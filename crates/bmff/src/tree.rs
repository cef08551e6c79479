//! The box tree of a file, for people: types, offsets, sizes and the fields that matter.

mod fields;
mod protection;

use crate::boxes::{Tfhd, Tkhd};
use crate::{BoxView, Error, FourCc, MAX_BOX_IN_MEMORY, Source, TopLevel, read_box};
use fields::fields;
use std::collections::HashMap;

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

/// How many boxes a tree may have: a tree of more is nothing for people.
const MAX_NODES: usize = 100_000;

/// What boxes elsewhere say that is needed to read a box.
#[derive(Default)]
struct Context {
    /// Bytes of a sample's IV, by track: from `tenc` of the `moov`.
    iv_sizes: HashMap<u32, u8>,
    /// Of the track that the box belongs to.
    iv_size: Option<u8>,
    /// How many boxes there are so far.
    nodes: usize,
}

impl Context {
    /// The context of the boxes inside `view`.
    fn inside(&self, view: &BoxView<'_>) -> Option<u8> {
        let track = match &view.kind.0 {
            b"trak" => track_id(view),
            b"traf" => view
                .need(b"tfhd")
                .and_then(|tfhd| Tfhd::parse(&tfhd))
                .map(|tfhd| tfhd.track_id)
                .ok(),
            _ => return self.iv_size,
        };
        track.and_then(|track| self.iv_sizes.get(&track).copied())
    }

    /// Remembers the IV sizes of a `moov`.
    fn learn(&mut self, moov: &BoxView<'_>) {
        let mut left = MAX_NODES;
        for trak in moov.children().map_while(Result::ok) {
            let iv_size = protection::default_iv_size(&trak, 0, &mut left);
            if let (true, Some(id), Some(iv_size)) =
                (trak.kind == b"trak", track_id(&trak), iv_size)
            {
                self.iv_sizes.insert(id, iv_size);
            }
        }
    }
}

fn track_id(trak: &BoxView<'_>) -> Option<u32> {
    let tkhd = trak.need(b"tkhd").and_then(|tkhd| Tkhd::parse(&tkhd));
    tkhd.map(|tkhd| tkhd.track_id).ok()
}

/// Reads the whole tree. Media data is not read.
///
/// A box whose fields are malformed is shown with a field `error`; a file whose top-level boxes do
/// not follow one another ends with such a node.
///
/// # Errors
/// Only when the source cannot be read.
pub fn tree(source: &dyn Source) -> Result<Vec<BoxNode>, Error> {
    let mut nodes = Vec::new();
    let mut context = Context::default();
    for header in TopLevel::new(source) {
        context.nodes += 1;
        if context.nodes > MAX_NODES {
            nodes.push(too_many(header.map_or(0, |header| header.offset)));
            break;
        }
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
                Ok(view) => {
                    if view.kind == b"moov" {
                        context.learn(&view);
                    }
                    node(&view, 0, &mut context)
                }
                Err(error) => broken(header.kind, header.offset, header.size, &error),
            },
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => broken(header.kind, header.offset, header.size, &error),
        };
        nodes.push(node);
    }
    Ok(nodes)
}

fn node(view: &BoxView<'_>, depth: usize, context: &mut Context) -> BoxNode {
    let mut node = empty(view.kind, view.offset, view.size());
    match fields(view, context) {
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
    let outside = context.iv_size;
    context.iv_size = context.inside(view);
    for child in view.children_after(skip) {
        context.nodes += 1;
        if context.nodes > MAX_NODES {
            node.fields.push(("error".into(), too_many_text()));
            break;
        }
        match child {
            Ok(child) => node.children.push(self::node(&child, depth + 1, context)),
            Err(error) => {
                node.fields.push(("error".into(), error.to_string()));
                break;
            }
        }
    }
    context.iv_size = outside;
    node
}

fn too_many_text() -> String {
    format!("more than {MAX_NODES} boxes: the others are left out")
}

/// Stands for all boxes from here on.
fn too_many(offset: u64) -> BoxNode {
    let mut node = empty(FourCc(*b"????"), offset, 0);
    node.fields.push(("error".into(), too_many_text()));
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
        | b"traf" | b"sinf" | b"schi" | b"udta" | b"tapt" | b"wave" | b"mfra" | b"ilst" => Some(0),
        b"stsd" | b"dref" | b"enct" | b"encm" | b"wvtt" => Some(8),
        b"avc1" | b"avc3" | b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" | b"av01" | b"vp08" | b"vp09"
        | b"mp4v" | b"encv" => Some(78),
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
