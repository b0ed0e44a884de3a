//! Running a template: Go's `text/template/exec.go`.

mod call;
mod eval;
mod walk;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
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

pub(crate) type Trees = BTreeMap<String, Arc<Tree>>;

/// What stays the same while templates run.
pub(crate) struct Setting<'t> {
    pub(crate) trees: &'t Trees,
    pub(crate) funcs: &'t FuncMap<'t>,
    pub(crate) missing_key: MissingKey,
    pub(crate) limits: Limits,
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
    depth: usize,
    steps: u64,
    began: Instant,
}

type Done<T> = Result<T, TemplateError>;

/// Runs a template over `data`.
pub(crate) fn execute(setting: Setting<'_>, name: &str, data: &Value) -> Done<String> {
    let Some(tree) = setting.trees.get(name) else {
        let message = format!("{} is an incomplete or empty template", quote(name));
        let text = format!("template: {name}: {message}");
        return Err(TemplateError { name: name.to_owned(), line: 0, offset: 0, message, text });
    };
    let mut exec = Exec {
        setting,
        tree,
        vars: vec![("$", data.clone())],
        out: String::new(),
        at: None,
        depth: 0,
        steps: 0,
        began: Instant::now(),
    };
    exec.walk_list(data, &tree.root)?;
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
        self.steps += 1;
        if self.steps > self.setting.limits.steps {
            return self.error("too many steps");
        }
        if self.steps.is_multiple_of(4096) && self.began.elapsed() > self.setting.limits.time {
            return self.error("takes too long");
        }
        Ok(())
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        if self.depth >= MAX_DEPTH {
            return self.error(format!("exceeded maximum template depth ({MAX_DEPTH})"));
        }
        self.depth += 1;
        let out = inner(self);
        self.depth -= 1;
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
