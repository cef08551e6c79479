//! All that is decided before the first picture is encoded. Whoever has it, and the file that it reads, can make any piece
//! of it, on any machine, and what is made twice is the same.

use crate::grid::Chunk;
use crate::ladder::LadderPlan;
use crate::profile::AudioCodec;
use crate::sniff::Container;
use serde::{Deserialize, Serialize};

/// What is encoded, and how it is divided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    /// The rungs.
    pub ladder: LadderPlan,
    /// The pictures; `None` of sound alone.
    pub pictures: Option<PictureInput>,
    /// What is encoded apart from each other: all rungs of a piece of the video at once.
    pub chunks: Vec<Chunk>,
    /// Sounds, each of which is encoded whole.
    pub sounds: Vec<SoundOutput>,
    /// What is done and why, for people.
    pub notes: Vec<String>,
}

/// Which file pictures are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The file that was delivered.
    Delivered,
    /// A copy of its pictures in MP4, in which any time can be found.
    Copy,
}

/// Pictures as they are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PictureInput {
    /// The file.
    pub origin: Origin,
    /// What the file is.
    pub container: Container,
    /// Number of the track in it.
    pub track: u32,
    /// Whether the clock of the file is shifted so that it begins at 0.
    pub from_zero: bool,
    /// Ticks a second of the rungs.
    pub clock: u32,
    /// Pictures a second that are made of what comes at about this rate; `None`: times stay as they are.
    pub rate: Option<(u32, u32)>,
    /// Pictures a second at which they are put, from the first one on, because their own times stand still.
    #[serde(default)]
    pub even_rate: Option<f64>,
    /// Pictures between key pictures, where they are always as many.
    pub gop_pictures: Option<u32>,
    /// Most pictures a second.
    pub densest: f64,
    /// Whether half pictures are made whole.
    pub deinterlace: bool,
    /// Whether components use the full range of their numbers.
    pub full_range: bool,
    /// Threads of an encoder. Encoders make other bytes with more.
    pub threads: u32,
}

/// A sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundOutput {
    /// Number of the track in the delivered file.
    pub track: u32,
    /// ISO 639-2.
    pub language: String,
    /// What it becomes; `None`: it is taken as it is.
    pub codec: Option<AudioCodec>,
    /// How many it has then.
    pub channels: u32,
    /// Bits a second.
    pub bitrate: u64,
    /// How loud it is to be, in LUFS.
    pub loudness: Option<f64>,
}

impl Encoding {
    /// Pictures of a rung, about.
    pub fn pictures(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.pictures).sum()
    }

    /// Name of the file of a rung in a chunk.
    pub fn chunk_name(&self, chunk: usize, rung: usize) -> String {
        let name = self.ladder.rungs.get(rung).map(|rung| rung.name.as_str());
        format!("chunk-{chunk:05}-{}.mp4", name.unwrap_or_default())
    }

    /// Name of the file of a sound.
    pub fn sound_name(&self, sound: usize) -> String {
        format!("sound-{sound:02}.mp4")
    }
}
