//! Pages of lists, newest first.

use super::{Database, Result, query};
use crate::access::Tenant;

/// A page: at most `limit` rows between two numbers, those nearest to the one that was asked from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Rows with a smaller number only.
    pub(crate) before: i64,
    /// Rows with a larger number only.
    pub(crate) after: i64,
    /// How many rows.
    pub(crate) limit: i64,
    /// Whether it is asked for what is newer than `after`: then rows come oldest first.
    pub(crate) backwards: bool,
}

/// What is listed, by ids.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Listed {
    Assets,
    Packages,
    Jobs,
    Uploads,
    Events,
}

impl Page {
    /// Rows older than `before`.
    pub(crate) fn before(before: i64, limit: i64) -> Self {
        Self {
            before,
            after: 0,
            limit,
            backwards: false,
        }
    }
}

impl Database {
    /// The number by which a thing of a tenant is sorted among others.
    pub(crate) async fn number_of(
        &self,
        tenant: &Tenant,
        listed: Listed,
        id: &str,
    ) -> Result<Option<i64>> {
        let found = match listed {
            Listed::Assets => {
                query("SELECT input_content_id FROM assets WHERE id = ? AND tenant_id = ?")
            }
            Listed::Packages => query(
                "SELECT packaged_content_id FROM packages WHERE id = ? AND input_content_id IN \
                 (SELECT input_content_id FROM assets WHERE tenant_id = ?)",
            ),
            Listed::Jobs => query("SELECT seq FROM jobs WHERE id = ? AND tenant_id = ?"),
            Listed::Uploads => query("SELECT seq FROM uploads WHERE id = ? AND tenant_id = ?"),
            Listed::Events => query("SELECT event_id FROM events WHERE id = ? AND tenant_id = ?"),
        };
        let found = self.optional::<(i64,)>(found.bind(id).bind(tenant)).await?;
        Ok(found.map(|(number,)| number))
    }
}

/// A text as a pattern of LIKE that is found anywhere, `!` escaping; letters of ASCII small, as LOWER makes them.
pub(super) fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for sign in text.chars() {
        if matches!(sign, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(sign.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}
