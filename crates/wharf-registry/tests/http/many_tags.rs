//! A repository with a million tags: a mirror of everything that some pipeline ever built.

use serde_json::json;
use wharf_oci::Digest;
use wharf_registry::db::{self, Durability, Row, Sql, SqlError, Value};
use wharf_registry::garbage::GarbageWish;
use wharf_registry::listing::{ListRequest, SortKey};
use wharf_registry::records::CheckWish;

use crate::server::{TestServer, digest};

const REPOSITORY: &str = "library/many";
const ARTIFACTS: &str = "/api/v2.0/projects/library/repositories/many/artifacts";
/// Tags of the first image. They are named by their numbers, from 0.
const TAGS: i64 = 999_000;
/// Tags of the second, with the numbers after those.
const MORE_TAGS: i64 = 1_000;
const ALL: i64 = TAGS + MORE_TAGS;
/// Longest page.
const PAGE: i64 = 10_000;

fn name(number: i64) -> String {
    format!("tag-{number:07}")
}

fn image(note: &str) -> String {
    json!({"schemaVersion": 2, "manifests": [], "annotations": {"note": note}}).to_string()
}

/// Gives the manifest all tags with these numbers, in one statement.
fn fill(server: &TestServer, manifest: Digest, first: i64, count: i64) {
    let filled = server.db.write(Durability::Relaxed, move |sql| {
        let repository = db::repositories::find_id(sql, REPOSITORY)?.unwrap();
        let manifest = db::manifests::find_id(sql, repository, &manifest)?.unwrap();
        sql.execute(
            "INSERT INTO tags (repository, name, manifest, created, updated, pushed_by) \
             WITH RECURSIVE numbers (number) AS \
             (SELECT $1 UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 < $2) \
             SELECT $3, printf('tag-%07d', number), $4, 1, number + 1, 'test' FROM numbers",
            &[first, first + count, repository, manifest].map(Value::from),
        )?;
        Ok::<(), SqlError>(())
    });
    server.run(filled).unwrap();
}

fn tags(server: &TestServer, query: &str) -> (Vec<String>, String) {
    let path = format!("/v2/{REPOSITORY}/tags/list?{query}");
    let page = server.ask("GET", &path, &[], b"").expect(200);
    let names = page.json()["tags"].as_array().unwrap().clone();
    let names = names.iter().map(|name| name.as_str().unwrap().to_owned());
    (names.collect(), page.header("link").to_owned())
}

fn numbered(numbers: std::ops::Range<i64>) -> Vec<String> {
    numbers.map(name).collect()
}

fn link_after(last: &str, limit: i64) -> String {
    format!("</v2/{REPOSITORY}/tags/list?last={last}&n={limit}>; rel=\"next\"")
}

fn pages_lie_anywhere(server: &TestServer) {
    let beginning = tags(server, "n=3");
    assert_eq!(beginning, (numbered(0..3), link_after(&name(2), 3)));
    for after in [1, 499_999, 776_123, ALL - 5] {
        let page = tags(server, &format!("n=4&last={}", name(after)));
        let expected = numbered(after + 1..after + 5);
        assert_eq!(page.0, expected);
        let link = if after + 5 < ALL {
            link_after(&name(after + 4), 4)
        } else {
            String::new()
        };
        assert_eq!(page.1, link);
    }
    // Between two tags, behind all, before all.
    let between = tags(server, &format!("n=1&last={}x", name(500_000)));
    assert_eq!(between.0, numbered(500_001..500_002));
    assert_eq!(tags(server, "last=zzz"), (Vec::new(), String::new()));
    assert_eq!(tags(server, "n=2&last=a").0, numbered(0..2));
    let longest = tags(server, "n=4000000&last=tag-0700000");
    assert_eq!(longest.0, numbered(700_001..700_001 + PAGE));
}

fn the_walk_sees_each_once(server: &TestServer) {
    let (mut seen, mut query) = (0, format!("n={PAGE}"));
    loop {
        let (names, link) = tags(server, &query);
        let count = i64::try_from(names.len()).unwrap();
        assert_eq!(names, numbered(seen..seen + count));
        seen += count;
        let Some((_, rest)) = link.split_once('?') else {
            break;
        };
        rest.split_once('>').unwrap().0.clone_into(&mut query);
    }
    assert_eq!(seen, ALL);
}

fn harbor_shows_them(server: &TestServer, image: &Digest) {
    let shown = |query: &str| {
        let path = format!("{ARTIFACTS}/{image}/tags?{query}");
        let page = server.ask("GET", &path, &[], b"").expect(200);
        let names = page.json().as_array().unwrap().clone();
        let names = names
            .iter()
            .map(|tag| tag["name"].as_str().unwrap().to_owned());
        assert_eq!(page.header("x-total-count"), TAGS.to_string(), "{query}");
        names.collect::<Vec<_>>()
    };
    // The latest come first.
    let latest = |before: i64| {
        numbered(before - 10..before)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    };
    assert_eq!(shown("page_size=10"), latest(TAGS));
    assert_eq!(shown("page_size=10&page=50000"), latest(TAGS - 499_990));
    assert_eq!(shown("page_size=10&page=99900"), latest(10));
    assert_eq!(shown("page_size=10&sort=name"), numbered(0..10));
    let artifacts = server.ask("GET", ARTIFACTS, &[], b"").expect(200).json();
    let counts: Vec<usize> = artifacts
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["tags"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [100, 100]);
}

