//! Time: the wall clock for people, and a clock that does not jump for leases.

use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// Counts on while the machine sleeps, and does not follow the wall clock when that is set.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

/// Milliseconds of the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    to_ms(SystemTime::now())
}

/// A time of the wall clock in milliseconds of the Unix epoch.
pub(crate) fn to_ms(time: SystemTime) -> i64 {
    let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since this machine was started; never goes back, and all its processes read the same.
///
/// Leases in SQLite are told in it. It begins anew at each boot, so that leases are worth nothing under
/// another [`boot_id`].
pub(crate) fn monotonic_ms() -> i64 {
    let now = clock_gettime(STEADY);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Names the boot of this machine; `None` where the operating system does not tell.
pub(crate) fn boot_id() -> Option<String> {
    if let Some(told) = crate::crash::text("REELPACK_TEST_BOOT_ID") {
        return Some(told);
    }
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}
