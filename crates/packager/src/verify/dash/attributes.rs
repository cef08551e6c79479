//! Checks 10 and 40: attributes that players choose by.

use crate::TrackKind;
use crate::manifest::language;
use crate::movie::SampleEntry;
use crate::presentation::reduce;
use crate::verify::book::Book;
use crate::verify::mpd::Representation;
use crate::verify::track::Track;

/// The checks on one Representation.
pub(super) fn check(book: &mut Book, representation: &Representation, track: &Track, place: &str) {
    match &track.entry {
        Some(SampleEntry::Video(entry)) => {
            let size = (u32::from(entry.width), u32::from(entry.height));
            picture(
                book,
                representation,
                track,
                (size, entry.pixel_aspect),
                place,
            );
        }
        Some(SampleEntry::Audio(entry)) => {
            let channels = u32::from(entry.channels);
            sound(book, representation, (channels, entry.sample_rate), place);
        }
        Some(SampleEntry::Text(_)) | None => {}
    }
    if track.init.kind == TrackKind::Audio {
        let has = |name: &str| representation.attribute(name).is_some();
        book.advise(40, has("audioSamplingRate"), &place, || {
            "no audioSamplingRate".into()
        });
        let there = representation
            .elements("AudioChannelConfiguration")
            .next()
            .is_some();
        book.advise(40, there, &place, || "no AudioChannelConfiguration".into());
    }
    media_type(book, representation, track, place);
    let spoken = track.init.kind != TrackKind::Video && track.init.language != "und";
    let named = representation.attribute("lang");
    book.advise(40, !spoken || named.is_some(), &place, || {
        format!("no lang; the media are in '{}'", track.init.language)
    });
    if let (true, Some(named)) = (spoken, named) {
        let letters =
            |tag: &str| language::code(tag).map(|code| language::three_letters(&code).to_owned());
        let same = letters(named) == letters(&track.init.language);
        book.advise(40, same, &place, || {
            let of_media = &track.init.language;
            format!("lang is '{named}', the media are in '{of_media}'")
        });
    }
    let role = representation.elements("Role").next().is_some();
    book.advise(40, role, &place, || "no Role".into());
    let set = &representation.set_element;
    let alignment = match representation.index {
        Some(_) => ["subsegmentAlignment", "subsegmentStartsWithSAP"],
        None => ["segmentAlignment", "startWithSAP"],
    };
    if !representation.segments.is_empty() {
        for name in alignment {
            let there = set.attribute(name).is_some()
                || (name == "startWithSAP" && representation.attribute(name).is_some());
            book.advise(40, there, &place, || {
                format!("no {name} on the AdaptationSet")
            });
        }
    }
}

/// Check 36: what the MPD calls the media is what their init segment says.
fn media_type(book: &mut Book, representation: &Representation, track: &Track, place: &str) {
    let kind = match track.init.kind {
        TrackKind::Video => "video",
        TrackKind::Audio => "audio",
        TrackKind::Text | TrackKind::Other(_) => return,
    };
    for name in ["mimeType", "contentType"] {
        let Some(found) = representation.attribute(name) else {
            continue;
        };
        let first = found.split('/').next().unwrap_or_default();
        book.ensure(36, first.eq_ignore_ascii_case(kind), &place, || {
            format!("{name} is {found}, the media are {kind}")
        });
    }
}

