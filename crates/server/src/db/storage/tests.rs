use super::*;
use crate::access::Tenant;
use crate::db::assets::NewAsset;
use crate::db::engines::{Engine, on_all_engines, open};
use crate::db::packages::NewPackage;
use crate::db::probe::Probe;

const LEASE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

async fn asset(db: &Database) -> i64 {
    let asset = NewAsset {
        tenant: Tenant::first(),
        number: None,
        id: "ast_1".into(),
        name: "x.mp4".into(),
        input_content_origin: "sources/x".into(),
        sha256: "00".into(),
        size: 7,
        container: "mp4".into(),
        brand: "isom".into(),
        fragmented: false,
        duration_seconds: 1.0,
        probe: Probe {
            tracks: Vec::new(),
            conversion: None,
        },
        annotations: Default::default(),
    };
    db.add_asset(&asset)
        .await
        .expect("an asset")
        .input_content_id
}

/// Orders a package and publishes it.
async fn publish(db: &Database, asset: i64, name: &str, replaces: Option<(i64, i64)>) -> i64 {
    let package = NewPackage {
        tenant: Tenant::first(),
        number: None,
        id: format!("pkg_{name}"),
        code: format!("code-{name}"),
        input_content_id: asset,
        scheme: None,
        encrypt: packager::EncryptScope::All,
        keys: None,
        segment_duration_ms: 4000,
        job_id: format!("job_{name}"),
        iv_seed: [7; 16],
        priority: 0,
        unique_key: None,
        replaces,
        ladder: None,
        loudness_lufs: None,
        extras: Vec::new(),
    };
    let number = db.add_package(&package).await.expect("a package");
    let claim = db.claim_job("worker", LEASE_MS).await.expect("an answer");
    let claim = claim.expect("its job");
    let sealed = db.set_sealed(&claim, &format!("hash of {name}")).await;
    assert_eq!(sealed.expect("an answer"), Settled::Yes);
    let published = db.publish(&claim, "/videos/x", "packages/x", 1).await;
    assert_eq!(published.expect("an answer"), Settled::Yes);
    let late = db.set_sealed(&claim, "too late").await;
    assert_eq!(late.expect("an answer"), Settled::Refused);
    number.expect("its asset is there")
}

async fn behind(db: &Database, name: &str) -> Behind {
    db.behind(&format!("code-{name}")).await.expect("an answer")
}

fn files(successor: Option<&str>) -> Behind {
    Behind::Files {
        successor: successor.map(|name| format!("code-{name}")),
    }
}

on_all_engines! {
    async fn replacements_follow_each_other(engine: Engine) {
        let (_dir, db) = open(engine).await;
        let asset = asset(&db).await;
        let a = publish(&db, asset, "a", None).await;
        assert_eq!(behind(&db, "a").await, files(None));
        assert_eq!(behind(&db, "none").await, Behind::Nothing);
        let b = publish(&db, asset, "b", Some((a, HOUR_MS))).await;
        assert_eq!(behind(&db, "a").await, files(Some("b")));
        // It was ordered when `a` was still the newest.
        let c = publish(&db, asset, "c", Some((a, 0))).await;
        assert_eq!(behind(&db, "a").await, files(Some("c")));
        assert_eq!(behind(&db, "b").await, Behind::Successor("code-c".into()));
        for old in [a, b, c] {
            let newest = db.newest(old).await.expect("an answer");
            assert_eq!(newest, Some((c, "code-c".into())));
        }
        let codes = db.codes_with_files().await.expect("codes");
        assert_eq!(codes, HashSet::from(["code-a".into(), "code-c".into()]));
        let kept = db.kept_packages().await.expect("packages");
        let kept: Vec<_> = kept.iter().map(|kept| kept.hashes_sha256.as_deref()).collect();
        assert_eq!(kept, [Some("hash of a"), Some("hash of c")]);
        let sources = db.kept_sources().await.expect("sources");
        assert_eq!((sources.len(), sources[0].size), (1, 7));

        let longest = db.package(&Tenant::first(), "pkg_a").await.expect("an answer").expect("there");
        assert_eq!(longest.replaced_by.as_deref(), Some("pkg_c"), "one step, not two");

        // Without its successor an address has what is its own.
        db.forget("pkg_c").await.expect("forgotten");
        assert_eq!(behind(&db, "a").await, files(None));
        assert_eq!(behind(&db, "b").await, Behind::Nothing);
        db.forget("ast_1").await.expect("forgotten");
        assert_eq!(behind(&db, "a").await, Behind::Nothing);
        assert!(db.failed_codes().await.expect("codes").is_empty());
    }
}
