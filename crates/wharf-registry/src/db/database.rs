//! The database as the rest of the registry sees it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use tracing::{Instrument as _, info_span};

use super::figures::DatabaseFigures;
use super::postgres::{Postgres, PostgresSettings};
use super::schema::{Dialect, SchemaWish};
use super::sql::{Cause, Change, Sql, SqlError};
use super::sqlite::Sqlite;
use crate::clock::Clock;

/// A database with the registry's schema. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    backend: Backend,
    listener: Listener,
    figures: Arc<DatabaseFigures>,
}

/// Who is told what a commit touched, before anybody else.
#[derive(Clone, Default)]
pub(super) struct Listener(Arc<OnceLock<Tell>>);

type Tell = Box<dyn Fn(&[Change]) + Send + Sync>;

impl Listener {
    pub(super) fn tell(&self, changes: &[Change]) {
        if let Some(listener) = self.0.get() {
            listener(changes);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

#[derive(Debug, Clone)]
enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// What a power loss may take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: what is acknowledged to a client.
    Full,
    /// The last moments: counters, upload sessions, what was last used.
    Relaxed,
}

/// A question, on a thread with a connection.
pub(super) type ReadJob = Box<dyn FnOnce(Result<&mut dyn Sql, SqlError>) + Send>;

/// A question of one statement. Where it fails for the first time, it is asked again.
pub(super) type AskJob = Box<dyn FnMut(Result<&mut dyn Sql, SqlError>, Attempt) -> Asked + Send>;

/// How often a question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// For the first time.
    First,
    /// Whatever comes is the answer.
    Last,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whoever asked has the answer.
    Answered,
    /// It failed, perhaps because of the connection.
    Again,
}

/// A change, on a thread with a connection.
pub(super) trait WriteJob: Send {
    /// Whether a power loss may take it back.
    fn durability(&self) -> Durability;

    /// Runs the statements within a transaction; `false` if they are to be rolled back. May be called again when the
    /// database asks for that.
    fn run(&mut self, sql: &mut dyn Sql) -> bool;

    /// Answers whoever waits, after the transaction has ended.
    fn answer(self: Box<Self>, committed: Result<(), SqlError>);
}

struct Pending<T, E, F> {
    durability: Durability,
    change: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> WriteJob for Pending<T, E, F>
where
    T: Send,
    E: From<SqlError> + Send,
    F: FnMut(&mut dyn Sql) -> Result<T, E> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, sql: &mut dyn Sql) -> bool {
        let outcome = (self.change)(sql);
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), SqlError>) {
        let answer = match (self.outcome, committed) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(stopped().into()),
        };
        // Whoever asked may have gone; the change stands all the same.
        let _asker_may_be_gone = self.reply.send(answer);
    }
}

impl Database {
    /// Opens an SQLite database in the file `path`, makes it if it is not there and brings its schema up to date.
    /// Waits for the disk.
    pub fn open_sqlite(path: &Path, clock: &Clock) -> Result<Self, SqlError> {
        Self::open_sqlite_with(path, clock, SchemaWish::Current)
    }

    /// As [`Database::open_sqlite`], with another wish about the schema.
    pub fn open_sqlite_with(
        path: &Path,
        clock: &Clock,
        wish: SchemaWish,
    ) -> Result<Self, SqlError> {
        let listener = Listener::default();
        Ok(Self {
            backend: Backend::Sqlite(Sqlite::open(path, clock, wish, listener.clone())?),
            listener,
            figures: Arc::default(),
        })
    }

    /// Connects to a PostgreSQL database and brings its schema up to date. Waits for the network; several nodes may do this
    /// at once.
    pub fn open_postgres(settings: &PostgresSettings, clock: &Clock) -> Result<Self, SqlError> {
        Self::open_postgres_with(settings, clock, SchemaWish::Current)
    }

    /// As [`Database::open_postgres`], with another wish about the schema.
    pub fn open_postgres_with(
        settings: &PostgresSettings,
        clock: &Clock,
        wish: SchemaWish,
    ) -> Result<Self, SqlError> {
        Ok(Self {
            backend: Backend::Postgres(Postgres::open(settings, clock, wish)?),
            listener: Listener::default(),
            figures: Arc::default(),
        })
    }

    /// Asks, on a snapshot.
    pub async fn read<T, E>(
        &self,
        question: impl FnOnce(&mut dyn Sql) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| {
            let outcome = match connection {
                Ok(sql) => question(sql),
                Err(error) => Err(error.into()),
            };
            let _asker_may_be_gone = reply.send(outcome);
        });
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.read(job),
            Backend::Postgres(postgres) => postgres.read(job),
        }
        let answered = async { answer.await.unwrap_or_else(|_| Err(stopped().into())) };
        let span = info_span!(target: "spans", "database read", otel.kind = "client");
        self.figures.of_read(answered).instrument(span).await
    }

    /// As [`Database::read`], for a question that is one statement: it needs no transaction around it, which over a network
    /// is two thirds of the way. It may be asked twice, when the connection turns out to be broken.
    pub async fn ask<T, E>(
        &self,
        question: impl Fn(&mut dyn Sql) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let Backend::Postgres(postgres) = &self.backend else {
            return self.read(question).await;
        };
        let (reply, answer) = oneshot::channel();
        let mut reply = Some(reply);
        let job: AskJob = Box::new(move |connection, attempt| {
            let outcome = match connection {
                Ok(sql) => question(sql),
                Err(error) => Err(error.into()),
            };
            if outcome.is_err() && attempt == Attempt::First {
                return Asked::Again;
            }
            if let Some(reply) = reply.take() {
                let _asker_may_be_gone = reply.send(outcome);
            }
            Asked::Answered
        });
        postgres.ask(job);
        let answered = async { answer.await.unwrap_or_else(|_| Err(stopped().into())) };
        let span = info_span!(target: "spans", "database read", otel.kind = "client");
        self.figures.of_read(answered).instrument(span).await
    }

    /// Changes, in one serialisable transaction that is rolled back when `change` fails. It may be run more than once,
    /// so it must change nothing outside. The change is made even if the caller stops waiting.
    pub async fn write<T, E>(
        &self,
        durability: Durability,
        change: impl FnMut(&mut dyn Sql) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending {
            durability,
            change,
            outcome: None,
            reply,
        });
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.write(job),
            Backend::Postgres(postgres) => postgres.write(job),
        }
        let answered = async { answer.await.unwrap_or_else(|_| Err(stopped().into())) };
        let span = info_span!(target: "spans", "database write", otel.kind = "client");
        self.figures.of_write(answered).instrument(span).await
    }

    /// Which kind it is.
    pub(crate) fn dialect(&self) -> Dialect {
        match &self.backend {
            Backend::Sqlite(_) => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// What was counted so far.
    pub(crate) fn figures(&self) -> &DatabaseFigures {
        &self.figures
    }

    /// Has `listener` told what each commit touches, after it and before anybody is answered. Once; a shared database tells
    /// nothing.
    pub(crate) fn on_change(&self, listener: impl Fn(&[Change]) + Send + Sync + 'static) {
        let _only_the_first_counts = self.listener.0.set(Box::new(listener));
    }

    /// Whether several processes may use it at once, so that nothing may be remembered between questions.
    pub fn is_shared(&self) -> bool {
        match &self.backend {
            Backend::Sqlite(_) => false,
            Backend::Postgres(_) => true,
        }
    }
}

fn stopped() -> SqlError {
    SqlError::Unavailable(Cause::new("its threads have ended"))
}
