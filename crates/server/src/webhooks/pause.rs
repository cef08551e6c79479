//! How long a delivery waits after an attempt that failed: by the schedule, and by what the receiver asks for.

use crate::id;
use std::time::{Duration, SystemTime};

/// How long to wait after so many tries that failed before this one; `None` when it was the last one.
///
/// What a receiver asks for makes it longer than the schedule has it, never shorter, and no longer than the longest pause of
/// the schedule: a receiver must not be able to have messages kept for ever.
pub(super) fn next(pauses: &[Duration], tries: i64, asked: Option<Duration>) -> Option<Duration> {
    let pause = *pauses.get(usize::try_from(tries).ok()?)?;
    // Without randomness they come back together, which does no harm.
    let chance = id::random().map_or(0, |bytes| u32::from(u16::from_le_bytes(bytes)));
    let pause = pause * 9 / 10 + pause / 5 * chance / u32::from(u16::MAX);
    let longest = pauses.iter().max().copied().unwrap_or_default();
    Some(pause.max(asked.unwrap_or_default().min(longest)))
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). What is neither says nothing, and a date that is over asks for no
/// pause.
pub(super) fn asked_for(retry_after: &str, now: SystemTime) -> Option<Duration> {
    let text = retry_after.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WebhookConfig;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn within_a_tenth(found: Duration, middle: Duration) -> bool {
        (middle * 9 / 10..=middle * 11 / 10).contains(&found)
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses = WebhookConfig::default().pauses;
        for (tries, pause) in (0..).zip(&pauses) {
            let found = next(&pauses, tries, None).expect("a pause");
            assert!(within_a_tenth(found, *pause), "{tries}: {found:?}");
        }
        assert_eq!(next(&pauses, 9, None), None);
        assert_eq!(next(&pauses, 9, Some(HOUR)), None);
        let all: Duration = pauses.iter().sum();
        assert_eq!(all.as_secs() / 3600, 75);
    }

    #[test]
    fn what_a_receiver_asks_for_makes_pauses_longer_within_the_schedule() {
        let pauses = WebhookConfig::default().pauses;
        assert_eq!(next(&pauses, 0, Some(HOUR)), Some(HOUR));
        for asked in [1_000 * HOUR, Duration::MAX] {
            assert_eq!(next(&pauses, 0, Some(asked)), Some(24 * HOUR));
        }
        let sooner = next(&pauses, 3, Some(Duration::from_secs(1))).expect("a pause");
        assert!(within_a_tenth(sooner, 2 * HOUR), "{sooner:?}");
    }

    #[test]
    fn seconds_and_dates_are_read() {
        let now = httpdate::parse_http_date("Fri, 27 Nov 2026 12:00:00 GMT").expect("a date");
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(
                asked_for(text, now),
                expect.map(Duration::from_secs),
                "{text:?}"
            );
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("99999999999999999999999999", Some(u64::MAX));
        check("Fri, 27 Nov 2026 12:01:30 GMT", Some(90));
        check("Fri, 27 Nov 2026 11:00:00 GMT", Some(0));
        for nothing in ["", "-1", "+5", "1.5", "soon", "12 s"] {
            check(nothing, None);
        }
    }
}
