//! MPDs and playlists of others, as `verify` reads them.
#![no_main]

use packager::{Error, MemorySource, PackageFiles, Source, VerifyOptions};

/// Every file has the same bytes.
struct Files<'a>(&'a [u8]);

impl PackageFiles for Files<'_> {
    fn open(&self, _: &str) -> Result<Option<Box<dyn Source + '_>>, Error> {
        Ok(Some(Box::new(MemorySource(self.0.to_vec()))))
    }

    fn list(&self) -> Option<Vec<String>> {
        Some(vec!["stream.mpd".into(), "master.m3u8".into()])
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let files = Files(bytes);
    for manifest in ["stream.mpd", "master.m3u8"] {
        // What is no manifest is refused.
        let _ = packager::verify(&files, &[manifest], &VerifyOptions::default());
    }
});
