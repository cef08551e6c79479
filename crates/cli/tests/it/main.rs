//! The real binary, run on real files.

mod admission;
mod atomic;
mod config;
mod convert;
mod decrypt;
mod doctor;
#[path = "../../../server/tests/it/support/engines.rs"]
mod engines;
mod extras;
mod import;
mod input;
mod inspect;
mod keys;
mod kill;
mod ladder;
mod media;
mod mended;
mod package;
mod protection;
mod push;
mod real_media;
mod sealed;
mod serve;
mod several_inputs;
mod signals;
mod storage;
mod streams;
mod support;
mod token_file;
mod usage;
mod verify;
