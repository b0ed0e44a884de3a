//! The tree of a template. What is displayed is how Go's errors quote it.

use std::fmt;
use std::sync::Arc;

use firesteel_go_compat::quote;

use super::number::Number;

/// A text that was parsed, and its name.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// One template.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) name: String,
    pub(crate) source: Arc<Source>,
    pub(crate) root: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Text { pos: usize, text: String },
    Action { pos: usize, pipe: Pipe },
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { pos: usize, name: String, pipe: Option<Pipe> },
    Break { pos: usize },
    Continue { pos: usize },
}

/// An `if`, `with` or `range`.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) pos: usize,
    pub(crate) pipe: Pipe,
    pub(crate) list: Vec<Node>,
    pub(crate) else_list: Option<Vec<Node>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Pipe {
    pub(crate) pos: usize,
    /// `=` and not `:=`
    pub(crate) is_assign: bool,
    /// Names with their `$`.
    pub(crate) decl: Vec<String>,
    pub(crate) cmds: Vec<Command>,
}

/// A function, field or value with its arguments; there is at least one of `args`.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) pos: usize,
    pub(crate) args: Vec<Operand>,
}

#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) pos: usize,
    pub(crate) kind: OperandKind,
}

#[derive(Clone, Debug)]
pub(crate) enum OperandKind {
    Bool(bool),
    Number(Number),
    String {
        quoted: String,
        text: Arc<str>,
    },
    Dot,
    Nil,
    Field(Vec<String>),
    /// The name with its `$`, and fields.
    Variable(Vec<String>),
    Chain(Box<Operand>, Vec<String>),
    Identifier(String),
    Pipe(Box<Pipe>),
}

/// Whether defining a template by this changes nothing: blanks only.
pub(crate) fn is_empty(list: &[Node]) -> bool {
    list.iter().all(|node| matches!(node, Node::Text { text, .. } if text.trim().is_empty()))
}

impl Tree {
    /// Whether it says nothing: blanks only.
    pub(crate) fn is_empty(&self) -> bool {
        is_empty(&self.root)
    }
}

impl Node {
    pub(crate) fn pos(&self) -> usize {
        match self {
            Self::Text { pos, .. }
            | Self::Action { pos, .. }
            | Self::Template { pos, .. }
            | Self::Break { pos }
            | Self::Continue { pos } => *pos,
            Self::If(branch) | Self::With(branch) | Self::Range(branch) => branch.pos,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => f.write_str(text),
            Self::Action { pipe, .. } => write!(f, "{{{{{pipe}}}}}"),
            Self::If(branch) => branch.write(f, "if"),
            Self::With(branch) => branch.write(f, "with"),
            Self::Range(branch) => branch.write(f, "range"),
            Self::Template { name, pipe, .. } => {
                write!(f, "{{{{template {}", quote(name))?;
                if let Some(pipe) = pipe {
                    write!(f, " {pipe}")?;
                }
                f.write_str("}}")
            }
            Self::Break { .. } => f.write_str("{{break}}"),
            Self::Continue { .. } => f.write_str("{{continue}}"),
        }
    }
}

impl Branch {
    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        write!(f, "{{{{{name} {}}}}}", self.pipe)?;
        self.list.iter().try_for_each(|node| write!(f, "{node}"))?;
        if let Some(list) = &self.else_list {
            f.write_str("{{else}}")?;
            list.iter().try_for_each(|node| write!(f, "{node}"))?;
        }
        f.write_str("{{end}}")
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.decl.is_empty() {
            write!(f, "{} {} ", self.decl.join(", "), if self.is_assign { "=" } else { ":=" })?;
        }
        for (at, command) in self.cmds.iter().enumerate() {
            write!(f, "{}{command}", if at > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, arg) in self.args.iter().enumerate() {
            write!(f, "{}{arg}", if at > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields =
            |f: &mut fmt::Formatter<'_>, names: &[String]| names.iter().try_for_each(|name| write!(f, ".{name}"));
        match &self.kind {
            OperandKind::Bool(v) => write!(f, "{v}"),
            OperandKind::Number(number) => f.write_str(&number.text),
            OperandKind::String { quoted, .. } => f.write_str(quoted),
            OperandKind::Dot => f.write_str("."),
            OperandKind::Nil => f.write_str("nil"),
            OperandKind::Field(names) => fields(f, names),
            OperandKind::Variable(names) => f.write_str(&names.join(".")),
            OperandKind::Chain(of, names) => {
                write!(f, "{of}")?;
                fields(f, names)
            }
            OperandKind::Identifier(name) => f.write_str(name),
            OperandKind::Pipe(pipe) => write!(f, "({pipe})"),
        }
    }
}
