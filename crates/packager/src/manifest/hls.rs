//! HLS playlists (RFC 8216): one multivariant playlist and one media playlist a rendition.

pub(super) mod key_pictures;
mod subtitles;

use super::language;
use crate::cenc::pssh;
use crate::presentation::{DynamicRange, Files, Format, Presentation, RenditionFacts, SetFacts};
use crate::{KeyId, Role, Scheme, TrackKind};
use base64::Engine as _;
use std::fmt::Write as _;
use subtitles::Subtitles;

/// `EXT-X-MAP` in a playlist of fragmented MP4 needs version 6, without `EXT-X-I-FRAMES-ONLY` 7 is the
/// one that players expect.
const VERSION: u32 = 7;

/// The first group of sound; others get a number.
const AUDIO_GROUP: &str = "audio";

/// The multivariant playlist.
pub(super) fn write_multivariant(presentation: &Presentation<'_>) -> String {
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
    if presentation.renditions().all(|facts| facts.sap_type < 3) {
        line(&mut text, "#EXT-X-INDEPENDENT-SEGMENTS");
    }
    let mut said: Vec<&String> = Vec::new();
    for facts in presentation.renditions() {
        for session_key in &facts.signals.hls_master {
            if !said.contains(&session_key) {
                said.push(session_key);
                line(&mut text, session_key);
            }
        }
    }
    let pictures: Vec<_> = presentation
        .of_kind(TrackKind::Video)
        .flat_map(|set| &set.renditions)
        .collect();
    let subtitles = Subtitles::of(presentation);
    for subtitle in subtitles.lines() {
        line(&mut text, &subtitle);
    }
    let mut groups = groups(presentation);
    // One sound without a picture is the variant itself.
    if pictures.is_empty() && groups.iter().all(|group| group.members.len() == 1) {
        for group in &groups {
            let alone = group.members.first().copied();
            variant(&mut text, alone, None, group.members.get(1..), &subtitles);
        }
        return text;
    }
    for group in &groups {
        for (index, sound) in group.members.iter().enumerate() {
            line(&mut text, &sound_line(sound, index, &group.id));
        }
    }
    if groups.is_empty() {
        groups.push(AudioGroup::default());
    }
    for group in &groups {
        let id = (!group.members.is_empty()).then_some(group.id.as_str());
        if pictures.is_empty() {
            variant(
                &mut text,
                group.members.first().copied(),
                id,
                group.members.get(1..),
                &subtitles,
            );
        }
        for picture in &pictures {
            let sounds = Some(group.members.as_slice());
            variant(&mut text, Some(picture), id, sounds, &subtitles);
        }
    }
    for picture in &pictures {
        line(&mut text, &key_pictures::variant(picture));
    }
    text
}

/// Sounds that a variant can be played with: one of each language, in one codec and quality where there are several.
#[derive(Default)]
struct AudioGroup<'a> {
    id: String,
    members: Vec<&'a RenditionFacts<'a>>,
}

/// A group for each codec and each quality of it (one group must not mix what players cannot switch between). Where a
/// language lacks the codec or the quality, another stands in.
fn groups<'a>(presentation: &'a Presentation<'a>) -> Vec<AudioGroup<'a>> {
    /// A set with its language and its number among those of the same language and codec.
    struct Slot<'a> {
        set: &'a SetFacts<'a>,
        codec: &'a str,
        place: (&'a str, usize),
    }
    let mut slots: Vec<Slot<'_>> = Vec::new();
    for set in presentation.of_kind(TrackKind::Audio) {
        let Some(first) = set.first() else { continue };
        let alike = |slot: &&Slot<'_>| (slot.codec, slot.place.0) == (first.codec, first.language);
        let number = slots.iter().filter(alike).count();
        slots.push(Slot {
            set,
            codec: first.codec,
            place: (first.language, number),
        });
    }
    let mut places: Vec<(&str, usize)> = Vec::new();
    let mut codecs: Vec<&str> = Vec::new();
    for slot in &slots {
        if !places.contains(&slot.place) {
            places.push(slot.place);
        }
        if !codecs.contains(&slot.codec) {
            codecs.push(slot.codec);
        }
    }
    let mut groups = Vec::new();
    for codec in codecs {
        let of_codec = slots.iter().filter(|slot| slot.codec == codec);
        let qualities = of_codec.map(|slot| slot.set.renditions.len()).max();
        for quality in 0..qualities.unwrap_or(0) {
            let member = |place: &(&str, usize)| {
                let mut here = slots.iter().filter(|slot| slot.place == *place);
                let own = here.clone().find(|slot| slot.codec == codec);
                let renditions = &own.or_else(|| here.next())?.set.renditions;
                renditions.get(quality).or_else(|| renditions.last())
            };
            groups.push(AudioGroup {
                id: match groups.len() {
                    0 => AUDIO_GROUP.to_string(),
                    number => format!("{AUDIO_GROUP}-{}", number + 1),
                },
                members: places.iter().filter_map(member).collect(),
            });
        }
    }
    groups
}

