//! A whole packaging: probe, plan, render, manifests.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::package(&fuzz::source(bytes), fuzz::scheme(bytes));
});
