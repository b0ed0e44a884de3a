//! From a text to trees: Go's `text/template/parse`.

mod lexer;
mod node;
mod number;
mod parser;
mod token;

pub(crate) use node::{Branch, Command, Node, Operand, OperandKind, Pipe, Tree};
pub(crate) use number::Number;
pub(crate) use parser::{parse_trees, position};
