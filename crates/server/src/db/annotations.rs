//! What clients note about assets: their own name for one (`external_id`), and metadata, by both of which assets are found.

use super::events::{self, EventKind};
use super::{Database, Result, Transaction, Wanted, query};
use crate::access::Tenant;
use crate::clock;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Entries of metadata that an asset may have.
pub(crate) const MOST_ENTRIES: usize = 50;

/// What is noted about an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Annotations {
    pub(crate) external_id: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// What is to be noted from now on; the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// `Some(None)` takes it away.
    pub(crate) external_id: Option<Option<String>>,
    pub(crate) metadata: MetadataChange,
}

/// The same of the metadata (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetadataChange {
    /// All entries go.
    Clear,
    /// These entries are set; those without a value go.
    Merge(BTreeMap<String, Option<String>>),
}

impl Default for MetadataChange {
    fn default() -> Self {
        Self::Merge(BTreeMap::new())
    }
}

/// What became of the wish to change an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    /// It is so now.
    Done,
    /// There is no such asset.
    Unknown,
    /// Somebody else changed it meanwhile.
    Stale,
    /// It would have so many entries, which is more than [`MOST_ENTRIES`].
    TooMany(usize),
}

impl Annotations {
    /// What is noted after a change.
    pub(crate) fn with(mut self, change: &Change) -> Self {
        if let Some(external_id) = &change.external_id {
            self.external_id.clone_from(external_id);
        }
        match &change.metadata {
            MetadataChange::Clear => self.metadata.clear(),
            MetadataChange::Merge(entries) => {
                for (name, value) in entries {
                    match value {
                        Some(value) => self.metadata.insert(name.clone(), value.clone()),
                        None => self.metadata.remove(name),
                    };
                }
            }
        }
        self
    }
}

/// By what an entry is found: the hash of its name and value, hex digits.
pub(super) fn digest(name: &str, value: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(name);
    // It is in no name, so no two entries are written alike.
    hash.update([0]);
    hash.update(value);
    let hash = hash.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Database {
    /// Changes what is noted about an asset, if it is of a wanted version.
    pub(crate) async fn annotate(
        &self,
        tenant: &Tenant,
        id: &str,
        change: &Change,
        wanted: &Wanted,
    ) -> Result<Changed> {
        self.durable(|tx| async move {
            let held = query(
                "SELECT input_content_id, version, external_id FROM assets WHERE tenant_id = ? AND id = ? {for_update}",
            );
            let held = tx.optional(held.bind(tenant).bind(id)).await?;
            let Some((number, version, external_id)): Option<(i64, i64, Option<String>)> = held else {
                return Ok(Changed::Unknown);
            };
            if !wanted.fits(version) {
                return Ok(Changed::Stale);
            }
            let entries = query("SELECT name, value FROM asset_metadata WHERE input_content_id = ?");
            let entries: Vec<(String, String)> = tx.all(entries.bind(number)).await?;
            let metadata = entries.into_iter().collect();
            let after = Annotations { external_id, metadata }.with(change);
            if after.metadata.len() > MOST_ENTRIES {
                return Ok(Changed::TooMany(after.metadata.len()));
            }
            let update = query(
                "UPDATE assets SET external_id = ?, version = version + 1, updated_at_ms = ? WHERE input_content_id = ?",
            );
            let update = update.bind(after.external_id.as_ref()).bind(clock::now_ms());
            tx.execute(update.bind(number)).await?;
            let before = query("DELETE FROM asset_metadata WHERE input_content_id = ?");
            tx.execute(before.bind(number)).await?;
            add_metadata(&tx, number, &after.metadata).await?;
            events::note(&tx, tenant, EventKind::AssetUpdated, id, None).await?;
            Ok(Changed::Done)
        })
        .await
    }

    /// The metadata of assets, by their numbers.
    pub(super) async fn metadata_of(
        &self,
        assets: impl IntoIterator<Item = i64>,
    ) -> Result<BTreeMap<i64, BTreeMap<String, String>>> {
        let found = query(
            "SELECT input_content_id, name, value FROM asset_metadata WHERE input_content_id IN ({list})",
        );
        let mut by_asset: BTreeMap<i64, BTreeMap<String, String>> = BTreeMap::new();
        let rows: Vec<(i64, String, String)> = self.all(found.bind_list(assets)).await?;
        for (asset, name, value) in rows {
            by_asset.entry(asset).or_default().insert(name, value);
        }
        Ok(by_asset)
    }
}

/// Writes the metadata of an asset that has none.
pub(super) async fn add_metadata(
    tx: &Transaction,
    asset: i64,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    for (name, value) in metadata {
        let entry = query(
            "INSERT INTO asset_metadata (input_content_id, name, value, digest) VALUES (?, ?, ?, ?)",
        );
        let entry = entry.bind(asset).bind(name).bind(value);
        tx.execute(entry.bind(digest(name, value))).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        entries.iter().map(own).collect()
    }

    #[test]
    fn a_change_is_merged_and_what_it_does_not_say_stays() {
        let before = Annotations {
            external_id: Some("42".to_owned()),
            metadata: texts(&[("a", "1"), ("b", "2")]),
        };
        assert_eq!(before.clone().with(&Change::default()), before);
        let merged = [
            ("a".to_owned(), None),
            ("c".to_owned(), Some("3".to_owned())),
        ];
        let change = Change {
            external_id: Some(None),
            metadata: MetadataChange::Merge(merged.into()),
        };
        let after = before.clone().with(&change);
        assert_eq!(after.external_id, None);
        assert_eq!(after.metadata, texts(&[("b", "2"), ("c", "3")]));
        let change = Change {
            external_id: None,
            metadata: MetadataChange::Clear,
        };
        let after = before.with(&change);
        assert_eq!(after.external_id.as_deref(), Some("42"));
        assert!(after.metadata.is_empty());
    }

    #[test]
    fn entries_are_told_apart_whatever_is_in_them() {
        let all = [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc")];
        let digests: std::collections::BTreeSet<String> = all
            .iter()
            .map(|(name, value)| digest(name, value))
            .collect();
        assert_eq!(digests.len(), all.len());
    }
}
