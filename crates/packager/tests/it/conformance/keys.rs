//! Which key each segment is due, worked out from the options and the times of the media.

use crate::package::Package;
use crate::reader::{Init, ReadRendition, Segment};
use packager::{ContentKey, EncryptScope, Label};

/// The key of each segment of a rendition; `None` for a clear one.
pub fn of_segments(package: &Package, name: &str, read: &ReadRendition) -> Vec<Option<ContentKey>> {
    let options = &package.options;
    let is_video = read.init.is_video();
    let keys = of_rendition(package, name, &read.init);
    if keys.is_empty() {
        return vec![None; read.segments.len()];
    }
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

/// The first key of a rendition.
pub fn first(package: &Package, name: &str, read: &ReadRendition) -> Option<ContentKey> {
    let keys = of_rendition(package, name, &read.init);
    keys.first().cloned()
}

/// The keys of a rendition, in the order of crypto periods; none when it is not to be encrypted.
fn of_rendition(package: &Package, name: &str, init: &Init) -> Vec<ContentKey> {
    let is_video = init.is_video();
    let options = &package.options;
    if options.scheme.is_none() || (options.encrypt == EncryptScope::Video && !is_video) {
        return Vec::new();
    }
    let of_label = |label: Option<Label>| -> Vec<ContentKey> {
        let keys = package.options.content_keys.iter();
        let keys = keys.filter(|key| key.label == label);
        keys.map(|key| key.key.clone()).collect()
    };
    let pixels = u32::from(init.size.0) * u32::from(init.size.1);
    let by_kind = match pixels {
        _ if !is_video => Label::Audio,
        _ if pixels <= 768 * 576 => Label::Sd,
        _ if pixels <= 1920 * 1080 => Label::Hd,
        _ if pixels <= 4096 * 2160 => Label::Uhd1,
        _ => Label::Uhd2,
    };
    let by_name = Label::Rendition(name.to_string());
    let labels = [Some(by_name), Some(by_kind), None].into_iter();
    let mut keys = labels.map(of_label);
    keys.find(|keys| !keys.is_empty()).expect("a key is due")
}
