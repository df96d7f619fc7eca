//! From tokens to trees, by recursive descent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{ParseError, ParseReason};
use super::lexer::{Keyword, Kind, Token, tokens};
use super::number::Number;
use super::tree::{Branch, Command, List, Node, Pipeline, Term, Tree, Variable};
use super::unquote;
use crate::print::quote;

/// How deep blocks and parentheses may be nested together: it bounds the stack of everything that walks a tree.
const DEPTH_LIMIT: usize = 150;
/// The longest template. A command line cannot carry a longer one.
const SIZE_LIMIT_BYTES: usize = 1024 * 1024;

/// Parses `text`, whose main template is called `name`, into all the templates that it defines.
pub(crate) fn parse(
    name: &str,
    text: &str,
    is_function: &dyn Fn(&str) -> bool,
) -> Result<BTreeMap<Arc<str>, Tree>, ParseError> {
    if text.len() > SIZE_LIMIT_BYTES {
        let reason = ParseReason::TooLong {
            size_bytes: text.len(),
            limit_bytes: SIZE_LIMIT_BYTES,
        };
        return Err(ParseError {
            name: name.to_owned(),
            line: 1,
            reason,
        });
    }
    let mut parser = Parser {
        name,
        tokens: tokens(text),
        index: 0,
        furthest: 0,
        depth: 0,
        action_line: None,
        scope: Scope::new(),
        trees: BTreeMap::new(),
        is_function,
    };
    match parser.main() {
        Ok(()) => Ok(parser.trees),
        Err(reason) => Err(ParseError {
            name: name.to_owned(),
            line: parser.line(),
            reason,
        }),
    }
}

/// What belongs to one template of several in a text.
struct Scope {
    /// The variables that are known here.
    variables: Vec<Arc<str>>,
    range_depth: usize,
}

impl Scope {
    fn new() -> Self {
        Self {
            variables: vec!["$".into()],
            range_depth: 0,
        }
    }
}

/// What ended a list of nodes.
enum Ending {
    End,
    Else,
}

impl Ending {
    fn name(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

enum Item {
    Node(Node),
    Ending(Ending),
}

struct Parser<'a> {
    name: &'a str,
    tokens: Vec<Token<'a>>,
    index: usize,
    /// The furthest token that was looked at, whose line errors name.
    furthest: usize,
    depth: usize,
    /// Where the action that is being read starts.
    action_line: Option<usize>,
    scope: Scope,
    trees: BTreeMap<Arc<str>, Tree>,
    is_function: &'a dyn Fn(&str) -> bool,
}

type Parsed<T> = Result<T, ParseReason>;

impl<'a> Parser<'a> {
    fn line(&self) -> usize {
        self.token(self.furthest).line
    }

    fn token(&self, index: usize) -> Token<'a> {
        let last = self.tokens.len().saturating_sub(1);
        let end = || Token {
            kind: Kind::End,
            position: 0,
            line: 1,
            text: "",
        };
        self.tokens
            .get(index.min(last))
            .cloned()
            .unwrap_or_else(end)
    }

