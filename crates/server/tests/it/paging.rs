//! Lists: pages in both directions, filters, search.

use crate::support::{TestApp, clips, problem, text};
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().expect("a list").iter();
    data.map(|asset| text(&asset["name"])).collect()
}

#[tokio::test]
async fn pages_go_both_ways_and_stay_right_while_things_come() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(app.upload(&clips::numbered(number)).await["id"].clone());
    }
    let page = async |query: String| app.get_json(&format!("/api/v1/assets?{query}")).await;
    let first = page("limit=2".into()).await;
    assert_eq!(names(&first), ["numbered-3.mp4", "numbered-2.mp4"]);
    assert_eq!(first["has_more"], true);
    let after = format!("limit=2&starting_after={}", text(&ids[2]));
    let second = page(after.clone()).await;
    assert_eq!(names(&second), ["numbered-1.mp4", "numbered-0.mp4"]);
    assert_eq!(
        (&second["has_more"], &second["next_cursor"]),
        (&json!(false), &Value::Null)
    );
    let back = page(format!("limit=2&ending_before={}", text(&ids[0]))).await;
    assert_eq!(names(&back), ["numbered-2.mp4", "numbered-1.mp4"]);
    assert_eq!(back["has_more"], true);
    let back = page(format!("ending_before={}", text(&ids[2]))).await;
    assert_eq!(names(&back), ["numbered-3.mp4"]);
    assert_eq!(back["has_more"], false);
    app.upload(&clips::plain()).await;
    assert_eq!(
        page(after).await,
        second,
        "what comes changes no older page"
    );

    let found = page("q=NUMBERED-2".into()).await;
    assert_eq!(names(&found), ["numbered-2.mp4"]);
    assert_eq!(names(&page("q=_umbered".into()).await), Vec::<&str>::new());
    for (bad, field) in [
        ("starting_after=ast_none", "starting_after"),
        ("ending_before=pkg_x", "ending_before"),
        ("cursor=3&starting_after=x", "starting_after"),
    ] {
        let answer = app.get(&format!("/api/v1/assets?{bad}")).await;
        let found = problem(answer, 400, "invalid_request").await;
        assert_eq!(found["field"], field);
    }
}

#[tokio::test]
async fn lists_are_filtered() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::plain(), &json!({})).await;
    for (path, expect) in [
        ("packages?status=Ready", 1),
        ("packages?status=Failed", 0),
        ("jobs?state=done", 1),
        ("jobs?state=queued", 0),
    ] {
        let found = app.get_json(&format!("/api/v1/{path}")).await;
        let count = found["data"].as_array().map(Vec::len);
        assert_eq!(count, Some(expect), "{path}");
    }
    let job = &package["job"];
    assert_eq!(
        (&job["percent"], &job["step"], &job["seconds_left"]),
        (&json!(100), &Value::Null, &Value::Null)
    );
    let after = text(&job["id"]);
    for path in ["jobs?starting_after=", "jobs?ending_before="] {
        let found = app.get_json(&format!("/api/v1/{path}{after}")).await;
        assert_eq!(found["data"], json!([]));
    }
    let answer = app.get("/api/v1/packages?status=ready").await;
    problem(answer, 400, "invalid_request").await;
}
