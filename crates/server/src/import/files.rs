//! Finds the files of the old platform, wherever it thought that they were.

use std::path::{Component, Path, PathBuf};

/// The file that `origin` names: a path that is right on this machine, or one whose end leads to a file below
/// `folder`, because the storage was elsewhere when it was written.
pub(super) fn find(folder: &Path, origin: &str) -> Option<PathBuf> {
    let path = Path::new(origin);
    if path.is_absolute() && path.is_file() {
        return Some(path.to_owned());
    }
    let names: Vec<_> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    (0..names.len())
        .map(|start| folder.join(names[start..].iter().collect::<PathBuf>()))
        .find(|candidate| candidate.is_file())
}

/// The CODE in an old link, `http://HOST/CODE/dash/stream.mpd`, if this server can keep it.
pub(super) fn code_of(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?;
    let mut parts = path.rsplit('/').skip_while(|part| *part != "dash").skip(1);
    let code = parts.next()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (code.len() <= 64 && !code.is_empty() && code.bytes().all(plain)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_where_the_storage_is_now() {
        let dir = tempfile::tempdir().expect("a folder");
        let inner = dir.path().join("input/7");
        std::fs::create_dir_all(&inner).expect("folders");
        let file = inner.join("a b.mp4");
        std::fs::write(&file, "x").expect("a file");
        for origin in [
            file.to_str().expect("text"),
            "input/7/a b.mp4",
            "/srv/old/storage/input/7/a b.mp4",
            "./storage/../input/7/a b.mp4",
        ] {
            assert_eq!(find(dir.path(), origin), Some(file.clone()), "{origin}");
        }
        for origin in ["", "/", "a b.mp4", "input/8/a b.mp4", "input/7"] {
            assert_eq!(find(dir.path(), origin), None, "{origin}");
        }
    }

    #[test]
    fn codes_are_taken_from_links() {
        for (url, expect) in [
            ("http://h:8080/Ab_9-x/dash/stream.mpd", Some("Ab_9-x")),
            ("https://h/videos/abc/dash/stream.mpd?x=/dash/", Some("abc")),
            ("abc/dash/stream.mpd", Some("abc")),
            ("http://h/a.b/dash/stream.mpd", None),
            ("http://h/abc/stream.mpd", None),
            ("/dash/stream.mpd", None),
            ("", None),
        ] {
            assert_eq!(code_of(url), expect, "{url}");
        }
    }
}
