//! What can be wrong with a template before it runs, in Go's words.

/// A template that is not one. Prints as Go's `text/template` does: `template: :1: unclosed action`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: {name}:{line}: {reason}")]
pub struct ParseError {
    /// The name of the whole template; Docker's have none.
    pub name: String,
    /// Where the parser stood, counted from one.
    pub line: usize,
    /// What it did not understand.
    pub reason: ParseReason,
}

/// What the parser did not understand. The texts are Go's, but for the last two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what the variants are")]
pub enum ParseReason {
    #[error("unclosed comment")]
    UnclosedComment,
    #[error("comment ends before closing delimiter")]
    CommentNotAlone,
    #[error("unclosed left paren")]
    UnclosedParenthesis,
    #[error("unclosed action")]
    UnclosedAction,
    #[error("expected :=")]
    LoneColon,
    #[error("unexpected right paren")]
    UnexpectedRightParenthesis,
    #[error("unrecognized character in action: {character}")]
    UnrecognizedCharacter { character: String },
    #[error("bad character {character}")]
    BadCharacter { character: String },
    #[error("unterminated character constant")]
    UnterminatedCharacter,
    #[error("unterminated quoted string")]
    UnterminatedString,
    #[error("unterminated raw quoted string")]
    UnterminatedRawString,
    /// One of the above, in an action that starts on an earlier line.
    #[error("{reason}{} started at {name}:{line}", in_action(.reason))]
    InAction {
        reason: Box<Self>,
        name: String,
        line: usize,
    },
    #[error("bad number syntax: {text}")]
    BadNumber { text: String },
    #[error("illegal number syntax: {text}")]
    IllegalNumber { text: String },
    #[error("integer overflow: {text}")]
    IntegerOverflow { text: String },
    #[error("malformed character constant: {text}")]
    MalformedCharacter { text: String },
    #[error("invalid syntax")]
    InvalidSyntax,
    #[error("unexpected {token} in {context}")]
    Unexpected {
        token: String,
        context: &'static str,
    },
    #[error("unexpected {node}")]
    UnexpectedNode { node: &'static str },
    #[error("unexpected EOF")]
    UnexpectedEnd,
    #[error("expected end; found {node}")]
    ExpectedEnd { node: &'static str },
    #[error("{{{{break}}}} outside {{{{range}}}}")]
    BreakOutsideRange,
    #[error("{{{{continue}}}} outside {{{{range}}}}")]
    ContinueOutsideRange,
    #[error("range can only initialize variables")]
    RangeInitializesVariables,
    #[error("too many declarations in {context}")]
    TooManyDeclarations { context: &'static str },
    #[error("missing value for {context}")]
    MissingValue { context: &'static str },
    #[error("non executable command in pipeline stage {stage}")]
    NotExecutable { stage: usize },
    #[error("empty command")]
    EmptyCommand,
    #[error("unexpected . after term {term}")]
    FieldOfLiteral { term: String },
    #[error("function {name} not defined")]
    UndefinedFunction { name: String },
    #[error("undefined variable {name}")]
    UndefinedVariable { name: String },
    #[error("template: multiple definition of template {name}")]
    MultipleDefinition { name: String },
    /// Go allows 10,000 parentheses and any number of blocks.
    #[error(
        "blocks and parentheses are nested more than {limit} deep: split the template with define"
    )]
    TooDeep { limit: usize },
    /// Go has no such limit.
    #[error("the template is {size_bytes} bytes long, and only {limit_bytes} are allowed")]
    TooLong {
        size_bytes: usize,
        limit_bytes: usize,
    },
}

/// Words that are not said twice.
fn in_action(reason: &ParseReason) -> &'static str {
    if *reason == ParseReason::UnclosedAction {
        ""
    } else {
        " in action"
    }
}
