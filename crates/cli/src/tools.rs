//! ffmpeg and ffprobe, as the command line names them.

use crate::failure::Failure;
use clap::Args;
use std::path::PathBuf;
use transcode::{Confinement, Tools};

/// The subcommand by which this binary becomes the confinement helper. It is for itself alone.
pub const HELPER: &str = "confine";

/// Where ffmpeg is, and how it is held.
#[derive(Args, Clone, Debug)]
pub struct ToolArgs {
    /// The ffmpeg that converts what is not MP4 or MOV [default: the one on the PATH]
    #[arg(long, value_name = "PATH")]
    ffmpeg: Option<PathBuf>,
    /// The ffprobe that looks into it [default: the one beside ffmpeg, or on the PATH]
    #[arg(long, value_name = "PATH")]
    ffprobe: Option<PathBuf>,
    /// Run ffmpeg without confinement, which lets a hostile file do what you may do. For files that you trust.
    #[arg(long)]
    unconfined: bool,
}

impl ToolArgs {
    /// The tools.
    ///
    /// # Errors
    /// [`Failure::Io`] when this binary does not know where it is.
    pub fn tools(&self) -> Result<Tools, Failure> {
        let this = std::env::current_exe()
            .map_err(|error| Failure::Io(format!("cannot find this program: {error}")))?;
        let helper = vec![this.into(), HELPER.into()];
        let confinement = match self.unconfined {
            true => Confinement::Off(helper),
            false => Confinement::Helper(helper),
        };
        Ok(Tools::new(
            self.ffmpeg.clone(),
            self.ffprobe.clone(),
            confinement,
        ))
    }
}

/// Sorts an error of the tools about `subject` by its exit code.
pub fn failure(subject: &dyn std::fmt::Display, error: &transcode::Error) -> Failure {
    use transcode::Error;
    let text = format!("{subject}: {error}");
    match error {
        Error::InvalidInput(_) | Error::Unsupported(_) | Error::LimitExceeded(_) => {
            Failure::Input(text)
        }
        Error::ConfinementMissing(_) | Error::ToolMissing(_) | Error::InvalidProfile(_) => {
            Failure::Usage(text)
        }
        Error::Cancelled | Error::Tool(_) | Error::Io { .. } => Failure::Io(text),
    }
}
