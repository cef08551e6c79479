//! Who asks, once that is known.

use super::{Scope, Tenant};

/// Who sent a request that was let in.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Nobody has to say who he is.
    Anyone,
    /// A program, by a token.
    Token {
        /// Whose.
        tenant: Tenant,
        /// What it allows.
        scopes: Vec<Scope>,
    },
    /// A person, by a session.
    Account {
        /// Whose.
        tenant: Tenant,
        /// Under which it logs in.
        name: String,
    },
}

impl Caller {
    /// Whether something is allowed to whoever asks. Accounts are those of administrators.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Anyone | Self::Account { .. } => true,
            Self::Token { scopes, .. } => scopes.contains(&scope),
        }
    }

    /// All that is allowed.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let all = Scope::ALL.into_iter();
        all.filter(|scope| self.may(*scope)).collect()
    }

    /// Whose things it sees and changes.
    pub(crate) fn tenant(&self) -> Tenant {
        match self {
            Self::Anyone => Tenant::first(),
            Self::Token { tenant, .. } | Self::Account { tenant, .. } => tenant.clone(),
        }
    }
}
