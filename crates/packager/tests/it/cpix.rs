//! CPIX documents as the source of keys and as output.

use crate::movie_builder::{Audio, TestMovie, Video, audio, video};
use crate::package::{Package, content_key, options};
use crate::reader::Init;
use packager::{
    ContentKey, Cpix, FairPlayOptions, KeyId, Label, LabelledKey, Movie, Options, PlayReadyOptions,
    ProtectionSystem, Scheme, Source, WidevineOptions,
};

fn key(number: u8) -> ContentKey {
    ContentKey {
        kid: KeyId([number; 16]),
        value: [number + 100; 16],
    }
}

/// 320 × 192 and 1280 × 720, and two languages.
fn movies() -> [TestMovie; 2] {
    let mut large = Video {
        seed: 5,
        bytes: (0, 20),
        ..Video::default()
    };
    large.sps.width_in_macroblocks = 80;
    large.sps.height_in_map_units = 45;
    let french = Audio {
        language: *b"fra",
        seed: 9,
        ..Audio::default()
    };
    let english = Audio {
        language: *b"eng",
        ..Audio::default()
    };
    [
        TestMovie::new(vec![
            video(1, &Video::default()),
            audio(2, &english),
            audio(3, &french),
        ]),
        TestMovie::new(vec![video(1, &large)]),
    ]
}

fn probe(movies: &[TestMovie]) -> Vec<Movie> {
    let probe = |movie: &TestMovie| packager::probe(&movie.source()).expect("it is sound");
    movies.iter().map(probe).collect()
}

fn package(movies: &[TestMovie], options: &Options) -> Package {
    let sources: Vec<_> = movies.iter().map(TestMovie::source).collect();
    let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
    Package::of_all(&sources, options).expect("packages")
}

/// A document with keys 1 to 3 and these periods and rules.
fn document(periods: &str, rules: &str) -> String {
    let keys: String = (1..=3)
        .map(|number| {
            let value = base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                key(number).value,
            );
            format!(
                r#"<ContentKey kid="{}"><Data><k:Secret><k:PlainValue>{value}</k:PlainValue></k:Secret></Data></ContentKey>"#,
                key(number).kid.uuid()
            )
        })
        .collect();
    format!(
        r#"<CPIX xmlns="urn:dashif:org:cpix" xmlns:k="urn:ietf:params:xml:ns:keyprov:pskc"><ContentKeyList>{keys}</ContentKeyList><ContentKeyPeriodList>{periods}</ContentKeyPeriodList><ContentKeyUsageRuleList>{rules}</ContentKeyUsageRuleList></CPIX>"#
    )
}

