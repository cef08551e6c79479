//! Tenants, which see nothing of each other (SEC-14).

use super::templates;
use crate::support::{TestApp, clips, json_of, license_request, problem, text};
use packager::parse_key_id;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Stands in the name of what another tenant has, and so in every answer that leaks it.
const TITLE: &str = "the secret title.mp4";

/// What a tenant has: one thing of each kind.
struct Things {
    client: TestApp,
    asset: Value,
    package: Value,
    upload: String,
    token: String,
    webhook: String,
    tenant: String,
}

async fn upload_titled(client: &TestApp) -> Value {
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let answer = client.post_file("/api/v1/assets", TITLE, bytes).await;
    json_of(answer, StatusCode::CREATED).await
}

async fn things(app: &TestApp, name: &str) -> Things {
    let (tenant, client) = app.tenant(name, json!({})).await;
    let asset = upload_titled(&client).await;
    let order = json!({"unique_key": "order-7"});
    let package = client.order(&asset, &order).await;
    let package = client.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    let request = client.client.post(client.url("/api/v1/uploads"));
    let request = request.header("tus-resumable", "1.0.0");
    let begun = request.header("upload-length", "1000").send().await;
    let begun = begun.expect("an answer");
    assert_eq!(begun.status(), StatusCode::CREATED);
    let location = begun.headers()["location"].to_str().expect("text");
    let upload = location.rsplit('/').next().expect("an id").to_owned();
    let tokens = client.get_json("/api/v1/tokens").await;
    let token = text(&tokens["data"][0]["id"]).to_owned();
    // It is told of what does not happen here.
    let hook = json!({"url": "https://hooks.invalid/", "events": ["job.retried"]});
    let hook = client.post_json("/api/v1/webhooks", &hook).await;
    let webhook = text(&json_of(hook, StatusCode::CREATED).await["id"]).to_owned();
    Things {
        client,
        asset,
        package,
        upload,
        token,
        webhook,
        tenant,
    }
}

impl Things {
    /// What stands in the place of a parameter; `None` where a route has none that names one of these things.
    fn fill(&self, path: &str) -> Option<String> {
        let id = match path.trim_start_matches("/api/v1/").split('/').next()? {
            "assets" => text(&self.asset["id"]).to_owned(),
            "packages" => text(&self.package["id"]).to_owned(),
            "jobs" => text(&self.package["job"]["id"]).to_owned(),
            "uploads" => self.upload.clone(),
            "tokens" => self.token.clone(),
            "webhooks" => self.webhook.clone(),
            "tenants" => self.tenant.clone(),
            "packaged_content" | "packaged_content_id" => {
                self.package["packaged_content_id"].to_string()
            }
            _ => return None,
        };
        let start = path.find('{')?;
        let end = start + path[start..].find('}')? + 1;
        Some(format!("{}{id}{}", &path[..start], &path[end..]))
    }

    /// Ids and names that no answer to others may hold.
    fn secrets(&self) -> Vec<String> {
        let of = |value: &Value| text(value).to_owned();
        vec![
            TITLE.to_owned(),
            of(&self.asset["id"]),
            of(&self.package["id"]),
            of(&self.package["job"]["id"]),
            of(&self.package["kid"]),
            self.upload.clone(),
            self.token.clone(),
            self.webhook.clone(),
        ]
    }

    /// All that it sees of itself.
    async fn all(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for list in [
            "assets", "packages", "jobs", "uploads", "events", "webhooks",
        ] {
            all.push(self.client.get_json(&format!("/api/v1/{list}")).await);
        }
        all
    }
}

