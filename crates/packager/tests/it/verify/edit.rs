//! Changes files of a package in one place.

use super::Files;

impl Files {
    /// A file.
    pub fn bytes(&mut self, path: &str) -> &mut Vec<u8> {
        self.0.get_mut(path).unwrap_or_else(|| panic!("no {path}"))
    }

    /// Replaces a text once; it must be there.
    pub fn replace(&mut self, path: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.bytes(path).clone()).unwrap();
        assert!(text.contains(from), "{path} has no {from}:\n{text}");
        *self.bytes(path) = text.replacen(from, to, 1).into_bytes();
    }

    /// Where the body of the first box of a type begins: behind size and type.
    pub fn find(&mut self, path: &str, kind: &[u8; 4]) -> usize {
        let bytes = self.bytes(path);
        let found = bytes.windows(4).position(|four| four == kind);
        found.unwrap_or_else(|| panic!("no box in {path}")) + 4
    }

    /// Writes bytes `at` bytes behind the beginning of the body of the first box of a type.
    pub fn patch(&mut self, path: &str, kind: &[u8; 4], at: usize, new: &[u8]) {
        let start = self.find(path, kind) + at;
        self.bytes(path)[start..start + new.len()].copy_from_slice(new);
    }

    /// Adds to the 32-bit number there.
    pub fn add(&mut self, path: &str, kind: &[u8; 4], at: usize, by: i32) {
        let start = self.find(path, kind) + at;
        let place = &mut self.bytes(path)[start..start + 4];
        let old = i32::from_be_bytes((&*place).try_into().unwrap());
        place.copy_from_slice(&old.wrapping_add(by).to_be_bytes());
    }

    /// Puts boxes at the end of the first `traf`; sizes and the data offset follow.
    pub fn extend_traf(&mut self, path: &str, boxes: &[u8]) {
        let by = boxes.len() as i32;
        let traf = self.find(path, b"traf") - 8;
        let size = u32::from_be_bytes(self.bytes(path)[traf..traf + 4].try_into().unwrap());
        self.add(path, b"trun", 8, by);
        for kind in [b"traf", b"moof"] {
            let start = self.find(path, kind) - 8;
            let place = &mut self.bytes(path)[start..start + 4];
            let old = u32::from_be_bytes((&*place).try_into().unwrap());
            place.copy_from_slice(&(old + by as u32).to_be_bytes());
        }
        let end = traf + size as usize;
        self.bytes(path).splice(end..end, boxes.iter().copied());
    }

    /// Adds to the 16-bit number there.
    pub fn add_u16(&mut self, path: &str, kind: &[u8; 4], at: usize, by: i16) {
        let start = self.find(path, kind) + at;
        let place = &mut self.bytes(path)[start..start + 2];
        let old = i16::from_be_bytes((&*place).try_into().unwrap());
        place.copy_from_slice(&old.wrapping_add(by).to_be_bytes());
    }

    /// Where the body of the second `trun` of a file begins.
    pub fn second_trun(&mut self, path: &str) -> usize {
        let bytes = self.bytes(path);
        let mut found = bytes
            .windows(4)
            .enumerate()
            .filter(|(_, four)| *four == b"trun");
        found.nth(1).expect("a second trun").0 + 4
    }

    /// Takes the `EXT-X-KEY` lines of a playlist from where they are, each group with the segment behind it, and
    /// puts what `place` makes of the lines of segment `number` (from 1, with its keys before it) in their place.
    pub fn move_keys(&mut self, path: &str, number: usize, place: fn(&str, &str) -> String) {
        let text = String::from_utf8(self.bytes(path).clone()).unwrap();
        let mut parts: Vec<String> = vec![String::new()];
        for line in text.lines() {
            let part = parts.last_mut().unwrap();
            *part += &format!("{line}\n");
            if !line.starts_with('#') {
                parts.push(String::new());
            }
        }
        let is_key = |line: &&str| line.starts_with("#EXT-X-KEY");
        let lines = |part: &str, keys: bool| -> String {
            let kept = part.lines().filter(|line| is_key(line) == keys);
            kept.map(|line| format!("{line}\n")).collect()
        };
        let part = parts[number - 1].clone();
        let keys = lines(&part, true);
        assert!(!keys.is_empty(), "segment {number} has no keys:\n{text}");
        parts[number - 1] = place(&keys, &lines(&part, false));
        *self.bytes(path) = parts.concat().into_bytes();
    }

    /// The folder of the second picture.
    pub fn second_picture(&self) -> String {
        let folders: std::collections::BTreeSet<&str> = self
            .0
            .keys()
            .filter_map(|path| path.split_once('/'))
            .map(|(folder, _)| folder)
            .collect();
        let mut pictures = folders
            .into_iter()
            .filter(|folder| folder.starts_with("video"));
        pictures.nth(1).expect("a second picture").to_string()
    }
}
