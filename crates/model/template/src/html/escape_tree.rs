//! Finds the context of each action of a template and puts escapers behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firesteel_go_compat::quote;

use super::context::{Attr, Context, Delim, Element, Fault, JsCtx, State, UrlPart};
use super::js::is_js_type;
use super::pipeline::{function, is_predefined, with_escapers};
use super::transition::{find_any, shown, special_tag_end, step};
use super::unescape::unescaped;
use crate::error::TemplateError;
use crate::exec::Trees;
use crate::parse::{Branch, Node, Pipe, Tree, position};

/// How many templates, each for a context of its own, may be made of those there are.
const MAX_TREES: usize = 10_000;
/// How many nodes may be looked at. Each loop is walked twice, and loops in it twice as often; Go has no bound.
const MAX_VISITS: usize = 20_000;
/// How deep templates may call each other, each for a context of its own.
const MAX_CALLS: usize = 40;

/// Escapes a template and all that it calls.
pub(super) fn escaped(trees: &Trees, name: &str) -> Result<Trees, TemplateError> {
    let mut escaper = Escaper { trees, known: Known::default(), loops: Vec::new(), source: None, visits: 0, calls: 0 };
    let (c, _) = escaper.tree(Context::default(), name, None);
    let fault = match c.fault {
        Some(fault) => fault,
        None if c.state != State::Text => Fault::new(format!("ends in a non-text context: {c}")),
        None => return Ok(escaper.known.trees),
    };
    let (line, offset) = fault.place.as_ref().map_or((fault.line, 0), |(_, line, _)| (*line, fault.offset));
    let source = fault.place.as_ref().map_or(name, |(source, ..)| source).to_owned();
    Err(TemplateError { name: source, line, offset, message: fault.words.clone(), text: fault.text(name) })
}

/// What is known so far; what comes of an attempt that fails is forgotten.
#[derive(Clone, Default)]
struct Known {
    /// The context behind each template, by mangled name.
    ends: BTreeMap<String, Context>,
    trees: Trees,
    called: BTreeSet<String>,
}

/// The contexts at `{{break}}` and `{{continue}}` of a loop, and where these stand.
#[derive(Clone, Default)]
struct Loop {
    breaks: Vec<(Context, usize)>,
    continues: Vec<(Context, usize)>,
}

struct Escaper<'a> {
    trees: &'a Trees,
    known: Known,
    loops: Vec<Loop>,
    /// The template at hand, for places of faults.
    source: Option<&'a Tree>,
    visits: usize,
    calls: usize,
}

impl<'a> Escaper<'a> {
    /// A fault of the node there.
    #[expect(clippy::unnecessary_box_returns, reason = "contexts hold it boxed")]
    fn fault(&self, pos: usize, words: impl Into<String>) -> Box<Fault> {
        let mut fault = Fault::new(words);
        if let Some(tree) = self.source {
            let (line, column) = position(&tree.source.text, pos);
            fault.place = Some((tree.source.name.clone(), line, column));
            fault.offset = pos;
        }
        fault
    }

