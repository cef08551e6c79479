//! By its first bytes a file is known, before any program is let near it: what is no container of media is refused by its
//! name, so that no playlist, script or picture that calls itself a video is ever opened by ffmpeg.

use crate::{Error, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// How many bytes are looked at: a few packets of a transport stream.
pub(crate) const HEAD: usize = 1024;

/// A container, with the one demuxer of ffmpeg that may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// MP4, MOV and their relatives.
    Mp4,
    /// Matroska and WebM.
    Matroska,
    /// MPEG transport stream, of 188 or 192 bytes a packet.
    TransportStream,
    /// MPEG program stream (VOB, MPG).
    ProgramStream,
    /// AVI.
    Avi,
    /// Flash Video.
    Flv,
    /// Windows Media (ASF, WMV, WMA).
    Asf,
    /// Material Exchange Format.
    Mxf,
    /// Ogg.
    Ogg,
    /// FLAC.
    Flac,
    /// MPEG audio, with or without ID3.
    Mp3,
    /// AAC in ADTS.
    Adts,
}

impl Container {
    /// Name of ffmpeg's demuxer.
    pub fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mov",
            Self::Matroska => "matroska",
            Self::TransportStream => "mpegts",
            Self::ProgramStream => "mpeg",
            Self::Avi => "avi",
            Self::Flv => "flv",
            Self::Asf => "asf",
            Self::Mxf => "mxf",
            Self::Ogg => "ogg",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Adts => "aac",
        }
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mp4 => "MP4",
            Self::Matroska => "Matroska or WebM",
            Self::TransportStream => "MPEG-TS",
            Self::ProgramStream => "MPEG-PS",
            Self::Avi => "AVI",
            Self::Flv => "FLV",
            Self::Asf => "ASF (Windows Media)",
            Self::Mxf => "MXF",
            Self::Ogg => "Ogg",
            Self::Flac => "FLAC",
            Self::Mp3 => "MP3",
            Self::Adts => "AAC (ADTS)",
        }
    }

    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Matroska => "matroska",
            other => other.demuxer(),
        }
    }
}

/// What begins so.
const BEGINNINGS: [(&[u8], Container); 9] = [
    (b"\x1a\x45\xdf\xa3", Container::Matroska),
    (b"\x00\x00\x01\xba", Container::ProgramStream),
    (b"FLV\x01", Container::Flv),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container::Asf),
    (
        b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02",
        Container::Mxf,
    ),
    (b"OggS\x00", Container::Ogg),
    (b"fLaC", Container::Flac),
    (b"ID3", Container::Mp3),
    (b"\xff\xfb", Container::Mp3),
];

/// Boxes with which MP4 and MOV begin.
const BOXES: [&[u8; 4]; 8] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp",
];

/// What is told apart only to be refused by its name.
const OTHERS: [(&[u8], &str); 12] = [
    (b"#EXTM3U", "a playlist (M3U8)"),
    (b"ffconcat", "a script of ffmpeg (concat)"),
    (b"[playlist]", "a playlist (PLS)"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"BM", "a picture (BMP)"),
    (b"%PDF", "a document (PDF)"),
    (b"PK\x03\x04", "an archive (ZIP)"),
    (b"\x1f\x8b", "an archive (gzip)"),
    (b"Rar!", "an archive (RAR)"),
    (b"\x7fELF", "a program"),
];

/// Tells the container of a file by its first bytes ([`HEAD`] of them, or all there are).
///
/// # Errors
/// [`Error::InvalidInput`] names what it is instead, and what is taken.
pub fn sniff(head: &[u8]) -> Result<Container> {
    if let Some((_, container)) = BEGINNINGS.iter().find(|(begin, _)| head.starts_with(begin)) {
        return Ok(*container);
    }
    if head
        .get(4..8)
        .is_some_and(|kind| BOXES.iter().any(|known| *known == kind))
    {
        return Ok(Container::Mp4);
    }
    match (head.get(..4), head.get(8..12)) {
        (Some(b"RIFF"), Some(b"AVI ")) => return Ok(Container::Avi),
        (Some(b"RIFF" | b"RF64"), Some(b"WAVE")) => {
            return Err(refused("sound without any coding (WAVE)"));
        }
        (Some(b"RIFF"), Some(b"WEBP")) => return Err(refused("a picture (WebP)")),
        _ => {}
    }
    // The sync byte of each packet; with 192 bytes, four bytes of time stand before it.
    let is_ts = |first: usize, packet: usize| {
        (0..4).all(|number| head.get(first + number * packet) == Some(&0x47))
    };
    if is_ts(0, 188) || is_ts(4, 192) {
        return Ok(Container::TransportStream);
    }
    // MPEG-4 audio in ADTS: twelve bits of sync, layer 0.
    if head.len() > 7 && head[0] == 0xff && head[1] & 0xf6 == 0xf0 {
        return Ok(Container::Adts);
    }
    if let Some((_, what)) = OTHERS.iter().find(|(begin, _)| head.starts_with(begin)) {
        return Err(refused(what));
    }
    Err(refused(by_its_text(head)))
}

