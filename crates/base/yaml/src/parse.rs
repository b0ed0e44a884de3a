//! Text to tree: the library's events, with budgets that no file can overrun.
//!
//! Only the first document counts, as in upstream. Aliases share their anchor's node, so they cost nothing here; what
//! they would cost to whoever walks the tree is bounded as Go's decoder bounds it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use crate::syntax_fault::{budget_fault, syntax_fault};
use crate::{Diagnostic, Kind, Node, Source, Span};

/// Deeper than any schema asks for, and shallow enough for every recursion over a tree.
const MAX_DEPTH: usize = 200;

/// Parses the first document. `Ok(None)` when there is nothing but blanks and comments.
///
/// Errors: one diagnostic, for the first place that is not YAML.
pub fn parse(source: &Source) -> Result<Option<Node>, Box<Diagnostic>> {
    if let Some(fault) = crate::syntax_fault::before_parsing(source) {
        return Err(Box::new(fault));
    }
    let text = source.text().strip_prefix('\u{feff}').unwrap_or(source.text());
    let mut text = Cow::Borrowed(text);
    let mut budget = REPAIR_BYTES;
    loop {
        let error = match parse_once(source, &text) {
            Ok(root) => return Ok(root),
            Err(Stop::Fault(fault)) => return Err(fault),
            Err(Stop::Scan(error)) => error,
        };
        budget = budget.saturating_sub(text.len());
        let repaired = (budget > 0).then(|| indent_quoted(&text, &error)).flatten();
        match repaired {
            Some(repaired) => text = Cow::Owned(repaired),
            None => return Err(Box::new(syntax_fault(source, &error))),
        }
    }
}

/// How much text may be read again because of quoted texts that are not indented.
const REPAIR_BYTES: usize = 64 << 20;

/// YAML 1.2 wants the later lines of a quoted text indented, Go's YAML 1.1 does not. Indents those of the text at the
/// error; folding drops the blanks again, and lines stay lines, so that all other places hold.
fn indent_quoted(text: &str, error: &ScanError) -> Option<String> {
    if !error.info().contains("indentation in quoted scalar") {
        return None;
    }
    let at = error.marker();
    let line_start = text.split_inclusive('\n').take(at.line() - 1).map(str::len).sum::<usize>();
    let from = text.get(line_start..)?;
    let start = line_start + from.char_indices().nth(at.col()).map(|(at, _)| at)?;
    let quote = *text.as_bytes().get(start)?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let pad = " ".repeat(at.col() + 1);
    let mut out = text.get(..=start)?.to_owned();
    let mut rest = text.get(start + 1..)?.chars();
    let mut changed = false;
    while let Some(c) = rest.next() {
        out.push(c);
        match c {
            '\\' if quote == b'"' => out.extend(rest.next()),
            '\n' if !rest.as_str().starts_with(&pad) => {
                out.push_str(&pad);
                changed = true;
            }
            '"' | '\'' if u32::from(c) == u32::from(quote) => {
                out.push_str(rest.as_str());
                return changed.then_some(out);
            }
            _ => {}
        }
    }
    None
}

/// Why a reading ended early.
enum Stop {
    Scan(ScanError),
    Fault(Box<Diagnostic>),
}

impl From<Box<Diagnostic>> for Stop {
    fn from(fault: Box<Diagnostic>) -> Self {
        Self::Fault(fault)
    }
}

fn parse_once(source: &Source, text: &str) -> Result<Option<Node>, Stop> {
    let mut tree = Tree { source, open: Vec::new(), anchors: HashMap::new(), nodes: 0, through_aliases: 0, root: None };
    let mut parser = Parser::new_from_str(text).keep_tags(true);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(Stop::Scan)?;
        let place = |at: saphyr_parser::Marker| source.offset(at.line(), at.col() + 1);
        let span = Span {
            line: span.start.line(),
            column: span.start.col() + 1,
            start: place(span.start),
            end: place(span.end),
        };
        match event {
            Event::DocumentEnd => break,
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                tree.scalar(text, plain, span, anchor, tag)?;
            }
            Event::SequenceStart(anchor, tag) => tree.start(Kind::Seq(Arc::default()), span, anchor, tag)?,
            Event::MappingStart(anchor, tag) => tree.start(Kind::Map(Arc::default()), span, anchor, tag)?,
            Event::SequenceEnd | Event::MappingEnd => tree.end(span)?,
            Event::Alias(anchor) => tree.alias(anchor, span)?,
            _ => {}
        }
    }
    Ok(tree.root)
}

struct Open {
    node: Node,
    anchor: usize,
    children: Vec<Node>,
    weight: usize,
}

struct Tree<'s> {
    source: &'s Source,
    open: Vec<Open>,
    /// Finished anchors: the node and how many nodes it stands for.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    through_aliases: usize,
    root: Option<Node>,
}