/// A body with which a route would do its work, if the thing were the caller's.
fn body(path: &str) -> Value {
    match path.rsplit('/').next() {
        Some("playback") => json!({"policy": "signed"}),
        Some("clearkey") => license_request(&["AAAAAAAAAAAAAAAAAAAAAA".to_owned()]),
        _ => json!({}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_14_ids_of_another_tenant_are_those_of_nobody_on_every_route() {
    let app = TestApp::closed().await;
    let victim = things(&app, "globex").await;
    let (_, other) = app.tenant("acme", json!({})).await;
    let (token, _) = app.token(&crate::support::SCOPES).await;
    let first = app.program(&token);
    let before = victim.all().await;
    let (mut named, mut plain) = (0, 0);
    let bearer = format!("Bearer {token}");
    for (method, template) in templates(&app, &bearer).await {
        // What is for players is found by codes that cannot be guessed, and has tests of its own.
        let for_players = template.starts_with("/license/") || template.contains("/dash/");
        if for_players || method == Method::OPTIONS {
            continue;
        }
        for (who, client) in [("acme", &other), ("the first tenant", &first)] {
            let path = victim.fill(&template);
            let target = path.as_deref().unwrap_or(&template);
            // Whoever looks after the installation sees the tenants, but not what they have.
            let operates = who != "acme" && target.starts_with("/api/v1/tenants");
            if operates && method == Method::DELETE || target.starts_with("/api/v1/session") {
                continue;
            }
            let request = client.client.request(method.clone(), app.url(target));
            let request = request.header("tus-resumable", "1.0.0");
            let request = request.header("upload-offset", "0");
            let request = request.header("x-http-method-override", "DELETE");
            let request = match method == Method::PATCH && target.contains("/uploads/") {
                true => request.header("content-type", "application/offset+octet-stream"),
                false => request.json(&body(target)),
            };
            let answer = request.send().await.expect("an answer");
            let status = answer.status();
            let found = answer.text().await.expect("text");
            let what = format!("{who}: {method} {target}: {status} {found}");
            if path.is_some() && !operates {
                named += 1;
                let unknown = status == StatusCode::NOT_FOUND || status == StatusCode::FORBIDDEN;
                assert!(unknown, "{what}");
            } else {
                plain += 1;
            }
            // A problem repeats the id that was asked for, and tells nothing by it.
            let told = found.replace(target.rsplit('/').nth(1).unwrap_or_default(), "");
            let told = told.replace(target.rsplit('/').next().unwrap_or_default(), "");
            for secret in victim.secrets() {
                assert!(!told.contains(&secret), "{secret} in {what}");
            }
        }
    }
    assert!(named >= 45 && plain > 30, "{named}, {plain}");
    assert_eq!(victim.all().await, before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_14_lists_counts_cursors_names_and_streams_end_at_the_tenant() {
    let app = TestApp::closed().await;
    let victim = things(&app, "globex").await;
    let (_, other) = app.tenant("acme", json!({})).await;
    for list in [
        "assets", "packages", "jobs", "uploads", "events", "webhooks",
    ] {
        let found = other.get_json(&format!("/api/v1/{list}")).await;
        assert_eq!(found["data"], json!([]), "{list}");
    }
    let queue = other.get_json("/api/v1/queue").await;
    assert_eq!(queue["jobs"], json!({}));
    let (asset, package) = (text(&victim.asset["id"]), text(&victim.package["id"]));
    for filter in [
        "packages?asset_id=",
        "events?subject=",
        "assets?q=secret&after=",
    ] {
        let found = other.get_json(&format!("/api/v1/{filter}{asset}")).await;
        assert_eq!(found["data"], json!([]), "{filter}");
    }
    // What another one has is as good a cursor as what nobody has.
    let events = victim.client.get_json("/api/v1/events").await;
    let event = text(&events["data"][0]["id"]);
    for (list, id) in [("assets", asset), ("packages", package), ("events", event)] {
        for way in ["starting_after", "ending_before"] {
            let ask = async |id: &str| {
                let answer = other.get(&format!("/api/v1/{list}?{way}={id}")).await;
                problem(answer, 400, "invalid_request").await["detail"].clone()
            };
            assert_eq!(ask(id).await, ask("ast_nobody").await, "{list}");
        }
    }
    let request = other.client.get(other.url("/api/v1/events"));
    let request = request.header("accept", "text/event-stream");
    let answer = request.header("last-event-id", event).send().await;
    problem(answer.expect("an answer"), 400, "invalid_request").await;

    // The same bytes, the same name of an order and of a request: each has its own.
    let request = |client: &TestApp| {
        let form = reqwest::multipart::Part::bytes(std::fs::read(clips::numbered(0)).expect("it"));
        let form = reqwest::multipart::Form::new().part("file", form.file_name("x.mp4"));
        let request = client.client.post(client.url("/api/v1/assets"));
        request.header("idempotency-key", "one").multipart(form)
    };
    let theirs = request(&victim.client).send().await.expect("an answer");
    let theirs = json_of(theirs, StatusCode::CREATED).await;
    assert_eq!(theirs["duplicate_of"], victim.asset["id"]);
    let own = request(&other).send().await.expect("an answer");
    assert!(!own.headers().contains_key("idempotency-replayed"));
    let own = json_of(own, StatusCode::CREATED).await;
    assert_ne!(own["id"], theirs["id"]);
    assert_eq!(own["duplicate_of"], Value::Null);
    let ordered = other.order(&own, &json!({"unique_key": "order-7"})).await;
    assert_ne!(ordered["id"], victim.package["id"]);
    other.ended(&ordered).await;
    let seen = other.get_json("/api/v1/events").await;
    let subjects = seen["data"].as_array().expect("a list").iter();
    for event in subjects {
        assert!([&own["id"], &ordered["id"]].contains(&&event["subject"]));
    }
}

/// A KID is a public name: another tenant's key of the same name must not stand in the way.
#[tokio::test(flavor = "multi_thread")]
async fn sec_21_a_kid_of_another_tenant_is_nobodys_and_shadows_none() {
    let app = TestApp::closed().await;
    let (token, _) = app.token(&crate::support::SCOPES).await;
    let first = app.program(&token);
    let kid = "00112233-4455-6677-8899-aabbccddeeff";
    let key = |digit: &str| json!({"kid": kid, "key": digit.repeat(32)});
    let ours = first.ready(&clips::numbered(0), &key("1")).await;
    let (_, other) = app.tenant("acme", json!({})).await;
    let theirs = other.ready(&clips::numbered(1), &key("2")).await;
    let own = other.ready(&clips::numbered(2), &json!({})).await;
    let ask = async |kid: &Value, package: Option<&Value>| {
        let code = package.map(|package| {
            let url = text(&package["dash_url"]).to_owned();
            url.split('/').nth(4).expect("a code").to_owned()
        });
        let query = code.map_or_else(String::new, |code| format!("?package={code}"));
        let kid = parse_key_id(text(kid)).expect("a KID").base64url();
        app.post_json(
            &format!("/license/clearkey{query}"),
            &license_request(&[kid]),
        )
        .await
    };
    let value = async |answer| json_of(answer, StatusCode::OK).await["keys"][0]["k"].clone();
    let (ones, twos) = ("EREREREREREREREREREREQ", "IiIiIiIiIiIiIiIiIiIiIg");
    // Whoever names no package means the first tenant's.
    assert_eq!(value(ask(&ours["kid"], None).await).await, ones);
    assert_eq!(value(ask(&ours["kid"], Some(&ours)).await).await, ones);
    assert_eq!(value(ask(&ours["kid"], Some(&theirs)).await).await, twos);
    problem(ask(&own["kid"], None).await, 404, "not_found").await;
    problem(ask(&own["kid"], Some(&ours)).await, 404, "not_found").await;
    assert_eq!(ask(&own["kid"], Some(&own)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn who_looks_after_the_installation_makes_and_renames_tenants() {
    let app = TestApp::closed().await;
    let (token, _) = app.token(&["admin"]).await;
    let admin = app.program(&token);
    let (id, _) = app.tenant("acme", json!({"max_assets": 3})).await;
    let path = format!("/api/v1/tenants/{id}");
    let answer = admin.get(&path).await;
    let tag = answer.headers()["etag"].clone();
    let found = json_of(answer, StatusCode::OK).await;
    assert_eq!(
        (&found["name"], &found["max_assets"]),
        (&json!("acme"), &json!(3))
    );
    assert_eq!(found["max_bytes"], Value::Null);
    let request = admin.client.get(app.url(&path));
    let unchanged = request.header("if-none-match", &tag).send().await;
    assert_eq!(
        unchanged.expect("an answer").status(),
        StatusCode::NOT_MODIFIED
    );
    let patch = async |body: Value, tag: Option<&reqwest::header::HeaderValue>| {
        let request = admin.client.patch(app.url(&path)).json(&body);
        let request = match tag {
            Some(tag) => request.header("if-match", tag),
            None => request,
        };
        request.send().await.expect("an answer")
    };
    let changed = patch(
        json!({"name": "Acme Films", "max_assets": null}),
        Some(&tag),
    )
    .await;
    assert_ne!(changed.headers()["etag"], tag);
    let changed = json_of(changed, StatusCode::OK).await;
    assert_eq!(changed["name"], "Acme Films");
    assert_eq!(changed["max_assets"], Value::Null);
    problem(
        patch(json!({"name": "x"}), Some(&tag)).await,
        412,
        "precondition_failed",
    )
    .await;
    problem(
        patch(json!({"name": "default"}), None).await,
        409,
        "conflict",
    )
    .await;
    problem(
        patch(json!({"max_jobs": -1}), None).await,
        400,
        "invalid_request",
    )
    .await;
    problem(
        patch(json!({"id": "ten_x"}), None).await,
        422,
        "unknown_field",
    )
    .await;
    let list = admin.get_json("/api/v1/tenants").await;
    let names: Vec<&str> = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|tenant| text(&tenant["name"]))
        .collect();
    assert_eq!(names, ["Acme Films", "default"]);
}

#[tokio::test]
async fn a_tenant_has_tokens_of_its_own_and_is_removed_when_it_has_no_assets() {
    let app = TestApp::closed().await;
    let (token, _) = app.token(&["admin"]).await;
    let admin = app.program(&token);
    let (id, client) = app.tenant("acme", json!({})).await;
    let path = format!("/api/v1/tenants/{id}");
    let tag = admin.get(&path).await.headers()["etag"].clone();
    let renamed = admin
        .patch_json(&path, &json!({"name": "Acme Films"}))
        .await;
    assert_eq!(renamed.status(), StatusCode::OK);

    // Those of the installation see them when they ask.
    let tokens = admin
        .get_json(&format!("/api/v1/tokens?tenant_id={id}"))
        .await;
    assert_eq!(tokens["data"][0]["tenant_id"], id.as_str());
    let own = admin.get_json("/api/v1/tokens").await;
    assert!(!own.to_string().contains(&id));
    assert_eq!(
        client.get_json("/api/v1/session").await["tenant_id"],
        id.as_str()
    );

    let asset = client.upload(&clips::numbered(0)).await;
    problem(admin.delete(&path).await, 409, "conflict").await;
    problem(
        admin.delete("/api/v1/tenants/ten_default").await,
        409,
        "conflict",
    )
    .await;
    let gone = client
        .delete(&format!("/api/v1/assets/{}", text(&asset["id"])))
        .await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let stale = admin.client.delete(app.url(&path)).header("if-match", &tag);
    problem(
        stale.send().await.expect("an answer"),
        412,
        "precondition_failed",
    )
    .await;
    assert_eq!(admin.delete(&path).await.status(), StatusCode::NO_CONTENT);
    problem(admin.get(&path).await, 404, "not_found").await;
    problem(client.get("/api/v1/assets").await, 401, "unauthorized").await;
}

#[tokio::test]
async fn who_looks_after_a_tenant_does_not_look_after_the_installation() {
    let app = TestApp::closed().await;
    let (id, client) = app.tenant("acme", json!({})).await;
    let (other, _) = app.tenant("globex", json!({})).await;
    let answer = client
        .post_json("/api/v1/tenants", &json!({"name": "x"}))
        .await;
    problem(answer, 403, "installation_only").await;
    for path in [
        "/api/v1/tenants".to_owned(),
        format!("/api/v1/tenants/{id}"),
    ] {
        problem(client.get(&path).await, 403, "installation_only").await;
    }
    // The queue is one for all.
    for path in ["/api/v1/queue/pause", "/api/v1/queue/resume"] {
        problem(client.post(path).await, 403, "installation_only").await;
    }
    let token = json!({"name": "x", "scopes": ["admin"]});
    let made = json_of(
        client.post_json("/api/v1/tokens", &token).await,
        StatusCode::CREATED,
    )
    .await;
    assert_eq!(made["tenant_id"], id.as_str());
    // SEC-49: it is no field that it may send.
    for tenant in [other.as_str(), "ten_default"] {
        let token = json!({"name": "x", "scopes": ["admin"], "tenant_id": tenant});
        let answer = client.post_json("/api/v1/tokens", &token).await;
        problem(answer, 422, "unknown_field").await;
        let list = client
            .get(&format!("/api/v1/tokens?tenant_id={tenant}"))
            .await;
        problem(list, 404, "not_found").await;
    }
}

#[tokio::test]
async fn what_a_tenant_may_have_is_exact_and_leaves_others_alone() {
    let app = TestApp::closed().await;
    let (_, few) = app.tenant("acme", json!({"max_assets": 3})).await;
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let size = bytes.len();
    let (_, small) = app
        .tenant("globex", json!({"max_bytes": size + size / 2}))
        .await;
    let (_, busy) = app.tenant("initech", json!({"max_jobs": 0})).await;

    // A hundred at once.
    let at_once = (0..100).map(|number| {
        few.post_file(
            "/api/v1/assets",
            "clip.mp4",
            [bytes.as_slice(), &free_box(number)].concat(),
        )
    });
    let answers = futures_util::future::join_all(at_once).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status() == StatusCode::CREATED);
    assert_eq!((taken.len(), refused.len()), (3, 97));
    for answer in refused {
        problem(answer, 507, "tenant_quota").await;
    }
    let list = few.get_json("/api/v1/assets").await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(3));

    small.upload(&clips::numbered(0)).await;
    let another = small
        .post_file("/api/v1/assets", "clip.mp4", bytes.clone())
        .await;
    problem(another, 507, "tenant_quota").await;

    let asset = busy.upload(&clips::numbered(0)).await;
    let path = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    problem(busy.post_json(&path, &json!({})).await, 507, "tenant_quota").await;
    // Those without limits notice nothing.
    let (_, other) = app.tenant("hooli", json!({})).await;
    other.upload(&clips::numbered(0)).await;
}

/// A `free` box that makes a file another one.
fn free_box(number: u8) -> Vec<u8> {
    [9_u32.to_be_bytes().as_slice(), b"free", &[number]].concat()
}
