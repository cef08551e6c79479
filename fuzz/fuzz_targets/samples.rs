//! Slice headers, parameter sets in band, tiles, supplemental information.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    packager::fuzzing::samples(bytes);
});
