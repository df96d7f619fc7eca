//! PostgreSQL: a few threads with a connection each.
//!
//! A change is one serialisable transaction and is run again when the database says that it met another one. Whatever
//! a node remembers between two questions another node could have changed: so nothing is remembered.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Statement};
use rustls::ClientConfig;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::audit::{self, AuditEntry};
use super::database::{AskJob, Asked, Attempt, Durability, ReadJob, WriteJob};
use super::schema::{self, SchemaWish};
use super::sql::{Cause, Sql, SqlError};
use super::value::{Row, Value};
use crate::clock::Clock;

/// How often a change is run before the database counts as overloaded.
const ATTEMPTS: u32 = 12;
/// How often a change is run when a row that should be unique was there: another node may just have written it, and then
/// the change finds it.
const CONSTRAINT_ATTEMPTS: u32 = 2;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What every connection begins with: nothing may take longer than this, and nobody may hold a transaction open.
const SESSION: &str = "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '30s'; \
                       SET lock_timeout = '10s'";

/// Where the database is.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database?sslmode=require`, as libpq takes it.
    pub url: String,
    /// How many connections this node holds at most.
    pub connections: usize,
    /// What TLS trusts, where the address asks for TLS.
    pub tls: Arc<ClientConfig>,
}

impl fmt::Debug for PostgresSettings {
    /// The address may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// A database. Its threads end when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Postgres {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Read(ReadJob),
    Ask(AskJob),
    Write(Box<dyn WriteJob>),
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postgres")
    }
}

