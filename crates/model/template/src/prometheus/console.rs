//! Console templates: pages over queries, with libraries of templates (`web/web.go`, `consoles`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expand::Expander;
use super::functions::{functions, names_only};
use crate::func::{Func, FuncMap};
use crate::html::HtmlTemplate;
use crate::limits::Limits;
use crate::template::MissingKey;
use crate::types::{ANY, STRING, STRINGS, Type};
use crate::value::Value;

/// What stands before each text, on its first line.
const VARIABLES: &str = "{{$rawParams := .RawParams }}{{$params := .Params}}{{$path := .Path}}\
                         {{$externalLabels := .ExternalLabels}}";

static VALUES: Type = Type::map("url.Values", &STRINGS).with_methods(values_method);
static DATA: Type = Type::record(
    "struct { RawParams url.Values; Params map[string]string; Path string; ExternalLabels map[string]string }",
    false,
);

/// One request for a console.
#[derive(Clone, Debug, Default)]
pub struct ConsoleData {
    /// Parameters of the URL, in order.
    pub params: Vec<(String, String)>,
    /// The path of the template below `/consoles/`.
    pub path: String,
    pub external_labels: Vec<(String, String)>,
}

fn values_method(value: &Value, name: &str) -> Option<Func<'static>> {
    let own = value.clone();
    let first = |own: &Value, name: &str| match own.indirect() {
        Value::Map(map) => match map.entries.get(name) {
            Some(Value::List(list)) => list.items.first().cloned(),
            _ => None,
        },
        _ => None,
    };
    let name_of = |args: &[Value]| args.first().and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match name {
        "Get" => Func::new(&[&STRING], move |args| Ok(first(&own, &name_of(args)).unwrap_or_else(|| "".into()))),
        "Has" => Func::new(&[&STRING], move |args| Ok(Value::Bool(first(&own, &name_of(args)).is_some()))),
        "Encode" => Func::new(&[], move |_| {
            let Value::Map(map) = own.indirect() else { return Ok("".into()) };
            let mut pairs = Vec::new();
            for (name, values) in map.entries.iter() {
                if let Value::List(list) = values {
                    let name = crate::escape::escape_query(name);
                    let values = list.items.iter().filter_map(Value::as_str);
                    pairs.extend(values.map(|value| format!("{name}={}", crate::escape::escape_query(value))));
                }
            }
            Ok(pairs.join("&").into())
        }),
        _ => return None,
    })
}

impl ConsoleData {
    fn to_value(&self) -> Value {
        let mut all: BTreeMap<Arc<str>, Vec<Value>> = BTreeMap::new();
        for (name, value) in &self.params {
            all.entry(name.as_str().into()).or_default().push(value.as_str().into());
        }
        let firsts = all.iter().filter_map(|(name, values)| Some((&**name, values.first()?.as_str()?)));
        let params = Value::string_map(firsts);
        let raw = all.into_iter().map(|(name, values)| (name, Value::list(values, &STRINGS))).collect();
        let labels = self.external_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let fields = vec![
            ("RawParams", Value::map(raw, &VALUES)),
            ("Params", params),
            ("Path", self.path.as_str().into()),
            ("ExternalLabels", Value::string_map(labels)),
        ];
        Value::record(&DATA, fields)
    }
}

/// All functions of pages: those of alerts, and `tmpl NAME DATA`, which writes another template.
fn page_functions<'a>(set: &'a HtmlTemplate, with: &'a Expander<'a>, limits: Limits) -> FuncMap<'a> {
    let mut map = functions(with);
    map.add(
        "tmpl",
        Func::new(&[&STRING, &ANY], move |args| {
            let [name, data] = args else { return Ok(Value::Nil) };
            let funcs = page_functions(set, with, limits);
            let written = set.execute_named(name.as_str().unwrap_or_default(), data, &funcs, limits);
            written.map(Value::html).map_err(|error| error.to_string())
        }),
    );
    map
}

/// Writes a console. `libraries` are files by name without folder, and their texts. The error is upstream's.
pub fn expand_console(
    name: &str,
    text: &str,
    libraries: &[(String, String)],
    data: &ConsoleData,
    with: &Expander<'_>,
    limits: Limits,
) -> Result<String, String> {
    let mut names = FuncMap::above(names_only());
    names.add("tmpl", Func::variadic(&[&ANY], |_| Ok(Value::Nil)));
    let mut set = HtmlTemplate::new(name).missing_key(MissingKey::Zero);
    set.add(name, &format!("{VARIABLES}{text}"), &names)
        .map_err(|error| format!("error parsing template {name}: {error}"))?;
    for (file, text) in libraries {
        set.add(file, text, &names).map_err(|error| format!("error parsing template files for {name}: {error}"))?;
    }
    let funcs = page_functions(&set, with, limits);
    set.execute(&data.to_value(), &funcs, limits).map_err(|error| format!("error executing template {name}: {error}"))
}
