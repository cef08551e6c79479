//! The kinds of problems: a line each, with its status, its code and its name for people.

use axum::http::StatusCode;

/// Makes `Kind` of its lines.
macro_rules! kinds {
    ($($status:literal $kind:ident $code:literal $title:literal,)*) => {
        /// The kinds of problems.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::http) enum Kind {
            $($kind,)*
        }

        impl Kind {
            /// All of them, by status.
            pub(in crate::http) const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Status, code and name for people.
            const fn words(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Self::$kind => ($status, $code, $title),)*
                }
            }
        }
    };
}

kinds! {
    400 InvalidRequest "invalid_request" "The request is not valid",
    401 NotSetUp "not_set_up" "Nobody may come in yet",
    401 PlaybackIsSigned "playback_is_signed" "Players must show a playback token",
    401 Unauthorized "unauthorized" "One must log in or show a token",
    401 WrongLogin "wrong_login" "The name or the password is wrong",
    403 CrossSite "cross_site" "Pages of other sites may read and change nothing here",
    403 InstallationOnly "installation_only" "It is for who looks after the installation",
    403 MissingScope "missing_scope" "The token does not allow it",
    403 Undeclared "undeclared" "Nobody has said who may come here",
    403 WrongPlaybackToken "wrong_playback_token" "The playback token is not good for this",
    403 WrongSetUpToken "wrong_set_up_token" "This is not the set-up token",
    404 NotFound "not_found" "There is no such thing",
    405 MethodNotAllowed "method_not_allowed" "The method is not for this address",
    408 TooSlow "too_slow" "The request came too slowly",
    409 Conflict "conflict" "The state of the thing does not allow it",
    409 KeyInUse "idempotency_key_in_use" "The request with this Idempotency-Key is under way",
    410 Gone "gone" "It was there and is no more",
    412 Stale "precondition_failed" "It is another one than it was",
    412 NotTus "tus_version" "The request is of another protocol, or another version of it",
    413 TooLarge "too_large" "The request is too large",
    415 WrongContentType "content_type" "The body has the wrong type",
    421 ForeignHost "foreign_host" "This server has another name",
    422 InvalidValue "invalid_value" "A value is not allowed",
    422 KeyReused "idempotency_key_reused" "The Idempotency-Key was given to another request",
    422 PackagingFailed "packaging_failed" "The package could not be made",
    422 UnknownField "unknown_field" "The body has fields that nobody knows",
    422 UnusableMedia "unusable_media" "The file cannot be used",
    423 Locked "locked" "Another request is at it just now",
    429 TooManyAttempts "too_many_attempts" "Too many attempts to come in",
    429 TooManyStreams "too_many_streams" "Too many clients follow the events",
    429 TooManyUploads "too_many_uploads" "Too many uploads are unfinished",
    460 WrongChecksum "checksum_mismatch" "The bytes are not those that were sent",
    500 Internal "internal" "The server failed",
    503 DatabaseAway "database_away" "The database does not answer",
    503 Stopping "stopping" "The server is stopping",
    503 StorageUnavailable "storage_unavailable" "The storage does not answer",
    507 TenantQuota "tenant_quota" "The tenant may not have more",
    507 QuotaReached "upload_quota" "Unfinished uploads may not hold more",
    507 StorageFull "storage_full" "The server's disk is full",
}

impl Kind {
    /// The status, the code that never changes, and the kind for people.
    pub(in crate::http) fn facts(self) -> (StatusCode, &'static str, &'static str) {
        let (status, code, title) = self.words();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, code, title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_status_of_errors_and_a_code_of_its_own() {
        let mut codes = std::collections::BTreeSet::new();
        for kind in Kind::ALL {
            let (status, code, _) = kind.facts();
            assert_eq!(status.as_u16(), kind.words().0, "{code}");
            assert!((400..600).contains(&status.as_u16()), "{code}");
            assert!(codes.insert(code), "{code} is there twice");
        }
    }
}
