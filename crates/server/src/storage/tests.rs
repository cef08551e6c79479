use super::*;
use std::collections::HashSet;

fn storage() -> (tempfile::TempDir, Storage) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let storage = Storage::open(dir.path(), &StorageConfig::default()).expect("a storage");
    (dir, storage)
}

fn put(package: &PackageStore, path: &str, bytes: &[u8]) {
    package
        .put(path, bytes.len() as u64, |file| file.write_all(bytes))
        .expect("written");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let (dir, storage) = storage();
    let config = StorageConfig::default();
    let second = Storage::open(dir.path(), &config);
    assert!(matches!(second, Err(OpenError::Held(_))));
    Storage::attach(dir.path(), &config).expect("beside a server");
    drop(storage);
    Storage::open(dir.path(), &config).expect("free again");
}

#[test]
fn an_upload_that_is_dropped_leaves_nothing() {
    let (_dir, storage) = storage();
    let mut upload = storage.receive().expect("a new upload");
    upload.write(b"half").expect("written");
    drop(upload);
    let mut upload = storage.receive().expect("a new upload");
    upload.write(b"whole").expect("written");
    let kept = upload.keep(&storage).expect("kept");
    let (origin, recorded) = (kept.origin.clone(), kept.recorded.clone());
    assert_eq!(recorded.size, 5);
    drop(kept);
    assert!(storage.source(&origin, &recorded).is_err());
    for name in [INCOMING, SOURCES] {
        let left = folder::entries(&storage.root.join(name)).expect("listed");
        assert_eq!(left.len(), 0);
    }
}

#[test]
fn a_kept_source_has_its_hash() {
    let (_dir, storage) = storage();
    let mut upload = storage.receive().expect("a new upload");
    upload.write(b"ab").expect("written");
    upload.write(b"c").expect("written");
    let kept = upload.keep(&storage).expect("kept");
    // The first test vector of FIPS 180-2.
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(kept.recorded.sha256, digest);
    let (origin, recorded) = (kept.origin.clone(), kept.recorded.clone());
    kept.done();
    storage.source(&origin, &recorded).expect("still there");
}

#[test]
fn paths_of_a_package_stay_inside() {
    let (_dir, storage) = storage();
    let package = storage.package("code");
    for path in ["stream.mpd", "video/1.m4s", "audio-fra/init.mp4"] {
        assert!(package.open(path).expect("a path of a package").is_none());
    }
    for path in [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../x",
        "../hashes.json",
        "video/../x",
        "video/..",
        "a/b/c",
        "video//1.m4s",
        ".1.tmp",
        "video/.1.tmp",
        "a\\b",
        "a\0b",
        "video/",
        "ä.mp4",
    ] {
        assert!(package.open(path).is_err(), "{path:?}");
    }
}

#[test]
fn the_sweep_deletes_what_nobody_names() {
    let (dir, storage) = storage();
    for code in ["kept", "lost"] {
        let package = storage.package(code);
        put(&package, "video/1.m4s", b"head and payload");
        package.seal().expect("durable");
    }
    let video = dir.path().join("packages/kept/dash/video");
    // Of a process of another boot, and of this one.
    std::fs::write(video.join(".0123-9-1.tmp"), "half").expect("written");
    let writing = storage.package("kept").put("video/2.m4s", 9, |file| {
        file.write_all(b"some more")?;
        assert_eq!(storage.sweep_temporary(0)?, 1);
        Ok::<_, io::Error>(())
    });
    writing.expect("the sweep spares what is being written");
    std::fs::write(dir.path().join("sources/young"), "x").expect("written");
    let known = Known {
        origins: HashSet::new(),
        codes: HashSet::from(["kept".to_owned()]),
        failed: HashSet::new(),
        unfinished: HashSet::from(["young".to_owned()]),
    };
    let candidates = storage.candidates(60_000).expect("listed");
    assert_eq!(storage.sweep(&candidates, &known).expect("swept"), 1);
    let candidates = storage.candidates(0).expect("listed");
    assert_eq!(storage.sweep(&candidates, &known).expect("swept"), 1);
    let package = storage.package("kept");
    assert_eq!(package.list().expect("listed").len(), 3);
    assert!(storage.package("lost").list().expect("listed").is_empty());
}

