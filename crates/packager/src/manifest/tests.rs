//! What manifests say, from a presentation made by hand.

mod outputs;

use super::language;
use crate::cenc::systems::Signals;
use crate::presentation::{
    DynamicRange, Files, Format, Presentation, ProtectionFacts, RenditionFacts, SegmentFacts,
    SetFacts, reduce,
};
use crate::{
    ContentKey, FairPlayOptions, GivenSystem, KeyId, PlayReadyOptions, ProtectionSystem, Role,
    Scheme, TrackKind, WidevineOptions,
};
use quick_xml::events::Event;

const KID: KeyId = KeyId([0x0a; 16]);

/// Segments with these starts and lengths.
fn segments(times: &[(u64, u64)]) -> Vec<SegmentFacts> {
    let times = times.iter();
    times
        .map(|&(start, length)| SegmentFacts {
            start,
            length,
            offset: 0,
            size: 1000,
            key_picture: 100,
            kid: None,
            key_shown: start,
        })
        .collect()
}

fn picture() -> RenditionFacts<'static> {
    RenditionFacts {
        name: "video",
        kind: TrackKind::Video,
        codec: "avc1.64001f",
        supplemental: None,
        language: "und",
        role: None,
        timescale: 1000,
        presentation_time_offset: 0,
        files: Files::Segments,
        key_init: true,
        trick_mode: true,
        segments: segments(&[(0, 4000), (4000, 4000), (8000, 1999)]),
        sap_type: 1,
        bandwidth: 1_000_000,
        average_bandwidth: 900_000,
        format: Format::Video {
            width: 720,
            height: 576,
            pixel_aspect: (16, 15),
            frame_rate: (30_000, 1001),
            range: DynamicRange::Standard,
        },
        protection: None,
        rotates: false,
        signals: signals(&[], None),
    }
}

/// What systems say of the key; they live as long as the tests.
fn signals(systems: &[ProtectionSystem], scheme: Option<Scheme>) -> &'static Signals {
    let key = ContentKey {
        kid: KID,
        value: [0x0b; 16],
    };
    let signals = scheme.map(|scheme| Signals::of(systems, &[key], scheme).expect("they agree"));
    Box::leak(Box::new(signals.unwrap_or_default()))
}

fn sound(name: &'static str, language: &'static str) -> RenditionFacts<'static> {
    RenditionFacts {
        name,
        kind: TrackKind::Audio,
        codec: "mp4a.40.2",
        language,
        timescale: 48_000,
        segments: segments(&[(0, 192_000), (192_000, 191_488)]),
        bandwidth: 130_000,
        average_bandwidth: 128_000,
        format: Format::Audio {
            sample_rate: 48_000,
            channels: 2,
        },
        ..picture()
    }
}