impl Postgres {
    pub(super) fn open(
        settings: &PostgresSettings,
        clock: &Clock,
        wish: SchemaWish,
    ) -> Result<Self, SqlError> {
        let config: postgres::Config = settings.url.parse().map_err(|error: postgres::Error| {
            SqlError::Failed(Cause::new(format!(
                "the database's address cannot be read: {error}"
            )))
        })?;
        let connector = Connector {
            config: Arc::new(config),
            tls: Arc::clone(&settings.tls),
        };
        let first = prepare(connector.clone(), clock.clone(), wish)?;
        let (jobs, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut connection = Some(first);
        for number in 0..settings.connections.max(1) {
            let worker = Worker {
                connector: connector.clone(),
                connection: connection.take(),
            };
            let jobs = Arc::clone(&receiver);
            thread::Builder::new()
                .name(format!("database {number}"))
                .spawn(move || worker.work(&jobs))
                .map_err(|error| SqlError::Failed(Cause::new(error)))?;
        }
        Ok(Self { jobs })
    }

    /// A job that cannot be sent is dropped, which its asker notices.
    pub(super) fn read(&self, job: ReadJob) {
        let _threads_may_have_ended = self.jobs.send(Job::Read(job));
    }

    pub(super) fn ask(&self, job: AskJob) {
        let _threads_may_have_ended = self.jobs.send(Job::Ask(job));
    }

    pub(super) fn write(&self, job: Box<dyn WriteJob>) {
        let _threads_may_have_ended = self.jobs.send(Job::Write(job));
    }
}

/// A first connection, to a database whose schema is up to date. The driver waits for the network in its own way and
/// refuses to on a thread of an async runtime: so on one of its own.
fn prepare(connector: Connector, clock: Clock, wish: SchemaWish) -> Result<Connection, SqlError> {
    let preparing = thread::spawn(move || {
        let mut first = connector.connect()?;
        migrate(&mut first, &clock, wish)?;
        Ok(first)
    });
    let crashed = |_panic| SqlError::Failed(Cause::new("its driver crashed"));
    preparing.join().map_err(crashed)?
}

/// Nodes that start at once migrate one after the other: who loses begins anew and finds it done.
fn migrate(connection: &mut Connection, clock: &Clock, wish: SchemaWish) -> Result<(), SqlError> {
    let mut attempt = 1;
    loop {
        connection.met_another = false;
        match schema::migrate(connection, schema::Dialect::Postgres, clock, wish) {
            Err(error) if attempt < ATTEMPTS => {
                let is_race = connection.met_another || matches!(error, SqlError::Constraint(_));
                if !is_race {
                    return Err(error);
                }
                wait_before(attempt);
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Makes connections.
#[derive(Clone)]
struct Connector {
    config: Arc<postgres::Config>,
    tls: Arc<ClientConfig>,
}

impl Connector {
    fn connect(&self) -> Result<Connection, SqlError> {
        let mut config = self.config.as_ref().clone();
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .application_name("wharf-registry");
        let tls = MakeRustlsConnect::new(self.tls.as_ref().clone());
        let mut client = config.connect(tls).map_err(unavailable)?;
        client.batch_execute(SESSION).map_err(unavailable)?;
        Ok(Connection {
            client,
            statements: HashMap::new(),
            met_another: false,
            audited: Vec::new(),
        })
    }
}

/// One thread with one connection.
struct Worker {
    connector: Connector,
    connection: Option<Connection>,
}

impl Worker {
    fn work(mut self, jobs: &Mutex<mpsc::Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match job {
                Ok(Job::Read(job)) => self.read(job),
                Ok(Job::Ask(job)) => self.ask(job),
                Ok(Job::Write(job)) => self.write(job),
                Err(_nobody_asks_any_more) => return,
            }
        }
    }

    fn read(&mut self, job: ReadJob) {
        match self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") {
            Ok(connection) => {
                job(Ok(connection));
                // A snapshot has nothing to lose.
                let _nothing_to_lose = connection.batch("COMMIT");
            }
            Err(error) => job(Err(error)),
        }
    }

    /// One statement, which is a transaction of its own.
    fn ask(&mut self, mut job: AskJob) {
        let asked = match self.connected() {
            Ok(connection) => job(Ok(connection), Attempt::First),
            Err(error) => job(Err(error), Attempt::First),
        };
        if asked == Asked::Answered {
            return;
        }
        self.connection = None;
        match self.connected() {
            Ok(connection) => job(Ok(connection), Attempt::Last),
            Err(error) => job(Err(error), Attempt::Last),
        };
    }

    /// The connection, made anew if there is none.
    fn connected(&mut self) -> Result<&mut Connection, SqlError> {
        if self.connection.is_none() {
            self.connection = Some(self.connector.connect()?);
        }
        self.connection
            .as_mut()
            .ok_or_else(|| SqlError::Unavailable(Cause::new("no connection")))
    }

    fn write(&mut self, mut job: Box<dyn WriteJob>) {
        let begin = match job.durability() {
            Durability::Full => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Durability::Relaxed => {
                "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL synchronous_commit = off"
            }
        };
        let mut attempt = 1;
        loop {
            let outcome = match self.begin(begin) {
                Ok(connection) => connection.attempt(&mut *job),
                Err(error) => Outcome::Ended(Err(error)),
            };
            match outcome {
                Outcome::MetAnother if attempt < ATTEMPTS => wait_before(attempt),
                Outcome::Constraint if attempt < CONSTRAINT_ATTEMPTS => {}
                Outcome::MetAnother => {
                    let cause = Cause::new("too many changes met each other");
                    return job.answer(Err(SqlError::Unavailable(cause)));
                }
                // The job itself has the error to answer with.
                Outcome::Constraint => return job.answer(Ok(())),
                Outcome::Ended(outcome) => return job.answer(outcome),
            }
            attempt += 1;
        }
    }

    /// Begins a transaction, on a new connection if the old one has gone: nothing was done on it yet.
    fn begin(&mut self, statement: &str) -> Result<&mut Connection, SqlError> {
        let is_usable = self.connection.as_mut().is_some_and(|connection| {
            !connection.client.is_closed() && connection.batch(statement).is_ok()
        });
        if !is_usable {
            self.connection = None;
            self.connected()?.batch(statement)?;
        }
        self.connected()
    }
}

/// How one run of a change ended.
enum Outcome {
    /// It has to be run again.
    MetAnother,
    /// A row was there that should not be.
    Constraint,
    /// Committed, or rolled back by its own wish, or failed.
    Ended(Result<(), SqlError>),
}

/// A connection of one thread.
struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
    /// A statement of this transaction met another transaction: it can only be run again.
    met_another: bool,
    /// What is to be logged when this transaction is committed.
    audited: Vec<AuditEntry>,
}

impl Connection {
    fn attempt(&mut self, job: &mut dyn WriteJob) -> Outcome {
        self.met_another = false;
        self.audited.clear();
        let mut watched = Watched {
            connection: self,
            broke_a_rule: false,
        };
        let keep = job.run(&mut watched);
        let broke_a_rule = watched.broke_a_rule;
        let ended = self.batch(if keep { "COMMIT" } else { "ROLLBACK" });
        if self.met_another {
            return Outcome::MetAnother;
        }
        if keep && ended.is_ok() {
            audit::log(&self.audited);
        }
        if broke_a_rule && !keep {
            return Outcome::Constraint;
        }
        Outcome::Ended(ended)
    }

    fn batch(&mut self, statement: &str) -> Result<(), SqlError> {
        let outcome = self.client.batch_execute(statement);
        outcome.map_err(|error| self.translated(error))
    }

    fn prepared(&mut self, statement: &str) -> Result<Statement, SqlError> {
        if let Some(prepared) = self.statements.get(statement) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(statement);
        let prepared = prepared.map_err(|error| self.translated(error))?;
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements
            .insert(statement.to_owned(), prepared.clone());
        Ok(prepared)
    }

    fn translated(&mut self, error: postgres::Error) -> SqlError {
        let Some(code) = error.code().cloned() else {
            return unavailable(error);
        };
        if code == SqlState::T_R_SERIALIZATION_FAILURE || code == SqlState::T_R_DEADLOCK_DETECTED {
            self.met_another = true;
        }
        let cause = Cause::new(error);
        match code.code().get(..2) {
            Some("23") => SqlError::Constraint(cause),
            Some("53") if code == SqlState::DISK_FULL => SqlError::Full(cause),
            Some("08" | "40" | "53" | "55" | "57") => SqlError::Unavailable(cause),
            _ => SqlError::Failed(cause),
        }
    }
}

impl Sql for Connection {
    fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let prepared = self.prepared(statement)?;
        let outcome = self.client.execute(&prepared, &borrowed(parameters));
        outcome.map_err(|error| self.translated(error))
    }

    fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let prepared = self.prepared(statement)?;
        let outcome = self.client.query(&prepared, &borrowed(parameters));
        let rows = outcome.map_err(|error| self.translated(error))?;
        rows.iter().map(owned_row).collect()
    }

