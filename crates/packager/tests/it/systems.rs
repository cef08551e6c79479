//! Init data of protection systems are, byte for byte, those of Shaka Packager.

use crate::package::content_key;
use crate::reader::top_level;
use crate::tools::{SHAKA_PACKAGER, Scratch, media, succeed, tool};
use packager::{
    FairPlayOptions, HlsKey, PlayReadyOptions, ProtectionSystem, Scheme, WidevineOptions,
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
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
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
