//! The catalogue keeps what was promised, under the names that were promised.

use crate::support::{TestApp, clips, sql, text};
use serde_json::{Value, json};
use std::collections::HashMap;

#[tokio::test]
async fn a_row_of_the_catalogue_has_every_column() {
    let app = TestApp::start().await;
    let kid = "a16e402b9056e371f36d348aa62bb749";
    let package = app.ready(&clips::plain(), &json!({"kid": kid})).await;
    let dir = app.stop().await;
    let mut rows = sql::rows(dir.path(), "SELECT * FROM uploaded_videos").await;
    let columns = rows.remove(0);
    assert!(rows.is_empty());
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let promised = [
        "input_content_id",
        "input_content_origin",
        "video_track_number",
        "status",
        "output_file_path",
        "video_key",
        "kid",
        "packaged_content_id",
        "url",
    ];
    assert_eq!(names[..9], promised);
    let row: HashMap<String, String> = columns
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    assert_eq!(
        (&*row["input_content_id"], &*row["packaged_content_id"]),
        ("1", "1")
    );
    assert_eq!((&*row["status"], &*row["kid"]), ("Ready", kid));
    assert_eq!(row["video_track_number"], "1");
    assert_eq!(row["container"], "mp4");
    let codecs = &row["codecs"];
    assert!(
        codecs.starts_with("avc1.") && codecs.ends_with(",mp4a.40.2"),
        "{codecs}"
    );
    for path in [&row["input_content_origin"], &row["output_file_path"]] {
        assert!(dir.path().join(path).is_file(), "{row:?}");
    }
    assert_eq!(row["video_key"], "redacted");
    assert!(text(&package["dash_url"]).ends_with(&row["url"]));
    let probe: Value = serde_json::from_str(&row["probe"]).expect("JSON");
    assert_eq!(probe["tracks"].as_array().map(Vec::len), Some(2));
    for number in [
        "created_at_ms",
        "updated_at_ms",
        "duration_seconds",
        "bitrate",
        "size",
    ] {
        assert!(
            row[number].parse::<f64>().is_ok_and(|number| number > 1.0),
            "{number}: {row:?}"
        );
    }
}
