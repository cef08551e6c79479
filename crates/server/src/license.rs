//! Who gets which content key: KIDs in, the permitted subset out.
//!
//! The keys of published packages alone are given: those of public assets to whoever asks, those of signed ones to
//! who shows a token for that asset, for a rendition that the key opens, within its time and as often as it says.

use crate::access::playback::Claims;
use crate::app::Shared;
use crate::db::packages::WrappedKey;
use crate::db::playback::Policy;
use crate::keys::KeysError;
use packager::{ContentKey, KeyId, parse_key_id};
use std::collections::HashSet;

/// Why no licence could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LicenseError {
    /// The catalogue does not answer.
    #[error("the database failed: {0}")]
    Database(#[from] crate::db::Error),
    /// The token was good for fewer licences.
    #[error("all licences of the playback token were given")]
    UsedUp,
    /// A stored key cannot be opened.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// The keys of those of the KIDs that published packages use and that `claims` permit; with a code, that package alone.
///
/// Where packages share a KID with different keys, the newest one's is given. Nothing tells KIDs that are not
/// permitted from those that nobody uses.
pub(crate) async fn keys(
    shared: &Shared,
    kids: &[KeyId],
    code: Option<&str>,
    claims: Option<&Claims>,
) -> Result<Vec<ContentKey>, LicenseError> {
    let texts: Vec<String> = kids.iter().map(KeyId::hex).collect();
    let mut seen = HashSet::new();
    let mut permitted = Vec::new();
    let mut signed = false;
    let asset = claims.map(|claims| claims.asset.as_str());
    for row in shared.db.wrapped_keys(&texts, code, asset).await? {
        let Ok(kid) = parse_key_id(&row.kid) else {
            continue;
        };
        if !seen.contains(&kid) && may_have(shared, &row, claims).await? {
            seen.insert(kid);
            signed |= row.playback == Policy::Signed;
            permitted.push(shared.keys.content_key(row.place(), kid, &row.video_key)?);
        }
    }
    let counted = claims.and_then(|claims| claims.grant.as_deref());
    if let Some(grant) = counted.filter(|_| signed)
        && !shared.db.use_grant(grant).await?
    {
        return Err(LicenseError::UsedUp);
    }
    Ok(permitted)
}

/// Whether a key may be given on these claims.
async fn may_have(
    shared: &Shared,
    row: &WrappedKey,
    claims: Option<&Claims>,
) -> Result<bool, LicenseError> {
    if row.playback == Policy::Public {
        return Ok(true);
    }
    let Some(claims) = claims.filter(|claims| claims.asset == row.asset_id) else {
        return Ok(false);
    };
    if claims.renditions.is_none() {
        return Ok(true);
    }
    let package = shared.db.package(&row.tenant_id, &row.id).await?;
    let renditions = package
        .map(|package| package.renditions)
        .unwrap_or_default();
    let opened = |name: &str| claims.allow_rendition(name);
    Ok(renditions
        .iter()
        .any(|rendition| rendition.encrypted && opened(&rendition.name)))
}