    fn list(&mut self, mut c: Context, nodes: &[Node]) -> (Context, Vec<Node>) {
        let mut out = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let (next, node) = self.node(c, node);
            c = next;
            out.push(node);
            if c.state == State::Dead {
                // Nothing behind it is reached.
                out.extend_from_slice(&nodes[at + 1..]);
                break;
            }
        }
        (c, out)
    }

    fn node(&mut self, c: Context, node: &Node) -> (Context, Node) {
        self.visits += 1;
        if self.visits > MAX_VISITS {
            let fault = self.fault(node.pos(), "loops lie too deep in each other");
            return (Context::failed(fault), node.clone());
        }
        match node {
            Node::Text { pos, text } => {
                let (c, text) = text_of(c, text);
                (c, Node::Text { pos: *pos, text })
            }
            Node::Action { pos, pipe } => {
                let (c, pipe) = self.action(c, *pos, pipe, node);
                (c, Node::Action { pos: *pos, pipe })
            }
            Node::If(branch) => {
                let (c, branch) = self.branch(c, branch, "if");
                (c, Node::If(branch))
            }
            Node::With(branch) => {
                let (c, branch) = self.branch(c, branch, "with");
                (c, Node::With(branch))
            }
            Node::Range(branch) => {
                let (c, branch) = self.branch(c, branch, "range");
                (c, Node::Range(branch))
            }
            Node::Template { pos, name, pipe } => {
                let (c, name) = self.tree(c, name, Some(*pos));
                (c, Node::Template { pos: *pos, name, pipe: pipe.clone() })
            }
            Node::Break { pos } => {
                if let Some(of) = self.loops.last_mut() {
                    of.breaks.push((c, *pos));
                }
                (Context::of(State::Dead), node.clone())
            }
            Node::Continue { pos } => {
                if let Some(of) = self.loops.last_mut() {
                    of.continues.push((c, *pos));
                }
                (Context::of(State::Dead), node.clone())
            }
        }
    }

    fn action(&mut self, c: Context, pos: usize, pipe: &Pipe, node: &Node) -> (Context, Pipe) {
        // An assignment writes nothing.
        if !pipe.decl.is_empty() {
            return (c, pipe.clone());
        }
        let mut c = c.nudged();
        for (at, command) in pipe.cmds.iter().enumerate() {
            let Some(name) = function(command).filter(|name| is_predefined(name)) else { continue };
            let unquoted = c.state == State::Attr && c.delim == Delim::SpaceOrTagEnd && name == "html";
            if at + 1 < pipe.cmds.len() || unquoted {
                let words = format!("predefined escaper {} disallowed in template", quote(name));
                return (Context::failed(self.fault(pos, words)), pipe.clone());
            }
        }
        let mut escapers: Vec<&'static str> = Vec::with_capacity(3);
        match c.state {
            State::Error | State::Dead => return (c, pipe.clone()),
            State::URL | State::CSSDqStr | State::CSSSqStr | State::CSSDqURL | State::CSSSqURL | State::CSSURL => {
                if c.url_part == UrlPart::None {
                    escapers.push("_html_template_urlfilter");
                }
                match c.url_part {
                    UrlPart::None | UrlPart::PreQuery => escapers.push(match c.state {
                        State::CSSDqStr | State::CSSSqStr => "_html_template_cssescaper",
                        _ => "_html_template_urlnormalizer",
                    }),
                    UrlPart::QueryOrFrag => escapers.push("_html_template_urlescaper"),
                    UrlPart::Unknown => {
                        let words = format!("{node} appears in an ambiguous context within a URL");
                        return (Context::failed(self.fault(pos, words)), pipe.clone());
                    }
                }
            }
            State::MetaContent | State::Attr => {}
            State::MetaContentURL => escapers.push("_html_template_urlfilter"),
            State::JS => {
                escapers.push("_html_template_jsvalescaper");
                c.js_ctx = JsCtx::DivOp;
            }
            State::JSDqStr | State::JSSqStr => escapers.push("_html_template_jsstrescaper"),
            State::JSTmplLit => escapers.push("_html_template_jstmpllitescaper"),
            State::JSRegexp => escapers.push("_html_template_jsregexpescaper"),
            State::CSS => escapers.push("_html_template_cssvaluefilter"),
            State::Text => escapers.push("_html_template_htmlescaper"),
            State::RCDATA => escapers.push("_html_template_rcdataescaper"),
            State::AttrName | State::Tag => {
                c.state = State::AttrName;
                escapers.push("_html_template_htmlnamefilter");
            }
            State::Srcset => escapers.push("_html_template_srcsetescaper"),
            State::AfterName
            | State::BeforeValue
            | State::HTMLCmt
            | State::JSBlockCmt
            | State::JSLineCmt
            | State::JSHTMLOpenCmt
            | State::JSHTMLCloseCmt
            | State::CSSBlockCmt
            | State::CSSLineCmt => escapers.push("_html_template_commentescaper"),
        }
        match c.delim {
            Delim::None => {}
            Delim::SpaceOrTagEnd => escapers.push("_html_template_nospaceescaper"),
            Delim::DoubleQuote | Delim::SingleQuote => escapers.push("_html_template_attrescaper"),
        }
        (c, with_escapers(pipe, &escapers))
    }

    fn branch(&mut self, c: Context, branch: &Branch, name: &str) -> (Context, Branch) {
        let is_loop = name == "range";
        if is_loop {
            self.loops.push(Loop::default());
        }
        let (mut first, list) = self.list(c.clone(), &branch.list);
        let mut out = Branch { list, else_list: None, pos: branch.pos, pipe: branch.pipe.clone() };
        if is_loop {
            first = self.joined_with_loop(first);
            self.loops.pop();
            if first.state == State::Error {
                return (first, out);
            }
            // The second turn must begin and end as the first one did.
            self.loops.push(Loop::default());
            let known = self.known.clone();
            self.visits += known.trees.len();
            let (again, _) = self.list(first.clone(), &branch.list);
            self.known = known;
            first = self.joined(first, again, branch.pos, name);
            if first.state == State::Error {
                self.loops.pop();
                return (self.blamed(first, "on range loop re-entry: ", branch.pos), out);
            }
            first = self.joined_with_loop(first);
            self.loops.pop();
            if first.state == State::Error {
                return (first, out);
            }
        }
        let second = match &branch.else_list {
            Some(list) => {
                let (second, list) = self.list(c, list);
                out.else_list = Some(list);
                second
            }
            None => c,
        };
        (self.joined(first, second, branch.pos, name), out)
    }

    fn joined_with_loop(&mut self, mut c: Context) -> Context {
        if c.state == State::Error {
            return c;
        }
        let Loop { breaks, continues } = self.loops.last().cloned().unwrap_or_default();
        for (other, pos) in breaks {
            c = self.joined(c, other, pos, "range");
            if c.state == State::Error {
                return self.blamed(c, "at range loop break: ", pos);
            }
        }
        for (other, pos) in continues {
            c = self.joined(c, other, pos, "range");
            if c.state == State::Error {
                return self.blamed(c, "at range loop continue: ", pos);
            }
        }
        c
    }

    /// Says which part of a loop a fault is about.
    fn blamed(&self, mut c: Context, on: &str, pos: usize) -> Context {
        if let Some(fault) = &mut c.fault {
            fault.words.insert_str(0, on);
            fault.line = self.source.map_or(0, |tree| position(&tree.source.text, pos).0);
        }
        c
    }

    /// The context behind two ways that come together.
    fn joined(&self, a: Context, b: Context, pos: usize, name: &str) -> Context {
        if a.state == State::Error || b.state == State::Dead {
            return a;
        }
        if b.state == State::Error || a.state == State::Dead || a == b {
            return b;
        }
        if (Context { url_part: b.url_part, ..a.clone() }) == b {
            return Context { url_part: UrlPart::Unknown, ..a };
        }
        if (Context { js_ctx: b.js_ctx, ..a.clone() }) == b {
            return Context { js_ctx: JsCtx::Unknown, ..a };
        }
        // `<a{{if x}} href{{end}}>`: a name that may be there, or not.
        let (c, d) = (a.nudged(), b.nudged());
        if c != a || d != b {
            let joined = self.joined(c, d, pos, name);
            if joined.state != State::Error {
                return joined;
            }
        }
        let words = format!("{{{{{name}}}}} branches end in different contexts: {a}, {b}");
        Context::failed(self.fault(pos, words))
    }

    /// A template that is called at `pos`, or asked for; its mangled name.
    fn tree(&mut self, c: Context, name: &str, pos: Option<usize>) -> (Context, String) {
        let mangled = c.mangle(name);
        self.known.called.insert(mangled.clone());
        if let Some(end) = self.known.ends.get(&mangled) {
            return (end.clone(), mangled);
        }
        let Some(tree) = self.trees.get(name) else {
            let words = format!("no such template {}", quote(name));
            let fault = pos.map_or_else(|| Fault::new(words.clone()), |pos| self.fault(pos, words.clone()));
            return (Context::failed(fault), mangled);
        };
        if self.known.ends.len() >= MAX_TREES || self.calls >= MAX_CALLS {
            return (Context::failed(Fault::new("too many contexts for templates")), mangled);
        }
        self.calls += 1;
        let end = self.end_of(c, tree, &mangled);
        self.calls -= 1;
        (end, mangled)
    }

    fn end_of(&mut self, c: Context, tree: &'a Arc<Tree>, mangled: &str) -> Context {
        let (first, ok) = self.body(c, tree, mangled);
        if ok {
            return first;
        }
        // A template that calls itself may end otherwise than it begins.
        let (second, ok) = self.body(first.clone(), tree, mangled);
        if ok {
            return second;
        }
        if let Some(fault) = &first.fault {
            // Upstream adds words to the same fault in the second attempt.
            let is_same = second.fault.as_ref().is_some_and(|other| other.words.ends_with(&fault.words));
            return if is_same { second } else { first };
        }
        let before = self.source.replace(tree);
        let pos = tree.root.first().map_or(0, Node::pos);
        let fault = self.fault(pos, format!("cannot compute output context for template {mangled}"));
        self.source = before;
        Context::failed(fault)
    }

    /// Escapes a body, guessing that a call of itself ends in `c`.
    fn body(&mut self, c: Context, tree: &'a Arc<Tree>, mangled: &str) -> (Context, bool) {
        self.known.ends.insert(mangled.to_owned(), c.clone());
        let known = self.known.clone();
        self.visits += known.trees.len();
        self.known.called = BTreeSet::new();
        let before = self.source.replace(tree);
        let (end, root) = self.list(c.clone(), &tree.root);
        self.source = before;
        let ok = end.state != State::Error && (!self.known.called.contains(mangled) || c == end);
        if ok {
            self.known.called.extend(known.called);
            self.known.ends.insert(mangled.to_owned(), end.clone());
            let tree = Tree { name: mangled.to_owned(), source: Arc::clone(&tree.source), root };
            self.known.trees.insert(mangled.to_owned(), Arc::new(tree));
        } else {
            self.known = known;
        }
        (end, ok)
    }
}

