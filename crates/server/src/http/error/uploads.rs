//! Problems of uploads.

use super::{Kind, Problem};

impl Problem {
    /// 507 for a file that is not begun.
    pub(in crate::http) fn no_room(left: u64) -> Self {
        Self::new(
            Kind::StorageFull,
            format!(
                "so much does not fit: {left} bytes are left beside what other uploads were promised and the \
                 reserve; delete assets that are no longer needed, or give the data folder more space"
            ),
        )
    }

    /// 507 for the quota of unfinished uploads.
    pub(in crate::http) fn quota_reached(most: u64) -> Self {
        Self::new(
            Kind::QuotaReached,
            format!(
                "unfinished uploads may be promised {most} bytes together; end some of them, or wait"
            ),
        )
    }

    /// 429.
    pub(in crate::http) fn too_many_uploads(most: u32) -> Self {
        Self::new(
            Kind::TooManyUploads,
            format!("{most} uploads are unfinished; end some of them, or wait until they expire"),
        )
    }

    /// 410.
    pub(in crate::http) fn gone(detail: impl Into<String>) -> Self {
        Self::new(Kind::Gone, detail)
    }

    /// 412.
    pub(in crate::http) fn not_tus() -> Self {
        Self::new(
            Kind::NotTus,
            "send Tus-Resumable: 1.0.0, as version 1.0.0 of tus wants it",
        )
    }

    /// 423.
    pub(in crate::http) fn locked(detail: impl Into<String>) -> Self {
        Self::new(Kind::Locked, detail)
    }

    /// 460.
    pub(in crate::http) fn wrong_checksum() -> Self {
        Self::new(
            Kind::WrongChecksum,
            "the checksum is of other bytes; nothing of this request was kept, send it again",
        )
    }

    /// 503 for a transfer that is broken off because the server stops.
    pub(in crate::http) fn stopping_transfer() -> Self {
        Self::new(
            Kind::Stopping,
            "what came is kept; ask for the offset when the server runs again, and go on",
        )
    }
}
