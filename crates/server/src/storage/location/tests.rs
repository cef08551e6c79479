use super::*;

fn config(url: &str) -> StorageConfig {
    StorageConfig {
        url: Some(url.to_owned()),
        ..StorageConfig::default()
    }
}

/// A credentials file of this text and mode.
fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("credentials");
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
    (dir, path)
}

#[test]
fn addresses() {
    let parse = |url| Address::parse(url).map(|at| (at.bucket_url(), at.prefix));
    let found = |bucket: &str, prefix: &str| Some((bucket.to_owned(), prefix.to_owned()));
    for (url, expect) in [
        ("s3://films", found("s3://films", "")),
        ("s3://films/a/b/", found("s3://films", "a/b")),
        ("gs://films/a", found("gs://films", "a")),
        ("az://films/a", found("az://films", "a")),
        ("s3://", None),
        ("s3:///a", None),
        ("s3://user:secret@films", None),
        ("s3://films/../x", None),
        ("s3://films/a?b", None),
        ("http://films", None),
        ("/srv/films", None),
    ] {
        assert_eq!(parse(url), expect, "{url}");
    }
}

#[tokio::test]
async fn every_provider_is_configured_by_a_file() {
    let service_account = r#"GOOGLE_SERVICE_ACCOUNT_KEY={"client_email":"a@b.example","private_key_id":"1","private_key":"","gcs_base_url":"https://storage.example","disable_oauth":true}"#;
    for (url, text) in [
        (
            "s3://films/a",
            "# of the bucket\nAWS_ACCESS_KEY_ID=AKIA\nAWS_SECRET_ACCESS_KEY=\"secret\"\n",
        ),
        ("gs://films/a", service_account),
        (
            "az://films/a",
            "AZURE_STORAGE_ACCOUNT_NAME=films\nAZURE_STORAGE_ACCOUNT_KEY=c2VjcmV0\n",
        ),
    ] {
        let (_dir, path) = file(text, 0o600);
        let config = StorageConfig {
            credentials_file: Some(path),
            ..config(url)
        };
        let remote = config
            .connect()
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        let remote = remote.expect("a client");
        assert_eq!(remote.to_string(), url);
        let printed = format!("{config:?} {remote:?}");
        assert!(
            !printed.contains("secret") && !printed.contains("c2Vj"),
            "{printed}"
        );
    }
}

#[tokio::test]
async fn what_cannot_work_says_what_to_do_and_no_secret() {
    for (url, text, mode, hint) in [
        ("ftp://x", "", 0o600, "s3://BUCKET"),
        (
            "s3://films",
            "AWS_SECRET_ACCESS_KEY=hush",
            0o644,
            "chmod 600",
        ),
        ("s3://films", "\nhush hush", 0o600, "line 2: no `=`"),
        ("s3://films", "AWS_HUSH=hush", 0o600, "\"AWS_HUSH\""),
        ("az://films", "", 0o600, "az://films cannot be used"),
    ] {
        let (_dir, path) = file(text, mode);
        let config = StorageConfig {
            credentials_file: Some(path),
            ..config(url)
        };
        let error = config.connect().expect_err("refused").to_string();
        assert!(error.contains(hint), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    assert!(
        StorageConfig::default()
            .connect()
            .expect("the folder")
            .is_none()
    );
}
