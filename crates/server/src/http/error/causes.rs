//! What other parts of the server say went wrong, as problems.

use super::{Kind, Problem};
use crate::db::quotas::Beyond;

impl From<crate::db::Error> for Problem {
    fn from(error: crate::db::Error) -> Self {
        if let Some(beyond) = crate::db::quotas::beyond(&error) {
            return beyond.into();
        }
        if crate::db::is_disk_full(&error) {
            return Self::storage_full();
        }
        if crate::db::is_passing(&error) {
            tracing::warn!(%error, "the database is away or busy");
            let text = "nothing was lost; try again in a moment";
            return Self::new(Kind::DatabaseAway, text);
        }
        Self::internal(format_args!("database: {error}"))
    }
}

impl From<Beyond> for Problem {
    fn from(beyond: Beyond) -> Self {
        match beyond {
            Beyond::Gone => Self::new(Kind::Unauthorized, beyond.to_string()),
            Beyond::File { .. } => Self::too_large(beyond.to_string()),
            _ => Self::new(Kind::TenantQuota, beyond.to_string()),
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::storage_full()
            }
            std::io::ErrorKind::TimedOut => {
                tracing::error!(%error, "the storage does not answer");
                let text = "the object store failed or did not answer in time; try again";
                Self::new(Kind::StorageUnavailable, text)
            }
            _ => Self::internal(format_args!("storage: {error}")),
        }
    }
}

impl From<crate::uploads::Halt> for Problem {
    fn from(halt: crate::uploads::Halt) -> Self {
        use crate::uploads::Halt;
        match halt {
            Halt::TooLarge(most) => Self::too_large(format!(
                "{most} bytes are all that this file may have, and there are more"
            )),
            Halt::Full => Self::storage_full(),
            Halt::WrongSum => Self::wrong_checksum(),
            Halt::Gone => Self::gone("the upload was ended meanwhile"),
            Halt::Io(error) => error.into(),
            Halt::Db(error) => error.into(),
        }
    }
}

impl From<crate::uploads::Refusal> for Problem {
    fn from(refusal: crate::uploads::Refusal) -> Self {
        use crate::uploads::Refusal;
        match refusal {
            Refusal::TooLarge(most) => {
                Self::too_large(format!("a file may have {most} bytes at most"))
            }
            Refusal::TooMany(most) => Self::too_many_uploads(most),
            Refusal::OverQuota(most) => Self::quota_reached(most),
            Refusal::NoRoom(left) => Self::no_room(left),
            Refusal::Io(error) => error.into(),
            Refusal::Db(error) => error.into(),
        }
    }
}

impl From<crate::uploads::examine::Fault> for Problem {
    fn from(fault: crate::uploads::examine::Fault) -> Self {
        use crate::uploads::examine::Fault;
        match fault {
            Fault::Unusable(reason) => Self::unusable_media(reason),
            Fault::Io(error) => error.into(),
        }
    }
}

impl From<crate::order::OrderError> for Problem {
    fn from(error: crate::order::OrderError) -> Self {
        match error {
            crate::order::OrderError::Database(error) => error.into(),
            taken @ crate::order::OrderError::KeyTaken(_) => Self::conflict(taken.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<crate::license::LicenseError> for Problem {
    fn from(error: crate::license::LicenseError) -> Self {
        use crate::license::LicenseError;
        match error {
            LicenseError::UsedUp => Self::wrong_playback_token(),
            LicenseError::Database(error) => error.into(),
            LicenseError::Keys(_) => Self::internal(error),
        }
    }
}

impl From<crate::keys::KeysError> for Problem {
    fn from(error: crate::keys::KeysError) -> Self {
        Self::internal(error)
    }
}
