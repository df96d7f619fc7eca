//! What was promised, and whether the figures keep it.

use super::table::{line, short};
use crate::results::{Quantity, Results};
use crate::tools::{Tool, User};

/// A promise: a figure that must not be larger than its limit.
pub(super) struct Target {
    pub(super) promise: String,
    pub(super) limit: f64,
    /// Nothing if it was not measured.
    pub(super) found: Option<f64>,
}

/// The table of all promises about images.
pub(super) fn table(results: &Results) -> String {
    promises(&targets(results))
}

/// A table of promises, and whether they are kept.
pub(super) fn promises(targets: &[Target]) -> String {
    let mut text = String::from("| promise | at most | measured | |\n|---|---|---|---|\n");
    for target in targets {
        let (measured, verdict) = match target.found {
            None => (String::from("-"), "not measured"),
            Some(found) if found <= target.limit => (short(found), "met"),
            Some(found) => (short(found), "**missed**"),
        };
        line(
            &mut text,
            format_args!(
                "| {} | {} | {measured} | {verdict} |",
                target.promise,
                short(target.limit)
            ),
        );
    }
    text
}

fn targets(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    pull_targets(results, &mut targets);
    let figure = |case: &str, subject: &str, tool, quantity| {
        let case = results.cases.get(case)?;
        Some(case.summary(subject, tool, User::Root, quantity)?.median)
    };
    let wharf = |case: &str, subject: &str, quantity| figure(case, subject, Tool::Wharf, quantity);
    let mut add = |promise: &str, limit, found| {
        targets.push(Target {
            promise: promise.to_owned(),
            limit,
            found,
        });
    };
    let over = |own: Option<f64>, other: Option<f64>| Some(own? / other?);
    let wall = Quantity::WallSeconds;
    add(
        "push of `medium`, wall, relative to skopeo",
        1.0,
        over(
            wharf("push", "medium", wall),
            figure("push", "medium", Tool::Skopeo, wall),
        ),
    );
    for case in ["save", "load"] {
        for subject in ["docker archive", "oci archive"] {
            // Skopeo loads nothing: it copies blobs into a folder and unpacks none.
            let peers = [Tool::Dockerd, Tool::Podman, Tool::Skopeo];
            let peers = peers
                .iter()
                .filter(|peer| case == "save" || **peer != Tool::Skopeo);
            let best = peers
                .filter_map(|peer| figure(case, subject, *peer, wall))
                .min_by(f64::total_cmp);
            add(
                &format!("{case} of `medium`, {subject}, wall, relative to the best peer"),
                0.333,
                over(wharf(case, subject, wall), best),
            );
        }
    }
    for what in ["pull again", "push again"] {
        add(
            &format!("{what}, ms"),
            20.0,
            wharf("again", what, wall).map(|wall| wall * 1e3),
        );
        add(
            &format!("{what}, requests"),
            1.0,
            wharf("again", what, Quantity::Requests),
        );
    }
    size_targets(results, &mut targets);
    targets
}

/// Listing, memory, size, and what a kill costs.
fn size_targets(results: &Results, targets: &mut Vec<Target>) {
    let wharf = |case: &str, subject: &str, quantity| {
        let case = results.cases.get(case)?;
        Some(
            case.summary(subject, Tool::Wharf, User::Root, quantity)?
                .median,
        )
    };
    let wall = Quantity::WallSeconds;
    let mut add = |promise: &str, limit, found| {
        targets.push(Target {
            promise: promise.to_owned(),
            limit,
            found,
        });
    };
    add(
        "`images` with 1 image, ms",
        5.0,
        wharf("listing", "1 images", wall).map(|wall| wall * 1e3),
    );
    add(
        "`images` with 1,000 images, ms",
        15.0,
        wharf("listing", "1000 images", wall).map(|wall| wall * 1e3),
    );
    add(
        "memory while pulling `large`, MiB",
        64.0,
        wharf("pull", "large", Quantity::PeakBytes).map(|bytes| bytes / f64::from(1 << 20)),
    );
    add(
        "release binary, MB",
        25.0,
        wharf("startup", "release binary", Quantity::Bytes).map(|bytes| bytes / 1e6),
    );
    for subject in [
        "most fetched again of a layer at one resume",
        "most of a blob hashed again at one resume",
        "most of a tar hashed again at one resume",
    ] {
        let most = results.cases.get("interrupted").and_then(|case| {
            let summary = case.summary(subject, Tool::Wharf, User::Root, Quantity::Bytes)?;
            Some(summary.maximum / f64::from(1 << 20))
        });
        add(&format!("killed pulls: {subject}, MiB"), 8.0, most);
    }
}

/// The two images, the two users, wall and CPU, against the ruler and against each peer.
fn pull_targets(results: &Results, targets: &mut Vec<Target>) {
    let users = [
        ("pull", User::Root, ""),
        ("pull-ordinary", User::Ordinary, " as an ordinary user"),
    ];
    for image in ["medium", "large"] {
        for (case, user, words) in users {
            for (quantity, name) in [
                (Quantity::WallSeconds, "wall"),
                (Quantity::CpuSeconds, "CPU"),
            ] {
                let figure = |case: &str, tool, user| {
                    Some(
                        results
                            .cases
                            .get(case)?
                            .summary(image, tool, user, quantity)?
                            .median,
                    )
                };
                let own = figure(case, Tool::Wharf, user);
                let mut add = |other: Tool, limit, found: Option<f64>| {
                    targets.push(Target {
                        promise: format!("pull of `{image}`{words}, {name}, relative to {other}"),
                        limit,
                        found: own.zip(found).map(|(own, found)| own / found),
                    });
                };
                add(Tool::Ruler, 1.3, figure(case, Tool::Ruler, user));
                for peer in [Tool::Dockerd, Tool::Podman] {
                    add(peer, 0.2, figure("pull", peer, User::Root));
                }
            }
        }
    }
}