/// Bytes before the first packet of a transport stream, and from one to the next.
pub(crate) fn packets_of(start: &[u8]) -> (usize, usize) {
    match start.get(4 + 192) {
        Some(0x47) if start.get(4) == Some(&0x47) => (4, 192),
        _ => (0, 188),
    }
}

/// Whether packets of a transport stream are scrambled (ISO/IEC 13818-1, 2.4.3.3: `transport_scrambling_control`).
pub(crate) fn scrambled(start: &[u8]) -> bool {
    let (first, packet) = packets_of(start);
    let packets = start.get(first..).unwrap_or_default().chunks(packet);
    let mut packets = packets.filter(|packet| packet.len() > 3 && packet[0] == 0x47);
    packets.any(|packet| packet[3] & 0xc0 != 0)
}

/// Whether a file is of a container that only other programs read. An MP4 that is broken is the engine's: it says where.
///
/// # Errors
/// When the file cannot be read.
pub fn is_foreign(file: &File) -> std::io::Result<bool> {
    let mut head = vec![0; HEAD];
    let read = file.read_at(&mut head, 0)?;
    head.truncate(read);
    Ok(sniff(&head).is_ok_and(|container| container != Container::Mp4))
}

fn by_its_text(head: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']);
    let is_text = !head.is_empty()
        && head
            .iter()
            .all(|byte| *byte >= 0x20 || b"\t\n\r\x1b".contains(byte));
    if head.is_empty() {
        "empty"
    } else if text.starts_with("<svg") || text.contains("<svg") {
        "a picture (SVG)"
    } else if text.contains("<MPD") {
        "a manifest (MPEG-DASH)"
    } else if text.starts_with('<') {
        "a text (XML or HTML)"
    } else if text.starts_with("#EXTM3U") {
        "a playlist (M3U8)"
    } else if is_text {
        "a text"
    } else {
        "no container of video or sound that is known here"
    }
}

fn refused(what: &str) -> Error {
    Error::InvalidInput(format!(
        "the file is {what}; taken are MP4, MOV, Matroska, WebM, MPEG-TS, MPEG-PS, AVI, FLV, ASF, MXF, Ogg and files of sound"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(before: usize, packet: usize) -> Vec<u8> {
        (0..packet * 4 + 4)
            .map(|at| if at % packet == before { 0x47 } else { 1 })
            .collect()
    }

    #[test]
    fn containers_are_known_by_their_beginnings() {
        for (head, expect) in [
            (b"\x1a\x45\xdf\xa3....".to_vec(), Container::Matroska),
            (b"\0\0\0\x14ftypisom".to_vec(), Container::Mp4),
            (b"RIFF\0\0\0\0AVI LIST".to_vec(), Container::Avi),
            (packets(0, 188), Container::TransportStream),
            (packets(4, 192), Container::TransportStream),
            (b"\xff\xf1\x50\x80\0\x1f\xfc\0".to_vec(), Container::Adts),
        ] {
            assert_eq!(sniff(&head).expect("known"), expect);
        }
    }

    #[test]
    fn scrambled_packets_are_seen() {
        let mut stream = packets(0, 188);
        stream
            .iter_mut()
            .skip(3)
            .step_by(188)
            .for_each(|byte| *byte = 0x10);
        assert!(!scrambled(&stream));
        stream[188 + 3] = 0xd0;
        assert!(scrambled(&stream));
        assert!(!scrambled(b""));
    }

    #[test]
    fn what_is_no_video_is_refused_by_its_name() {
        for (head, expect) in [
            (&b"#EXTM3U\n/etc/passwd"[..], "playlist"),
            (b"ffconcat version 1.0\nfile /etc/passwd", "script"),
            (b"\n\n#EXTM3U\n", "playlist"),
            (b"<?xml version=\"1.0\"?><svg>", "SVG"),
            (b"<MPD>", "DASH"),
            (b"\x89PNG\r\n", "PNG"),
            (b"", "empty"),
            (b"file 'x'\n", "a text"),
            (b"\x01\x02\x03\x04", "no container"),
        ] {
            let text = sniff(head).expect_err("refused").to_string();
            assert!(text.contains(expect), "{text}");
        }
    }
}
