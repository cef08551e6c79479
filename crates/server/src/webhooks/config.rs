//! What webhooks may take of the server, and how long it goes on trying.

use crate::outside::Allowed;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How webhooks are delivered; the command line knows the first field, tests the others.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Networks and hosts that are no part of the public internet and may be webhooks all the same.
    pub allow: Vec<Allowed>,
    /// Pauses between attempts, a tenth more or less; after the last one a delivery is given up.
    pub pauses: Vec<Duration>,
    /// How long a receiver may take for its answer.
    pub time_limit: Duration,
    /// How long a webhook may fail without a success in between until it is disabled.
    pub failing_limit: Duration,
}

impl Default for WebhookConfig {
    /// The schedule that Standard Webhooks proposes: about three days in all.
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            pauses: vec![
                Duration::from_secs(5),
                5 * MINUTE,
                30 * MINUTE,
                2 * HOUR,
                5 * HOUR,
                10 * HOUR,
                14 * HOUR,
                20 * HOUR,
                24 * HOUR,
            ],
            time_limit: Duration::from_secs(20),
            failing_limit: 5 * 24 * HOUR,
        }
    }
}