impl Tree<'_> {
    fn start(
        &mut self,
        kind: Kind,
        span: Span,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
    ) -> Result<(), Box<Diagnostic>> {
        if self.open.len() >= MAX_DEPTH {
            return Err(budget_fault(
                self.source,
                span,
                "lists and blocks are nested too deeply",
                "yaml: exceeded max depth of 10000",
            ));
        }
        let node = Node { span, tag: tag.map(long_tag), kind };
        self.open.push(Open { node, anchor, children: Vec::new(), weight: 1 });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let Open { mut node, anchor, children, weight } = open;
        node.span.end = span.end.max(node.span.start);
        if let Some(last) = children.last() {
            // A block's end event stands where the next token is; its text ends with its last child.
            let flow = self.source.text().get(node.span.start..).is_some_and(|t| t.starts_with(['[', '{']));
            if !flow {
                node.span.end = last.span.end;
            }
        }
        node.kind = match node.kind {
            Kind::Seq(_) => Kind::Seq(Arc::new(children)),
            _ => {
                let mut pairs = Vec::with_capacity(children.len() / 2);
                let mut rest = children.into_iter();
                while let (Some(key), Some(value)) = (rest.next(), rest.next()) {
                    pairs.push((key, value));
                }
                Kind::Map(Arc::new(pairs))
            }
        };
        self.add(node, anchor, weight)
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        plain: bool,
        mut span: Span,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
    ) -> Result<(), Box<Diagnostic>> {
        let own = self.source.text().get(span.start..span.end).unwrap_or("");
        span.end = span.start + own.trim_end().len();
        let tag = tag.map(long_tag);
        let text = if tag.as_deref() == Some("tag:yaml.org,2002:binary") {
            Arc::from(self.binary(&text, span)?)
        } else {
            Arc::from(&*text)
        };
        let node = Node { span, tag, kind: Kind::Scalar { text, plain } };
        self.add(node, anchor, 1)
    }

    /// Decodes `!!binary`. Bytes that are no text cannot be the value of any setting.
    fn binary(&self, text: &str, span: Span) -> Result<String, Box<Diagnostic>> {
        let Some(bytes) = decode_base64(text) else {
            let upstream = "yaml: !!binary value contains invalid base64 data";
            return Err(budget_fault(self.source, span, "this `!!binary` value is not base64", upstream));
        };
        String::from_utf8(bytes).map_err(|error| {
            let upstream = format!("\"{}\" is not a valid label value", error.as_bytes().escape_ascii());
            budget_fault(self.source, span, "this `!!binary` value is not text in UTF-8", &upstream)
        })
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some((node, weight)) = self.anchors.get(&anchor).cloned() else {
            return Err(budget_fault(
                self.source,
                span,
                "this alias stands inside what it names",
                "yaml: anchor value contains itself",
            ));
        };
        self.through_aliases = self.through_aliases.saturating_add(weight);
        self.add(node, 0, weight)
    }

    fn add(&mut self, node: Node, anchor: usize, weight: usize) -> Result<(), Box<Diagnostic>> {
        self.nodes += 1;
        self.check_aliases(node.span)?;
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        match self.open.last_mut() {
            Some(parent) => {
                parent.weight = parent.weight.saturating_add(weight);
                parent.children.push(node);
            }
            None => self.root = Some(node),
        }
        Ok(())
    }

    /// Go's rule (yaml.v2 decode.go, `allowedAliasRatio`): up to 400,000 nodes 99 of 100 may come through aliases, at
    /// 4,000,000 only one in ten.
    fn check_aliases(&self, span: Span) -> Result<(), Box<Diagnostic>> {
        let (aliased, all) = (self.through_aliases as f64, self.nodes.saturating_add(self.through_aliases) as f64);
        let allowed = match all {
            n if n <= 400_000.0 => 0.99,
            n if n >= 4_000_000.0 => 0.10,
            n => 0.99 - 0.89 * (n - 400_000.0) / 3_600_000.0,
        };
        if aliased > 1000.0 && all > 100.0 && aliased / all > allowed {
            return Err(budget_fault(
                self.source,
                span,
                "the aliases of this file unfold to far more than the file itself holds",
                "yaml: document contains excessive aliasing",
            ));
        }
        Ok(())
    }
}

fn long_tag(tag: Cow<'_, Tag>) -> Arc<str> {
    Arc::from(format!("{}{}", tag.handle, tag.suffix))
}

/// Standard base64 with padding; line ends between the letters are skipped, as in Go.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    let mut out = Vec::with_capacity(letters.len() / 4 * 3);
    let blocks = letters.chunks(4);
    let last = blocks.len().checked_sub(1);
    for (at, block) in blocks.enumerate() {
        let padding = block.iter().rev().take_while(|b| **b == b'=').count();
        if block.len() != 4 || padding > 2 || (padding > 0 && Some(at) != last) {
            return None;
        }
        let value = block[..4 - padding].iter().try_fold(0_u32, |value, letter| {
            let digit = LETTERS.iter().position(|l| l == letter)?;
            Some(value << 6 | digit as u32)
        })? << (6 * padding);
        out.extend_from_slice(&value.to_be_bytes()[1..4 - padding]);
    }
    Some(out)
}