/// Moves over a text; comments are left out, and a `<` that begins no tag is written so that it never will.
fn text_of(mut c: Context, text: &str) -> (Context, String) {
    let s = text.as_bytes();
    let (mut out, mut written, mut i) = (Vec::with_capacity(s.len()), 0, 0);
    while i < s.len() {
        let (next, read) = after(c.clone(), &s[i..]);
        let end = i + read;
        if matches!(c.state, State::Text | State::RCDATA) {
            let tag = s[i..end].iter().rposition(|b| *b == b'<').filter(|_| next.state != c.state);
            for j in i..tag.map_or(end, |at| i + at) {
                let is_doctype = s[j..].get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case(b"<!DOCTYPE"));
                if s[j] == b'<' && !is_doctype {
                    out.extend_from_slice(&s[written..j]);
                    out.extend_from_slice(b"&lt;");
                    written = j + 1;
                }
            }
        } else if c.state.is_comment() && c.delim == Delim::None {
            match c.state {
                // A comment over several lines ends a statement.
                State::JSBlockCmt => {
                    let inside = String::from_utf8_lossy(&s[written..end]);
                    out.push(if inside.contains(['\n', '\r', '\u{2028}', '\u{2029}']) { b'\n' } else { b' ' });
                }
                State::CSSBlockCmt => out.push(b' '),
                _ => {}
            }
            written = end;
        }
        if c.state != next.state && next.state.is_comment() && next.delim == Delim::None {
            let mark = match next.state {
                State::HTMLCmt | State::JSHTMLOpenCmt => 4,
                State::JSHTMLCloseCmt => 3,
                _ => 2,
            };
            out.extend_from_slice(&s[written..(end - mark).max(written)]);
            written = end;
        }
        if c.state.is_in_script_literal() && has_script_tag(&s[i..end]) {
            out.extend_from_slice(&s[written..i]);
            push_without_script_tags(&mut out, &s[i..end]);
            written = end;
        }
        // Something moves each time: the text or the state.
        debug_assert!(end > i || next.state != c.state, "{c} at {}", shown(&s[i..]));
        if end == i && next == c {
            break;
        }
        (c, i) = (next, end);
    }
    if written == 0 || c.state == State::Error {
        return (c, text.to_owned());
    }
    if !c.state.is_comment() || c.delim != Delim::None {
        out.extend_from_slice(&s[written..]);
    }
    (c, String::from_utf8_lossy(&out).into_owned())
}

