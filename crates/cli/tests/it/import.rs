//! `import`: what it prints, and its exit codes. What becomes of the rows is tested with the server.

use crate::engines::Engine;
use crate::media;
use crate::support::Scratch;
use std::process::Command;

const KEY: &str = "hyN9IKGfWKdAwFaE5pm0qg";

/// An old database with one video that is there and, when `lost`, one that is not; writes its URL into `url`.
fn old_platform(scratch: &Scratch, name: &str, lost: bool) {
    let url = Engine::MySql.database(name).expect("a URL");
    let (server, _) = url.rsplit_once('/').expect("a database");
    let (_, port) = server.rsplit_once(':').expect("a port");
    let mut sql = String::from(
        "CREATE TABLE uploaded_videos (input_content_id INT, input_content_origin TEXT, video_track_number INT, \
         status TEXT, output_file_path TEXT, video_key TEXT, kid TEXT, packaged_content_id INT, url TEXT); \
         INSERT INTO uploaded_videos VALUES (1, '/old/in.mp4', 1, 'Ready', '', 'hyN9IKGfWKdAwFaE5pm0qg', \
         'oW5AK5BW43HzbTSKpiu3SQ', 3, '');",
    );
    if lost {
        sql.push_str("INSERT INTO uploaded_videos (input_content_id, input_content_origin) VALUES (2, 'lost.mp4');");
    }
    let made = Command::new("mariadb")
        .args(["-h", "127.0.0.1", "-P", port, name, "-e", &sql])
        .status();
    assert!(made.expect("the client runs").success());
    let url = url.replace("root@", "root:hunter2@");
    std::fs::write(scratch.path().join("url"), url).expect("the file");
}

#[test]
fn the_report_says_what_was_taken_and_the_exit_code_whether_all_was() {
    let scratch = Scratch::new();
    std::fs::copy(media::small(), scratch.path().join("in.mp4")).expect("a clip");
    let import = "import --from-url-file url --from-folder . --data-dir data";
    old_platform(&scratch, "cli_whole", false);
    let looked = scratch.words(&format!("{import} --dry-run"));
    assert_eq!(looked.code(), Some(0), "{}", looked.stderr());
    assert_eq!(
        looked.stdout(),
        "1 /old/in.mp4: taken; packaging 3: taken\n"
    );
    assert!(
        looked.stderr().contains("would be taken"),
        "{}",
        looked.stderr()
    );
    assert!(!scratch.path().join("data").exists());
    let taken = scratch.words(import);
    assert_eq!(taken.code(), Some(0), "{}", taken.stderr());
    assert!(
        taken.stderr().contains("start the server"),
        "{}",
        taken.stderr()
    );

    old_platform(&scratch, "cli_lost", true);
    let again = scratch.words(&format!("{import} --json"));
    assert_eq!(again.code(), Some(65), "{}", again.stderr());
    let report: serde_json::Value = serde_json::from_str(again.stdout()).expect("JSON");
    assert_eq!(
        report["already"],
        serde_json::json!({"videos": 1, "packagings": 1})
    );
    assert_eq!(report["refused_rows"], 1);
    assert_eq!(report["rows"][1]["asset"]["outcome"], "refused");
    for run in [&looked, &taken, &again] {
        let said = format!("{}{}", run.stdout(), run.stderr());
        assert!(!said.contains("hunter2") && !said.contains(KEY), "{said}");
    }
}

#[test]
fn without_a_folder_or_a_database_nothing_is_done() {
    let scratch = Scratch::new();
    std::fs::write(
        scratch.path().join("url"),
        "mysql://a:hunter2@127.0.0.1:1/b",
    )
    .expect("the file");
    for (folder, says) in [
        ("nowhere", "nowhere is no folder"),
        (".", "the old database mysql://127.0.0.1:1/b cannot be read"),
    ] {
        let run = scratch.words(&format!(
            "import --from-url-file url --from-folder {folder} --data-dir data"
        ));
        let run = run.fails(74, says);
        assert!(!run.stderr().contains("hunter2"));
    }
    assert!(!scratch.path().join("data").exists());
}
