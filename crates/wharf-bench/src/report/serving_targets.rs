//! What was promised of the registry, and whether the figures keep it.

use super::table::{line, short};
use crate::serving::{Case, Kind, MEMORY, Quantity, Scheme, ServingFigures, Subject};
use crate::serving::{blobs, garbage, lists, manifests, memory, pushes};

/// A promise: a figure that must not be larger, or smaller, than its limit.
struct Target {
    promise: String,
    limit: Limit,
    found: Option<f64>,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// The table of all promises. Where several measurements keep one promise, the worst is shown.
pub(crate) fn serving_targets(results: &ServingFigures) -> String {
    let mut targets = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https] {
        manifest_targets(results, scheme, &mut targets);
        blob_targets(results, scheme, &mut targets);
        push_targets(results, scheme, &mut targets);
    }
    memory_targets(results, &mut targets);
    list_targets(results, &mut targets);
    let mut text = String::from("| promise | limit | measured | |\n|---|---|---|---|\n");
    for target in targets {
        let (words, limit, kept) = match target.limit {
            Limit::AtLeast(limit) => ("at least", limit, target.found.map(|found| found >= limit)),
            Limit::AtMost(limit) => ("at most", limit, target.found.map(|found| found <= limit)),
        };
        let verdict = match kept {
            None => "not measured",
            Some(true) => "met",
            Some(false) => "**missed**",
        };
        let measured = target.found.map_or_else(|| String::from("-"), short);
        line(
            &mut text,
            format_args!(
                "| {} | {words} {} | {measured} | {verdict} |",
                target.promise,
                short(limit)
            ),
        );
    }
    text
}

/// Wharf's figure in proportion to `peer`'s.
fn proportion(
    results: &ServingFigures,
    case: Case,
    subject: &Subject,
    peer: Kind,
    quantity: Quantity,
) -> Option<f64> {
    let own = results.median(case, subject, Kind::Wharf, quantity)?;
    Some(own / results.median(case, subject, peer, quantity)?)
}

/// Of all references and methods, the worst. One client alone waits for the way there and back, whoever answers: its rate
/// stands apart.
fn manifest_targets(results: &ServingFigures, scheme: Scheme, targets: &mut Vec<Target>) {
    let with = |clients: usize| manifests::SUBJECTS.map(|what| Subject::new(what, scheme, clients));
    let proportions = |subjects: &[Subject], peer: Kind, quantity| -> Vec<f64> {
        let of = |subject| proportion(results, Case::Manifests, subject, peer, quantity);
        subjects.iter().filter_map(of).collect()
    };
    for (peer, least) in [(Kind::DockerRegistry, 20.0), (Kind::Nginx, 0.333)] {
        for clients in manifests::CLIENTS {
            targets.push(Target {
                promise: format!(
                    "manifests, {scheme}, {clients} clients, requests a second in proportion to {peer}"
                ),
                limit: Limit::AtLeast(least),
                found: smallest(proportions(&with(clients), peer, Quantity::PerSecond)),
            });
        }
        let all = manifests::CLIENTS.map(with).concat();
        targets.push(Target {
            promise: format!(
                "manifests, {scheme}, requests for a second of CPU in proportion to {peer}"
            ),
            limit: Limit::AtLeast(least),
            found: largest(proportions(&all, peer, Quantity::CpuPerThousand))
                .map(|cost| 1.0 / cost),
        });
    }
    let p99 = with(64).into_iter().filter_map(|subject| {
        results.median(Case::Manifests, &subject, Kind::Wharf, Quantity::P99)
    });
    targets.push(Target {
        promise: format!("manifests, {scheme}, p99 at 64 clients, ms"),
        limit: Limit::AtMost(4.0),
        found: largest(p99.collect()),
    });
}

fn blob_targets(results: &ServingFigures, scheme: Scheme, targets: &mut Vec<Target>) {
    for clients in blobs::LARGE_CLIENTS {
        let subject = Subject::new(blobs::LARGE, scheme, clients);
        let of = |quantity| proportion(results, Case::Blobs, &subject, Kind::Nginx, quantity);
        targets.push(Target {
            promise: format!(
                "blob of 200 MB, {scheme}, {clients} clients, MB/s in proportion to nginx"
            ),
            limit: Limit::AtLeast(1.0),
            found: of(Quantity::MegabytesPerSecond),
        });
        targets.push(Target {
            promise: format!(
                "blob of 200 MB, {scheme}, {clients} clients, CPU for a GB in proportion to nginx"
            ),
            limit: Limit::AtMost(1.0),
            found: of(Quantity::CpuPerGigabyte),
        });
    }
    for clients in blobs::SMALL_CLIENTS {
        let subject = Subject::new(blobs::SMALL, scheme, clients);
        targets.push(Target {
            promise: format!(
                "blob of 4 kB, {scheme}, {clients} clients, requests a second in proportion to docker-registry"
            ),
            limit: Limit::AtLeast(20.0),
            found: proportion(results, Case::Blobs, &subject, Kind::DockerRegistry, Quantity::PerSecond),
        });
    }
}

