//! `reelpack package`: inputs in, one package out.

mod check;
mod destination;
mod dry_run;
mod encode;
mod extras;
mod hints;
mod piece;
mod prepare;
mod protection;
mod render;
mod report;
mod shared_file;
pub mod source;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::ladder::LadderArg;
use crate::progress::Progress;
use crate::tools::ToolArgs;
use crate::verify::DepthArg;
use crate::{keys, random, text};
use clap::{Args, ValueEnum};
use destination::{Destination, Secrets};
use packager::{FileLayout, Options, Plan, Source};
use prepare::Preparation;
pub use protection::read_cpix;
use protection::{KeySource, ProtectionArgs};
use source::SourceArgs;
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
  reelpack package film.mkv -o film
      what is not MP4 or MOV is put into MP4 by ffmpeg, encoded anew where it must be, and packaged
  reelpack package film.mp4 -o film --ladder auto
      renditions of several sizes, encoded by ffmpeg, for viewers on any connection
  reelpack package sealed.mp4 -o again --input-key-file sealed.key
      packages a file that is encrypted already with a new key
  reelpack package 1080.mp4 720.mp4 fr.m4a -o film
      several inputs make one presentation: pictures to switch between, and another language
  reelpack package holiday.mp4 -o holiday --layout single-file
      a file a track instead of a file every few seconds
  reelpack package film.mp4 film.en.vtt film.de.forced.srt -o film
      subtitles; names of files with sound or text alone tell the language, and what they are for:
      forced, sdh, commentary, ad (audio description), dub
  reelpack package film.mp4 -o film --key-labels audio,sd,hd --protection-systems common,widevine,playready
      a key for sound and one for each size of the picture, for three protection systems
  reelpack package film.mp4 -o film --cpix keys.xml
  reelpack package film.mp4 -o film --extras poster,storyboard,preview,chapters
      and poster.jpg, storyboard.jpg with storyboard.vtt, preview.mp4, chapters.vtt, which are never encrypted

  reelpack package film.mp4 --dry-run --json
      makes nothing, and says what the package would come to: renditions, segments, sizes

KID and KEY are 32 hex digits, a UUID, or base64 of 16 bytes (+/ or -_, padded or not). What is written
on a command line can be read by other users of the machine: --key-file is safer than --key.

Without a key one is made and written to DIR.key (mode 0600, a [LABEL:]KID:KEY a line). A DIR.key that is there
already is refused, unless --force replaces it; when a key is given, DIR.key is neither written nor touched.

The package appears in one step when it is whole. A run that fails or is interrupted leaves nothing behind,
and with --force the old package stays until the new one takes its place.

Exit codes: 0 done · 2 wrong usage, also: DIR or DIR.key is there already, an INPUT is a folder or a pipe ·
65 an INPUT is not usable (why and where) · 70 the package failed its checks: a fault of reelpack, nothing is
written · 74 a file is missing or could not be read or written.";

/// What is told as the output where none is made: its folder holds what is copied out of an input to look at it.
const NOWHERE: &str = "nowhere";

