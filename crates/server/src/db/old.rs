//! The table `uploaded_videos` of the platform that Reelpack succeeds, read from its MySQL database.

use super::url::{DatabaseUrl, Options};
use super::{Error, Result, error};
use sqlx::{ConnectOptions, Connection};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long the old database may take to be reached and to answer.
const LIMIT: Duration = Duration::from_secs(60);

/// A row of it, as texts: the types of its columns were never the same everywhere.
#[derive(sqlx::FromRow)]
pub(crate) struct OldVideo {
    pub(crate) input_content_id: Option<String>,
    pub(crate) input_content_origin: Option<String>,
    #[sqlx(try_from = "Option<String>")]
    pub(crate) video_key: OldKey,
    pub(crate) kid: Option<String>,
    pub(crate) packaged_content_id: Option<String>,
    pub(crate) url: Option<String>,
}

/// The content key in the text in which it was given, in the clear. It is wiped when dropped, and not printed.
pub(crate) struct OldKey(pub(crate) Option<Zeroizing<String>>);

impl From<Option<String>> for OldKey {
    fn from(text: Option<String>) -> Self {
        Self(text.map(Zeroizing::new))
    }
}

/// Reads all rows, by `input_content_id`.
///
/// # Errors
/// When the URL is not one of MySQL, or its database has no such table or cannot be reached.
pub(crate) async fn videos(url: &DatabaseUrl) -> Result<Vec<OldVideo>> {
    let Options::MySql(options) = &url.options else {
        let text = "the database of the old platform is one of MySQL: write mysql://…";
        return Err(Error::Configuration(text.into()));
    };
    let read = async {
        let mut connection = options.connect().await?;
        let rows = sqlx::query_as(
            "SELECT CAST(input_content_id AS CHAR) AS input_content_id, \
             CAST(input_content_origin AS CHAR) AS input_content_origin, \
             CAST(video_key AS CHAR) AS video_key, \
             CAST(kid AS CHAR) AS kid, CAST(packaged_content_id AS CHAR) AS packaged_content_id, \
             CAST(url AS CHAR) AS url FROM uploaded_videos \
             ORDER BY uploaded_videos.input_content_id, uploaded_videos.packaged_content_id",
        )
        .fetch_all(&mut connection)
        .await?;
        connection.close().await?;
        Ok(rows)
    };
    let read = tokio::time::timeout(LIMIT, read).await;
    read.unwrap_or_else(|_| Err(error::no_answer(LIMIT)))
}
