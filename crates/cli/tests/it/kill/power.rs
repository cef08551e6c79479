//! Power cuts: `kill -9`, and then all is taken back that was not made durable before.
//!
//! The process runs under strace, which tells its system calls. What was written after the last `fsync` of a file is cut off;
//! names that no `fsync` of their folder followed go, or stay with a file that lost its bytes. File systems may do either.
//! The next process sees another boot. In-place changes of a file that was there stay (SQLite makes them after its log
//! is durable), and so do deletions: both are states that a power cut may leave.

use super::{table, torture};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is left of names that were not made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The names are gone.
    Names,
    /// The names are there, and their files lost what was not synced.
    Bytes,
}

thread_local! {
    static LOSS: Cell<Option<Loss>> = const { Cell::new(None) };
    static CUTS: Cell<u32> = const { Cell::new(0) };
    static AT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Lets kills of this thread be power cuts while something is done.
pub fn with<T>(loss: Loss, work: impl FnOnce() -> T) -> T {
    LOSS.set(Some(loss));
    let done = work();
    LOSS.set(None);
    done
}

/// Lets the first process that is started within be killed at the system call of a number (from 1) of any of its threads.
pub fn at_call<T>(number: usize, work: impl FnOnce() -> T) -> T {
    AT.set(Some(number));
    let done = work();
    AT.set(None);
    done
}

/// The boot in which a process starts now, as the tests count them.
pub fn boot() -> String {
    format!("boot-{}", CUTS.get())
}

/// The system calls by which files change or become durable.
const CALLS: &str = "trace=openat,creat,write,pwrite64,writev,pwritev,copy_file_range,sendfile,fsync,fdatasync,rename,\
    renameat,renameat2,link,linkat,mkdir,mkdirat,unlink,unlinkat,rmdir,ftruncate";

/// Those at which a process is killed: each changes the disk, or makes changes durable.
const CHANGES: &str =
    "write,pwrite64,fsync,fdatasync,rename,linkat,mkdir,unlink,unlinkat,ftruncate";

/// A process whose end is a power cut.
#[derive(Debug)]
pub struct Watch {
    data: PathBuf,
    log: PathBuf,
    loss: Loss,
    before: Disk,
}

impl Watch {
    /// Begins to watch, when kills are power cuts.
    pub fn begin(data: &Path) -> Option<Self> {
        let loss = LOSS.get()?;
        Some(Self {
            data: data.to_owned(),
            log: data.with_extension("calls"),
            loss,
            before: Disk::of(data),
        })
    }

    /// What stands before the command line of the process.
    pub fn command(&self) -> Vec<String> {
        let words = ["strace", "-f", "-qq", "-y", "-s", "0", "-e", CALLS, "-o"];
        let mut words: Vec<String> = words.map(str::to_owned).to_vec();
        words.push(self.log.display().to_string());
        if let Some(number) = AT.take() {
            let kill = format!("inject={CHANGES}:signal=KILL:when={number}");
            words.extend(["-e".to_owned(), kill]);
        } else {
            // It is quicker, but does not count.
            words.push("--seccomp-bpf".to_owned());
        }
        words
    }

    /// The power is cut: takes back what was not durable.
    pub fn cut(self) {
        let mut disk = self.before;
        for call in calls(&fs::read_to_string(&self.log).unwrap()) {
            disk.apply(&call);
        }
        disk.lose(&self.data, self.loss);
        fs::remove_file(&self.log).unwrap();
        CUTS.set(CUTS.get() + 1);
    }
}

/// A system call, or what of it there was.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    name: String,
    arguments: String,
    /// `None` when the process ended within it.
    result: Option<i64>,
    /// When it began and ended, in lines of the log.
    began: usize,
    ended: usize,
}

/// Reads a log of strace.
fn calls(log: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (line, text) in log.lines().enumerate() {
        let (process, text) = text.split_once(' ').unwrap_or_default();
        let text = text.trim_start();
        if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            open.insert(process, (line, begun.to_owned()));
        } else if let Some(rest) = text.strip_prefix("<... ") {
            let rest = rest.split_once(" resumed>").map_or("", |(_, rest)| rest);
            if let Some((began, begun)) = open.remove(process) {
                calls.extend(call(&format!("{begun}{rest}"), began, line));
            }
        } else {
            calls.extend(call(text, line, line));
        }
    }
    let end = log.lines().count();
    calls.extend(
        open.values()
            .filter_map(|(began, text)| call(text, *began, end)),
    );
    calls.sort_by_key(|call| call.ended);
    calls
}

fn call(text: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = match rest.rsplit_once(" = ") {
        Some((arguments, result)) => (
            arguments.trim_end().trim_end_matches(')'),
            result.split([' ', '<']).next()?.parse().ok(),
        ),
        None => (rest, None),
    };
    Some(Call {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        result,
        began,
        ended,
    })
}

/// A file: how long it is, and how much of it would survive.
#[derive(Debug, Clone, Default)]
struct File {
    /// Line of the log and the size from then on.
    sizes: Vec<(usize, u64)>,
    durable: u64,
}

