//! Reads renditions back: what an init segment says and the samples of each media segment.

use bmff::boxes::{
    Hdlr, Mdhd, Pssh, SampleAuxiliary, Sbgp, Scheme, Senc, Sgpd, Sidx, Tenc, Tfdt, Tfhd, Tkhd,
    Trex, Trun, parse_edits, parse_protection,
};
use bmff::{BoxView, FourCc};

/// The boxes of a file or of part of one, in order.
pub fn top_level(bytes: &[u8]) -> Vec<BoxView<'_>> {
    let mut boxes = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let view = BoxView::new(&bytes[at..], at as u64).expect("a box");
        at += view.size() as usize;
        boxes.push(view);
    }
    boxes
}

/// The child at the end of a path of types.
pub fn descend<'a>(view: &BoxView<'a>, path: &[&[u8; 4]]) -> BoxView<'a> {
    path.iter()
        .fold(view.clone(), |view, kind| view.need(kind).expect("a child"))
}

/// The types of the boxes inside.
pub fn kinds(view: &BoxView<'_>) -> Vec<String> {
    let children = view.children();
    children
        .map(|child| child.expect("a child").kind.to_string())
        .collect()
}

/// What an init segment says.
#[derive(Debug, Clone)]
pub struct Init {
    pub track_id: u32,
    pub trex: Trex,
    pub timescale: u32,
    pub handler: FourCc,
    /// `media_time` of the edit list; 0 without one.
    pub media_time: i64,
    /// Type of the sample entry.
    pub entry: FourCc,
    /// Pixels of a picture; 0 for others.
    pub size: (u16, u16),
    /// Types of the entries behind it.
    pub further_entries: Vec<FourCc>,
    /// Body of `avcC`; empty for other codecs.
    pub avc_record: Vec<u8>,
    /// Body of `hvcC`; empty for other codecs.
    pub hevc_record: Vec<u8>,
    /// Body of `esds`; empty for other codecs.
    pub esds: Vec<u8>,
    pub scheme: Option<Scheme>,
    pub pssh: Vec<Pssh>,
}

impl Init {
    pub fn read(bytes: &[u8]) -> Self {
        let boxes = top_level(bytes);
        let moov = boxes.iter().find(|view| view.kind == b"moov");
        let moov = moov.expect("a moov");
        let trak = moov.need(b"trak").unwrap();
        let mdia = trak.need(b"mdia").unwrap();
        let mdhd = Mdhd::parse(&mdia.need(b"mdhd").unwrap()).unwrap();
        let handler = Hdlr::parse(&mdia.need(b"hdlr").unwrap()).unwrap().handler;
        let edts = trak.child(b"edts").unwrap();
        let media_time = edts.map_or(0, |edts| {
            parse_edits(&edts.need(b"elst").unwrap()).unwrap()[0].media_time
        });
        let stsd = descend(&mdia, &[b"minf", b"stbl", b"stsd"]);
        let mut entries = stsd.children_after(8).map(Result::unwrap);
        let entry = entries.next().unwrap();
        // Of other kinds nothing is asked.
        let skip = match &handler.0 {
            b"vide" => 78,
            b"soun" => 28,
            _ => entry.body.len(),
        };
        let inside: Vec<_> = entry.children_after(skip).map(Result::unwrap).collect();
        let body = |kind: &[u8; 4]| {
            let found = inside.iter().find(|child| child.kind == kind);
            found.map_or(Vec::new(), |child| child.body.to_vec())
        };
        let sinf = inside.iter().find(|child| child.kind == b"sinf");
        let pssh = moov.children().map(Result::unwrap);
        Self {
            track_id: Tkhd::parse(&trak.need(b"tkhd").unwrap()).unwrap().track_id,
            trex: Trex::parse(&descend(moov, &[b"mvex", b"trex"])).unwrap(),
            timescale: mdhd.timescale,
            handler,
            media_time,
            entry: entry.kind,
            size: match &handler.0 {
                b"vide" => {
                    let mut fields = entry.cursor();
                    fields.skip(24).unwrap();
                    (fields.u16().unwrap(), fields.u16().unwrap())
                }
                _ => (0, 0),
            },
            further_entries: entries.map(|entry| entry.kind).collect(),
            avc_record: body(b"avcC"),
            hevc_record: body(b"hvcC"),
            esds: body(b"esds"),
            scheme: sinf.map(|sinf| parse_protection(sinf).unwrap()),
            pssh: pssh
                .filter(|view| view.kind == b"pssh")
                .map(|view| Pssh::parse(&view).unwrap())
                .collect(),
        }
    }

