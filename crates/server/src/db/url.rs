//! Where a database is that is not the embedded one.

use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::str::FromStr;

/// The URL of a PostgreSQL, MySQL or MariaDB database. It may hold a password and is printed without.
#[derive(Clone)]
pub struct DatabaseUrl {
    pub(super) options: Options,
    has_password: bool,
}

#[derive(Clone)]
pub(super) enum Options {
    Postgres(PgConnectOptions),
    MySql(MySqlConnectOptions),
}

impl DatabaseUrl {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `mysql://…` (or `mariadb://…`).
    ///
    /// # Errors
    /// When it is none of these; the text says what is wanted, and nothing of what was given.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WANTED: &str = "write postgres://USER:PASSWORD@HOST:PORT/DATABASE or \
            mysql://USER:PASSWORD@HOST:PORT/DATABASE";
        let (scheme, _) = text
            .split_once("://")
            .ok_or_else(|| format!("it is no URL; {WANTED}"))?;
        let options = match scheme {
            "postgres" | "postgresql" => PgConnectOptions::from_str(text).ok().map(|options| {
                Options::Postgres(
                    options
                        .application_name("reelpack")
                        .disable_statement_logging(),
                )
            }),
            "mysql" | "mariadb" => MySqlConnectOptions::from_str(text)
                .ok()
                .map(|options| Options::MySql(options.disable_statement_logging())),
            _ => None,
        };
        let options = options.ok_or_else(|| format!("it cannot be read; {WANTED}"))?;
        let named = match &options {
            Options::Postgres(options) => options.get_database().is_some(),
            Options::MySql(options) => options.get_database().is_some(),
        };
        let has_password = text
            .split(['/', '?'])
            .nth(2)
            .and_then(|authority| authority.rsplit_once('@'))
            .is_some_and(|(user, _)| user.contains(':'));
        match named {
            true => Ok(Self {
                options,
                has_password,
            }),
            false => Err(format!("it names no database; {WANTED}")),
        }
    }

    /// Whether it holds a password.
    pub fn has_password(&self) -> bool {
        self.has_password
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.options {
            Options::Postgres(options) => write!(
                f,
                "postgres://{}:{}/{}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or_default()
            ),
            Options::MySql(options) => write!(
                f,
                "mysql://{}:{}/{}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or_default()
            ),
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseUrl;

    #[test]
    fn passwords_are_not_printed() {
        for (given, shown) in [
            (
                "postgres://ann:secret@db:5433/reel",
                "postgres://db:5433/reel",
            ),
            ("postgresql://ann:secret@db/reel", "postgres://db:5432/reel"),
            ("mysql://ann:secret@db/reel", "mysql://db:3306/reel"),
            ("mariadb://ann:secret@db:1/reel", "mysql://db:1/reel"),
        ] {
            let url = DatabaseUrl::parse(given).expect("a URL");
            assert!(url.has_password());
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("secret"));
        }
        for bad in [
            "",
            "secret",
            "redis://secret/x",
            "mysql://secret",
            "mysql://a:secret@b:x/y",
        ] {
            let error = DatabaseUrl::parse(bad).expect_err(bad);
            assert!(
                error.contains("postgres://USER") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
