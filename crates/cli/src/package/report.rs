//! What `package` says on stdout when it is done.

use super::PackageArgs;
use super::prepare::Prepared;
use super::protection::EncryptArg;
use crate::failure::Failure;
use crate::text;
use packager::{FileLayout, LabelledKey, Options, Plan};
use serde::Serialize;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use transcode::Rate;

/// The facts of a finished package.
pub struct Report<'a> {
    pub args: &'a PackageArgs,
    pub options: &'a Options,
    pub plan: &'a Plan,
    /// What became of the inputs.
    pub prepared: &'a Prepared,
    /// Where a new key was written.
    pub key_file: Option<&'a Path>,
    /// Where a CPIX document was written.
    pub cpix_file: Option<&'a Path>,
    /// Presented length.
    pub seconds: f64,
    /// Bytes of all files of the package.
    pub size: u64,
    /// Names of the files for pages.
    pub extras: &'a [&'static str],
}

/// `--json`.
#[derive(Serialize)]
struct Json<'a> {
    output: String,
    dash: String,
    /// Null when HLS has no method for the scheme.
    hls: Option<String>,
    /// `segments` or `single-file`.
    layout: &'static str,
    /// `cbcs`, `cenc`, `cens`, `cbc1` or `none`.
    scheme: &'static str,
    /// `all` or `video`; null when nothing is encrypted.
    encrypt: Option<&'static str>,
    /// A UUID, of the first key; null when nothing is encrypted.
    kid: Option<String>,
    /// All keys, in order.
    keys: Vec<Key>,
    /// The new key file; null when none was written.
    key_file: Option<String>,
    /// The new CPIX document; null when none was written.
    cpix_file: Option<String>,
    size: u64,
    duration_seconds: f64,
    renditions: Vec<Rendition<'a>>,
    warnings: Vec<&'a str>,
    /// Inputs that were not packaged as they are.
    conversions: Vec<Conversion<'a>>,
    /// Rungs that were encoded; null without `--ladder`.
    ladder: Option<Vec<Rung<'a>>>,
    /// Names of the files for pages (`--extras`), beside the manifests.
    extras: &'a [&'static str],
}

/// A rung that was encoded, in the words of a profile.
#[derive(Serialize)]
struct Rung<'a> {
    name: &'a str,
    width: u32,
    height: u32,
    /// `h264`, `hevc`, `av1` or `vp9`.
    codec: &'static str,
    preset: &'a str,
    /// Constant quality, or null.
    crf: Option<u8>,
    /// Bits a second that constant quality does not exceed for long.
    max_bitrate: Option<u64>,
    /// Bits a second on average, or null.
    bitrate: Option<u64>,
}

impl<'a> Rung<'a> {
    fn of(rung: &'a transcode::Rung) -> Self {
        let (crf, max_bitrate, bitrate) = match rung.rate {
            Rate::Quality { crf, peak } => (Some(crf), peak, None),
            Rate::Average(rate) => (None, None, Some(rate)),
        };
        Self {
            name: &rung.name,
            width: rung.width,
            height: rung.height,
            codec: rung.codec.name(),
            preset: &rung.preset,
            crf,
            max_bitrate,
            bitrate,
        }
    }
}

#[derive(Serialize)]
struct Conversion<'a> {
    /// Number of the input, from 1.
    input: usize,
    /// Whether pictures or sound were encoded anew; else all was put into MP4 as it is.
    encoded: bool,
    /// What was done and why.
    notes: &'a [String],
}

/// A content key, without its secret.
#[derive(Serialize)]
struct Key {
    /// Null: of all that has no key of its own.
    label: Option<String>,
    /// A UUID.
    kid: String,
}

#[derive(Serialize)]
struct Rendition<'a> {
    name: &'a str,
    /// Number of the input, from 1.
    input: usize,
    track_id: u32,
    codec: &'a str,
    segments: u32,
    encrypted: bool,
}

/// Writes the report: JSON, or one labelled path a line.
///
/// # Errors
/// As [`text::print`].
pub fn print(report: &Report<'_>) -> Result<(), Failure> {
    let output = &report.args.output;
    let dash = output.join("stream.mpd");
    let scheme = report.options.scheme;
    let has_hls = scheme.is_none_or(packager::Scheme::is_known_to_hls);
    let hls = has_hls.then(|| output.join("master.m3u8"));
    if report.args.json {
        return text::print_json(&json(report, &dash, hls.as_deref()));
    }
    let mut lines = Vec::new();
    let files = [
        ("dash", Some(&*dash)),
        ("hls", hls.as_deref()),
        ("key", report.key_file),
        ("cpix", report.cpix_file),
    ];
    for (label, path) in files {
        let Some(path) = path else {
            continue;
        };
        // As bytes, so that a path that is no UTF-8 can be used again.
        lines.extend_from_slice(format!("{label:<5}").as_bytes());
        lines.extend_from_slice(path.as_os_str().as_bytes());
        lines.push(b'\n');
    }
    text::print(&lines)
}

fn json<'a>(report: &Report<'a>, dash: &Path, hls: Option<&Path>) -> Json<'a> {
    let scheme = report.options.scheme;
    let keys = report.options.content_keys.iter();
    let key = report.options.content_keys.first().map(|key| &key.key);
    let numbers = &report.prepared.numbers;
    let conversions = report.prepared.conversions.iter();
    let conversions = conversions.map(|conversion| Conversion {
        input: conversion.number,
        encoded: conversion.encoded,
        notes: &conversion.notes,
    });
    let renditions = report.plan.renditions().iter().map(|rendition| Rendition {
        name: &rendition.name,
        input: numbers.get(rendition.input).copied().unwrap_or_default(),
        track_id: rendition.track_id,
        codec: &rendition.codec,
        segments: rendition.segments,
        encrypted: rendition.encrypted,
    });
    Json {
        output: text::json_path(&report.args.output),
        dash: text::json_path(dash),
        hls: hls.map(text::json_path),
        layout: match report.options.layout {
            FileLayout::Segments => "segments",
            FileLayout::SingleFile => "single-file",
        },
        scheme: scheme.map_or("none", packager::Scheme::fourcc),
        encrypt: scheme.map(|_| match report.args.protection.encrypt {
            EncryptArg::All => "all",
            EncryptArg::Video => "video",
        }),
        kid: key.map(|key| key.kid.uuid()),
        keys: keys.map(Key::of).collect(),
        key_file: report.key_file.map(text::json_path),
        cpix_file: report.cpix_file.map(text::json_path),
        size: report.size,
        duration_seconds: report.seconds,
        renditions: renditions.collect(),
        warnings: report
            .plan
            .warnings()
            .iter()
            .map(|warning| &*warning.0)
            .collect(),
        conversions: conversions.collect(),
        ladder: report.prepared.ladder.as_ref().map(|ladder| {
            let rungs = ladder.rungs.iter();
            rungs.map(Rung::of).collect()
        }),
        extras: report.extras,
    }
}

impl Key {
    fn of(key: &LabelledKey) -> Self {
        Self {
            label: key.label.as_ref().map(ToString::to_string),
            kid: key.key.kid.uuid(),
        }
    }
}
