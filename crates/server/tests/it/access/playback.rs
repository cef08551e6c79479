//! Signed playback: who may have manifests, segments and keys of an asset.

use crate::support::{TestApp, clips, json_of, license_request, problem, text};
use packager::parse_key_id;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// An asset with a package that is played by who shows a token.
struct Signed {
    asset: String,
    /// Folder of the package, with a slash at its end.
    folder: String,
    code: String,
    kid: String,
}

async fn signed(app: &TestApp, number: u32) -> Signed {
    let options = json!({"scheme": "cenc", "encrypt": "all"});
    let package = app.ready(&clips::numbered(number), &options).await;
    let asset = text(&package["asset_id"]).to_owned();
    let path = format!("/api/v1/assets/{asset}/playback");
    let request = app
        .client
        .put(app.url(&path))
        .json(&json!({"policy": "signed"}));
    let answer = request.send().await.expect("an answer");
    assert_eq!(json_of(answer, StatusCode::OK).await["policy"], "signed");
    let folder = app.path_of(&package["dash_url"]).replace("stream.mpd", "");
    let code = folder.split('/').nth(2).expect("the code").to_owned();
    let kid = text(&package["kid"]).replace('-', "");
    Signed {
        asset,
        folder,
        code,
        kid,
    }
}

async fn tokens(app: &TestApp, asset: &str, request: &Value) -> Value {
    let path = format!("/api/v1/assets/{asset}/playback_tokens");
    json_of(app.post_json(&path, request).await, StatusCode::CREATED).await
}

async fn status(app: &TestApp, path: &str) -> u16 {
    app.get(path).await.status().as_u16()
}

/// Every URL in a manifest, as a player resolves it.
fn urls(manifest: &str, folder: &str) -> Vec<String> {
    let attributes = ["initialization=\"", "media=\"", "URI=\"", "sourceURL=\""];
    let mut found = Vec::new();
    for line in manifest.lines() {
        for begin in attributes {
            for (at, _) in line.match_indices(begin) {
                let rest = &line[at + begin.len()..];
                found.push(rest.split('"').next().expect("an end").to_owned());
            }
        }
        if !line.starts_with(['#', ' ', '<']) && !line.is_empty() {
            found.push(line.to_owned());
        }
    }
    let found = found.into_iter().filter(|url| !url.starts_with("data:"));
    let whole = |url: String| match url.split_once("://") {
        Some((_, rest)) => rest[rest.find('/').expect("a path")..].to_owned(),
        None => format!("{folder}{url}"),
    };
    let numbered = |url: String| {
        let url = url.replace("$RepresentationID$", "video");
        url.replace("$Number$", "1").replace("&amp;", "&")
    };
    found.map(whole).map(numbered).collect()
}