/// Writes a variant: a rendition, the group of sound that goes with it, and what that group holds.
fn variant(
    text: &mut String,
    main: Option<&RenditionFacts<'_>>,
    group: Option<&str>,
    sounds: Option<&[&RenditionFacts<'_>]>,
    subtitles: &Subtitles<'_>,
) {
    let Some(main) = main else { return };
    let sounds = sounds.unwrap_or_default();
    let most = |of: fn(&RenditionFacts<'_>) -> u64| sounds.iter().map(|s| of(s)).max().unwrap_or(0);
    let (peak, average) = (most(|s| s.bandwidth), most(|s| s.average_bandwidth));
    // Without a picture one sound plays at a time.
    let (peak, average) = match main.kind {
        TrackKind::Video => (main.bandwidth + peak, main.average_bandwidth + average),
        _ => (main.bandwidth.max(peak), main.average_bandwidth),
    };
    let (text_peak, text_average) = subtitles.bandwidth();
    let (peak, average) = (peak + text_peak, average + text_average);
    let mut codecs = vec![main.codec];
    for other in sounds.iter().chain(&subtitles.members) {
        if !codecs.contains(&other.codec) {
            codecs.push(other.codec);
        }
    }
    let mut variant = format!(
        "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\"",
        codecs.join(",")
    );
    if let Some(other) = &main.supplemental {
        variant.push_str(&format!(
            ",SUPPLEMENTAL-CODECS=\"{}/{}\"",
            other.codec, other.brand
        ));
    }
    variant.push_str(&video_values(main, true));
    if let Some(group) = group {
        append(&mut variant, format_args!(",AUDIO=\"{group}\""));
    }
    if !subtitles.members.is_empty() {
        let group = subtitles::GROUP;
        append(&mut variant, format_args!(",SUBTITLES=\"{group}\""));
    }
    line(text, &variant);
    line(text, &main.playlist());
}

/// What the multivariant playlist says of a picture: its size, its rate where wanted, its range.
fn video_values(rendition: &RenditionFacts<'_>, with_rate: bool) -> String {
    let Format::Video {
        width,
        height,
        pixel_aspect: (h, v),
        frame_rate: (frames, seconds),
        range,
    } = rendition.format
    else {
        return String::new();
    };
    let shown_width = (f64::from(width) * f64::from(h) / f64::from(v.max(1))).round();
    let mut text = format!(",RESOLUTION={shown_width}x{height}");
    if with_rate {
        let rate = frames as f64 / seconds as f64;
        append(&mut text, format_args!(",FRAME-RATE={rate:.3}"));
    }
    text.push_str(match range {
        DynamicRange::Standard => "",
        DynamicRange::Pq => ",VIDEO-RANGE=PQ",
        DynamicRange::Hlg => ",VIDEO-RANGE=HLG",
    });
    text
}

/// The media playlist of a rendition.
pub(super) fn write_media(
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> String {
    // That of a long document of TTML is its own; all others have one.
    let longest = rendition.longest_segment();
    let mut text = head(presentation.longest_segment.max(longest));
    let mut key = start_keys(&mut text, presentation, rendition);
    if !matches!(rendition.format, Format::Cues { .. }) {
        line(&mut text, &map_line(rendition));
    }
    for (number, segment) in (1..).zip(&rendition.segments) {
        for line in key_change(&mut key, segment.kid, rendition, presentation) {
            self::line(&mut text, &line);
        }
        let seconds = rendition.seconds(segment.length);
        append(&mut text, format_args!("#EXTINF:{seconds:.6},\n"));
        if rendition.is_single_file() {
            let place = range_text(segment.offset, segment.size);
            append(&mut text, format_args!("#EXT-X-BYTERANGE:{place}\n"));
        }
        line(&mut text, &rendition.file(number));
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// The key lines of what is encrypted with `kid`, when that is not the key that held so far.
fn key_change(
    holds: &mut Option<KeyId>,
    kid: Option<KeyId>,
    rendition: &RenditionFacts<'_>,
    presentation: &Presentation<'_>,
) -> Vec<String> {
    if *holds == kid {
        return Vec::new();
    }
    *holds = kid;
    match kid {
        None => vec!["#EXT-X-KEY:METHOD=NONE".into()],
        kid => key_lines(kid, rendition, presentation),
    }
}

/// The first lines of a media playlist whose longest segment lasts so many seconds.
fn head(longest: f64) -> String {
    let target = longest.round().max(1.0);
    format!(
        "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    )
}

/// Writes the key of the init segment, which is that of encrypted samples though a clear lead may come first: hls.js
/// asks for keys only when the playlist says so (tried with 1.7). Gives the key that holds from there on.
fn start_keys(
    text: &mut String,
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> Option<KeyId> {
    let key = rendition.protection.map(|protection| protection.kid);
    for key in key_lines(key, rendition, presentation) {
        line(text, &key);
    }
    key
}

/// The line that says where the init segment is.
fn map_line(rendition: &RenditionFacts<'_>) -> String {
    let place = match rendition.files {
        Files::Single { init, .. } => format!(",BYTERANGE=\"{}\"", range_text(0, init)),
        _ => String::new(),
    };
    format!("#EXT-X-MAP:URI=\"{}\"{place}", rendition.file(0))
}

/// `size` bytes from `offset` on, as playlists say it.
fn range_text(offset: u64, size: u64) -> String {
    format!("{size}@{offset}")
}

/// `EXT-X-KEY` lines of ClearKey, in forms that hls.js and Shaka Player take, and those of other systems.
///
/// Under `cenc` a line of KEYFORMAT `identity` lets players without key systems ask for the raw key; under `cbcs`
/// such a line stops hls.js. Where keys change, Shaka Player takes that line for the key of all (tried with 5.2).
fn key_lines(
    kid: Option<KeyId>,
    rendition: &RenditionFacts<'_>,
    presentation: &Presentation<'_>,
) -> Vec<String> {
    let signals = rendition.signals;
    let scheme = rendition.protection.map(|protection| protection.scheme);
    // Without a method there are no playlists.
    let method = scheme.and_then(Scheme::hls_method);
    let (Some(kid), Some(method)) = (kid, method) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if signals.clear_key {
        let init_data = base64::engine::general_purpose::STANDARD.encode(pssh::common_box(&[kid]));
        let init_data = format!("data:text/plain;base64,{init_data}");
        let license = presentation.license_url.unwrap_or(&init_data);
        let key_line = |uri: &str, format: &str| {
            format!(
                "#EXT-X-KEY:METHOD={method},URI=\"{uri}\",KEYID=0x{},KEYFORMAT=\"{format}\",KEYFORMATVERSIONS=\"1\"",
                kid.hex()
            )
        };
        lines.push(key_line(license, "org.w3.clearkey"));
        let raw_keys = presentation.hls_key_url;
        let takes_raw_keys = scheme == Some(Scheme::Cenc) && !rendition.rotates;
        if let Some(prefix) = raw_keys.filter(|_| takes_raw_keys) {
            lines.push(key_line(&format!("{prefix}{}", kid.hex()), "identity"));
        }
    }
    lines.extend_from_slice(signals.hls_lines(kid));
    lines
}

fn sound_line(sound: &RenditionFacts<'_>, index: usize, group: &str) -> String {
    let name = match language::name(sound.language) {
        // The second track of a language needs a name of its own (RFC 8216, 4.3.4.1.1).
        Some(name) if sound.name.ends_with(sound.language) || sound.name == AUDIO_GROUP => name,
        Some(name) => format!("{name} ({})", index + 1),
        None => format!("Audio {}", index + 1),
    };
    let language = language::tag(sound.language);
    let language = language.map_or(String::new(), |tag| format!(",LANGUAGE=\"{tag}\""));
    let default = if index == 0 { "YES" } else { "NO" };
    let channels = match sound.format {
        Format::Audio { channels, .. } => channels,
        _ => 0,
    };
    let (role, characteristics) = match sound.role {
        Some(Role::Commentary) => (", commentary", ""),
        Some(Role::Dub) => (", dub", ""),
        Some(Role::Description) => (
            ", audio description",
            ",CHARACTERISTICS=\"public.accessibility.describes-video\"",
        ),
        _ => ("", ""),
    };
    format!(
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{group}\",NAME=\"{name}{role}\"{language},DEFAULT={default},AUTOSELECT=YES,CHANNELS=\"{channels}\"{characteristics},URI=\"{}\"",
        sound.playlist()
    )
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}
