//! `reelpack backup` and `reelpack restore`.

use crate::failure::Failure;
use crate::place::{PlaceArgs, line};
use crate::text;
use clap::Args;
use std::path::PathBuf;

const BACKUP: &str = "\
Examples:
  reelpack backup /mnt/backup/monday
      the catalogue and the list of all objects with their hashes, beside a server that may run
  reelpack backup /mnt/backup/monday --with-objects
      the objects, too

The key file (DATA-DIR/content-keys.key) is not part of a backup: keep a copy of it elsewhere. Without it nobody opens
the content keys in a backup, neither a thief nor you.

Exit codes: 0 done · 1 done, but objects are missing or altered · 2 wrong usage · 74 something could not be read or
written.";

const RESTORE: &str = "\
Examples:
  reelpack restore /mnt/backup/monday --data-dir /srv/reelpack --key-file /root/content-keys.key --verify
  reelpack restore /mnt/backup/monday --database-url-file /etc/reelpack/database-url --storage s3://films/reel --verify
      into an empty database, with the objects in the bucket

Exit codes: 0 done · 2 wrong usage · 74 it could not be done; then no catalogue is there.";

/// Back up the catalogue and the list of objects; the key file apart.
#[derive(Args)]
#[command(after_help = BACKUP)]
pub struct BackupArgs {
    /// A new folder for the backup.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Copy the objects, too.
    #[arg(long)]
    with_objects: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Restore a backup into a new data folder.
#[derive(Args)]
#[command(after_help = RESTORE)]
pub struct RestoreArgs {
    /// The folder of the backup.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The key file of the server that was backed up, if it is not in the data folder yet.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Read every object again and compare it with its hash.
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Makes a backup.
///
/// # Errors
/// [`Failure::Verdict`] when objects are missing or altered, [`Failure::Io`] when it could not be made.
pub fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let place = args.place.place()?;
    let report = server::backup(&place, &args.dir, args.with_objects);
    let report = report.map_err(|error| Failure::Io(error.to_string()))?;
    for fault in &report.faults {
        text::warn(fault);
    }
    for package in &report.unrecorded {
        text::warn(&format!(
            "{package}: an older version made it and recorded no hashes; its objects are not in the backup"
        ));
    }
    let copied = match report.with_objects {
        true => "copied",
        false => "listed",
    };
    line(&format!(
        "{}: the catalogue, {} objects ({} bytes) {copied}; the key file is not in it",
        args.dir.display(),
        report.objects,
        report.bytes
    ))?;
    match report.faults.is_empty() && report.unrecorded.is_empty() {
        true => Ok(()),
        false => Err(Failure::Verdict),
    }
}

/// Restores a backup.
///
/// # Errors
/// [`Failure::Io`] when it could not be done; the text says why.
pub fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let place = args.place.place()?;
    let restored = server::restore(&place, &args.dir, args.key_file.as_deref(), args.verify);
    let objects = restored.map_err(|error| Failure::Io(error.to_string()))?;
    let word = match args.verify {
        true => "restored and verified",
        false => "restored",
    };
    line(&format!("{word}: the catalogue and {objects} objects"))
}
