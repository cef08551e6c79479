//! A catalogue copied whole, from any engine to any other: the backup is a copy in SQLite, a restore a copy back.

use super::connection::Connection;
use super::dialect::Dialect;
use super::migrate;
use super::query::{Query, Value, query};
use super::{Database, Error, Pools, Result};
use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column, Row, TypeInfo, ValueRef};
use std::path::Path;

/// Rows that are read, and written in one transaction.
const ROWS: i64 = 500;

/// What a column holds, as its engine stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Real,
    Boolean,
    Text,
    Blob,
    Json,
}

/// A row of any table.
struct Cells(Vec<Value>);

impl Database {
    /// Writes the catalogue, as it is at one moment, into a folder where there is none.
    ///
    /// It is an embedded database there, whatever the engine of this one.
    pub(crate) async fn snapshot(&self, folder: &Path) -> Result<()> {
        if let Pools::Sqlite(pools) = &self.pools {
            let file = folder.join(super::open::DATABASE_FILE);
            sqlx::query("VACUUM INTO ?")
                .bind(file.to_string_lossy().into_owned())
                .execute(&pools.readers)
                .await?;
            return Ok(());
        }
        let copy = Self::open(folder, None).await;
        let copy = copy.map_err(|error| Error::Configuration(error.into()))?;
        self.copy_into(&copy).await?;
        copy.close().await;
        Ok(())
    }

    /// Whether nothing was ever delivered to this catalogue.
    pub(crate) async fn is_empty(&self) -> Result<bool> {
        let found = query("SELECT input_content_id FROM assets LIMIT 1");
        Ok(self.optional::<(i64,)>(found).await?.is_none())
    }

    /// Writes all rows, as they are at one moment, into another catalogue in the place of its own.
    pub(crate) async fn copy_into(&self, target: &Self) -> Result<()> {
        let tables = migrate::tables();
        for table in tables.iter().rev() {
            let emptied = target.durable(|tx| async move {
                let all = Query::of(format!("DELETE FROM {table}"));
                tx.execute(all).await.map(|_| ())
            });
            emptied.await?;
        }
        let mut source = self.reader().await?;
        // It is not handed back with a transaction in it, whatever happens here.
        source.close_on_drop();
        for command in match source.dialect() {
            Dialect::Sqlite => &["BEGIN"][..],
            Dialect::Postgres => &["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"],
            Dialect::MySql => &[
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "START TRANSACTION WITH CONSISTENT SNAPSHOT",
            ],
        } {
            source.command(command).await?;
        }
        for table in tables {
            copy_table(&mut source, target, table).await?;
        }
        Ok(())
    }
}

async fn copy_table(source: &mut Connection, target: &Database, table: &str) -> Result<()> {
    let theirs: Vec<(String, String)> = source.all(columns(table)).await?;
    let ours: Vec<(String, String)> = target.all(columns(table)).await?;
    let common: Vec<(&str, Kind)> = ours
        .iter()
        .filter(|(name, _)| theirs.iter().any(|(other, _)| other == name))
        .map(|(name, of_type)| (name.as_str(), kind(of_type)))
        .collect();
    let names: Vec<&str> = common.iter().map(|(name, _)| *name).collect();
    let Some(first) = names.first() else {
        return Ok(());
    };
    let list = names.join(", ");
    let places = vec!["?"; names.len()].join(", ");
    let mut offset = 0;
    loop {
        let page = format!("SELECT {list} FROM {table} ORDER BY {first} LIMIT ? OFFSET ?");
        let page = Query::of(page).bind(ROWS).bind(offset);
        let rows: Vec<Cells> = source.all(page).await?;
        let (rows, common) = (&rows, &common);
        let insert = format!("INSERT INTO {table} ({list}) VALUES ({places})");
        let insert = &insert;
        let written = target.durable(|tx| async move {
            for row in rows {
                let cells = row.0.iter().zip(common);
                let cells = cells.map(|(value, (_, kind))| fit(value.clone(), *kind));
                let insert = cells.fold(Query::of(insert.clone()), Query::bind);
                tx.execute(insert).await?;
            }
            Ok(())
        });
        written.await?;
        offset += ROWS;
        if rows.is_empty() {
            break;
        }
    }
    if matches!(target.pools, Pools::Postgres(_)) {
        // Numbers of rows to come follow those that were copied.
        let set = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{first}'), \
             (SELECT MAX({first}) FROM {table})) WHERE pg_get_serial_sequence('{table}', '{first}') \
             IS NOT NULL AND EXISTS (SELECT 1 FROM {table})"
        );
        target.all::<(i64,)>(Query::of(set)).await?;
    }
    Ok(())
}

