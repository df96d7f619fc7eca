//! What a template is once parsed. Positions are byte offsets into its text; the texts of nodes, which errors quote,
//! are made from the nodes as Go makes them, not taken from the source.

use std::fmt;
use std::sync::Arc;

use super::number::Number;
use crate::print::quote;
use crate::value::GoString;

/// A named template.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    pub(crate) root: List,
}

pub(crate) type List = Vec<Node>;

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(Arc<str>),
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template {
        position: usize,
        name: Arc<str>,
        pipeline: Option<Pipeline>,
    },
    Break,
    Continue,
}

#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) position: usize,
    pub(crate) pipeline: Pipeline,
    pub(crate) list: List,
    pub(crate) else_list: Option<List>,
}

#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) position: usize,
    pub(crate) is_assignment: bool,
    pub(crate) declarations: Vec<Arc<str>>,
    pub(crate) commands: Vec<Command>,
}

/// A function or value, and the arguments behind it; never empty.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) position: usize,
    pub(crate) terms: Vec<Term>,
}

#[derive(Debug, Clone)]
pub(crate) enum Term {
    Field {
        position: usize,
        names: Vec<Arc<str>>,
    },
    Variable(Variable),
    /// Fields of something that is neither a field nor a variable: `(pipeline).Field`, `function.Field`.
    Chain {
        position: usize,
        of: Box<Self>,
        names: Vec<Arc<str>>,
    },
    Function {
        position: usize,
        name: Arc<str>,
    },
    Dot {
        position: usize,
    },
    Nil {
        position: usize,
    },
    Bool {
        position: usize,
        value: bool,
    },
    Number {
        position: usize,
        number: Number,
    },
    Text {
        position: usize,
        quoted: Arc<str>,
        text: GoString,
    },
    Pipeline(Pipeline),
}

/// `$name.Field.Field`.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) position: usize,
    /// With its `$`.
    pub(crate) name: Arc<str>,
    pub(crate) fields: Vec<Arc<str>>,
}

impl Node {
    /// Whether nothing but space is in it. A template that is empty in this sense can be defined again.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}

impl Term {
    pub(crate) fn position(&self) -> usize {
        match self {
            Self::Field { position, .. }
            | Self::Chain { position, .. }
            | Self::Function { position, .. }
            | Self::Dot { position }
            | Self::Nil { position }
            | Self::Bool { position, .. }
            | Self::Number { position, .. }
            | Self::Text { position, .. } => *position,
            Self::Variable(variable) => variable.position,
            Self::Pipeline(pipeline) => pipeline.position,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Action(pipeline) => write!(formatter, "{{{{{pipeline}}}}}"),
            Self::If(branch) => branch.write(formatter, "if"),
            Self::With(branch) => branch.write(formatter, "with"),
            Self::Range(branch) => branch.write(formatter, "range"),
            Self::Template { name, pipeline, .. } => {
                write!(formatter, "{{{{template {}", quote(name.as_bytes()))?;
                if let Some(pipeline) = pipeline {
                    write!(formatter, " {pipeline}")?;
                }
                formatter.write_str("}}")
            }
            Self::Break => formatter.write_str("{{break}}"),
            Self::Continue => formatter.write_str("{{continue}}"),
        }
    }
}

impl Branch {
    pub(crate) fn write(&self, formatter: &mut fmt::Formatter<'_>, keyword: &str) -> fmt::Result {
        write!(formatter, "{{{{{keyword} {}}}}}", self.pipeline)?;
        self.list
            .iter()
            .try_for_each(|node| write!(formatter, "{node}"))?;
        if let Some(else_list) = &self.else_list {
            formatter.write_str("{{else}}")?;
            else_list
                .iter()
                .try_for_each(|node| write!(formatter, "{node}"))?;
        }
        formatter.write_str("{{end}}")
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.declarations.is_empty() {
            let sign = if self.is_assignment { "=" } else { ":=" };
            write!(formatter, "{} {sign} ", self.declarations.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" | ")?;
            }
            command.fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            term.write_in_parentheses(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { names, .. } => write_fields(formatter, names),
            Self::Variable(variable) => {
                formatter.write_str(&variable.name)?;
                write_fields(formatter, &variable.fields)
            }
            Self::Chain { of, names, .. } => {
                of.write_in_parentheses(formatter)?;
                write_fields(formatter, names)
            }
            Self::Function { name, .. } => formatter.write_str(name),
            Self::Dot { .. } => formatter.write_str("."),
            Self::Nil { .. } => formatter.write_str("nil"),
            Self::Bool { value, .. } => write!(formatter, "{value}"),
            Self::Number { number, .. } => formatter.write_str(&number.text),
            Self::Text { quoted, .. } => formatter.write_str(quoted),
            Self::Pipeline(pipeline) => pipeline.fmt(formatter),
        }
    }
}

impl Term {
    fn write_in_parentheses(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipeline(pipeline) => write!(formatter, "({pipeline})"),
            other => write!(formatter, "{other}"),
        }
    }
}

fn write_fields(formatter: &mut fmt::Formatter<'_>, names: &[Arc<str>]) -> fmt::Result {
    names
        .iter()
        .try_for_each(|name| write!(formatter, ".{name}"))
}
