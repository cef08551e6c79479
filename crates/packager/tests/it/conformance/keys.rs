//! Which key each segment is due, worked out from the options and the times of the media.

use crate::package::Package;
use crate::reader::{ReadRendition, Segment};
use packager::{ContentKey, EncryptScope, Label};

/// The key of each segment of a rendition; `None` for a clear one.
pub fn of_segments(package: &Package, name: &str, read: &ReadRendition) -> Vec<Option<ContentKey>> {
    let options = &package.options;
    let is_video = read.init.is_video();
    if options.scheme.is_none() || (options.encrypt == EncryptScope::Video && !is_video) {
        return vec![None; read.segments.len()];
    }
    let keys = of_rendition(package, name, is_video);
    let lead = options.clear_lead.as_secs_f64();
    let of_segment = |segment: &Segment| {
        let start = segment.start(&read.init).max(0) as f64 / f64::from(read.init.timescale);
        // Sound follows the cuts of the picture to the nearest frame.
        let frame = segment.samples[0].duration as f64 / f64::from(read.init.timescale);
        let start = if is_video { start } else { start + frame / 2.0 };
        let is_first = std::ptr::eq(segment, &read.segments[0]);
        if start + 1e-4 < lead || (is_first && lead > 0.0) {
            return None;
        }
        let period = options.crypto_period.map_or(0, |period| {
            ((start + 1e-4 - lead) / period.as_secs_f64()) as usize
        });
        Some(keys[period].clone())
    };
    read.segments.iter().map(of_segment).collect()
}

/// The keys of a rendition, in the order of crypto periods.
fn of_rendition(package: &Package, name: &str, is_video: bool) -> Vec<ContentKey> {
    let of_label = |label: Option<Label>| -> Vec<ContentKey> {
        let keys = package.options.content_keys.iter();
        let keys = keys.filter(|key| key.label == label);
        keys.map(|key| key.key.clone()).collect()
    };
    // Names of sizes are tried in turn: the tests that name sizes check who gets which.
    let by_kind = match is_video {
        true => vec![Label::Sd, Label::Hd, Label::Uhd1, Label::Uhd2],
        false => vec![Label::Audio],
    };
    let labels = [Label::Rendition(name.to_string())].into_iter();
    let labels = labels.chain(by_kind).map(Some).chain([None]);
    let mut keys = labels.map(of_label);
    keys.find(|keys| !keys.is_empty()).expect("a key is due")
}
