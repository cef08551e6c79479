use super::*;
use crate::access::Tenant;
use crate::db::annotations::Annotations;
use crate::db::assets::NewAsset;
use crate::db::engines::{Engine, on_all_engines, open};
use crate::db::packages::{NewPackage, StoredKeys};
use crate::db::probe::Probe;

/// Adds an asset, a package with a key, its job and what comes with them; returns the number of the package.
async fn filled(db: &Database, name: &str) -> i64 {
    let asset = NewAsset {
        tenant: Tenant::first(),
        number: None,
        id: format!("ast_{name}"),
        name: "ünï 'x'.mp4".into(),
        input_content_origin: format!("sources/{name}"),
        sha256: "00".repeat(32),
        size: 1 << 40,
        container: "mp4".into(),
        brand: "isom".into(),
        fragmented: true,
        duration_seconds: 1.25,
        probe: Probe {
            tracks: Vec::new(),
            conversion: None,
        },
        annotations: Annotations {
            external_id: Some("4 711".into()),
            metadata: [("film".to_owned(), "ünï".to_owned())].into(),
        },
    };
    let asset = db.add_asset(&asset).await.expect("an asset");
    let package = NewPackage {
        tenant: Tenant::first(),
        number: None,
        id: format!("pkg_{name}"),
        code: format!("code{name}"),
        input_content_id: asset.input_content_id,
        scheme: Some(packager::Scheme::Cbcs),
        encrypt: packager::EncryptScope::All,
        keys: Some(StoredKeys {
            video_key: vec![0, 255, 1],
            kid: "11".repeat(16),
            given_key: vec![2; 40],
            given_kid: "text".into(),
        }),
        segment_duration_ms: 4000,
        job_id: format!("job_{name}"),
        iv_seed: [7; 16],
        ladder: None,
        loudness_lufs: None,
        extras: Vec::new(),
        replaces: Some((1, 1000)),
        priority: 0,
        unique_key: None,
    };
    let number = db.add_package(&package).await.expect("a package");
    number.expect("its asset is there")
}

/// All rows of all tables, as texts that do not depend on the engine.
async fn rows(db: &Database) -> Vec<String> {
    let mut found = Vec::new();
    for table in migrate::tables() {
        let columns: Vec<(String, String)> = db.all(columns(table)).await.expect("columns");
        let mut names: Vec<(&str, Kind)> = columns
            .iter()
            .map(|(name, of_type)| (name.as_str(), kind(of_type)))
            .collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        let list: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let list = list.join(", ");
        let first = columns.first().expect("a column").0.as_str();
        let all = format!("SELECT {list} FROM {table} ORDER BY {first}");
        let cells: Vec<Cells> = db.all(Query::of(all)).await.expect("rows");
        for row in cells {
            let cells = row.0.into_iter().zip(&names);
            let texts: Vec<String> = cells
                .map(|(cell, (_, kind))| text(fit(cell, *kind)))
                .collect();
            found.push(format!("{table}: {}", texts.join("|")));
        }
    }
    found
}

fn text(value: Value) -> String {
    match value {
        value if is_null(&value) => "NULL".to_owned(),
        Value::Integer(Some(value)) => value.to_string(),
        Value::Boolean(Some(value)) => i64::from(value).to_string(),
        Value::Real(Some(value)) => value.to_string(),
        Value::Blob(Some(value)) => format!("{value:?}"),
        Value::Json(Some(value)) => value.to_string(),
        Value::Text(Some(value)) => match serde_json::from_str::<serde_json::Value>(&value) {
            Ok(json) => json.to_string(),
            Err(_) => value,
        },
        _ => String::new(),
    }
}

on_all_engines! {
    async fn a_catalogue_goes_to_a_file_and_back(engine: Engine) {
        let (_dir, db) = open(engine).await;
        let package = filled(&db, "one").await;
        let before = rows(&db).await;
        assert!(before.len() >= 4, "{before:?}");
        let folder = tempfile::tempdir().expect("a folder");
        db.snapshot(folder.path()).await.expect("a snapshot");
        let copy = Database::open(folder.path(), None).await.expect("the copy");
        assert_eq!(rows(&copy).await, before);
        let (_other, target) = open(engine).await;
        assert!(target.is_empty().await.expect("asked"));
        copy.copy_into(&target).await.expect("copied back");
        assert_eq!(rows(&target).await, before);
        // Numbers go on where they were.
        let next = filled(&target, "two").await;
        assert!(next > package, "{next} after {package}");
    }
}

#[test]
fn tables_come_in_the_order_in_which_they_refer_to_each_other() {
    let tables = migrate::tables();
    let place = |name: &str| tables.iter().position(|table| *table == name).expect(name);
    assert!(place("assets") < place("packages") && place("packages") < place("jobs"));
}