impl File {
    fn size(&self) -> u64 {
        self.sizes.last().map_or(0, |(_, size)| *size)
    }

    fn size_before(&self, line: usize) -> u64 {
        let before = self.sizes.iter().rev().find(|(when, _)| *when < line);
        before.map_or(0, |(_, size)| *size)
    }
}

/// An entry of a folder.
#[derive(Debug, Clone)]
struct Name {
    /// Number of its file; none of a folder.
    file: Option<usize>,
    /// When it came.
    since: usize,
    durable: bool,
}

/// What is known of the files below a folder.
#[derive(Debug, Default)]
struct Disk {
    files: Vec<File>,
    names: BTreeMap<PathBuf, Name>,
    root: PathBuf,
}

impl Disk {
    /// All that is there, and was made durable long ago.
    fn of(root: &Path) -> Self {
        let mut disk = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        if root.is_dir() {
            disk.keep(root.to_owned(), None);
            disk.enter(root);
        }
        disk
    }

    fn enter(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            let data = entry.metadata().unwrap();
            let file = (!data.is_dir()).then(|| self.file(data.len()));
            self.keep(entry.path(), file);
            if data.is_dir() {
                self.enter(&entry.path());
            }
        }
    }

    /// Enters what was there before.
    fn keep(&mut self, path: PathBuf, file: Option<usize>) {
        let name = Name {
            file,
            since: 0,
            durable: true,
        };
        self.names.insert(path, name);
    }

    fn file(&mut self, size: u64) -> usize {
        self.files.push(File {
            sizes: vec![(0, size)],
            durable: size,
        });
        self.files.len() - 1
    }

    fn apply(&mut self, call: &Call) {
        if call.result.is_some_and(|result| result < 0) {
            return;
        }
        let arguments = &call.arguments;
        match call.name.as_str() {
            "openat" | "creat" => self.open(call),
            "write" | "writev" | "sendfile" => self.grow(call, described(arguments, 0), None),
            "pwrite64" | "pwritev" => {
                let offset = arguments
                    .rsplit(", ")
                    .next()
                    .and_then(|text| text.parse().ok());
                self.grow(call, described(arguments, 0), offset);
            }
            "copy_file_range" => self.grow(call, described(arguments, 1), None),
            "ftruncate" => {
                let size = arguments
                    .rsplit(", ")
                    .next()
                    .and_then(|text| text.parse().ok());
                if let (Some(file), Some(size)) = (self.at(described(arguments, 0)), size) {
                    self.files[file].sizes.push((call.ended, size));
                    self.files[file].durable = self.files[file].durable.min(size);
                }
            }
            "fsync" | "fdatasync" if call.result.is_some() => self.sync(call),
            "link" | "linkat" => {
                if let [from, to] = quoted(arguments).as_slice() {
                    let file = self.at(Some(from.clone()));
                    self.name(to.clone(), file, call.ended);
                }
            }
            "rename" | "renameat" | "renameat2" => {
                if let [from, to] = quoted(arguments).as_slice() {
                    let file = self.at(Some(from.clone()));
                    self.names.remove(from);
                    self.name(to.clone(), file, call.ended);
                }
            }
            "mkdir" | "mkdirat" => {
                // One that was cut off may have been about to say that the folder is there.
                if let [path] = quoted(arguments).as_slice()
                    && !self.names.contains_key(path)
                {
                    self.name(path.clone(), None, call.ended);
                }
            }
            "unlink" | "unlinkat" | "rmdir" => {
                if let [path] = quoted(arguments).as_slice() {
                    self.names.remove(path);
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, call: &Call) {
        let [path] = &quoted(&call.arguments)[..] else {
            return;
        };
        if !path.starts_with(&self.root) || !call.arguments.contains("O_CREAT") {
            return;
        }
        match self.at(Some(path.clone())) {
            None => {
                let file = self.file(0);
                self.name(path.clone(), Some(file), call.ended);
            }
            Some(file) if call.arguments.contains("O_TRUNC") => {
                self.files[file].sizes.push((call.ended, 0));
                self.files[file].durable = 0;
            }
            Some(_) => {}
        }
    }

    /// A write at an offset, or at the end.
    fn grow(&mut self, call: &Call, path: Option<PathBuf>, offset: Option<u64>) {
        let (Some(file), Some(written)) = (self.at(path), call.result) else {
            return;
        };
        let file = &mut self.files[file];
        let end = offset.unwrap_or(file.size()) + written.unsigned_abs();
        let size = file.size().max(end);
        file.sizes.push((call.ended, size));
    }

    fn sync(&mut self, call: &Call) {
        let Some(path) = described(&call.arguments, 0) else {
            return;
        };
        match self.at(Some(path.clone())) {
            Some(file) => {
                let size = self.files[file].size_before(call.began);
                self.files[file].durable = size;
                // With a new file, file systems make the name durable under which it is known.
                if let Some(name) = self.names.get_mut(&path) {
                    name.durable |= name.since < call.began;
                }
            }
            None => {
                let inside = self.names.iter_mut();
                for (name, entry) in inside {
                    if name.parent() == Some(&path) && entry.since < call.began {
                        entry.durable = true;
                    }
                }
            }
        }
    }

    fn name(&mut self, path: PathBuf, file: Option<usize>, since: usize) {
        if path.starts_with(&self.root) {
            let name = Name {
                file,
                since,
                durable: false,
            };
            self.names.insert(path, name);
        }
    }

    fn at(&self, path: Option<PathBuf>) -> Option<usize> {
        self.names.get(&path?)?.file
    }

    /// Leaves on the disk what survives.
    fn lose(&self, data: &Path, loss: Loss) {
        // The log's index in shared memory is made anew.
        let _ = fs::remove_file(data.join("reelpack.db-shm"));
        for (path, name) in &self.names {
            if !path.exists() {
                continue;
            }
            if !name.durable && loss == Loss::Names {
                match path.is_dir() {
                    true => fs::remove_dir_all(path).unwrap(),
                    false => fs::remove_file(path).unwrap(),
                }
                continue;
            }
            let Some(file) = name.file.map(|file| &self.files[file]) else {
                continue;
            };
            let there = fs::metadata(path).unwrap().len();
            if file.durable < there {
                let cut = OpenOptions::new().write(true).open(path).unwrap();
                cut.set_len(file.durable).unwrap();
            }
        }
    }
}

/// The path of the file descriptor that is the argument of a number among those that have one: `7</path>`.
fn described(arguments: &str, number: usize) -> Option<PathBuf> {
    let path = arguments.split('<').nth(number + 1)?.split('>').next()?;
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The paths that stand in quotes.
fn quoted(arguments: &str) -> Vec<PathBuf> {
    arguments
        .split('"')
        .skip(1)
        .step_by(2)
        .map(PathBuf::from)
        .collect()
}

#[test]
fn nothing_that_was_acknowledged_is_lost_in_a_power_cut() {
    let rows = super::matrix::under_power_cuts();
    table::leave(
        "6-power",
        &format!(
            "## Power cuts\n\nThe same points, each with `kill -9` and then the loss of all that was not made durable before it \
             (by the system calls that strace saw): once of the names that no sync of their folder followed, once of the bytes \
             that no sync of their file followed. The next process sees another boot. {rows} cuts: all promises above were kept.\n"
        ),
    );
}

#[test]
fn a_packaging_may_be_cut_off_at_any_system_call() {
    super::scene::scenes();
    // Each thread counts its own; the one that is there first has the process killed.
    let step = if torture() { 1 } else { 7 };
    let next = AtomicUsize::new(1);
    let last = AtomicUsize::new(usize::MAX);
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(step, Ordering::Relaxed);
                    if number > last.load(Ordering::Relaxed) {
                        return;
                    }
                    let loss = [Loss::Names, Loss::Bytes][number / step % 2];
                    let work = || super::matrix::cut_in_packaging(&format!("call {number}"));
                    match with(loss, || at_call(number, work)) {
                        true => count.fetch_add(1, Ordering::Relaxed),
                        false => last.fetch_min(number, Ordering::Relaxed),
                    };
                }
            });
        }
    });
    let count = count.into_inner();
    assert!(count > if torture() { 20 } else { 3 }, "only {count} cuts");
    table::leave(
        "7-calls",
        &format!(
            "A packaging, from the start of its server on, was cut off so at the 1st, 2nd, 3rd … system call of any thread that changes the disk \
             ({count} cuts): the package came out with the same bytes.\n"
        ),
    );
}

