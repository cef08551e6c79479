//! Labels, protection systems and CPIX on the command line.

use crate::media;
use crate::support::{KEY, KID, Run, Scratch, key};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

const OTHER: &str = "00112233445566778899aabbccddeeff:ffeeddccbbaa99887766554433221100";

fn package(scratch: &Scratch, arguments: &str) -> Run {
    let clip = media::clip();
    let words = ["package", clip.to_str().unwrap(), "-o", "out", "--json"];
    scratch.run(words.into_iter().chain(arguments.split_whitespace()))
}

/// Label and KID of every key in a report.
fn keys(report: &serde_json::Value) -> Vec<(Option<String>, String)> {
    let keys = report["keys"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    keys.map(|key| (text(&key["label"]), text(&key["kid"]).unwrap()))
        .collect()
}

/// Segments of both renditions must decrypt with these keys.
fn opens(scratch: &Scratch, keys: &str) {
    for name in ["video", "audio"] {
        let words =
            format!("decrypt out/{name}/init.mp4 out/{name}/1.m4s {keys} -o {name}.mp4 --force");
        scratch.words(&words).ok();
    }
    assert!(!media::frames(&scratch.path().join("video.mp4")).is_empty());
    assert!(!media::sound_hash(&scratch.path().join("audio.mp4")).is_empty());
}

#[test]
fn new_keys_are_made_for_labels_and_read_back() {
    let scratch = Scratch::new();
    let first = package(&scratch, "--key-labels audio,sd").ok().json();
    let made = keys(&first);
    let labels: Vec<_> = made.iter().map(|key| key.0.as_deref().unwrap()).collect();
    assert_eq!(labels, ["audio", "sd"]);
    let text = scratch.text("out.key");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("audio:") && lines[1].starts_with("sd:"));
    assert_eq!(lines.len(), 2);
    opens(&scratch, "--key-file out.key");
    let mpd = scratch.text("out/stream.mpd");
    assert!(made.iter().all(|(_, kid)| mpd.contains(kid)));

    let again = package(&scratch, "--key-file out.key --force").ok().json();
    assert_eq!(keys(&again), made);
    package(&scratch, "--key-labels hd --force")
        .fails(2, "no content key for 'video' (label 'sd')");
    package(&scratch, "--key-labels a_b --force").fails(2, "is no label");
}

#[test]
fn keys_of_several_labels_are_given_one_by_one() {
    let scratch = Scratch::new();
    let arguments = format!("--key audio:{} --key {OTHER}", key());
    let report = package(&scratch, &arguments).ok().json();
    let labels: Vec<_> = keys(&report).into_iter().map(|key| key.0).collect();
    assert_eq!(labels, [Some("audio".to_string()), None]);
    // What a key is for is no matter when it opens something.
    opens(&scratch, &format!("--key audio:{} --key {OTHER}", key()));
    let decrypt = format!("decrypt out/audio/init.mp4 out/audio/1.m4s --key {OTHER} -o x.mp4");
    scratch
        .words(&decrypt)
        .fails(2, &format!("no key for KID {KID}"));
    let wrong = format!("--key video:{} --force", key());
    package(&scratch, &wrong).fails(2, "there is no content key for 'audio'");
    let wrong = format!("--key audio-fra:{} --key {OTHER} --force", key());
    package(&scratch, &wrong).fails(2, "key for 'audio-fra', and no such rendition");
    let wrong = format!("--key nothing_known:{}", key());
    let run = package(&scratch, &wrong).fails(2, "the LABEL is none of");
    assert!(!run.stderr().contains(KEY));
}

