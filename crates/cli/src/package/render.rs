//! Renders the objects of a plan on all cores, each straight into its file or its place in the file of its rendition.

use super::shared_file::SharedFile;
use super::source::Opened;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use packager::{ObjectFacts, ObjectId, Plan, SegmentBuffer, Source, WriteBytes};
use rustix::fs::{Mode, OFlags};
use std::collections::HashMap;
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

/// Where a job writes.
struct Output {
    folder: File,
    /// Of each rendition, its file when it has one for all of its objects.
    shared: Vec<Option<SharedFile>>,
}

/// Memory of a thread that is used again for each object.
#[derive(Default)]
struct Memory {
    buffer: SegmentBuffer,
    /// What has no place yet.
    held: Vec<u8>,
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
    pub fn run(mut self, progress: &Progress, interrupt: &Interrupt) -> Result<u64, Failure> {
        let output = Output::make(self.folder, self.plan)?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let written = progress.watch(&self.done, || {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..threads.min(self.objects.len()))
                    .map(|_| scope.spawn(|| self.work(&output, interrupt)))
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
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let indexes = self.write_indexes(&output, &written)?;
        let manifests = write_manifests(self.plan, self.folder, &written)?;
        let media = written.values().map(|facts| facts.size).sum::<u64>();
        Ok(media + indexes + manifests)
    }

    /// One thread: takes objects until there are none, or until any thread has failed.
    fn work(&self, output: &Output, interrupt: &Interrupt) -> Vec<(ObjectId, ObjectFacts)> {
        // Others may wait for what this thread has taken.
        let _given_up = GiveUpOnPanic(output);
        let mut memory = Memory::default();
        let mut written = Vec::new();
        while self.failure.get().is_none() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(object) = self.objects.get(index) else {
                break;
            };
            let result = interrupt
                .check()
                .and_then(|()| self.write(*object, output, &mut memory));
            match result {
                Ok(facts) => written.push((*object, facts)),
                // Only the first failure is told; the others follow from it or repeat it.
                Err(failure) => {
                    drop(self.failure.set(failure));
                    output.give_up();
                }
            }
        }
        written
    }

    /// Renders one object into its place.
    fn write(
        &self,
        object: ObjectId,
        output: &Output,
        memory: &mut Memory,
    ) -> Result<ObjectFacts, Failure> {
        let facts = match output.shared(self.plan, object) {
            Some(shared) => {
                let gap = match object.segment {
                    0 => self.plan.index_size(object.rendition),
                    _ => 0,
                };
                let mut part = shared.begin(object.segment as usize, &mut memory.held);
                let mut write = |bytes: &[u8]| part.write(bytes);
                let facts = self.render(object, &mut memory.buffer, &mut write)?;
                part.finish(gap)
                    .map_err(|error| self.not_written(object, &error))?;
                facts
            }
            None => {
                let path = self.plan.path(object);
                let file = create(&output.folder, &path);
                let mut file = file.map_err(|error| self.not_written(object, &error))?;
                let mut write = |bytes: &[u8]| file.write_all(bytes);
                self.render(object, &mut memory.buffer, &mut write)?
            }
        };
        self.done
            .fetch_add(self.plan.weight(object), Ordering::Relaxed);
        Ok(facts)
    }

    fn render(
        &self,
        object: ObjectId,
        buffer: &mut SegmentBuffer,
        write: &mut WriteBytes<'_>,
    ) -> Result<ObjectFacts, Failure> {
        let facts = self.plan.render(object, &self.sources, buffer, write);
        facts.map_err(|error| match error {
            packager::Error::Output(error) => self.not_written(object, &error),
            other => Failure::engine(&self.input_of(object).display(), &other),
        })
    }

    fn not_written(&self, object: ObjectId, error: &io::Error) -> Failure {
        Failure::io("write", &self.folder.join(self.plan.path(object)), error)
    }

    /// Fills the gaps between init segments and media segments in files of whole renditions; returns their bytes.
    fn write_indexes(
        &self,
        output: &Output,
        written: &HashMap<ObjectId, ObjectFacts>,
    ) -> Result<u64, Failure> {
        let facts = |object| written.get(&object).copied().unwrap_or_default();
        let mut bytes = 0;
        for (rendition, shared) in (0..).zip(&output.shared) {
            let Some(shared) = shared else { continue };
            let init = ObjectId {
                rendition,
                segment: 0,
            };
            let index = self.plan.index(rendition, &facts);
            let index =
                index.map_err(|error| Failure::engine(&self.input_of(init).display(), &error))?;
            shared
                .write_at(&index, facts(init).size)
                .map_err(|error| self.not_written(init, &error))?;
            bytes += index.len() as u64;
        }
        Ok(bytes)
    }

    fn input_of(&self, object: ObjectId) -> &Path {
        let rendition = self.plan.renditions().get(object.rendition as usize);
        let input = rendition.and_then(|rendition| self.inputs.get(rendition.input));
        input.map_or(Path::new("?"), PathBuf::as_path)
    }
}

impl Output {
    /// Makes the folder or the file of each rendition.
    fn make(folder: &Path, plan: &Plan) -> Result<Self, Failure> {
        let opened = File::open(folder);
        let opened = opened.map_err(|error| Failure::io("open", folder, &error))?;
        let mut shared = Vec::new();
        for (rendition, _) in (0..).zip(plan.renditions()) {
            let path = plan.path(ObjectId {
                rendition,
                segment: 0,
            });
            if plan.is_single_file(rendition) {
                let file = create(&opened, &path)
                    .map_err(|error| Failure::io("write", &folder.join(&path), &error))?;
                shared.push(Some(SharedFile::new(file)));
            } else {
                let path = folder.join(crate::output::parent(Path::new(&path)));
                std::fs::create_dir(&path)
                    .map_err(|error| Failure::io("make the folder", &path, &error))?;
                shared.push(None);
            }
        }
        Ok(Self {
            folder: opened,
            shared,
        })
    }

    /// The file that an object shares with others.
    fn shared(&self, plan: &Plan, object: ObjectId) -> Option<&SharedFile> {
        let shared = self.shared.get(object.rendition as usize)?.as_ref();
        shared.filter(|_| plan.shares_file(object))
    }

    /// Ends all waiting of threads for each other.
    fn give_up(&self) {
        for shared in self.shared.iter().flatten() {
            shared.give_up();
        }
    }
}

/// Gives up when its thread panics.
struct GiveUpOnPanic<'a>(&'a Output);

impl Drop for GiveUpOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up();
        }
    }
}

/// Makes a file, relative to the open folder: the path above it is not walked for every object.
fn create(folder: &File, path: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, path, flags, Mode::from_raw_mode(0o666))?;
    Ok(File::from(file))
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
