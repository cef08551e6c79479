//! Renders the objects of a plan into a package's folder, on all cores. Blocking.

use super::Failure;
use super::control::Control;
use crate::storage::PackageStore;
use packager::{ObjectFacts, ObjectId, Plan, SegmentBuffer, Source};
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the engine said of every object of a package that was written.
pub(super) type Written = HashMap<ObjectId, ObjectFacts>;

/// Where the objects of a package go.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The package.
    pub(super) package: PackageStore,
    /// Whether objects that are there already are whole, and the same as those that would be written.
    pub(super) trusted: bool,
}

/// Writes every object that is not there yet.
pub(super) fn objects(
    plan: &Plan,
    sources: &[&dyn Source],
    target: &Target,
    control: &Control,
) -> Result<Written, Failure> {
    let objects = plan.objects();
    control.set_total(objects.iter().map(|object| cost(plan, *object)).sum());
    let (_rendering, threads) = Rendering::begin();
    let next = AtomicUsize::new(0);
    let failed = std::sync::atomic::AtomicBool::new(false);
    let share = || {
        let mut buffer = SegmentBuffer::default();
        let mut written = Vec::new();
        while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failed.load(Ordering::Relaxed) {
                break;
            }
            match one(plan, *object, sources, target, control, &mut buffer) {
                Ok(facts) => written.push((*object, facts)),
                Err(failure) => {
                    failed.store(true, Ordering::Relaxed);
                    return Err(failure);
                }
            }
        }
        Ok(written)
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.min(objects.len()))
            .map(|_| scope.spawn(share))
            .collect();
        let mut written = Written::with_capacity(objects.len());
        let mut failure = None;
        for handle in handles {
            match handle.join() {
                Ok(Ok(part)) => written.extend(part),
                Ok(Err(error)) => failure = failure.or(Some(error)),
                Err(_) => failure = Some(panicked()),
            }
        }
        failure.map_or(Ok(written), Err)
    })
}

/// Counts the packagings that render at this moment.
struct Rendering;

static RENDERING: AtomicUsize = AtomicUsize::new(0);

impl Rendering {
    /// Begins one more; returns its share of the cores. Who is alone has all of them.
    fn begin() -> (Self, usize) {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let running = RENDERING.fetch_add(1, Ordering::Relaxed) + 1;
        (Self, (cores / running).max(1))
    }
}

impl Drop for Rendering {
    fn drop(&mut self) {
        RENDERING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The failure of a job whose engine panicked.
pub(super) fn panicked() -> Failure {
    Failure::Permanent(
        "the packaging engine hit a fault of its own on this file; please report it".to_owned(),
    )
}

fn one(
    plan: &Plan,
    object: ObjectId,
    sources: &[&dyn Source],
    target: &Target,
    control: &Control,
    buffer: &mut SegmentBuffer,
) -> Result<ObjectFacts, Failure> {
    if let Some(reason) = control.stopped() {
        return Err(Failure::Stopped(reason));
    }
    let path = plan.path(object);
    let package = &target.package;
    let kept = match target.trusted {
        true => take_over(package, &path)?,
        false => None,
    };
    let facts = match kept {
        Some(facts) => facts,
        None => package.put(
            &path,
            plan.weight(object),
            |file| -> Result<ObjectFacts, Failure> {
                let mut write = |bytes: &[u8]| {
                    crash_point!("object.begun");
                    if control.stopped().is_some() {
                        return Err(std::io::Error::other("the job is to stop"));
                    }
                    file.write_all(bytes)
                };
                let facts = plan.render(object, sources, buffer, &mut write)?;
                crash_point!("object.filled");
                Ok(facts)
            },
        )?,
    };
    crash_point!("object.written");
    control.advance(cost(plan, object), package.origin(&path));
    Ok(facts)
}

/// Takes over the object of an earlier attempt, if there is one.
fn take_over(package: &PackageStore, path: &str) -> Result<Option<ObjectFacts>, Failure> {
    let Some(object) = package.open(path)? else {
        return Ok(None);
    };
    let facts = ObjectFacts::read(&object)?;
    if facts.size == 0 {
        return Ok(None);
    }
    package.take_over(path, &object)?;
    Ok(Some(facts))
}

/// Work of an object: its media, and a little for the file itself.
fn cost(plan: &Plan, object: ObjectId) -> u64 {
    plan.weight(object) + 1024
}
