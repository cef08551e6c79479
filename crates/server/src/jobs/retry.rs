//! When a job is tried again whose attempt failed for a reason that may pass.

use crate::db::claims::MAX_PAUSE_MS;
use crate::id;

/// A job that failed this often for reasons that may pass is given up: some ten minutes after the first time.
const MAX_ATTEMPTS: i64 = 10;
/// The pause after an attempt (from 1) that failed, `first_ms` after the first and twice as long after each further one;
/// `None` when it was the last one.
///
/// It is drawn between half and one and a half of what the attempt's number says, so that jobs that failed together do not
/// come back together.
pub(super) fn pause_ms(attempt: i64, first_ms: i64) -> std::io::Result<Option<i64>> {
    if attempt >= MAX_ATTEMPTS {
        return Ok(None);
    }
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    let pause = (first_ms << doublings).min(MAX_PAUSE_MS);
    let chance = i64::from(u16::from_le_bytes(id::random()?));
    Ok(Some(pause / 2 + pause * chance / i64::from(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end() {
        for attempt in 1..MAX_ATTEMPTS {
            let pause = pause_ms(attempt, 1_000)
                .expect("randomness")
                .expect("a pause");
            let middle = (1_000 << (attempt - 1)).min(MAX_PAUSE_MS);
            assert!(
                (middle / 2..=middle * 3 / 2).contains(&pause),
                "{attempt}: {pause}"
            );
        }
        assert_eq!(pause_ms(MAX_ATTEMPTS, 1_000).expect("randomness"), None);
    }

    #[test]
    fn a_thousand_jobs_that_failed_together_come_back_apart() {
        let mut buckets = [0; 10];
        for _ in 0..1000 {
            let pause = pause_ms(4, 1_000).expect("randomness").expect("a pause");
            let bucket = usize::try_from((pause - 4_000) * 10 / 8_001).expect("a place");
            buckets[bucket] += 1;
        }
        assert!(buckets.iter().all(|count| *count < 200), "{buckets:?}");
    }
}
