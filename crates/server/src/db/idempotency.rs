//! Requests that a client named, so that sent again they do nothing twice.
//!
//! A request holds its row by a lease. What it makes is noted in the row in the transaction that makes it, so that whoever
//! takes the row over from a process that died knows whether it is made already.

use super::{Database, Error, Result, Transaction, is_taken, query};
use crate::clock;

/// How long answers are kept: 24 hours.
pub(crate) const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

tokio::task_local! {
    static CURRENT: Ticket;
}

/// One try at a request that has a name.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    /// Whose name it is.
    pub(crate) scope: String,
    /// The name that the client gave.
    pub(crate) name: String,
    /// This try, and no other one.
    pub(crate) owner: String,
    /// The process.
    pub(crate) run: String,
}

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is this try's now; what an earlier one made, if it did.
    Held(Option<String>),
    /// Another try is at it.
    Busy,
    /// It was given to another request.
    Reused,
    /// It was answered: status, and the wrapped answer.
    Answered(i64, Vec<u8>),
}

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: String,
    subject: Option<String>,
    status: Option<i64>,
    answer: Option<Vec<u8>>,
    created_at_ms: i64,
}

impl Ticket {
    /// Runs work whose first thing made is noted as that of this try.
    pub(crate) async fn watch<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

/// Notes what the request under way has made, if it has a name.
///
/// # Errors
/// When another try has taken the name over: then this one must make nothing.
pub(super) async fn note(tx: &Transaction, subject: &str) -> Result<()> {
    let Ok(ticket) = CURRENT.try_with(Clone::clone) else {
        return Ok(());
    };
    let note = query(
        "UPDATE idempotency_keys SET subject = COALESCE(subject, ?) \
         WHERE scope = ? AND name = ? AND owner = ?",
    );
    let note = note.bind(subject).bind(&ticket.scope).bind(&ticket.name);
    // MySQL counts rows that were met, here as everywhere in this layer.
    match tx.execute(note.bind(&ticket.owner)).await? {
        0 => Err(Error::Protocol(
            "the request was taken over by another try with its Idempotency-Key".into(),
        )),
        _ => Ok(()),
    }
}

impl Database {
    /// Takes a name for a request of this fingerprint, or says why not.
    pub(crate) async fn begin_once(
        &self,
        ticket: &Ticket,
        fingerprint: &str,
        lease_ms: i64,
    ) -> Result<Begun> {
        let first = self.try_begin(ticket, fingerprint, lease_ms).await;
        match first {
            // Somebody began at the same moment: now there is a row to look at.
            Err(error) if is_taken(&error) => self.try_begin(ticket, fingerprint, lease_ms).await,
            first => first,
        }
    }

    async fn try_begin(&self, ticket: &Ticket, fingerprint: &str, lease_ms: i64) -> Result<Begun> {
        let (now, embedded) = (clock::now_ms(), self.is_embedded());
        self.durable(|tx| async move {
            let known = query(
                "SELECT fingerprint, subject, status, answer, created_at_ms FROM idempotency_keys \
                 WHERE scope = ? AND name = ? {for_update}",
            );
            let known = known.bind(&ticket.scope).bind(&ticket.name);
            match tx.optional::<Row>(known).await? {
                Some(row) if row.created_at_ms >= now - KEPT_MS => {
                    look(&tx, ticket, row, fingerprint, (lease_ms, embedded)).await
                }
                old => {
                    if old.is_some() {
                        let forget =
                            query("DELETE FROM idempotency_keys WHERE scope = ? AND name = ?");
                        tx.execute(forget.bind(&ticket.scope).bind(&ticket.name))
                            .await?;
                    }
                    let insert = query(
                        "INSERT INTO idempotency_keys (scope, name, fingerprint, owner, run, \
                         lease_until_ms, created_at_ms) VALUES (?, ?, ?, ?, ?, {lease_now} + ?, ?)",
                    );
                    let insert = insert.bind(&ticket.scope).bind(&ticket.name);
                    let insert = insert.bind(fingerprint).bind(&ticket.owner);
                    let insert = insert.bind(&ticket.run).bind(lease_ms).bind(now);
                    tx.insert("seq", insert).await?;
                    Ok(Begun::Held(None))
                }
            }
        })
        .await
    }

    /// Holds a name for longer.
    pub(crate) async fn renew_once(&self, ticket: &Ticket, lease_ms: i64) -> Result<()> {
        self.quick(|tx| async move {
            let renew = query(
                "UPDATE idempotency_keys SET lease_until_ms = {lease_now} + ? \
                 WHERE scope = ? AND name = ? AND owner = ? AND status IS NULL",
            );
            let renew = renew.bind(lease_ms).bind(&ticket.scope);
            tx.execute(renew.bind(&ticket.name).bind(&ticket.owner))
                .await
                .map(drop)
        })
        .await
    }