/// A player is given one URL, and everything that it leads to is signed.
#[tokio::test]
async fn manifests_lead_to_what_is_signed() {
    let app = TestApp::start().await;
    let signed = signed(&app, 0).await;
    for path in ["stream.mpd", "master.m3u8", "video/1.m4s", "video/init.mp4"] {
        let answer = app.get(&format!("{}{path}", signed.folder)).await;
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        problem(answer, 401, "playback_is_signed").await;
    }
    let made = tokens(&app, &signed.asset, &json!({})).await;
    let mut open = vec![
        app.path_of(&made["packages"][0]["dash_url"]),
        app.path_of(&made["packages"][0]["hls_url"]),
    ];
    let mut seen = Vec::new();
    while let Some(path) = open.pop() {
        if seen.contains(&path) {
            continue;
        }
        if path.starts_with("/license/clearkey") {
            assert!(path.contains("&token="), "{path}");
            continue;
        }
        let answer = app.get(&path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let cache = answer.headers()["cache-control"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(!cache.contains("public"), "{path}: {cache}");
        let kind = answer.headers()["content-type"]
            .to_str()
            .expect("text")
            .to_owned();
        if kind.contains("dash") || kind.contains("mpegurl") {
            let body = answer.text().await.expect("text");
            let (folder, _) = path
                .split('?')
                .next()
                .expect("a path")
                .rsplit_once('/')
                .expect("a folder");
            open.extend(urls(&body, &format!("{folder}/")));
            if kind.contains("dash") {
                let begin = format!("/license/clearkey?package={}&amp;token=", signed.code);
                assert!(body.contains(&begin), "{body}");
            }
        }
        seen.push(path);
    }
    let has = |part: &str| seen.iter().any(|path| path.contains(part));
    for part in ["init.mp4", "1.m4s", "playlist.m3u8", "/license/key/"] {
        assert!(has(part), "{part}: {seen:?}");
    }
    // What was public before is so again.
    let path = format!("/api/v1/assets/{}/playback", signed.asset);
    let request = app
        .client
        .put(app.url(&path))
        .json(&json!({"policy": "public"}));
    assert_eq!(
        request.send().await.expect("an answer").status(),
        StatusCode::OK
    );
    assert_eq!(
        status(&app, &format!("{}video/1.m4s", signed.folder)).await,
        200
    );
}

#[tokio::test]
async fn sec_18_a_token_opens_one_asset_and_one_kind() {
    let app = TestApp::start().await;
    let one = signed(&app, 0).await;
    let other = signed(&app, 1).await;
    let made = tokens(&app, &one.asset, &json!({})).await;
    let (media, license) = (text(&made["token"]), text(&made["license_token"]));
    let segment = |of: &Signed, token: &str| format!("{}video/1.m4s?token={token}", of.folder);
    let key =
        |of: &Signed, token: &str| format!("/license/key/{}/{}?token={token}", of.code, of.kid);
    assert_eq!(status(&app, &segment(&one, media)).await, 200);
    assert_eq!(status(&app, &key(&one, license)).await, 200);
    // Of another asset.
    problem(
        app.get(&segment(&other, media)).await,
        403,
        "wrong_playback_token",
    )
    .await;
    problem(app.get(&key(&other, license)).await, 404, "not_found").await;
    // Of another kind.
    problem(
        app.get(&segment(&one, license)).await,
        403,
        "wrong_playback_token",
    )
    .await;
    problem(
        app.get(&key(&one, media)).await,
        403,
        "wrong_playback_token",
    )
    .await;
    // Altered, cut, put together.
    for wrong in [
        &media[..media.len() - 2],
        &media.replacen('.', "..", 1),
        "x",
        "a.b.c",
    ] {
        problem(
            app.get(&segment(&one, wrong)).await,
            403,
            "wrong_playback_token",
        )
        .await;
    }
    // An API token is none, and this one is no API token.
    let request = app
        .client
        .get(app.url(&segment(&one, "")))
        .bearer_auth(media);
    problem(
        request.send().await.expect("an answer"),
        403,
        "wrong_playback_token",
    )
    .await;
}

#[tokio::test]
async fn sec_18_a_token_has_its_time_and_its_renditions() {
    let app = TestApp::start().await;
    let one = signed(&app, 0).await;
    let segment = |of: &Signed, token: &str| format!("{}video/1.m4s?token={token}", of.folder);
    let key =
        |of: &Signed, token: &str| format!("/license/key/{}/{}?token={token}", of.code, of.kid);
    // After its time, and before.
    let late = tokens(&app, &one.asset, &json!({"expires_in": 1})).await;
    let late = segment(&one, text(&late["token"]));
    let waiting = async {
        let mut interval = tokio::time::interval(std::time::Duration::from_millis(50));
        while status(&app, &late).await == 200 {
            interval.tick().await;
        }
    };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await;
    ended.expect("it runs out");
    problem(app.get(&late).await, 403, "wrong_playback_token").await;
    let early = tokens(&app, &one.asset, &json!({"starts_in": 600})).await;
    let early = segment(&one, text(&early["token"]));
    problem(app.get(&early).await, 403, "wrong_playback_token").await;
    // Another rendition, and one whose name begins alike.
    let other_rendition = tokens(&app, &one.asset, &json!({"renditions": ["vide"]})).await;
    let path = segment(&one, text(&other_rendition["token"]));
    problem(app.get(&path).await, 403, "wrong_playback_token").await;
    let path = key(&one, text(&other_rendition["license_token"]));
    problem(app.get(&path).await, 404, "not_found").await;
}

/// A cookie stands for the token in the package's folder, and nowhere else.
#[tokio::test]
async fn a_cookie_is_good_for_the_whole_tree() {
    let app = TestApp::start().await;
    let signed = signed(&app, 0).await;
    let made = tokens(&app, &signed.asset, &json!({})).await;
    let path = format!("{}&cookie=1", app.path_of(&made["packages"][0]["hls_url"]));
    let answer = app.get(&path).await;
    let set = answer.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        set.contains(&format!("; Path=/videos/{}/;", signed.code)),
        "{set}"
    );
    for part in ["Secure", "HttpOnly", "SameSite=None"] {
        assert!(set.contains(part), "{set}");
    }
    let master = answer.text().await.expect("text");
    assert!(!master.contains("?token="), "{master}");
    let pair = set.split(';').next().expect("a pair");
    for (path, expected) in [("video/1.m4s", 200), ("video/playlist.m3u8", 200)] {
        let request = app.client.get(app.url(&format!("{}{path}", signed.folder)));
        let answer = request
            .header("cookie", pair)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), expected, "{path}");
    }
    let request = app
        .client
        .get(app.url(&format!("{}video/1.m4s", signed.folder)));
    let answer = request.header("cookie", "reelpack-playback=x").send().await;
    problem(answer.expect("an answer"), 403, "wrong_playback_token").await;
}

