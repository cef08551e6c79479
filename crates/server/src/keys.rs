//! Content keys at rest: wrapped with AES-256-GCM under a key file, which lies in the data folder unless the
//! configuration names another place.

use crate::access::Tenant;
use crate::id;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use packager::{ContentKey, KeyId};
use sha2::Sha256;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// File in the data folder that holds the wrapping key, as 64 hex digits.
pub(crate) const KEY_FILE: &str = "content-keys.key";
const NONCE_BYTES: usize = 12;
/// What is sealed to know a key file by. No package has such associated data.
const CHECK: &[u8] = b"reelpack 1|key file";
/// Of what the key that signs playback tokens is derived, beside the key of the file.
const SIGNING: &[u8] = b"reelpack 1|playback tokens";
/// The first byte of wrapped secrets of packages that are bound to tenant and asset. Those before had none.
const BOUND_TO_TENANT: u8 = 2;
/// Keys of one file.
const MOST_KEYS: usize = 16;

/// Wraps and unwraps content keys, and signs playback tokens. `Debug` shows no secret.
///
/// The key file has one key a line. The first wraps and signs; the others were first before, and still unwrap and
/// verify. A file that changed is read again, so that its key can be another one while servers run.
pub(crate) struct Keys {
    ring: RwLock<Arc<Ring>>,
    file: PathBuf,
}

/// The keys of a key file as it was.
struct Ring {
    seen: Seen,
    keys: Vec<WrappingKey>,
}

/// By what a file that changed is known: it is replaced, never written in place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

struct WrappingKey {
    cipher: Aes256Gcm,
    signing: Zeroizing<[u8; 32]>,
}

/// Why keys cannot be used. The text never holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// The key file cannot be made or read.
    #[error("the key file {path} cannot be used: {source}", path = path.display())]
    Io {
        /// The key file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The key file does not hold 64 hex digits.
    #[error("{} does not hold 64 hex digits, or some lines of them; bring back the key file that was made with this database", .0.display())]
    Form(PathBuf),
    /// The key file is open to others.
    #[error("{path} may be read by others (mode {mode:o}); run: chmod 600 {path}", path = path.display())]
    Mode {
        /// The key file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The operating system has no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[from] io::Error),
    /// Encrypting failed, which AES-GCM does for absurd lengths only.
    #[error("the content key could not be wrapped")]
    Wrap,
    /// The wrapped key belongs to another row or another key file.
    #[error(
        "a content key could not be unwrapped: the database and {} do not belong together", .0.display()
    )]
    Unwrap(PathBuf),
}

impl Keys {
    /// Opens a key file.
    pub(crate) fn open(path: &Path) -> Result<Self, KeysError> {
        Ok(Self {
            ring: RwLock::new(Arc::new(Ring::read(path)?)),
            file: path.to_owned(),
        })
    }

    /// Opens a key file; makes it (mode 0600) when there is none.
    pub(crate) fn open_or_make(path: &Path) -> Result<Self, KeysError> {
        let made = match path.try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => create(path),
            Err(error) => Err(error),
        };
        made.map_err(|source| KeysError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::open(path)
    }

    /// Whether the key file is still where it was, and can be read.
    pub(crate) fn check(&self) -> io::Result<()> {
        File::open(&self.file)?.metadata().map(drop)
    }

    /// A known text, wrapped: [`Keys::opens_check`] of another process with the same key file opens it.
    pub(crate) fn seal_check(&self) -> Result<Vec<u8>, KeysError> {
        self.seal(CHECK, CHECK)
    }

    /// Whether this is the key file under which a check was sealed.
    pub(crate) fn opens_check(&self, sealed: &[u8]) -> bool {
        self.open_sealed(CHECK, sealed)
            .is_ok_and(|text| text.as_slice() == CHECK)
    }

    /// Encrypts a secret of a package; `role` says which one, so that rows cannot be swapped.
    pub(crate) fn wrap(
        &self,
        place: Place<'_>,
        kid: &KeyId,
        role: Role,
        secret: &[u8],
    ) -> Result<Vec<u8>, KeysError> {
        let sealed = self.seal(&place.associated(kid, role), secret)?;
        Ok([&[BOUND_TO_TENANT], sealed.as_slice()].concat())
    }