#[test]
fn parts_stay_as_long_as_their_package_is_made() {
    let (dir, storage) = storage();
    let scratch = storage.scratch("run_me").expect("a folder");
    let file = scratch.path().join("1.mp4");
    std::fs::write(&file, "a chunk").expect("written");
    for code in ["young", "old"] {
        let recorded = storage.parts(code).put("1.mp4", &file).expect("put");
        assert_eq!(recorded, Recorded::of(b"a chunk"));
        let key = storage.parts(code).key("1.mp4");
        let local = storage.local(&key, &recorded, "run_me").expect("there");
        assert_eq!(std::fs::read(local.path()).expect("read"), b"a chunk");
    }
    let known = Known {
        unfinished: HashSet::from(["young".to_owned()]),
        ..Known::default()
    };
    let candidates = storage.candidates(0).expect("listed");
    assert_eq!(storage.sweep(&candidates, &known).expect("swept"), 1);
    assert!(dir.path().join("parts/young/1.mp4").exists());
    assert!(!dir.path().join("parts/old").exists());
    storage.parts("young").remove().expect("removed");
    storage.parts("young").remove().expect("nothing to remove");
    assert!(!dir.path().join("parts/young").exists());

    assert_eq!(storage.scratch_owners().expect("listed"), ["run_me"]);
    drop(scratch);
    storage.remove_scratch("run_me").expect("removed");
    assert!(storage.scratch_owners().expect("listed").is_empty());
}

#[tokio::test]
async fn a_sealed_package_lists_its_hashes() {
    let (dir, storage) = storage();
    let package = storage.package("code");
    put(&package, "stream.mpd", b"abc");
    put(&package, "video/1.m4s", b"");
    let error = package.seal().expect_err("an empty object").to_string();
    assert!(error.contains("video/1.m4s"), "{error}");
    put(&package, "video/1.m4s", b"abc");
    std::fs::write(dir.path().join("packages/code/dash/other"), "x").expect("written");
    let sealed = package.seal().expect("sealed");
    let (hashes, of_list) = package.hashes().await.expect("read").expect("a list");
    assert_eq!(sealed.bytes, 6 + of_list.size);
    assert_eq!(of_list.sha256, sealed.hashes_sha256);
    let names: Vec<_> = hashes.objects.keys().collect();
    assert_eq!(names, ["dash/stream.mpd", "dash/video/1.m4s"]);
    assert_eq!(hashes.objects["dash/stream.mpd"], Recorded::of(b"abc"));
    assert!(!dir.path().join("packages/code/dash/other").exists());
}

/// S6: what it costs to publish a long package. One sync a file after another would take seconds on most disks.
#[test]
fn a_thousand_objects_become_durable_in_one_pass() {
    let (_dir, storage) = storage();
    let package = storage.package("code");
    let segment = vec![7; 200 << 10];
    for number in 0..1000 {
        put(&package, &format!("video/{number}.m4s"), &segment);
    }
    let began = std::time::Instant::now();
    package.seal().expect("sealed");
    let took = began.elapsed();
    println!("1000 objects of 200 KiB became durable in {took:?}");
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
}

#[test]
fn equal_bytes_stay_and_others_are_replaced() {
    use std::os::unix::fs::MetadataExt;
    let (dir, storage) = storage();
    let package = storage.package("code");
    let inode = || {
        let path = dir.path().join("packages/code/dash/1.m4s");
        std::fs::metadata(path).expect("a file").ino()
    };
    put(&package, "1.m4s", b"abc");
    let first = inode();
    put(&package, "1.m4s", b"abc");
    assert_eq!(inode(), first, "what may be published is not touched");
    put(&package, "1.m4s", b"abd");
    assert_ne!(inode(), first);
}
