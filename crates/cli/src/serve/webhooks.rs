//! Flags about what webhooks may reach.

use clap::Args;
use server::{Allowed, WebhookConfig};

/// Which addresses may be webhooks.
#[derive(Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookArgs {
    /// A network, address or host that may be a webhook although it is no part of the public internet; may be given
    /// several times.
    #[arg(long, value_name = "CIDR|HOST")]
    webhook_allow: Vec<Allowed>,
}

impl WebhookArgs {
    /// The configuration as the server reads it.
    pub fn config(&self) -> WebhookConfig {
        WebhookConfig {
            allow: self.webhook_allow.clone(),
            ..WebhookConfig::default()
        }
    }
}
