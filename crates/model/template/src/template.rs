//! A set of templates that know each other by name.

use std::sync::Arc;

use crate::builtins;
use crate::error::TemplateError;
use crate::exec::{self, Setting, Spent, Trees};
use crate::func::FuncMap;
use crate::limits::Limits;
use crate::parse;
use crate::value::Value;

/// What a key gives that its map does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MissingKey {
    /// No value, printed `<no value>`.
    #[default]
    Invalid,
    /// The zero of the map's values: an empty string in a map of strings.
    Zero,
    /// An error.
    Error,
}

/// Parsed templates: the main one, and those it defines or that were added.
#[derive(Clone, Debug)]
pub struct Template {
    pub(crate) name: String,
    pub(crate) missing_key: MissingKey,
    pub(crate) trees: Trees,
}

impl Template {
    /// Parses one text. Names of functions are looked up now, in `funcs` and among Go's own.
    pub fn parse(name: &str, text: &str, funcs: &FuncMap<'_>) -> Result<Self, TemplateError> {
        let mut template = Self::new(name);
        template.add(name, text, funcs)?;
        Ok(template)
    }

    /// A set without any text.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), missing_key: MissingKey::Invalid, trees: Trees::new() }
    }

    /// Says what missing keys give.
    #[must_use]
    pub fn missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// Parses another text into the set, as Go's `New(name).Parse(text)`: what it defines covers what was there.
    pub fn add(&mut self, name: &str, text: &str, funcs: &FuncMap<'_>) -> Result<(), TemplateError> {
        let known = |name: &str| funcs.get(name).is_some() || builtins::find(name).is_some();
        for tree in parse::parse_trees(name, text, &known)? {
            // A text of definitions only does not take the place of one that says something.
            if tree.is_empty() && self.trees.contains_key(&tree.name) {
                continue;
            }
            self.trees.insert(tree.name.clone(), Arc::new(tree));
        }
        Ok(())
    }

    /// Names of all templates that have a text, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.trees.keys().map(String::as_str)
    }

    /// Runs the main template over `data`.
    pub fn execute(&self, data: &Value, funcs: &FuncMap<'_>, limits: Limits) -> Result<String, TemplateError> {
        self.execute_named(&self.name, data, funcs, limits)
    }

    /// Runs one of the templates over `data`.
    pub fn execute_named(
        &self,
        name: &str,
        data: &Value,
        funcs: &FuncMap<'_>,
        limits: Limits,
    ) -> Result<String, TemplateError> {
        let spent = Spent::new();
        let setting = Setting { trees: &self.trees, funcs, missing_key: self.missing_key, limits, spent: &spent };
        exec::execute(setting, name, data)
    }
}
