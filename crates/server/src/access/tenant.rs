//! Whose things a request may see and change.

use std::sync::Arc;

/// The id of the tenant that every installation has, as the migration writes it: what was there before tenants is its.
const FIRST: &str = "ten_default";

/// A tenant, by its id (`ten_…`). Functions of the catalogue that answer clients want one, so that none can forget whose
/// things are asked for. It comes from the credential of a request, or from a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Tenant(Arc<str>);

impl Tenant {
    /// The one that every installation has. Its administrators are those of the installation.
    pub(crate) fn first() -> Self {
        Self(FIRST.into())
    }

    /// The id.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the one that every installation has.
    pub(crate) fn is_first(&self) -> bool {
        &*self.0 == FIRST
    }
}

/// The tenant that a row names.
impl From<String> for Tenant {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<&Tenant> for crate::db::Value {
    fn from(tenant: &Tenant) -> Self {
        tenant.as_str().into()
    }
}
