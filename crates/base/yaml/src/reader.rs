//! Strict reading of values out of nodes: every fault is noted with its place, and reading goes on.
//!
//! What converts into what follows Go's `yaml.v2` (decode.go, `scalar`): any scalar may be text, and keeps its letters;
//! a bool must resolve as one; a float may stand for an int when it is whole enough for Go's conversion.

use crate::{Diagnostic, Fix, Kind, Node, Plain, Source, Span, nearest, resolve_plain};

/// What a mapping may hold, and its names for people and for upstream's messages.
#[derive(Clone, Debug)]
pub struct Shape {
    /// In the user's words, such as `` `global` `` or `a scrape job`.
    pub what: &'static str,
    /// Go's name of the type, such as `config.plain`.
    pub go_type: &'static str,
    /// Legal keys, in the order of the documentation.
    pub keys: Vec<&'static str>,
    /// Keys that people put here though they belong under another key of this mapping: `(key, home)`.
    pub misplaced: &'static [(&'static str, &'static str)],
}

/// One pair of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'n> {
    pub name: &'n str,
    pub key: &'n Node,
    pub value: &'n Node,
}

/// Takes values out of one file's tree and collects what is wrong.
#[derive(Debug)]
pub struct Reader<'s> {
    source: &'s Source,
    found: Vec<Diagnostic>,
    /// Keys and `[index]`es that lead to where reading is.
    path: Vec<String>,
    /// Keys that a block does not know are passed over.
    lenient: bool,
    /// Empty items of lists of blocks are passed over, as `yaml.v3` does.
    without_empty: bool,
}

impl<'s> Reader<'s> {
    /// Starts on a file.
    pub fn new(source: &'s Source) -> Self {
        Self { source, found: Vec::new(), path: Vec::new(), lenient: false, without_empty: false }
    }

    /// Passes over keys that a block does not know.
    #[must_use]
    pub fn ignoring_unknown_keys(mut self, ignore: bool) -> Self {
        self.lenient = ignore;
        self
    }

    /// Passes over empty items of lists of blocks, as Go's `yaml.v3` does.
    #[must_use]
    pub fn dropping_empty_items(mut self) -> Self {
        self.without_empty = true;
        self
    }

    /// Returns whether empty items of lists of blocks are passed over.
    pub fn is_lenient_about_empty_items(&self) -> bool {
        self.without_empty
    }

