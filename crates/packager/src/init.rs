//! Writes init segments: `ftyp` and `moov` of one CMAF track (ISO/IEC 23000-19, 7.3.1).

use crate::cenc::protect::Protection;
use crate::cenc::systems::SystemInit;
use crate::manifest::language;
use crate::movie::{AudioEntry, Colour, SampleEntry, TextEntry, Track, VideoEntry};
use crate::{Role, TrackKind};
use bmff::Writer;

/// The track id in every output: a CMAF track file holds one track.
pub(crate) const TRACK_ID: u32 = 1;

/// What an init segment is made of.
pub(crate) struct Init<'a> {
    /// The input's track.
    pub track: &'a TrackFacts,
    /// Composition time of what is shown at time 0 of the track: `media_time` of the edit list.
    pub media_time: u64,
    /// How the samples are encrypted: one a crypto period, none when they are clear.
    pub protections: &'a [Protection],
    /// Whether some segments stay clear all the same.
    pub clear_lead: bool,
    /// Duration of samples whose fragment tells none, in ticks; 0 when there are no such samples.
    pub sample_duration: u32,
    /// What protection systems say.
    pub systems: &'a [SystemInit],
}

/// What the plan keeps of an input's track for its init segment.
#[derive(Debug)]
pub(crate) struct TrackFacts {
    /// Picture, sound or text.
    pub kind: TrackKind,
    /// Ticks a second.
    pub timescale: u32,
    /// ISO 639-2, or a tag.
    pub language: String,
    /// What it is for, when that was told.
    pub role: Option<Role>,
    /// Rotation, as in `tkhd`.
    pub matrix: [u8; 36],
    /// Presented picture size, 16.16; 0 for sound.
    pub presented_size: (u32, u32),
    /// The sample entry.
    pub entry: SampleEntry,
}

const UNITY_MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

/// Appends an init segment to a buffer.
pub(crate) fn write(init: &Init<'_>, buffer: Vec<u8>) -> Vec<u8> {
    let mut w = Writer::new(buffer);
    w.boxed(b"ftyp", |w| {
        w.put(b"cmfc");
        w.u32(0);
        w.put(b"cmfciso6dash");
        if let SampleEntry::Video(entry) = &init.track.entry {
            for brand in entry.brands() {
                w.put(&brand);
            }
        }
    });
    w.boxed(b"moov", |w| {
        w.full(b"mvhd", 0, 0, |w| {
            w.zeros(8);
            w.u32(init.track.timescale);
            w.u32(0);
            w.u32(0x0001_0000);
            w.u16(0x0100);
            w.zeros(10);
            unity(w);
            w.zeros(24);
            w.u32(TRACK_ID + 1);
        });
        write_track(w, init);
        w.boxed(b"mvex", |w| {
            w.full(b"trex", 0, 0, |w| {
                w.u32(TRACK_ID);
                w.u32(1);
                w.u32(init.sample_duration);
                w.zeros(8);
            });
        });
        for pssh in init.systems.iter().flat_map(|system| &system.pssh) {
            w.put(pssh);
        }
    });
    w.into_bytes()
}

fn unity(w: &mut Writer) {
    for value in UNITY_MATRIX {
        w.u32(value);
    }
}

fn write_track(w: &mut Writer, init: &Init<'_>) {
    let facts = init.track;
    let is_audio = facts.kind == TrackKind::Audio;
    w.boxed(b"trak", |w| {
        // Enabled, in the movie.
        w.full(b"tkhd", 0, 3, |w| {
            w.zeros(8);
            w.u32(TRACK_ID);
            w.zeros(4);
            w.u32(0);
            w.zeros(12);
            // Volume.
            w.u16(if is_audio { 0x0100 } else { 0 });
            w.u16(0);
            w.put(&facts.matrix);
            w.u32(facts.presented_size.0);
            w.u32(facts.presented_size.1);
        });
        if init.media_time > 0 {
            w.boxed(b"edts", |w| write_edit(w, init.media_time));
        }
        w.boxed(b"mdia", |w| {
            w.full(b"mdhd", 0, 0, |w| {
                w.zeros(8);
                w.u32(facts.timescale);
                w.u32(0);
                w.u16(pack_language(&facts.language));
                w.u16(0);
            });
            w.full(b"hdlr", 0, 0, |w| {
                w.u32(0);
                w.put(match facts.kind {
                    TrackKind::Video => b"vide",
                    TrackKind::Text => b"subt",
                    _ => b"soun",
                });
                w.zeros(12);
                w.put(b"Reelpack\0");
            });
            w.boxed(b"minf", |w| write_media_information(w, init));
        });
    });
}

fn write_edit(w: &mut Writer, media_time: u64) {
    // In a movie of fragments the piece reaches to the end: its duration is 0.
    match i32::try_from(media_time) {
        Ok(media_time) => w.full(b"elst", 0, 0, |w| {
            w.u32(1);
            w.u32(0);
            w.i32(media_time);
            w.u32(0x0001_0000);
        }),
        Err(_) => w.full(b"elst", 1, 0, |w| {
            w.u32(1);
            w.u64(0);
            w.u64(media_time);
            w.u32(0x0001_0000);
        }),
    }
}

