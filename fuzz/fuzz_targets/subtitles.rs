//! Files of subtitles: WebVTT, and with another first byte SRT.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::package(&fuzz::source(bytes), None);
    // Most of what a fuzzer makes is neither: with a head it is the first.
    let text = [b"WEBVTT\n\n", bytes].concat();
    fuzz::package(&fuzz::source(&text), None);
});
