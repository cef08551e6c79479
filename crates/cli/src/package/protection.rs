//! How a package is encrypted: the arguments about schemes, keys and protection systems.

use crate::failure::Failure;
use crate::{keys, text, urls};
use clap::{Args, ValueEnum};
use packager::{
    Cpix, EncryptScope, FairPlayOptions, GivenSystem, Label, LabelledKey, Movie, Options,
    PlayReadyOptions, PlayReadyVersion, ProtectionSystem, Scheme, WidevineOptions,
};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The largest CPIX document, and file of `pssh` boxes, that is read.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Arguments about encryption.
#[derive(Args)]
#[command(next_help_heading = "Encryption")]
pub struct ProtectionArgs {
    /// How to encrypt; cbcs unless a CPIX document says otherwise.
    #[arg(long, value_enum)]
    scheme: Option<SchemeArg>,
    /// What to encrypt: every track, or the picture only.
    #[arg(long, value_enum, default_value_t = EncryptArg::All)]
    pub encrypt: EncryptArg,
    /// Encrypt with this key. Several: one a label, and of one label one a crypto period. LABEL is audio, sd (up to
    /// 768x576), hd (1920x1080), uhd1 (4096x2160), uhd2, or the name of a rendition (audio-fra).
    #[arg(
        long,
        value_name = "[LABEL:]KID:KEY",
        conflicts_with = "key_file",
        allow_hyphen_values = true
    )]
    key: Vec<String>,
    /// Encrypt with the keys in this file (a [LABEL:]KID:KEY a line; - reads stdin).
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Make a key for each of these labels (audio,sd,hd).
    #[arg(
        long,
        value_name = "LABELS",
        value_delimiter = ',',
        conflicts_with_all = ["key", "key_file", "cpix"]
    )]
    key_labels: Vec<Label>,
    /// Take keys, protection systems and what each key is for from a CPIX document (- reads stdin).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "key_file"])]
    pub cpix: Option<PathBuf>,
    /// Write keys, systems and rules as a CPIX document (mode 0600: it holds the keys).
    #[arg(long, value_name = "FILE")]
    pub cpix_out: Option<PathBuf>,
    /// Leave what begins in the first seconds clear.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    clear_lead: Option<Duration>,
    /// Use another key after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = crypto_period)]
    key_rotation: Option<Duration>,
    /// Systems that deliver the keys: common, widevine, playready (playready:4.0 or 4.3 for a version of its
    /// header), fairplay. Without it the common system alone (ClearKey).
    #[arg(long, value_name = "SYSTEMS", value_delimiter = ',')]
    protection_systems: Vec<SystemArg>,
    /// ClearKey licence server to write into the manifests; none unless given.
    #[arg(long, value_name = "URL")]
    license_url: Option<String>,
    /// Prefix of the URL that answers a key's 16 raw bytes to whom may have them; the KID in hex is appended.
    /// Written into HLS playlists under --scheme cenc, for players that know only identity keys.
    #[arg(long, value_name = "URL")]
    hls_key_url: Option<String>,
    /// Content provider that Widevine's licence service knows.
    #[arg(long, value_name = "NAME")]
    widevine_provider: Option<String>,
    /// Name of the content that Widevine's licence service knows.
    #[arg(long, value_name = "NAME")]
    widevine_content_id: Option<String>,
    /// PlayReady licence server to write into its header (LA_URL).
    #[arg(long, value_name = "URL")]
    playready_la_url: Option<String>,
    /// URI of FairPlay keys; {kid} becomes the KID in hex, {kid-uuid} the KID with dashes [default: skd://{kid}].
    #[arg(long, value_name = "URI")]
    fairplay_uri: Option<String>,
    /// Whole pssh boxes of any other system: a file of them, or hex, or base64.
    #[arg(long, value_name = "FILE|HEX")]
    pssh: Vec<String>,
}

/// `--scheme`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemeArg {
    /// AES-CBC on a tenth of the picture and all of the sound; what Apple's players want
    Cbcs,
    /// AES-CTR on everything, for players that do not know cbcs
    Cenc,
    /// AES-CTR on a tenth of the picture; DASH alone
    Cens,
    /// AES-CBC on everything; DASH alone
    Cbc1,
    /// No encryption
    None,
}

/// `--encrypt`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EncryptArg {
    /// Every track
    All,
    /// The picture only: sound stays audible without a key
    Video,
}