/// Package videos, and subtitles, as encrypted DASH and HLS.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct PackageArgs {
    /// Videos, and subtitles (WebVTT, SRT): together they make one presentation. MP4 and MOV are read as they are; ffmpeg
    /// converts other files.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder of the package; it must not exist, or be empty.
    #[arg(
        short,
        long,
        value_name = "DIR",
        required_unless_present = "dry_run",
        default_value = NOWHERE,
        hide_default_value = true
    )]
    output: PathBuf,
    #[command(flatten)]
    protection: ProtectionArgs,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    tools: ToolArgs,
    /// Renditions of several sizes: none, auto (those that fit the video), or a FILE that says which (docs/ladder.md).
    #[arg(long, value_name = "none|auto|FILE", default_value = "none")]
    ladder: LadderArg,
    /// Length that segments aim at, 0.5 to 60; they begin at key frames.
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = segment_duration)]
    segment_duration: Duration,
    /// How media lie in files.
    #[arg(long, value_enum, default_value_t = LayoutArg::Segments)]
    layout: LayoutArg,
    /// Package inputs whose pictures cannot be cut at the same times: they become sets of their own.
    #[arg(long)]
    allow_misaligned: bool,
    /// Make all sound as loud as this (EBU R 128), -70 to -5; television has -23, the web about -16. It is encoded anew.
    #[arg(long, value_name = "LUFS", allow_negative_numbers = true, value_parser = loudness)]
    loudness: Option<f64>,
    /// Files for pages, beside the package and always in the clear: a poster, a storyboard of small pictures, a short
    /// preview, chapters.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    extras: Vec<extras::ExtraArg>,
    /// How much of the package is checked before it is put in its place (see `reelpack verify`).
    #[arg(long, value_enum, value_name = "DEPTH", default_value_t = DepthArg::Sample)]
    verify: DepthArg,
    /// Make nothing; say what the package would come to: renditions, segments, sizes. What would be encoded is estimated.
    #[arg(long)]
    dry_run: bool,
    /// Replace the package, and the DIR.key, that are there.
    #[arg(long)]
    force: bool,
    /// Report as JSON on stdout.
    #[arg(long)]
    json: bool,
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
    let (mut options, key_source) = options(args)?;
    let ladder = args.ladder.order()?;
    if args.dry_run {
        let interrupt = Interrupt::install()?;
        let preparation = preparation(args, &ladder, &interrupt, quiet);
        return dry_run::run(args, options, key_source, &preparation);
    }
    let generate_keys = matches!(key_source, KeySource::New(_));
    let kept: Vec<&Path> = args
        .inputs
        .iter()
        .chain(&args.protection.key_file)
        .chain(&args.protection.cpix)
        .chain(&args.source.input_key_file)
        .chain(args.ladder.file())
        .map(PathBuf::as_path)
        .collect();
    let cpix_out = args.protection.cpix_out.as_deref();
    let destination = Destination::check(&args.output, &kept, args.force, generate_keys, cpix_out)?;

    let interrupt = Interrupt::install()?;
    let input_keys = args.source.keys()?;
    let prepared = preparation(args, &ladder, &interrupt, quiet).prepare(&args.inputs)?;
    let sources = source::open(&prepared, &input_keys)?;
    let movies = args.source.probe(&prepared, &sources)?;
    options.content_keys = args.protection.keys(key_source, &movies, &options)?;
    let plan = packager::plan(&movies, &options);
    let plan = plan.map_err(|error| Failure::engine(&names(&args.inputs), &error))?;
    for warning in plan.warnings() {
        text::warn(&warning.0);
    }

    let staging = destination.stage(&secrets(args, &plan, &options, generate_keys)?)?;
    let title = match args.inputs.as_slice() {
        [input] => format!("packaging {}", input.display()),
        inputs => format!("packaging {} inputs", inputs.len()),
    };
    let job = render::Job::new(&plan, &prepared.shown, &sources, staging.path());
    let progress = Progress::start(title, job.total(), quiet);
    let size = job.run(&progress, &interrupt)?;
    interrupt.check()?;
    let extras = extras::make(args, staging.path(), &interrupt, quiet)?;
    let originals: Vec<&dyn Source> = sources.iter().map(|source| &**source as _).collect();
    check::check(&plan, &originals, staging.path(), args.verify.into())?;
    interrupt.check()?;
    destination.publish(staging)?;

    report::print(&report::Report {
        args,
        options: &options,
        plan: &plan,
        prepared: &prepared,
        key_file: destination.key_path(),
        cpix_file: destination.cpix_path(),
        seconds: movies
            .iter()
            .map(|movie| movie.duration_seconds)
            .fold(0.0, f64::max),
        size: size + extras.size,
        extras: &extras.files,
    })
}

fn preparation<'a>(
    args: &'a PackageArgs,
    ladder: &'a transcode::Order,
    interrupt: &'a Interrupt,
    quiet: bool,
) -> Preparation<'a> {
    Preparation {
        tools: &args.tools,
        ladder,
        loudness: args.loudness,
        output: &args.output,
        interrupt,
        quiet,
    }
}

fn names(inputs: &[PathBuf]) -> String {
    let names = inputs.iter().map(|path| path.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// The files beside the package that hold keys.
fn secrets(
    args: &PackageArgs,
    plan: &Plan,
    options: &Options,
    keys_are_new: bool,
) -> Result<Secrets, Failure> {
    let name = args.output.file_name().map(|name| name.to_string_lossy());
    let cpix = args.protection.cpix_out.as_ref().map(|path| {
        let text = packager::write_cpix(plan, options, name.as_deref());
        text.map_err(|error| Failure::engine(&format!("--cpix-out {}", path.display()), &error))
    });
    Ok(Secrets {
        keys: keys_are_new.then(|| keys::file_text(&options.content_keys)),
        cpix: cpix.transpose()?,
    })
}

/// Turns arguments into what the engine wants, and refuses what contradicts itself; keys are told apart.
fn options(args: &PackageArgs) -> Result<(Options, KeySource), Failure> {
    let mut options = Options {
        iv_seed: random::bytes()?,
        segment_duration: args.segment_duration,
        layout: match args.layout {
            LayoutArg::Segments => FileLayout::Segments,
            LayoutArg::SingleFile => FileLayout::SingleFile,
        },
        allow_misaligned: args.allow_misaligned,
        ..Options::default()
    };
    let keys = args.protection.apply(&mut options)?;
    Ok((options, keys))
}

/// Reads `--loudness`.
fn loudness(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|lufs| (-70.0..=-5.0).contains(lufs))
        .ok_or_else(|| "a loudness from -70 to -5 LUFS is wanted".into())
}

/// Reads `--segment-duration`.
fn segment_duration(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.5..=60.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0.5 to 60 is wanted".into())
}
