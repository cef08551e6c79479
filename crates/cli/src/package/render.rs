//! Renders the objects of a plan on all cores, each straight into its file.

use super::source::Opened;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use packager::{ObjectFacts, ObjectId, Plan, SegmentBuffer, Source};
use rustix::fs::{Mode, OFlags};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// A package to be written.
pub struct Job<'a> {
    plan: &'a Plan,
    objects: Vec<ObjectId>,
    /// For messages.
    inputs: &'a [PathBuf],
    sources: Vec<&'a dyn Source>,
    folder: &'a Path,
    /// Index of the next object that no thread has taken.
    next: AtomicUsize,
    /// Bytes of media that are done.
    done: AtomicU64,
    failure: OnceLock<Failure>,
}

impl<'a> Job<'a> {
    /// A job that writes `plan` of the open `inputs` to the empty `folder`.
    pub fn new(
        plan: &'a Plan,
        inputs: &'a [PathBuf],
        sources: &'a [Opened<'a>],
        folder: &'a Path,
    ) -> Self {
        Self {
            plan,
            objects: plan.objects(),
            inputs,
            sources: sources.iter().map(AsRef::as_ref).collect(),
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
        Ok(written.values().map(|facts| facts.size).sum::<u64>() + manifests)
    }

    /// One thread: takes objects until there are none, or until any thread has failed.
    fn work(&self, folder: &File, interrupt: &Interrupt) -> Vec<(ObjectId, ObjectFacts)> {
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
                Ok(facts) => written.push((*object, facts)),
                // Only the first failure is told; the others follow from it or repeat it.
                Err(failure) => drop(self.failure.set(failure)),
            }
        }
        written
    }

    /// Renders one object into its file.
    fn write(
        &self,
        object: ObjectId,
        folder: &File,
        buffer: &mut SegmentBuffer,
    ) -> Result<ObjectFacts, Failure> {
        let path = self.plan.path(object);
        let not_written = |error: &io::Error| Failure::io("write", &self.folder.join(&path), error);
        // Relative to the open folder: the path above it is not walked for every object.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, path.as_str(), flags, Mode::from_raw_mode(0o666));
        let mut file = File::from(file.map_err(|error| not_written(&error.into()))?);
        let mut write = |bytes: &[u8]| file.write_all(bytes);
        let facts = self.plan.render(object, &self.sources, buffer, &mut write);
        let facts = facts.map_err(|error| match error {
            packager::Error::Output(error) => not_written(&error),
            other => Failure::engine(&self.input_of(object).display(), &other),
        })?;
        self.done
            .fetch_add(self.plan.weight(object), Ordering::Relaxed);
        Ok(facts)
    }

    fn input_of(&self, object: ObjectId) -> &Path {
        let rendition = self.plan.renditions().get(object.rendition as usize);
        let input = rendition.and_then(|rendition| self.inputs.get(rendition.input));
        input.map_or(Path::new("?"), PathBuf::as_path)
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
    written: &HashMap<ObjectId, ObjectFacts>,
) -> Result<u64, Failure> {
    let facts = |object| written.get(&object).copied().unwrap_or_default();
    let manifests = plan
        .manifests(&facts)
        .map_err(|error| Failure::engine(&"manifests", &error))?;
    let mut bytes = 0;
    for manifest in manifests {
        let path = folder.join(&manifest.path);
        std::fs::write(&path, &manifest.text)
            .map_err(|error| Failure::io("write", &path, &error))?;
        bytes += manifest.text.len() as u64;
    }
    Ok(bytes)
}