    pub fn is_video(&self) -> bool {
        self.handler == b"vide"
    }

    pub fn tenc(&self) -> Option<&Tenc> {
        self.scheme.as_ref()?.tenc.as_ref()
    }
}

/// One sample of a media segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSample {
    pub decode_time: u64,
    pub duration: u32,
    pub offset: i32,
    pub sync: bool,
    pub data: Vec<u8>,
    pub auxiliary: SampleAuxiliary,
}

impl ReadSample {
    /// Composition time on the movie's timeline, in ticks.
    pub fn shown(&self, init: &Init) -> i64 {
        self.decode_time as i64 + i64::from(self.offset) - init.media_time
    }
}

/// A media segment.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Of its fragments.
    pub sequence_numbers: Vec<u32>,
    /// Numbers of samples of its fragments.
    pub fragments: Vec<usize>,
    pub track_id: u32,
    pub decode_time: u64,
    pub samples: Vec<ReadSample>,
    /// 1-based index of the sample entry.
    pub sample_entry: u32,
    /// What a group of all samples says about their encryption.
    pub group: Option<Tenc>,
}

impl Segment {
    /// Reads a segment of one or more fragments.
    pub fn read(bytes: &[u8], init: &Init) -> Self {
        let boxes = top_level(bytes);
        let mut moofs = boxes.iter().filter(|view| view.kind == b"moof");
        let mut segment = Self::read_fragment(moofs.next().expect("a moof"), bytes, init);
        for moof in moofs {
            let next = Self::read_fragment(moof, bytes, init);
            assert_eq!(next.decode_time, segment.decode_time + segment.ticks());
            let kind = |segment: &Self| (segment.sample_entry, segment.group.clone());
            assert_eq!(kind(&next), kind(&segment), "fragments of two kinds");
            segment.sequence_numbers.extend(next.sequence_numbers);
            segment.fragments.extend(next.fragments);
            segment.samples.extend(next.samples);
        }
        segment
    }

    fn read_fragment(moof: &BoxView<'_>, bytes: &[u8], init: &Init) -> Self {
        let traf = moof.need(b"traf").unwrap();
        let tfhd = Tfhd::parse(&traf.need(b"tfhd").unwrap()).unwrap();
        let tfdt = Tfdt::parse(&traf.need(b"tfdt").unwrap()).unwrap();
        let mut mfhd = moof.need(b"mfhd").unwrap().cursor();
        mfhd.skip(4).unwrap();
        let auxiliaries = match traf.child(b"senc").unwrap() {
            Some(senc) => {
                let iv_size = init.tenc().expect("senc of an encrypted track").iv_size;
                Senc::parse(&senc, iv_size).unwrap().samples
            }
            None => Vec::new(),
        };
        let mut segment = Self {
            sequence_numbers: vec![mfhd.u32().unwrap()],
            fragments: Vec::new(),
            track_id: tfhd.track_id,
            decode_time: tfdt.base_media_decode_time,
            samples: Vec::new(),
            sample_entry: tfhd.sample_description.unwrap_or(1),
            group: None,
        };
        let trun = traf.need(b"trun").unwrap();
        let trun = Trun::parse(&trun).unwrap();
        let base = moof.offset as i64 + i64::from(trun.data_offset.unwrap());
        let defaults = (
            tfhd.duration.unwrap_or(init.trex.duration),
            tfhd.size.unwrap_or(init.trex.size),
            tfhd.flags.unwrap_or(init.trex.flags),
        );
        segment.read_run(&trun, defaults, &bytes[base as usize..]);
        for (sample, auxiliary) in segment.samples.iter_mut().zip(auxiliaries) {
            sample.auxiliary = auxiliary;
        }
        segment.fragments.push(segment.samples.len());
        segment.group = read_group(&traf, segment.samples.len());
        segment
    }

    /// What its samples are encrypted with; `None` when they are clear.
    pub fn tenc<'a>(&'a self, init: &'a Init) -> Option<&'a Tenc> {
        match self.sample_entry {
            1 => self.group.as_ref().or(init.tenc()),
            _ => None,
        }
    }