/// Push, pull, move and delete; the list shows each at once.
fn tags_come_and_go(server: &TestServer, images: &[Digest]) {
    server
        .push_manifest(REPOSITORY, "tag-0500000a", &image("third"))
        .expect(201);
    let third = digest(image("third").as_bytes()).to_string();
    server
        .push_manifest(REPOSITORY, "tag-0000007", &image("third"))
        .expect(201);
    let path = format!("/v2/{REPOSITORY}/manifests/tag-0000007");
    let moved = server.ask("HEAD", &path, &[], b"").expect(200);
    assert_eq!(moved.header("docker-content-digest"), third);
    let around = || tags(server, "n=2&last=tag-0500000").0;
    assert_eq!(around(), ["tag-0500000a", "tag-0500001"]);
    let path = format!("/v2/{REPOSITORY}/manifests/tag-0500000a");
    server.ask("DELETE", &path, &[], b"").expect(202);
    let of_first = format!("{ARTIFACTS}/{}/tags", images[0]);
    server
        .ask("DELETE", &format!("{of_first}/tag-0500001"), &[], b"")
        .expect(200);
    // A tag of another artifact is none of this one's.
    server
        .ask("DELETE", &format!("{of_first}/tag-0000007"), &[], b"")
        .refuses(404, "NOT_FOUND");
    assert_eq!(around(), ["tag-0500002", "tag-0500003"]);
    let body = json!({"name": "tag-0500001"}).to_string();
    server
        .ask("POST", &of_first, &[], body.as_bytes())
        .expect(201);
    assert_eq!(around()[0], "tag-0500001");
}

/// Statements on their way to the database, and how it runs them.
struct Explained<'a> {
    sql: &'a mut dyn Sql,
    plans: Vec<String>,
}

impl Sql for Explained<'_> {
    fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        self.sql.execute(statement, parameters)
    }

    fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let explain = format!("EXPLAIN QUERY PLAN {statement}");
        let steps = self.sql.query(&explain, parameters)?.into_iter();
        let steps: Vec<String> = steps.map(|mut step| step.take(3)).collect();
        self.plans
            .push(format!("{statement}: {}", steps.join("; ")));
        self.sql.query(statement, parameters)
    }
}

/// What is asked of the database goes by an index, and nothing is sorted that is not shown.
fn statements_read_what_they_show(server: &TestServer) {
    let plans = server.db.read(|sql| {
        let mut sql = Explained {
            sql,
            plans: Vec::new(),
        };
        let repository = db::repositories::find_id(&mut sql, REPOSITORY)?.unwrap();
        let first = db::manifests::find_by_tag(&mut sql, repository, &name(0))?.unwrap();
        db::tags::names_after(&mut sql, repository, &name(7), 10)?;
        db::tags::is_of_manifest(&mut sql, first.id, &name(8))?;
        db::artifacts::latest_tags(&mut sql, first.id, 10)?;
        let page = ListRequest {
            page: 3,
            page_size: 10,
            ..ListRequest::default()
        };
        db::artifacts::tags(&mut sql, first.id, &page).unwrap();
        let sort = vec![SortKey {
            field: "name".to_owned(),
            descending: false,
        }];
        db::artifacts::tags(&mut sql, first.id, &ListRequest { sort, ..page }).unwrap();
        Ok::<_, SqlError>(sql.plans)
    });
    for plan in server.run(plans).unwrap() {
        // Terms behind those that the index has in order may be sorted: there are few equal ones.
        let sorts_all = plan.contains("USE TEMP B-TREE FOR ORDER BY");
        assert!(!sorts_all && !plan.contains("SCAN"), "{plan}");
    }
}

#[test]
#[ignore = "fills a database with a million rows; cargo xtask test runs it"]
fn a_million_tags_are_served_like_a_few() {
    let server = TestServer::start();
    let mut images = Vec::new();
    for (note, first, count) in [("first", 0, TAGS), ("second", TAGS, MORE_TAGS)] {
        server
            .push_manifest(REPOSITORY, note, &image(note))
            .expect(201);
        let digest = digest(image(note).as_bytes());
        fill(&server, digest, first, count);
        let path = format!("/v2/{REPOSITORY}/manifests/{note}");
        server.ask("DELETE", &path, &[], b"").expect(202);
        images.push(digest);
    }
    statements_read_what_they_show(&server);
    pages_lie_anywhere(&server);
    the_walk_sees_each_once(&server);
    harbor_shows_them(&server, &images[0]);
    tags_come_and_go(&server, &images);

    let report = server
        .run(server.registry.check(
            CheckWish {
                deep: true,
                repair: false,
            },
            |_| {},
        ))
        .unwrap();
    assert_eq!((report.manifests, report.findings), (3, Vec::new()));
    server.run(server.registry.write_records()).unwrap();
    server
        .run(server.registry.collect_garbage(GarbageWish::default()))
        .unwrap();

    // An image goes with all its tags, and the others keep theirs.
    let path = format!("/v2/{REPOSITORY}/manifests/{}", images[1]);
    server.ask("DELETE", &path, &[], b"").expect(202);
    assert_eq!(
        tags(&server, &format!("last={}", name(TAGS - 3))).0,
        numbered(TAGS - 2..TAGS)
    );
    server.run(server.registry.write_records()).unwrap();
    let wish = GarbageWish {
        empty_trash: true,
        ..GarbageWish::default()
    };
    server.run(server.registry.collect_garbage(wish)).unwrap();
    assert_eq!(tags(&server, "n=1&last=tag-0000006").0, [name(7)]);
    // So does the one with nearly all of them.
    let path = format!("/v2/{REPOSITORY}/manifests/{}", images[0]);
    server.ask("DELETE", &path, &[], b"").expect(202);
    assert_eq!(tags(&server, "").0, [name(7)]);
}
