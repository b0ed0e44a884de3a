//! From words to trees.

use std::sync::Arc;

use firesteel_go_compat::{quote, unquote};

use super::lexer::Lexer;
use super::node::{Branch, Command, Node, Operand, OperandKind, Pipe, Source, Tree, is_empty};
use super::number::Number;
use super::token::{Kind, Token};
use crate::error::TemplateError;

/// How deep blocks and parentheses may lie in each other. Go allows 10,000 parentheses and any number of blocks.
const MAX_DEPTH: usize = 120;

/// Line and column of a byte, as Go counts them: lines from 1, columns in bytes from 0.
pub(crate) fn position(text: &str, pos: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..pos.min(text.len())];
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    (before.split(|&b| b == b'\n').count(), before.len() - line_start)
}

/// Parses a text into its template and those that it defines, in no order.
pub(crate) fn parse_trees(
    name: &str,
    text: &str,
    has_function: &dyn Fn(&str) -> bool,
) -> Result<Vec<Tree>, TemplateError> {
    let source = Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let lexer = Lexer::new(text, !has_function("break"), !has_function("continue"));
    let mut parser =
        Parser { lexer, source: Arc::clone(&source), has_function, trees: Vec::new(), depth: 0, fault: String::new() };
    let mut state = State::default();
    let root = parser.whole(&mut state)?;
    parser.add(&state, Tree { name: name.to_owned(), source, root })?;
    Ok(parser.trees)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    source: Arc<Source>,
    has_function: &'a dyn Fn(&str) -> bool,
    trees: Vec<Tree>,
    /// How deep blocks and parentheses lie in each other.
    depth: usize,
    /// The words of the error token.
    fault: String,
}

/// What belongs to one template while it is parsed.
struct State<'a> {
    /// Words that were looked at, the last one first.
    tokens: [Token<'a>; 3],
    peeked: usize,
    vars: Vec<String>,
    range_depth: usize,
    /// The line of the `{{` of the action at hand; 0 outside.
    action_line: usize,
}

impl Default for State<'_> {
    fn default() -> Self {
        let none = Token { kind: Kind::Eof, pos: 0, line: 0, text: "" };
        Self { tokens: [none; 3], peeked: 0, vars: vec!["$".to_owned()], range_depth: 0, action_line: 0 }
    }
}

/// What an action is to the list in which it stands.
enum Item {
    Node(Node),
    /// `{{else}}`, and where it stands.
    Else,
    End,
}

impl Item {
    fn named(&self) -> &'static str {
        match self {
            Self::Node(_) => "node",
            Self::Else => "{{else}}",
            Self::End => "{{end}}",
        }
    }
}

type Parsed<T> = Result<T, TemplateError>;