fn write_media_information(w: &mut Writer, init: &Init<'_>) {
    match init.track.kind {
        TrackKind::Video => w.full(b"vmhd", 0, 1, |w| w.zeros(8)),
        TrackKind::Text => w.full(b"sthd", 0, 0, |_| {}),
        _ => w.full(b"smhd", 0, 0, |w| w.zeros(4)),
    }
    w.boxed(b"dinf", |w| {
        w.full(b"dref", 0, 0, |w| {
            w.u32(1);
            // The media are in this file.
            w.full(b"url ", 0, 1, |_| {});
        });
    });
    w.boxed(b"stbl", |w| {
        w.full(b"stsd", 0, 0, |w| {
            let protection = init.protections.first();
            // Fragments of a clear lead have an entry of their own.
            let clear = init.clear_lead.then_some(None);
            w.u32(1 + u32::from(init.clear_lead));
            for protection in [protection].into_iter().chain(clear) {
                match &init.track.entry {
                    SampleEntry::Video(entry) => write_video(w, entry, protection),
                    SampleEntry::Audio(entry) => write_audio(w, entry, protection),
                    // Never encrypted. Cues in a list have no init segment.
                    SampleEntry::Text(TextEntry::Ttml(entry)) => {
                        w.boxed(&entry.kind, |w| w.put(&entry.body));
                    }
                    SampleEntry::Text(_) => {}
                }
            }
        });
        for table in [b"stts", b"stsc"] {
            w.full(table, 0, 0, |w| w.u32(0));
        }
        w.full(b"stsz", 0, 0, |w| w.zeros(8));
        w.full(b"stco", 0, 0, |w| w.u32(0));
    });
}

fn write_video(w: &mut Writer, entry: &VideoEntry, protection: Option<&Protection>) {
    w.boxed(protection.map_or(&entry.format, |_| b"encv"), |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(16);
        w.u16(entry.width);
        w.u16(entry.height);
        // 72 dpi, one frame a sample, no name, 24 bits.
        w.u32(0x0048_0000);
        w.u32(0x0048_0000);
        w.u32(0);
        w.u16(1);
        w.zeros(32);
        w.u16(0x0018);
        w.u16(0xffff);
        for raw in &entry.boxes {
            w.boxed(&raw.kind, |w| w.put(&raw.body));
        }
        if let Some(colour) = &entry.colour {
            write_colour(w, colour);
        }
        w.boxed(b"pasp", |w| {
            w.u32(entry.pixel_aspect.0);
            w.u32(entry.pixel_aspect.1);
        });
        if let Some(protection) = protection {
            write_protection(w, &entry.format, protection);
        }
    });
}

fn write_colour(w: &mut Writer, colour: &Colour) {
    w.boxed(b"colr", |w| {
        w.put(b"nclx");
        w.u16(colour.primaries);
        w.u16(colour.transfer);
        w.u16(colour.matrix);
        w.u8(if colour.full_range { 0x80 } else { 0 });
    });
}

fn write_audio(w: &mut Writer, entry: &AudioEntry, protection: Option<&Protection>) {
    w.boxed(protection.map_or(&entry.format, |_| b"enca"), |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(8);
        w.u16(entry.channels);
        w.u16(entry.sample_size);
        w.zeros(4);
        // 16.16; rates that do not fit are in the decoder's configuration only.
        w.u16(u16::try_from(entry.sample_rate).unwrap_or(0));
        w.u16(0);
        w.boxed(&entry.config.kind, |w| w.put(&entry.config.body));
        if let Some(protection) = protection {
            write_protection(w, &entry.format, protection);
        }
    });
}

/// `sinf` with the defaults of the track's encryption (ISO/IEC 23001-7, 8.2).
fn write_protection(w: &mut Writer, original: &[u8; 4], protection: &Protection) {
    w.boxed(b"sinf", |w| {
        w.boxed(b"frma", |w| w.put(original));
        w.full(b"schm", 0, 0, |w| {
            w.put(protection.scheme.fourcc().as_bytes());
            w.u32(0x0001_0000);
        });
        w.boxed(b"schi", |w| {
            let has_pattern = protection.pattern().skip > 0;
            w.full(b"tenc", u8::from(has_pattern), 0, |w| {
                protection.write_parameters(w);
            });
        });
    });
}

/// Three letters of 5 bits each (ISO/IEC 14496-12, 8.4.2.3).
fn pack_language(code: &str) -> u16 {
    let letters: Vec<u16> = language::three_letters(code)
        .bytes()
        .filter(u8::is_ascii_lowercase)
        .map(|letter| u16::from(letter - 0x60))
        .collect();
    match letters.as_slice() {
        [first, second, third] => first << 10 | second << 5 | third,
        _ => pack_language("und"),
    }
}

impl TrackFacts {
    /// Takes what the output needs from an input's track.
    pub fn of(track: &Track) -> Option<Self> {
        let entry = track.entry.clone()?;
        let is_video = track.kind == TrackKind::Video;
        let mut matrix = track.header.matrix;
        if !is_video {
            let unity: Vec<u8> = UNITY_MATRIX.iter().flat_map(|v| v.to_be_bytes()).collect();
            matrix = unity.try_into().unwrap_or(matrix);
        }
        Some(Self {
            kind: track.kind,
            timescale: track.timescale,
            language: track.language.clone(),
            role: track.role,
            matrix,
            presented_size: match &entry {
                SampleEntry::Video(entry) => {
                    let (h, v) = entry.pixel_aspect;
                    let wide = (u64::from(entry.width) << 16) * u64::from(h) / u64::from(v).max(1);
                    let high = u32::from(entry.height) << 16;
                    (u32::try_from(wide).unwrap_or(u32::MAX), high)
                }
                SampleEntry::Audio(_) | SampleEntry::Text(_) => (0, 0),
            },
            entry,
        })
    }
}
