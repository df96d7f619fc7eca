//! A parsed template, and how it is run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::execute::{ExecuteError, Execution, Limits, MissingKey, Operand, Setting};
use crate::functions::FunctionSet;
use crate::parse::{ParseError, Tree, parse};
use crate::value::Value;

/// A template that was parsed; it can run any number of times.
#[derive(Debug, Clone)]
pub struct Template {
    name: String,
    text: String,
    trees: BTreeMap<Arc<str>, Tree>,
    missing_key: MissingKey,
    limits: Limits,
    functions: FunctionSet,
}

impl Template {
    /// Parses a template as Docker does, without a name.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_named("", text)
    }

    /// Parses a template that errors call `name`.
    pub fn parse_named(name: &str, text: &str) -> Result<Self, ParseError> {
        let trees = parse(name, text, &|function| {
            FunctionSet::Docker.find(function).is_some()
        })?;
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            trees,
            missing_key: MissingKey::default(),
            limits: Limits::default(),
            functions: FunctionSet::Docker,
        })
    }

    /// The same, with another meaning of a key that a map does not have.
    #[must_use]
    pub fn with_missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same, with `json` as Docker's plugin buildx has it: indented by two spaces, and escaped for HTML.
    #[must_use]
    pub fn with_indented_json(mut self) -> Self {
        self.functions = FunctionSet::Buildx;
        self
    }

    /// Runs over `data` and gives the output, which is UTF-8 unless the template cut a character.
    pub fn execute(&self, data: &Value) -> Result<Vec<u8>, ExecuteError> {
        let mut output = Vec::new();
        self.execute_into(data, &mut output)?;
        Ok(output)
    }

    /// Runs over `data` and appends to `output`. On an error, what was written before it stays there, as in Go.
    pub fn execute_into(&self, data: &Value, output: &mut Vec<u8>) -> Result<(), ExecuteError> {
        self.run(data, self.functions, output)
    }

    /// Runs over the titles of columns: Docker's functions leave them as they are.
    pub(crate) fn execute_header(
        &self,
        titles: &Value,
        output: &mut Vec<u8>,
    ) -> Result<(), ExecuteError> {
        self.run(titles, FunctionSet::Header, output)
    }

    fn run(
        &self,
        data: &Value,
        functions: FunctionSet,
        output: &mut Vec<u8>,
    ) -> Result<(), ExecuteError> {
        let setting = Setting {
            missing_key: self.missing_key,
            limits: self.limits,
            functions,
        };
        let data = Operand::concrete(data.clone());
        Execution::run(
            (&self.name, &self.text),
            &self.trees,
            setting,
            &data,
            output,
        )
    }
}
