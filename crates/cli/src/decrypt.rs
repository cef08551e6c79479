//! `reelpack decrypt`: protected MP4 of any packager in, one clear MP4 out.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Target, Temporary, parent};
use crate::progress::Progress;
use crate::{input, keys, package, text};
use clap::{ArgGroup, Args};
use packager::{ContentKey, Source};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Small writes of the engine are collected up to this size; larger ones go straight to the file.
const WRITE_BUFFER_BYTES: usize = 256 * 1024;

const EXAMPLES: &str = "\
Examples:
  reelpack decrypt holiday/video/init.mp4 holiday/video/1.m4s --key-file holiday.key -o first.mp4
  reelpack decrypt film/video/init.mp4 film/video/1.m4s --key-file film.key -o - | ffplay -
  reelpack decrypt protected.mp4 --key a16e402b-9056-e371-f36d-348aa62bb749:hyN9IKGfWKdAwFaE5pm0qg -o clear.mp4

KID and KEY are 32 hex digits, a UUID, or base64 of 16 bytes (+/ or -_, padded or not). What is written
on a command line can be read by other users of the machine: --key-file is safer than --key.

Exit codes: 0 done · 2 wrong usage, also: FILE is there already, no key for a KID of the input · 65 an input is
not usable (why and where) · 74 a file is missing or could not be read or written.";

/// Decrypt an init segment and its media segments, or one file, into one MP4.
#[derive(Args)]
#[command(
    after_help = EXAMPLES,
    group = ArgGroup::new("keys").args(["key", "key_file", "cpix"]).required(true).multiple(true)
)]
pub struct DecryptArgs {
    /// The init segment and its media segments in order, or one file.
    #[arg(required = true)]
    input: Vec<PathBuf>,
    /// A content key; may be given several times.
    #[arg(long, value_name = "KID:KEY", allow_hyphen_values = true)]
    key: Vec<String>,
    /// Content keys, a [LABEL:]KID:KEY a line; - reads stdin.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Content keys of a CPIX document; - reads stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    cpix: Option<PathBuf>,
    /// The clear file; it must not exist. - writes to stdout, also when the input turns out to be broken later.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the output file when the new one is whole.
    #[arg(long)]
    force: bool,
    /// Report as JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// `--json`.
#[derive(Serialize)]
struct Json {
    output: String,
    size: u64,
}

/// Decrypts the inputs.
///
/// # Errors
/// See the exit codes of [`Failure`]; nothing is left behind.
pub fn run(args: &DecryptArgs, quiet: bool) -> Result<(), Failure> {
    let keys = all_keys(args)?;
    let files = args
        .input
        .iter()
        .map(|path| input::open(path))
        .collect::<Result<Vec<File>, Failure>>()?;
    if args.output == Path::new("-") {
        return to_stdout(args, &files, &keys, quiet);
    }
    let target = Target::check(args.output.clone(), args.force)?;
    refuse_to_overwrite_input(args)?;

    let interrupt = Interrupt::install()?;
    let (temporary, file) = Temporary::file(parent(target.path()), 0o666)?;
    let total = files.iter().map(Source::len).sum();
    let progress = Progress::start(
        format!("decrypting to {}", args.output.display()),
        total,
        quiet,
    );
    let size = decrypt(args, &files, &keys, file, &progress, &interrupt)?;
    interrupt.check()?;
    target
        .publish(&temporary)
        .map_err(|error| Failure::io("put the file in its place at", target.path(), &error))?;
    report(args, size)
}

/// Writes to stdout as it goes.
fn to_stdout(
    args: &DecryptArgs,
    files: &[File],
    keys: &[ContentKey],
    quiet: bool,
) -> Result<(), Failure> {
    let stdout = io::stdout();
    if args.json || stdout.is_terminal() {
        let what = "--output - fills stdout with the clear file: neither a terminal nor --json has room for it";
        return Err(Failure::Usage(what.into()));
    }
    let interrupt = Interrupt::install()?;
    // Without the buffer that looks for line ends.
    let file = stdout.as_fd().try_clone_to_owned().map(File::from);
    let file = file.map_err(|error| Failure::io("write", &args.output, &error))?;
    let total = files.iter().map(Source::len).sum();
    let progress = Progress::start("decrypting to stdout".into(), total, quiet);
    decrypt(args, files, keys, file, &progress, &interrupt)?;
    interrupt.check()
}

fn report(args: &DecryptArgs, size: u64) -> Result<(), Failure> {
    if args.json {
        let output = text::json_path(&args.output);
        return text::print_json(&Json { output, size });
    }
    // As bytes, so that a path that is no UTF-8 can be used again.
    let mut line = args.output.as_os_str().as_bytes().to_vec();
    line.push(b'\n');
    text::print(&line)
}

/// The keys of all `--key` and of `--key-file`.
fn all_keys(args: &DecryptArgs) -> Result<Vec<ContentKey>, Failure> {
    let mut keys = args
        .key
        .iter()
        .map(|text| keys::parse_labelled("--key", text).map(|labelled| labelled.key))
        .collect::<Result<Vec<ContentKey>, Failure>>()?;
    if let Some(path) = &args.key_file {
        keys.extend(keys::read_file(path)?);
    }
    if let Some(path) = &args.cpix {
        let cpix = package::read_cpix(path)?;
        keys.extend(cpix.keys.iter().map(|key| key.key.clone()));
    }
    Ok(keys)
}

/// An encrypted original is not to be lost by a slip, not even with `--force`.
fn refuse_to_overwrite_input(args: &DecryptArgs) -> Result<(), Failure> {
    let Ok(output) = args.output.canonicalize() else {
        return Ok(());
    };
    let same = |path: &&PathBuf| path.canonicalize().is_ok_and(|path| path == output);
    match args.input.iter().find(same) {
        Some(input) => Err(Failure::Usage(format!(
            "{} is an input too; name another output",
            input.display()
        ))),
        None => Ok(()),
    }
}

/// Writes the clear bytes to `file`; returns how many.
fn decrypt(
    args: &DecryptArgs,
    files: &[File],
    keys: &[ContentKey],
    file: File,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<u64, Failure> {
    let done = AtomicU64::new(0);
    let sources: Vec<_> = files
        .iter()
        .map(|file| Checked { file, interrupt })
        .collect();
    let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
    let counted = Counted {
        file,
        done: &done,
        failure: None,
    };
    let mut writer = BufWriter::with_capacity(WRITE_BUFFER_BYTES, counted);
    let result = progress.watch(&done, || {
        packager::decrypt(&sources, keys, &mut writer).and_then(|()| Ok(writer.flush()?))
    });
    // A signal makes reads fail; that is not an error of the input.
    interrupt.check()?;
    if let Some(error) = &writer.get_ref().failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Err(Failure::BrokenPipe);
        }
        return Err(Failure::io("write", &args.output, error));
    }
    result.map_err(|error| explain(&args.input, &error))?;
    Ok(done.load(Ordering::Relaxed))
}

