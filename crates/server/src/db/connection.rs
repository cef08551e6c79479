//! A connection to any of the three engines, and a transaction on it.

use super::Result;
use super::dialect::Dialect;
use super::query::{Query, Rendered, Value};
use sqlx::mysql::MySqlArguments;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, Encode, MySql, Postgres, Sqlite, Type};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// What a row can become: a tuple of columns, or a type that derives `sqlx::FromRow`.
pub(crate) trait Record:
    Send
    + Unpin
    + for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
    + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
    + for<'r> sqlx::FromRow<'r, sqlx::mysql::MySqlRow>
{
}

impl<T> Record for T where
    T: Send
        + Unpin
        + for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
        + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
        + for<'r> sqlx::FromRow<'r, sqlx::mysql::MySqlRow>
{
}

/// A connection out of one of the pools.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
    MySql(PoolConnection<MySql>),
}

/// The same work for each engine; `$sql` and `$values` are the query as that engine reads it.
macro_rules! run {
    ($connection:expr, $query:expr, |$sql:ident, $values:ident, $on:ident, $lasting:ident| $work:expr) => {{
        let connection = $connection;
        let Rendered {
            sql,
            values,
            lasting: $lasting,
        } = $query.render(connection.dialect())?;
        // The text is one of ours, with nothing of a client in it: see `query`.
        let $sql = AssertSqlSafe(sql);
        match connection {
            Connection::Sqlite(connection) => {
                let ($on, $values) = (&mut **connection, arguments::<SqliteArguments>(values)?);
                $work
            }
            Connection::Postgres(connection) => {
                let ($on, $values) = (&mut **connection, arguments::<PgArguments>(values)?);
                $work
            }
            Connection::MySql(connection) => {
                let ($on, $values) = (&mut **connection, arguments::<MySqlArguments>(values)?);
                $work
            }
        }
    }};
}

impl Connection {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
            Self::MySql(_) => Dialect::MySql,
        }
    }

    pub(super) async fn all<T: Record>(&mut self, query: Query) -> Result<Vec<T>> {
        run!(self, query, |sql, values, on, lasting| {
            let query = sqlx::query_as_with(sql, values).persistent(lasting);
            query.fetch_all(on).await
        })
    }

    pub(super) async fn optional<T: Record>(&mut self, query: Query) -> Result<Option<T>> {
        run!(self, query, |sql, values, on, lasting| {
            let query = sqlx::query_as_with(sql, values).persistent(lasting);
            query.fetch_optional(on).await
        })
    }

    async fn execute(&mut self, query: Query) -> Result<u64> {
        run!(self, query, |sql, values, on, lasting| {
            let query = sqlx::query_with(sql, values).persistent(lasting);
            Ok(query.execute(on).await?.rows_affected())
        })
    }

    /// Runs a statement that has no values and no answer.
    pub(super) async fn command(&mut self, sql: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(on) => sqlx::raw_sql(sql).execute(&mut **on).await.map(|_| ()),
            Self::Postgres(on) => sqlx::raw_sql(sql).execute(&mut **on).await.map(|_| ()),
            Self::MySql(on) => sqlx::raw_sql(sql).execute(&mut **on).await.map(|_| ()),
        }
    }

    async fn insert(&mut self, id: &'static str, query: Query) -> Result<Option<i64>> {
        let Rendered { sql, values, .. } = query.render(self.dialect())?;
        match self {
            Self::Sqlite(on) => {
                let query =
                    sqlx::query_with(AssertSqlSafe(sql), arguments::<SqliteArguments>(values)?);
                let done = query.execute(&mut **on).await?;
                Ok((done.rows_affected() > 0).then(|| done.last_insert_rowid()))
            }
            Self::Postgres(on) => {
                let sql = format!("{sql} RETURNING {id}");
                let query =
                    sqlx::query_scalar_with(AssertSqlSafe(sql), arguments::<PgArguments>(values)?);
                query.fetch_optional(&mut **on).await
            }
            Self::MySql(on) => {
                let query =
                    sqlx::query_with(AssertSqlSafe(sql), arguments::<MySqlArguments>(values)?);
                let done = query.execute(&mut **on).await?;
                let id = i64::try_from(done.last_insert_id()).unwrap_or(i64::MAX);
                Ok((done.rows_affected() > 0).then_some(id))
            }
        }
    }

    pub(super) fn close_on_drop(&mut self) {
        match self {
            Self::Sqlite(on) => on.close_on_drop(),
            Self::Postgres(on) => on.close_on_drop(),
            Self::MySql(on) => on.close_on_drop(),
        }
    }
}

fn arguments<A>(values: Vec<Value>) -> Result<A>
where
    A: Arguments,
    Option<i64>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<f64>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<bool>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<String>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<Vec<u8>>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<Json<serde_json::Value>>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    for value in values {
        let added = match value {
            Value::Integer(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Boolean(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Blob(value) => arguments.add(value),
            Value::Json(value) => arguments.add(value.map(Json)),
        };
        added.map_err(super::Error::Encode)?;
    }
    Ok(arguments)
}

/// A transaction. What is not committed did not happen.
///
/// It is a handle, so that the work in a transaction can be a plain future: one that borrows the transaction could
/// not be known to be `Send`.
#[derive(Debug)]
pub(crate) struct Transaction(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    connection: Connection,
    /// Whether there is something to commit or to roll back.
    open: bool,
    /// The turn of the writers of this process, on SQLite; it ends with the transaction.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Transaction {
    pub(super) async fn begin(
        connection: Connection,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Self> {
        let begin = match connection.dialect() {
            // Takes the lock of the writers now: a transaction that reads first and writes later cannot fail.
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres | Dialect::MySql => "BEGIN",
        };
        let mut open = Open {
            connection,
            open: true,
            _turn: turn,
        };
        open.connection.command(begin).await?;
        Ok(Self(Arc::new(Mutex::new(open))))
    }

    /// The same transaction, for the work in it.
    pub(super) fn handle(&self) -> Self {
        Self(self.0.clone())
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.end("COMMIT").await
    }

    pub(super) async fn roll_back(self) -> Result<()> {
        self.end("ROLLBACK").await
    }

    async fn end(self, how: &'static str) -> Result<()> {
        let mut open = self.0.lock().await;
        open.connection.command(how).await?;
        open.open = false;
        Ok(())
    }

    /// All rows.
    pub(crate) async fn all<T: Record>(&self, query: Query) -> Result<Vec<T>> {
        self.0.lock().await.connection.all(query).await
    }

    /// The row, when there is one.
    pub(crate) async fn optional<T: Record>(&self, query: Query) -> Result<Option<T>> {
        self.0.lock().await.connection.optional(query).await
    }

    /// The row, which must be there.
    pub(crate) async fn one<T: Record>(&self, query: Query) -> Result<T> {
        let row = self.optional(query).await?;
        row.ok_or(super::Error::RowNotFound)
    }

    /// Runs an UPDATE, a DELETE or an INSERT; returns the number of rows that it met.
    pub(crate) async fn execute(&self, query: Query) -> Result<u64> {
        self.0.lock().await.connection.execute(query).await
    }

    /// Runs an INSERT of one row; returns the number that its column `id` was given, `None` when the INSERT chose
    /// no row.
    pub(crate) async fn insert(&self, id: &'static str, query: Query) -> Result<Option<i64>> {
        self.0.lock().await.connection.insert(id, query).await
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.open {
            // Who waited for it is gone, or it took too long: nobody knows what the connection is at, and the
            // engine rolls back what a closed connection began.
            self.connection.close_on_drop();
        }
    }
}
