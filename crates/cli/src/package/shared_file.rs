//! One file that several threads write: each a part of it, at a place that is known as soon as the parts before are
//! whole.
//!
//! Parts are to be begun in their order. Then the first one that is not whole can always be written, whoever waits for
//! it, and nobody waits for ever.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that a part may keep in memory while its place is not known; then its thread waits.
const MAX_HELD: usize = 16 << 20;

/// A file of parts that lie one behind the other.
pub struct SharedFile {
    file: File,
    places: Mutex<Places>,
    changed: Condvar,
}

struct Places {
    /// Where the parts begin, as far as that is known.
    starts: Vec<u64>,
    /// Whether a part will never be whole.
    given_up: bool,
}

/// A part that is being written.
pub struct Part<'a> {
    shared: &'a SharedFile,
    number: usize,
    start: Option<u64>,
    /// Bytes of the part that are in the file.
    written: u64,
    /// Bytes behind those.
    held: &'a mut Vec<u8>,
}

impl SharedFile {
    /// An empty file.
    pub fn new(file: File) -> Self {
        Self {
            file,
            places: Mutex::new(Places {
                starts: vec![0],
                given_up: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Begins part `number`, counted from 0. `held` is memory that is used again.
    pub fn begin<'a>(&'a self, number: usize, held: &'a mut Vec<u8>) -> Part<'a> {
        held.clear();
        Part {
            shared: self,
            number,
            start: None,
            written: 0,
            held,
        }
    }

    /// Writes bytes at a place of their own.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// Ends all waiting: a part will never be whole.
    pub fn give_up(&self) {
        self.lock().given_up = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        // A thread that panics gives up, and what it leaves here is whole at all times.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for(&self, number: usize) -> io::Result<u64> {
        let places = self.lock();
        let unknown = |places: &mut Places| !places.given_up && places.starts.len() <= number;
        let places = self.changed.wait_while(places, unknown);
        let places = places.unwrap_or_else(PoisonError::into_inner);
        let start = places.starts.get(number).copied();
        start.ok_or_else(|| io::Error::other("another thread has failed"))
    }
}

impl Part<'_> {
    /// Writes the next bytes: into the file if it is known where, else into memory.
    ///
    /// # Errors
    /// What the file system says, and when a part before this one will never be whole.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.start.is_none() {
            self.start = self.shared.lock().starts.get(self.number).copied();
        }
        if self.start.is_none() && self.held.len() + bytes.len() > MAX_HELD {
            self.start = Some(self.shared.wait_for(self.number)?);
        }
        match self.start {
            None => {
                self.held.extend_from_slice(bytes);
                Ok(())
            }
            Some(start) => {
                self.write_held(start)?;
                self.put(bytes, start)
            }
        }
    }

    /// The part is whole; the next one begins `gap` bytes behind it.
    ///
    /// # Errors
    /// As [`Part::write`].
    pub fn finish(mut self, gap: u64) -> io::Result<()> {
        let start = self.shared.wait_for(self.number)?;
        self.write_held(start)?;
        let next = start + self.written + gap;
        self.shared.lock().starts.push(next);
        self.shared.changed.notify_all();
        Ok(())
    }

    fn write_held(&mut self, start: u64) -> io::Result<()> {
        let held = std::mem::take(self.held);
        self.put(&held, start)?;
        *self.held = held;
        self.held.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8], start: u64) -> io::Result<()> {
        self.shared.file.write_all_at(bytes, start + self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Temporary;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    /// A file that vanishes with the first of the two.
    fn shared() -> (Temporary, SharedFile) {
        let (temporary, file) = Temporary::file(&std::env::temp_dir(), 0o600).unwrap();
        (temporary, SharedFile::new(file))
    }

    fn contents(temporary: &Temporary) -> Vec<u8> {
        std::fs::read(temporary.path()).unwrap()
    }

    /// Part 7 is `7` many times, in uneven pieces.
    fn write(shared: &SharedFile, number: usize) {
        let mut held = Vec::new();
        let mut part = shared.begin(number, &mut held);
        for piece in 0..number % 5 {
            part.write(&vec![number as u8; piece * 1000]).unwrap();
        }
        part.finish(u64::from(number == 0) * 3).unwrap();
    }

    #[test]
    fn parts_of_several_threads_lie_in_order() {
        let (temporary, shared) = shared();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let number @ 0..200 = next.fetch_add(1, Ordering::Relaxed) {
                        write(&shared, number);
                    }
                });
            }
        });
        let mut expect = vec![0; 3];
        for number in 0..200 {
            let size: usize = (0..number % 5).map(|piece| piece * 1000).sum();
            expect.extend(vec![number as u8; size]);
        }
        assert_eq!(contents(&temporary), expect);
    }

    #[test]
    fn a_part_that_is_ahead_holds_little_and_waits() {
        let (temporary, shared) = shared();
        let (told, behind) = channel();
        std::thread::scope(|scope| {
            let shared = &shared;
            scope.spawn(move || {
                let mut held = Vec::new();
                let mut part = shared.begin(1, &mut held);
                let piece = vec![1; MAX_HELD / 4];
                for count in 1..=5 {
                    // The fifth has no room, and waits until the first part is whole.
                    part.write(&piece).unwrap();
                    told.send((count, part.held.len())).unwrap();
                }
                part.finish(0).unwrap();
            });
            for count in 1..=4 {
                assert_eq!(behind.recv().unwrap(), (count, count * MAX_HELD / 4));
            }
            let mut held = Vec::new();
            let mut part = shared.begin(0, &mut held);
            part.write(b"first").unwrap();
            assert!(behind.try_recv().is_err(), "the fifth piece has no place");
            part.finish(0).unwrap();
            assert_eq!(behind.recv().unwrap(), (5, 0));
        });
        let bytes = contents(&temporary);
        assert_eq!(bytes.len(), 5 + 5 * (MAX_HELD / 4));
        assert!(bytes.starts_with(b"first\x01") && bytes[5..].iter().all(|byte| *byte == 1));
    }

    #[test]
    fn nobody_waits_for_a_part_that_never_comes() {
        let (temporary, shared) = shared();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut held = Vec::new();
                let mut part = shared.begin(1, &mut held);
                part.write(b"ahead").unwrap();
                part.finish(0)
            });
            shared.give_up();
            assert!(waiting.join().unwrap().is_err());
        });
        assert!(contents(&temporary).is_empty());
    }
}
