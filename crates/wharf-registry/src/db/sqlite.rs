//! SQLite: one thread that writes, a few that read.
//!
//! The writer takes all changes that have queued up into one transaction, each in a savepoint of its own, so that one
//! sync of the disk answers them all.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::audit::{self, AuditEntry};
use super::database::{Durability, Listener, ReadJob, WriteJob};
use super::schema::{self, SchemaWish};
use super::sql::{Cause, Change, Sql, SqlError, Touched, touched};
use super::value::{Row, Value};
use crate::clock::Clock;

/// Threads that read. More than the cores that these machines have only helps while the disk is slow.
const READERS: usize = 4;
/// Most changes in one transaction: bounds how long the first of them waits.
const BATCH: usize = 128;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 128;

/// An open database. Its threads end when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Sqlite {
    threads: Arc<Threads>,
}

struct Threads {
    reads: mpsc::Sender<ReadJob>,
    writes: mpsc::Sender<Box<dyn WriteJob>>,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sqlite")
    }
}

impl Sqlite {
    pub(super) fn open(
        path: &Path,
        clock: &Clock,
        wish: SchemaWish,
        listener: Listener,
    ) -> Result<Self, SqlError> {
        if wish == SchemaWish::AsItIs && !path.is_file() {
            let path = path.display();
            return Err(SqlError::Failed(Cause::new(format!(
                "there is no file {path}"
            ))));
        }
        let mut writer = open_writer(path)?;
        schema::migrate(&mut writer, schema::Dialect::Sqlite, clock, wish)?;
        let (write_sender, write_receiver) = mpsc::channel();
        spawn("database writer", move || {
            write_loop(&mut writer, &write_receiver, &listener);
        })?;
        let (read_sender, read_receiver) = mpsc::channel();
        let read_receiver = Arc::new(Mutex::new(read_receiver));
        for number in 0..READERS {
            let mut reader = open_reader(path)?;
            let jobs = Arc::clone(&read_receiver);
            spawn(&format!("database reader {number}"), move || {
                read_loop(&mut reader, &jobs);
            })?;
        }
        Ok(Self {
            threads: Arc::new(Threads {
                reads: read_sender,
                writes: write_sender,
            }),
        })
    }

    /// A job that cannot be sent is dropped, which its asker notices.
    pub(super) fn read(&self, job: ReadJob) {
        let _threads_may_have_ended = self.threads.reads.send(job);
    }

    pub(super) fn write(&self, job: Box<dyn WriteJob>) {
        let _thread_may_have_ended = self.threads.writes.send(job);
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), SqlError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| SqlError::Failed(Cause::new(error)))
}

fn read_loop(connection: &mut SqliteConnection, jobs: &Mutex<mpsc::Receiver<ReadJob>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        match connection.run("BEGIN") {
            Ok(()) => {
                job(Ok(connection));
                // A snapshot has nothing to lose, and if it cannot be given up, the next BEGIN says so.
                let _nothing_to_lose = connection.run("COMMIT");
            }
            Err(error) => job(Err(error)),
        }
    }
}

fn write_loop(
    connection: &mut SqliteConnection,
    jobs: &mpsc::Receiver<Box<dyn WriteJob>>,
    listener: &Listener,
) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = jobs.try_recv()
        {
            batch.push(next);
        }
        let committed = write_batch(connection, &mut batch);
        if committed.is_ok() {
            // Before anybody is told: who is told of a change and asks again gets the new answer.
            listener.tell(&connection.changes);
            audit::log(&connection.audited);
        }
        connection.changes.clear();
        connection.audited.clear();
        for job in batch {
            job.answer(committed.clone());
        }
    }
}

fn write_batch(
    connection: &mut SqliteConnection,
    batch: &mut [Box<dyn WriteJob>],
) -> Result<(), SqlError> {
    let durable = batch.iter().any(|job| job.durability() == Durability::Full);
    connection.synchronise(durable)?;
    connection.run("BEGIN IMMEDIATE")?;
    for job in batch {
        let outcome = connection.run("SAVEPOINT change").and_then(|()| {
            let audited = connection.audited.len();
            let keep = job.run(connection);
            connection.end_of_change();
            if !keep {
                connection.audited.truncate(audited);
            }
            if keep {
                connection.run("RELEASE change")
            } else {
                connection.run("ROLLBACK TO change")?;
                connection.run("RELEASE change")
            }
        });
        if let Err(error) = outcome {
            let _the_first_error_counts = connection.run("ROLLBACK");
            return Err(error);
        }
    }
    connection.run("COMMIT").inspect_err(|_| {
        let _the_first_error_counts = connection.run("ROLLBACK");
    })
}

