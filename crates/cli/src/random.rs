//! Randomness of the operating system: the only source of keys, IV seeds and temporary names.

use crate::failure::Failure;

/// 16 random bytes.
///
/// # Errors
/// [`Failure::Io`] when the operating system has none to give.
pub fn bytes() -> Result<[u8; 16], Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::Io(format!(
            "the operating system gives no random bytes: {error}"
        ))
    })?;
    Ok(bytes)
}

/// 32 hex digits that nobody can guess, for names of temporary files.
///
/// # Errors
/// As [`bytes`].
pub fn name() -> Result<String, Failure> {
    Ok(bytes()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