    fn read_run(&mut self, trun: &Trun<'_>, defaults: (u32, u32, u32), mut data: &[u8]) {
        let mut words = trun
            .entries
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap()));
        let mut time = self.decode_time;
        for index in 0..trun.count {
            let mut field = |flag: u32, default: u32| match trun.flags & flag {
                0 => default,
                _ => words.next().unwrap(),
            };
            let duration = field(Trun::DURATION, defaults.0);
            let size = field(Trun::SIZE, defaults.1) as usize;
            let mut flags = field(Trun::FLAGS, defaults.2);
            if let (0, Some(first)) = (index, trun.first_sample_flags) {
                flags = first;
            }
            let offset = field(Trun::COMPOSITION_OFFSET, 0) as i32;
            self.samples.push(ReadSample {
                decode_time: time,
                duration,
                offset,
                sync: flags & 0x1_0000 == 0,
                data: data[..size].to_vec(),
                auxiliary: SampleAuxiliary::default(),
            });
            data = &data[size..];
            time += u64::from(duration);
        }
    }

    pub fn ticks(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.duration)).sum()
    }

    /// When its first picture or sound is shown, in ticks of the movie's timeline.
    pub fn start(&self, init: &Init) -> i64 {
        let shown = self.samples.iter().map(|sample| sample.shown(init));
        shown.min().unwrap()
    }
}

/// The one group of all samples of a fragment.
fn read_group(traf: &BoxView<'_>, samples: usize) -> Option<Tenc> {
    let (sgpd, sbgp) = (traf.child(b"sgpd").unwrap(), traf.child(b"sbgp").unwrap());
    assert_eq!(sgpd.is_some(), sbgp.is_some(), "half a group");
    let sgpd = sgpd?;
    let (version, _) = sgpd.cursor().version_flags().unwrap();
    assert_eq!(version, 1, "the version of sgpd");
    let group = Sgpd::parse(&sgpd).unwrap();
    let runs = Sbgp::parse(&sbgp?).unwrap();
    assert_eq!(group.grouping_type, b"seig");
    assert_eq!(runs.grouping_type, b"seig");
    assert_eq!(runs.runs, [(samples as u32, 0x1_0001)]);
    let [tenc] = group.encryption.as_slice() else {
        panic!("{} descriptions", group.encryption.len());
    };
    Some(tenc.clone())
}

/// A rendition, read back.
pub struct ReadRendition {
    pub init: Init,
    pub segments: Vec<Segment>,
}

impl ReadRendition {
    /// Reads an init segment and media segments.
    pub fn read(files: &[&[u8]]) -> Self {
        let (init, segments) = files.split_first().expect("an init segment");
        let init = Init::read(init);
        Self {
            segments: segments.iter().map(|s| Segment::read(s, &init)).collect(),
            init,
        }
    }

    /// Reads files that were written one behind the other, or one file with an index.
    pub fn read_joined(bytes: &[u8]) -> Self {
        let boxes = top_level(bytes);
        if let Some(view) = boxes.iter().find(|view| view.kind == b"sidx") {
            let sidx = Sidx::parse(view).expect("a sidx");
            let mut files = vec![&bytes[..view.offset as usize]];
            let mut at = (view.offset + view.size() + sidx.first_offset) as usize;
            for reference in &sidx.references {
                let end = at + reference.size as usize;
                files.push(&bytes[at..end]);
                at = end;
            }
            assert_eq!(at, bytes.len(), "the index leaves something out");
            return Self::read(&files);
        }
        let mut files: Vec<&[u8]> = Vec::new();
        let mut start = 0;
        for view in boxes {
            if view.kind == b"styp" || (view.kind == b"moof" && files.is_empty()) {
                files.push(&bytes[start..view.offset as usize]);
                start = view.offset as usize;
            }
        }
        files.push(&bytes[start..]);
        Self::read(&files)
    }

    pub fn samples(&self) -> impl Iterator<Item = &ReadSample> {
        self.segments.iter().flat_map(|segment| &segment.samples)
    }
}

/// The NAL units of a sample and where each begins in it, behind its length field.
pub fn nal_units(sample: &[u8], length_size: usize) -> Vec<(usize, &[u8])> {
    let mut units = Vec::new();
    let mut at = 0;
    while at < sample.len() {
        let length = sample[at..at + length_size]
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        at += length_size;
        units.push((at, &sample[at..at + length]));
        at += length;
    }
    units
}