#[test]
fn a_log_of_system_calls_tells_what_is_durable() {
    let log = "\
1 openat(AT_FDCWD</tmp>, \"/d/a.tmp\", O_WRONLY|O_CREAT|O_EXCL, 0666) = 7</d/a.tmp>
1 write(7</d/a.tmp>, \"\"..., 100) = 100
2 fsync(7</d/a.tmp> <unfinished ...>
1 write(7</d/a.tmp>, \"\"..., 50) = 50
2 <... fsync resumed>)       = 0
1 linkat(AT_FDCWD</tmp>, \"/d/a.tmp\", AT_FDCWD</tmp>, \"/d/a\", 0) = 0
1 fsync(9</d>) = 0
1 openat(AT_FDCWD</tmp>, \"/d/b\", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 8</d/b>
1 pwrite64(8</d/b>, \"\"..., 10, 20) = 10
1 fdatasync(8</d/b> <unfinished ...>
";
    let mut disk = Disk {
        root: PathBuf::from("/d"),
        ..Disk::default()
    };
    for call in calls(log) {
        disk.apply(&call);
    }
    let of = |path: &str| {
        let name = &disk.names[Path::new(path)];
        let file = &disk.files[name.file.unwrap()];
        (name.durable, file.durable, file.size())
    };
    assert_eq!(of("/d/a"), (true, 100, 150));
    assert_eq!(of("/d/b"), (false, 0, 30));
}
