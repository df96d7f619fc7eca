//! Variables of a stage, in the order in which they came to be set.

use crate::dockerfile::InstructionKind;
use crate::dockerfile::expand::Variables;

/// Names and values, each name once.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(Vec<(String, String)>);

impl Environment {
    /// Sets a variable; one that is set keeps its place.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

impl Variables for Environment {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Variables as titles show them: instead of those that a RUN gets from secrets, stars.
pub(super) struct WithoutSecrets<'a> {
    variables: &'a Environment,
    secrets: Vec<String>,
}

impl<'a> WithoutSecrets<'a> {
    pub(super) fn new(variables: &'a Environment, instruction: &InstructionKind) -> Self {
        let mounts = match instruction {
            InstructionKind::Run(run) => run.mounts(&mut |value| Ok(value.to_owned())),
            _ => Ok(Vec::new()),
        };
        let secrets = mounts.unwrap_or_default().into_iter();
        let secrets = secrets.filter_map(|mount| mount.variable).collect();
        Self { variables, secrets }
    }
}

impl Variables for WithoutSecrets<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        if self.secrets.iter().any(|secret| secret == name) {
            return Some("****");
        }
        self.variables.get(name)
    }
}
