//! What a run keeps: variables, output, limits, and where it stands.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::error::{ExecuteError, ExecuteReason};
use super::operand::Operand;
use crate::functions::FunctionSet;
use crate::parse::{Command, Node, Pipeline, Term, Tree};

/// What a template may cost. A template that needs more stops with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest output, and largest sum of the strings that functions make, each.
    pub output_bytes: usize,
    /// Nodes, arguments and loops, and a little for long strings.
    pub steps: u64,
    /// How deep `{{template}}` may call.
    pub template_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            output_bytes: 64 * 1024 * 1024,
            steps: 10_000_000,
            template_depth: 20,
        }
    }
}

/// What `.Field` of a map without that key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// `<no value>`: Go's default.
    #[default]
    NoValue,
    /// An error: `docker inspect`, once its types did not know a field.
    Error,
}

/// How a template is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) missing_key: MissingKey,
    pub(crate) limits: Limits,
    pub(crate) functions: FunctionSet,
}

/// What is left of the limits.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    steps: u64,
    made_bytes: usize,
}

/// How many bytes of a string cost one step.
const BYTES_PER_STEP: usize = 64;

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            steps: limits.steps,
            made_bytes: limits.output_bytes,
        }
    }

    pub(crate) fn step(&mut self) -> Result<(), ExecuteReason> {
        self.steps_for(0)
    }

    /// Pays for looking at `bytes` bytes.
    pub(crate) fn steps_for(&mut self, bytes: usize) -> Result<(), ExecuteReason> {
        let steps = u64::try_from(bytes / BYTES_PER_STEP)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        self.steps = self
            .steps
            .checked_sub(steps)
            .ok_or(ExecuteReason::TooManySteps {
                limit: self.limits.steps,
            })?;
        Ok(())
    }

    /// How many bytes functions may still make.
    pub(crate) fn bytes_left(&self) -> usize {
        self.made_bytes
    }

    /// Pays for a string that was made.
    pub(crate) fn made(&mut self, bytes: usize) -> Result<(), ExecuteReason> {
        self.made_bytes = self
            .made_bytes
            .checked_sub(bytes)
            .ok_or_else(|| self.too_long())?;
        self.steps_for(bytes)
    }

    pub(crate) fn too_long(&self) -> ExecuteReason {
        ExecuteReason::OutputTooLong {
            limit_bytes: self.limits.output_bytes,
        }
    }
}

/// The part of a template that an error would name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'t> {
    Node(&'t Node),
    Pipeline(&'t Pipeline),
    Command(&'t Command),
    Term(&'t Term),
}

impl Place<'_> {
    fn position(&self) -> usize {
        match self {
            Self::Node(Node::Template { position, .. }) => *position,
            Self::Node(Node::If(branch) | Node::With(branch) | Node::Range(branch)) => {
                branch.position
            }
            Self::Node(Node::Action(pipeline)) => pipeline.position,
            Self::Pipeline(pipeline) => pipeline.position,
            Self::Node(Node::Text(_) | Node::Break | Node::Continue) => 0,
            Self::Command(command) => command.position,
            Self::Term(term) => term.position(),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(formatter),
            Self::Pipeline(pipeline) => pipeline.fmt(formatter),
            Self::Command(command) => command.fmt(formatter),
            Self::Term(term) => term.fmt(formatter),
        }
    }
}

/// One run of a template.
pub(crate) struct Execution<'t> {
    pub(super) trees: &'t BTreeMap<Arc<str>, Tree>,
    pub(super) setting: Setting,
    pub(super) budget: Budget,
    pub(super) output: &'t mut Vec<u8>,
    /// Where output starts in `output`, which may hold what was there before.
    output_start: usize,
    /// The name of the template that runs now.
    pub(super) template: Arc<str>,
    pub(super) template_depth: usize,
    /// How many blocks are open, in all templates.
    pub(super) nesting: usize,
    pub(super) place: Option<Place<'t>>,
    pub(super) variables: Vec<(Arc<str>, Operand)>,
}

pub(super) type Run<T> = Result<T, ExecuteReason>;

impl<'t> Execution<'t> {
    /// Runs the template `name` of `trees`, which were parsed from `text`, over `data`.
    pub(crate) fn run(
        (name, text): (&str, &str),
        trees: &'t BTreeMap<Arc<str>, Tree>,
        setting: Setting,
        data: &Operand,
        output: &'t mut Vec<u8>,
    ) -> Result<(), ExecuteError> {
        let output_start = output.len();
        let mut execution = Self {
            trees,
            setting,
            budget: Budget::new(setting.limits),
            output,
            output_start,
            template: name.into(),
            template_depth: 0,
            nesting: 0,
            place: None,
            variables: vec![("$".into(), data.clone())],
        };
        let Some(tree) = trees.get(name) else {
            return Ok(());
        };
        let result = execution.walk_list(data, &tree.root);
        result
            .map(|_flow| ())
            .map_err(|reason| execution.error(name, text, reason))
    }

    fn error(&self, name: &str, text: &str, reason: ExecuteReason) -> ExecuteError {
        let position = self.place.map_or(0, |place| place.position());
        let before = text.as_bytes().get(..position).unwrap_or_default();
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        ExecuteError {
            name: name.to_owned(),
            line: before.split(|byte| *byte == b'\n').count(),
            column: position - line_start,
            template: self.template.to_string(),
            context: self
                .place
                .map(|place| place.to_string())
                .unwrap_or_default(),
            reason: Box::new(reason),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Run<()> {
        let length = self.output.len() - self.output_start + bytes.len();
        if length > self.setting.limits.output_bytes {
            return Err(self.budget.too_long());
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn output_left(&self) -> usize {
        self.setting
            .limits
            .output_bytes
            .saturating_sub(self.output.len() - self.output_start)
    }

    pub(super) fn variable(&self, name: &str) -> Run<Operand> {
        let found = self
            .variables
            .iter()
            .rev()
            .find(|(known, _)| **known == *name);
        found
            .map(|(_, value)| value.clone())
            .ok_or_else(|| undefined(name))
    }

    /// Changes the variable that was declared last under this name.
    pub(super) fn set_variable(&mut self, name: &str, value: Operand) -> Run<()> {
        let found = self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| **known == *name);
        found.ok_or_else(|| undefined(name))?.1 = value;
        Ok(())
    }

    /// Changes the variable that is the `index`-th from the end.
    pub(super) fn set_last_variable(&mut self, index: usize, value: Operand) {
        let at = self.variables.len().checked_sub(index);
        if let Some((_, variable)) = at.and_then(|at| self.variables.get_mut(at)) {
            *variable = value;
        }
    }
}

fn undefined(name: &str) -> ExecuteReason {
    ExecuteReason::UndefinedVariable {
        name: name.to_owned(),
    }
}
