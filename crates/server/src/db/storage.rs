//! What the storage must hold by the catalogue's word: for the sweep, the scrub and the backup. And what becomes of a
//! package that another one replaces.

use super::claims::{Claim, Settled};
use super::packages::WrappedKey;
use super::{Database, Result, Transaction, query};
use crate::clock;
use std::collections::HashSet;

/// A delivered file.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct KeptSource {
    /// The asset.
    pub(crate) id: String,
    pub(crate) input_content_origin: String,
    pub(crate) sha256: String,
    pub(crate) size: i64,
}

/// A published package whose objects are kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct KeptPackage {
    pub(crate) id: String,
    pub(crate) code: String,
    /// SHA-256 of its list of hashes; an older server wrote none.
    pub(crate) hashes_sha256: Option<String>,
}

/// What is behind the address of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Its files; `successor` is the code of the package that replaced it, if one did.
    Files { successor: Option<String> },
    /// Nothing but the package that replaced it, by its code.
    Successor(String),
    /// Nothing.
    Nothing,
}

/// How many replacements of replacements are followed. Versions that did not shorten the way left longer ones.
const LONGEST_CHAIN: usize = 100;

impl Database {
    /// What players are given at the address of a package.
    pub(crate) async fn behind(&self, code: &str) -> Result<Behind> {
        let found = query(
            "SELECT replaced_by, retire_at_ms FROM packages WHERE code = ? AND status = 'Ready'",
        );
        let found: Option<(Option<i64>, Option<i64>)> = self.optional(found.bind(code)).await?;
        let Some((replaced_by, retire_at_ms)) = found else {
            return Ok(Behind::Nothing);
        };
        let successor = match replaced_by {
            Some(number) => self.newest(number).await?.map(|(_, code)| code),
            None => None,
        };
        let kept = retire_at_ms.is_none_or(|at| at > clock::now_ms());
        Ok(match (kept, successor) {
            (true, successor) => Behind::Files { successor },
            (false, Some(code)) => Behind::Successor(code),
            (false, None) => Behind::Nothing,
        })
    }

    /// The number and the code of a published package, or of what replaced it last.
    pub(crate) async fn newest(&self, number: i64) -> Result<Option<(i64, String)>> {
        let mut number = number;
        let mut newest = None;
        for _ in 0..LONGEST_CHAIN {
            let next = query(
                "SELECT code, replaced_by FROM packages \
                 WHERE packaged_content_id = ? AND status = 'Ready'",
            );
            let next: Option<(String, Option<i64>)> = self.optional(next.bind(number)).await?;
            let Some((code, replaced_by)) = next else {
                break;
            };
            newest = Some((number, code));
            match replaced_by {
                Some(successor) => number = successor,
                None => break,
            }
        }
        Ok(newest)
    }

    /// Codes of the packages that may have objects: published and not retired, or still to be made.
    pub(crate) async fn codes_with_files(&self) -> Result<HashSet<String>> {
        let codes = query(
            "SELECT code FROM packages WHERE status <> 'Failed' \
             AND (retire_at_ms IS NULL OR retire_at_ms > ?)",
        );
        let codes = self.all::<(String,)>(codes.bind(clock::now_ms())).await?;
        Ok(codes.into_iter().map(|(code,)| code).collect())
    }

    /// Codes of the packages that will not be.
    pub(crate) async fn failed_codes(&self) -> Result<HashSet<String>> {
        let codes = query("SELECT code FROM packages WHERE status = 'Failed'");
        let codes = self.all::<(String,)>(codes).await?;
        Ok(codes.into_iter().map(|(code,)| code).collect())
    }

    /// Codes of the packages that are being made, or wait for it.
    pub(crate) async fn unfinished_codes(&self) -> Result<HashSet<String>> {
        let codes = query("SELECT code FROM packages WHERE status NOT IN ('Ready', 'Failed')");
        let codes = self.all::<(String,)>(codes).await?;
        Ok(codes.into_iter().map(|(code,)| code).collect())
    }