fn presentation(renditions: Vec<RenditionFacts<'static>>) -> Presentation<'static> {
    let longest = renditions.iter().map(RenditionFacts::longest_segment);
    Presentation {
        duration: 9.9995,
        longest_segment: longest.fold(0.0, f64::max),
        sets: renditions
            .into_iter()
            .map(|facts| SetFacts {
                renditions: vec![facts],
            })
            .collect(),
        license_url: None,
        hls_key_url: None,
    }
}

/// Each line is in the manifest of that path, and no line of the other list is.
fn check(presentation: &Presentation<'_>, path: &str, there: &[&str], absent: &[&str]) {
    let manifests = super::write(presentation).unwrap();
    let manifest = manifests.iter().find(|manifest| manifest.path == path);
    let text = &manifest.expect("the manifest").text;
    for part in there {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    for part in absent {
        assert!(!text.contains(part), "{part:?} is in\n{text}");
    }
}

fn protected(scheme: Scheme) -> Presentation<'static> {
    let facts = ProtectionFacts { scheme, kid: KID };
    let mut presentation = presentation(vec![picture(), sound("audio", "und")]);
    let picture = &mut presentation.sets[0].renditions[0];
    picture.protection = Some(facts);
    picture.signals = signals(&[], Some(scheme));
    for segment in &mut picture.segments {
        segment.kid = Some(KID);
    }
    presentation
}

#[test]
fn manifest_paths_are_those_of_the_package() {
    let manifests = super::write(&presentation(vec![picture(), sound("audio", "und")])).unwrap();
    let paths: Vec<_> = manifests
        .iter()
        .map(|manifest| manifest.path.as_str())
        .collect();
    let expect = [
        "stream.mpd",
        "master.m3u8",
        "video/playlist.m3u8",
        "video/iframes.m3u8",
        "audio/playlist.m3u8",
    ];
    assert_eq!(paths, expect);
}

#[test]
fn manifest_language_tags_are_the_shortest() {
    for (code, tag, name) in [
        ("eng", Some("en"), Some("English")),
        ("fra", Some("fr"), Some("French")),
        ("fre", Some("fr"), Some("French")),
        ("ger", Some("de"), Some("German")),
        ("zho", Some("zh"), Some("Chinese")),
        ("fil", Some("fil"), Some("Filipino")),
        ("und", None, None),
        ("zxx", None, None),
        ("mis", None, None),
        ("", None, None),
        ("qaa", Some("qaa"), None),
        ("pt-BR", Some("pt-BR"), Some("Portuguese (BR)")),
    ] {
        assert_eq!(language::tag(code), tag, "{code}");
        assert_eq!(language::name(code).as_deref(), name, "{code}");
    }
}

#[test]
fn manifest_names_of_sounds_differ() {
    let presentation = presentation(vec![
        picture(),
        sound("audio-eng", "eng"),
        sound("audio-eng-2", "eng"),
        sound("audio-und", "und"),
    ]);
    check(
        &presentation,
        "master.m3u8",
        &[
            r#"NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio-eng/playlist.m3u8""#,
            r#"NAME="English (2)",LANGUAGE="en",DEFAULT=NO"#,
            r#"NAME="Audio 3",DEFAULT=NO"#,
            r#"CODECS="avc1.64001f,mp4a.40.2""#,
            "BANDWIDTH=1130000,AVERAGE-BANDWIDTH=1028000",
            "RESOLUTION=768x576,FRAME-RATE=29.970",
        ],
        &["LANGUAGE=\"und"],
    );
    check(
        &presentation,
        "stream.mpd",
        &[
            r#"lang="en""#,
            r#"value="alternate""#,
            r#"frameRate="30000/1001" sar="16:15""#,
            r#"par="4:3""#,
        ],
        &["lang=\"und\""],
    );
}

#[test]
fn manifest_sounds_tell_their_roles() {
    let mut description = sound("audio-eng-2", "eng");
    description.role = Some(Role::Description);
    let presentation = presentation(vec![picture(), sound("audio-eng", "eng"), description]);
    check(
        &presentation,
        "master.m3u8",
        &[
            r#"NAME="English (2), audio description",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",CHARACTERISTICS="public.accessibility.describes-video",URI="audio-eng-2/playlist.m3u8""#,
        ],
        &[],
    );
    check(
        &presentation,
        "stream.mpd",
        &[
            r#"<Accessibility schemeIdUri="urn:tva:metadata:cs:AudioPurposeCS:2007" value="1"/>"#,
            r#"value="description""#,
            r#"value="main""#,
        ],
        &[r#"value="alternate""#],
    );
}

#[test]
fn manifest_durations_are_exact() {
    let presentation = presentation(vec![picture(), sound("audio", "und")]);
    check(
        &presentation,
        "stream.mpd",
        &[
            // Rounded up to a millisecond.
            r#"mediaPresentationDuration="PT10S""#,
            r#"maxSegmentDuration="PT4S""#,
            r#"startNumber="1" duration="4000"/>"#,
            r#"<S t="0" d="192000"/>"#,
            r#"<S d="191488"/>"#,
        ],
        &["presentationTimeOffset"],
    );
    check(
        &presentation,
        "video/playlist.m3u8",
        &[
            "#EXT-X-TARGETDURATION:4\n",
            "#EXTINF:4.000000,\n1.m4s\n",
            "#EXTINF:1.999000,\n3.m4s\n#EXT-X-ENDLIST\n",
        ],
        &["#EXT-X-KEY"],
    );
    check(
        &presentation,
        "audio/playlist.m3u8",
        &["#EXTINF:3.989333,\n2.m4s"],
        &[],
    );
}

#[test]
fn manifest_times_of_a_late_start_are_shifted() {
    let mut late = presentation(vec![picture()]);
    late.sets[0].renditions[0].segments = segments(&[(500, 4000), (4500, 100)]);
    late.sets[0].renditions[0].presentation_time_offset = 500;
    let there = [
        r#"presentationTimeOffset="500""#,
        r#"<S t="500" d="4000"/>"#,
    ];
    check(&late, "stream.mpd", &there, &[]);
}

#[test]
fn manifest_key_lines_are_those_that_players_take() {
    let kid = "KEYID=0x0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
    let clear_key = r#"KEYFORMAT="org.w3.clearkey",KEYFORMATVERSIONS="1""#;
    let mut cbcs = protected(Scheme::Cbcs);
    cbcs.hls_key_url = Some("https://keys.example/");
    check(
        &cbcs,
        "video/playlist.m3u8",
        &[
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"data:text/plain;base64,",
            kid,
            clear_key,
            r#"KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed""#,
        ],
        // An identity line stops hls.js under cbcs.
        &["identity", "SAMPLE-AES-CTR", "keys.example"],
    );
    check(&cbcs, "audio/playlist.m3u8", &[], &["#EXT-X-KEY"]);
    let mut cenc = protected(Scheme::Cenc);
    cenc.license_url = Some("https://licence.example/a?b=1&c=2");
    check(
        &cenc,
        "video/playlist.m3u8",
        &[
            "METHOD=SAMPLE-AES-CTR,URI=\"https://licence.example/a?b=1&c=2\"",
            clear_key,
        ],
        &["identity", "widevine", "edef8ba9"],
    );
    cenc.hls_key_url = Some("https://keys.example/");
    let identity = format!(
        "URI=\"https://keys.example/{}\",{kid},KEYFORMAT=\"identity\"",
        KID.hex()
    );
    check(&cenc, "video/playlist.m3u8", &[&identity], &[]);
}

#[test]
fn manifest_protection_of_the_mpd_names_scheme_key_and_licence() {
    let mut cbcs = protected(Scheme::Cbcs);
    let common = r#"schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cbcs" cenc:default_KID="0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a""#;
    check(
        &cbcs,
        "stream.mpd",
        &[common],
        &["Laurl", "1077efec", "pssh"],
    );
    // A URL with characters that XML gives a meaning.
    cbcs.license_url = Some("https://licence.example/a?b=1&c=<2>");
    let escaped = "https://licence.example/a?b=1&amp;c=&lt;2&gt;</dashif:Laurl>";
    check(&cbcs, "stream.mpd", &[escaped], &["&c=<2>"]);
    let mpd = super::write(&cbcs).unwrap().remove(0).text;
    let mut reader = quick_xml::Reader::from_str(&mpd);
    let mut depth = 0;
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
}

/// The picture's key is delivered by these systems.
fn delivered(systems: &[ProtectionSystem], scheme: Scheme) -> Presentation<'static> {
    let mut presentation = protected(scheme);
    presentation.sets[0].renditions[0].signals = signals(systems, Some(scheme));
    presentation
}

#[test]
fn manifest_names_the_systems_that_are_asked_for_and_no_others() {
    let systems = [
        ProtectionSystem::Widevine(WidevineOptions::default()),
        ProtectionSystem::PlayReady(PlayReadyOptions::default()),
        ProtectionSystem::FairPlay(FairPlayOptions::default()),
    ];
    let mut presentation = delivered(&systems, Scheme::Cbcs);
    presentation.license_url = Some("https://licence.example");
    let own = [
        r#"xmlns:mspr="urn:microsoft:playready""#,
        r#"<ContentProtection schemeIdUri="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed" value="Widevine" cenc:default_KID="0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a">"#,
        r#"<ContentProtection schemeIdUri="urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95" value="MSPR 2.0""#,
        "<cenc:pssh>AAAA",
        "<mspr:pro>",
    ];
    let clear_key = ["e2719d58", "1077efec", "Laurl", "94ce86fb"];
    check(&presentation, "stream.mpd", &own, &clear_key);
    let lines = [
        r#"KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed""#,
        r#"URI="data:text/plain;charset=UTF-16;base64,"#,
        r#"KEYFORMAT="com.microsoft.playready""#,
        r#"URI="skd://0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1""#,
    ];
    check(&presentation, "video/playlist.m3u8", &lines, &["clearkey"]);
    let both = delivered(
        &[ProtectionSystem::Common, systems[1].clone()],
        Scheme::Cenc,
    );
    check(
        &both,
        "stream.mpd",
        &["e2719d58", "9a04f079"],
        &["1077efec", "edef8ba9"],
    );
    let lines = ["org.w3.clearkey", "com.microsoft.playready"];
    check(&both, "video/playlist.m3u8", &lines, &["edef8ba9"]);
}

#[test]
fn manifest_repeats_what_is_given_word_for_word() {
    let given = GivenSystem {
        content_protection: Some("<x:y xmlns:x=\"urn:x\">a &amp; b</x:y>".into()),
        hls_media: Some("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"x://y\"".into()),
        ..GivenSystem::from_data([7; 16], b"data")
    };
    let given = delivered(&[ProtectionSystem::Given(given)], Scheme::Cbcs);
    let words = [
        "urn:uuid:07070707-0707-0707-0707-070707070707",
        "<cenc:pssh>",
        "<x:y xmlns:x=\"urn:x\">a &amp; b</x:y>",
    ];
    check(&given, "stream.mpd", &words, &["e2719d58", "mspr"]);
    let line = "\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"x://y\"\n";
    check(&given, "video/playlist.m3u8", &[line], &["clearkey"]);
}

#[test]
fn manifest_of_sound_alone_has_a_variant_of_its_own() {
    let one = presentation(vec![sound("audio", "eng")]);
    let variant =
        "BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\naudio/playlist.m3u8";
    check(
        &one,
        "master.m3u8",
        &[variant],
        &["EXT-X-MEDIA:", "RESOLUTION", "AUDIO="],
    );
    let two = presentation(vec![sound("audio-eng", "eng"), sound("audio-fra", "fra")]);
    check(
        &two,
        "master.m3u8",
        &[r#"AUDIO="audio""#, r#"NAME="French""#],
        &["RESOLUTION"],
    );
}

#[test]
fn presentation_fractions_are_in_lowest_terms() {
    assert_eq!(reduce(30, 12), (5, 2));
    assert_eq!(reduce(0, 5), (0, 1));
    assert_eq!(reduce(7, 0), (1, 0));
    assert_eq!(reduce(0, 0), (0, 0));
}