fn push_targets(results: &ServingFigures, scheme: Scheme, targets: &mut Vec<Target>) {
    let peer = Kind::DockerRegistry;
    let sizes = pushes::SIZES.iter().map(|(what, _)| *what);
    for what in sizes.chain([pushes::CHUNKED]) {
        let subjects = pushes::CLIENTS.map(|clients| Subject::new(what, scheme, clients));
        let of = |quantity| {
            let found = subjects
                .iter()
                .map(|subject| proportion(results, Case::Pushes, subject, peer, quantity));
            found.flatten().collect::<Vec<f64>>()
        };
        targets.push(Target {
            promise: format!("push of {what}, {scheme}, rate in proportion to {peer}"),
            limit: Limit::AtLeast(1.5),
            found: smallest(of(Quantity::PerSecond)),
        });
        targets.push(Target {
            promise: format!("push of {what}, {scheme}, CPU in proportion to {peer}"),
            limit: Limit::AtMost(0.5),
            found: largest(of(Quantity::CpuPerThousand)),
        });
    }
    let whole = pushes::SIZES.last().map_or("", |(what, _)| *what);
    let chunked = pushes::CLIENTS.map(|clients| {
        let rate = |what| {
            let subject = Subject::new(what, scheme, clients);
            results.median(Case::Pushes, &subject, Kind::Wharf, Quantity::PerSecond)
        };
        Some(rate(pushes::CHUNKED)? / rate(whole)?)
    });
    targets.push(Target {
        promise: format!(
            "push of {}, {scheme}, rate in proportion to one piece",
            pushes::CHUNKED
        ),
        limit: Limit::AtLeast(1.0),
        found: smallest(chunked.into_iter().flatten().collect()),
    });
}

fn memory_targets(results: &ServingFigures, targets: &mut Vec<Target>) {
    let schemes = [Scheme::Http, Scheme::Https];
    let most = |cases: &[Case], what: &str| {
        let pairs = cases
            .iter()
            .flat_map(|case| schemes.map(|scheme| (*case, Subject::new(what, scheme, 0))));
        let found = pairs.filter_map(|(case, subject)| {
            results.median(case, &subject, Kind::Wharf, Quantity::Megabytes)
        });
        largest(found.collect())
    };
    targets.push(Target {
        promise: "memory at rest, MB".to_owned(),
        limit: Limit::AtMost(25.0),
        found: most(&[Case::Memory], memory::IDLE),
    });
    targets.push(Target {
        promise: "memory under any load of these, MB".to_owned(),
        limit: Limit::AtMost(64.0),
        found: most(&Case::ALL, MEMORY),
    });
}

/// Long lists, a start with much to hold, and pushes beside the collector.
fn list_targets(results: &ServingFigures, targets: &mut Vec<Target>) {
    let own = |case, what: &str, clients, quantity| {
        let subject = Subject::new(what, Scheme::Http, clients);
        results.median(case, &subject, Kind::Wharf, quantity)
    };
    targets.push(Target {
        promise: "ready after the start with 100,000 manifests and more, ms".to_owned(),
        limit: Limit::AtMost(200.0),
        found: own(Case::Lists, lists::START, 0, Quantity::Milliseconds),
    });
    for list in lists::LISTS {
        let pages = lists::PLACES.map(|place| {
            own(
                Case::Lists,
                &format!("{list}, {place}"),
                1,
                Quantity::Median,
            )
        });
        targets.push(Target {
            promise: format!("a page of 100 of 100,000, {list}, ms"),
            limit: Limit::AtMost(5.0),
            found: largest(pages.into_iter().flatten().collect()),
        });
    }
    let p99 = |what| own(Case::Garbage, what, garbage::CLIENTS, Quantity::P99);
    targets.push(Target {
        promise: "push while garbage is collected, p99 in proportion to without".to_owned(),
        limit: Limit::AtMost(1.2),
        found: p99(garbage::MEANWHILE)
            .zip(p99(garbage::WITHOUT))
            .map(|(meanwhile, without)| meanwhile / without),
    });
}

fn smallest(values: Vec<f64>) -> Option<f64> {
    values.into_iter().min_by(f64::total_cmp)
}

fn largest(values: Vec<f64>) -> Option<f64> {
    values.into_iter().max_by(f64::total_cmp)
}
