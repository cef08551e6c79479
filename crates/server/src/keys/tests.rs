//! Wrapping, and key files.

use super::*;

fn first() -> Tenant {
    Tenant::first()
}

fn place<'a>(tenant: &'a Tenant, asset: &'a str, package: &'a str) -> Place<'a> {
    Place {
        tenant,
        asset,
        package,
    }
}

const KID: KeyId = KeyId([7; 16]);

/// A content key of the package `pkg_a`, wrapped.
fn wrap(keys: &Keys, role: Role) -> Vec<u8> {
    let tenant = first();
    let wrapped = keys.wrap(place(&tenant, "ast_a", "pkg_a"), &KID, role, &[9; 16]);
    wrapped.expect("wrap")
}

/// What is wrapped, opened for the package `pkg_a`.
fn open(keys: &Keys, wrapped: &[u8]) -> Result<ContentKey, KeysError> {
    keys.content_key(place(&first(), "ast_a", "pkg_a"), KID, wrapped)
}

fn keys() -> (tempfile::TempDir, Keys) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let keys = Keys::open_or_make(&dir.path().join(KEY_FILE)).expect("a new key file");
    (dir, keys)
}

#[test]
fn a_key_comes_back_for_its_own_package_only() {
    let (dir, keys) = keys();
    let wrapped = wrap(&keys, Role::Value);
    assert!(!wrapped.windows(4).any(|window| window == [9; 4]));
    let again = Keys::open(&dir.path().join(KEY_FILE)).expect("the same key file");
    let key = open(&again, &wrapped).expect("unwrap");
    assert_eq!(key.value, [9; 16]);
    assert!(
        again
            .content_key(place(&first(), "ast_a", "pkg_b"), KID, &wrapped)
            .is_err()
    );
    assert!(
        again
            .content_key(place(&first(), "ast_a", "pkg_a"), KeyId([8; 16]), &wrapped)
            .is_err()
    );
    assert!(
        again
            .unwrap(
                place(&first(), "ast_a", "pkg_a"),
                &KID,
                Role::GivenText,
                &wrapped
            )
            .is_err()
    );
    assert!(open(&again, &wrapped[..5]).is_err());
}

#[test]
fn the_key_file_is_private_and_nothing_is_left_beside_it() {
    let (dir, keys) = keys();
    let mode = std::fs::metadata(dir.path().join(KEY_FILE)).expect("the file");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        std::fs::read_dir(dir.path()).expect("the folder").count(),
        1
    );
    assert_eq!(format!("{keys:?}"), "Keys(redacted)");
}

#[test]
fn sec_26_a_file_with_another_key_opens_what_the_old_one_wrapped() {
    let (dir, keys) = keys();
    let path = dir.path().join(KEY_FILE);
    let running = Keys::open(&path).expect("another process");
    let (old, signature) = (wrap(&keys, Role::Value), keys.sign(b"text"));
    keys.add().expect("another key");
    assert_eq!((keys.count(), running.count()), (2, 2));
    let new = wrap(&running, Role::Value);
    assert!(
        [&old, &new]
            .iter()
            .all(|wrapped| open(&keys, wrapped).is_ok() && open(&running, wrapped).is_ok())
    );
    assert!(running.has_signed(b"text", &signature));
    let anew = keys
        .rewrap(place(&first(), "ast_a", "pkg_a"), &KID, Role::Value, &old)
        .expect("wrapped anew");
    let anew = anew.expect("it was under the old key");
    let again = keys
        .rewrap(place(&first(), "ast_a", "pkg_a"), &KID, Role::Value, &anew)
        .expect("looked at");
    assert!(again.is_none());
    keys.keep_first().expect("one key");
    assert_eq!((keys.count(), running.count()), (1, 1));
    assert!(open(&running, &anew).is_ok() && open(&running, &new).is_ok());
    assert!(open(&running, &old).is_err(), "the old key is gone");
    assert!(!running.has_signed(b"text", &signature));
    let left = std::fs::read_dir(dir.path()).expect("the folder").count();
    assert_eq!(left, 1, "nothing beside the file");
}