#[test]
fn systems_are_in_the_package() {
    let scratch = Scratch::new();
    let arguments = format!(
        "--key {} --protection-systems common,widevine,playready,fairplay --widevine-provider me \
         --playready-la-url https://example.org/?a=1&b=2 --fairplay-uri skd://x/{{kid-uuid}} \
         --pssh 0000002070737368000000000707070707070707070707070707070700000000",
        key()
    );
    package(&scratch, &arguments).ok();
    let run = scratch.words("inspect out/video/init.mp4 --boxes").ok();
    let systems = [
        "system=common",
        "system=Widevine",
        "system=PlayReady",
        "provider=me",
    ];
    for part in systems {
        assert!(run.stdout().contains(part), "{part}: {}", run.stdout());
    }
    assert!(run.stdout().contains("a=1&amp;b=2</LA_URL>"));
    assert!(
        run.stdout()
            .contains(&format!("system_id={}", "07".repeat(16)))
    );
    let mpd = scratch.text("out/stream.mpd");
    for part in ["value=\"Widevine\"", "<mspr:pro>", "urn:uuid:07070707-0707"] {
        assert!(mpd.contains(part), "{part}");
    }
    let playlist = scratch.text("out/video/playlist.m3u8");
    let uri = "URI=\"skd://x/a16e402b-9056-e371-f36d-348aa62bb749\"";
    assert!(playlist.contains(uri), "{playlist}");
}

#[test]
fn options_that_would_be_lost_are_refused() {
    let scratch = Scratch::new();
    for (arguments, message) in [
        ("--protection-systems nagra", "--pssh is for other systems"),
        ("--playready-la-url https://x.example", "without playready"),
        ("--fairplay-uri skd://a", "without fairplay"),
        ("--widevine-provider a", "without widevine"),
        (
            "--protection-systems widevine --license-url https://x.example",
            "without common",
        ),
        (
            "--scheme none --protection-systems widevine",
            "leave out the protection systems",
        ),
        ("--scheme none --key-labels hd", "leave out the key"),
        ("--scheme cenc --protection-systems fairplay", "cbcs alone"),
        ("--protection-systems playready:4.0", "use version 4.3"),
        ("--pssh 00000020707373", "no pssh box"),
        ("--cpix-out out/keys.xml", "name another place"),
        ("--key-rotation 0.1", "from 1 to 86400"),
        ("--clear-lead 99999", "from 0 to 86400"),
    ] {
        let run = package(&scratch, arguments);
        assert_eq!(run.code(), Some(2), "{arguments}: {}", run.stderr());
        assert!(run.stderr().contains(message), "{}", run.stderr());
    }
    package(&scratch, "--pssh missing.bin").fails(74, "missing.bin");
    assert!(scratch.snapshot().is_empty());
}

#[test]
fn a_cpix_document_is_written_for_its_owner_and_packages_alike() {
    let scratch = Scratch::new();
    let arguments = "--key-labels audio,sd --protection-systems widevine --cpix-out keys.xml";
    let first = package(&scratch, arguments).ok().json();
    assert_eq!(first["cpix_file"], "keys.xml");
    let path = scratch.path().join("keys.xml");
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let playlist = scratch.text("out/video/playlist.m3u8");

    let second = package(&scratch, "--cpix keys.xml --force").ok().json();
    let mut kids = [keys(&first), keys(&second)]
        .map(|keys| keys.into_iter().map(|key| key.1).collect::<Vec<_>>());
    kids.iter_mut().for_each(|kids| kids.sort());
    assert_eq!(kids[0], kids[1]);
    assert_eq!(scratch.text("out/video/playlist.m3u8"), playlist);
    opens(&scratch, "--cpix keys.xml");

    let refused = package(&scratch, "--cpix keys.xml --scheme cenc --force");
    refused.fails(2, "the CPIX document asks for cbcs");
    let taken = Scratch::new();
    taken.write("keys.xml", "");
    package(&taken, "--cpix-out keys.xml").fails(2, "keys.xml is there already");
    scratch.write("broken.xml", "<CPIX");
    package(&scratch, "--cpix broken.xml --force").fails(65, "--cpix broken.xml: line 1");
}

