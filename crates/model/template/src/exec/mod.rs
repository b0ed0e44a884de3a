//! Running a template: Go's `text/template/exec.go`.

mod call;
mod eval;
mod walk;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use firesteel_go_compat::quote;

use crate::error::TemplateError;
use crate::func::FuncMap;
use crate::limits::Limits;
use crate::parse::{Tree, position};
use crate::template::MissingKey;
use crate::value::Value;

/// How many templates, blocks and pipelines may be under way inside each other. Go allows 100,000 templates.
const MAX_DEPTH: usize = 250;
/// What a run that a function of another run begins (`tmpl`) counts for: it takes so much more of the stack.
const RUN_DEPTH: usize = 25;

pub(crate) type Trees = BTreeMap<String, Arc<Tree>>;

/// What stays the same while templates run.
pub(crate) struct Setting<'t> {
    pub(crate) trees: &'t Trees,
    pub(crate) funcs: &'t FuncMap<'t>,
    pub(crate) missing_key: MissingKey,
    pub(crate) limits: Limits,
    pub(crate) spent: &'t Spent,
}

/// What runs that call each other took together.
#[derive(Debug)]
pub(crate) struct Spent {
    depth: AtomicUsize,
    steps: AtomicU64,
    began: Instant,
}

impl Spent {
    pub(crate) fn new() -> Self {
        Self { depth: AtomicUsize::new(0), steps: AtomicU64::new(0), began: Instant::now() }
    }
}

/// A run.
pub(crate) struct Exec<'t> {
    setting: Setting<'t>,
    /// The template that runs.
    tree: &'t Tree,
    vars: Vec<(&'t str, Value)>,
    out: String,
    /// What is at hand, for errors.
    at: Option<(usize, &'t dyn Display)>,
}

type Done<T> = Result<T, TemplateError>;

/// Runs a template over `data`.
pub(crate) fn execute(setting: Setting<'_>, name: &str, data: &Value) -> Done<String> {
    let Some(tree) = setting.trees.get(name) else {
        let message = format!("{} is an incomplete or empty template", quote(name));
        let text = format!("template: {name}: {message}");
        return Err(TemplateError { name: name.to_owned(), line: 0, offset: 0, message, text });
    };
    let mut exec = Exec { setting, tree, vars: vec![("$", data.clone())], out: String::new(), at: None };
    let depth = &exec.setting.spent.depth;
    if depth.load(Ordering::Relaxed) + RUN_DEPTH > MAX_DEPTH {
        return exec.error(format!("exceeded maximum template depth ({MAX_DEPTH})"));
    }
    let before = depth.fetch_add(RUN_DEPTH, Ordering::Relaxed);
    // The first run is the whole depth's.
    if before == 0 {
        depth.fetch_sub(RUN_DEPTH, Ordering::Relaxed);
    }
    let walked = exec.walk_list(data, &tree.root);
    exec.setting.spent.depth.store(before, Ordering::Relaxed);
    walked?;
    Ok(exec.out)
}

impl Exec<'_> {
    fn error<T>(&self, message: impl Into<String>) -> Done<T> {
        let (message, source) = (message.into(), &self.tree.source);
        let Some((pos, what)) = self.at else {
            let text = format!("template: {}: {message}", self.tree.name);
            return Err(TemplateError { name: self.tree.name.clone(), line: 0, offset: 0, message, text });
        };
        let (line, column) = position(&source.text, pos);
        let text = format!(
            "template: {}:{line}:{column}: executing {} at <{what}>: {message}",
            source.name,
            quote(&self.tree.name)
        );
        Err(TemplateError { name: source.name.clone(), line, offset: pos, message, text })
    }

    /// Counts a step, and now and then looks at the clock.
    fn step(&mut self) -> Done<()> {
        let steps = self.setting.spent.steps.fetch_add(1, Ordering::Relaxed) + 1;
        if steps > self.setting.limits.steps {
            return self.error("too many steps");
        }
        if steps.is_multiple_of(4096) && self.setting.spent.began.elapsed() > self.setting.limits.time {
            return self.error("takes too long");
        }
        Ok(())
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        let depth = &self.setting.spent.depth;
        if depth.load(Ordering::Relaxed) >= MAX_DEPTH {
            return self.error(format!("exceeded maximum template depth ({MAX_DEPTH})"));
        }
        depth.fetch_add(1, Ordering::Relaxed);
        let out = inner(self);
        self.setting.spent.depth.fetch_sub(1, Ordering::Relaxed);
        out
    }

    /// Refuses texts that are too long, wherever they come from.
    fn bounded(&self, length: usize) -> Done<()> {
        if length > self.setting.limits.output_bytes {
            return self.error(format!("output of more than {} bytes", self.setting.limits.output_bytes));
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Done<()> {
        self.bounded(self.out.len() + text.len())?;
        self.out.push_str(text);
        Ok(())
    }
}
