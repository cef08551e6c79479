//! A query: one SQL text for every engine, and the values that are bound to it.

use super::dialect::{Dialect, Piece, pieces};
use super::{Error, Result};
use crate::clock;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;

/// A value that is bound to a query. `None` is NULL.
#[derive(Clone)]
pub(crate) enum Value {
    Integer(Option<i64>),
    Real(Option<f64>),
    Boolean(Option<bool>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
    Json(Option<serde_json::Value>),
}

/// One SQL text and its values; see the docs of [`super`] for how it is written.
pub(crate) struct Query {
    sql: Cow<'static, str>,
    bound: Vec<Bound>,
    problem: Option<Error>,
}

enum Bound {
    /// For a `?`.
    One(Value),
    /// For a `{list}`.
    List(Vec<Value>),
}

/// A query as one engine reads it.
pub(super) struct Rendered {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// Whether the same text will come again: worth a prepared statement.
    pub(super) lasting: bool,
}

/// Begins a query. Values are bound to its `?` and `{list}` in the order in which they stand.
pub(crate) fn query(sql: &'static str) -> Query {
    Query {
        sql: Cow::Borrowed(sql),
        bound: Vec::new(),
        problem: None,
    }
}

impl Query {
    /// A query made of names of our own tables and columns, which [`super::copy`] looks up.
    pub(super) fn of(sql: String) -> Self {
        Self {
            sql: Cow::Owned(sql),
            bound: Vec::new(),
            problem: None,
        }
    }

    /// Binds the value of the next `?`.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.bound.push(Bound::One(value.into()));
        self
    }

    /// Binds a value that is stored as JSON.
    pub(crate) fn bind_json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_value(value) {
            Ok(json) => self.bound.push(Bound::One(Value::Json(Some(json)))),
            Err(error) => self.problem = Some(Error::Encode(error.into())),
        }
        self
    }

    /// Binds the values of the next `{list}`, as in `WHERE id IN ({list})`; there may be none.
    pub(crate) fn bind_list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.bound.push(Bound::List(values));
        self
    }

    /// Writes the text as an engine reads it, and the values in the order in which it wants them.
    pub(super) fn render(self, dialect: Dialect) -> Result<Rendered> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let mut rendering = Rendering {
            dialect,
            sql: String::with_capacity(self.sql.len() + 16),
            values: Vec::with_capacity(self.bound.len()),
        };
        let mut bound = self.bound.into_iter();
        let mut lasting = true;
        for piece in pieces(&self.sql) {
            match piece {
                Piece::Plain(text) => rendering.sql.push_str(text),
                Piece::Placeholder => match bound.next() {
                    Some(Bound::One(value)) => rendering.value(value),
                    _ => return Err(wrong(&self.sql, "has a ? without its value")),
                },
                Piece::Word("list") => match bound.next() {
                    Some(Bound::List(values)) => {
                        lasting = false;
                        rendering.list(values);
                    }
                    _ => return Err(wrong(&self.sql, "has a {list} without its values")),
                },
                Piece::Word("lease_now") => rendering.lease_now(),
                Piece::Word(word) => match dialect.word(word) {
                    Some(text) => rendering.sql.push_str(text),
                    None => return Err(wrong(&self.sql, "has a word that no dialect knows")),
                },
            }
        }
        match bound.next() {
            None => Ok(Rendered {
                sql: rendering.sql,
                values: rendering.values,
                lasting,
            }),
            Some(_) => Err(wrong(&self.sql, "has fewer places than values")),
        }
    }
}

struct Rendering {
    dialect: Dialect,
    sql: String,
    values: Vec<Value>,
}

impl Rendering {
    fn value(&mut self, value: Value) {
        self.values.push(value);
        match self.dialect {
            Dialect::Postgres => {
                // Writing to a text does not fail.
                let _ = write!(self.sql, "${}", self.values.len());
            }
            Dialect::Sqlite | Dialect::MySql => self.sql.push('?'),
        }
    }

    fn list(&mut self, values: Vec<Value>) {
        if values.is_empty() {
            // Nothing is in a list of NULL, and no engine reads an empty one.
            self.sql.push_str("NULL");
        }
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.sql.push_str(", ");
            }
            self.value(value);
        }
    }

    /// The clock of leases: the database's own where several machines ask it, else one that does not jump.
    fn lease_now(&mut self) {
        match self.dialect {
            Dialect::Sqlite => self.value(clock::monotonic_ms().into()),
            Dialect::Postgres => self
                .sql
                .push_str("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
            Dialect::MySql => self
                .sql
                .push_str("CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"),
        }
    }
}

/// A fault of our own in a text.
fn wrong(sql: &str, what: &str) -> Error {
    Error::InvalidArgument(format!("the query {sql:?} {what}"))
}

/// The text alone: values may be secret.
impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Query").field(&self.sql).finish()
    }
}

macro_rules! from {
    ($($kind:ident: $type:ty, $given:ident => $value:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($given: $type) -> Self {
                Self::$kind(Some($value))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(given: Option<$type>) -> Self {
                Self::$kind(given.map(|$given| $value))
            }
        }
    )*};
}

from! {
    Integer: i64, given => given;
    Integer: i32, given => given.into();
    Integer: u32, given => given.into();
    Real: f64, given => given;
    Boolean: bool, given => given;
    Text: &str, given => given.to_owned();
    Text: &String, given => given.clone();
    Text: String, given => given;
    Blob: &[u8], given => given.to_vec();
    Blob: &Vec<u8>, given => given.clone();
    Blob: Vec<u8>, given => given;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: Query, dialect: Dialect, expect: &str, values: usize) {
        let rendered = query.render(dialect).expect("a query");
        assert_eq!(
            (rendered.sql.as_str(), rendered.values.len()),
            (expect, values)
        );
    }

    #[test]
    fn one_text_serves_every_engine() {
        let make = || {
            query("SELECT a FROM t WHERE b = ? AND c IN ({list}) AND d < {lease_now} AND e = ? {skip_locked}")
                .bind(1)
                .bind_list([2_i64, 3])
                .bind(Some("x"))
        };
        check(
            make(),
            Dialect::Sqlite,
            "SELECT a FROM t WHERE b = ? AND c IN (?, ?) AND d < ? AND e = ? ",
            5,
        );
        check(
            make(),
            Dialect::Postgres,
            "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3) AND \
             d < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AND e = $4 \
             FOR UPDATE SKIP LOCKED",
            4,
        );
        check(
            make(),
            Dialect::MySql,
            "SELECT a FROM t WHERE b = ? AND c IN (?, ?) AND \
             d < CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AND e = ? FOR UPDATE SKIP LOCKED",
            4,
        );
        let none = query("SELECT a FROM t WHERE a IN ({list})").bind_list(Vec::<i64>::new());
        check(
            none,
            Dialect::Sqlite,
            "SELECT a FROM t WHERE a IN (NULL)",
            0,
        );
    }

    #[test]
    fn values_and_places_must_agree() {
        for wrong in [
            query("SELECT ?"),
            query("SELECT 1").bind(1),
            query("SELECT {list}").bind(1),
            query("SELECT ?").bind_list([1_i64]),
            query("SELECT {nothing}"),
        ] {
            assert!(wrong.render(Dialect::Postgres).is_err());
        }
    }
}
