//! Long lists.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use wharf_registry::db::{self, Durability, SqlError};

use crate::server::{TestServer, digest};

const REPOSITORY: &str = "library/many";
const TAGS: usize = 100_000;

/// A repository with many tags of one manifest, put into the database by the hundred thousand.
fn fill(server: &TestServer, tags: usize) {
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    server
        .push_manifest(REPOSITORY, "tag-000000", index)
        .expect(201);
    let manifest = digest(index.as_bytes());
    let filled = server.db.write(Durability::Relaxed, move |sql| {
        let repository = db::repositories::find_id(sql, REPOSITORY)?.unwrap();
        let manifest = db::manifests::find_id(sql, repository, &manifest)?.unwrap();
        for number in 0..tags {
            db::tags::set(
                sql,
                repository,
                &format!("tag-{number:06}"),
                manifest,
                "test",
                1,
            )?;
        }
        Ok::<(), SqlError>(())
    });
    server.run(filled).unwrap();
}

#[test]
fn a_hundred_thousand_tags_are_listed_whole_and_quickly() {
    let server = TestServer::start();
    fill(&server, TAGS);
    let mut seen = BTreeSet::new();
    let mut path = format!("/v2/{REPOSITORY}/tags/list?n=1000");
    let mut pages = 0;
    let mut slowest = Duration::ZERO;
    while !path.is_empty() {
        let started = Instant::now();
        let page = server.ask("GET", &path, &[], b"").expect(200);
        slowest = slowest.max(started.elapsed());
        let tags = page.json()["tags"].as_array().unwrap().clone();
        assert!(tags.len() <= 1000);
        for tag in tags {
            let tag = tag.as_str().unwrap().to_owned();
            assert!(seen.insert(tag), "a tag comes once");
        }
        pages += 1;
        let link = page.header("link");
        path = link
            .strip_prefix('<')
            .and_then(|link| link.split_once(">; rel=\"next\""))
            .map_or_else(String::new, |(path, _)| path.to_owned());
    }
    assert_eq!((seen.len(), pages), (TAGS, 100));
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[test]
fn a_page_is_as_long_as_was_asked_and_never_too_long() {
    let server = TestServer::start();
    fill(&server, 12_000);
    for (query, expected, has_more) in [
        ("?n=0", 0, false),
        ("?n=1", 1, true),
        ("?n=18446744073709551615", 10_000, true),
        ("", 10_000, true),
        ("?n=5&last=tag-011997", 2, false),
        ("?last=tag-011999", 0, false),
        ("?last=zzz", 0, false),
        ("?last=%C3%A9", 0, false),
        ("?last=tag-01199%27%3B--&n=9", 9, true),
        ("?n=", 400, false),
    ] {
        let page = server.ask(
            "GET",
            &format!("/v2/{REPOSITORY}/tags/list{query}"),
            &[],
            b"",
        );
        if expected == 400 {
            page.refuses(400, "UNSUPPORTED");
            continue;
        }
        assert_eq!(
            page.json()["tags"].as_array().unwrap().len(),
            expected,
            "{query}"
        );
        assert_eq!(!page.header("link").is_empty(), has_more, "{query}");
    }
    let catalog = server
        .ask("GET", "/v2/_catalog?n=1&last=a", &[], b"")
        .expect(200);
    assert_eq!(catalog.json()["repositories"][0], REPOSITORY);
}
