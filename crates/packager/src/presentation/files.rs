//! Where the bytes of a rendition lie, and which of them are key pictures.

use super::{RenditionFacts, SegmentFacts, bits_a_second};
use crate::KeyId;

/// How the media of a rendition lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    /// `init.mp4`, `1.m4s`, … in a folder of its name.
    Segments,
    /// Lists of cues, `1.vtt`, …, in a folder of its name; all of them in `subtitles.vtt`.
    Cues,
    /// In one file of its name: the init segment, the index, and the segments.
    Single {
        /// Bytes of the init segment.
        init: u64,
        /// Bytes of the index.
        index: u64,
    },
}

/// The key picture that a segment starts with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyPicture {
    /// Number of its segment.
    pub number: usize,
    /// When it is shown, in ticks.
    pub start: u64,
    /// Ticks until the next one is shown.
    pub length: u64,
    /// Where its fragment begins in the file.
    pub offset: u64,
    /// Bytes of its fragment.
    pub size: u64,
    /// The key that it is encrypted with; `None` when it is clear.
    pub kid: Option<KeyId>,
}

impl RenditionFacts<'_> {
    /// Path of its media playlist in the package.
    pub fn playlist(&self) -> String {
        match self.files {
            Files::Single { .. } => format!("{}.m3u8", self.name),
            _ => format!("{}/playlist.m3u8", self.name),
        }
    }

    /// Path of its I-frame playlist in the package.
    pub fn key_picture_playlist(&self) -> String {
        match self.files {
            Files::Single { .. } => format!("{}-iframes.m3u8", self.name),
            _ => format!("{}/iframes.m3u8", self.name),
        }
    }

    /// The file of the init segment of its key pictures, as seen from their playlist; `None` when that is the one of
    /// all pictures.
    pub fn key_init_file(&self) -> Option<String> {
        self.key_init.then(|| match self.files {
            Files::Single { .. } => format!("{}-iframes.mp4", self.name),
            _ => "iframes.mp4".to_string(),
        })
    }

    /// Whether all of it is in one file.
    pub fn is_single_file(&self) -> bool {
        matches!(self.files, Files::Single { .. })
    }

    /// The file of a segment, as seen from its playlists; that of the init segment has number 0.
    pub fn file(&self, number: usize) -> String {
        match (self.files, number) {
            (Files::Segments, 0) => "init.mp4".to_string(),
            (Files::Segments, number) => format!("{number}.m4s"),
            (Files::Cues, 0) => "subtitles.vtt".to_string(),
            (Files::Cues, number) => format!("{number}.vtt"),
            (Files::Single { .. }, _) => format!("{}.mp4", self.name),
        }
    }

    /// Path in the package of the file of a segment; that of the init segment has number 0.
    pub fn path(&self, number: usize) -> String {
        match self.files {
            Files::Single { .. } => self.file(number),
            _ => format!("{}/{}", self.name, self.file(number)),
        }
    }

    /// The key pictures of its segments, in order.
    pub fn key_pictures(&self) -> Vec<KeyPicture> {
        let starts = self.segments.iter().map(|segment| segment.key_shown);
        let end = self.segments.last().map_or(0, SegmentFacts::end);
        let nexts = starts.skip(1).chain([end]);
        let segments = (1..).zip(&self.segments).zip(nexts);
        segments
            .map(|((number, segment), next)| KeyPicture {
                number,
                start: segment.key_shown,
                length: next.saturating_sub(segment.key_shown).max(1),
                offset: segment.offset,
                size: segment.key_picture,
                kid: segment.kid,
            })
            .collect()
    }

    /// The same, lasting together as long as the media: the first one stands for pictures that are shown before it, too.
    pub fn key_pictures_throughout(&self) -> Vec<KeyPicture> {
        let mut pictures = self.key_pictures();
        if let (Some(first), Some(segment)) = (pictures.first_mut(), self.segments.first()) {
            first.length += first.start.saturating_sub(segment.start);
        }
        pictures
    }

    /// Bits a second of its key pictures alone: the most of one, and over the whole length.
    pub fn key_picture_bandwidths(&self) -> (u64, u64) {
        let pictures = self.key_pictures_throughout();
        let bits = |size: u64, ticks: u64| bits_a_second(size, self.seconds(ticks.max(1)));
        let rates = pictures.iter().map(|one| bits(one.size, one.length));
        let bytes = pictures.iter().map(|one| one.size).sum();
        let ticks = pictures.iter().map(|one| one.length).sum();
        (rates.max().unwrap_or(0), bits(bytes, ticks))
    }
}

impl SegmentFacts {
    /// When it is over, in ticks.
    fn end(&self) -> u64 {
        self.start + self.length
    }
}
