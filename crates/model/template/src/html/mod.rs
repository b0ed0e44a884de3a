//! html/template: pages whose values are escaped for the place where they stand.

mod attribute;
mod context;
mod css;
mod escape_tree;
mod js;
mod markup;
mod pipeline;
mod transition;
mod unescape;
mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use firesteel_go_compat::quote;

use crate::error::TemplateError;
use crate::exec::{self, Setting, Spent, Trees};
use crate::func::{Func, FuncMap};
use crate::gofmt;
use crate::limits::Limits;
use crate::template::{MissingKey, Template};
use crate::types::{ANY, Type};
use crate::value::Value;

/// What stands for a value that may do harm.
const FAILSAFE: &str = "ZgotmplZ";

/// Templates that make a page, as Go's html/template: what an action writes is escaped as its place demands (text,
/// attribute, URL, script, style), and templates whose place cannot be told are refused.
pub struct HtmlTemplate {
    set: Template,
    /// What was escaped, by the template that was asked for.
    escaped: Mutex<BTreeMap<String, Arc<Trees>>>,
    spent: Spent,
}

impl HtmlTemplate {
    /// A set without any text.
    pub fn new(name: &str) -> Self {
        Self { set: Template::new(name), escaped: Mutex::default(), spent: Spent::new() }
    }

    /// Says what missing keys give.
    #[must_use]
    pub fn missing_key(mut self, missing_key: MissingKey) -> Self {
        self.set = self.set.missing_key(missing_key);
        self
    }

    /// Parses another text into the set, as [`Template::add`].
    pub fn add(&mut self, name: &str, text: &str, funcs: &FuncMap<'_>) -> Result<(), TemplateError> {
        self.escaped = Mutex::default();
        self.set.add(name, text, funcs)
    }

    /// Runs the main template over `data`. All executions of one set share [`Limits::steps`] and [`Limits::time`], so
    /// that a function that calls one gets around none.
    pub fn execute(&self, data: &Value, funcs: &FuncMap<'_>, limits: Limits) -> Result<String, TemplateError> {
        if !self.set.trees.contains_key(&self.set.name) {
            let words = format!("{} is an incomplete or empty template", quote(&self.set.name));
            return Err(plain(&self.set.name, format!("template: {words}")));
        }
        self.execute_named(&self.set.name, data, funcs, limits)
    }

    /// Runs one of the templates over `data`.
    pub fn execute_named(
        &self,
        name: &str,
        data: &Value,
        funcs: &FuncMap<'_>,
        limits: Limits,
    ) -> Result<String, TemplateError> {
        if !self.set.trees.contains_key(name) {
            return Err(plain(name, format!("html/template: {} is undefined", quote(name))));
        }
        let known = self.escaped.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let trees = match known {
            Some(trees) => trees,
            None => {
                let trees = Arc::new(escape_tree::escaped(&self.set.trees, name)?);
                let mut escaped = self.escaped.lock().unwrap_or_else(PoisonError::into_inner);
                escaped.insert(name.to_owned(), Arc::clone(&trees));
                trees
            }
        };
        let missing_key = self.set.missing_key;
        let setting = Setting { trees: &trees, funcs, missing_key, limits, spent: &self.spent };
        exec::execute(setting, name, data)
    }
}

impl Clone for HtmlTemplate {
    fn clone(&self) -> Self {
        Self { set: self.set.clone(), escaped: Mutex::default(), spent: Spent::new() }
    }
}

impl fmt::Debug for HtmlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HtmlTemplate").field("set", &self.set).finish_non_exhaustive()
    }
}

fn plain(name: &str, text: String) -> TemplateError {
    TemplateError { name: name.to_owned(), line: 0, offset: 0, message: text.clone(), text }
}

/// The arguments as one text, and the name of its type.
fn stringify(args: &[Value]) -> (String, &'static str) {
    if let [one] = args
        && let Value::String(text, type_) = one.indirect()
    {
        return (text.to_string(), type_.name);
    }
    let shown: Vec<Value> = args.iter().filter(|arg| !arg.is_nil()).map(|arg| arg.printable().clone()).collect();
    (gofmt::sprint(&shown), "string")
}

/// A function that escaped pipelines call; texts cannot.
pub(crate) fn escaper(name: &str) -> Option<&'static Func<'static>> {
    type Body = fn(&[Value]) -> String;
    static TABLE: LazyLock<BTreeMap<&'static str, Func<'static>>> = LazyLock::new(|| {
        static PARAMS: [&Type; 1] = [&ANY];
        let all: [(&'static str, Body); 17] = [
            ("_eval_args_", crate::builtins::text_of),
            ("_html_template_attrescaper", markup::attribute),
            ("_html_template_commentescaper", |_| String::new()),
            ("_html_template_cssescaper", css::string_part),
            ("_html_template_cssvaluefilter", css::value),
            ("_html_template_htmlescaper", markup::text),
            ("_html_template_htmlnamefilter", markup::name),
            ("_html_template_jsregexpescaper", js::regexp_part),
            ("_html_template_jsstrescaper", js::string_part),
            ("_html_template_jstmpllitescaper", js::template_literal_part),
            ("_html_template_jsvalescaper", js::value),
            ("_html_template_nospaceescaper", markup::unquoted),
            ("_html_template_rcdataescaper", markup::raw_text),
            ("_html_template_srcsetescaper", url::srcset),
            ("_html_template_urlescaper", url::escaped),
            ("_html_template_urlfilter", url::filter),
            ("_html_template_urlnormalizer", url::normalized),
        ];
        all.into_iter().map(|(name, body)| (name, Func::variadic(&PARAMS, move |args| Ok(body(args).into())))).collect()
    });
    name.starts_with('_').then(|| TABLE.get(name)).flatten()
}
