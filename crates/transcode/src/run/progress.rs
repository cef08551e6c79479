//! What ffmpeg writes with `-progress`: `name=value` lines, in groups that end with `progress=…`.

use super::{Control, Progress};

/// Bytes of a line that is no line of ffmpeg's.
const MAX_LINE: usize = 1000;

/// Takes stdout: as progress, or as it is.
pub(super) struct Reader<'a> {
    control: Option<&'a dyn Control>,
    line: Vec<u8>,
    progress: Progress,
}

impl<'a> Reader<'a> {
    pub fn new(is_progress: bool, control: &'a dyn Control) -> Self {
        Self {
            control: is_progress.then_some(control),
            line: Vec::new(),
            progress: Progress::default(),
        }
    }

    /// Takes bytes: a answer grows by them, progress is told.
    pub fn take(&mut self, bytes: &[u8], answer: &mut Vec<u8>) {
        let Some(control) = self.control else {
            answer.extend_from_slice(bytes);
            return;
        };
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < MAX_LINE {
                    self.line.push(*byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if self.progress.take(&String::from_utf8_lossy(&line)) {
                control.progress(self.progress);
            }
        }
    }
}

impl Progress {
    /// Takes a line; true when a group is whole.
    fn take(&mut self, line: &str) -> bool {
        let Some((name, value)) = line.split_once('=') else {
            return false;
        };
        let value = value.trim();
        match name {
            "frame" => self.frames = value.parse().unwrap_or(self.frames),
            // `N/A` before the first packet.
            "out_time_us" => self.time_us = value.parse().unwrap_or(self.time_us),
            _ => {}
        }
        name == "progress"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Seen(Mutex<Vec<Progress>>);

    impl Control for Seen {
        fn cancelled(&self) -> bool {
            false
        }

        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().push(progress);
        }
    }

    #[test]
    fn groups_are_told_whole_however_they_arrive() {
        let text = "frame=10\nfps=0.0\ntotal_size=N/A\nout_time_us=N/A\nspeed=N/A\nprogress=continue\n\
                    frame=25\ntotal_size=4096\nout_time_us=1000000\nspeed= 2.5x\nprogress=end\n";
        for size in [1, 7, 1000] {
            let seen = Seen(Mutex::default());
            let mut reader = Reader::new(true, &seen);
            let mut answer = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                reader.take(piece, &mut answer);
            }
            let first = Progress {
                frames: 10,
                ..Progress::default()
            };
            let second = Progress {
                frames: 25,
                time_us: 1_000_000,
            };
            assert_eq!(*seen.0.lock().unwrap(), [first, second]);
            assert!(answer.is_empty());
        }
    }
}
