//! The catalogue keeps what was promised, under the names that were promised.

use crate::support::{TestApp, clips, sql, text};
use serde_json::{Value, json};

#[tokio::test]
async fn a_row_of_the_catalogue_has_every_column() {
    let app = TestApp::start().await;
    let kid = "a16e402b9056e371f36d348aa62bb749";
    let package = app.ready(&clips::plain(), &json!({"kid": kid})).await;
    let dir = app.stop().await;
    let row = sql::text(
        dir.path(),
        "SELECT json_object('input_content_id', input_content_id, 'origin', input_content_origin, \
         'track', video_track_number, 'status', status, 'output', output_file_path, \
         'key', video_key, 'kid', kid, 'packaged', packaged_content_id, 'url', url, \
         'created', created_at_ms, 'updated', updated_at_ms, 'duration', duration_seconds, \
         'container', container, 'codecs', codecs, 'bitrate', bitrate, 'size', size, \
         'probe', json(probe)) FROM uploaded_videos",
    )
    .await;
    let row: Value = serde_json::from_str(&row).expect("JSON");
    assert_eq!(
        (&row["input_content_id"], &row["packaged"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&row["status"], &row["kid"], &row["track"]),
        (&json!("Ready"), &json!(kid), &json!(1))
    );
    assert_eq!(row["container"], "mp4");
    let codecs = text(&row["codecs"]);
    assert!(
        codecs.starts_with("avc1.") && codecs.ends_with(",mp4a.40.2"),
        "{codecs}"
    );
    for path in [&row["origin"], &row["output"]] {
        assert!(dir.path().join(text(path)).is_file(), "{row}");
    }
    assert_eq!(row["key"], "redacted");
    assert!(text(&package["dash_url"]).ends_with(text(&row["url"])));
    assert_eq!(row["probe"]["tracks"].as_array().map(Vec::len), Some(2));
    for number in ["created", "updated", "duration", "bitrate", "size"] {
        assert!(row[number].as_f64() > Some(1.0), "{number}: {row}");
    }
}
