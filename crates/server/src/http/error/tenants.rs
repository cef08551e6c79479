//! Problems of tenants, and of versions that somebody else changed.

use super::{Kind, Problem};

impl Problem {
    /// 403 for what concerns all tenants.
    pub(in crate::http) fn installation_only() -> Self {
        Self::new(
            Kind::InstallationOnly,
            "it concerns all tenants; ask with a credential of the first one, ten_default",
        )
    }

    /// 412 where `If-Match` names another version.
    pub(in crate::http) fn stale() -> Self {
        let text =
            "somebody changed it meanwhile; get it again, and send the change with its new ETag";
        Self::new(Kind::Stale, text)
    }
}
