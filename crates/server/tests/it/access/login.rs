//! The first administrator, and people who log in.

use crate::support::{ADMIN, PASSWORD, TestApp, cookie, json_of, problem};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::AccessControl;
use std::time::{Duration, Instant};

async fn not_set_up() -> TestApp {
    TestApp::start_with(|config| config.access = Some(AccessControl::Closed)).await
}

fn with(request: &Value, field: &str, value: &str) -> Value {
    let mut request = request.clone();
    request[field] = json!(value);
    request
}

#[tokio::test]
async fn sec_35_the_set_up_token_works_once() {
    let app = not_set_up().await;
    let right = app.set_up_request().await;
    for (field, value, status, code) in [
        (
            "set_up_token",
            "setup_00000000000000000000000000",
            403,
            "wrong_set_up_token",
        ),
        ("set_up_token", "", 403, "wrong_set_up_token"),
        ("password", "short", 400, "invalid_request"),
        ("name", " ", 400, "invalid_request"),
        ("role", "root", 422, "unknown_field"),
    ] {
        let answer = app
            .post_json("/api/v1/setup", &with(&right, field, value))
            .await;
        problem(answer, status, code).await;
    }
    // Two at the same moment: one is the first.
    let eve = with(&right, "name", "eve");
    let (one, two) = tokio::join!(
        app.post_json("/api/v1/setup", &right),
        app.post_json("/api/v1/setup", &eve),
    );
    let statuses = [one.status(), two.status()];
    assert!(statuses.contains(&StatusCode::CREATED), "{statuses:?}");
    assert!(statuses.contains(&StatusCode::NOT_FOUND), "{statuses:?}");
    let answer = app.post_json("/api/v1/setup", &right).await;
    problem(answer, 404, "not_found").await;
    // Nor after a restart, which makes another token.
    let app = app
        .restart(|config| config.access = Some(AccessControl::Closed))
        .await;
    let answer = app.post_json("/api/v1/setup", &right).await;
    problem(answer, 404, "not_found").await;
}

#[tokio::test]
async fn sec_35_an_open_server_has_nothing_to_set_up() {
    let app = TestApp::start().await;
    let body = json!({"set_up_token": "x", "name": "eve", "password": PASSWORD});
    problem(
        app.post_json("/api/v1/setup", &body).await,
        404,
        "not_found",
    )
    .await;
    let session = app.get_json("/api/v1/session").await;
    assert_eq!(
        (&session["open"], &session["account"]),
        (&json!(true), &json!(null))
    );
}

/// Any address but loopback is closed unless somebody says otherwise.
#[tokio::test]
async fn sec_51_another_address_is_closed() {
    let all = Some("0.0.0.0:0".parse().expect("an address"));
    let app = TestApp::start_with(|config| config.listen = all).await;
    problem(app.get("/api/v1/assets").await, 401, "not_set_up").await;
    let app = app
        .restart(|config| {
            config.listen = all;
            config.access = Some(AccessControl::Open);
        })
        .await;
    assert_eq!(app.get("/api/v1/assets").await.status(), StatusCode::OK);
    // Open as it is, no page gets in under a name of its own.
    let request = app.client.get(app.url("/api/v1/assets"));
    let answer = request.header("host", "evil.example").send().await;
    problem(answer.expect("an answer"), 421, "foreign_host").await;
    let request = app.client.get(app.url("/api/v1/assets"));
    let answer = request.header("host", "192.168.0.1:5000").send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
}

#[tokio::test]
async fn sec_30_a_session_is_a_cookie_of_this_host_alone() {
    let app = TestApp::closed().await;
    let body = json!({"name": ADMIN, "password": PASSWORD});
    let answer = app.post_json("/api/v1/session", &body).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let set = answer.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(set.starts_with("__Host-reelpack-session=rps_"), "{set}");
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(set.contains(&format!("; {part}")), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    let cookie = cookie(&answer);
    let session = json_of(answer, StatusCode::OK).await;
    assert_eq!(session["account"], ADMIN);

    let ask = |method: reqwest::Method, path: &str| {
        let request = app.client.request(method, app.url(path));
        request.header("cookie", &cookie)
    };
    let get = |path: &str| ask(reqwest::Method::GET, path).send();
    let found = json_of(
        get("/api/v1/session").await.expect("an answer"),
        StatusCode::OK,
    )
    .await;
    assert_eq!(found, session);
    let list = get("/api/v1/assets").await.expect("an answer");
    assert_eq!(list.status(), StatusCode::OK);
    // Pages of others have it sent by old browsers: the origin tells.
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let request = ask(reqwest::Method::POST, "/api/v1/queue/pause");
        let answer = request.header(name, value).send().await;
        problem(answer.expect("an answer"), 403, "cross_site").await;
    }
    let ended = ask(reqwest::Method::DELETE, "/api/v1/session").send().await;
    let ended = ended.expect("an answer");
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    let set = ended.headers()["set-cookie"].to_str().expect("text");
    assert!(set.contains("Max-Age=0"), "{set}");
    problem(
        get("/api/v1/assets").await.expect("an answer"),
        401,
        "unauthorized",
    )
    .await;
}