    /// Keeps the answer, durably.
    pub(crate) async fn end_once(&self, ticket: &Ticket, status: u16, answer: &[u8]) -> Result<()> {
        self.durable(|tx| async move {
            let end = query(
                "UPDATE idempotency_keys SET status = ?, answer = ? \
                 WHERE scope = ? AND name = ? AND owner = ? AND status IS NULL",
            );
            let end = end.bind(i64::from(status)).bind(answer);
            let end = end.bind(&ticket.scope).bind(&ticket.name);
            tx.execute(end.bind(&ticket.owner)).await.map(drop)
        })
        .await
    }

    /// Lets a name go without an answer: the same request, sent again, is tried again.
    pub(crate) async fn release_once(&self, ticket: &Ticket) -> Result<()> {
        self.quick(|tx| async move {
            let release = query(
                "UPDATE idempotency_keys SET lease_until_ms = 0 \
                 WHERE scope = ? AND name = ? AND owner = ? AND status IS NULL",
            );
            let release = release.bind(&ticket.scope).bind(&ticket.name);
            tx.execute(release.bind(&ticket.owner)).await.map(drop)
        })
        .await
    }

    /// Forgets names older than 24 hours. Returns how many.
    pub(crate) async fn forget_once(&self) -> Result<u64> {
        let old = clock::now_ms() - KEPT_MS;
        self.quick(|tx| async move {
            tx.execute(query("DELETE FROM idempotency_keys WHERE created_at_ms < ?").bind(old))
                .await
        })
        .await
    }
}

/// What a known name means for this try.
async fn look(
    tx: &Transaction,
    ticket: &Ticket,
    row: Row,
    fingerprint: &str,
    (lease_ms, embedded): (i64, bool),
) -> Result<Begun> {
    if row.fingerprint != fingerprint {
        return Ok(Begun::Reused);
    }
    if let (Some(status), Some(answer)) = (row.status, row.answer) {
        return Ok(Begun::Answered(status, answer));
    }
    // One process alone serves an embedded database: a row of another process is that of a dead one.
    let take = query(
        "UPDATE idempotency_keys SET owner = ?, run = ?, lease_until_ms = {lease_now} + ? \
         WHERE scope = ? AND name = ? AND (lease_until_ms < {lease_now} OR (? AND run <> ?))",
    );
    let take = take.bind(&ticket.owner).bind(&ticket.run).bind(lease_ms);
    let take = take.bind(&ticket.scope).bind(&ticket.name);
    let taken = tx.execute(take.bind(embedded).bind(&ticket.run)).await?;
    Ok(match taken {
        0 => Begun::Busy,
        _ => Begun::Held(row.subject),
    })
}

#[cfg(test)]
mod tests {
    use super::super::engines::{Engine, on_all_engines, open};
    use super::*;

    fn ticket(owner: &str, run: &str) -> Ticket {
        Ticket {
            scope: String::new(),
            name: "order 7".into(),
            owner: owner.into(),
            run: run.into(),
        }
    }

    on_all_engines! {

    async fn a_name_is_for_one_request_and_one_try_at_a_time(engine: Engine) {
        let (_dir, db) = open(engine).await;
        let (one, two) = (ticket("one", "run"), ticket("two", "run"));
        assert_eq!(db.begin_once(&one, "f", 60_000).await.unwrap(), Begun::Held(None));
        assert_eq!(db.begin_once(&two, "f", 60_000).await.unwrap(), Begun::Busy);
        assert_eq!(db.begin_once(&two, "g", 60_000).await.unwrap(), Begun::Reused);
        db.release_once(&one).await.unwrap();
        assert_eq!(db.begin_once(&two, "f", 60_000).await.unwrap(), Begun::Held(None));
        // Who lost the name makes nothing; who has it notes what is made.
        let make = |ticket: &Ticket, subject: &'static str| {
            let work = db.durable(move |tx| async move { note(&tx, subject).await });
            ticket.clone().watch(work)
        };
        make(&one, "pkg_1").await.unwrap_err();
        make(&two, "pkg_2").await.unwrap();
        make(&two, "pkg_3").await.unwrap();
        db.release_once(&two).await.unwrap();
        let held = db.begin_once(&one, "f", 60_000).await.unwrap();
        assert_eq!(held, Begun::Held(Some("pkg_2".into())));
        db.end_once(&one, 202, b"sealed").await.unwrap();
        let answered = db.begin_once(&two, "f", 60_000).await.unwrap();
        assert_eq!(answered, Begun::Answered(202, b"sealed".to_vec()));
        assert_eq!(db.forget_once().await.unwrap(), 0);
    }

    async fn a_name_of_a_dead_process_is_free(engine: Engine) {
        let (_dir, db) = open(engine).await;
        let held = db.begin_once(&ticket("one", "dead"), "f", 60_000).await.unwrap();
        assert_eq!(held, Begun::Held(None));
        let next = db.begin_once(&ticket("two", "alive"), "f", 60_000).await.unwrap();
        // On the network nobody knows who is dead but by the lease.
        let expect = if db.is_embedded() { Begun::Held(None) } else { Begun::Busy };
        assert_eq!(next, expect);
    }

    }
}