fn rule(number: u8, track_type: &str, filters: &str) -> String {
    let kid = key(number).kid.uuid();
    let track_type = match track_type {
        "" => String::new(),
        track_type => format!(" intendedTrackType=\"{track_type}\""),
    };
    format!(r#"<ContentKeyUsageRule kid="{kid}"{track_type}>{filters}</ContentKeyUsageRule>"#)
}

/// The keys that renditions get: name and number.
fn assigned(text: &str) -> Result<Vec<(String, u8)>, String> {
    let cpix = Cpix::parse(text).map_err(|error| error.to_string())?;
    let keys = cpix.labelled_keys(&probe(&movies()), &Options::default());
    let keys = keys.map_err(|error| error.to_string())?;
    Ok(keys
        .into_iter()
        .map(|key| (key.label.unwrap().to_string(), key.key.kid.0[0]))
        .collect())
}

#[track_caller]
fn check(rules: &[String], expect: &[(&str, u8)]) {
    let found = assigned(&document("", &rules.concat())).unwrap();
    let found = found.iter().map(|(name, number)| (name.as_str(), *number));
    let found: Vec<_> = found.collect();
    assert_eq!(found, expect);
}

#[track_caller]
fn refused(periods: &str, rules: &[String], words: &str) {
    let error = assigned(&document(periods, &rules.concat())).unwrap_err();
    assert!(error.contains(words), "{error}");
}

const HD: &str = "video-720p";
const SD: &str = "video-192p";

#[test]
fn rules_give_keys_by_type_filter_and_name() {
    let all = |hd, sd, eng, fra| [(SD, sd), (HD, hd), ("audio-eng", eng), ("audio-fra", fra)];
    let by_type = [rule(1, "HD", ""), rule(2, "SD", ""), rule(3, "AUDIO", "")];
    check(&by_type, &all(1, 2, 3, 3));
    check(&[rule(2, "ALL", "")], &all(2, 2, 2, 2));
    check(&[rule(2, "", "")], &all(2, 2, 2, 2));
    check(
        &[rule(1, "SD+HD", ""), rule(3, "AUDIO", "")],
        &all(1, 1, 3, 3),
    );
    // Borders of the key server's own: the filter says what SD means.
    let filters = [
        rule(1, "HD", "<VideoFilter minPixels=\"61441\"/>"),
        rule(2, "SD", "<VideoFilter maxPixels=\"61440\"/>"),
        rule(3, "STEREO_AUDIO", "<AudioFilter maxChannels=\"2\"/>"),
    ];
    check(&filters, &all(1, 2, 3, 3));
    let rates = [
        rule(
            1,
            "X",
            "<VideoFilter maxFps=\"30\" hdr=\"false\" wcg=\"false\"/>",
        ),
        rule(
            2,
            "Y",
            "<VideoFilter minFps=\"30\"/><VideoFilter hdr=\"true\"/>",
        ),
        rule(3, "", "<LabelFilter label=\"audio\"/>"),
    ];
    check(&rates, &all(1, 1, 3, 3));
    let names = [
        rule(1, "VIDEO", ""),
        rule(2, "audio-fra", ""),
        rule(3, "", "<LabelFilter label=\"audio-eng\"/>"),
    ];
    let error = assigned(&document("", &names.concat())).unwrap_err();
    assert!(error.contains("known to the key server alone"), "{error}");
}

#[test]
fn rules_that_do_not_decide_are_refused() {
    refused("", &[], "3 keys and no ContentKeyUsageRule");
    refused(
        "",
        &[rule(1, "VIDEO", "")],
        "gives 'audio-eng' (audio) a key",
    );
    let twice = [rule(1, "ALL", ""), rule(2, "AUDIO", "")];
    refused("", &twice, "gives 'audio-eng' a key, and so does another");
    refused(
        "",
        &[rule(1, "UHD+HFR", "")],
        "'UHD+HFR' is known to the key server alone",
    );
    let periods = "<ContentKeyPeriod id=\"a\"/><ContentKeyPeriod id=\"b\"/>";
    let half = [rule(1, "ALL", "<KeyPeriodFilter periodId=\"a\"/>")];
    refused(periods, &half, "keys for 1 of the 2 periods");
    let both = [half[0].clone(), rule(2, "ALL", "")];
    refused(periods, &both, "with and without periods");
}

#[test]
fn periods_are_in_the_order_of_their_index() {
    let periods =
        "<ContentKeyPeriod id=\"late\" index=\"2\"/><ContentKeyPeriod id=\"early\" index=\"1\"/>";
    let rules = [
        rule(1, "ALL", "<KeyPeriodFilter periodId=\"late\"/>"),
        rule(2, "ALL", "<KeyPeriodFilter periodId=\"early\"/>"),
    ];
    let found = assigned(&document(periods, &rules.concat())).unwrap();
    let of_hd: Vec<u8> = found
        .iter()
        .filter(|key| key.0 == HD)
        .map(|key| key.1)
        .collect();
    assert_eq!(of_hd, [2, 1]);
}

/// The KID of each rendition, by its name.
fn kids(package: &Package) -> Vec<(String, u8)> {
    let renditions = (0..).zip(package.plan.renditions());
    renditions
        .map(|(index, rendition)| {
            let init = Init::read(package.rendition(index)[0]);
            (rendition.name.clone(), init.tenc().unwrap().kid[0])
        })
        .collect()
}

fn labelled(label: Option<Label>, number: u8) -> LabelledKey {
    LabelledKey {
        label,
        key: key(number),
    }
}

#[test]
fn what_is_written_is_read_back_to_the_same_package() {
    let given = Options {
        content_keys: vec![
            labelled(Some(Label::Hd), 1),
            labelled(None, 2),
            labelled(Some(Label::Rendition("audio-fra".into())), 3),
        ],
        systems: vec![
            ProtectionSystem::Common,
            ProtectionSystem::Widevine(WidevineOptions::default()),
            ProtectionSystem::PlayReady(PlayReadyOptions::default()),
            ProtectionSystem::FairPlay(FairPlayOptions::default()),
        ],
        license_url: None,
        ..options(Some(Scheme::Cbcs))
    };
    let movies = movies();
    let before = package(&movies, &given);
    let text = packager::write_cpix(&before.plan, &given, Some("a \"film\" & more")).unwrap();
    let cpix = Cpix::parse(&text).expect("our own document");
    assert_eq!(cpix.content_id.as_deref(), Some("a \"film\" & more"));
    assert_eq!(cpix.scheme().unwrap(), Some(Scheme::Cbcs));
    let read = Options {
        content_keys: cpix.labelled_keys(&probe(&movies), &given).unwrap(),
        systems: cpix.systems(),
        ..given
    };
    let after = package(&movies, &read);
    assert_eq!(
        kids(&after),
        [(SD, 2), (HD, 1), ("audio-eng", 2), ("audio-fra", 3)]
            .map(|(name, number)| (name.to_string(), number))
    );
    assert_eq!(before.objects, after.objects);
    let playlists = |package: &Package| {
        let mut manifests = package.manifests.clone();
        manifests.remove("stream.mpd");
        manifests
    };
    assert_eq!(playlists(&before), playlists(&after));
    // The same data in other words: there the elements declare their own namespaces.
    let mpd = &after.manifests["stream.mpd"];
    for part in [
        "<pssh xmlns=\"urn:mpeg:cenc:2013\">",
        "<pro xmlns=\"urn:microsoft:playready\">",
    ] {
        assert!(mpd.contains(part), "{part}");
    }
    dash_mpd_core::parse(mpd).expect("an MPD");
}

#[test]
fn a_document_of_one_key_says_that_it_is_for_all() {
    let movies = &movies()[..1];
    let given = options(Some(Scheme::Cenc));
    let before = package(movies, &given);
    let text = packager::write_cpix(&before.plan, &given, None).unwrap();
    let keys = Cpix::parse(&text)
        .unwrap()
        .labelled_keys(&probe(movies), &given);
    let keys = keys.unwrap();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| key.key == content_key()));
    assert!(packager::write_cpix(&before.plan, &options(None), None).is_err());
}