/// The permitted subset is given, and nothing tells what is foreign from what is nobody's.
#[tokio::test]
async fn sec_21_sec_22_keys_go_to_who_may_play() {
    let app = TestApp::start().await;
    let one = signed(&app, 0).await;
    let other = signed(&app, 1).await;
    let public = app.ready(&clips::numbered(2), &json!({})).await;
    let public = text(&public["kid"]).replace('-', "");
    let base64url = |kid: &str| parse_key_id(kid).expect("a KID").base64url();
    let nobodys = "00000000000000000000000000000000";
    let all = [&one.kid, &other.kid, &public, nobodys].map(base64url);
    let ask = async |query: &str, kids: &[String]| {
        let path = format!("/license/clearkey{query}");
        let answer = app.post_json(&path, &license_request(kids)).await;
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.expect("JSON");
        let keys = body["keys"].as_array().cloned().unwrap_or_default();
        let mut kids: Vec<String> = keys
            .iter()
            .map(|key| text(&key["kid"]).to_owned())
            .collect();
        kids.sort();
        (status, kids, body["detail"].clone())
    };
    let sorted = |kids: &[&str]| {
        let mut kids: Vec<String> = kids.iter().map(|kid| base64url(kid)).collect();
        kids.sort();
        kids
    };
    let made = tokens(&app, &one.asset, &json!({})).await;
    let token = format!("?token={}", text(&made["license_token"]));
    assert_eq!(ask("", &all).await.1, sorted(&[&public]));
    assert_eq!(ask(&token, &all).await.1, sorted(&[&public, &one.kid]));
    // A foreign one and one of nobody are answered alike.
    let foreign = ask(&token, &[base64url(&other.kid)]).await;
    assert_eq!(foreign, ask(&token, &[base64url(nobodys)]).await);
    assert_eq!(foreign.0, 404);
    assert_eq!(ask("", &[base64url(&one.kid)]).await.0, 404);
    assert_eq!(ask("?token=x", &all).await.0, 403);
    // Counted: exactly so many, at once or not.
    let counted = tokens(&app, &one.asset, &json!({"licenses": 3})).await;
    let token = format!("?token={}", text(&counted["license_token"]));
    let kids = [base64url(&one.kid)];
    let answers = futures_util::future::join_all((0..10).map(|_| ask(&token, &kids))).await;
    let given = answers.iter().filter(|(status, ..)| *status == 200).count();
    let refused = answers.iter().filter(|(status, ..)| *status == 403).count();
    assert_eq!((given, refused), (3, 7));
}