/// Names and types of a table's columns.
fn columns(table: &str) -> Query {
    query(
        "SELECT {sqlite:name, type}{postgres:CAST(column_name AS TEXT), CAST(data_type AS TEXT)}\
         {mysql:CAST(column_name AS CHAR), CAST(data_type AS CHAR)} FROM \
         {sqlite:pragma_table_info(}{postgres,mysql:information_schema.columns WHERE table_name = }?\
         {sqlite:)}{postgres: AND table_schema = current_schema() ORDER BY ordinal_position}\
         {mysql: AND table_schema = DATABASE() ORDER BY ordinal_position}",
    )
    .bind(table)
}

fn kind(of_type: &str) -> Kind {
    match of_type.to_ascii_lowercase().as_str() {
        "integer" | "bigint" | "int" | "tinyint" => Kind::Integer,
        "real" | "double" | "double precision" => Kind::Real,
        "boolean" => Kind::Boolean,
        "blob" | "longblob" | "bytea" => Kind::Blob,
        "json" | "jsonb" => Kind::Json,
        _ => Kind::Text,
    }
}

/// A value as a column of another engine wants it.
fn fit(value: Value, kind: Kind) -> Value {
    match (kind, value) {
        (Kind::Integer, Value::Boolean(value)) => Value::Integer(value.map(i64::from)),
        (Kind::Boolean, Value::Integer(value)) => Value::Boolean(value.map(|value| value != 0)),
        (Kind::Real, Value::Integer(value)) => Value::Real(value.map(|value| value as f64)),
        (Kind::Text, Value::Json(value)) => Value::Text(value.map(|value| value.to_string())),
        (Kind::Text, Value::Blob(Some(bytes))) => Value::Text(Some(utf8(bytes))),
        (Kind::Json, Value::Text(Some(text))) => Value::Json(Some(json(text))),
        (Kind::Json, Value::Blob(Some(bytes))) => Value::Json(Some(json(utf8(bytes)))),
        (Kind::Integer, value) if is_null(&value) => Value::Integer(None),
        (Kind::Real, value) if is_null(&value) => Value::Real(None),
        (Kind::Boolean, value) if is_null(&value) => Value::Boolean(None),
        (Kind::Text, value) if is_null(&value) => Value::Text(None),
        (Kind::Blob, value) if is_null(&value) => Value::Blob(None),
        (Kind::Json, value) if is_null(&value) => Value::Json(None),
        (_, value) => value,
    }
}

/// A text that came as bytes; it was bound as a text once.
fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is no JSON was a text already.
fn json(text: String) -> serde_json::Value {
    serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))
}

fn is_null(value: &Value) -> bool {
    match value {
        Value::Integer(value) => value.is_none(),
        Value::Real(value) => value.is_none(),
        Value::Boolean(value) => value.is_none(),
        Value::Text(value) => value.is_none(),
        Value::Blob(value) => value.is_none(),
        Value::Json(value) => value.is_none(),
    }
}

/// Reads the cells of a row by what the engine says that they are.
macro_rules! cells {
    ($row:ty, $($names:pat => $kind:ident),* $(,)?) => {
        impl<'r> sqlx::FromRow<'r, $row> for Cells {
            fn from_row(row: &'r $row) -> Result<Self> {
                let cell = |index: usize, name: &str| {
                    let raw = row.try_get_raw(index)?;
                    if raw.is_null() {
                        return Ok(Value::Text(None));
                    }
                    let of_type = raw.type_info().name().to_owned();
                    match of_type.as_str() {
                        $($names => row.try_get(index).map(Value::$kind),)*
                        other => Err(Error::InvalidArgument(format!(
                            "the column {name} is of the type {other}, which no catalogue has"
                        ))),
                    }
                };
                let columns = row.columns().iter().enumerate();
                let cells = columns.map(|(index, column)| cell(index, column.name()));
                cells.collect::<Result<_>>().map(Self)
            }
        }
    };
}

cells!(SqliteRow,
    "INTEGER" => Integer, "REAL" => Real, "TEXT" => Text, "BLOB" => Blob, "BOOLEAN" => Boolean,
);
cells!(PgRow,
    "INT8" => Integer, "FLOAT8" => Real, "BOOL" => Boolean, "TEXT" | "VARCHAR" => Text,
    "BYTEA" => Blob, "JSONB" | "JSON" => Json,
);
cells!(MySqlRow,
    "BIGINT" => Integer, "DOUBLE" => Real, "BOOLEAN" => Boolean,
    "VARCHAR" | "CHAR" | "TEXT" | "LONGTEXT" => Text, "JSON" => Json,
    // So it calls texts that compare byte by byte, too.
    "VARBINARY" | "BINARY" | "BLOB" | "LONGBLOB" => Blob,
);

#[cfg(test)]
mod tests;
