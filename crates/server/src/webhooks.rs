//! Webhooks: tells addresses that people named what happened, after Standard Webhooks 1.0.0 (`docs/webhooks.md`).
//!
//! In: the events of the catalogue. Out: deliveries, which are rows like jobs, so that they survive whatever ends the process.
//! Each is attempted until the receiver has it, at least once; they have no order among each other.

mod attempt;
mod config;
mod message;
mod pause;
mod signature;

pub use config::WebhookConfig;
pub(crate) use message::{TEST, of_test};
pub(crate) use signature::SigningSecret;

use crate::app::Shared;
use crate::clock;
use crate::outside::{Gate, Unfit};
use reqwest::{Client, Url};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};

/// Webhooks of a tenant.
pub(crate) const MOST: i64 = 20;
/// Attempts at one webhook at once: one that is slow keeps itself back, and nobody else.
const AT_ONCE_EACH: usize = 2;
/// Attempts at once, of all webhooks.
const AT_ONCE: usize = 128;
/// How often the catalogue is asked for events: other processes write them, too.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How much longer than the time limit an attempt is held, until another process may take it over.
const CLAIM: Duration = Duration::from_secs(10);
/// How long attempts may go on when the server stops.
const DRAIN: Duration = Duration::from_secs(5);
/// How long deliveries are kept that are over: 30 days.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How often older ones are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

/// What deliveries share.
#[derive(Debug)]
pub(crate) struct Webhooks {
    config: WebhookConfig,
    gate: Gate,
    client: Client,
    /// Somebody asked for a delivery.
    asked: Notify,
}

impl Webhooks {
    /// Makes the client, which reaches the public internet and what is allowed besides.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub(crate) fn new(config: WebhookConfig) -> std::io::Result<Self> {
        let gate = Gate::new(&config.allow, "--webhook-allow");
        let client = gate.client().build().map_err(std::io::Error::other)?;
        Ok(Self {
            config,
            gate,
            client,
            asked: Notify::new(),
        })
    }

    /// Reads the URL of a webhook and checks what can be checked at once.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn parse(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        self.check(&url)?;
        Ok(url)
    }

    /// A delivery was asked for: it begins at once.
    pub(crate) fn wake(&self) {
        self.asked.notify_one();
    }

    fn check(&self, url: &Url) -> Result<(), String> {
        self.gate
            .check(url)
            .map_err(|unfit: Unfit| unfit.to_string())
    }
}

/// Delivers until the server stops. Attempts that are under way then have a while to end.
pub(crate) async fn deliver(shared: Arc<Shared>) {
    // Who has the embedded database has it alone: claims that are there are those of a predecessor.
    if shared.db.is_embedded()
        && let Err(error) = shared.db.release_deliveries().await
    {
        tracing::warn!(%error, "deliveries of a predecessor wait until their claims run out");
    }
    let mut under_way = UnderWay::default();
    let mut forget = tokio::time::interval(FORGET_EVERY);
    loop {
        if let Err(error) = look(&shared, &mut under_way).await {
            tracing::warn!(%error, "webhooks cannot be looked after just now");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = shared.webhooks.asked.notified() => {}
            Some(()) = under_way.one_ended() => {}
            _ = forget.tick() => forget_old(&shared).await,
            () = shared.stopped() => break,
        }
    }
    let ended = async { while under_way.one_ended().await.is_some() {} };
    if tokio::time::timeout(DRAIN, ended).await.is_err() {
        tracing::warn!("deliveries were cut off; they are attempted again");
    }
}

/// Attempts that are under way, and at which webhook each is.
#[derive(Debug, Default)]
struct UnderWay {
    tasks: JoinSet<()>,
    at: HashMap<Id, i64>,
}

impl UnderWay {
    /// How many more may begin at a webhook.
    fn free(&self, webhook: i64) -> usize {
        let there = self.at.values().filter(|at| **at == webhook).count();
        let all = AT_ONCE.saturating_sub(self.at.len());
        AT_ONCE_EACH.saturating_sub(there).min(all)
    }

    fn begin(&mut self, webhook: i64, attempt: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(attempt);
        self.at.insert(task.id(), webhook);
    }

    /// Waits until one ends; `None` when there is none.
    async fn one_ended(&mut self) -> Option<()> {
        let id = match self.tasks.join_next_with_id().await? {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "an attempt at a webhook broke down");
                error.id()
            }
        };
        self.at.remove(&id);
        Some(())
    }
}

/// Makes deliveries of new events, and begins with those whose time has come.
async fn look(shared: &Arc<Shared>, under_way: &mut UnderWay) -> crate::db::Result<()> {
    for webhook in shared.db.webhooks_behind().await? {
        shared
            .db
            .make_deliveries(webhook, message::of_event)
            .await?;
        crash_point!("webhook.made");
    }
    let now = clock::now_ms();
    let held = shared.webhooks.config.time_limit + CLAIM;
    let until = now.saturating_add(i64::try_from(held.as_millis()).unwrap_or(i64::MAX));
    for number in shared.db.webhooks_due(now).await? {
        let free = i64::try_from(under_way.free(number)).unwrap_or(0);
        if free == 0 {
            continue;
        }
        let Some(webhook) = shared.db.enabled_webhook(number).await? else {
            continue;
        };
        for due in shared.db.deliveries_due(number, now, free).await? {
            if shared.db.claim_delivery(&due, until).await? {
                let (shared, webhook) = (shared.clone(), webhook.clone());
                let attempt = async move { attempt::run(&shared, &webhook, &due).await };
                under_way.begin(number, attempt);
            }
        }
    }
    Ok(())
}

async fn forget_old(shared: &Shared) {
    let before = clock::now_ms() - KEPT_MS;
    if let Err(error) = shared.db.forget_deliveries(before).await {
        tracing::warn!(%error, "old deliveries are kept for longer than they should");
    }
}
