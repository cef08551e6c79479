//! Protection systems: their init data are, byte for byte, those of Shaka Packager, and manifests repeat them.

use crate::golden;
use crate::movie_builder::TestMovie;
use crate::package::{Package, content_key, options};
use crate::reader::top_level;
use crate::tools::{SHAKA_PACKAGER, Scratch, media, succeed, tool};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bmff::BoxView;
use bmff::boxes::Pssh;
use packager::{
    FairPlayOptions, GivenSystem, HlsKey, Options, PlayReadyOptions, ProtectionSystem, Scheme,
    WidevineOptions,
};

/// What Shaka Packager makes of a picture, with every system that it and we know.
struct Sealed {
    /// Whole `pssh` boxes, sorted.
    pssh: Vec<Vec<u8>>,
    mpd: String,
    playlist: String,
}

fn sealed_by_shaka(scheme: Scheme) -> Sealed {
    let scratch = Scratch::new();
    let (output, mpd) = (scratch.path("picture.mp4"), scratch.path("stream.mpd"));
    let master = scratch.path("master.m3u8");
    let stream = format!(
        "in={},stream=video,output={},playlist_name=picture.m3u8",
        media("clip.mp4").display(),
        output.display()
    );
    let key = content_key();
    let value: String = key.value.iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = format!("label=:key_id={}:key={value}", key.kid.hex());
    let systems = match scheme {
        Scheme::Cbcs => "Widevine,PlayReady,CommonSystem,FairPlay",
        _ => "Widevine,PlayReady,CommonSystem",
    };
    let mpd_path = mpd.display().to_string();
    let mut arguments = vec![
        stream.as_str(),
        "--quiet",
        "--enable_raw_key_encryption",
        "--protection_scheme",
        scheme.fourcc(),
        "--clear_lead",
        "0",
        "--protection_systems",
        systems,
        "--keys",
        &keys,
        "--mpd_output",
        &mpd_path,
    ];
    let master = master.display().to_string();
    // It ends badly when it is asked for playlists of a scheme that HLS does not know.
    if scheme.hls_method().is_some() {
        arguments.extend(["--hls_master_playlist_output", &master]);
    }
    succeed(&tool(SHAKA_PACKAGER), &arguments, None);
    let bytes = std::fs::read(&output).expect("its output");
    let mut pssh = Vec::new();
    let moov = top_level(&bytes)
        .into_iter()
        .filter(|view| view.kind == b"moov");
    for moov in moov {
        for child in moov.children().map(Result::unwrap) {
            if child.kind == b"pssh" {
                let start = child.offset as usize;
                pssh.push(bytes[start..start + child.size() as usize].to_vec());
            }
        }
    }
    pssh.sort();
    Sealed {
        pssh,
        mpd: std::fs::read_to_string(&mpd).expect("its MPD"),
        playlist: match scheme.hls_method() {
            Some(_) => std::fs::read_to_string(scratch.path("picture.m3u8")).expect("a playlist"),
            None => String::new(),
        },
    }
}

fn systems() -> [ProtectionSystem; 3] {
    [
        ProtectionSystem::Common,
        ProtectionSystem::Widevine(WidevineOptions::default()),
        ProtectionSystem::PlayReady(PlayReadyOptions::default()),
    ]
}

/// An attribute of a line of a playlist.
fn attribute<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("{name}=\"")).expect("it is there");
    rest.split('"').next().unwrap()
}

fn compare_playlist(playlist: &str, key: &HlsKey, method: &str) {
    let [our] = key.lines(method).try_into().expect("one line");
    let format = attribute(&our, "KEYFORMAT").to_owned();
    let wanted = format!("KEYFORMAT=\"{format}\"");
    let their = playlist.lines().find(|line| line.contains(&wanted));
    let their = their.unwrap_or_else(|| panic!("no line of {format}"));
    for name in ["URI", "KEYFORMATVERSIONS"] {
        // What stands behind skd:// is between a server and its players: there it is base64 of the KID.
        if name != "URI" || !our.contains("skd://") {
            assert_eq!(attribute(&our, name), attribute(their, name), "{format}");
        }
    }
    assert!(their.contains(&format!("METHOD={method},")), "{their}");
    assert!(our.contains(&format!("METHOD={method},")), "{our}");
}

#[test]
fn init_data_of_systems_are_those_of_shaka_packager() {
    for scheme in [Scheme::Cbcs, Scheme::Cenc, Scheme::Cens, Scheme::Cbc1] {
        let theirs = sealed_by_shaka(scheme);
        let inits = systems().map(|system| system.init(&[content_key()], scheme));
        let inits = inits.map(|init| init.unwrap().expect("it has something to say"));
        let mut ours: Vec<_> = inits.iter().flat_map(|init| init.pssh.clone()).collect();
        ours.sort();
        assert_eq!(ours, theirs.pssh, "{scheme:?}");
        for mpd in inits.iter().flat_map(|init| &init.mpd) {
            let pssh = format!("<cenc:pssh>{}</cenc:pssh>", mpd.pssh.as_ref().unwrap());
            assert!(theirs.mpd.contains(&pssh), "{scheme:?}: {pssh}");
            if let Some(object) = &mpd.playready_object {
                let object = format!("<mspr:pro>{object}</mspr:pro>");
                assert!(theirs.mpd.contains(&object), "{scheme:?}: {object}");
            }
        }
        let Some(method) = scheme.hls_method() else {
            continue;
        };
        for system in systems() {
            if let Some(key) = system.hls_key(&content_key(), scheme).unwrap() {
                compare_playlist(&theirs.playlist, &key, method);
            }
        }
        if scheme == Scheme::Cbcs {
            let system = ProtectionSystem::FairPlay(FairPlayOptions::default());
            let key = system.hls_key(&content_key(), scheme).unwrap().unwrap();
            compare_playlist(&theirs.playlist, &key, method);
        }
    }
}

