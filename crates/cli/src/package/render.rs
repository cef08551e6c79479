//! Renders the objects of a plan on all cores, each straight into its file.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use packager::{ObjectId, Plan, SegmentBuffer};
use rustix::fs::{Mode, OFlags};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// A package to be written.
pub struct Job<'a> {
    plan: &'a Plan,
    objects: Vec<ObjectId>,
    input: &'a Path,
    source: &'a File,
    folder: &'a Path,
    /// Index of the next object that no thread has taken.
    next: AtomicUsize,
    /// Bytes of media that are done.
    done: AtomicU64,
    failure: OnceLock<Failure>,
}

impl<'a> Job<'a> {
    /// A job that writes `plan` of the file `source` to the empty `folder`; `input` is for messages.
    pub fn new(plan: &'a Plan, input: &'a Path, source: &'a File, folder: &'a Path) -> Self {
        Self {
            plan,
            objects: plan.objects(),
            input,
            source,
            folder,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            failure: OnceLock::new(),
        }
    }

    /// Bytes of media in the package.
    pub fn total(&self) -> u64 {
        self.objects
            .iter()
            .map(|object| self.plan.weight(*object))
            .sum()
    }

    /// Writes all objects and then the manifests; returns the bytes of the whole package.
    ///
    /// # Errors
    /// The first failure of any thread.
    pub fn run(self, progress: &Progress, interrupt: &Interrupt) -> Result<u64, Failure> {
        let folder = make_folders(self.folder, self.plan, &self.objects)?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let written = progress.watch(&self.done, || {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..threads.min(self.objects.len()))
                    .map(|_| scope.spawn(|| self.work(&folder, interrupt)))
                    .collect();
                let mut sizes = HashMap::with_capacity(self.objects.len());
                for worker in workers {
                    match worker.join() {
                        Ok(part) => sizes.extend(part),
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
                sizes
            })
        });
        if let Some(failure) = self.failure.into_inner() {
            return Err(failure);
        }
        let manifests = write_manifests(self.plan, self.folder, &written)?;
        Ok(written.values().sum::<u64>() + manifests)
    }

    /// One thread: takes objects until there are none, or until any thread has failed.
    fn work(&self, folder: &File, interrupt: &Interrupt) -> Vec<(ObjectId, u64)> {
        let mut buffer = SegmentBuffer::default();
        let mut written = Vec::new();
        while self.failure.get().is_none() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(object) = self.objects.get(index) else {
                break;
            };
            let result = interrupt
                .check()
                .and_then(|()| self.write(*object, folder, &mut buffer));
            match result {
                Ok(size) => written.push((*object, size)),
                // Only the first failure is told; the others follow from it or repeat it.
                Err(failure) => drop(self.failure.set(failure)),
            }
        }
        written
    }

    /// Renders one object and writes it; returns its size.
    fn write(
        &self,
        object: ObjectId,
        folder: &File,
        buffer: &mut SegmentBuffer,
    ) -> Result<u64, Failure> {
        self.plan
            .render(object, &[self.source], buffer)
            .map_err(|error| Failure::engine(self.input, &error))?;
        let path = self.plan.path(object);
        // Relative to the open folder: the path above it is not walked for every object.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        rustix::fs::openat(folder, path.as_str(), flags, Mode::from_raw_mode(0o666))
            .map_err(io::Error::from)
            .and_then(|file| {
                let mut file = File::from(file);
                buffer.pieces().try_for_each(|piece| file.write_all(piece))
            })
            .map_err(|error| Failure::io("write", &self.folder.join(&path), &error))?;
        self.done
            .fetch_add(self.plan.weight(object), Ordering::Relaxed);
        Ok(buffer.size())
    }
}

/// Makes the folder of each rendition, and opens the one that holds them.
fn make_folders(folder: &Path, plan: &Plan, objects: &[ObjectId]) -> Result<File, Failure> {
    let renditions: BTreeSet<u32> = objects.iter().map(|object| object.rendition).collect();
    for rendition in renditions {
        let path = plan.path(ObjectId {
            rendition,
            segment: 0,
        });
        let path = folder.join(crate::output::parent(Path::new(&path)));
        std::fs::create_dir(&path)
            .map_err(|error| Failure::io("make the folder", &path, &error))?;
    }
    File::open(folder).map_err(|error| Failure::io("open", folder, &error))
}

/// Writes the manifests; returns their bytes.
fn write_manifests(
    plan: &Plan,
    folder: &Path,
    sizes: &HashMap<ObjectId, u64>,
) -> Result<u64, Failure> {
    let size = |object| sizes.get(&object).copied().unwrap_or_default();
    let manifests = plan
        .manifests(&size)
        .map_err(|error| Failure::engine(Path::new("manifests"), &error))?;
    let mut bytes = 0;
    for manifest in manifests {
        let path = folder.join(&manifest.path);
        std::fs::write(&path, &manifest.text)
            .map_err(|error| Failure::io("write", &path, &error))?;
        bytes += manifest.text.len() as u64;
    }
    Ok(bytes)
}