    /// Returns the file.
    pub fn source(&self) -> &'s Source {
        self.source
    }

    /// Notes an error; the result takes label, upstream's text and fix.
    #[expect(clippy::expect_used, reason = "the element was pushed in the line before")]
    pub fn error(&mut self, span: Span, code: &'static str, message: impl Into<String>) -> &mut Diagnostic {
        self.found.push(Diagnostic::error(self.source, span, code, message));
        self.found.last_mut().expect("just pushed")
    }

    /// Notes a warning.
    #[expect(clippy::expect_used, reason = "the element was pushed in the line before")]
    pub fn warning(&mut self, span: Span, code: &'static str, message: impl Into<String>) -> &mut Diagnostic {
        self.found.push(Diagnostic::warning(self.source, span, code, message));
        self.found.last_mut().expect("just pushed")
    }

    /// Adds to upstream's text of what was noted at a place, where the end is known only later.
    pub fn append_upstream(&mut self, span: Span, text: &str) {
        let at = |d: &&mut Diagnostic| d.line == span.line && d.column == span.column;
        for upstream in self.found.iter_mut().filter(at).filter_map(|d| d.upstream.as_mut()) {
            upstream.push_str(text);
        }
    }

    /// Returns how many errors were noted so far.
    pub fn error_count(&self) -> usize {
        self.found.iter().filter(|d| d.is_error()).count()
    }

    /// Returns what was noted, in the order in which it was.
    pub fn into_found(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Returns what was noted, by place.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|d| (d.line, d.column));
        self.found
    }

    /// Runs `inner` one step deeper, under a key or an index.
    pub fn within<T>(&mut self, step: impl Into<String>, inner: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.into());
        let result = inner(self);
        self.path.pop();
        result
    }

    /// Returns the innermost key that leads here, for messages.
    pub fn key(&self) -> &str {
        self.path.iter().rev().find(|step| !step.starts_with('[')).map_or("the file", String::as_str)
    }

    /// Returns the way from the top, such as `scrape_configs[3].relabel_configs[0].regex`.
    pub fn path(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            if !out.is_empty() && !step.starts_with('[') {
                out.push('.');
            }
            out.push_str(step);
        }
        out
    }

    /// Notes that a value cannot be what is wanted there. `wanted` is in the user's words, `go_type` in Go's.
    pub fn mismatch(&mut self, node: &Node, wanted: &str, go_type: &str) -> &mut Diagnostic {
        let tag = node.short_tag();
        let value = node.text().map_or(String::new(), |text| {
            if text.len() > 10 {
                format!(" `{}...`", String::from_utf8_lossy(&text.as_bytes()[..7]))
            } else {
                format!(" `{text}`")
            }
        });
        let what = match &node.kind {
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a block of settings",
            Kind::Scalar { .. } if node.is_null() => "nothing",
            Kind::Scalar { .. } => "",
        };
        let key = self.key().to_owned();
        let message = if what.is_empty() {
            format!("`{key}` must be {wanted}")
        } else {
            format!("`{key}` must be {wanted}, not {what}")
        };
        let line = node.span.line;
        let mut span = node.span;
        if !matches!(node.kind, Kind::Scalar { .. }) {
            span.end = span.start + 1;
        }
        self.error(span, "FS0111", message)
            .upstream(format!("line {line}: cannot unmarshal {tag}{value} into {go_type}"))
    }

    /// Reads text. Numbers, bools and dates keep their letters; null gives "".
    pub fn string(&mut self, node: &Node) -> Option<String> {
        self.string_as(node, "string")
    }

    /// Reads text into what upstream calls `go_type`.
    pub fn string_as(&mut self, node: &Node, go_type: &str) -> Option<String> {
        if node.is_null() {
            return Some(String::new());
        }
        if let Some(text) = node.text() {
            return Some(text.to_owned());
        }
        self.mismatch(node, "one text", go_type);
        None
    }

    /// Reads a bool; null gives false.
    pub fn boolean(&mut self, node: &Node) -> Option<bool> {
        match resolve_plain(node) {
            Plain::Bool(value) => return Some(value),
            Plain::Null if node.is_null() => return Some(false),
            _ => {}
        }
        let meant = node.text().and_then(|text| nearest(text, ["true", "false"]));
        let span = node.span;
        let found = self.mismatch(node, "true or false", "bool");
        if let Some(meant) = meant {
            found.label(format!("did you mean `{meant}`?")).fix(Fix::replace(span, meant));
        }
        None
    }

    /// Reads a whole number; null gives 0.
    pub fn int(&mut self, node: &Node, go_type: &str) -> Option<i64> {
        match resolve_plain(node) {
            Plain::Int(value) => return Some(value),
            Plain::Float(value) if value <= i64::MAX as f64 => return Some(value as i64),
            Plain::Null if node.is_null() => return Some(0),
            _ => {}
        }
        self.mismatch(node, "a whole number", go_type);
        None
    }

    /// Reads a whole number that is not negative; null gives 0.
    pub fn uint(&mut self, node: &Node, go_type: &str) -> Option<u64> {
        match resolve_plain(node) {
            Plain::Int(value) if value >= 0 => return Some(value as u64),
            Plain::Uint(value) => return Some(value),
            Plain::Float(value) if value <= u64::MAX as f64 => return Some(value as u64),
            Plain::Null if node.is_null() => return Some(0),
            _ => {}
        }
        self.mismatch(node, "a whole number, 0 or more", go_type);
        None
    }

    /// Reads a number; null gives 0.
    pub fn float(&mut self, node: &Node) -> Option<f64> {
        match resolve_plain(node) {
            Plain::Int(value) => return Some(value as f64),
            Plain::Uint(value) => return Some(value as f64),
            Plain::Float(value) => return Some(value),
            Plain::Null if node.is_null() => return Some(0.0),
            _ => {}
        }
        self.mismatch(node, "a number", "float64");
        None
    }

    /// Returns the items of a list.
    pub fn sequence<'n>(&mut self, node: &'n Node, go_type: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::Seq(items) => Some(items),
            Kind::Scalar { text, .. } if !node.is_null() => {
                let quoted = format!("['{}']", text.replace('\'', "''"));
                let span = node.span;
                self.mismatch(node, "a list", go_type).label(format!("write {quoted}")).fix(Fix::replace(span, quoted));
                None
            }
            _ => {
                self.mismatch(node, "a list", go_type);
                None
            }
        }
    }

    /// Returns the pairs of a mapping whose keys are free, merges followed; a key that stands twice is noted.
    pub fn free_mapping<'n>(&mut self, node: &'n Node, go_type: &str) -> Option<Vec<Entry<'n>>> {
        if !matches!(node.kind, Kind::Map(_)) {
            self.mismatch(node, "a block of `name: value` lines", go_type);
            return None;
        }
        let mut out = Vec::new();
        self.collect(node, 0, &mut out, &mut |reader, entry, first| {
            let (line, first) = (entry.value.span.line, first.span);
            reader
                .error(entry.key.span, "FS0103", format!("`{}` is given twice", entry.name))
                .label(format!("first given at {}:{}", first.line, first.column))
                .upstream(format!("line {line}: key {:?} already set in map", entry.name));
        });
        Some(out)
    }

    /// Returns the pairs of a mapping with known keys, merges followed, the later of two winning. Unknown keys and keys
    /// that stand twice are noted and left out.
    pub fn mapping<'n>(&mut self, node: &'n Node, shape: &Shape) -> Option<Vec<Entry<'n>>> {
        if !matches!(node.kind, Kind::Map(_)) {
            self.mismatch(node, "a block of settings", shape.go_type);
            return None;
        }
        let mut out = Vec::new();
        self.collect(node, 0, &mut out, &mut |reader, entry, first| {
            let (line, place) = (entry.key.span.line, first.span);
            if shape.keys.contains(&entry.name) {
                let fix = join_lists(reader.source, node, &entry, first);
                let found = reader.error(entry.key.span, "FS0103", format!("`{}` is given again", entry.name));
                found
                    .label(format!("first given at {}:{}; keep one of the two", place.line, place.column))
                    .upstream(format!("line {line}: field {} already set in type {}", entry.name, shape.go_type));
                if let Some(fix) = fix {
                    found
                        .label(format!("first given at {}:{}; put both in one list", place.line, place.column))
                        .fix(fix);
                }
            }
        });
        out.retain(|entry| {
            let known = shape.keys.contains(&entry.name);
            if !known && !self.lenient {
                self.unknown_key(node, entry, shape);
            }
            known
        });
        Some(out)
    }

    fn unknown_key(&mut self, node: &Node, entry: &Entry<'_>, shape: &Shape) {
        let named = ["job_name", "alert", "record", "name"].into_iter().find_map(|key| {
            shape.keys.contains(&key).then(|| node.get(key)).flatten().and_then(Node::text).filter(|t| !t.is_empty())
        });
        let owner = named.map_or_else(|| shape.what.to_owned(), |name| format!("{} (\"{name}\")", shape.what));
        let span = entry.key.span;
        let upstream = format!("line {}: field {} not found in type {}", span.line, entry.name, shape.go_type);
        let home = shape.misplaced.iter().find(|(key, _)| *key == entry.name).map(|(_, home)| *home);
        let taken = |key: &str| node.get(key).is_some();
        if let Some(home) = home {
            let fix = (!taken(home)).then(|| nest_under(self.source, entry, home)).flatten();
            let found = self.error(
                span,
                if home == "labels" { "FS0113" } else { "FS0112" },
                format!("`{}` is not a setting of {owner}", entry.name),
            );
            found.label(format!("belongs under `{home}:` here")).upstream(upstream);
            if let Some((fix, picture)) = fix {
                found.note(format!("write\n{picture}")).fix(fix);
            }
            return;
        }
        let meant = nearest(entry.name, shape.keys.iter().copied());
        let fix = meant.filter(|meant| !taken(meant)).map(|meant| Fix::replace(span, meant));
        let found = self.error(span, "FS0102", format!("`{}` is not a setting of {owner}", entry.name));
        found.upstream(upstream);
        if let Some(meant) = meant {
            found.label(format!("did you mean `{meant}`?"));
        }
        if let Some(fix) = fix {
            found.fix(fix);
        }
    }

    fn collect<'n>(
        &mut self,
        node: &'n Node,
        depth: usize,
        out: &mut Vec<Entry<'n>>,
        twice: &mut dyn FnMut(&mut Self, Entry<'n>, &'n Node),
    ) {
        let mut own: Vec<Entry<'n>> = Vec::new();
        for (key, value) in node.pairs() {
            if key.is_merge() {
                self.merge(value, depth, out, twice);
                continue;
            }
            let Some(name) = (if key.is_null() { Some("") } else { key.text() }) else {
                let line = key.span.line;
                let tag = key.short_tag();
                self.error(key.span, "FS0115", "a key must be one word, not a list or a block")
                    .upstream(format!("line {line}: cannot unmarshal {tag} into string"));
                continue;
            };
            let entry = Entry { name, key, value };
            if let Some(first) = own.iter().find(|e| e.name == name) {
                twice(self, entry, first.key);
                continue;
            }
            own.push(entry);
            out.retain(|e| e.name != name);
            out.push(entry);
        }
    }

    fn merge<'n>(
        &mut self,
        value: &'n Node,
        depth: usize,
        out: &mut Vec<Entry<'n>>,
        twice: &mut dyn FnMut(&mut Self, Entry<'n>, &'n Node),
    ) {
        if depth > 16 {
            self.error(value.span, "FS0004", "`<<` merges are nested too deeply");
            return;
        }
        match &value.kind {
            Kind::Map(_) => self.collect(value, depth + 1, out, twice),
            // As in Go, earlier mappings of the list win.
            Kind::Seq(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
                for item in items.iter().rev() {
                    self.collect(item, depth + 1, out, twice);
                }
            }
            _ => {
                self.error(value.span, "FS0004", "`<<` merges a mapping, or a list of mappings, into this one")
                    .upstream("yaml: map merge requires map or sequence of maps as the value");
            }
        }
    }
}

