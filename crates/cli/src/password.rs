//! A password that somebody types, or has in a file. It is never an argument: those are seen by everyone on a machine.

use crate::failure::Failure;
use clap::Args;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where a new password comes from.
#[derive(Args)]
pub struct PasswordArgs {
    /// File that holds the password, and at most a line end behind it [default: it is asked for at the terminal, twice].
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// Reads the password of `name`.
    ///
    /// # Errors
    /// [`Failure::Io`] when the file cannot be read or there is no terminal, [`Failure::Usage`] when others may read the
    /// file, or two different ones are typed. No text holds any of it.
    pub fn read(&self, name: &str) -> Result<Zeroizing<String>, Failure> {
        match &self.password_file {
            Some(path) => of_file(path),
            None => typed(name),
        }
    }
}

fn of_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = path.display();
    let away = |error| Failure::Io(format!("the password file {shown} cannot be read: {error}"));
    let kind = std::fs::metadata(path).map_err(away)?;
    // A pipe of the shell (`<(pass show reelpack)`) has no owner to speak of.
    if kind.is_file() && kind.permissions().mode() & 0o077 != 0 {
        let text =
            format!("the password file {shown} may be read by others; run: chmod 600 {shown}");
        return Err(Failure::Usage(text));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(away)?);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.contains(['\n', '\r']) {
        false => Ok(Zeroizing::new(line.to_owned())),
        true => Err(Failure::Usage(format!(
            "{shown} holds several lines; the password alone is wanted"
        ))),
    }
}

fn typed(name: &str) -> Result<Zeroizing<String>, Failure> {
    let ask = |prompt: String| {
        let typed = rpassword::prompt_password(prompt).map(Zeroizing::new);
        typed.map_err(|error| no_terminal(&error))
    };
    let first = ask(format!("New password of {name}: "))?;
    let second = ask("The same again: ".to_owned())?;
    match *first == *second {
        true => Ok(first),
        false => Err(Failure::Usage(
            "the two passwords differ; nothing was changed".to_owned(),
        )),
    }
}

fn no_terminal(error: &io::Error) -> Failure {
    Failure::Io(format!(
        "no password can be asked for ({error}); name a file with --password-file"
    ))
}
