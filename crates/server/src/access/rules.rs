//! What credentials must be, whoever makes them: names, passwords, what tokens allow and for how long.

use super::{Scope, password};

/// Characters of the longest name.
pub(crate) const LONGEST_NAME: usize = 100;
/// A token holds for 90 days unless somebody says.
const USUAL_SECONDS: i64 = 90 * 24 * 60 * 60;
/// And for two years at most.
const MOST_SECONDS: i64 = 2 * 366 * 24 * 60 * 60;

/// What is wrong with a part of a wish. It holds no secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The part: `name`, say.
    pub(crate) field: &'static str,
    /// What it must be; goes on behind its name.
    pub(crate) what: String,
}

/// The name of an account or a token, without spaces around it.
pub(crate) fn name(text: &str) -> Result<&str, Wrong> {
    let name = text.trim();
    let plain = !name.contains(char::is_control);
    match plain && (1..=LONGEST_NAME).contains(&name.chars().count()) {
        true => Ok(name),
        false => Err(wrong(
            "name",
            format!("must have 1 to {LONGEST_NAME} characters"),
        )),
    }
}

/// Whether somebody may have this password from now on.
pub(crate) fn new_password(text: &str) -> Result<(), Wrong> {
    let (from, to) = (password::SHORTEST, password::LONGEST);
    match text.chars().count() >= from && text.len() <= to {
        true => Ok(()),
        false => {
            let text = format!("must have {from} characters at least and {to} bytes at most");
            Err(wrong("password", text))
        }
    }
}

/// The scopes of these words, each once.
pub(crate) fn scopes(words: &[String]) -> Result<Vec<Scope>, Wrong> {
    let mut scopes = Vec::new();
    for word in words {
        let scope = Scope::parse(word).ok_or_else(|| {
            let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            wrong("scopes", format!("may hold {}", known.join(", ")))
        })?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    match scopes.is_empty() {
        true => Err(wrong("scopes", "must hold one at least".to_owned())),
        false => Ok(scopes),
    }
}

/// For how many seconds a token is good; as usual unless somebody says.
pub(crate) fn seconds(wanted: Option<i64>) -> Result<i64, Wrong> {
    let seconds = wanted.unwrap_or(USUAL_SECONDS);
    match (1..=MOST_SECONDS).contains(&seconds) {
        true => Ok(seconds),
        false => {
            let text = format!("must be a number of seconds from 1 to {MOST_SECONDS}");
            Err(wrong("expires_in", text))
        }
    }
}

fn wrong(field: &'static str, what: String) -> Wrong {
    Wrong { field, what }
}
