//! How often somebody may try to log in: by account and address, and by address alone.

use crate::access::secret;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

/// Attempts from one address at one account, at once; then one a minute.
const OF_ACCOUNT: NonZeroU32 = NonZeroU32::new(10).unwrap();
const ACCOUNT_PAUSE: Duration = Duration::from_secs(60);
/// Attempts from one address at any account, at once; then one in ten seconds.
const OF_ADDRESS: NonZeroU32 = NonZeroU32::new(50).unwrap();
const ADDRESS_PAUSE: Duration = Duration::from_secs(10);
/// With so many keys, those that may do everything again are forgotten.
const MANY: usize = 10_000;

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// Counts attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    of_account: Limiter<(String, IpAddr)>,
    of_address: Limiter<IpAddr>,
}

impl Default for Attempts {
    fn default() -> Self {
        let quota = |pause, burst| Quota::with_period(pause).map(|quota| quota.allow_burst(burst));
        // A pause of no time has no quota, and these are none.
        let account = quota(ACCOUNT_PAUSE, OF_ACCOUNT).unwrap_or(Quota::per_minute(OF_ACCOUNT));
        let address = quota(ADDRESS_PAUSE, OF_ADDRESS).unwrap_or(Quota::per_minute(OF_ADDRESS));
        Self {
            of_account: RateLimiter::hashmap(account),
            of_address: RateLimiter::hashmap(address),
        }
    }
}

impl Attempts {
    /// Notes an attempt; when there were too many, says how many seconds to wait.
    pub(crate) fn note(&self, account: &str, address: IpAddr) -> Result<(), u64> {
        if self.of_account.len() > MANY {
            self.of_account.retain_recent();
            self.of_account.shrink_to_fit();
        }
        if self.of_address.len() > MANY {
            self.of_address.retain_recent();
            self.of_address.shrink_to_fit();
        }
        let address = network(address);
        let now = DefaultClock::default().now();
        let seconds = |pause: Duration| pause.as_secs().max(1);
        self.of_address
            .check_key(&address)
            .map_err(|not| seconds(not.wait_time_from(now)))?;
        // The hash has one length, whatever the name has.
        let account = secret::hash(account).unwrap_or_default();
        self.of_account
            .check_key(&(account, address))
            .map_err(|not| seconds(not.wait_time_from(now)))
    }
}

/// Who has one address of version 6 has all of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn sec_34_attempts_are_counted_by_account_and_address() {
        let attempts = Attempts::default();
        let first = address("192.0.2.1");
        for _ in 0..OF_ACCOUNT.get() {
            assert_eq!(attempts.note("ada", first), Ok(()));
        }
        assert!(attempts.note("ada", first).is_err_and(|pause| pause <= 60));
        // Nobody else is locked out by it, and neither is she elsewhere.
        assert_eq!(attempts.note("bob", first), Ok(()));
        assert_eq!(attempts.note("ada", address("192.0.2.2")), Ok(()));
        for number in 0..OF_ADDRESS.get() {
            let _ = attempts.note(&format!("name{number}"), first);
        }
        assert!(attempts.note("somebody", first).is_err());
    }

    #[test]
    fn networks_of_version_6_count_as_one() {
        assert_eq!(
            network(address("2001:db8::1")),
            network(address("2001:db8::2:3"))
        );
        assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
        assert_ne!(network(address("192.0.2.1")), network(address("192.0.2.2")));
    }
}
