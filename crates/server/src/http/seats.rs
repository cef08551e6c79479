//! Connections of each address: so that no single one takes all that a listener has.

use crate::access::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Who has how many connections of a listener. It knows as many addresses as there are connections.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's seat; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    /// `most` connections for each address.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
        })
    }

    /// Takes a seat; `None` when the address has all that it may.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(&address).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        taken.insert(address, count + 1);
        let seats = self.clone();
        Some(Seat { seats, address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let taken = self.seats.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        match taken.get(&self.address).copied() {
            Some(count) if count > 1 => {
                taken.insert(self.address, count - 1);
            }
            _ => {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_seats_and_gives_them_back() {
        let seats = Seats::new(2);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (one, other) = (address("2001:db8::1"), address("192.0.2.1"));
        let first = seats.take(one).expect("a seat");
        let _second = seats.take(address("2001:db8::2")).expect("a seat");
        assert!(seats.take(one).is_none(), "of one network");
        let _elsewhere = seats.take(other).expect("a seat");
        drop(first);
        let again = seats.take(one).expect("a seat");
        drop((again, _second, _elsewhere));
        assert!(seats.taken.lock().expect("a lock").is_empty());
    }
}
