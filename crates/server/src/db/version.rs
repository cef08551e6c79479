//! Versions of rows: who changes one may say which it has seen.

/// Which versions of a thing a change is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Whichever it is.
    #[default]
    Any,
    /// One of these.
    Versions(Vec<i64>),
}

/// What became of the wish to change a thing, or to remove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Changed {
    /// It is so now.
    Done,
    /// There is no such thing.
    Unknown,
    /// Somebody else changed it meanwhile.
    Stale,
}

impl Wanted {
    /// Whether a version is one of them.
    pub(crate) fn fits(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}
