//! The tree of boxes that `inspect` shows.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    packager::tree(&fuzz::source(bytes)).expect("a tree of bytes in memory");
});
