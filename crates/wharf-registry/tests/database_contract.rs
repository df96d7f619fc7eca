//! What both databases promise, case by case, on each of them.

#![expect(
    clippy::disallowed_methods,
    reason = "a test runs a runtime of its own"
)]

use std::sync::Arc;

use testkit::PostgresServer;
use wharf_registry::Clock;
use wharf_registry::db::repositories::{Audience, RepositoryScope};
use wharf_registry::db::{
    Database, Durability, PostgresSettings, SqlError, keys, projects, repositories, users,
};
use wharf_registry::listing::{ListRequest, SortKey};

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
    Database::open_postgres(&postgres_settings(url), &Clock::system()).expect("PostgreSQL opens")
}

fn postgres_settings(url: &str) -> PostgresSettings {
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    PostgresSettings {
        url: url.to_owned(),
        connections: 4,
        tls: Arc::new(tls),
    }
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

/// Names in the order of their bytes: `-` and `.` come before the slash, digits and letters after it.
const LISTED: [(&str, &[&str]); 5] = [
    ("a-b", &["a-b/x", "a-b/y"]),
    ("a", &["a/1", "a/2", "a/b/c", "a/z"]),
    ("a0", &["a0/x"]),
    ("hidden", &["hidden/x"]),
    ("z", &["z/1", "z/2"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_listed_in_order_from_any_place_on() {
    on_each(|db| async move {
        let made: Vec<i64> = db
            .write(Durability::Full, |sql| {
                let mut made = Vec::new();
                // Made in another order than that of their names.
                for (name, repositories) in LISTED.iter().rev() {
                    let mut wish = project(name);
                    wish.public = *name != "hidden";
                    let id = projects::insert(sql, &wish, 7)?;
                    for name in repositories.iter().rev() {
                        let repository = repositories::find_or_insert(sql, id, name, 7)?;
                        repositories::show(sql, repository, 8)?;
                    }
                    repositories::find_or_insert(sql, id, &format!("{name}/unseen"), 7)?;
                    made.insert(0, id);
                }
                Ok::<_, SqlError>(made)
            })
            .await
            .unwrap();
        let all = LISTED.iter().flat_map(|(_, names)| names.iter().copied());
        let public: Vec<&str> = all.clone().filter(|name| *name != "hidden/x").collect();
        for (audience, expected) in [
            (Audience::Everything, all.clone().collect::<Vec<_>>()),
            (Audience::Public, public.clone()),
            (Audience::Member(1), public),
            (Audience::Projects(vec![made[3]]), all.collect()),
        ] {
            for last in [
                "", "a", "a-b/y", "a/", "a/1", "a/b", "a/z", "a1", "z/1", "z/2", "zz",
            ] {
                for limit in [1, 2, 5, 100] {
                    let audience = audience.clone();
                    let names = db
                        .read(move |sql| repositories::names_after(sql, &audience, last, limit))
                        .await
                        .unwrap();
                    let rest = expected.iter().filter(|name| **name > last);
                    let rest: Vec<&str> = rest
                        .copied()
                        .take(usize::try_from(limit).unwrap())
                        .collect();
                    assert_eq!(names, rest, "after {last:?}, {limit}");
                }
            }
        }
        pages_make_the_list(&db, made[1]).await;
    })
    .await;
}

/// Each page of a project, read from whichever end, sorted either way, with the length known or not.
async fn pages_make_the_list(db: &Database, project: i64) {
    let expected = ["a/1", "a/2", "a/b/c", "a/z"];
    for (page_size, known, descending) in [1, 2, 3, 4, 9]
        .into_iter()
        .flat_map(|size| [None, Some(4)].map(|known| (size, known)))
        .flat_map(|(size, known)| [false, true].map(|descending| (size, known, descending)))
    {
        let mut found = Vec::new();
        for page in 1..=5 {
            let request = ListRequest {
                sort: vec![SortKey {
                    field: "name".to_owned(),
                    descending,
                }],
                page,
                page_size,
                ..ListRequest::default()
            };
            let scope = RepositoryScope::Project(project);
            let page = db
                .read(move |sql| repositories::list(sql, &scope, known, &request))
                .await
                .expect("the list is read");
            assert_eq!(page.total, 4);
            found.extend(page.items.into_iter().map(|entry| entry.repository.name));
        }
        if descending {
            found.reverse();
        }
        assert_eq!(
            found, expected,
            "pages of {page_size}, descending: {descending}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_a_newer_wharf_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("registry.db");
    let clock = Clock::system();
    make_newer(Database::open_sqlite(&path, &clock).expect("SQLite opens")).await;
    for _ in 0..2 {
        refuses_newer(Database::open_sqlite(&path, &clock));
    }
    let Some(server) = PostgresServer::shared() else {
        return;
    };
    let url = server.database();
    make_newer(postgres(&url)).await;
    for _ in 0..2 {
        refuses_newer(Database::open_postgres(&postgres_settings(&url), &clock));
    }
}

async fn make_newer(db: Database) {
    db.write(Durability::Full, |sql| {
        let step = "INSERT INTO schema_steps (number, applied) VALUES (99, 0)";
        sql.execute(step, &[])
    })
    .await
    .expect("a step");
}

#[track_caller]
fn refuses_newer(opened: Result<Database, SqlError>) {
    let error = opened.expect_err("it is newer");
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    assert!(
        said.contains("step 99") && said.contains("use a newer Wharf"),
        "{said}"
    );
}