/// Returns the change that puts one pair as a list's item under `home`, and how it will look.
fn nest_under(source: &Source, entry: &Entry<'_>, home: &str) -> Option<(Fix, String)> {
    let key = entry.key.span;
    let value = entry.value.span;
    if source.line(key.line).get(..)?.chars().nth(key.column - 1).is_none() || value.end < key.start {
        return None;
    }
    let pad = " ".repeat(key.column - 1);
    let own = source.text().get(key.start..value.end)?;
    if own.contains('\n') {
        return None;
    }
    let item = if home == "labels" { "" } else { "- " };
    let text = format!("{home}:\n{pad}  {item}{own}");
    let fix = Fix::replace(Span { end: value.end, ..key }, text.clone());
    Some((fix, format!("{pad}{text}")))
}

/// Returns the change that makes one list of two that follow each other under the same key: the second key's line goes.
fn join_lists(source: &Source, node: &Node, again: &Entry<'_>, first: &Node) -> Option<Fix> {
    let (_, list) = node.pairs().iter().find(|(key, _)| key.span == first.span)?;
    let (one, two) = (list.items().first()?, again.value.items().first()?);
    let key = again.key.span;
    let dash = |node: &Node| source.line(node.span.line).find("- ");
    let between = source.text().get(list.span.end..source.offset(key.line, 1))?;
    let block = two.span.line > key.line && one.span.line > first.span.line;
    if !block || dash(one) != dash(two) || !between.trim().is_empty() {
        return None;
    }
    let (start, end) = (source.offset(key.line, 1), source.offset(key.line + 1, 1));
    Some(Fix::replace(Span { start, end, ..key }, ""))
}
