//! Encrypted files: decrypted, and packaged again through the source that decrypts as it is read.
#![no_main]

use packager::{Source, decrypt, decrypted};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let sealed = fuzz::source(bytes);
    let keys = [fuzz::content_key()];
    let mut open = Vec::new();
    let written = decrypt(&[&sealed], &keys, &mut open);
    if let Ok(clear) = decrypted(&sealed, &keys) {
        let mut seen = vec![0; bytes.len()];
        let read = clear.read_at(0, &mut seen);
        if written.is_ok() && read.is_ok() {
            assert!(open == seen, "two ways of decrypting give different bytes");
        }
        fuzz::package(&clear, fuzz::scheme(bytes));
    }
});
