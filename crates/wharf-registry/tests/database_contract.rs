//! What both databases promise, case by case, on each of them.

#![expect(
    clippy::disallowed_methods,
    reason = "a test runs a runtime of its own"
)]

use std::sync::Arc;

use testkit::PostgresServer;
use wharf_registry::Clock;
use wharf_registry::db::{Database, Durability, PostgresSettings, SqlError, keys, projects, users};

/// Runs a case on a fresh database of each kind.
async fn on_each<F: Future<Output = ()>>(case: impl Fn(Database) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("registry.db");
    let clock = Clock::system();
    case(Database::open_sqlite(&path, &clock).expect("SQLite opens")).await;
    let Some(server) = PostgresServer::shared() else {
        return;
    };
    case(postgres(&server.database())).await;
}

fn postgres(url: &str) -> Database {
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let settings = PostgresSettings {
        url: url.to_owned(),
        connections: 4,
        tls: Arc::new(tls),
    };
    Database::open_postgres(&settings, &Clock::system()).expect("PostgreSQL opens")
}

fn project(name: &str) -> projects::NewProject {
    projects::NewProject {
        name: name.to_owned(),
        owner: None,
        owner_name: "somebody".to_owned(),
        public: true,
        metadata: "{}".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_read() {
    on_each(|db| async move {
        let wish = project("one");
        let id = db
            .write(Durability::Full, move |sql| projects::insert(sql, &wish, 7))
            .await
            .unwrap();
        let found = db
            .read(|sql| projects::find(sql, "one"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((found.id, found.public, found.created), (id, true, 7));
        assert!(found.owner.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_leaves_nothing() {
    on_each(|db| async move {
        let outcome: Result<(), SqlError> = db
            .write(Durability::Full, |sql| {
                projects::insert(sql, &project("first"), 1)?;
                projects::insert(sql, &project("first"), 2)?;
                Ok(())
            })
            .await;
        assert!(
            matches!(outcome, Err(SqlError::Constraint(_))),
            "{outcome:?}"
        );
        assert_eq!(
            db.read(|sql| projects::find(sql, "first")).await.unwrap(),
            None
        );
        // And the connection works on.
        db.write(Durability::Relaxed, |sql| {
            projects::insert(sql, &project("first"), 3)
        })
        .await
        .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_are_as_if_one_came_after_the_other() {
    on_each(|db| async move {
        let tasks: Vec<_> = (0..40)
            .map(|number: i64| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.write(Durability::Full, move |sql| {
                        let count: String = keys::settle(sql, "count", "0")?;
                        let next = count.parse::<i64>().unwrap() + 1;
                        sql.execute(
                            "UPDATE settings SET value = $1 WHERE name = 'count'",
                            &[next.to_string().into()],
                        )?;
                        Ok::<_, SqlError>(number)
                    })
                    .await
                })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => {}
                // So many at once may be too many; then it says so, and nothing was done.
                Err(SqlError::Unavailable(_)) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        let count = db
            .write(Durability::Full, |sql| keys::settle(sql, "count", "0"))
            .await
            .unwrap();
        assert_eq!(count, (40 - refused).to_string());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_several_make_at_once_is_made_once() {
    on_each(|db| async move {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.write(Durability::Full, |sql| {
                        match projects::find(sql, "shared")? {
                            Some(found) => Ok(found.id),
                            None => projects::insert(sql, &project("shared"), 1),
                        }
                    })
                    .await
                })
            })
            .collect();
        let mut ids = Vec::new();
        for task in tasks {
            ids.push(task.await.unwrap().unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
        assert!(!db.read(|sql| users::any(sql)).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_restarted_is_found_again() {
    let Some(mut server) = PostgresServer::start_durable() else {
        return;
    };
    let db = postgres(&server.database());
    db.write(Durability::Full, |sql| {
        projects::insert(sql, &project("kept"), 1)
    })
    .await
    .unwrap();
    server.crash();
    server.resume();
    let found = db.read(|sql| projects::find(sql, "kept")).await.unwrap();
    assert!(found.is_some());
}
