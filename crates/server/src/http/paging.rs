//! Pages of lists: newest first, by ids or a cursor that stay right while things come and go.

use super::error::{Problem, Result};
use crate::access::Tenant;
use crate::db::Database;
use crate::db::paging::{Listed, Page};
use serde::Deserialize;

/// Things of a page, unless somebody says.
pub(super) const DEFAULT_LIMIT: i64 = 50;
/// And at most.
pub(super) const MAX_LIMIT: i64 = 200;

/// The part of a query that every list has.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Paging {
    limit: Option<String>,
    cursor: Option<String>,
    starting_after: Option<String>,
    ending_before: Option<String>,
}

/// How a page goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// Where the page of older things begins, if there are any.
    pub(super) next_cursor: Option<String>,
    /// Whether there is more in the direction that was asked for.
    pub(super) has_more: bool,
}

impl Paging {
    /// What to ask the catalogue for, of lists that know a cursor alone.
    pub(super) fn page(&self) -> Result<Page> {
        let before = match self.cursor.as_deref().map(str::parse::<i64>) {
            None => i64::MAX,
            Some(Ok(before)) if before > 0 => before,
            Some(_) => {
                let text = "must be the next_cursor of an earlier answer";
                return Err(Problem::field("cursor", text));
            }
        };
        Ok(Page::before(before, self.limit()? + 1))
    }

    /// What to ask the catalogue for: one row more than the page has, to see whether there are more.
    pub(super) async fn of(&self, db: &Database, tenant: &Tenant, listed: Listed) -> Result<Page> {
        let given = [&self.cursor, &self.starting_after, &self.ending_before];
        if given.into_iter().flatten().count() > 1 {
            let text = "goes with neither cursor nor starting_after: give one of them";
            let field = match self.ending_before {
                Some(_) => "ending_before",
                None => "starting_after",
            };
            return Err(Problem::field(field, text));
        }
        if let Some(id) = &self.starting_after {
            let before = number(db, tenant, listed, "starting_after", id).await?;
            return Ok(Page::before(before, self.limit()? + 1));
        }
        let Some(id) = &self.ending_before else {
            return self.page();
        };
        Ok(Page {
            before: i64::MAX,
            after: number(db, tenant, listed, "ending_before", id).await?,
            limit: self.limit()? + 1,
            backwards: true,
        })
    }

    fn limit(&self) -> Result<i64> {
        match self.limit.as_deref().map(str::parse::<i64>) {
            None => Ok(DEFAULT_LIMIT),
            Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            Some(_) => {
                let bounds = format!("must be a number from 1 to {MAX_LIMIT}");
                Err(Problem::field("limit", bounds))
            }
        }
    }
}

async fn number(
    db: &Database,
    tenant: &Tenant,
    listed: Listed,
    field: &str,
    id: &str,
) -> Result<i64> {
    let number = db.number_of(tenant, listed, id).await?;
    number.ok_or_else(|| Problem::field(field, "names nothing of this list that is there"))
}

/// Cuts the row too many off and says where the next page begins.
pub(super) fn cut<T>(rows: &mut Vec<T>, page: Page, number: impl Fn(&T) -> i64) -> Option<String> {
    ends(rows, page, number).next_cursor
}

/// Cuts the row too many off, puts the newest first, and says how it goes on.
pub(super) fn ends<T>(rows: &mut Vec<T>, page: Page, number: impl Fn(&T) -> i64) -> Ends {
    let limit = usize::try_from(page.limit - 1).unwrap_or(0);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    if page.backwards {
        rows.reverse();
    }
    // Whoever came from an older thing finds that one behind the page, at least.
    let older = has_more || page.backwards;
    let last = rows.last().filter(|_| older);
    Ends {
        next_cursor: last.map(|row| number(row).to_string()),
        has_more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_both_ways() {
        let number = |row: &i64| *row;
        let mut rows = vec![9, 8, 7];
        let found = ends(&mut rows, Page::before(10, 3), number);
        assert_eq!((rows.as_slice(), found.has_more), (&[9, 8][..], true));
        assert_eq!(found.next_cursor.as_deref(), Some("8"));
        let mut rows = vec![6];
        let found = ends(&mut rows, Page::before(7, 3), number);
        assert_eq!((found.next_cursor, found.has_more), (None, false));
        let back = Page {
            before: i64::MAX,
            after: 5,
            limit: 3,
            backwards: true,
        };
        let mut rows = vec![6, 7, 8];
        let found = ends(&mut rows, back, number);
        assert_eq!((rows.as_slice(), found.has_more), (&[7, 6][..], true));
        assert_eq!(found.next_cursor.as_deref(), Some("6"));
    }
}
