//! Content keys at rest: wrapped with AES-256-GCM under a key file that never leaves the data folder.

use crate::id;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use packager::{ContentKey, KeyId};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

/// File that holds the wrapping key, as 64 hex digits.
pub(crate) const KEY_FILE: &str = "content-keys.key";
const NONCE_BYTES: usize = 12;

/// Wraps and unwraps content keys. `Debug` shows no secret.
pub(crate) struct Keys {
    cipher: Aes256Gcm,
}

/// Why keys cannot be used. The text never holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// The key file cannot be made or read.
    #[error("{path}: {source}", path = KEY_FILE)]
    Io {
        /// What the operating system says.
        #[from]
        source: std::io::Error,
    },
    /// The key file does not hold 64 hex digits.
    #[error(
        "{KEY_FILE} does not hold 64 hex digits; bring back the file that was made with this data folder"
    )]
    Form,
    /// The key file is open to others.
    #[error("{KEY_FILE} may be read by others (mode {0:o}); run: chmod 600 {KEY_FILE}")]
    Mode(u32),
    /// Encrypting failed, which AES-GCM does for absurd lengths only.
    #[error("the content key could not be wrapped")]
    Wrap,
    /// The wrapped key belongs to another row or another key file.
    #[error(
        "a content key could not be unwrapped: the database and {KEY_FILE} do not belong together"
    )]
    Unwrap,
}

impl Keys {
    /// Opens the key file of a data folder; makes it (mode 0600) when there is none.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, KeysError> {
        let path = data_dir.join(KEY_FILE);
        if !path.try_exists()? {
            create(data_dir, &path)?;
        }
        let mut file = File::open(&path)?;
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeysError::Mode(mode));
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text)?;
        let mut secret = decode_hex(text.trim()).ok_or(KeysError::Form)?;
        let cipher = Aes256Gcm::new(&(*secret).into());
        secret.zeroize();
        Ok(Self { cipher })
    }

    /// Encrypts a secret of a package; `role` says which one, so that rows cannot be swapped.
    pub(crate) fn wrap(
        &self,
        package: &str,
        kid: &KeyId,
        role: Role,
        secret: &[u8],
    ) -> Result<Vec<u8>, KeysError> {
        let nonce: [u8; NONCE_BYTES] = id::random()?;
        let payload = Payload {
            msg: secret,
            aad: &associated(package, kid, role),
        };
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| KeysError::Wrap)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what [`Keys::wrap`] made for the same package, KID and role.
    pub(crate) fn unwrap(
        &self,
        package: &str,
        kid: &KeyId,
        role: Role,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let (nonce, sealed) = wrapped
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(KeysError::Unwrap)?;
        let payload = Payload {
            msg: sealed,
            aad: &associated(package, kid, role),
        };
        self.cipher
            .decrypt(&Nonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| KeysError::Unwrap)
    }

    /// Decrypts a content key.
    pub(crate) fn content_key(
        &self,
        package: &str,
        kid: KeyId,
        wrapped: &[u8],
    ) -> Result<ContentKey, KeysError> {
        let secret = self.unwrap(package, &kid, Role::Value, wrapped)?;
        let value = <[u8; 16]>::try_from(secret.as_slice()).map_err(|_| KeysError::Unwrap)?;
        Ok(ContentKey { kid, value })
    }
}

/// Which secret of a package is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The 16 bytes of the content key.
    Value,
    /// The text in which the client gave it.
    GivenText,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(redacted)")
    }
}

/// A key and a KID of randomness from the operating system.
pub(crate) fn generate() -> std::io::Result<ContentKey> {
    Ok(ContentKey {
        kid: KeyId(id::random()?),
        value: id::random()?,
    })
}

fn associated(package: &str, kid: &KeyId, role: Role) -> Vec<u8> {
    let role = match role {
        Role::Value => "value",
        Role::GivenText => "given",
    };
    format!("reelpack 1|{package}|{}|{role}", kid.hex()).into_bytes()
}

/// Writes the key file whole or not at all: private from its first byte, linked to its name when durable.
fn create(data_dir: &Path, path: &Path) -> Result<(), KeysError> {
    let mut secret: [u8; 32] = id::random()?;
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in secret {
        use std::fmt::Write as _;
        // Writing to a `String` cannot fail.
        let _ = write!(*text, "{byte:02x}");
    }
    text.push('\n');
    secret.zeroize();
    let temporary = data_dir.join(format!("{KEY_FILE}.{}", id::code()?));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        // A hard link fails when another process was first; a rename would replace its key.
        .and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary)?;
    written?;
    File::open(data_dir)?.sync_all()?;
    Ok(())
}

fn decode_hex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (tempfile::TempDir, Keys) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let keys = Keys::open(dir.path()).expect("a new key file");
        (dir, keys)
    }

    #[test]
    fn a_key_comes_back_for_its_own_package_only() {
        let (dir, keys) = keys();
        let kid = KeyId([7; 16]);
        let wrapped = keys
            .wrap("pkg_a", &kid, Role::Value, &[9; 16])
            .expect("wrap");
        assert!(!wrapped.windows(4).any(|window| window == [9; 4]));
        let again = Keys::open(dir.path()).expect("the same key file");
        let key = again.content_key("pkg_a", kid, &wrapped).expect("unwrap");
        assert_eq!(key.value, [9; 16]);
        assert!(again.content_key("pkg_b", kid, &wrapped).is_err());
        assert!(
            again
                .content_key("pkg_a", KeyId([8; 16]), &wrapped)
                .is_err()
        );
        assert!(
            again
                .unwrap("pkg_a", &kid, Role::GivenText, &wrapped)
                .is_err()
        );
        assert!(again.content_key("pkg_a", kid, &wrapped[..5]).is_err());
    }

    #[test]
    fn the_key_file_is_private_and_nothing_is_left_beside_it() {
        let (dir, keys) = keys();
        let mode = std::fs::metadata(dir.path().join(KEY_FILE)).expect("the file");
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(dir.path()).expect("the folder").count(),
            1
        );
        assert_eq!(format!("{keys:?}"), "Keys(redacted)");
    }

    #[test]
    fn a_key_file_that_is_open_or_broken_is_refused() {
        let (dir, _keys) = keys();
        let path = dir.path().join(KEY_FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(matches!(
            Keys::open(dir.path()),
            Err(KeysError::Mode(0o644))
        ));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        std::fs::write(&path, "short").expect("write");
        assert!(matches!(Keys::open(dir.path()), Err(KeysError::Form)));
    }
}
