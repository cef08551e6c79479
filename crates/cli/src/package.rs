//! `reelpack package`: inputs in, one package out.

mod destination;
mod render;
mod report;
mod shared_file;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::{input, keys, random, text, urls};
use clap::{Args, ValueEnum};
use destination::Destination;
use packager::{ContentKey, EncryptScope, FileLayout, LabelledKey, Options, Plan, Scheme};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  reelpack package holiday.mp4 -o holiday
      encrypts with a new key, which is written to holiday.key
  reelpack package holiday.mp4 -o holiday --key-file holiday.key --force
      packages again with the same key
  reelpack package holiday.mp4 -o holiday --license-url https://keys.example/license/clearkey
  reelpack package holiday.mp4 -o clear --scheme none
  reelpack package 1080.mp4 720.mp4 fr.m4a -o film
      several inputs make one presentation: pictures to switch between, and another language
  reelpack package holiday.mp4 -o holiday --layout single-file
      a file a track instead of a file every few seconds

KID and KEY are 32 hex digits, a UUID, or base64 of 16 bytes (+/ or -_, padded or not). What is written
on a command line can be read by other users of the machine: --key-file is safer than --key.

Without a key one is made and written to DIR.key (mode 0600, one KID:KEY a line). A DIR.key that is there
already is refused, unless --force replaces it; when a key is given, DIR.key is neither written nor touched.

The package appears in one step when it is whole. A run that fails or is interrupted leaves nothing behind,
and with --force the old package stays until the new one takes its place.

Exit codes: 0 done · 2 wrong usage, also: DIR or DIR.key is there already, an INPUT is a folder or a pipe ·
65 an INPUT is not usable (why and where) · 74 a file is missing or could not be read or written.";

/// Package MP4 or MOV files as encrypted DASH and HLS.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct PackageArgs {
    /// The MP4 or MOV files: their pictures and sounds make one presentation.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder of the package; it must not exist, or be empty.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Encrypt with this key.
    #[arg(
        long,
        value_name = "KID:KEY",
        conflicts_with = "key_file",
        allow_hyphen_values = true
    )]
    key: Option<String>,
    /// Encrypt with the key in this file (one KID:KEY; - reads stdin).
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// How to encrypt.
    #[arg(long, value_enum, default_value_t = SchemeArg::Cbcs)]
    scheme: SchemeArg,
    /// What to encrypt: every track, or the picture only.
    #[arg(long, value_enum, default_value_t = EncryptArg::All)]
    encrypt: EncryptArg,
    /// Length that segments aim at, 0.5 to 60; they begin at key frames.
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = segment_duration)]
    segment_duration: Duration,
    /// How media lie in files.
    #[arg(long, value_enum, default_value_t = LayoutArg::Segments)]
    layout: LayoutArg,
    /// ClearKey licence server to write into the manifests; none unless given.
    #[arg(long, value_name = "URL")]
    license_url: Option<String>,
    /// Prefix of the URL that answers a key's 16 raw bytes to whom may have them; the KID in hex is appended.
    /// Written into HLS playlists under --scheme cenc, for players that know only identity keys.
    #[arg(long, value_name = "URL")]
    hls_key_url: Option<String>,
    /// Package inputs whose pictures cannot be cut at the same times: they become sets of their own.
    #[arg(long)]
    allow_misaligned: bool,
    /// Replace the package, and the DIR.key, that are there.
    #[arg(long)]
    force: bool,
    /// Report as JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// `--scheme`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemeArg {
    /// AES-CBC on a tenth of the picture and all of the sound; what Apple's players want
    Cbcs,
    /// AES-CTR on everything, for players that do not know cbcs
    Cenc,
    /// No encryption
    None,
}

/// `--encrypt`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EncryptArg {
    /// Every track
    All,
    /// The picture only: sound stays audible without a key
    Video,
}

/// `--layout`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LayoutArg {
    /// A file a segment (DASH live profile)
    Segments,
    /// A file a track, with an index; players ask for ranges of bytes (DASH on-demand profile)
    SingleFile,
}

