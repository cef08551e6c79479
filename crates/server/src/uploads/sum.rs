//! Checksums of what one request brings (tus extension *checksum*).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Names of the known algorithms, as `Tus-Checksum-Algorithm` lists them.
pub(crate) const ALGORITHMS: &str = "sha1,sha256,crc32c";

/// A checksum that is being computed, and what it should be.
#[derive(Debug)]
pub(crate) struct Sum {
    expected: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    Sha1(Sha1),
    Sha256(Sha256),
    Crc32c(u32),
}

impl Sum {
    /// Reads `ALGORITHM BASE64`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (algorithm, digits) = text
            .split_once(' ')
            .ok_or("must be an algorithm, a space and the sum in base64")?;
        let (state, length) = match algorithm {
            "sha1" => (State::Sha1(Sha1::new()), 20),
            "sha256" => (State::Sha256(Sha256::new()), 32),
            "crc32c" => (State::Crc32c(0), 4),
            _ => return Err(format!("names an algorithm that is not among {ALGORITHMS}")),
        };
        let expected = STANDARD
            .decode(digits.trim())
            .map_err(|_| "has a sum that is not base64")?;
        if expected.len() != length {
            return Err(format!("has a sum that is not {length} bytes long"));
        }
        Ok(Self { expected, state })
    }

    /// Counts bytes in.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha1(hash) => hash.update(bytes),
            State::Sha256(hash) => hash.update(bytes),
            State::Crc32c(sum) => *sum = crc32c::crc32c_append(*sum, bytes),
        }
    }

    /// Whether the bytes that came are those that were sent.
    pub(crate) fn agrees(self) -> bool {
        match self.state {
            State::Sha1(hash) => hash.finalize()[..] == self.expected[..],
            State::Sha256(hash) => hash.finalize()[..] == self.expected[..],
            // The order of bytes on the network.
            State::Crc32c(sum) => sum.to_be_bytes()[..] == self.expected[..],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sum;

    #[test]
    fn sums_of_known_texts_are_right() {
        // The check value of CRC-32C (RFC 3720, B.4) is that of the nine digits.
        for (sum, text) in [
            ("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "abc"),
            ("sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "abc"),
            ("crc32c 4waSgw==", "123456789"),
        ] {
            for (bytes, right) in [(text, true), ("abd", false)] {
                let mut sum = Sum::parse(sum).expect("a sum");
                let (first, second) = bytes.split_at(1);
                sum.update(first.as_bytes());
                sum.update(second.as_bytes());
                assert_eq!(sum.agrees(), right, "{bytes}");
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "sha1",
            "md5 AAAA",
            "sha1 !!!!",
            "sha1 AAAA",
            "SHA1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        ] {
            assert!(Sum::parse(text).is_err(), "{text}");
        }
    }
}
