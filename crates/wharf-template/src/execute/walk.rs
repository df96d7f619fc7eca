//! Text, actions, conditions, loops and calls of templates.

use std::sync::Arc;

use super::error::ExecuteReason;
use super::operand::Operand;
use super::state::{Execution, Place, Run};
use crate::parse::{Branch, Node, Pipeline};
use crate::print::{Printer, quote};
use crate::value::Value;

/// What the innermost loop is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

/// How deep blocks may run inside each other, across all templates that called each other: it bounds the stack, which is
/// 2 MiB in a thread. The parser bounds each template, and the limit of calls alone would let them multiply.
const NESTING_LIMIT: usize = 400;

impl<'t> Execution<'t> {
    pub(super) fn walk_list(&mut self, dot: &Operand, list: &'t [Node]) -> Run<Flow> {
        if self.nesting == NESTING_LIMIT {
            let limit = NESTING_LIMIT;
            return Err(ExecuteReason::TooDeep { limit });
        }
        self.nesting += 1;
        for node in list {
            match self.walk(dot, node)? {
                Flow::Next => {}
                flow => {
                    self.nesting -= 1;
                    return Ok(flow);
                }
            }
        }
        self.nesting -= 1;
        Ok(Flow::Next)
    }

    fn walk(&mut self, dot: &Operand, node: &'t Node) -> Run<Flow> {
        self.place = Some(Place::Node(node));
        self.budget.step()?;
        match node {
            Node::Text(text) => self.write(text.as_bytes())?,
            Node::Action(pipeline) => {
                let value = self.pipeline(dot, pipeline)?;
                if pipeline.declarations.is_empty() {
                    self.place = Some(Place::Node(node));
                    self.print(value)?;
                }
            }
            Node::If(branch) => return self.walk_condition(dot, branch, false),
            Node::With(branch) => return self.walk_condition(dot, branch, true),
            Node::Range(branch) => return self.walk_range(dot, branch),
            Node::Template { name, pipeline, .. } => {
                self.walk_template(dot, name, pipeline.as_ref())?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, value: Operand) -> Run<()> {
        match value.printable() {
            None => self.write(b"<no value>"),
            Some(Value::String(text)) => self.write(text.as_bytes()),
            Some(value) => {
                let mut printer = Printer::new(self.output_left());
                printer.print(&[value]).or(Err(self.budget.too_long()))?;
                let text = printer.into_bytes();
                self.budget.steps_for(text.len())?;
                self.write(&text)
            }
        }
    }

    fn walk_condition(&mut self, dot: &Operand, branch: &'t Branch, is_with: bool) -> Run<Flow> {
        let known_variables = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let flow = if value.is_true() {
            self.walk_list(if is_with { &value } else { dot }, &branch.list)
        } else {
            branch
                .else_list
                .as_ref()
                .map_or(Ok(Flow::Next), |list| self.walk_list(dot, list))
        };
        self.variables.truncate(known_variables);
        flow
    }

    fn walk_range(&mut self, dot: &Operand, branch: &'t Branch) -> Run<Flow> {
        let known_variables = self.variables.len();
        let (over, _) = self.pipeline(dot, &branch.pipeline)?.indirect();
        let ran = self.iterate(&over, branch)?;
        let mut flow = Flow::Next;
        if !ran && let Some(list) = &branch.else_list {
            // As in Go, `break` ends this `range`, which did not run, but `continue` is for the one around it.
            flow = match self.walk_list(dot, list)? {
                Flow::Continue => Flow::Continue,
                Flow::Next | Flow::Break => Flow::Next,
            };
        }
        self.variables.truncate(known_variables);
        Ok(flow)
    }

    /// Whether there was anything to iterate over.
    fn iterate(&mut self, over: &Operand, branch: &'t Branch) -> Run<bool> {
        let Some(value) = over.value() else {
            // A nil interface is not iterated over, but what is not there counts as empty.
            return match over {
                Operand::Invalid => Ok(false),
                _ => Err(ExecuteReason::RangeOver { value: show(over) }),
            };
        };
        match value.base() {
            Value::Int(_) | Value::Uint(_) => self.count(over, branch),
            Value::List(list) => {
                for (index, item) in list.items().iter().enumerate() {
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    let item = Operand::element(&list.element, item);
                    if self.iteration(branch, Operand::Concrete(index), &item)? == Flow::Break {
                        break;
                    }
                }
                Ok(!list.items().is_empty())
            }
            Value::Map(map) => {
                for (key, item) in map.iter() {
                    let item = Operand::element(&map.map_type.element, item);
                    if self.iteration(branch, Operand::Concrete(map.key_value(key)), &item)?
                        == Flow::Break
                    {
                        break;
                    }
                }
                Ok(!map.is_empty())
            }
            _ => Err(ExecuteReason::RangeOver { value: show(over) }),
        }
    }

    /// `range 5`.
    fn count(&mut self, over: &Operand, branch: &'t Branch) -> Run<bool> {
        if branch.pipeline.declarations.len() > 1 {
            return Err(ExecuteReason::RangeVariables { value: show(over) });
        }
        let end = match over.value().map(Value::base) {
            Some(Value::Int(end)) => u64::try_from(*end).unwrap_or(0),
            Some(Value::Uint(end)) => *end,
            _ => 0,
        };
        for number in 0..end {
            let number = match over.value() {
                Some(Value::Named(named)) => {
                    Value::named(&named.name, same_kind(&named.value, number))
                }
                Some(value) => same_kind(value, number),
                None => Value::Nil,
            };
            if self.iteration(branch, Operand::Invalid, &Operand::concrete(number))? == Flow::Break
            {
                break;
            }
        }
        Ok(end > 0)
    }

    fn iteration(&mut self, branch: &'t Branch, index: Operand, item: &Operand) -> Run<Flow> {
        self.budget.step()?;
        let known_variables = self.variables.len();
        match (
            branch.pipeline.declarations.as_slice(),
            branch.pipeline.is_assignment,
        ) {
            ([], _) => {}
            ([one], true) => self.set_variable(one, item.clone())?,
            ([_], false) => self.set_last_variable(1, item.clone()),
            ([first, second, ..], true) => {
                self.set_variable(first, index)?;
                self.set_variable(second, item.clone())?;
            }
            ([_, _, ..], false) => {
                self.set_last_variable(1, item.clone());
                self.set_last_variable(2, index);
            }
        }
        let flow = self.walk_list(item, &branch.list);
        self.variables.truncate(known_variables);
        flow
    }

    fn walk_template(
        &mut self,
        dot: &Operand,
        name: &Arc<str>,
        pipeline: Option<&'t Pipeline>,
    ) -> Run<()> {
        let Some(tree) = self.trees.get(name) else {
            return Err(ExecuteReason::UndefinedTemplate {
                name: quote(name.as_bytes()),
            });
        };
        let limit = self.setting.limits.template_depth;
        if self.template_depth == limit {
            return Err(ExecuteReason::TemplateDepth { limit });
        }
        let dot = match pipeline {
            Some(pipeline) => self.pipeline(dot, pipeline)?,
            None => Operand::Invalid,
        };
        // A template sees nothing of its caller's variables.
        let variables = std::mem::replace(&mut self.variables, vec![("$".into(), dot.clone())]);
        let caller = std::mem::replace(&mut self.template, name.clone());
        self.template_depth += 1;
        self.walk_list(&dot, &tree.root)?;
        self.template_depth -= 1;
        self.template = caller;
        self.variables = variables;
        Ok(())
    }
}

/// A value as an error shows it.
pub(super) fn show(operand: &Operand) -> String {
    const SHOWN_BYTES: usize = 4096;
    let mut printer = Printer::new(SHOWN_BYTES);
    // What is too long for an error is cut.
    let _cut = printer.print(&[operand.clone().into_value()]);
    String::from_utf8_lossy(&printer.into_bytes()).into_owned()
}

fn same_kind(like: &Value, number: u64) -> Value {
    match like {
        Value::Uint(_) => Value::Uint(number),
        _ => Value::Int(i64::try_from(number).unwrap_or(i64::MAX)),
    }
}