/// The failure with the path of the input that it is about: the engine numbers inputs from 1.
fn explain(inputs: &[PathBuf], error: &packager::Error) -> Failure {
    let text = error.to_string();
    let numbered = text
        .strip_prefix("input ")
        .and_then(|rest| rest.split_once(": "))
        .and_then(|(number, why)| Some((number.parse::<usize>().ok()?.checked_sub(1)?, why)))
        .and_then(|(index, why)| Some((inputs.get(index)?, why)));
    let message = match (numbered, inputs) {
        (Some((path, why)), _) => format!("{}: {why}", path.display()),
        (None, [path]) => format!("{}: {text}", path.display()),
        (None, _) => text,
    };
    Failure::sorted(error, message)
}

/// An input that cannot be read any more once a signal has come.
struct Checked<'a> {
    file: &'a File,
    interrupt: &'a Interrupt,
}

impl Source for Checked<'_> {
    fn len(&self) -> u64 {
        Source::len(self.file)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.interrupt
            .check()
            .map_err(|_| io::Error::other("interrupted"))?;
        self.file.read_at(offset, buffer)
    }
}

/// Counts what is written, and keeps the error: the engine cannot tell reading from writing.
struct Counted<'a> {
    file: File,
    done: &'a AtomicU64,
    failure: Option<io::Error>,
}

impl Write for Counted<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self.file.write(buffer) {
            Ok(written) => {
                self.done.fetch_add(written as u64, Ordering::Relaxed);
                Ok(written)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
