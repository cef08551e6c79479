//! What webhooks are told: made of events, attempted until a receiver takes it or for too long.
//!
//! A webhook's row is locked before its deliveries.

use super::events::Event;
use super::webhooks::{self, Webhook};
use super::{Database, Error, Page, Result, Transaction, idempotency, query, words};
use crate::{clock, id};

/// How many events are made deliveries in one transaction.
const BATCH: i64 = 100;

/// Whether a delivery is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is attempted, or waits for that.
    Pending,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Failed,
}

words!(State);

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The word of clients and of the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// A delivery.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Delivery {
    pub(crate) webhook_delivery_id: i64,
    pub(crate) id: String,
    /// What the receiver knows it by: the id of the event.
    pub(crate) message: String,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) state: State,
    pub(crate) attempts: i64,
    /// Attempts since it was last asked for.
    pub(crate) tries: i64,
    pub(crate) next_attempt_at_ms: Option<i64>,
    pub(crate) attempted_at_ms: Option<i64>,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) answer_status: Option<i64>,
    /// The beginning of the answer's body.
    pub(crate) answer: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) created_at_ms: i64,
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) at_ms: i64,
    pub(crate) duration_ms: i64,
    pub(crate) answer_status: Option<i64>,
    pub(crate) answer: Option<String>,
    /// Why the receiver has it not.
    pub(crate) failure: Option<String>,
}

/// How it goes on after an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum After {
    /// The receiver has it.
    Delivered,
    /// It is attempted again at this time.
    Again(i64),
    /// It is given up.
    Failed,
}

