//! Times for people and programs: RFC 3339, UTC; in headers as HTTP has them.

use std::time::{Duration, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes milliseconds of the Unix epoch as HTTP does (RFC 9110, IMF-fixdate).
pub(super) fn http_date(ms: i64) -> String {
    // After the year 9999 there is no such date.
    let ms = u64::try_from(ms).unwrap_or(0).min(253_402_300_799_000);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms))
}

/// Writes milliseconds of the Unix epoch as RFC 3339 in UTC.
pub(crate) fn rfc3339(ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        // Beyond the year 9999 there is no RFC 3339.
        .unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(
            super::http_date(784_111_777_000),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
        assert_eq!(super::http_date(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(super::rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(super::rfc3339(1_700_000_000_250), "2023-11-14T22:13:20.25Z");
    }
}