fn picture(
    book: &mut Book,
    representation: &Representation,
    track: &Track,
    ((width, height), (h, v)): ((u32, u32), (u32, u32)),
    place: &str,
) {
    let number = |name: &str| representation.number::<u32>(name);
    for (name, pixels) in [("width", width), ("height", height)] {
        let found = number(name);
        book.advise(40, found.is_some(), &place, || format!("no {name}"));
        // Presented sizes are written by some: the pixel aspect stretches one of the two.
        let right = found.is_none_or(|found| found == pixels || (h, v) != (1, 1));
        book.ensure(10, right, &place, || {
            format!(
                "{name} is {}, the picture's {pixels}",
                crate::verify::words::value(found)
            )
        });
    }
    for name in ["frameRate", "sar"] {
        let there = representation.attribute(name).is_some();
        book.advise(40, there, &place, || format!("no {name}"));
    }
    if let Some(sar) = representation.attribute("sar") {
        let right = ratio(sar) == Some(reduce(u64::from(h), u64::from(v)));
        book.ensure(10, right, &place, || {
            format!("sar is {sar}, pixels are {h}:{v}")
        });
    }
    let set = &representation.set_element;
    for name in ["par", "maxWidth", "maxHeight", "maxFrameRate"] {
        let own = name.strip_prefix("max").unwrap_or_default();
        let common = !own.is_empty()
            && set
                .attributes
                .iter()
                .any(|(key, _)| key.eq_ignore_ascii_case(own));
        let there = set.attribute(name).is_some() || common;
        book.advise(40, there, &place, || {
            format!("no {name} on the AdaptationSet")
        });
    }
    if let Some(par) = set.attribute("par").and_then(ratio) {
        let exact = f64::from(width) * f64::from(h) / (f64::from(height) * f64::from(v));
        let found = par.0 as f64 / par.1.max(1) as f64;
        book.ensure(10, (found / exact - 1.0).abs() < 0.02, &place, || {
            format!("par is {}:{}, the picture's {exact:.4}", par.0, par.1)
        });
    }
    if let Some(rate) = representation.attribute("frameRate").and_then(rate)
        && let Some(measured) = measured_rate(track)
    {
        book.advise(40, (rate / measured - 1.0).abs() < 0.02, &place, || {
            format!("frameRate is {rate:.3}, the media's {measured:.3}")
        });
    }
}

fn sound(
    book: &mut Book,
    representation: &Representation,
    (channels, rate): (u32, u32),
    place: &str,
) {
    for configuration in representation.elements("AudioChannelConfiguration") {
        let scheme = configuration.attribute("schemeIdUri").unwrap_or_default();
        let value: Option<u32> = configuration.number("value");
        let counted = match (scheme, value) {
            ("urn:mpeg:dash:23003:3:audio_channel_configuration:2011", Some(value))
            | ("urn:mpeg:mpegB:cicp:ChannelConfiguration", Some(value)) => channels_of(value),
            _ => None,
        };
        let right = counted.is_none_or(|counted| counted == channels);
        book.ensure(10, right, &place, || {
            format!(
                "AudioChannelConfiguration {} is {} channels, the sound has {channels}",
                crate::verify::words::value(value),
                crate::verify::words::value(counted)
            )
        });
    }
    if let Some(found) = representation.number::<u32>("audioSamplingRate") {
        // SBR doubles the rate of what the entry says.
        let right = found == rate || found == rate.saturating_mul(2);
        book.advise(40, right, &place, || {
            format!("audioSamplingRate is {found}, the sound's {rate}")
        });
    }
}

/// Number of loudspeakers of a channel configuration (ISO/IEC 23091-3, table 10).
fn channels_of(configuration: u32) -> Option<u32> {
    Some(match configuration {
        1..=6 => configuration,
        7 | 12 | 14 => 8,
        8 => 2,
        9 => 3,
        10 => 4,
        11 => 7,
        _ => return None,
    })
}

fn ratio(text: &str) -> Option<(u64, u64)> {
    let (wide, high) = text.split_once(':')?;
    let (wide, high) = (wide.parse().ok()?, high.parse().ok()?);
    Some(reduce(wide, high))
}

fn rate(text: &str) -> Option<f64> {
    let (frames, seconds) = text.split_once('/').unwrap_or((text, "1"));
    let (frames, seconds): (f64, f64) = (frames.parse().ok()?, seconds.parse().ok()?);
    (seconds > 0.0).then(|| frames / seconds)
}

/// Frames a second over the whole track.
pub(in crate::verify) fn measured_rate(track: &Track) -> Option<f64> {
    let ticks: u64 = track.segments.iter().map(|segment| segment.ticks).sum();
    (ticks > 0).then(|| track.samples as f64 * f64::from(track.init.timescale) / ticks as f64)
}
