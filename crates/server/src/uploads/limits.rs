//! What uploads may take of the server.

use crate::outside::Allowed;
use std::time::Duration;

/// Limits of uploads; the command line makes them from its flags.
#[derive(Debug, Clone)]
pub struct UploadLimits {
    /// Most bytes of one file.
    pub max_size: u64,
    /// Most uploads that are begun and not whole.
    pub max_unfinished: u32,
    /// Most bytes that unfinished uploads may have been promised together.
    pub max_unfinished_bytes: u64,
    /// How long an upload stays without a byte more, and the answer about one that ended.
    pub expiry: Duration,
    /// Free bytes of the disk that uploads leave alone.
    pub reserve: u64,
    /// How long a request body may pause.
    pub body_pause: Duration,
    /// Fewest bytes a second of a request body, over [`UploadLimits::body_pause`].
    pub body_rate: u64,
    /// How long a request head may take.
    pub head_time: Duration,
    /// Networks and hosts that are no part of the public internet and may be pulled from all the same.
    pub pull_allow: Vec<Allowed>,
    /// How long a pull may take, all its attempts together.
    pub pull_time: Duration,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            // A long film in camera quality.
            max_size: 256 << 30,
            max_unfinished: 1_000,
            max_unfinished_bytes: 1 << 40,
            expiry: Duration::from_secs(24 * 60 * 60),
            reserve: 1 << 30,
            body_pause: Duration::from_secs(30),
            body_rate: 1_024,
            head_time: Duration::from_secs(30),
            pull_allow: Vec::new(),
            pull_time: Duration::from_secs(12 * 60 * 60),
        }
    }
}