impl<'a> Parser<'a> {
    fn lex(&mut self) -> Token<'a> {
        let item = self.lexer.next_item();
        if let Some(fault) = item.fault {
            self.fault = fault;
        }
        item.token
    }

    fn next(&mut self, s: &mut State<'a>) -> Token<'a> {
        if s.peeked > 0 {
            s.peeked -= 1;
        } else {
            s.tokens[0] = self.lex();
        }
        s.tokens[s.peeked]
    }

    fn peek(&mut self, s: &mut State<'a>) -> Token<'a> {
        if s.peeked == 0 {
            s.peeked = 1;
            s.tokens[0] = self.lex();
        }
        s.tokens[s.peeked - 1]
    }

    fn next_word(&mut self, s: &mut State<'a>) -> Token<'a> {
        loop {
            let token = self.next(s);
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_word(&mut self, s: &mut State<'a>) -> Token<'a> {
        let token = self.next_word(s);
        s.peeked += 1;
        token
    }

    fn error<T>(&self, s: &State<'a>, message: impl Into<String>) -> Parsed<T> {
        self.error_at(s, s.tokens[0].pos, message)
    }

    /// A fault at a byte; Go knows only the line of the last word that it looked at.
    fn error_at<T>(&self, s: &State<'a>, offset: usize, message: impl Into<String>) -> Parsed<T> {
        let (message, token) = (message.into(), s.tokens[0]);
        Err(TemplateError {
            text: format!("template: {}:{}: {message}", self.source.name, token.line),
            name: self.source.name.clone(),
            line: token.line,
            offset,
            message,
        })
    }

    fn unexpected<T>(&self, s: &State<'a>, token: Token<'a>, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return self.error(s, format!("unexpected {} in {context}", token.named()));
        }
        let mut extra = String::new();
        if s.action_line != 0 && s.action_line != token.line {
            let what = if self.fault.ends_with(" action") { "" } else { " in action" };
            extra = format!("{what} started at {}:{}", self.source.name, s.action_line);
        }
        self.error(s, format!("{}{extra}", self.fault))
    }

    fn expect(&mut self, s: &mut State<'a>, kind: Kind, context: &str) -> Parsed<Token<'a>> {
        let token = self.next_word(s);
        if token.kind == kind { Ok(token) } else { self.unexpected(s, token, context) }
    }

    fn deeper<T>(
        &mut self,
        s: &mut State<'a>,
        inner: impl FnOnce(&mut Self, &mut State<'a>) -> Parsed<T>,
    ) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return self.error(s, "max expression depth exceeded");
        }
        self.depth += 1;
        let out = inner(self, s);
        self.depth -= 1;
        out
    }

    fn add(&mut self, s: &State<'a>, tree: Tree) -> Parsed<()> {
        match self.trees.iter().position(|known| known.name == tree.name) {
            None => self.trees.push(tree),
            Some(at) if is_empty(&self.trees[at].root) => self.trees[at] = tree,
            Some(_) if is_empty(&tree.root) => {}
            Some(_) => {
                return self.error(s, format!("template: multiple definition of template {}", quote(&tree.name)));
            }
        }
        Ok(())
    }

    fn whole(&mut self, s: &mut State<'a>) -> Parsed<Vec<Node>> {
        let mut root = Vec::new();
        loop {
            let token = self.peek(s);
            if token.kind == Kind::Eof {
                return Ok(root);
            }
            if token.kind == Kind::LeftDelim {
                let delim = self.next(s);
                if self.next_word(s).kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                s.tokens[1] = delim;
                s.peeked = 2;
            }
            match self.text_or_action(s)? {
                Item::Node(node) => root.push(node),
                other => return self.error(s, format!("unexpected {}", other.named())),
            }
        }
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let s = &mut State::default();
        let token = self.next_word(s);
        let name = self.template_name(s, token, CONTEXT)?;
        self.expect(s, Kind::RightDelim, CONTEXT)?;
        self.body(s, name, CONTEXT)
    }

    /// Reads the list of a definition or block, and its end.
    fn body(&mut self, s: &mut State<'a>, name: String, context: &str) -> Parsed<()> {
        let (root, end) = self.deeper(s, Self::list)?;
        if !matches!(end, Item::End) {
            return self.error(s, format!("unexpected {} in {context}", end.named()));
        }
        let source = Arc::clone(&self.source);
        self.add(s, Tree { name, source, root })
    }

    fn list(&mut self, s: &mut State<'a>) -> Parsed<(Vec<Node>, Item)> {
        let mut list = Vec::new();
        while self.peek_word(s).kind != Kind::Eof {
            match self.text_or_action(s)? {
                Item::Node(node) => list.push(node),
                end => return Ok((list, end)),
            }
        }
        self.error(s, "unexpected EOF")
    }

    fn text_or_action(&mut self, s: &mut State<'a>) -> Parsed<Item> {
        let token = self.next_word(s);
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text { pos: token.pos, text: token.text.to_owned() })),
            Kind::LeftDelim => {
                s.action_line = token.line;
                let item = self.action(s);
                if item.is_ok() {
                    s.action_line = 0;
                }
                item
            }
            _ => self.unexpected(s, token, "input"),
        }
    }

    fn action(&mut self, s: &mut State<'a>) -> Parsed<Item> {
        let token = self.next_word(s);
        let node = match token.kind {
            Kind::Block => self.block(s)?,
            Kind::Break | Kind::Continue => self.jump(s, token)?,
            Kind::Else => {
                let next = self.peek_word(s);
                if !matches!(next.kind, Kind::If | Kind::With) {
                    self.expect(s, Kind::RightDelim, "else")?;
                }
                return Ok(Item::Else);
            }
            Kind::End => {
                self.expect(s, Kind::RightDelim, "end")?;
                return Ok(Item::End);
            }
            Kind::If => Node::If(self.control(s, "if")?),
            Kind::Range => Node::Range(self.control(s, "range")?),
            Kind::With => Node::With(self.control(s, "with")?),
            Kind::Template => self.template(s)?,
            _ => {
                s.peeked += 1;
                let pos = self.peek(s).pos;
                Node::Action { pos, pipe: self.pipeline(s, "command", Kind::RightDelim)? }
            }
        };
        Ok(Item::Node(node))
    }

    fn jump(&mut self, s: &mut State<'a>, word: Token<'a>) -> Parsed<Node> {
        let is_break = word.kind == Kind::Break;
        let what = if is_break { "{{break}}" } else { "{{continue}}" };
        self.expect(s, Kind::RightDelim, what)?;
        if s.range_depth == 0 {
            return self.error(s, format!("{what} outside {{{{range}}}}"));
        }
        Ok(if is_break { Node::Break { pos: word.pos } } else { Node::Continue { pos: word.pos } })
    }

    fn control(&mut self, s: &mut State<'a>, context: &str) -> Parsed<Branch> {
        let known = s.vars.len();
        let pipe = self.pipeline(s, context, Kind::RightDelim)?;
        let is_range = usize::from(context == "range");
        s.range_depth += is_range;
        let (list, end) = self.deeper(s, Self::list)?;
        s.range_depth -= is_range;
        let mut else_list = None;
        if matches!(end, Item::Else) {
            let next = self.peek(s).kind;
            else_list = Some(if context == "if" && next == Kind::If {
                self.next(s);
                vec![Node::If(self.deeper(s, |parser, s| parser.control(s, "if"))?)]
            } else if context == "with" && next == Kind::With {
                self.next(s);
                vec![Node::With(self.deeper(s, |parser, s| parser.control(s, "with"))?)]
            } else {
                let (list, end) = self.deeper(s, Self::list)?;
                if !matches!(end, Item::End) {
                    return self.error(s, format!("expected end; found {}", end.named()));
                }
                list
            });
        }
        s.vars.truncate(known);
        Ok(Branch { pos: pipe.pos, pipe, list, else_list })
    }

    fn block(&mut self, s: &mut State<'a>) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_word(s);
        let name = self.template_name(s, token, CONTEXT)?;
        let pipe = self.pipeline(s, CONTEXT, Kind::RightDelim)?;
        self.body(&mut State::default(), name.clone(), CONTEXT)?;
        Ok(Node::Template { pos: token.pos, name, pipe: Some(pipe) })
    }

    fn template(&mut self, s: &mut State<'a>) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_word(s);
        let name = self.template_name(s, token, CONTEXT)?;
        let mut pipe = None;
        if self.next_word(s).kind != Kind::RightDelim {
            s.peeked += 1;
            pipe = Some(self.pipeline(s, CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template { pos: token.pos, name, pipe })
    }

    fn template_name(&mut self, s: &State<'a>, token: Token<'a>, context: &str) -> Parsed<String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(s, token, context);
        }
        self.unquoted(s, token)
    }

    fn unquoted(&self, s: &State<'a>, token: Token<'a>) -> Parsed<String> {
        match unquote(token.text.as_bytes()) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => self.error(s, error.to_string()),
        }
    }

    fn pipeline(&mut self, s: &mut State<'a>, context: &str, end: Kind) -> Parsed<Pipe> {
        let mut pipe = Pipe { pos: self.peek_word(s).pos, ..Pipe::default() };
        self.declarations(s, context, &mut pipe)?;
        loop {
            let token = self.next_word(s);
            match token.kind {
                kind if kind == end => {
                    self.check_pipeline(s, &pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    s.peeked += 1;
                    let command = self.command(s)?;
                    pipe.cmds.push(command);
                }
                _ => return self.unexpected(s, token, context),
            }
        }
    }

    fn declarations(&mut self, s: &mut State<'a>, context: &str, pipe: &mut Pipe) -> Parsed<()> {
        loop {
            let variable = self.peek_word(s);
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next(s);
            // The blank behind the variable may be the one before a field, which makes it an argument.
            let after = self.peek(s);
            let next = self.peek_word(s);
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.is_assign = next.kind == Kind::Assign;
                    self.next_word(s);
                    declare(s, pipe, variable);
                    return Ok(());
                }
                Kind::Char if next.text == "," => {
                    self.next_word(s);
                    declare(s, pipe, variable);
                    if context != "range" || pipe.decl.len() >= 2 {
                        return self.error(s, format!("too many declarations in {context}"));
                    }
                    if !matches!(self.peek_word(s).kind, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                        return self.error(s, "range can only initialize variables");
                    }
                }
                _ if after.kind == Kind::Space => {
                    s.tokens[1] = after;
                    s.tokens[2] = variable;
                    s.peeked = 3;
                    return Ok(());
                }
                _ => {
                    s.tokens[1] = variable;
                    s.peeked = 2;
                    return Ok(());
                }
            }
        }
    }

    fn check_pipeline(&self, s: &State<'a>, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.cmds.is_empty() {
            return self.error(s, format!("missing value for {context}"));
        }
        for (at, command) in pipe.cmds.iter().enumerate().skip(1) {
            if let Some(Operand {
                kind:
                    OperandKind::Bool(_)
                    | OperandKind::Dot
                    | OperandKind::Nil
                    | OperandKind::Number(_)
                    | OperandKind::String { .. },
                ..
            }) = command.args.first()
            {
                return self.error(s, format!("non executable command in pipeline stage {}", at + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self, s: &mut State<'a>) -> Parsed<Command> {
        let mut command = Command { pos: self.peek_word(s).pos, args: Vec::new() };
        loop {
            self.peek_word(s);
            if let Some(operand) = self.operand(s)? {
                command.args.push(operand);
            }
            let token = self.next(s);
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => s.peeked += 1,
                Kind::Pipe => {}
                _ => return self.unexpected(s, token, "operand"),
            }
            break;
        }
        if command.args.is_empty() {
            return self.error(s, "empty command");
        }
        Ok(command)
    }

    fn operand(&mut self, s: &mut State<'a>) -> Parsed<Option<Operand>> {
        let Some(term) = self.term(s)? else { return Ok(None) };
        let next = self.peek(s);
        if next.kind != Kind::Field {
            return Ok(Some(term));
        }
        let mut fields = Vec::new();
        while self.peek(s).kind == Kind::Field {
            fields.push(self.next(s).text[1..].to_owned());
        }
        let kind = match term.kind {
            OperandKind::Field(mut names) => {
                names.append(&mut fields);
                OperandKind::Field(names)
            }
            OperandKind::Variable(mut names) => {
                names.append(&mut fields);
                OperandKind::Variable(names)
            }
            OperandKind::Bool(_)
            | OperandKind::String { .. }
            | OperandKind::Number(_)
            | OperandKind::Nil
            | OperandKind::Dot => {
                return self.error(s, format!("unexpected . after term {}", quote(&term.to_string())));
            }
            _ => OperandKind::Chain(Box::new(term), fields),
        };
        Ok(Some(Operand { pos: next.pos, kind }))
    }

    fn term(&mut self, s: &mut State<'a>) -> Parsed<Option<Operand>> {
        let token = self.next_word(s);
        let kind = match token.kind {
            Kind::Identifier => {
                if !(self.has_function)(token.text) {
                    return self.error_at(s, token.pos, format!("function {} not defined", quote(token.text)));
                }
                OperandKind::Identifier(token.text.to_owned())
            }
            Kind::Dot => OperandKind::Dot,
            Kind::Nil => OperandKind::Nil,
            Kind::Variable => {
                if !s.vars.iter().any(|name| name == token.text) {
                    return self.error_at(s, token.pos, format!("undefined variable {}", quote(token.text)));
                }
                OperandKind::Variable(vec![token.text.to_owned()])
            }
            Kind::Field => OperandKind::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => OperandKind::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Number | Kind::Complex => {
                let number = match token.kind {
                    Kind::CharConstant => Number::of_char(token.text),
                    Kind::Number => Number::parse(token.text),
                    _ => Err(format!("complex numbers are not supported: {}", quote(token.text))),
                };
                match number {
                    Ok(number) => OperandKind::Number(number),
                    Err(fault) => return self.error(s, fault),
                }
            }
            Kind::LeftParen => OperandKind::Pipe(Box::new(
                self.deeper(s, |parser, s| parser.pipeline(s, "parenthesized pipeline", Kind::RightParen))?,
            )),
            Kind::String | Kind::RawString => {
                OperandKind::String { quoted: token.text.to_owned(), text: self.unquoted(s, token)?.into() }
            }
            _ => {
                s.peeked += 1;
                return Ok(None);
            }
        };
        // Go's parenthesised pipeline stands where its first word does.
        let pos = if let OperandKind::Pipe(pipe) = &kind { pipe.pos } else { token.pos };
        Ok(Some(Operand { pos, kind }))
    }
}

fn declare(s: &mut State<'_>, pipe: &mut Pipe, variable: Token<'_>) {
    pipe.decl.push(variable.text.to_owned());
    s.vars.push(variable.text.to_owned());
}
