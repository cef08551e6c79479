//! What a token allows.

/// One thing that a token may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// See assets, uploads and packages.
    AssetsRead,
    /// Upload, package, replace, delete.
    AssetsWrite,
    /// See jobs and the queue.
    JobsRead,
    /// Cancel, pause, resume, retry, delete jobs; pause the queue.
    JobsWrite,
    /// Read content keys in the clear, as the first API gives them.
    KeysRead,
    /// Make playback tokens.
    PlaybackSign,
    /// See webhooks and what came of their deliveries.
    WebhooksRead,
    /// Make, change, delete and test webhooks, and send deliveries again.
    WebhooksWrite,
    /// Make and revoke tokens.
    Admin,
}

impl Scope {
    /// Every scope.
    pub(crate) const ALL: [Self; 9] = [
        Self::AssetsRead,
        Self::AssetsWrite,
        Self::JobsRead,
        Self::JobsWrite,
        Self::KeysRead,
        Self::PlaybackSign,
        Self::WebhooksRead,
        Self::WebhooksWrite,
        Self::Admin,
    ];

    /// The word of clients and of the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AssetsRead => "assets:read",
            Self::AssetsWrite => "assets:write",
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::KeysRead => "keys:read",
            Self::PlaybackSign => "playback:sign",
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::Admin => "admin",
        }
    }

    /// The scope of a word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}
