//! What was measured of servers: kept as JSON in the cache folder, each case replaced when it is measured again.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::server::Kind;
use crate::results::Summary;

/// What is measured.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    clap::ValueEnum,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// Manifests by tag and by digest, GET and HEAD
    Manifests,
    /// Large and small blobs
    Blobs,
    /// Pushes of new blobs
    Pushes,
    /// Memory after the start, and how long the start takes
    Memory,
    /// Pages of lists of 100,000 entries, and the start of a server that holds them
    Lists,
    /// Pushes while garbage is collected
    Garbage,
}

impl Case {
    pub(crate) const ALL: [Self; 6] = [
        Self::Manifests,
        Self::Blobs,
        Self::Pushes,
        Self::Memory,
        Self::Lists,
        Self::Garbage,
    ];
}

/// With TLS or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// What a figure counts, with its unit; in the order of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Quantity {
    /// Requests or uploads in a second.
    PerSecond,
    /// Seconds of the server's CPU time for 1,000 requests or uploads.
    CpuPerThousand,
    /// 10^6 bytes in a second.
    MegabytesPerSecond,
    /// Seconds of the server's CPU time for 10^9 bytes.
    CpuPerGigabyte,
    /// The latency in ms that half of the requests did not exceed.
    Median,
    /// The latency in ms that 99 of 100 requests did not exceed.
    P99,
    Milliseconds,
    /// 10^6 bytes.
    Megabytes,
}

impl Quantity {
    pub(crate) const ALL: [Self; 8] = [
        Self::PerSecond,
        Self::CpuPerThousand,
        Self::MegabytesPerSecond,
        Self::CpuPerGigabyte,
        Self::Median,
        Self::P99,
        Self::Milliseconds,
        Self::Megabytes,
    ];
}

/// What was asked, how, and by how many at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) what: String,
    pub(crate) scheme: Scheme,
    pub(crate) clients: usize,
}

impl Subject {
    pub(crate) fn new(what: &str, scheme: Scheme, clients: usize) -> Self {
        Self {
            what: what.to_owned(),
            scheme,
            clients,
        }
    }
}

/// The samples of one quantity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) subject: Subject,
    pub(crate) server: Kind,
    pub(crate) quantity: Quantity,
    pub(crate) values: Vec<f64>,
}

/// The figures of one case.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct CaseFigures {
    /// When it was measured.
    pub(crate) date: String,
    pub(crate) figures: Vec<Figure>,
    /// What could not be measured, and why.
    pub(crate) failures: Vec<String>,
}

/// All figures of all cases that were measured so far on this machine.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ServingFigures {
    pub(crate) cases: BTreeMap<Case, CaseFigures>,
}

impl CaseFigures {
    /// Adds one sample.
    pub(crate) fn add(&mut self, subject: &Subject, server: Kind, quantity: Quantity, value: f64) {
        let found = self.figures.iter_mut().find(|figure| {
            figure.subject == *subject && figure.server == server && figure.quantity == quantity
        });
        match found {
            Some(figure) => figure.values.push(value),
            None => self.figures.push(Figure {
                subject: subject.clone(),
                server,
                quantity,
                values: vec![value],
            }),
        }
    }

    /// The summary of one quantity, if it was measured.
    pub(crate) fn summary(
        &self,
        subject: &Subject,
        server: Kind,
        quantity: Quantity,
    ) -> Option<Summary> {
        let figure = self.figures.iter().find(|figure| {
            figure.subject == *subject && figure.server == server && figure.quantity == quantity
        })?;
        Summary::of(&figure.values)
    }
}

impl ServingFigures {
    /// What is in `file`; nothing when there is no such file yet.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        match fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!(
                    "{} is not what this program writes: remove it",
                    file.display()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
        }
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let partial = file.with_extension("partial");
        serde_json::to_writer_pretty(fs::File::create(&partial)?, self)?;
        fs::rename(&partial, file).with_context(|| format!("writing {}", file.display()))
    }

    /// The median of one quantity, if it was measured.
    pub(crate) fn median(
        &self,
        case: Case,
        subject: &Subject,
        server: Kind,
        quantity: Quantity,
    ) -> Option<f64> {
        let summary = self.cases.get(&case)?.summary(subject, server, quantity)?;
        Some(summary.median)
    }
}
