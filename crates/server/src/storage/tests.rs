use super::*;

fn storage() -> (tempfile::TempDir, Storage) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let storage = Storage::open(dir.path()).expect("a storage");
    (dir, storage)
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let (dir, storage) = storage();
    assert!(matches!(Storage::open(dir.path()), Err(OpenError::Held(_))));
    drop(storage);
    Storage::open(dir.path()).expect("free again");
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
    let origin = kept.origin.clone();
    assert_eq!(kept.size, 5);
    drop(kept);
    assert!(storage.source(&origin).is_err());
    for folder in [INCOMING, SOURCES] {
        assert_eq!(
            entries(&storage.root.join(folder)).expect("listed").len(),
            0
        );
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
    assert_eq!(kept.sha256, digest);
    let origin = kept.origin.clone();
    kept.done();
    storage.source(&origin).expect("still there");
}

#[test]
fn paths_of_a_package_stay_inside() {
    let (_dir, storage) = storage();
    let package = storage.package("code");
    for path in ["stream.mpd", "video/1.m4s", "audio-fra/init.mp4"] {
        package.file(path).expect("a path of a package");
    }
    for path in [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../x",
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
        assert!(package.file(path).is_err(), "{path:?}");
    }
}

#[test]
fn the_sweep_deletes_what_nobody_names() {
    let (_dir, storage) = storage();
    for code in ["kept", "lost"] {
        let package = storage.package(code);
        package.create(&["video"]).expect("folders");
        package
            .put("video/1.m4s", |file| file.write_all(b"head and payload"))
            .expect("written");
        std::fs::write(package.home.join(DASH).join("video/.9-1.tmp"), "half").expect("written");
        package.sync().expect("durable");
    }
    let codes = HashSet::from(["kept".to_owned()]);
    assert_eq!(storage.sweep(&HashSet::new(), &codes).expect("swept"), 2);
    assert_eq!(
        storage.package("kept").size("video/1.m4s").expect("read"),
        Some(16)
    );
    assert_eq!(
        storage.package("lost").size("video/1.m4s").expect("read"),
        None
    );
}