/// One of `--protection-systems`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SystemArg {
    Common,
    Widevine,
    PlayReady(Option<PlayReadyVersion>),
    FairPlay,
}

/// Where keys come from.
pub enum KeySource {
    /// Nothing is encrypted.
    None,
    /// They were given.
    Given(Vec<LabelledKey>),
    /// A document gives them to renditions.
    Cpix(Box<Cpix>),
    /// They are to be made, for these labels.
    New(Vec<Label>),
}

impl ProtectionArgs {
    /// Fills in what the arguments say about encryption, but for the keys: those may depend on the inputs.
    ///
    /// # Errors
    /// [`Failure::Usage`] when arguments contradict each other, [`Failure::Io`] when a file cannot be read.
    pub fn apply(&self, options: &mut Options) -> Result<KeySource, Failure> {
        let source = self.key_source()?;
        if let KeySource::Given(keys) = &source {
            self.refuse_unused(keys)?;
        }
        options.scheme = self.scheme(&source)?;
        if options.scheme.is_none() {
            self.refuse_without_scheme(&source)?;
        }
        options.encrypt = match self.encrypt {
            EncryptArg::All => EncryptScope::All,
            EncryptArg::Video => EncryptScope::Video,
        };
        options.clear_lead = self.clear_lead.unwrap_or_default();
        options.crypto_period = self.key_rotation;
        options.systems = self.systems(&source)?;
        options.license_url = url("--license-url", &self.license_url)?;
        options.hls_key_url = url("--hls-key-url", &self.hls_key_url)?;
        if options.scheme.is_none() {
            options.systems.clear();
        }
        self.check_urls(options)?;
        Ok(match options.scheme {
            Some(_) => source,
            None => KeySource::None,
        })
    }

    fn key_source(&self) -> Result<KeySource, Failure> {
        if let Some(path) = &self.cpix {
            let cpix = read_cpix(path)?;
            for warning in &cpix.warnings {
                text::warn(&warning.0);
            }
            return Ok(KeySource::Cpix(Box::new(cpix)));
        }
        if let Some(path) = &self.key_file {
            return keys::read_labelled_file(path).map(KeySource::Given);
        }
        if self.key.is_empty() {
            return Ok(KeySource::New(self.key_labels.clone()));
        }
        let keys = self.key.iter();
        let keys = keys.map(|text| keys::parse_labelled("--key", text));
        keys.collect::<Result<_, _>>().map(KeySource::Given)
    }

    fn scheme(&self, source: &KeySource) -> Result<Option<Scheme>, Failure> {
        let given = self.scheme.map(|scheme| match scheme {
            SchemeArg::Cbcs => Some(Scheme::Cbcs),
            SchemeArg::Cenc => Some(Scheme::Cenc),
            SchemeArg::Cens => Some(Scheme::Cens),
            SchemeArg::Cbc1 => Some(Scheme::Cbc1),
            SchemeArg::None => None,
        });
        let wanted = match source {
            KeySource::Cpix(cpix) => cpix.scheme().map_err(|error| self.of_cpix(&error))?,
            _ => None,
        };
        match (given, wanted) {
            (Some(Some(given)), Some(wanted)) if given != wanted => Err(Failure::Usage(format!(
                "--scheme {}: the CPIX document asks for {}",
                given.fourcc(),
                wanted.fourcc()
            ))),
            (Some(given), _) => Ok(given),
            (None, wanted) => Ok(Some(wanted.unwrap_or(Scheme::Cbcs))),
        }
    }

    fn refuse_without_scheme(&self, source: &KeySource) -> Result<(), Failure> {
        let has_keys = match source {
            KeySource::New(labels) => !labels.is_empty(),
            _ => true,
        };
        if has_keys || self.cpix_out.is_some() {
            return Err(Failure::Usage(
                "--scheme none encrypts nothing: leave out the key, or choose cbcs or cenc".into(),
            ));
        }
        if !self.protection_systems.is_empty() || !self.pssh.is_empty() {
            let what = "--scheme none encrypts nothing: leave out the protection systems";
            return Err(Failure::Usage(what.into()));
        }
        if self.clear_lead.is_some() || self.key_rotation.is_some() {
            text::warn("--clear-lead and --key-rotation have no effect with --scheme none");
        }
        Ok(())
    }

