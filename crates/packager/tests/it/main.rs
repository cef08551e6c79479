//! The engine as its callers see it: packages of synthetic movies and of real ones, read by other readers.
//!
//! `UPDATE_GOLDEN=1 cargo test -p packager golden` writes the golden packages again.

mod avc_reader;
#[allow(
    dead_code,
    reason = "shared with the unit tests of the slice header reader"
)]
mod avc_writer;
mod codecs;
mod conformance;
mod cpix;
mod decrypt;
mod encrypted_input;
mod faithful;
mod ffmpeg;
mod foreign;
mod golden;
mod hostile;
mod limits;
mod movie_builder;
mod mutation;
mod package;
mod periods;
mod probe;
mod properties;
mod reader;
mod real_media;
mod salvage;
mod seeds;
mod several_inputs;
mod shaka;
mod single_file;
mod subtitles;
mod sync;
mod systems;
mod timing;
mod tools;
mod verify;