/// When a webhook is disabled after an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Disable<'a> {
    /// At once.
    Now(&'a str),
    /// When it has failed for so long, in milliseconds.
    AfterFailing(i64, &'a str),
}

macro_rules! select {
    ($tail:literal) => {
        query(concat!(
            "SELECT webhook_delivery_id, id, message, kind, body, state, attempts, tries, next_attempt_at_ms, \
             attempted_at_ms, duration_ms, answer_status, answer, failure, created_at_ms FROM webhook_deliveries ",
            $tail
        ))
    };
}

impl Database {
    /// The numbers of enabled webhooks that were not told of all events.
    pub(crate) async fn webhooks_behind(&self) -> Result<Vec<i64>> {
        let found = query(
            "SELECT w.webhook_id FROM webhooks w WHERE w.enabled = TRUE AND EXISTS \
             (SELECT 1 FROM events e WHERE e.tenant_id = w.tenant_id AND e.event_id > w.seen_event AND e.created_at_ms <= ?)",
        );
        let found: Vec<(i64,)> = self.all(found.bind(self.settled_until_ms())).await?;
        Ok(found.into_iter().map(|(number,)| number).collect())
    }

    /// Makes deliveries of the next events for a webhook, each once, whoever else does the same. `body` says what
    /// the receiver reads of an event.
    pub(crate) async fn make_deliveries(
        &self,
        webhook: i64,
        body: impl Fn(&Event) -> String,
    ) -> Result<()> {
        let (settled, body) = (self.settled_until_ms(), &body);
        self.durable(|tx| async move {
            let row = webhooks::held_by_number(&tx, webhook).await?;
            let Some(row) = row.filter(|row| row.enabled) else {
                return Ok(());
            };
            let found = query(
                "SELECT event_id, id, kind, subject, detail, created_at_ms FROM events \
                 WHERE tenant_id = ? AND event_id > ? AND created_at_ms <= ? ORDER BY event_id LIMIT ?",
            );
            let found = found.bind(&row.tenant_id);
            let found: Vec<Event> = tx
                .all(found.bind(row.seen_event).bind(settled).bind(BATCH))
                .await?;
            for event in found.iter().filter(|event| row.wants(&event.kind)) {
                add(&tx, webhook, &event.id, &event.kind, &body(event)).await?;
            }
            let Some(last) = found.last() else {
                return Ok(());
            };
            let seen = query("UPDATE webhooks SET seen_event = ? WHERE webhook_id = ?");
            tx.execute(seen.bind(last.event_id).bind(webhook))
                .await
                .map(drop)
        })
        .await
    }

    /// Makes a delivery of no event; returns its id.
    pub(crate) async fn add_delivery(
        &self,
        webhook: i64,
        message: &str,
        kind: &str,
        body: &str,
    ) -> Result<String> {
        self.durable(|tx| async move {
            let id = add(&tx, webhook, message, kind, body).await?;
            idempotency::note(&tx, &id).await?;
            Ok(id)
        })
        .await
    }

    /// The numbers of webhooks with deliveries whose time has come.
    pub(crate) async fn webhooks_due(&self, now_ms: i64) -> Result<Vec<i64>> {
        let found = query(
            "SELECT DISTINCT webhook_id FROM webhook_deliveries WHERE state = 'pending' AND next_attempt_at_ms <= ?",
        );
        let found: Vec<(i64,)> = self.all(found.bind(now_ms)).await?;
        Ok(found.into_iter().map(|(number,)| number).collect())
    }

    /// The deliveries of a webhook whose time has come, the longest ago first.
    pub(crate) async fn deliveries_due(
        &self,
        webhook: i64,
        now_ms: i64,
        limit: i64,
    ) -> Result<Vec<Delivery>> {
        let found = select!(
            "WHERE webhook_id = ? AND state = 'pending' AND next_attempt_at_ms <= ? \
             ORDER BY next_attempt_at_ms, webhook_delivery_id LIMIT ?"
        );
        self.all(found.bind(webhook).bind(now_ms).bind(limit)).await
    }

    /// Takes a delivery for an attempt, which others may take over at a time; `false` when somebody else has.
    pub(crate) async fn claim_delivery(&self, due: &Delivery, until_ms: i64) -> Result<bool> {
        let claimed = self.durable(|tx| async move {
            let claim = query(
                "UPDATE webhook_deliveries SET attempts = attempts + 1, tries = tries + 1, attempting = TRUE, \
                 next_attempt_at_ms = ? WHERE webhook_delivery_id = ? AND state = 'pending' AND attempts = ? \
                 AND next_attempt_at_ms = ?",
            );
            let claim = claim.bind(until_ms).bind(due.webhook_delivery_id);
            tx.execute(claim.bind(due.attempts).bind(due.next_attempt_at_ms))
                .await
        });
        Ok(claimed.await? == 1)
    }

    /// Lets the deliveries go that a process had, of which nothing is left.
    pub(crate) async fn release_deliveries(&self) -> Result<u64> {
        self.durable(|tx| async move {
            let released = query(
                "UPDATE webhook_deliveries SET attempting = FALSE, next_attempt_at_ms = ? \
                 WHERE attempting = TRUE AND state = 'pending'",
            );
            tx.execute(released.bind(clock::now_ms())).await
        })
        .await
    }

    /// Notes what came of the attempt that `due` was claimed for, unless somebody took it over.
    pub(crate) async fn settle_delivery(
        &self,
        webhook: &Webhook,
        due: &Delivery,
        attempted: &Attempted,
        after: After,
        disable: Option<Disable<'_>>,
    ) -> Result<()> {
        self.durable(|tx| async move {
            let Some(webhook) = webhooks::held_by_number(&tx, webhook.webhook_id).await? else {
                return Ok(());
            };
            if !note(&tx, due, attempted, after).await? {
                return Ok(());
            }
            let failing = match after {
                After::Delivered => None,
                _ => Some(webhook.failing_since_ms.unwrap_or(attempted.at_ms)),
            };
            if failing != webhook.failing_since_ms {
                let failing_since =
                    query("UPDATE webhooks SET failing_since_ms = ? WHERE webhook_id = ?");
                tx.execute(failing_since.bind(failing).bind(webhook.webhook_id))
                    .await?;
            }
            match (disable, failing) {
                (Some(Disable::Now(why)), _) if webhook.enabled => {
                    webhooks::disable(&tx, &webhook, why).await
                }
                (Some(Disable::AfterFailing(most, why)), Some(since))
                    if webhook.enabled && attempted.at_ms - since >= most =>
                {
                    webhooks::disable(&tx, &webhook, why).await
                }
                _ => Ok(()),
            }
        })
        .await
    }

    /// A page of the deliveries of a webhook, newest first.
    pub(crate) async fn deliveries(
        &self,
        webhook: i64,
        state: Option<State>,
        page: Page,
    ) -> Result<Vec<Delivery>> {
        let found = select!(
            "WHERE webhook_id = ? AND (? IS NULL OR state = ?) AND webhook_delivery_id < ? \
             ORDER BY webhook_delivery_id DESC LIMIT ?"
        );
        let found = found.bind(webhook).bind(state).bind(state);
        self.all(found.bind(page.before).bind(page.limit)).await
    }

    /// A delivery of a webhook by its id.
    pub(crate) async fn delivery(&self, webhook: i64, id: &str) -> Result<Option<Delivery>> {
        let found = select!("WHERE webhook_id = ? AND id = ?");
        self.optional(found.bind(webhook).bind(id)).await
    }

    /// Attempts a delivery again, at once, whatever came of it; `false` when there is none.
    pub(crate) async fn resend_delivery(&self, webhook: i64, id: &str) -> Result<bool> {
        self.durable(|tx| async move {
            let again = query(
                "UPDATE webhook_deliveries SET state = 'pending', tries = 0, attempting = FALSE, next_attempt_at_ms = ? \
                 WHERE webhook_id = ? AND id = ?",
            );
            let again = again.bind(clock::now_ms()).bind(webhook).bind(id);
            let there = tx.execute(again).await? == 1;
            if there {
                idempotency::note(&tx, id).await?;
            }
            Ok(there)
        })
        .await
    }

    /// Forgets deliveries that were made before a time (of the wall clock) and are over. Returns how many.
    pub(crate) async fn forget_deliveries(&self, before_ms: i64) -> Result<u64> {
        self.quick(|tx| async move {
            let old = query(
                "DELETE FROM webhook_deliveries WHERE created_at_ms < ? AND state <> 'pending'",
            );
            tx.execute(old.bind(before_ms)).await
        })
        .await
    }
}

async fn add(
    tx: &Transaction,
    webhook: i64,
    message: &str,
    kind: &str,
    body: &str,
) -> Result<String> {
    let id = id::tagged("whd").map_err(Error::Io)?;
    let new = query(
        "INSERT INTO webhook_deliveries (id, webhook_id, message, kind, body, state, next_attempt_at_ms, created_at_ms) \
         VALUES (?, ?, ?, ?, ?, 'pending', ?, ?)",
    );
    let now = clock::now_ms();
    let new = new.bind(id.as_str()).bind(webhook).bind(message).bind(kind);
    tx.execute(new.bind(body).bind(now).bind(now)).await?;
    Ok(id)
}

/// Notes an attempt; `false` when it is not the last one that began.
async fn note(
    tx: &Transaction,
    due: &Delivery,
    attempted: &Attempted,
    after: After,
) -> Result<bool> {
    let (state, next) = match after {
        After::Delivered => (State::Delivered, None),
        After::Again(at_ms) => (State::Pending, Some(at_ms)),
        After::Failed => (State::Failed, None),
    };
    let noted = query(
        "UPDATE webhook_deliveries SET state = ?, next_attempt_at_ms = ?, attempting = FALSE, attempted_at_ms = ?, \
         duration_ms = ?, answer_status = ?, answer = ?, failure = ? WHERE webhook_delivery_id = ? AND attempts = ?",
    );
    let noted = noted.bind(state).bind(next).bind(attempted.at_ms);
    let noted = noted
        .bind(attempted.duration_ms)
        .bind(attempted.answer_status);
    let noted = noted
        .bind(attempted.answer.as_deref())
        .bind(attempted.failure.as_deref());
    let noted = noted.bind(due.webhook_delivery_id).bind(due.attempts + 1);
    Ok(tx.execute(noted).await? == 1)
}
