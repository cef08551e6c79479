//! Why a file came to nothing: a cause and, where there is one, a remedy. Paths and logs of this machine are not in it.

/// What transcoding may fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not what it seems to be, or damaged.
    #[error("{0}")]
    InvalidInput(String),
    /// It could be read, but not by this ffmpeg, or not by anybody here; the text says what to do.
    #[error("{0}")]
    Unsupported(String),
    /// It would take more than may be spent on it.
    #[error("{0}")]
    LimitExceeded(Limit),
    /// A profile is none, where and what to do.
    #[error("the profile of the ladder: {0}")]
    InvalidProfile(String),
    /// Whoever asked for it does not want it any more.
    #[error("cancelled")]
    Cancelled,
    /// A program is not there.
    #[error(
        "{0} is missing: install FFmpeg (Debian: apt install ffmpeg), or say where it is with --{0}"
    )]
    ToolMissing(&'static str),
    /// This machine cannot confine programs.
    #[error(
        "ffmpeg cannot be confined on this machine ({0}); it is not run on files of others without that. A Linux kernel \
         from 5.13 on with Landlock and seccomp is needed, or --unconfined, which is for files that you trust"
    )]
    ConfinementMissing(String),
    /// A program failed for a reason that is not the file's.
    #[error("{0}")]
    Tool(String),
    /// The disk.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Memory of a program.
    #[error("the file needs more memory than a program may have here")]
    Memory,
    /// Processor time of a program.
    #[error("the file needs more processor time than a program may have here")]
    Cpu,
    /// Bytes of an output.
    #[error("the result would be larger than it may be here")]
    Output,
    /// Pixels of a picture.
    #[error("a picture of the file has more pixels than it may have here (16384 × 16384)")]
    Pixels,
    /// Time of a video.
    #[error("the file says that it is longer than it may be here (48 hours)")]
    Duration,
    /// Tracks of a file.
    #[error("the file has more tracks than it may have here (64)")]
    Tracks,
    /// Threads of a program.
    #[error("the file takes more threads than a program may have here")]
    Threads,
    /// What a program has to say of a file.
    #[error("there is more to say of the file than is listened to here")]
    Answer,
    /// Time that a program takes.
    #[error("the file takes longer to read than it may here")]
    Time,
}

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of the disk while something was being done.
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Makes an error of a line of ffmpeg.
type Meaning = fn(&str) -> Error;

/// What ffmpeg says, and what it means.
const MEANINGS: [(&str, Meaning); 11] = [
    ("File too large", |_| Error::LimitExceeded(Limit::Output)),
    ("No space left on device", |_| Error::Io {
        doing: "write the result",
        source: std::io::ErrorKind::StorageFull.into(),
    }),
    ("Picture size", |_| Error::LimitExceeded(Limit::Pixels)),
    ("Unknown encoder", |line| {
        Error::Unsupported(format!(
            "this ffmpeg has no encoder {}: install one that has it",
            quoted(line)
        ))
    }),
    ("No such filter", |line| {
        Error::Unsupported(format!(
            "this ffmpeg has no filter {}: install one that has it",
            quoted(line)
        ))
    }),
    ("Decoder (codec", |line| no_decoder(line)),
    ("no decoder found", |line| no_decoder(line)),
    ("moov atom not found", |_| {
        Error::InvalidInput("the file is cut short: its index is missing; deliver it again".into())
    }),
    ("Invalid data found", |_| {
        Error::InvalidInput(
            "the file is damaged, or is not what it seems to be; deliver it again".into(),
        )
    }),
    ("does not contain any stream", |_| {
        Error::InvalidInput("the file has neither picture nor sound".into())
    }),
    ("End of file", |_| {
        Error::InvalidInput("the file is cut short; deliver it again".into())
    }),
];

/// Makes a cause and a remedy of what a program said.
pub(crate) fn explain(said: &str) -> Error {
    if is_out_of_memory(said) {
        return Error::LimitExceeded(Limit::Memory);
    }
    for (words, meaning) in MEANINGS {
        if let Some(line) = said.lines().find(|line| line.contains(words)) {
            return meaning(line);
        }
    }
    Error::InvalidInput(
        "ffmpeg could not read the file; play it somewhere, and deliver it again in another form"
            .into(),
    )
}

/// Whether a program ended because it got no more memory: ffmpeg, a library in C++, or one in Rust.
pub(crate) fn is_out_of_memory(said: &str) -> bool {
    let words = [
        "Cannot allocate memory",
        "std::bad_alloc",
        "memory allocation of",
        "failed to map segment",
    ];
    words.iter().any(|words| said.contains(words))
}

fn no_decoder(line: &str) -> Error {
    // "Decoder (codec av1) not found", "no decoder found for: av1"
    let name = line
        .rsplit(['(', ' ', ':'])
        .find(|word| !word.is_empty() && !word.starts_with("not"));
    let name: String = name
        .unwrap_or("of the file")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    Error::Unsupported(format!(
        "this ffmpeg cannot decode {name}: install one that can, or deliver the file in another codec"
    ))
}

fn quoted(line: &str) -> String {
    let name = line.split('\'').nth(1).unwrap_or("for that");
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ffmpeg_become_causes() {
        for (said, expect) in [
            (
                "[mov @ 0x5] moov atom not found\n/srv/x: Invalid data found when processing input",
                "index is missing",
            ),
            (
                "/srv/secret/a.mkv: Invalid data found when processing input",
                "damaged",
            ),
            ("Unknown encoder 'libx265'", "no encoder libx265"),
            (
                "x264 [error]: malloc failed\nCannot allocate memory",
                "more memory",
            ),
            ("something else at /srv/secret", "could not read the file"),
        ] {
            let text = explain(said).to_string();
            assert!(text.contains(expect), "{said}: {text}");
            assert!(!text.contains("/srv"), "{text}");
        }
    }
}
