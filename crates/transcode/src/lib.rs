//! The room that starts other programs: ffmpeg and ffprobe, confined, and nothing else.
//!
//! In: a file of any container and codec. Out: one that `packager` reads, or why there is none. Media bytes are never read
//! here but for the first few, by which a file is known; no database, no network.
//!
//! ```text
//! file ─sniff─▶ Container ─probe─▶ Facts ─judge─▶ Conversion ─convert─▶ MP4, subtitles
//!                             each by a Task, which Tools run under confinement
//! ```
//!
//! Everything here blocks its thread; callers own threads, and cancel by [`Control`].

mod captions;
pub mod confine;
mod convert;
mod error;
mod extras;
mod judge;
mod ladder;
mod loudness;
mod probe;
mod profile;
mod repeats;
mod run;
mod sniff;
mod tools;

pub use convert::{Converted, Subtitles, convert, convert_until};
pub use error::{Error, Limit, Result};
pub use extras::{Extra, Extras, extras};
pub use judge::{Complaints, Conversion, Treatment, Verdict, judge};
pub use ladder::{Complexity, LadderPlan, Measured, Picture, Rate, Rung, Sound, auto, of_profile};
pub use probe::{Audio, Chapter, Facts, Light, Text, Track, TrackKind, Video, probe};
pub use profile::{AudioCodec, AudioWish, Profile, VideoCodec, VideoWish};
pub use run::{Control, Limits, Progress, Task, Unwatched};
pub use sniff::{Container, is_foreign, sniff};
pub use tools::{Confinement, Program, Tools};