/// A database that nobody else sees and that goes with the connection, for tests that run transactions one by one.
#[cfg(test)]
pub(crate) fn in_memory() -> Box<dyn Sql> {
    let connection = Connection::open_in_memory().expect("a database in memory");
    let mut connection = prepared(connection);
    connection
        .pragmas("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")
        .expect("its settings");
    schema::migrate(
        &mut connection,
        schema::Dialect::Sqlite,
        &Clock::system(),
        SchemaWish::Current,
    )
    .expect("its schema");
    Box::new(connection)
}

/// A connection of one thread.
pub(super) struct SqliteConnection {
    connection: Connection,
    durable: bool,
    /// What this transaction touches.
    changes: Vec<Change>,
    /// What is to be logged when this transaction is committed.
    audited: Vec<AuditEntry>,
    /// Whether the change that runs touched contents of repositories, and whether it said of which.
    contents: (bool, bool),
}

fn open_writer(path: &Path) -> Result<SqliteConnection, SqlError> {
    let connection = Connection::open(path).map_err(|error| opening(path, error))?;
    let mut connection = prepared(connection);
    connection.pragmas(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA busy_timeout = 10000; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY",
    )?;
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<SqliteConnection, SqlError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| opening(path, error))?;
    let mut connection = prepared(connection);
    connection.pragmas(
        "PRAGMA busy_timeout = 10000; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY",
    )?;
    Ok(connection)
}

fn prepared(connection: Connection) -> SqliteConnection {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    SqliteConnection {
        connection,
        durable: true,
        changes: Vec::new(),
        audited: Vec::new(),
        contents: (false, false),
    }
}

fn opening(path: &Path, error: rusqlite::Error) -> SqlError {
    let path: PathBuf = path.to_owned();
    match translated(error) {
        SqlError::Unavailable(cause) => SqlError::Unavailable(cause),
        other => SqlError::Failed(Cause::new(format!(
            "{} cannot be opened: {}",
            path.display(),
            std::error::Error::source(&other).map_or_else(String::new, ToString::to_string)
        ))),
    }
}

impl SqliteConnection {
    fn run(&self, statement: &str) -> Result<(), SqlError> {
        self.connection
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(translated)
    }

    fn pragmas(&mut self, statements: &str) -> Result<(), SqlError> {
        self.connection
            .execute_batch(statements)
            .map_err(translated)
    }

    /// Whether the next commit waits for the disk. A later one that does also makes the earlier ones durable.
    fn synchronise(&mut self, durable: bool) -> Result<(), SqlError> {
        if self.durable != durable {
            self.pragmas(if durable {
                "PRAGMA synchronous = FULL"
            } else {
                "PRAGMA synchronous = NORMAL"
            })?;
            self.durable = durable;
        }
        Ok(())
    }
}

impl SqliteConnection {
    fn touch(&mut self, statement: &str) {
        match touched(statement) {
            Some(Touched::Access) if !self.changes.contains(&Change::Access) => {
                self.changes.push(Change::Access);
            }
            Some(Touched::Contents) => self.contents.0 = true,
            Some(Touched::Access) | None => {}
        }
    }

    fn end_of_change(&mut self) {
        if self.contents == (true, false) {
            self.changes.push(Change::AllRepositories);
        }
        self.contents = (false, false);
    }
}

impl Sql for SqliteConnection {
    fn touches_repository(&mut self, repository: i64) {
        self.contents.1 = true;
        self.changes.push(Change::Repository(repository));
    }

    fn logs(&mut self, entry: &AuditEntry) {
        self.audited.push(entry.clone());
    }

    fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        self.touch(statement);
        let mut statement = self
            .connection
            .prepare_cached(statement)
            .map_err(translated)?;
        let changed = statement
            .execute(rusqlite::params_from_iter(parameters))
            .map_err(translated)?;
        Ok(changed as u64)
    }

    fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        self.touch(statement);
        let mut statement = self
            .connection
            .prepare_cached(statement)
            .map_err(translated)?;
        let columns = statement.column_count();
        let mut rows = statement
            .query(rusqlite::params_from_iter(parameters))
            .map_err(translated)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(translated)? {
            let values = (0..columns).map(|index| row.get_ref(index).map(owned));
            found.push(Row::new(
                values.collect::<Result<_, _>>().map_err(translated)?,
            ));
        }
        Ok(found)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        // Only an average could be one, and no statement here asks for any.
        ValueRef::Real(number) => Value::Text(number.to_string()),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

fn translated(error: rusqlite::Error) -> SqlError {
    let code = error.sqlite_error_code();
    let cause = Cause::new(error);
    match code {
        Some(ErrorCode::ConstraintViolation) => SqlError::Constraint(cause),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqlError::Unavailable(cause),
        Some(ErrorCode::DiskFull) => SqlError::Full(cause),
        _ => SqlError::Failed(cause),
    }
}
