//! `--ladder`: a word, or a file that says which renditions are wanted.

use crate::failure::Failure;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use transcode::Order;

/// Most bytes of a profile.
const MAX_PROFILE: u64 = 1 << 20;

/// What was given.
#[derive(Clone, Debug)]
pub enum LadderArg {
    /// `none` or `auto`.
    Word(Order),
    /// The file of a profile.
    File(PathBuf),
}

impl FromStr for LadderArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "none" => Self::Word(Order::None),
            "auto" => Self::Word(Order::Auto),
            path => Self::File(path.into()),
        })
    }
}

impl LadderArg {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Word(_) => None,
        }
    }

    /// What is ordered.
    ///
    /// # Errors
    /// [`Failure::Io`] when the file cannot be read, [`Failure::Usage`] when it is no profile: where and why.
    pub fn order(&self) -> Result<Order, Failure> {
        match self {
            Self::Word(order) => Ok(order.clone()),
            Self::File(path) => Ok(read(path)?.0),
        }
    }

    /// The same as the server keeps it: a word or the text of a profile; `None` where nothing is ordered.
    ///
    /// # Errors
    /// Those of [`Self::order`].
    pub fn text(&self) -> Result<Option<String>, Failure> {
        match self {
            Self::Word(Order::None) => Ok(None),
            Self::Word(_) => Ok(Some("auto".to_owned())),
            Self::File(path) => Ok(Some(read(path)?.1)),
        }
    }
}

fn read(path: &Path) -> Result<(Order, String), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::Io(format!(
            "--ladder {}: there is no such file; say none, auto, or the file of a profile",
            path.display()
        )),
        _ => Failure::io("read", path, &error),
    };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_PROFILE {
        return Err(Failure::Usage(format!(
            "--ladder {}: {size} bytes are no profile (docs/ladder.md)",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    match Order::parse(&text) {
        Ok(order) => Ok((order, text)),
        Err(error) => Err(Failure::Usage(format!(
            "--ladder {}: {error}",
            path.display()
        ))),
    }
}
