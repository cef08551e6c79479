//! HLS playlists (RFC 8216): one multivariant playlist and one media playlist a rendition.

use super::language;
use crate::cenc::pssh;
use crate::presentation::{DynamicRange, Format, Presentation, ProtectionFacts, RenditionFacts};
use crate::{Scheme, TrackKind};
use base64::Engine as _;
use std::fmt::Write as _;

/// `EXT-X-MAP` in a playlist of fragmented MP4 needs version 6, without `EXT-X-I-FRAMES-ONLY` 7 is the
/// one that players expect.
const VERSION: u32 = 7;

/// The group that all sound belongs to.
const AUDIO_GROUP: &str = "audio";

/// The multivariant playlist.
pub(super) fn write_multivariant(presentation: &Presentation<'_>) -> String {
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
    if !presentation
        .renditions
        .iter()
        .any(|facts| facts.open_groups)
    {
        line(&mut text, "#EXT-X-INDEPENDENT-SEGMENTS");
    }
    let sounds: Vec<_> = presentation.of_kind(TrackKind::Audio).collect();
    let picture = presentation.of_kind(TrackKind::Video).next();
    if picture.is_some() || sounds.len() > 1 {
        for (index, sound) in sounds.iter().enumerate() {
            line(&mut text, &sound_line(sound, index));
        }
    }
    let Some(main) = picture.or(sounds.first().copied()) else {
        return text;
    };
    let others = sounds.iter().filter(|sound| sound.name != main.name);
    let peak = others
        .clone()
        .map(|sound| sound.bandwidth)
        .max()
        .unwrap_or(0);
    let average = others.clone().map(|sound| sound.average_bandwidth).max();
    // Without a picture one sound plays at a time: it is the variant itself.
    let (peak, average) = match picture {
        Some(_) => (
            main.bandwidth + peak,
            main.average_bandwidth + average.unwrap_or(0),
        ),
        None => (main.bandwidth.max(peak), main.average_bandwidth),
    };
    let mut codecs = vec![main.codec];
    for sound in &sounds {
        if !codecs.contains(&sound.codec) {
            codecs.push(sound.codec);
        }
    }
    let mut variant = format!(
        "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\"",
        codecs.join(",")
    );
    if let Format::Video {
        width,
        height,
        pixel_aspect: (h, v),
        frame_rate: (frames, seconds),
        range,
    } = main.format
    {
        let shown_width = (f64::from(width) * f64::from(h) / f64::from(v.max(1))).round();
        let rate = frames as f64 / seconds as f64;
        append(
            &mut variant,
            format_args!(",RESOLUTION={shown_width}x{height},FRAME-RATE={rate:.3}"),
        );
        variant.push_str(match range {
            DynamicRange::Standard => "",
            DynamicRange::Pq => ",VIDEO-RANGE=PQ",
            DynamicRange::Hlg => ",VIDEO-RANGE=HLG",
        });
    }
    if text.contains("#EXT-X-MEDIA:") {
        append(&mut variant, format_args!(",AUDIO=\"{AUDIO_GROUP}\""));
    }
    line(&mut text, &variant);
    line(&mut text, &format!("{}/playlist.m3u8", main.name));
    text
}

/// The media playlist of a rendition.
pub(super) fn write_media(
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> String {
    let target = presentation.longest_segment.round().max(1.0);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    );
    if let Some(protection) = rendition.protection {
        for key in key_lines(protection, presentation) {
            line(&mut text, &key);
        }
    }
    line(&mut text, "#EXT-X-MAP:URI=\"init.mp4\"");
    for (number, (_, length)) in (1..).zip(&rendition.segments) {
        let seconds = rendition.seconds(*length);
        append(
            &mut text,
            format_args!("#EXTINF:{seconds:.6},\n{number}.m4s\n"),
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// `EXT-X-KEY` lines that hls.js and Shaka Player both take.
///
/// Under `cenc` a line of KEYFORMAT `identity` lets players without key systems ask for the raw key;
/// under `cbcs` such a line stops hls.js, and Shaka Player wants a line of a key system that it knows.
fn key_lines(protection: ProtectionFacts, presentation: &Presentation<'_>) -> Vec<String> {
    let kid = protection.kid;
    let method = match protection.scheme {
        Scheme::Cbcs => "SAMPLE-AES",
        Scheme::Cenc => "SAMPLE-AES-CTR",
    };
    let init_data = base64::engine::general_purpose::STANDARD.encode(pssh::common_box(&[kid]));
    let init_data = format!("data:text/plain;base64,{init_data}");
    let license = presentation.license_url.unwrap_or(&init_data);
    let key_line = |uri: &str, format: &str| {
        format!(
            "#EXT-X-KEY:METHOD={method},URI=\"{uri}\",KEYID=0x{},KEYFORMAT=\"{format}\",KEYFORMATVERSIONS=\"1\"",
            kid.hex()
        )
    };
    let mut lines = vec![key_line(license, "org.w3.clearkey")];
    match protection.scheme {
        Scheme::Cbcs => {
            let widevine = "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed";
            lines.push(key_line(&widevine_init_data(&kid.0), widevine));
        }
        Scheme::Cenc => {
            if let Some(prefix) = presentation.hls_key_url {
                lines.push(key_line(&format!("{prefix}{}", kid.hex()), "identity"));
            }
        }
    }
    lines
}

/// A `pssh` of Widevine that names the key: field 2 of its header is a key id of 16 bytes.
fn widevine_init_data(kid: &[u8; 16]) -> String {
    let mut header = vec![0x12, 16];
    header.extend_from_slice(kid);
    let pssh = pssh::widevine_box(&header);
    let encoded = base64::engine::general_purpose::STANDARD.encode(pssh);
    format!("data:text/plain;base64,{encoded}")
}

fn sound_line(sound: &RenditionFacts<'_>, index: usize) -> String {
    let name = match language::name(sound.language) {
        // The second track of a language needs a name of its own (RFC 8216, 4.3.4.1.1).
        Some(name) if sound.name.ends_with(sound.language) || sound.name == AUDIO_GROUP => {
            name.to_string()
        }
        Some(name) => format!("{name} ({})", index + 1),
        None => format!("Audio {}", index + 1),
    };
    let language = language::tag(sound.language);
    let language = language.map_or(String::new(), |tag| format!(",LANGUAGE=\"{tag}\""));
    let default = if index == 0 { "YES" } else { "NO" };
    let channels = match sound.format {
        Format::Audio { channels, .. } => channels,
        Format::Video { .. } | Format::Text => 0,
    };
    format!(
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{name}\"{language},DEFAULT={default},AUTOSELECT=YES,CHANNELS=\"{channels}\",URI=\"{}/playlist.m3u8\"",
        sound.name
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
