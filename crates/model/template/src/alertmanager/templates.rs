//! A set of notification templates, as text and as pages.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::data::Data;
use super::functions::functions;
use crate::error::TemplateError;
use crate::func::{Func, FuncMap};
use crate::html::HtmlTemplate;
use crate::limits::Limits;
use crate::template::{MissingKey, Template};
use crate::types::STRING;
use crate::value::Value;

/// Labels of routes that may render each other; more is refused.
const MAX_NESTED_LABELS: usize = 16;

/// Files of templates, and the texts of receivers that call them.
#[derive(Clone, Debug)]
pub struct Templates {
    text: Template,
    html: HtmlTemplate,
    limits: Limits,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// A set without any file.
    pub fn new() -> Self {
        Self {
            text: Template::new("").missing_key(MissingKey::Zero),
            html: HtmlTemplate::new("").missing_key(MissingKey::Zero),
            limits: Limits::default(),
        }
    }

    /// Sets what one rendering may take.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Adds a file; `name` is its name without the folder.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        let funcs = with_route_labels(|_| Ok(Value::Nil), 0);
        self.text.add(name, text, &funcs)?;
        self.html.add(name, text, &funcs)
    }

    /// Renders a receiver's text; `now` is in nanoseconds since the epoch.
    pub fn render_text(&self, text: &str, data: &Data, now_ns: i64) -> Result<String, TemplateError> {
        Rendering::new(self, data, now_ns, false).render(text)
    }

    /// Renders a receiver's page.
    pub fn render_html(&self, text: &str, data: &Data, now_ns: i64) -> Result<String, TemplateError> {
        Rendering::new(self, data, now_ns, true).render(text)
    }
}

fn with_route_labels<'a>(
    resolve: impl Fn(&str) -> Result<Value, String> + Send + Sync + 'a,
    now_ns: i64,
) -> FuncMap<'a> {
    let mut map = functions(now_ns);
    map.add(
        "routeLabels",
        Func::new(&[&STRING], move |args| resolve(args.first().and_then(Value::as_str).unwrap_or_default())),
    );
    map
}

/// One text that is rendered, with the labels of the route that it asks for.
struct Rendering<'a> {
    templates: &'a Templates,
    data: &'a Data,
    value: Value,
    now_ns: i64,
    is_html: bool,
    labels: Mutex<Labels>,
}

/// Labels that were rendered, and those that are being rendered.
#[derive(Default)]
struct Labels {
    known: BTreeMap<String, String>,
    under_way: Vec<String>,
}

impl<'a> Rendering<'a> {
    fn new(templates: &'a Templates, data: &'a Data, now_ns: i64, is_html: bool) -> Self {
        Self { templates, data, value: data.to_value(), now_ns, is_html, labels: Mutex::default() }
    }

    fn render(&self, text: &str) -> Result<String, TemplateError> {
        if text.is_empty() {
            return Ok(String::new());
        }
        let funcs = with_route_labels(|name| self.route_label(name), self.now_ns);
        if self.is_html {
            let mut set = self.templates.html.clone();
            set.add("", text, &funcs)?;
            set.execute(&self.value, &funcs, self.templates.limits)
        } else {
            let mut set = self.templates.text.clone();
            set.add("", text, &funcs)?;
            set.execute(&self.value, &funcs, self.templates.limits)
        }
    }

    /// A label of the route, which may be a template that asks for others.
    fn route_label(&self, name: &str) -> Result<Value, String> {
        let Some(raw) = self.data.route_labels.get(name) else { return Ok("".into()) };
        {
            let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = labels.known.get(name) {
                return Ok(known.as_str().into());
            }
            let is_cycle = labels.under_way.iter().any(|other| other == name);
            if is_cycle || labels.under_way.len() >= MAX_NESTED_LABELS {
                let cycle = [&labels.under_way[..], &[name.to_owned()]].concat().join(" -> ");
                return Err(format!("route label cycle detected: {cycle}"));
            }
            labels.under_way.push(name.to_owned());
        }
        let rendered = self.render(raw);
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.under_way.pop();
        let text = rendered.map_err(|error| error.to_string())?;
        labels.known.insert(name.to_owned(), text.clone());
        Ok(text.into())
    }
}
