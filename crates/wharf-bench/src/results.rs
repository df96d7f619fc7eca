//! What was measured: kept as JSON in the cache folder, each case replaced when it is measured again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::accounting::Usage;
use crate::tools::{Tool, User};

/// All figures of all cases that were measured so far on this machine.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    /// By the name of the case.
    pub(crate) cases: BTreeMap<String, CaseResults>,
}

/// The figures of one case.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct CaseResults {
    /// When it was measured.
    pub(crate) date: String,
    pub(crate) records: Vec<Record>,
    /// What could not be measured, and why.
    pub(crate) failures: Vec<String>,
}

/// The samples of one quantity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What was worked on: an image, or an image and a format.
    pub(crate) subject: String,
    pub(crate) tool: Tool,
    pub(crate) user: User,
    pub(crate) quantity: Quantity,
    pub(crate) values: Vec<f64>,
}

/// What a figure counts, with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Quantity {
    WallSeconds,
    CpuSeconds,
    PeakBytes,
    Requests,
    Bytes,
    Kills,
}

/// Median, minimum and maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
}

impl Results {
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
}

impl CaseResults {
    /// Adds one sample.
    pub(crate) fn add(
        &mut self,
        subject: &str,
        tool: Tool,
        user: User,
        quantity: Quantity,
        value: f64,
    ) {
        let found = self.records.iter_mut().find(|record| {
            record.subject == subject
                && record.tool == tool
                && record.user == user
                && record.quantity == quantity
        });
        match found {
            Some(record) => record.values.push(value),
            None => self.records.push(Record {
                subject: subject.to_owned(),
                tool,
                user,
                quantity,
                values: vec![value],
            }),
        }
    }

    /// Adds the three figures of a measured operation.
    #[expect(
        clippy::cast_precision_loss,
        reason = "memory sizes are far below the 52 bits that are exact"
    )]
    pub(crate) fn add_usage(&mut self, subject: &str, tool: Tool, user: User, usage: Usage) {
        self.add(
            subject,
            tool,
            user,
            Quantity::WallSeconds,
            usage.wall_seconds,
        );
        self.add(subject, tool, user, Quantity::CpuSeconds, usage.cpu_seconds);
        self.add(
            subject,
            tool,
            user,
            Quantity::PeakBytes,
            usage.peak_bytes as f64,
        );
    }

    /// The summary of one quantity, if it was measured.
    pub(crate) fn summary(
        &self,
        subject: &str,
        tool: Tool,
        user: User,
        quantity: Quantity,
    ) -> Option<Summary> {
        let record = self.records.iter().find(|record| {
            record.subject == subject
                && record.tool == tool
                && record.user == user
                && record.quantity == quantity
        })?;
        Summary::of(&record.values)
    }
}

impl Summary {
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (minimum, maximum) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self {
            median,
            minimum,
            maximum,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_samples_lies_between_the_middle_two() {
        for (values, median) in [
            (vec![3.0], 3.0),
            (vec![4.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 2.0, 3.0], 2.5),
        ] {
            let summary = Summary::of(&values).unwrap();
            assert!((summary.median - median).abs() < f64::EPSILON, "{values:?}");
        }
        assert_eq!(Summary::of(&[]), None);
    }
}