#[test]
fn sec_24_a_key_that_was_moved_does_not_open() {
    let (_dir, keys) = keys();
    let wrapped = wrap(&keys, Role::Value);
    assert!(
        keys.content_key(place(&first(), "ast_a", "pkg_b"), KID, &wrapped)
            .is_err()
    );
    let given = wrap(&keys, Role::GivenText);
    assert!(open(&keys, &given).is_err());
}

#[test]
fn sec_24_a_key_of_another_tenant_or_asset_does_not_open() {
    let (_dir, keys) = keys();
    let (one, two) = (first(), Tenant::from("ten_2".to_owned()));
    let here = place(&one, "ast_a", "pkg_a");
    let wrapped = keys.wrap(here, &KID, Role::Value, &[9; 16]).expect("wrap");
    assert!(keys.content_key(here, KID, &wrapped).is_ok());
    for other in [
        place(&two, "ast_a", "pkg_a"),
        place(&one, "ast_b", "pkg_a"),
        place(&one, "ast_a", "pkg_b"),
    ] {
        assert!(keys.content_key(other, KID, &wrapped).is_err(), "{other:?}");
    }
    // Without its first byte it is no secret of the older form, either.
    assert!(keys.content_key(here, KID, &wrapped[1..]).is_err());
}

#[test]
fn keys_that_were_wrapped_before_there_were_tenants_open_and_are_rebound() {
    let (_dir, keys) = keys();
    let (one, two) = (first(), Tenant::from("ten_2".to_owned()));
    let here = place(&one, "ast_a", "pkg_a");
    let aad = here.associated_before(&KID, Role::Value);
    // Some of them begin with the byte of the newer form.
    let old = |wanted: &dyn Fn(u8) -> bool| {
        let tries = std::iter::repeat_with(|| keys.seal(&aad, &[9; 16]).expect("sealed"));
        let mut found = tries.filter(|sealed| wanted(sealed[0]));
        found.next().expect("one of them")
    };
    let olds = [
        old(&|first| first == BOUND_TO_TENANT),
        old(&|first| first != BOUND_TO_TENANT),
    ];
    for old in olds {
        assert_eq!(
            keys.content_key(here, KID, &old).expect("opens").value,
            [9; 16]
        );
        let elsewhere = place(&one, "ast_a", "pkg_b");
        assert!(keys.content_key(elsewhere, KID, &old).is_err());
        let anew = keys
            .rewrap(here, &KID, Role::Value, &old)
            .expect("rewrapped");
        let anew = anew.expect("it was of the older form");
        assert_eq!(
            keys.content_key(here, KID, &anew).expect("opens").value,
            [9; 16]
        );
        let moved = place(&two, "ast_a", "pkg_a");
        assert!(keys.content_key(moved, KID, &anew).is_err());
        let again = keys
            .rewrap(here, &KID, Role::Value, &anew)
            .expect("looked at");
        assert!(again.is_none());
    }
}

#[test]
fn sec_25_nonces_do_not_repeat() {
    let (dir, keys) = keys();
    let clone = Keys::open(&dir.path().join(KEY_FILE)).expect("a clone");
    let mut seen = std::collections::HashSet::new();
    for keys in [&keys, &clone] {
        for _ in 0..20_000 {
            let wrapped = wrap(keys, Role::Value);
            assert!(seen.insert(wrapped[1..=NONCE_BYTES].to_vec()));
        }
    }
    // They come of nothing but this, which a million times does not repeat.
    let nonces: std::collections::HashSet<[u8; NONCE_BYTES]> = (0..1_000_000)
        .map(|_| id::random().expect("randomness"))
        .collect();
    assert_eq!(nonces.len(), 1_000_000);
}

#[test]
fn a_key_file_that_is_open_or_broken_is_refused() {
    let (dir, _keys) = keys();
    let path = dir.path().join(KEY_FILE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    assert!(matches!(
        Keys::open(&path),
        Err(KeysError::Mode { mode: 0o644, .. })
    ));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    std::fs::write(&path, "short").expect("write");
    assert!(matches!(Keys::open(&path), Err(KeysError::Form(_))));
}
