//! Pages of long lists, and the start of a server that holds much.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use super::bench::{Bench, Stand, megabytes};
use super::content::{INDEX, empty_index};
use super::figures::{CaseFigures, Quantity, Scheme, Subject};
use super::server::Kind;
use super::setup;
use crate::load::{Client, Latencies};
use crate::terminal::say;
use crate::volume::VolumeKind;

/// The lists of the tables, and the parts of each.
pub(crate) const LISTS: [&str; 3] = ["tags", "catalog", "repositories of a project"];
pub(crate) const PLACES: [&str; 3] = ["first page", "middle page", "last page"];
/// The start of a server that holds all this.
pub(crate) const START: &str = "start";
/// Manifests that a server holds at that start at least.
pub(crate) const ENTRIES: usize = 100_000;

const PAGE: usize = 100;
const CLIENTS: usize = 8;
/// How often each page is asked for in a round.
const TIMES: usize = 50;

pub(super) fn run(bench: &Bench, figures: &mut CaseFigures) -> Result<()> {
    let entries = if bench.quick { 1_000 } else { ENTRIES };
    for kind in &bench.kinds {
        if *kind == Kind::Nginx {
            continue;
        }
        let begin = Instant::now();
        // Nothing is synced there: it is the lists that count.
        let mut stand = bench.open(*kind, Scheme::Http, VolumeKind::Tmpfs, "")?;
        if *kind == Kind::Wharf {
            push_all(&stand, entries)?;
        } else {
            make_folders(&stand.data(), entries)?;
        }
        say(&format!(
            "{kind} holds {entries} tags and as many repositories after {:.0} s",
            begin.elapsed().as_secs_f64()
        ));
        for _ in 0..bench.rounds {
            // Each round begins with a process that remembers nothing.
            stand = stand.restart(bench, "")?;
            let subject = Subject::new(START, Scheme::Http, 0);
            let ready = stand.server.ready_after.as_secs_f64() * 1e3;
            figures.add(&subject, *kind, Quantity::Milliseconds, ready);
            let (now, _) = stand.server.account.resident_bytes();
            figures.add(&subject, *kind, Quantity::Megabytes, megabytes(now));
            ask_all(&stand, entries, figures)?;
        }
        stand.note_memory(figures);
    }
    Ok(())
}

/// A repository with `entries` tags, each of a manifest of its own, and as many repositories with one tag.
fn push_all(stand: &Stand, entries: usize) -> Result<()> {
    setup::make_project(&stand.server)?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        let server = &stand.server;
        let mut client = Client::connect(&server.endpoint, setup::developer(server.kind))?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= 2 * entries {
                return Ok(());
            }
            let manifest = empty_index(number);
            let (repository, tag) = if number < entries {
                ("bench/tags".to_owned(), tag(number))
            } else {
                (repository(number - entries), "latest".to_owned())
            };
            setup::put_manifest(&mut client, &repository, &tag, INDEX, &manifest)?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_panicked| Err(anyhow!("a client panicked")))
        })
    })
}

/// The same as docker-registry's folders: it lists by looking what there is, and pushing as much to it takes minutes.
fn make_folders(data: &Path, entries: usize) -> Result<()> {
    let repositories = data.join("docker/registry/v2/repositories");
    let tags = repositories.join("bench/tags/_manifests/tags");
    for number in 0..entries {
        fs::create_dir_all(tags.join(tag(number)))?;
        fs::create_dir_all(repositories.join(repository(number)).join("_layers"))?;
    }
    Ok(())
}

fn tag(number: usize) -> String {
    format!("t{number:06}")
}

fn repository(number: usize) -> String {
    format!("bench/r{number:06}")
}

fn ask_all(stand: &Stand, entries: usize, figures: &mut CaseFigures) -> Result<()> {
    let server = &stand.server;
    let mut client = Client::connect(&server.endpoint, setup::developer(server.kind))?;
    // The first to show a password waits until it is verified, which is slow on purpose.
    client.expect(200, "GET", "/v2/", "", &[])?;
    for list in LISTS {
        for place in PLACES {
            let Some(target) = target(server.kind, list, place, entries)? else {
                continue;
            };
            // docker-registry walks through everything for most of these: a few times tell enough.
            let times = if server.kind == Kind::Wharf { TIMES } else { 3 };
            let mut latencies = Latencies::default();
            let cpu = server.account.cpu()?;
            for _ in 0..times {
                let start = Instant::now();
                let answer = client.expect(200, "GET", &target, "", &[])?;
                latencies.add(start.elapsed());
                check(&answer.body, server.kind, list)?;
            }
            let cpu = server.account.cpu()?.saturating_sub(cpu);
            let times = u32::try_from(times)?;
            let [median, p99] = latencies.percentiles([0.5, 0.99]);
            let subject = Subject::new(&format!("{list}, {place}"), Scheme::Http, 1);
            let cost = cpu.as_secs_f64() * 1e3 / f64::from(times);
            figures.add(&subject, server.kind, Quantity::CpuPerThousand, cost);
            figures.add(&subject, server.kind, Quantity::Median, median);
            figures.add(&subject, server.kind, Quantity::P99, p99);
        }
    }
    Ok(())
}

/// The page of 100 at `place` of `list`; nothing where the server has no such page.
fn target(kind: Kind, list: &str, place: &str, entries: usize) -> Result<Option<String>> {
    let first = match place {
        "first page" => 0,
        "middle page" => entries / 2,
        _ => entries - PAGE,
    };
    let after = |name: fn(usize) -> String| {
        let last = first.checked_sub(1).map(name);
        last.map_or_else(String::new, |last| format!("&last={last}"))
    };
    Ok(Some(match (list, kind) {
        // docker-registry 2.8 knows no pages of tags: it always answers with all.
        ("tags", Kind::DockerRegistry) if first > 0 => return Ok(None),
        ("tags", _) => format!("/v2/bench/tags/tags/list?n={PAGE}{}", after(tag)),
        ("catalog", _) => format!("/v2/_catalog?n={PAGE}{}", after(repository)),
        (_, Kind::Wharf) => {
            let page = first / PAGE + 1;
            format!("/api/v2.0/projects/bench/repositories?page_size={PAGE}&page={page}")
        }
        _ => return Ok(None),
    }))
}

/// An answer with fewer entries would be a faster one.
fn check(body: &[u8], kind: Kind, list: &str) -> Result<()> {
    let document: serde_json::Value = serde_json::from_slice(body)?;
    let found = match list {
        "tags" => &document["tags"],
        "catalog" => &document["repositories"],
        _ => &document,
    };
    let count = found.as_array().map_or(0, Vec::len);
    if count != PAGE && !(list == "tags" && kind == Kind::DockerRegistry) {
        bail!("a page of {list} has {count} entries instead of {PAGE}");
    }
    Ok(())
}