    fn logs(&mut self, entry: &AuditEntry) {
        self.audited.push(entry.clone());
    }
}

/// Notes a broken rule, whatever the change makes of it.
struct Watched<'a> {
    connection: &'a mut Connection,
    broke_a_rule: bool,
}

impl Watched<'_> {
    fn seen<T>(&mut self, outcome: Result<T, SqlError>) -> Result<T, SqlError> {
        self.broke_a_rule |= matches!(outcome, Err(SqlError::Constraint(_)));
        outcome
    }
}

impl Sql for Watched<'_> {
    fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let outcome = self.connection.execute(statement, parameters);
        self.seen(outcome)
    }

    fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let outcome = self.connection.query(statement, parameters);
        self.seen(outcome)
    }

    fn logs(&mut self, entry: &AuditEntry) {
        self.connection.logs(entry);
    }
}

fn borrowed(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    parameters
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

fn owned_row(row: &postgres::Row) -> Result<Row, SqlError> {
    let columns = row.columns().iter().enumerate();
    let values = columns.map(|(index, column)| owned_value(row, index, column.type_()));
    Ok(Row::new(values.collect::<Result<_, _>>()?))
}

fn owned_value(row: &postgres::Row, index: usize, kind: &Type) -> Result<Value, SqlError> {
    let value = match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(index).map(Value::from),
        Type::INT4 => row
            .try_get::<_, Option<i32>>(index)
            .map(|number| Value::from(number.map(i64::from))),
        Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<String>>(index).map(Value::from),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index).map(Value::from),
        _ => {
            let cause = format!("column {index} is of type {kind}, which no statement here gives");
            return Err(SqlError::Failed(Cause::new(cause)));
        }
    };
    value.map_err(|error| SqlError::Failed(Cause::new(error)))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *kind == Type::INT4 => {
                i32::try_from(*number)?.to_sql(kind, out)
            }
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    /// Statements and values are both of this crate; a wrong type is answered by the database.
    fn accepts(_kind: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn unavailable(error: postgres::Error) -> SqlError {
    SqlError::Unavailable(Cause::new(error))
}

/// A little longer each time, and not the same for two that met.
#[expect(
    clippy::disallowed_methods,
    reason = "there is nothing to wait on but time"
)]
fn wait_before(attempt: u32) {
    let [random] = crate::random::bytes::<1>();
    let most = 1_u64 << attempt.min(8);
    thread::sleep(Duration::from_micros(most * (100 + 10 * u64::from(random))));
}
