//! `dry_run` of an order: what it would come to, held against what it comes to, and that nothing is made.

use crate::support::{TestApp, clips, files, json_of, problem, stored_files, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Asks what an order would come to.
async fn forecast(app: &TestApp, asset: &Value, mut order: Value) -> Value {
    order["dry_run"] = json!(true);
    let path = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    json_of(app.post_json(&path, &order).await, StatusCode::OK).await
}

/// Bytes of the files of all packages, but for the list of hashes that the server keeps for itself.
fn written(app: &TestApp) -> u64 {
    let files = files(&app.dir().join("packages")).into_iter();
    files
        .filter(|file| !file.ends_with("hashes.json"))
        .map(|file| file.metadata().expect("a file").len())
        .sum()
}

fn near(foretold: &Value, found: u64, permille: u64) {
    let foretold = foretold.as_u64().expect("a number");
    let off = foretold.abs_diff(found);
    assert!(off * 1000 <= found * permille, "{foretold} and {found}");
}

#[tokio::test]
async fn sizes_are_those_that_are_written() {
    for (order, permille) in [
        (json!({"scheme": "none"}), 0),
        (json!({"scheme": "none", "segment_duration": 2}), 0),
        (json!({}), 20),
        (json!({"scheme": "cenc"}), 20),
        (json!({"scheme": "cenc", "encrypt": "video"}), 20),
    ] {
        let app = TestApp::start().await;
        let asset = app.upload(&clips::plain()).await;
        let foretold = forecast(&app, &asset, order.clone()).await;
        assert_eq!(foretold["dry_run"], true);
        assert_eq!(foretold["estimated"], false);
        let package = app.ended(&app.order(&asset, &order).await).await;
        assert_eq!(package["status"], "Ready", "{package}");
        near(&foretold["size"], written(&app), permille);
        let renditions = foretold["renditions"].as_array().expect("a list");
        let made = package["renditions"].as_array().expect("a list");
        assert_eq!(renditions.len(), made.len());
        for (foretold, made) in renditions.iter().zip(made) {
            for field in ["name", "codec", "segments", "encrypted"] {
                assert_eq!(foretold[field], made[field], "{field}");
            }
            assert_eq!(foretold["treatment"], "copied");
            let folder = files(&app.dir().join("packages")).into_iter();
            let name = text(&made["name"]);
            let of_it = folder.filter(|file| {
                let folder = file.parent().and_then(|folder| folder.file_name());
                folder.is_some_and(|folder| folder == name)
                    && file.extension().is_some_and(|kind| kind != "m3u8")
            });
            let bytes = of_it.map(|file| file.metadata().expect("a file").len());
            near(&foretold["size"], bytes.sum(), permille);
        }
        assert_eq!(foretold["renditions"][0]["width"], 160);
        assert_eq!(foretold["warnings"], package["warnings"]);
    }
}

#[tokio::test]
async fn nothing_is_made() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::plain()).await;
    let stored = stored_files(app.dir());
    let events = app.get_json("/api/v1/events").await;
    for order in [json!({}), json!({"ladder": "auto", "unique_key": "k"})] {
        forecast(&app, &asset, order).await;
    }
    assert_eq!(app.get_json("/api/v1/jobs").await["data"], json!([]));
    assert_eq!(app.get_json("/api/v1/packages").await["data"], json!([]));
    assert_eq!(app.get_json("/api/v1/events").await, events);
    assert_eq!(stored_files(app.dir()), stored);
    // The name of the order is free, and so is the order itself.
    let ordered = app.order(&asset, &json!({"unique_key": "k"})).await;
    assert_eq!(ordered["job"]["unique_key"], "k");
}

#[tokio::test]
async fn a_ladder_is_foretold_of_the_size_of_the_video() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::plain()).await;
    let profile = "[[video]]\nshort_side = 96\nbitrate = 100_000\n";
    let foretold = forecast(&app, &asset, json!({"ladder": profile})).await;
    assert_eq!(foretold["estimated"], true);
    let video = &foretold["renditions"][0];
    assert_eq!(
        (&video["treatment"], &video["codec"], &video["height"]),
        (&json!("encoded"), &json!("h264"), &json!(96))
    );
    let bitrate = video["bitrate"].as_u64().expect("a number");
    near(&video["size"], bitrate * 8 / 8, 200);
    let auto = forecast(&app, &asset, json!({"ladder": "auto"})).await;
    let kinds = auto["renditions"].as_array().expect("a list").iter();
    let kinds: Vec<&str> = kinds.map(|one| text(&one["kind"])).collect();
    assert!(
        kinds.starts_with(&["video"]) && kinds.ends_with(&["audio"]),
        "{auto}"
    );
    let of_all = auto["renditions"].as_array().expect("a list").iter();
    let of_all: u64 = of_all
        .map(|one| one["size"].as_u64().expect("a number"))
        .sum();
    assert_eq!(auto["size"], of_all);
}

#[tokio::test]
async fn a_wrong_order_is_refused_as_ever() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let path = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    let wrong = json!({"dry_run": "yes"});
    let wrong = problem(app.post_json(&path, &wrong).await, 400, "invalid_request").await;
    assert_eq!(wrong["field"], "dry_run");
    let wrong = json!({"dry_run": true, "scheme": "rot13"});
    problem(app.post_json(&path, &wrong).await, 400, "invalid_request").await;
    let nowhere = "/api/v1/assets/ast_no/packages";
    let wrong = json!({"dry_run": true});
    problem(app.post_json(nowhere, &wrong).await, 404, "not_found").await;
}

#[tokio::test]
async fn a_replacement_is_foretold_with_what_the_old_package_has() {
    let app = TestApp::start().await;
    let order = json!({"scheme": "none", "segment_duration": 2});
    let package = app.ready(&clips::plain(), &order).await;
    let path = format!("/api/v1/packages/{}/replace", text(&package["id"]));
    let foretold = app.post_json(&path, &json!({"dry_run": true})).await;
    let foretold = json_of(foretold, StatusCode::OK).await;
    near(&foretold["size"], written(&app), 0);
    let all = app.get_json("/api/v1/packages").await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(1));
}