    /// The systems that are asked for, or else those of a document, and those of `--pssh`.
    fn systems(&self, source: &KeySource) -> Result<Vec<ProtectionSystem>, Failure> {
        let mut systems: Vec<ProtectionSystem> = Vec::new();
        for argument in &self.protection_systems {
            let system = self.system(*argument)?;
            if !systems.contains(&system) {
                systems.push(system);
            }
        }
        if let (KeySource::Cpix(cpix), true) = (source, systems.is_empty()) {
            systems = cpix.systems();
        }
        for text in &self.pssh {
            // They stand beside what is there without being asked for.
            if systems.is_empty() {
                systems.push(ProtectionSystem::Common);
            }
            systems.extend(pssh_boxes(text)?.into_iter().map(ProtectionSystem::Given));
        }
        self.check_systems(&systems)?;
        Ok(systems)
    }

    fn system(&self, argument: SystemArg) -> Result<ProtectionSystem, Failure> {
        Ok(match argument {
            SystemArg::Common => ProtectionSystem::Common,
            SystemArg::Widevine => ProtectionSystem::Widevine(WidevineOptions {
                provider: self.widevine_provider.clone(),
                content_id: self.widevine_content_id.clone().map(String::into_bytes),
                policy: None,
            }),
            SystemArg::PlayReady(version) => ProtectionSystem::PlayReady(PlayReadyOptions {
                version,
                license_url: url("--playready-la-url", &self.playready_la_url)?,
            }),
            SystemArg::FairPlay => ProtectionSystem::FairPlay(match &self.fairplay_uri {
                Some(uri) => FairPlayOptions { uri: uri.clone() },
                None => FairPlayOptions::default(),
            }),
        })
    }

    /// An option about a system that is not asked for would be lost silently.
    fn check_systems(&self, systems: &[ProtectionSystem]) -> Result<(), Failure> {
        let has = |wanted: fn(&ProtectionSystem) -> bool| systems.iter().any(wanted);
        let widevine = self.widevine_provider.is_some() || self.widevine_content_id.is_some();
        let unused = [
            (
                self.playready_la_url.is_some(),
                has(|system| matches!(system, ProtectionSystem::PlayReady(_))),
                "--playready-la-url",
                "playready",
            ),
            (
                self.fairplay_uri.is_some(),
                has(|system| matches!(system, ProtectionSystem::FairPlay(_))),
                "--fairplay-uri",
                "fairplay",
            ),
            (
                widevine,
                has(|system| matches!(system, ProtectionSystem::Widevine(_))),
                "--widevine-provider and --widevine-content-id",
                "widevine",
            ),
            (
                self.license_url.is_some(),
                systems.is_empty() || has(|system| *system == ProtectionSystem::Common),
                "--license-url",
                "common",
            ),
        ];
        match unused
            .iter()
            .find(|(is_given, is_used, ..)| *is_given && !is_used)
        {
            Some((_, _, option, system)) => Err(Failure::Usage(format!(
                "{option}: of no use without {system} among --protection-systems"
            ))),
            None => Ok(()),
        }
    }

    fn check_urls(&self, options: &Options) -> Result<(), Failure> {
        if options.scheme.is_none() && options.license_url.is_some() {
            text::warn("--license-url has no effect with --scheme none");
        }
        if options.scheme != Some(Scheme::Cenc) && options.hls_key_url.is_some() {
            text::warn("--hls-key-url has an effect with --scheme cenc only");
        }
        Ok(())
    }

    /// Without crypto periods the first key of a label is the only one that is used.
    fn refuse_unused(&self, keys: &[LabelledKey]) -> Result<(), Failure> {
        let same =
            |key: &&LabelledKey| keys.iter().filter(|other| other.label == key.label).count();
        let Some(key) = keys.iter().find(|key| same(key) > 1) else {
            return Ok(());
        };
        if self.key_rotation.is_some() {
            return Ok(());
        }
        let place = match &self.key_file {
            Some(path) => format!("--key-file {}", path.display()),
            None => "--key".into(),
        };
        let label = match &key.label {
            Some(label) => format!("with the label {label}"),
            None => "without a label".into(),
        };
        Err(Failure::Usage(format!(
            "{place}: holds {} keys {label}: give each a label of its own, or say with --key-rotation how long one is used",
            same(&key)
        )))
    }

    fn of_cpix(&self, error: &packager::Error) -> Failure {
        let path = self.cpix.as_deref().unwrap_or(Path::new("-"));
        Failure::engine(&format!("--cpix {}", path.display()), error)
    }

