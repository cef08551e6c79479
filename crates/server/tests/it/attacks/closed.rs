//! What is asked when the means of the check are gone: nothing is given without it.

use crate::support::{TestApp, clips, sql, text};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn sec_52_without_the_tables_of_access_nobody_comes_in() {
    let app = TestApp::closed().await;
    let (token, _) = app.token(&["assets:read", "admin"]).await;
    let cookie = app.log_in().await;
    sql::run(app.dir(), "ALTER TABLE api_tokens RENAME TO lost_tokens").await;
    sql::run(app.dir(), "ALTER TABLE sessions RENAME TO lost_sessions").await;
    for path in ["/api/v1/assets", "/api/v1/tokens", "/api/v1/openapi.json"] {
        let request = app.client.get(app.url(path)).bearer_auth(&token);
        let by_token = request.send().await.expect("an answer");
        assert!(
            by_token.status().is_server_error(),
            "{path}: {}",
            by_token.status()
        );
        let request = app.client.get(app.url(path)).header("cookie", &cookie);
        let by_session = request.send().await.expect("an answer");
        assert!(
            by_session.status().is_server_error(),
            "{path}: {}",
            by_session.status()
        );
        assert_eq!(
            app.get(path).await.status(),
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}

/// The key file stands for the KMS: gone, or another one, it opens nothing, and the server says so at its start.
#[tokio::test]
async fn sec_52_without_its_key_file_a_server_does_not_start() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::numbered(0), &json!({})).await;
    assert!(!text(&package["kid"]).is_empty());
    let dir = app.stop().await;
    let key_file = dir.path().join("content-keys.key");
    let kept = std::fs::read(&key_file).expect("the key file");
    for wrong in [None, Some(&b"nothing of use"[..])] {
        std::fs::remove_file(&key_file).expect("removed");
        if let Some(bytes) = wrong {
            std::fs::write(&key_file, bytes).expect("written");
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&key_file, private).expect("private");
        }
        let started = server::App::start(crate::support::config(dir.path())).await;
        let error = started.expect_err("it must not start").to_string();
        assert!(error.contains("key"), "{error}");
        std::fs::write(&key_file, &kept).expect("back");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key_file, private).expect("private");
    }
    let app = TestApp::start_in(dir, |_| ()).await;
    let kid = text(&package["kid"]).replace('-', "");
    assert_eq!(
        app.get(&format!("/license/key/{kid}")).await.status(),
        StatusCode::OK
    );
}