#[tokio::test]
async fn sec_34_a_login_that_fails_does_not_say_why() {
    let app = TestApp::closed().await;
    let attempt = async |name: &str, password: &str| {
        let body = json!({"name": name, "password": password});
        let began = Instant::now();
        let answer = app.post_json("/api/v1/session", &body).await;
        (problem(answer, 401, "wrong_login").await, began.elapsed())
    };
    let mut times = [Vec::new(), Vec::new()];
    let mut answers = Vec::new();
    // As many as one address may try; the order of the two changes, so that neither is always the later one.
    for round in 0..10 {
        let mut both = [ADMIN, "nobody"].into_iter().zip(&mut times);
        let mut turns: Vec<_> = both.by_ref().collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (name, times) in turns {
            let (answer, took) = attempt(name, "not the password").await;
            answers.push(answer);
            times.push(took);
        }
    }
    let same = |answer: &Value| ["code", "title", "detail"].map(|field| answer[field].clone());
    assert!(
        answers
            .iter()
            .all(|answer| same(answer) == same(&answers[0])),
        "{answers:?}"
    );
    // Both are hashed: neither takes a small part of the time of the other.
    let [known, unknown] = times.map(median);
    let (short, long) = (known.min(unknown), known.max(unknown));
    assert!(long < short * 2, "known {known:?}, unknown {unknown:?}");
    // And hashing is what takes it: a login that is not looked at at all is much quicker.
    let began = Instant::now();
    let body = json!({"name": ADMIN, "password": "not the password"});
    let answer = app.post_json("/api/v1/session", &body).await;
    problem(answer, 429, "too_many_attempts").await;
    assert!(began.elapsed() < short, "{short:?}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn sec_34_attempts_are_limited() {
    let app = TestApp::closed().await;
    let wrong = json!({"name": ADMIN, "password": "not the password"});
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(app.post_json("/api/v1/session", &wrong).await.status());
    }
    assert!(
        statuses[..10]
            .iter()
            .all(|status| *status == StatusCode::UNAUTHORIZED),
        "{statuses:?}"
    );
    assert_eq!(statuses[10], StatusCode::TOO_MANY_REQUESTS);
    // Not even the right one now, and a name that nobody has is limited alike.
    let right = json!({"name": ADMIN, "password": PASSWORD});
    let answer = app.post_json("/api/v1/session", &right).await;
    limited(answer, "login-account", "q=10;w=600", 60).await;
    let nobody = json!({"name": "nobody", "password": "not the password"});
    for _ in 0..10 {
        let answer = app.post_json("/api/v1/session", &nobody).await;
        problem(answer, 401, "wrong_login").await;
    }
    problem(
        app.post_json("/api/v1/session", &nobody).await,
        429,
        "too_many_attempts",
    )
    .await;
}

/// Checks for a 429 that says which limit was reached, and how long to wait: at most so many seconds.
async fn limited(answer: reqwest::Response, name: &str, policy: &str, most: u64) {
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    let wait: u64 = header("retry-after").parse().expect("seconds");
    assert!((1..=most).contains(&wait), "{wait}");
    assert_eq!(header("ratelimit-policy"), format!("\"{name}\";{policy}"));
    assert_eq!(header("ratelimit"), format!("\"{name}\";r=0;t={wait}"));
    problem(answer, 429, "too_many_attempts").await;
}

#[tokio::test]
async fn sec_35_attempts_to_set_up_are_limited() {
    let app = not_set_up().await;
    let right = app.set_up_request().await;
    let wrong = with(&right, "set_up_token", "setup_00000000000000000000000000");
    for _ in 0..20 {
        let answer = app.post_json("/api/v1/setup", &wrong).await;
        problem(answer, 403, "wrong_set_up_token").await;
    }
    let answer = app.post_json("/api/v1/setup", &right).await;
    limited(answer, "set-up", "q=20;w=1200", 60).await;
}

/// A client that goes on with what was revoked is told to stop; those beside it come in.
#[tokio::test]
async fn sec_16_wrong_credentials_are_limited_and_right_ones_are_not() {
    let app = TestApp::closed().await;
    let (right, _) = app.token(&["assets:read"]).await;
    let cookie = app.log_in().await;
    let ask = async |name: &str, value: &str| {
        let request = app.client.get(app.url("/api/v1/assets"));
        request.header(name, value).send().await.expect("an answer")
    };
    let token = format!("Bearer rpt_{}", "0".repeat(26));
    let session = format!("__Host-reelpack-session=rps_{}", "0".repeat(26));
    let reached = async {
        loop {
            for (name, value) in [("authorization", &token), ("cookie", &session)] {
                let answer = ask(name, value).await;
                match answer.status() {
                    StatusCode::UNAUTHORIZED => {}
                    _ => return answer,
                }
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), reached).await;
    limited(
        answer.expect("a limit"),
        "wrong-credentials",
        "q=600;w=600",
        2,
    )
    .await;
    // Who shows nothing is no attempt, and who shows the right thing comes in.
    problem(app.get("/api/v1/assets").await, 401, "unauthorized").await;
    let right = format!("Bearer {right}");
    assert_eq!(ask("authorization", &right).await.status(), StatusCode::OK);
    assert_eq!(ask("cookie", &cookie).await.status(), StatusCode::OK);
}