    /// The keys of a packaging of these movies.
    ///
    /// # Errors
    /// As [`Cpix::labelled_keys`]; [`Failure::Io`] when no random bytes are to be had.
    pub fn keys(
        &self,
        source: KeySource,
        movies: &[Movie],
        options: &Options,
    ) -> Result<Vec<LabelledKey>, Failure> {
        match source {
            KeySource::None => Ok(Vec::new()),
            KeySource::Given(keys) => Ok(keys),
            KeySource::Cpix(cpix) => {
                if cpix.period_count() > 1 && options.crypto_period.is_none() {
                    return Err(Failure::Usage(format!(
                        "the CPIX document has keys for {} periods: say with --key-rotation how long one lasts",
                        cpix.period_count()
                    )));
                }
                let keys = cpix.labelled_keys(movies, options);
                keys.map_err(|error| self.of_cpix(&error))
            }
            KeySource::New(labels) => new_keys(&labels, movies, options),
        }
    }
}

/// Makes as many keys a label as there are crypto periods.
fn new_keys(
    labels: &[Label],
    movies: &[Movie],
    options: &Options,
) -> Result<Vec<LabelledKey>, Failure> {
    // Without crypto periods one key a label does, and the plan says what is wrong with the inputs.
    let periods = match options.crypto_period {
        Some(_) => packager::crypto_periods(movies, options)
            .map_err(|error| Failure::engine(&"the inputs", &error))?
            .max(1),
        None => 1,
    };
    let mut new = Vec::new();
    let labels = match labels {
        [] => vec![None],
        labels => labels.iter().cloned().map(Some).collect(),
    };
    for label in labels {
        for _ in 0..periods {
            new.push(LabelledKey {
                label: label.clone(),
                key: keys::generate()?,
            });
        }
    }
    Ok(new)
}

fn url(option: &str, text: &Option<String>) -> Result<Option<String>, Failure> {
    match text {
        Some(text) => urls::http(option, text).map(|url| Some(String::from(url))),
        None => Ok(None),
    }
}

/// Reads a CPIX document; errors name the file.
///
/// # Errors
/// [`Failure::Io`] when it cannot be read, [`Failure::Input`] when it is no such document.
pub fn read_cpix(path: &Path) -> Result<Cpix, Failure> {
    // Large enough from the start, so that growing leaves no copy of a key behind.
    let mut text = Zeroizing::new(String::with_capacity(64 * 1024));
    let read = match path == Path::new("-") {
        true => std::io::stdin()
            .lock()
            .take(MAX_FILE_BYTES + 1)
            .read_to_string(&mut text),
        false => File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)),
    };
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            Failure::Input(format!("--cpix {}: is no text", path.display()))
        }
        _ => Failure::io("read the CPIX document", path, &error),
    })?;
    let cpix = Cpix::parse(&text);
    cpix.map_err(|error| Failure::engine(&format!("--cpix {}", path.display()), &error))
}

/// Boxes in hex or base64, or else in a file.
fn pssh_boxes(text: &str) -> Result<Vec<GivenSystem>, Failure> {
    let is_text = text.starts_with("000000") || text.starts_with("AAAA");
    if is_text && !Path::new(text).exists() {
        let systems = GivenSystem::from_text(text);
        return systems.map_err(|error| Failure::engine(&"--pssh", &error));
    }
    let path = Path::new(text);
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
        .map_err(|error| Failure::io("read the pssh boxes", path, &error))?;
    let systems = GivenSystem::from_boxes(&bytes);
    systems.map_err(|error| Failure::engine(&format!("--pssh {text}"), &error))
}

impl std::str::FromStr for SystemArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "common" => Self::Common,
            "widevine" => Self::Widevine,
            "playready" => Self::PlayReady(None),
            "playready:4.0" => Self::PlayReady(Some(PlayReadyVersion::V40)),
            "playready:4.3" => Self::PlayReady(Some(PlayReadyVersion::V43)),
            "fairplay" => Self::FairPlay,
            _ => {
                return Err(
                    "common, widevine, playready, playready:4.0, playready:4.3 or fairplay is wanted; --pssh is for other systems"
                        .into(),
                );
            }
        })
    }
}

/// Reads `--clear-lead`.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    seconds
        .filter(|seconds| (0.0..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0 to 86400 is wanted".into())
}

/// Reads `--key-rotation`.
fn crypto_period(text: &str) -> Result<Duration, String> {
    let period = seconds(text).ok();
    period
        .filter(|period| *period >= Duration::from_secs(1))
        .ok_or_else(|| "a number of seconds from 1 to 86400 is wanted".into())
}
