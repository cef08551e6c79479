//! Extras of packages: what lies beside one for pages, as words in the catalogue.

use super::claims::{Claim, Settled, holds};
use super::packages::Package;
use super::{Database, Result, query};
use transcode::Extra;

impl Package {
    /// What was ordered.
    pub(crate) fn wanted_extras(&self) -> Vec<Extra> {
        read(self.extras.as_deref())
    }

    /// What is there.
    pub(crate) fn made_extras(&self) -> Vec<Extra> {
        read(self.extras_made.as_deref())
    }
}

impl Database {
    /// Notes what was made.
    pub(crate) async fn set_extras_made(&self, claim: &Claim, made: &[Extra]) -> Result<Settled> {
        self.quick(|tx| async move {
            if !holds(&tx, claim).await? {
                return Ok(Settled::Refused);
            }
            let noted = query("UPDATE packages SET extras_made = ? WHERE packaged_content_id = ?");
            let noted = noted.bind(words(made)).bind(claim.packaged_content_id);
            tx.execute(noted).await?;
            Ok(Settled::Yes)
        })
        .await
    }
}

/// The words as the catalogue keeps them; nothing where there are none.
pub(super) fn words(extras: &[Extra]) -> Option<String> {
    let words: Vec<&str> = extras.iter().map(|extra| extra.word()).collect();
    (!words.is_empty()).then(|| words.join(","))
}

fn read(words: Option<&str>) -> Vec<Extra> {
    let words = words.unwrap_or_default().split(',');
    words.filter_map(Extra::of_word).collect()
}