    /// All delivered files.
    pub(crate) async fn kept_sources(&self) -> Result<Vec<KeptSource>> {
        self.all(query(
            "SELECT id, input_content_origin, sha256, size FROM assets ORDER BY input_content_id",
        ))
        .await
    }

    /// All packages whose objects are to be there.
    pub(crate) async fn kept_packages(&self) -> Result<Vec<KeptPackage>> {
        let kept = query(
            "SELECT id, code, hashes_sha256 FROM packages WHERE status = 'Ready' \
             AND (retire_at_ms IS NULL OR retire_at_ms > ?) ORDER BY packaged_content_id",
        );
        self.all(kept.bind(clock::now_ms())).await
    }

    /// Any wrapped content key, to see whether the key file opens it.
    pub(crate) async fn some_wrapped_key(&self) -> Result<Option<WrappedKey>> {
        self.optional(query(
            "SELECT p.id, k.kid, k.wrapped_key AS video_key, a.id AS asset_id, a.tenant_id, a.playback FROM content_keys k \
             JOIN packages p ON p.packaged_content_id = k.packaged_content_id \
             JOIN assets a ON a.input_content_id = p.input_content_id \
             ORDER BY k.content_key_id LIMIT 1",
        ))
        .await
    }

    /// Takes an asset or a package out of a copy of the catalogue, by its id.
    pub(crate) async fn forget(&self, id: &str) -> Result<()> {
        self.durable(|tx| async move {
            tx.execute(query("DELETE FROM packages WHERE id = ?").bind(id))
                .await?;
            tx.execute(query("DELETE FROM assets WHERE id = ?").bind(id))
                .await?;
            Ok(())
        })
        .await
    }

    /// Notes the hash of a package's list of hashes, before the package is published.
    pub(crate) async fn set_sealed(&self, claim: &Claim, hashes_sha256: &str) -> Result<Settled> {
        self.quick(|tx| async move {
            let held = query(
                "UPDATE packages SET hashes_sha256 = ? WHERE packaged_content_id = ? AND EXISTS \
                 (SELECT 1 FROM jobs WHERE seq = ? AND fence = ? AND state = 'running')",
            );
            let held = held.bind(hashes_sha256).bind(claim.packaged_content_id);
            let held = tx.execute(held.bind(claim.seq).bind(claim.fence)).await?;
            Ok(match held {
                0 => Settled::Refused,
                _ => Settled::Yes,
            })
        })
        .await
    }
}

/// A package is published: what it replaces points to it from now on, and keeps its objects for a while.
pub(super) async fn replace(tx: &Transaction, published: i64, now: i64) -> Result<()> {
    let replaces =
        query("SELECT replaces, retire_after_ms FROM packages WHERE packaged_content_id = ?");
    let (replaces, after): (Option<i64>, Option<i64>) = tx.one(replaces.bind(published)).await?;
    let Some(mut old) = replaces else {
        return Ok(());
    };
    // Another replacement may have been quicker; then this one replaces that.
    for _ in 0..LONGEST_CHAIN {
        let next =
            query("SELECT replaced_by FROM packages WHERE packaged_content_id = ? {for_update}");
        match tx.optional::<(Option<i64>,)>(next.bind(old)).await? {
            Some((Some(successor),)) if successor != published => old = successor,
            _ => break,
        }
    }
    let retire = query(
        "UPDATE packages SET replaced_by = ?, retire_at_ms = ?, updated_at_ms = ? \
         WHERE packaged_content_id = ? AND packaged_content_id <> ?",
    );
    let retire = retire
        .bind(published)
        .bind(now + after.unwrap_or(0))
        .bind(now);
    tx.execute(retire.bind(old).bind(published)).await?;
    // Whoever comes by an older address has one step to go, however often the package was replaced.
    let older = query("UPDATE packages SET replaced_by = ? WHERE replaced_by = ?");
    tx.execute(older.bind(published).bind(old)).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