const SCRIPT_TAGS: [&[u8]; 3] = [b"<script", b"</script", b"<!--"];

fn script_tag(s: &[u8]) -> bool {
    SCRIPT_TAGS.iter().any(|tag| s.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag)))
}

fn has_script_tag(s: &[u8]) -> bool {
    (0..s.len()).any(|at| script_tag(&s[at..]))
}

fn push_without_script_tags(out: &mut Vec<u8>, s: &[u8]) {
    for (at, b) in s.iter().enumerate() {
        if script_tag(&s[at..]) {
            out.extend_from_slice(b"\\x3C");
        } else {
            out.push(*b);
        }
    }
}

/// The context behind a part of a text, and how long that part is.
fn after(mut c: Context, s: &[u8]) -> (Context, usize) {
    if c.delim == Delim::None {
        let (next, end) = special_tag_end(c.clone(), s);
        // The tag begins right here.
        return if end == 0 { (next, 0) } else { step(c, &s[..end]) };
    }
    let end = find_any(s, c.delim.ends()).unwrap_or(s.len());
    if c.delim == Delim::SpaceOrTagEnd
        && let Some(bad) = find_any(&s[..end], b"\"'<=`")
    {
        let words = format!("{} in unquoted attr: {}", shown(&s[bad..=bad]), shown(&s[..end]));
        return (Context::failed(Fault::new(words)), s.len());
    }
    if end == s.len() {
        // The value goes on behind the next action.
        let text = unescaped(&String::from_utf8_lossy(s));
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (next, read) = step(c.clone(), rest);
            if read == 0 && next == c {
                break;
            }
            c = next;
            rest = &rest[read..];
        }
        return (c, s.len());
    }
    let is_other_script = c.state == State::Attr
        && c.element == Element::Script
        && c.attr == Attr::ScriptType
        && !is_js_type(&String::from_utf8_lossy(&s[..end]));
    let element = if is_other_script { Element::None } else { c.element };
    (Context::tag(element), end + usize::from(c.delim != Delim::SpaceOrTagEnd))
}
