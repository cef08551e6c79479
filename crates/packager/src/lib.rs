//! The packaging engine: MP4 in, encrypted CMAF with DASH and HLS manifests out.
//!
//! `probe` reads an index, `plan` decides everything, `Plan::render` makes one object's bytes,
//! `Plan::manifests` describes them. The crate is pure: no clock, no randomness, no threads, no logs,
//! no I/O but [`Source::read_at`]. The same plan and sources give the same bytes, in any order.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

mod boxes;
mod cenc;
mod codec;
mod content_key;
mod cpix;
mod decrypt;
mod error;
mod fragment;
#[cfg(feature = "fuzzing")]
#[allow(clippy::expect_used, reason = "a fuzzer looks for panics")]
pub mod fuzzing;
mod index;
mod init;
mod joined;
mod manifest;
mod movie;
mod options;
mod plan;
mod presentation;
mod sample;
mod text;
mod verify;

pub use bmff::{MemorySource, Source};
pub use boxes::{BoxNode, tree};
pub use cenc::systems::{
    FairPlayOptions, GivenSystem, HlsKey, MpdProtection, PlayReadyOptions, PlayReadyVersion,
    ProtectionSystem, SystemInit, WidevineOptions,
};
pub use content_key::{ContentKey, KeyError, KeyId, parse_key_id, parse_key_value};
pub use cpix::{Cpix, CpixKey, write_cpix};
pub use decrypt::{DecryptedSource, decrypt, decrypted};
pub use error::Error;
pub use joined::Joined;
pub use movie::{
    Codec, Cure, Flaw, Movie, Packageable, PictureGrid, ProbeOptions, Role, Track, TrackKind,
    Warning, language_code, probe, probe_with,
};
pub use options::{EncryptScope, FileLayout, Label, LabelledKey, Options, Scheme};
pub use plan::{
    Manifest, ObjectFacts, ObjectId, Outline, Plan, Rendition, RenditionOutline, SegmentBuffer,
    WriteBytes, crypto_periods, plan,
};
pub use verify::{
    CheckResult, Delivery, Depth, Finding, Level, Outcome, PackageFiles, Served, VerifyOptions,
    VerifyReport, verify,
};