    fn seal(&self, aad: &[u8], secret: &[u8]) -> Result<Vec<u8>, KeysError> {
        let ring = self.newest();
        let first = ring.keys.first().ok_or(KeysError::Wrap)?;
        let nonce: [u8; NONCE_BYTES] = id::random()?;
        let payload = Payload { msg: secret, aad };
        let sealed = first.cipher.encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| KeysError::Wrap)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The keys as they were read last.
    fn ring(&self) -> Arc<Ring> {
        self.ring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The keys, read again if the file changed. While it cannot be read, they are what they were.
    fn newest(&self) -> Arc<Ring> {
        let ring = self.ring();
        let seen = std::fs::metadata(&self.file).map(|facts| Seen::of(&facts));
        if seen.is_ok_and(|seen| seen == ring.seen) {
            return ring;
        }
        match Ring::read(&self.file) {
            Ok(read) => {
                let read = Arc::new(read);
                *self.ring.write().unwrap_or_else(PoisonError::into_inner) = read.clone();
                read
            }
            Err(error) => {
                tracing::warn!(%error, "the key file changed and cannot be used; what it held before is");
                ring
            }
        }
    }

    /// How many keys the file has.
    pub(crate) fn count(&self) -> usize {
        self.newest().keys.len()
    }

    /// Makes a key, and writes it into the file before the others.
    pub(crate) fn add(&self) -> Result<(), KeysError> {
        self.rewrite(|old| {
            let mut text = make()?;
            text.push_str(old);
            Ok(text)
        })
    }

    /// Leaves nothing in the file but its first key.
    pub(crate) fn keep_first(&self) -> Result<(), KeysError> {
        self.rewrite(|old| {
            let first = old.split_whitespace().next().unwrap_or_default();
            Ok(Zeroizing::new(format!("{first}\n")))
        })
    }

    /// Puts another file in the place of the key file in one step.
    fn rewrite(
        &self,
        change: impl Fn(&str) -> io::Result<Zeroizing<String>>,
    ) -> Result<(), KeysError> {
        let replace = || {
            let old = Zeroizing::new(std::fs::read_to_string(&self.file)?);
            let temporary = write_beside(&self.file, &change(&old)?)?;
            std::fs::rename(&temporary, &self.file)?;
            sync_folder(&self.file)
        };
        replace().map_err(|source| KeysError::Io {
            path: self.file.clone(),
            source,
        })?;
        self.newest();
        Ok(())
    }

    /// The same secret under the first key, and in the newest form; `None` when it is so already.
    pub(crate) fn rewrap(
        &self,
        place: Place<'_>,
        kid: &KeyId,
        role: Role,
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, KeysError> {
        let aad = place.associated(kid, role);
        let ring = self.newest();
        let as_now = |sealed| ring.keys.first()?.open(&aad, sealed);
        if bound_to_tenant(wrapped).and_then(as_now).is_some() {
            return Ok(None);
        }
        let secret = self.unwrap(place, kid, role, wrapped)?;
        self.wrap(place, kid, role, &secret).map(Some)
    }

    /// Encrypts what signs the messages to a webhook.
    pub(crate) fn wrap_signing(&self, webhook: &str, secret: &[u8]) -> Result<Vec<u8>, KeysError> {
        self.seal(&associated_webhook(webhook), secret)
    }

    /// Decrypts what [`Keys::wrap_signing`] made for the same webhook.
    pub(crate) fn unwrap_signing(
        &self,
        webhook: &str,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        self.open_sealed(&associated_webhook(webhook), wrapped)
    }

    /// The same secret under the first key; `None` when it is under that already.
    pub(crate) fn rewrap_signing(
        &self,
        webhook: &str,
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, KeysError> {
        let aad = associated_webhook(webhook);
        let ring = self.newest();
        let first = ring.keys.first();
        if first.and_then(|key| key.open(&aad, wrapped)).is_some() {
            return Ok(None);
        }
        let secret = self.open_sealed(&aad, wrapped)?;
        self.seal(&aad, &secret).map(Some)
    }

    /// The signature of a text (HMAC-SHA-256).
    pub(crate) fn sign(&self, text: &[u8]) -> [u8; 32] {
        let ring = self.newest();
        // A ring has a key: it is not read otherwise.
        let key = ring.keys.first().map(|key| &*key.signing);
        mac(key.unwrap_or(&[0; 32]), text)
            .finalize()
            .into_bytes()
            .into()
    }

    /// Whether a signature of a text is one of ours. The comparison takes the same time wherever they differ.
    pub(crate) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let verifies = |key: &WrappingKey| mac(&key.signing, text).verify_slice(signature).is_ok();
        self.ring().keys.iter().any(verifies) || self.newest().keys.iter().any(verifies)
    }

    /// Decrypts what [`Keys::wrap`] made for the same place, KID and role, now or before there were tenants.
    pub(crate) fn unwrap(
        &self,
        place: Place<'_>,
        kid: &KeyId,
        role: Role,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let aad = place.associated(kid, role);
        let bound = bound_to_tenant(wrapped).map(|sealed| self.open_sealed(&aad, sealed));
        match bound {
            Some(Ok(secret)) => Ok(secret),
            // The first byte of a nonce may be any: it is of the form that it opens in.
            _ => self.open_sealed(&place.associated_before(kid, role), wrapped),
        }
    }

    fn open_sealed(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let open = |ring: &Ring| ring.keys.iter().find_map(|key| key.open(aad, wrapped));
        let opened = open(&self.ring()).or_else(|| open(&self.newest()));
        opened.ok_or_else(|| self.unwrap_error())
    }

    /// Encrypts an answer that is kept for a client under a name.
    pub(crate) fn wrap_answer(&self, name: &str, answer: &[u8]) -> Result<Vec<u8>, KeysError> {
        self.seal(&associated_answer(name), answer)
    }

    /// Decrypts what [`Keys::wrap_answer`] made for the same name.
    pub(crate) fn unwrap_answer(
        &self,
        name: &str,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        self.open_sealed(&associated_answer(name), wrapped)
    }

    /// Decrypts a content key.
    pub(crate) fn content_key(
        &self,
        place: Place<'_>,
        kid: KeyId,
        wrapped: &[u8],
    ) -> Result<ContentKey, KeysError> {
        let secret = self.unwrap(place, &kid, Role::Value, wrapped)?;
        let value = <[u8; 16]>::try_from(secret.as_slice()).map_err(|_| self.unwrap_error())?;
        Ok(ContentKey { kid, value })
    }

    fn unwrap_error(&self) -> KeysError {
        KeysError::Unwrap(self.file.clone())
    }
}

impl Ring {
    fn read(path: &Path) -> Result<Self, KeysError> {
        let at = |source| KeysError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(at)?;
        let facts = file.metadata().map_err(at)?;
        let mode = facts.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(KeysError::Mode { path, mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(at)?;
        let form = || KeysError::Form(path.to_owned());
        let keys = text.split_whitespace().map(|line| {
            let secret = decode_hex(line).ok_or_else(form)?;
            Ok(WrappingKey::new(&secret))
        });
        let keys = keys.collect::<Result<Vec<_>, KeysError>>()?;
        match keys.is_empty() || keys.len() > MOST_KEYS {
            true => Err(form()),
            false => Ok(Self {
                seen: Seen::of(&facts),
                keys,
            }),
        }
    }
}

impl Seen {
    fn of(facts: &Metadata) -> Self {
        Self {
            inode: facts.ino(),
            size: facts.size(),
            modified: (facts.mtime(), facts.mtime_nsec()),
        }
    }
}

impl WrappingKey {
    fn new(secret: &[u8; 32]) -> Self {
        Self {
            cipher: Aes256Gcm::new(&(*secret).into()),
            // What signs is another key than what wraps.
            signing: Zeroizing::new(mac(secret, SIGNING).finalize().into_bytes().into()),
        }
    }

    fn open(&self, aad: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, msg) = wrapped.split_first_chunk::<NONCE_BYTES>()?;
        let opened = self
            .cipher
            .decrypt(&Nonce::from(*nonce), Payload { msg, aad });
        opened.ok().map(Zeroizing::new)
    }
}

fn mac(key: &[u8; 32], text: &[u8]) -> Hmac<Sha256> {
    // A key that is shorter than a block counts as one that ends in zeros (RFC 2104).
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(text);
    mac
}

/// To what a wrapped secret is bound: moved to another row, it does not open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Whose the asset is.
    pub(crate) tenant: &'a Tenant,
    /// Id of the asset.
    pub(crate) asset: &'a str,
    /// Id of the package.
    pub(crate) package: &'a str,
}

impl Place<'_> {
    fn associated(&self, kid: &KeyId, role: Role) -> Vec<u8> {
        let (tenant, asset, package) = (self.tenant.as_str(), self.asset, self.package);
        let (kid, role) = (kid.hex(), role.word());
        format!("reelpack 2|{tenant}|{asset}|{package}|{kid}|{role}").into_bytes()
    }

    /// The same before there were tenants: a package had to do, whose id no other one has.
    fn associated_before(&self, kid: &KeyId, role: Role) -> Vec<u8> {
        let (package, kid, role) = (self.package, kid.hex(), role.word());
        format!("reelpack 1|{package}|{kid}|{role}").into_bytes()
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

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::GivenText => "given",
        }
    }
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

fn associated_answer(name: &str) -> Vec<u8> {
    format!("reelpack 1|answer|{name}").into_bytes()
}

fn associated_webhook(id: &str) -> Vec<u8> {
    format!("reelpack 1|webhook|{id}").into_bytes()
}

/// What a wrapped secret of a package was sealed as, when it is of the form that is bound to the tenant.
fn bound_to_tenant(wrapped: &[u8]) -> Option<&[u8]> {
    wrapped.strip_prefix(&[BOUND_TO_TENANT])
}

/// Writes the key file whole or not at all: private from its first byte, linked to its name when durable.
fn create(path: &Path) -> io::Result<()> {
    let temporary = write_beside(path, &make()?)?;
    // A rename would replace the key of a process that was first; the link then fails, and its key is ours.
    let linked = std::fs::hard_link(&temporary, path).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    });
    std::fs::remove_file(&temporary)?;
    linked?;
    sync_folder(path)
}

/// A line with a new key.
fn make() -> io::Result<Zeroizing<String>> {
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(id::random()?);
    // A text that grew would leave copies in memory.
    let mut text = Zeroizing::new(String::with_capacity(65 * (MOST_KEYS + 1)));
    for byte in *secret {
        use std::fmt::Write as _;
        // Writing to a `String` cannot fail.
        let _ = write!(*text, "{byte:02x}");
    }
    text.push('\n');
    Ok(text)
}

/// Writes a durable, private file with a name of its own beside another one.
fn write_beside(path: &Path, text: &str) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", id::code()?));
    let temporary = path.with_file_name(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    match written {
        Ok(()) => Ok(temporary),
        Err(error) => {
            std::fs::remove_file(&temporary)?;
            Err(error)
        }
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
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
mod tests;
