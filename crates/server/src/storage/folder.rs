//! The local folder: files get their names last, and become durable in one pass a package.

use super::absent_is_fine;
use super::hashes::Recorded;
use crate::clock;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Threads that wait for the disk together when a package is made durable: 2400 small files took 6.3 s
/// with one thread, 0.6 s with 8 and 0.3 s with 32 (ext4).
const SYNC_THREADS: usize = 32;

/// Objects as files below a data folder; a key is a path below it.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

/// Fails as a disk would, where a test says so: the point is named after the operation and the folder.
macro_rules! disk {
    ($what:literal, $root:expr) => {
        fail::fail_point!(&format!("storage.{} {}", $what, $root.display()), |kind| {
            Err(injected(kind.as_deref()).into())
        })
    };
}

/// The error that a failpoint asks for: the number of the operating system's error.
#[allow(dead_code, reason = "failpoints are compiled into tests alone")]
fn injected(number: Option<&str>) -> io::Error {
    let number = number.and_then(|number| number.parse().ok());
    io::Error::from_raw_os_error(number.unwrap_or(5))
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Opens a file without following links, so that one which somebody planted leads nowhere. The folders of the first level may be
    /// links: whoever runs the server may have them on other disks.
    fn open_below(&self, key: &str) -> io::Result<File> {
        let Some((first, rest)) = key.split_once('/') else {
            return File::open(self.path(key));
        };
        let folder = File::open(self.root.join(first))?;
        let (flags, mode) = (OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let file = rustix::fs::openat2(folder, rest, flags, mode, within)?;
        Ok(File::from(file))
    }

    /// A new file that gets its name when it is finished.
    pub(super) fn create(&self, key: &str) -> io::Result<FileWriter> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        disk!("create", self.root);
        let target = self.path(key);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let (boot, process) = (boot(), std::process::id());
        let temporary = target.with_file_name(format!(".{boot}-{process}-{number}.tmp"));
        if let Some(folder) = target.parent().filter(|folder| !folder.is_dir()) {
            fs::create_dir_all(folder)?;
        }
        Ok(FileWriter {
            file: File::create(&temporary)?,
            root: self.root.clone(),
            temporary: Temporary(Some(temporary)),
            target,
        })
    }

    /// A file that is whole; `None` when it is not there, or behind a symbolic link.
    pub(super) fn open(&self, key: &str) -> io::Result<Option<File>> {
        match self.open_below(key) {
            Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a received file a second name, durably; the first one stays.
    pub(super) fn adopt(&self, received: &Path, key: &str) -> io::Result<()> {
        disk!("adopt", self.root);
        let target = self.path(key);
        File::open(received)?.sync_all()?;
        fs::hard_link(received, &target)?;
        let folder = target.parent().unwrap_or(&self.root);
        File::open(folder)?.sync_all()
    }

    pub(super) fn remove(&self, key: &str) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.path(key)))
    }

    pub(super) fn remove_prefix(&self, prefix: &str) -> io::Result<()> {
        absent_is_fine(fs::remove_dir_all(self.path(prefix)))
    }

    pub(super) fn rename_prefix(&self, from: &str, to: &str) -> io::Result<()> {
        let to = self.path(to);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        absent_is_fine(fs::rename(self.path(from), to))
    }

    /// The files below a prefix with their sizes, by their paths below it. Temporary files are passed over.
    pub(super) fn list(&self, prefix: &str) -> io::Result<BTreeMap<String, u64>> {
        let home = self.path(prefix);
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        if home.is_dir() {
            collect(&home, &mut files, &mut folders)?;
        }
        let mut listed = BTreeMap::new();
        for path in files.iter().filter(|path| !is_temporary(path)) {
            let name = path.strip_prefix(&home).map_err(io::Error::other)?;
            let size = fs::metadata(path)?.len();
            listed.insert(name.to_string_lossy().into_owned(), size);
        }
        Ok(listed)
    }

    /// Makes all below a prefix durable: every file, then every folder up to the storage's own.
    pub(super) fn sync(&self, prefix: &str) -> io::Result<()> {
        let home = self.path(prefix);
        let mut files = Vec::new();
        let mut folders = vec![home.clone()];
        collect(&home, &mut files, &mut folders)?;
        files.retain(|path| !is_temporary(path));
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            // The disk joins what waits for it at the same time.
            let threads: Vec<_> = (0..SYNC_THREADS.min(files.len()))
                .map(|_| scope.spawn(|| self.sync_each(&files, &next)))
                .collect();
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a thread of the sync panicked")))
            })
        })?;
        if let Some(parent) = home.parent() {
            folders.push(parent.to_owned());
        }
        folders
            .iter()
            .try_for_each(|folder| File::open(folder)?.sync_all())
    }

    /// Makes one object durable, with its name.
    pub(super) fn sync_object(&self, key: &str) -> io::Result<()> {
        let path = self.path(key);
        File::open(&path)?.sync_all()?;
        // Its folder may be as new as itself, and so may be that one's.
        let folders = path.ancestors().skip(1);
        folders
            .take_while(|folder| folder.starts_with(&self.root))
            .try_for_each(|folder| File::open(folder)?.sync_all())
    }

    fn sync_each(&self, files: &[PathBuf], next: &AtomicUsize) -> io::Result<()> {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            disk!("sync", self.root);
            File::open(path)?.sync_all()?;
        }
        Ok(())
    }

    /// Deletes temporary files below a prefix whose process is gone: one of this machine that does not run, or
    /// another machine's that has not touched them since `before_ms`. Returns how many.
    pub(super) fn remove_temporary(&self, prefix: &str, before_ms: i64) -> io::Result<usize> {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        collect(&self.path(prefix), &mut files, &mut folders)?;
        let mut deleted = 0;
        for path in files.iter().filter(|path| is_temporary(path)) {
            if is_abandoned(path, before_ms)? {
                absent_is_fine(fs::remove_file(path))?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

/// A file that is written. Dropped before [`FileWriter::finish`], it leaves nothing behind.
#[derive(Debug)]
pub(super) struct FileWriter {
    file: File,
    #[allow(
        dead_code,
        reason = "names the failpoints, which are compiled into tests alone"
    )]
    root: PathBuf,
    temporary: Temporary,
    target: PathBuf,
}

impl FileWriter {
    /// Gives the file its name, unless one with the same bytes has it already.
    ///
    /// That one may belong to a published package, and be durable as this file is not yet: a worker that was
    /// stopped for longer than its lease finds the work of its successor so.
    pub(super) fn finish(self, recorded: &Recorded) -> io::Result<()> {
        disk!("rename", self.root);
        let Self {
            temporary, target, ..
        } = self;
        let Some(path) = temporary.0.as_deref() else {
            return Ok(());
        };
        match fs::hard_link(path, &target) {
            Ok(()) => return temporary.remove(),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let same = Recorded::of_file(&File::open(&target)?)?;
                if same == *recorded {
                    return temporary.remove();
                }
            }
            // Some file systems have no links.
            Err(error) => tracing::trace!(%error, "a file gets its name by renaming"),
        }
        fs::rename(path, &target)?;
        temporary.keep();
        Ok(())
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        disk!("write", self.root);
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A temporary file, deleted when it is dropped.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Temporary {
    fn keep(mut self) {
        self.0 = None;
    }

    fn remove(mut self) -> io::Result<()> {
        match self.0.take() {
            Some(path) => absent_is_fine(fs::remove_file(path)),
            None => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        if let Err(error) = absent_is_fine(fs::remove_file(&path)) {
            tracing::warn!(path = %path.display(), %error,
                "a temporary file stays until the sweep");
        }
    }
}

/// Whether nothing is there, or a symbolic link on the way.
fn is_absent(error: &io::Error) -> bool {
    let is_link = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    is_link
        || matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
}

fn is_temporary(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Names this machine, as long as it is not booted again, in names of temporary files.
fn boot() -> String {
    let id = clock::boot_id().unwrap_or_default();
    id.chars()
        .filter(char::is_ascii_hexdigit)
        .take(12)
        .collect()
}

fn is_abandoned(path: &Path, before_ms: i64) -> io::Result<bool> {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    let mut parts = name.trim_start_matches('.').split('-');
    let (boot_of_writer, process) = (parts.next(), parts.next());
    if boot_of_writer == Some(&boot()) && cfg!(target_os = "linux") {
        let writer = Path::new("/proc").join(process.unwrap_or("none"));
        // Numbers of processes come again: another program, or a thread of one, is not the writer.
        let program = |process: &Path| fs::read_link(process.join("exe")).ok();
        return Ok(
            program(&writer).is_none_or(|found| Some(found) != program(Path::new("/proc/self")))
        );
    }
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(modified) => Ok(clock::to_ms(modified) <= before_ms),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in entries(folder)? {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            folders.push(path.clone());
            collect(&path, files, folders)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// What is in a folder.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    fs::read_dir(folder)?.collect()
}
