//! Identifiers that nobody can guess.

/// 32 characters that are safe in URLs and file names and hard to confuse.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Fills an array with randomness of the operating system.
///
/// # Errors
/// When the operating system has none to give.
pub(crate) fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// 26 random characters: 130 bits.
pub(crate) fn code() -> std::io::Result<String> {
    let bytes = random::<26>()?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect())
}

/// A random identifier that says what it names: `ast_…`, `pkg_…`, `job_…`.
pub(crate) fn tagged(tag: &str) -> std::io::Result<String> {
    Ok(format!("{tag}_{}", code()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_safe_in_paths_and_never_the_same() {
        let codes: std::collections::HashSet<String> =
            (0..1000).map(|_| code().expect("randomness")).collect();
        assert_eq!(codes.len(), 1000);
        assert!(
            codes
                .iter()
                .all(|code| code.len() == 26
                    && code.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        );
    }
}