    fn peek(&mut self) -> Token<'a> {
        self.furthest = self
            .furthest
            .max(self.index.min(self.tokens.len().saturating_sub(1)));
        self.token(self.index)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.index += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.index += 1;
        }
    }

    fn peek_non_space(&mut self) -> Token<'a> {
        self.skip_space();
        self.peek()
    }

    fn next_non_space(&mut self) -> Token<'a> {
        self.skip_space();
        self.next()
    }

    fn expect(&mut self, kind: &Kind, context: &'static str) -> Parsed<Token<'a>> {
        let token = self.next_non_space();
        if token.kind == *kind {
            Ok(token)
        } else {
            Err(self.unexpected(token, context))
        }
    }

    fn unexpected(&self, token: Token<'_>, context: &'static str) -> ParseReason {
        let Kind::Error(reason) = token.kind else {
            return ParseReason::Unexpected {
                token: token.describe(),
                context,
            };
        };
        match self.action_line {
            Some(line) if line != token.line => ParseReason::InAction {
                reason: Box::new(reason),
                name: self.name.to_owned(),
                line,
            },
            _ => reason,
        }
    }

    fn main(&mut self) -> Parsed<()> {
        let mut root = List::new();
        while self.peek().kind != Kind::End {
            if self.peek().kind == Kind::LeftDelimiter {
                let start = self.index;
                self.next();
                if self.next_non_space().kind == Kind::Keyword(Keyword::Define) {
                    self.definition()?;
                    continue;
                }
                self.index = start;
            }
            match self.text_or_action()? {
                Item::Node(node) => root.push(node),
                Item::Ending(ending) => {
                    return Err(ParseReason::UnexpectedNode {
                        node: ending.name(),
                    });
                }
            }
        }
        self.define(self.name.into(), root)
    }

    fn define(&mut self, name: Arc<str>, root: List) -> Parsed<()> {
        let is_empty = |list: &List| list.iter().all(Node::is_empty);
        match self.trees.get(&name) {
            Some(known) if !is_empty(&known.root) => {
                if is_empty(&root) {
                    return Ok(());
                }
                Err(ParseReason::MultipleDefinition {
                    name: quote(name.as_bytes()),
                })
            }
            _ => {
                self.trees.insert(name, Tree { root });
                Ok(())
            }
        }
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(&Kind::RightDelimiter, CONTEXT)?;
        self.body(name, CONTEXT)
    }

    /// The list of a `define` or `block`, which sees no variables of the template around it.
    fn body(&mut self, name: Arc<str>, context: &'static str) -> Parsed<()> {
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let action_line = self.action_line.take();
        let (root, ending) = self.list()?;
        if matches!(ending, Ending::Else) {
            return Err(ParseReason::Unexpected {
                token: ending.name().to_owned(),
                context,
            });
        }
        self.define(name, root)?;
        (self.scope, self.action_line) = (outer, action_line);
        Ok(())
    }

    fn template_name(&mut self, token: &Token<'a>, context: &'static str) -> Parsed<Arc<str>> {
        match token.kind {
            Kind::String | Kind::RawString => Ok(unquote::string(token.text)?.to_string().into()),
            _ => Err(self.unexpected(token.clone(), context)),
        }
    }

    fn list(&mut self) -> Parsed<(List, Ending)> {
        let mut list = List::new();
        while self.peek_non_space().kind != Kind::End {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Ending(ending) => return Ok((list, ending)),
            }
        }
        Err(ParseReason::UnexpectedEnd)
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.text.into()))),
            Kind::LeftDelimiter => {
                self.action_line = Some(token.line);
                self.deeper()?;
                let item = self.action()?;
                self.depth -= 1;
                self.action_line = None;
                Ok(item)
            }
            _ => Err(self.unexpected(token, "input")),
        }
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            Err(ParseReason::TooDeep { limit: DEPTH_LIMIT })
        } else {
            Ok(())
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.peek_non_space();
        let Kind::Keyword(keyword) = token.kind else {
            return self
                .pipeline("command", &Kind::RightDelimiter)
                .map(|pipe| Item::Node(Node::Action(pipe)));
        };
        self.index += 1;
        Ok(Item::Node(match keyword {
            Keyword::Block => self.block()?,
            Keyword::Break => {
                self.break_or_continue("{{break}}", Node::Break, ParseReason::BreakOutsideRange)?
            }
            Keyword::Continue => self.break_or_continue(
                "{{continue}}",
                Node::Continue,
                ParseReason::ContinueOutsideRange,
            )?,
            Keyword::Else => return self.else_ending(),
            Keyword::End => {
                self.expect(&Kind::RightDelimiter, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            Keyword::If => Node::If(self.control(Keyword::If)?),
            Keyword::Range => Node::Range(self.control(Keyword::Range)?),
            Keyword::With => Node::With(self.control(Keyword::With)?),
            Keyword::Template => self.template()?,
            Keyword::Define => {
                self.index -= 1;
                return Err(self.unexpected(token, "command"));
            }
        }))
    }

    fn break_or_continue(
        &mut self,
        context: &'static str,
        node: Node,
        outside: ParseReason,
    ) -> Parsed<Node> {
        self.expect(&Kind::RightDelimiter, context)?;
        if self.scope.range_depth == 0 {
            Err(outside)
        } else {
            Ok(node)
        }
    }

    /// `{{else}}`; the `if` or `with` of `{{else if` stays for the caller.
    fn else_ending(&mut self) -> Parsed<Item> {
        let next = self.peek_non_space();
        if !matches!(next.kind, Kind::Keyword(Keyword::If | Keyword::With)) {
            self.expect(&Kind::RightDelimiter, "else")?;
        }
        Ok(Item::Ending(Ending::Else))
    }

    fn control(&mut self, keyword: Keyword) -> Parsed<Branch> {
        let context = match keyword {
            Keyword::If => "if",
            Keyword::With => "with",
            _ => "range",
        };
        let known_variables = self.scope.variables.len();
        let is_range = usize::from(keyword == Keyword::Range);
        let pipeline = self.pipeline(context, &Kind::RightDelimiter)?;
        self.scope.range_depth += is_range;
        let (list, ending) = self.list()?;
        self.scope.range_depth -= is_range;
        let else_list = match ending {
            Ending::End => None,
            Ending::Else => Some(self.else_list(keyword)?),
        };
        self.scope.variables.truncate(known_variables);
        Ok(Branch {
            position: pipeline.position,
            pipeline,
            list,
            else_list,
        })
    }

    fn else_list(&mut self, keyword: Keyword) -> Parsed<List> {
        let chained = matches!(keyword, Keyword::If | Keyword::With)
            && self.peek().kind == Kind::Keyword(keyword);
        if chained {
            self.next();
            self.deeper()?;
            let branch = self.control(keyword)?;
            self.depth -= 1;
            return Ok(vec![if keyword == Keyword::If {
                Node::If(branch)
            } else {
                Node::With(branch)
            }]);
        }
        match self.list()? {
            (list, Ending::End) => Ok(list),
            (_, ending @ Ending::Else) => Err(ParseReason::ExpectedEnd {
                node: ending.name(),
            }),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipeline = self.pipeline(CONTEXT, &Kind::RightDelimiter)?;
        self.body(name.clone(), CONTEXT)?;
        Ok(Node::Template {
            position: token.position,
            name,
            pipeline: Some(pipeline),
        })
    }

    fn template(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipeline = None;
        if self.next_non_space().kind != Kind::RightDelimiter {
            self.index -= 1;
            pipeline = Some(self.pipeline(CONTEXT, &Kind::RightDelimiter)?);
        }
        Ok(Node::Template {
            position: token.position,
            name,
            pipeline,
        })
    }

    fn pipeline(&mut self, context: &'static str, end: &Kind) -> Parsed<Pipeline> {
        let position = self.peek_non_space().position;
        let mut pipeline = Pipeline {
            position,
            is_assignment: false,
            declarations: Vec::new(),
            commands: Vec::new(),
        };
        self.declarations(&mut pipeline, context)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                ref kind if kind == end => break,
                Kind::Bool
                | Kind::CharacterConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParenthesis => {
                    self.index -= 1;
                    pipeline.commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(token, context)),
            }
        }
        check_pipeline(&pipeline, context)?;
        Ok(pipeline)
    }

    /// `$x :=`, `$x =`, and in `range` `$x, $y :=`.
    fn declarations(&mut self, pipeline: &mut Pipeline, context: &'static str) -> Parsed<()> {
        while self.peek_non_space().kind == Kind::Variable {
            let start = self.index;
            let name: Arc<str> = self.next().text.into();
            let sign = self.peek_non_space();
            let is_comma = sign.kind == Kind::Character && sign.text == ",";
            if !is_comma && !matches!(sign.kind, Kind::Assign | Kind::Declare) {
                self.index = start;
                break;
            }
            self.index += 1;
            pipeline.declarations.push(name.clone());
            self.scope.variables.push(name);
            if !is_comma {
                pipeline.is_assignment = sign.kind == Kind::Assign;
                break;
            }
            if context != "range" || pipeline.declarations.len() >= 2 {
                return Err(ParseReason::TooManyDeclarations { context });
            }
            let next = self.peek_non_space().kind;
            if !matches!(
                next,
                Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis
            ) {
                return Err(ParseReason::RangeInitializesVariables);
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut command = Command {
            position: self.peek_non_space().position,
            terms: Vec::new(),
        };
        loop {
            self.skip_space();
            if let Some(term) = self.operand()? {
                command.terms.push(term);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParenthesis => {
                    self.index -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(token, "operand")),
            }
        }
        if command.terms.is_empty() {
            Err(ParseReason::EmptyCommand)
        } else {
            Ok(command)
        }
    }

    /// A term and the fields that are taken of it.
    fn operand(&mut self) -> Parsed<Option<Term>> {
        let Some(term) = self.term()? else {
            return Ok(None);
        };
        let position = self.peek().position;
        let mut names = Vec::new();
        while self.peek().kind == Kind::Field {
            names.push(field_name(self.next().text));
        }
        if names.is_empty() {
            return Ok(Some(term));
        }
        Ok(Some(match term {
            Term::Field {
                names: mut first, ..
            } => {
                first.append(&mut names);
                Term::Field {
                    position,
                    names: first,
                }
            }
            Term::Variable(mut variable) => {
                variable.fields.append(&mut names);
                Term::Variable(Variable {
                    position,
                    ..variable
                })
            }
            Term::Bool { .. }
            | Term::Text { .. }
            | Term::Number { .. }
            | Term::Nil { .. }
            | Term::Dot { .. } => {
                return Err(ParseReason::FieldOfLiteral {
                    term: quote(term.to_string().as_bytes()),
                });
            }
            of => Term::Chain {
                position,
                of: Box::new(of),
                names,
            },
        }))
    }

    fn term(&mut self) -> Parsed<Option<Term>> {
        let token = self.next_non_space();
        let Token { position, text, .. } = token;
        Ok(Some(match token.kind {
            Kind::Identifier if (self.is_function)(text) => Term::Function {
                position,
                name: text.into(),
            },
            Kind::Identifier => {
                return Err(ParseReason::UndefinedFunction {
                    name: quote(text.as_bytes()),
                });
            }
            Kind::Dot => Term::Dot { position },
            Kind::Nil => Term::Nil { position },
            Kind::Variable if self.scope.variables.iter().any(|known| **known == *text) => {
                Term::Variable(Variable {
                    position,
                    name: text.into(),
                    fields: Vec::new(),
                })
            }
            Kind::Variable => {
                return Err(ParseReason::UndefinedVariable {
                    name: quote(text.as_bytes()),
                });
            }
            Kind::Field => Term::Field {
                position,
                names: vec![field_name(text)],
            },
            Kind::Bool => Term::Bool {
                position,
                value: text == "true",
            },
            Kind::CharacterConstant => Term::Number {
                position,
                number: Number::from_character(text)?,
            },
            Kind::Complex => Term::Number {
                position,
                number: Number::from_complex(text)?,
            },
            Kind::Number => Term::Number {
                position,
                number: Number::parse(text)?,
            },
            Kind::LeftParenthesis => {
                self.deeper()?;
                let pipeline = self.pipeline("parenthesized pipeline", &Kind::RightParenthesis)?;
                self.depth -= 1;
                Term::Pipeline(pipeline)
            }
            Kind::String | Kind::RawString => Term::Text {
                position,
                quoted: text.into(),
                text: unquote::string(text)?,
            },
            _ => {
                self.index -= 1;
                return Ok(None);
            }
        }))
    }
}

fn field_name(token: &str) -> Arc<str> {
    token.strip_prefix('.').unwrap_or(token).into()
}

fn check_pipeline(pipeline: &Pipeline, context: &'static str) -> Parsed<()> {
    if pipeline.commands.is_empty() {
        return Err(ParseReason::MissingValue { context });
    }
    for (index, command) in pipeline.commands.iter().enumerate().skip(1) {
        let first = command.terms.first();
        if let Some(
            Term::Bool { .. }
            | Term::Dot { .. }
            | Term::Nil { .. }
            | Term::Number { .. }
            | Term::Text { .. },
        ) = first
        {
            return Err(ParseReason::NotExecutable { stage: index + 1 });
        }
    }
    Ok(())
}