/// Packages the input.
///
/// # Errors
/// See the exit codes of [`Failure`]; nothing is left behind.
pub fn run(args: &PackageArgs, quiet: bool) -> Result<(), Failure> {
    let mut options = options(args)?;
    let generate_key = options.scheme.is_some() && options.content_keys.is_empty();
    let files = args.inputs.iter().map(|path| input::open(path));
    let files = files.collect::<Result<Vec<File>, _>>()?;
    let kept: Vec<&Path> = args
        .inputs
        .iter()
        .chain(&args.key_file)
        .map(PathBuf::as_path)
        .collect();
    let destination = Destination::check(&args.output, &kept, args.force, generate_key)?;
    if generate_key {
        options.content_keys = vec![LabelledKey::for_all(keys::generate()?)];
    }

    let (plan, seconds) = plan(&args.inputs, &files, &options)?;
    for warning in plan.warnings() {
        text::warn(&warning.0);
    }

    let interrupt = Interrupt::install()?;
    let new_key = options.content_keys.first().filter(|_| generate_key);
    let staging = destination.stage(new_key.map(|key| &key.key))?;
    let title = match args.inputs.as_slice() {
        [input] => format!("packaging {}", input.display()),
        inputs => format!("packaging {} inputs", inputs.len()),
    };
    let job = render::Job::new(&plan, &args.inputs, &files, staging.path());
    let progress = Progress::start(title, job.total(), quiet);
    let size = job.run(&progress, &interrupt)?;
    interrupt.check()?;
    destination.publish(staging)?;

    report::print(&report::Report {
        args,
        options: &options,
        plan: &plan,
        key_file: destination.key_path(),
        seconds,
        size,
    })
}

/// Plans the package; gives the presented length in seconds, too.
fn plan(inputs: &[PathBuf], files: &[File], options: &Options) -> Result<(Plan, f64), Failure> {
    let movies = inputs.iter().zip(files).map(|(path, file)| {
        packager::probe(file).map_err(|error| Failure::engine(&path.display(), &error))
    });
    let movies = movies.collect::<Result<Vec<_>, _>>()?;
    let seconds = movies.iter().map(|movie| movie.duration_seconds);
    let seconds = seconds.fold(0.0, f64::max);
    let plan = packager::plan(&movies, options);
    let all = || {
        let names = inputs.iter().map(|path| path.display().to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    let plan = plan.map_err(|error| Failure::engine(&all(), &error))?;
    Ok((plan, seconds))
}

/// Turns arguments into what the engine wants, and refuses what contradicts itself.
fn options(args: &PackageArgs) -> Result<Options, Failure> {
    let scheme = match args.scheme {
        SchemeArg::Cbcs => Some(Scheme::Cbcs),
        SchemeArg::Cenc => Some(Scheme::Cenc),
        SchemeArg::None => None,
    };
    let content_key = given_key(args)?;
    if scheme.is_none() && content_key.is_some() {
        return Err(Failure::Usage(
            "--scheme none encrypts nothing: leave out the key, or choose cbcs or cenc".into(),
        ));
    }
    let url = |option: &str, text: &Option<String>| match text {
        Some(text) => urls::http(option, text).map(|url| Some(String::from(url))),
        None => Ok(None),
    };
    let license_url = url("--license-url", &args.license_url)?;
    let hls_key_url = url("--hls-key-url", &args.hls_key_url)?;
    if scheme.is_none() && license_url.is_some() {
        text::warn("--license-url has no effect with --scheme none");
    }
    if scheme != Some(Scheme::Cenc) && hls_key_url.is_some() {
        text::warn("--hls-key-url has an effect with --scheme cenc only");
    }
    Ok(Options {
        scheme,
        encrypt: match args.encrypt {
            EncryptArg::All => EncryptScope::All,
            EncryptArg::Video => EncryptScope::Video,
        },
        content_keys: content_key.map(LabelledKey::for_all).into_iter().collect(),
        iv_seed: random::bytes()?,
        segment_duration: args.segment_duration,
        layout: match args.layout {
            LayoutArg::Segments => FileLayout::Segments,
            LayoutArg::SingleFile => FileLayout::SingleFile,
        },
        license_url,
        hls_key_url,
        allow_misaligned: args.allow_misaligned,
        ..Options::default()
    })
}

/// The key of `--key` or `--key-file`.
fn given_key(args: &PackageArgs) -> Result<Option<ContentKey>, Failure> {
    if let Some(text) = &args.key {
        return keys::parse("--key", text).map(Some);
    }
    let Some(path) = &args.key_file else {
        return Ok(None);
    };
    let mut keys = keys::read_file(path)?;
    match keys.len() {
        1 => Ok(keys.pop()),
        count => Err(Failure::Usage(format!(
            "--key-file {}: holds {count} keys, and a package has one",
            path.display()
        ))),
    }
}

/// Reads `--segment-duration`.
fn segment_duration(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.5..=60.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0.5 to 60 is wanted".into())
}