/// What is asked for in the golden package: everything at once.
fn asked_for() -> Options {
    Options {
        systems: vec![
            ProtectionSystem::Common,
            ProtectionSystem::Widevine(WidevineOptions {
                provider: Some("provider".into()),
                content_id: Some(b"content".to_vec()),
                policy: None,
            }),
            ProtectionSystem::PlayReady(PlayReadyOptions {
                version: None,
                license_url: Some("https://example.org/rightsmanager.asmx?a=1&b=2".into()),
            }),
            ProtectionSystem::FairPlay(FairPlayOptions::default()),
            ProtectionSystem::Given(GivenSystem::from_data([7; 16], b"some data")),
        ],
        ..options(Some(Scheme::Cbcs))
    }
}

#[test]
fn golden_systems() {
    let movie = TestMovie::ordinary();
    let package = Package::make(&movie.source(), &asked_for()).expect("packages");
    golden::compare("systems", &golden::dump(&package));
}

/// Checks 31 and 32: every system of the MPD but ClearKey brings the box of the init segment, the common system is
/// in the init segment alone, and the PlayReady Object is the data of its box.
#[test]
fn the_mpd_and_the_init_segment_say_the_same() {
    let movie = TestMovie::ordinary();
    let package = Package::make(&movie.source(), &asked_for()).expect("packages");
    let mpd = dash_mpd_core::parse(&package.manifests["stream.mpd"]).expect("an MPD");
    let sets = &mpd.periods[0].adaptations;
    // The trick mode shows a rendition once more.
    for (index, set) in package.indices().zip(sets) {
        let init = package.rendition(index)[0];
        let moov = &top_level(init)[1];
        let children: Vec<_> = moov.children().map(Result::unwrap).collect();
        let kinds: Vec<String> = children
            .iter()
            .map(|child| child.kind.to_string())
            .collect();
        let boxes = kinds.iter().position(|kind| kind == "pssh").unwrap();
        assert_eq!(kinds[boxes - 1], "mvex");
        assert!(kinds[boxes..].iter().all(|kind| kind == "pssh"));
        let text = |child: &BoxView<'_>| {
            let start = child.offset as usize;
            STANDARD.encode(&init[start..start + child.size() as usize])
        };
        let in_init: Vec<String> = children[boxes..].iter().map(text).collect();
        let [scheme, clear_key, named @ ..] = set.ContentProtection.as_slice() else {
            panic!("two elements and more are due");
        };
        assert!(scheme.cenc_pssh.is_empty() && clear_key.cenc_pssh.is_empty());
        let in_mpd: Vec<&str> = named
            .iter()
            .flat_map(|element| &element.cenc_pssh)
            .filter_map(|pssh| pssh.content.as_deref())
            .collect();
        assert_eq!(in_init[1..], in_mpd);
        let playready = named.iter().find(|element| element.msprpro.is_some());
        let object = playready.unwrap().msprpro.as_ref().unwrap();
        let object = STANDARD.decode(object.content.as_deref().unwrap()).unwrap();
        let data = Pssh::parse(&children[boxes + 2]).unwrap().data;
        assert_eq!(object, data);
    }
}

#[test]
fn other_peoples_reader_finds_the_key_lines() {
    let movie = TestMovie::ordinary();
    let package = Package::make(&movie.source(), &asked_for()).expect("packages");
    let text = &package.manifests["video/playlist.m3u8"];
    let playlist = m3u8_rs::parse_media_playlist_res(text.as_bytes()).expect("a playlist");
    assert!(playlist.segments[0].key.is_some());
    let lines = text.lines().filter(|line| line.starts_with("#EXT-X-KEY:"));
    let formats: Vec<&str> = lines.map(|line| attribute(line, "KEYFORMAT")).collect();
    assert_eq!(
        formats,
        [
            "org.w3.clearkey",
            "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
            "com.microsoft.playready",
            "com.apple.streamingkeydelivery"
        ]
    );
}

#[test]
fn a_system_that_cannot_deliver_is_refused_by_the_plan() {
    let movie = TestMovie::ordinary();
    let refused = Options {
        scheme: Some(Scheme::Cenc),
        ..asked_for()
    };
    let error = Package::make(&movie.source(), &refused).err();
    let error = error.expect("FairPlay under cenc").to_string();
    assert!(error.contains("cbcs alone"), "{error}");
}
