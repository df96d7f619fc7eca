//! Variables while stages are walked through.

use std::collections::{BTreeMap, BTreeSet};

use wharf_oci::Platform;

use crate::dockerfile::expand::{ExpandError, Lexer, Variables};
use crate::dockerfile::{Argument, GlobalArguments};

/// Names and values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(pub(crate) BTreeMap<String, String>);

impl Variables for Values {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// What a file may use in FROM without a declaration.
pub(crate) fn predefined(
    build: &Platform,
    target: &Platform,
    stage: &str,
    build_arguments: &BTreeMap<String, String>,
) -> Values {
    let values = [
        ("BUILDPLATFORM", build.to_string()),
        ("BUILDOS", build.os.clone()),
        ("BUILDOSVERSION", build.os_version.clone()),
        ("BUILDARCH", build.architecture.clone()),
        ("BUILDVARIANT", build.variant.clone()),
        ("TARGETPLATFORM", target.to_string()),
        ("TARGETOS", target.os.clone()),
        ("TARGETOSVERSION", target.os_version.clone()),
        ("TARGETARCH", target.architecture.clone()),
        ("TARGETVARIANT", target.variant.clone()),
        (
            "TARGETSTAGE",
            if stage.is_empty() { "default" } else { stage }.to_owned(),
        ),
    ];
    let with_given = values.map(|(name, value)| {
        let value = build_arguments.get(name).cloned().unwrap_or(value);
        (name.to_owned(), value)
    });
    Values(with_given.into())
}

/// The global scope: `values` with the ARGs before the first stage, each of which sees the ones before it. Also gives the names
/// that are declared.
pub(crate) fn global(
    mut values: Values,
    arguments: &[GlobalArguments],
    build_arguments: &BTreeMap<String, String>,
    lexer: Lexer,
) -> Result<(Values, BTreeSet<String>), (crate::dockerfile::Lines, ExpandError)> {
    let mut declared = BTreeSet::new();
    for instruction in arguments {
        for Argument { name, default } in &instruction.arguments {
            let value = match (build_arguments.get(name), default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => {
                    let expanded = lexer.expand(default, &values);
                    Some(expanded.map_err(|error| (instruction.lines, error))?.text)
                }
                (None, None) => None,
            };
            if let Some(value) = value {
                values.0.insert(name.clone(), value);
            }
            declared.insert(name.clone());
        }
    }
    Ok((values, declared))
}
