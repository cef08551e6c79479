//! `reelpack import`: the catalogue and files of the old platform in, a report out.

use crate::database::{self, DatabaseArgs};
use crate::failure::Failure;
use crate::storage::StorageArgs;
use crate::{serve, text};
use clap::Args;
use serde_json::{Value, json};
use server::{ImportConfig, ImportedRow, Outcome};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  reelpack import --from-url-file old-url --from-folder /srv/old/storage --dry-run
      looks, and changes nothing; the file old-url holds mysql://USER:PASSWORD@HOST/DATABASE
  reelpack import --from-url-file old-url --from-folder /srv/old/storage
      takes over what is not there yet; the packages are made when the server is started

Stop the server first: it holds its data folder. Videos keep their input_content_id, packagings their
packaged_content_id, key, KID and link. The old database and folder are only read. The same command can be run
again. docs/import.md says more.

Exit codes: 0 all is taken over · 2 wrong usage · 65 some of it could not be taken, the report says what and why ·
74 a database or a folder cannot be used.";

/// Take over the catalogue and the files of the platform that Reelpack succeeds.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The old database, mysql://USER:PASSWORD@HOST:3306/DATABASE, with its table uploaded_videos.
    #[arg(
        long,
        value_name = "URL",
        required_unless_present = "from_url_file",
        conflicts_with = "from_url_file"
    )]
    from_url: Option<String>,
    /// File that holds the URL of the old database.
    #[arg(long, value_name = "FILE")]
    from_url_file: Option<PathBuf>,
    /// The old storage folder; files are found below it by the ends of their paths.
    #[arg(long, value_name = "DIR")]
    from_folder: PathBuf,
    /// Data folder of the server that takes over [default: as serve].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    storage: StorageArgs,
    /// File with the key under which content keys are kept [default: content-keys.key in the data folder].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Say what would be taken over, and change nothing; what is there already is not looked at.
    #[arg(long)]
    dry_run: bool,
    /// The report as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Imports, and reports.
///
/// # Errors
/// [`Failure::Usage`] for flags, [`Failure::Io`] when it has to stop, [`Failure::Input`] when some rows could not be
/// taken.
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let from = match (&args.from_url, &args.from_url_file) {
        (Some(url), _) => {
            let url = database::url_of("--from-url", url)?;
            database::warn_of_password("--from-url", &url);
            url
        }
        (None, Some(path)) => database::url_in(path)?,
        (None, None) => return Err(Failure::Usage("--from-url-file is missing".into())),
    };
    let config = ImportConfig {
        from,
        folder: args.from_folder.clone(),
        data_dir: match &args.data_dir {
            Some(dir) => dir.clone(),
            None => serve::default_data_dir()?,
        },
        database: args.database.url()?,
        storage: args.storage.config(),
        key_file: args.key_file.clone(),
        dry_run: args.dry_run,
    };
    let mut report = Report::default();
    let mut broken = None;
    server::import(&config, &mut |row| {
        report.count(row);
        let told = match args.json {
            true => {
                report.rows.push(to_json(row));
                Ok(())
            }
            false => text::print(line(row).as_bytes()),
        };
        // Who does not read the report still wants the videos.
        broken = broken.take().or(told.err());
    })
    .map_err(|error| Failure::Io(error.to_string()))?;
    if let Some(failure) = broken {
        return Err(failure);
    }
    report.end(args)
}

/// What is counted of an import.
#[derive(Default)]
struct Report {
    rows: Vec<Value>,
    taken: [usize; 2],
    already: [usize; 2],
    refused: usize,
}

impl Report {
    fn count(&mut self, row: &ImportedRow) {
        for (index, outcome) in [Some(&row.asset), row.package.as_ref()]
            .into_iter()
            .enumerate()
        {
            match outcome {
                Some(Outcome::Taken(_)) => self.taken[index] += 1,
                Some(Outcome::Already) => self.already[index] += 1,
                Some(Outcome::Refused(_)) | None => {}
            }
        }
        self.refused += usize::from(row.is_refused());
    }

    fn end(self, args: &ImportArgs) -> Result<(), Failure> {
        let Self {
            taken: [videos, packagings],
            already: [old_videos, old_packagings],
            refused,
            ..
        } = self;
        if args.json {
            text::print_json(&json!({
                "dry_run": args.dry_run,
                "taken": {"videos": videos, "packagings": packagings},
                "already": {"videos": old_videos, "packagings": old_packagings},
                "refused_rows": refused,
                "rows": self.rows,
            }))?;
        } else {
            let what = if args.dry_run {
                "would be taken"
            } else {
                "taken"
            };
            text::note(&format!(
                "{videos} videos and {packagings} packagings {what}, {old_videos} and {old_packagings} were there \
                 already, {refused} rows refused"
            ));
            if packagings > 0 && !args.dry_run {
                text::note("the packages wait in the queue: start the server, which makes them");
            }
        }
        match refused {
            0 => Ok(()),
            refused => Err(Failure::Input(format!(
                "{refused} rows could not be taken whole; the report says why"
            ))),
        }
    }
}

fn line(row: &ImportedRow) -> String {
    let mut line = format!(
        "{} {}: {}",
        row.input_content_id,
        row.origin,
        words(&row.asset)
    );
    if let (Some(number), Some(package)) = (&row.packaged_content_id, &row.package) {
        line.push_str(&format!("; packaging {number}: {}", words(package)));
    }
    format!("{}\n", text::printable(&line))
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Taken(None) => "taken".into(),
        Outcome::Taken(Some(note)) => format!("taken; {note}"),
        Outcome::Already => "was there already".into(),
        Outcome::Refused(reason) => format!("refused: {reason}"),
    }
}

fn to_json(row: &ImportedRow) -> Value {
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Taken(note) => json!({"outcome": "taken", "note": note}),
        Outcome::Already => json!({"outcome": "already"}),
        Outcome::Refused(reason) => json!({"outcome": "refused", "reason": reason}),
    };
    json!({
        "input_content_id": row.input_content_id,
        "input_content_origin": row.origin,
        "asset": outcome(&row.asset),
        "packaged_content_id": row.packaged_content_id,
        "package": row.package.as_ref().map(outcome),
    })
}
