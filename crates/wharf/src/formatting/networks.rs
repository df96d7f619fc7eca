//! Rows of `network ls`.

use std::cmp::Ordering;

use wharf_engine::Network;
use wharf_images::LabelFilter;
use wharf_template::{Format, FormatError, Formatter, TemplateContext, Value};

use super::Moment;

const TABLE: &str = "{{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}";
const RAW: &str =
    "network_id: {{.ID}}\\nname: {{.Name}}\\ndriver: {{.Driver}}\\nscope: {{.Scope}}\\n";
const QUIET: &str = "{{.ID}}";
const QUIET_RAW: &str = "network_id: {{.ID}}";

const TITLES: &[(&str, &str)] = &[
    ("CreatedAt", "CREATED AT"),
    ("Driver", "DRIVER"),
    ("ID", "NETWORK ID"),
    ("IPv4", "IPV4"),
    ("IPv6", "IPV6"),
    ("Internal", "INTERNAL"),
    ("Labels", "LABELS"),
    ("Name", "NAME"),
    ("Scope", "SCOPE"),
];

/// The format of `network ls`.
pub(crate) fn formatter(format: &Format, quiet: bool) -> Result<Formatter, FormatError> {
    match (format, quiet) {
        (Format::Table, true) => Formatter::new(&Format::Template(QUIET.to_owned()), "", ""),
        (Format::Raw, true) => Formatter::new(format, "", QUIET_RAW),
        _ => Formatter::new(format, TABLE, RAW),
    }
}

/// Titles of the columns.
pub(crate) fn titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    TITLES.iter().copied()
}

/// Whether a network has a label, with that value if one is given.
pub(crate) fn has_label(network: &Network, label: &LabelFilter) -> bool {
    network
        .labels
        .get(&label.key)
        .is_some_and(|value| label.value.as_ref().is_none_or(|wanted| wanted == value))
}

/// Numbers in names count as numbers: `net2` comes before `net10`.
pub(crate) fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (Some(a), Some(b)) = (one.chars().next(), other.chars().next()) else {
            return one.len().cmp(&other.len());
        };
        if a.is_ascii_digit() && b.is_ascii_digit() {
            let digits = |text: &str| {
                let end = text.find(|letter: char| !letter.is_ascii_digit());
                end.unwrap_or(text.len())
            };
            let ((x, rest), (y, other_rest)) =
                (one.split_at(digits(one)), other.split_at(digits(other)));
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order != Ordering::Equal {
                return order;
            }
            (one, other) = (rest, other_rest);
        } else if a == b {
            (one, other) = (
                one.get(a.len_utf8()..).unwrap_or_default(),
                other.get(b.len_utf8()..).unwrap_or_default(),
            );
        } else {
            return a.cmp(&b);
        }
    }
}

/// One network.
#[derive(Debug)]
pub(crate) struct NetworkRow {
    network: Network,
    truncate: bool,
    created: String,
}

impl NetworkRow {
    /// The row of a network.
    pub(crate) fn value(network: Network, truncate: bool, moment: &Moment) -> Value {
        let created = moment.exact_go_time(network.created);
        Value::object(Self {
            network,
            truncate,
            created,
        })
    }
}

impl TemplateContext for NetworkRow {
    fn type_name(&self) -> &'static str {
        "*network.networkContext"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let network = &self.network;
        let labels = network.labels.iter();
        Some(Value::from(match name {
            "CreatedAt" => self.created.clone(),
            "Driver" => network.driver.clone(),
            "ID" if self.truncate => network.short_id().to_owned(),
            "ID" => network.id.clone(),
            "IPv4" => "true".to_owned(),
            "IPv6" => network
                .bridge
                .as_ref()
                .is_some_and(|bridge| bridge.ipv6.is_some())
                .to_string(),
            "Internal" => network.internal.to_string(),
            "Labels" => labels
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(","),
            "Name" => network.name.clone(),
            "Scope" => "local".to_owned(),
            _ => return None,
        }))
    }

    fn json_fields(&self) -> Vec<&str> {
        TITLES.iter().map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["net10", "net2", "bridge", "net02a", "net", "net2a"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["bridge", "net", "net2", "net02a", "net2a", "net10"]);
    }
}
