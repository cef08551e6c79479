//! `reelpack verify`: is a package what it should be?

pub mod folder;
mod http;
mod report;

use crate::failure::Failure;
use crate::package::source;
use crate::{input, keys, urls};
use clap::{Args, ValueEnum};
use folder::Folder;
use http::Server;
use packager::{ContentKey, Depth, Source, VerifyOptions, VerifyReport};
use std::fs::File;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  reelpack verify holiday
      all manifests in the folder, and everything that they name
  reelpack verify holiday/stream.mpd --key-file holiday.key --source holiday.mp4
      also decrypts every sample and compares it with the source
  reelpack verify holiday --depth quick --json | jq '.checks[] | select(.outcome == \"failed\")'
  reelpack verify https://cdn.example/holiday/master.m3u8 --url

There are 48 checks: docs/verify.md says what each one is about. Some need the source, a key or a server, and are
reported as not checked without. Packages of other packagers are checked alike.

Exit codes: 0 no requirement (MUST) is broken, warnings (SHOULD) may be there · 1 a requirement is broken · 2 wrong usage · 65 TARGET
is no manifest, or a SOURCE is not usable · 74 a file or URL could not be read.";

/// Check a package: MPD, playlists and media, of any packager.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    /// An MPD, a playlist, or a folder with some.
    target: String,
    /// A content key, of the package or of an encrypted SOURCE; may be given several times.
    #[arg(long, value_name = "KID:KEY", allow_hyphen_values = true)]
    key: Vec<String>,
    /// Content keys, one KID:KEY a line; - reads stdin.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// What the package was made of; samples are compared with it. May be given several times.
    #[arg(long, value_name = "FILE")]
    source: Vec<PathBuf>,
    /// TARGET is an http or https URL; the server is checked, too.
    #[arg(long)]
    url: bool,
    /// How much of the media is looked at: `full` unless given, `sample` with --url.
    #[arg(long, value_enum)]
    depth: Option<DepthArg>,
    /// Report as JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// `--depth`, and `--verify` of `package`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DepthArg {
    /// Manifests and boxes; no samples
    Quick,
    /// Also a fiftieth of the media: decrypted, and compared with the source
    Sample,
    /// Every sample
    Full,
}

impl DepthArg {
    /// The word for it.
    fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Sample => "sample",
            Self::Full => "full",
        }
    }
}

impl From<DepthArg> for Depth {
    fn from(depth: DepthArg) -> Self {
        match depth {
            DepthArg::Quick => Self::Quick,
            DepthArg::Sample => Self::Sample,
            DepthArg::Full => Self::Full,
        }
    }
}

/// Checks the target.
///
/// # Errors
/// [`Failure::Verdict`] when a requirement is broken; else see the exit codes of [`Failure`].
pub fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let keys = all_keys(args)?;
    let files = args.source.iter().map(|path| input::open(path));
    let files = files.collect::<Result<Vec<File>, Failure>>()?;
    let sources = source::open(&args.source, &files, &keys)?;
    let sources: Vec<&dyn Source> = sources.iter().map(|source| source.as_ref()).collect();
    let usual = if args.url {
        DepthArg::Sample
    } else {
        DepthArg::Full
    };
    let depth = args.depth.unwrap_or(usual);
    let options = VerifyOptions {
        keys: &keys,
        sources: &sources,
        depth: depth.into(),
        segment_duration: None,
    };
    let report = if args.url {
        of_url(&args.target, &options)?
    } else {
        of_path(&args.target, &options)?
    };
    report::print(&args.target, depth.name(), &report, args.json)?;
    match report.failures().next() {
        None => Ok(()),
        Some(_) => Err(Failure::Verdict),
    }
}

fn all_keys(args: &VerifyArgs) -> Result<Vec<ContentKey>, Failure> {
    let keys = args.key.iter().map(|text| keys::parse("--key", text));
    let mut keys = keys.collect::<Result<Vec<ContentKey>, Failure>>()?;
    if let Some(path) = &args.key_file {
        keys.extend(keys::read_file(path)?);
    }
    Ok(keys)
}

fn of_url(target: &str, options: &VerifyOptions<'_>) -> Result<VerifyReport, Failure> {
    let url = urls::http("TARGET", target)?;
    let server = Server::new(&url)?;
    let manifest = server.manifest().to_owned();
    let failed = |error| Failure::engine(&target, &error);
    let mut report = packager::verify(&server, &[&manifest], options).map_err(failed)?;
    report.add_delivery(&server.delivery().map_err(failed)?);
    Ok(report)
}

fn of_path(target: &str, options: &VerifyOptions<'_>) -> Result<VerifyReport, Failure> {
    if target.starts_with("http://") || target.starts_with("https://") {
        let what = "TARGET is a URL: say so with --url";
        return Err(Failure::Usage(what.into()));
    }
    let path = Path::new(target);
    let is_folder = path
        .metadata()
        .map_err(|error| Failure::io("open", path, &error))?
        .is_dir();
    let (folder, manifests) = if is_folder {
        let folder = Folder::whole(path)?;
        let manifests = folder.manifests();
        (folder, manifests)
    } else {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let folder = Folder::around(crate::output::parent(path));
        (
            folder,
            name.map(|name| name.into_owned()).into_iter().collect(),
        )
    };
    if manifests.is_empty() {
        let what = format!("{target}: no MPD (.mpd) and no playlist (.m3u8) is in it");
        return Err(Failure::Input(what));
    }
    let manifests: Vec<&str> = manifests.iter().map(String::as_str).collect();
    packager::verify(&folder, &manifests, options).map_err(|error| Failure::engine(&target, &error))
}
