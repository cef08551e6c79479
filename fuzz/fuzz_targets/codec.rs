//! Sample entries and the decoder configurations in them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    packager::fuzzing::sample_entries(bytes);
});