#[test]
fn schemes_without_hls_say_so() {
    let scratch = Scratch::new();
    for scheme in ["cens", "cbc1"] {
        let run = package(&scratch, &format!("--scheme {scheme} --force")).ok();
        assert_eq!(run.json()["scheme"], scheme);
        assert!(run.json()["hls"].is_null());
        let warnings = run.json()["warnings"].to_string();
        assert!(warnings.contains("HLS has no METHOD"), "{warnings}");
        assert!(!scratch.path().join("out/master.m3u8").exists());
        opens(&scratch, "--key-file out.key");
    }
}

#[test]
fn decrypted_goes_to_stdout() {
    let scratch = Scratch::new();
    package(&scratch, &format!("--key {}", key())).ok();
    let words = format!("decrypt out/video/init.mp4 out/video/1.m4s --key {}", key());
    let file = scratch.words(&format!("{words} -o file.mp4")).ok();
    assert_eq!(file.stdout(), "file.mp4\n");
    let piped = scratch.words(&format!("{words} -o -"));
    assert_eq!(piped.code(), Some(0), "{}", piped.stderr());
    let bytes = std::fs::read(scratch.path().join("file.mp4")).unwrap();
    assert_eq!(piped.0.stdout, bytes);
    scratch
        .words(&format!("{words} -o - --json"))
        .fails(2, "fills stdout");
    // A reader that leaves is no error.
    let mut child = scratch
        .command()
        .args(format!("{words} -o - -q").split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 8];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let run = Run(child.wait_with_output().unwrap());
    assert_eq!((run.code(), run.stderr()), (Some(0), ""));
}

/// The clip lasts 4 s and has a key picture every second.
#[test]
fn keys_change_and_the_beginning_stays_clear() {
    let scratch = Scratch::new();
    let arguments = "--segment-duration 1 --key-rotation 2 --clear-lead 1 --cpix-out keys.xml";
    let report = package(&scratch, arguments).ok().json();
    let made = keys(&report);
    assert_eq!(made.len(), 2, "{made:?}");
    let playlist = scratch.text("out/video/playlist.m3u8");
    assert!(playlist.contains("#EXT-X-KEY:METHOD=NONE"), "{playlist}");
    let tags = made.iter().map(|(_, kid)| kid.replace('-', ""));
    let tags: Vec<String> = tags.map(|kid| format!("KEYID=0x{kid}")).collect();
    assert!(tags.iter().all(|tag| playlist.contains(tag)), "{playlist}");

    let again = "--segment-duration 1 --key-rotation 2 --cpix keys.xml --force";
    let kids = |report| {
        let keys = keys(&report).into_iter();
        keys.map(|key| key.1)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let report = package(&scratch, again).ok().json();
    assert_eq!(kids(report), made.into_iter().map(|key| key.1).collect());
    let segments: Vec<String> = (1..=4).map(|n| format!("out/video/{n}.m4s")).collect();
    let words = format!(
        "decrypt out/video/init.mp4 {} --key-file out.key -o whole.mp4",
        segments.join(" ")
    );
    scratch.words(&words).ok();
    let whole = media::frames(&scratch.path().join("whole.mp4"));
    assert_eq!(whole, media::frames(&media::clip()));

    let lost = "--cpix keys.xml --force";
    package(&scratch, lost).fails(2, "2 periods: say with --key-rotation");
    let two = "--key-file out.key --force";
    package(&scratch, two).fails(2, "holds 2 keys without a label");
}

#[test]
fn a_clear_lead_that_covers_all_is_told_and_no_fault() {
    let scratch = Scratch::new();
    let run = package(&scratch, "--clear-lead 60").ok();
    assert!(
        run.stderr().contains("nothing is encrypted"),
        "{}",
        run.stderr()
    );
    let verified = scratch.words("verify out --key-file out.key").ok();
    assert!(
        verified.stdout().contains("leaves nothing of it encrypted"),
        "{}",
        verified.stdout()
    );
}
