//! Who gets which content key: KIDs in, the permitted subset out.
//!
//! Today everyone who reaches the server may have the keys of every published package, and of no other.

use crate::app::Shared;
use crate::keys::KeysError;
use packager::{ContentKey, KeyId, parse_key_id};
use std::collections::HashSet;

/// Why no licence could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LicenseError {
    /// The catalogue does not answer.
    #[error("the database failed: {0}")]
    Database(#[from] crate::db::Error),
    /// A stored key cannot be opened.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// The keys of those of the KIDs that published packages use; with a code, that package alone.
///
/// Where packages share a KID with different keys, the newest one's is given.
pub(crate) async fn keys(
    shared: &Shared,
    kids: &[KeyId],
    code: Option<&str>,
) -> Result<Vec<ContentKey>, LicenseError> {
    let texts: Vec<String> = kids.iter().map(KeyId::hex).collect();
    let mut seen = HashSet::new();
    let mut permitted = Vec::new();
    for row in shared.db.wrapped_keys(&texts, code).await? {
        let Ok(kid) = parse_key_id(&row.kid) else {
            continue;
        };
        if seen.insert(kid) {
            permitted.push(shared.keys.content_key(&row.id, kid, &row.video_key)?);
        }
    }
    Ok(permitted)
}
