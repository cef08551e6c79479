//! Pages of lists: newest first, by a cursor that stays right while things come and go.

use super::error::{Problem, Result};
use crate::db::Page;
use serde::Deserialize;

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 200;

/// The part of a query that every list has.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Paging {
    limit: Option<String>,
    cursor: Option<String>,
}

impl Paging {
    /// What to ask the catalogue: one row more than the page has, to see whether there is a next one.
    pub(super) fn page(&self) -> Result<Page> {
        let limit = match self.limit.as_deref().map(str::parse::<i64>) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => limit,
            Some(_) => {
                let bounds = format!("must be a number from 1 to {MAX_LIMIT}");
                return Err(Problem::field("limit", bounds));
            }
        };
        let before = match self.cursor.as_deref().map(str::parse::<i64>) {
            None => i64::MAX,
            Some(Ok(before)) if before > 0 => before,
            Some(_) => {
                let text = "must be the next_cursor of an earlier answer";
                return Err(Problem::field("cursor", text));
            }
        };
        Ok(Page {
            before,
            limit: limit + 1,
        })
    }
}

/// Cuts the row too many off and says where the next page begins.
pub(super) fn cut<T>(rows: &mut Vec<T>, page: Page, number: impl Fn(&T) -> i64) -> Option<String> {
    let limit = usize::try_from(page.limit - 1).unwrap_or(0);
    if rows.len() <= limit {
        return None;
    }
    rows.truncate(limit);
    rows.last().map(|row| number(row).to_string())
}
