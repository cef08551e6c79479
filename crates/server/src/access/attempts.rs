//! How often somebody may be wrong: at logging in, at setting up, with tokens. Counted by address, and by account and address.
//!
//! What is counted lies in a fixed number of places, so that no number of addresses and names takes more memory. Which place is whose is
//! drawn anew by each process: nobody can choose names that share a place with somebody else's.

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

/// Places of each limit: some 2 MiB, when all are taken.
const PLACES: u64 = 65_536;

/// So many attempts at once, then one in each pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rate {
    /// The name of the limit, for programs.
    name: &'static str,
    burst: NonZeroU32,
    pause: Duration,
}

/// Attempts from one address to log in to one account.
const OF_ACCOUNT: Rate = rate("login-account", 10, 60);
/// Attempts from one address to log in to any account.
const OF_ADDRESS: Rate = rate("login-address", 50, 10);
/// Attempts from one address to set up.
const OF_SET_UP: Rate = rate("set-up", 20, 60);
/// Credentials from one address that open nothing. They cannot be guessed: this is for clients that go on with what was revoked.
const OF_CREDENTIALS: Rate = rate("wrong-credentials", 600, 1);

const fn rate(name: &'static str, burst: u32, seconds: u64) -> Rate {
    Rate {
        name,
        burst: match NonZeroU32::new(burst) {
            Some(burst) => burst,
            None => NonZeroU32::MIN,
        },
        pause: Duration::from_secs(seconds),
    }
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Its name.
    pub(crate) name: &'static str,
    /// Attempts that it allows.
    pub(crate) quota: u32,
    /// In so many seconds.
    pub(crate) window: u64,
    /// Seconds until the next one, 1 at least.
    pub(crate) wait: u64,
}

/// One limit.
#[derive(Debug)]
struct Limit {
    rate: Rate,
    limiter: RateLimiter<u64, HashMapStateStore<u64>, DefaultClock>,
    /// Draws the places.
    places: RandomState,
}

impl Limit {
    fn new(rate: Rate) -> Self {
        // A pause of no time has no quota, and these are none.
        let quota = Quota::with_period(rate.pause).unwrap_or(Quota::per_minute(rate.burst));
        Self {
            rate,
            limiter: RateLimiter::hashmap(quota.allow_burst(rate.burst)),
            places: RandomState::new(),
        }
    }

    fn note(&self, whose: impl Hash) -> Result<(), Reached> {
        let place = self.places.hash_one(whose) % PLACES;
        self.limiter.check_key(&place).map_err(|not| {
            let wait = not.wait_time_from(DefaultClock::default().now());
            Reached {
                name: self.rate.name,
                quota: self.rate.burst.get(),
                window: self.rate.pause.as_secs() * u64::from(self.rate.burst.get()),
                // A client that waits for whole seconds must not come too early.
                wait: wait.as_secs() + 1,
            }
        })
    }
}

/// Counts attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    of_account: Limit,
    of_address: Limit,
    of_set_up: Limit,
    of_credentials: Limit,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            of_account: Limit::new(OF_ACCOUNT),
            of_address: Limit::new(OF_ADDRESS),
            of_set_up: Limit::new(OF_SET_UP),
            of_credentials: Limit::new(OF_CREDENTIALS),
        }
    }
}

impl Attempts {
    /// Notes an attempt to log in; says when there were too many.
    pub(crate) fn login(&self, account: &str, address: IpAddr) -> Result<(), Reached> {
        let address = network(address);
        self.of_address.note(address)?;
        self.of_account.note((account, address))
    }

    /// Notes an attempt to set up.
    pub(crate) fn set_up(&self, address: IpAddr) -> Result<(), Reached> {
        self.of_set_up.note(network(address))
    }

    /// Notes a token or a session that opens nothing. Those that do are never kept out by others of their address.
    pub(crate) fn wrong_credential(&self, address: IpAddr) -> Result<(), Reached> {
        self.of_credentials.note(network(address))
    }
}

/// Who has one address of version 6 has all of its network.
pub(crate) fn network(address: IpAddr) -> IpAddr {
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
    use std::net::Ipv4Addr;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn sec_34_attempts_are_counted_by_account_and_address() {
        let attempts = Attempts::default();
        let first = address("192.0.2.1");
        for _ in 0..OF_ACCOUNT.burst.get() {
            assert_eq!(attempts.login("ada", first), Ok(()));
        }
        let reached = attempts.login("ada", first).expect_err("the limit");
        assert_eq!(
            (reached.name, reached.quota, reached.window),
            ("login-account", 10, 600)
        );
        assert!((1..=60).contains(&reached.wait), "{reached:?}");
        // Nobody else is locked out by it, and neither is she elsewhere.
        assert_eq!(attempts.login("bob", first), Ok(()));
        assert_eq!(attempts.login("ada", address("192.0.2.2")), Ok(()));
        for number in 0..OF_ADDRESS.burst.get() {
            let _ = attempts.login(&format!("name{number}"), first);
        }
        let reached = attempts.login("somebody", first).expect_err("the limit");
        assert_eq!(reached.name, "login-address");
    }

    #[test]
    fn many_addresses_and_names_take_bounded_memory() {
        let attempts = Attempts::default();
        for number in 0..200_000_u32 {
            let from = IpAddr::V4(Ipv4Addr::from_bits(number));
            let _ = attempts.login(&format!("name{number}"), from);
            let _ = attempts.wrong_credential(from);
        }
        for limit in [
            &attempts.of_account,
            &attempts.of_address,
            &attempts.of_credentials,
        ] {
            let length = limit.limiter.len();
            assert!(length > 1_000 && length as u64 <= PLACES, "{length}");
        }
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
