//! The functions of the templates of Prometheus.

use std::sync::LazyLock;

use firesteel_go_compat::parse_signed_duration_ms;

use super::expand::Expander;
use super::humanize;
use super::sample::{self, QUERY_RESULT, SAMPLE_POINTER};
use super::strings;
use crate::escape::escape_query;
use crate::func::{Func, FuncMap};
use crate::types::{ANY, STRING};
use crate::value::{List, Value};

/// What Go says when a function is given a nil pointer.
const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// Functions that need nothing but their arguments.
static PURE: LazyLock<FuncMap<'static>> = LazyLock::new(pure);

/// All functions, over what one expansion has.
pub fn functions<'a>(with: &'a Expander<'a>) -> FuncMap<'a> {
    let mut map = FuncMap::above(&PURE);
    map.add(
        "query",
        Func::new(&[&STRING], |args| {
            Ok(sample::query_result(&with.source.query(strings::text(args, 0), with.now_ms)?))
        }),
    );
    map.add("now", Func::new(&[], |_| Ok(Value::Float(with.now_ms as f64 / 1000.0))));
    map.add("pathPrefix", Func::new(&[], |_| Ok(path_of(with.external_url).into())));
    map.add("externalURL", Func::new(&[], |_| Ok(with.external_url.into())));
    map
}

/// Names of all functions, for the parser and for lists of features.
pub fn function_names() -> Vec<&'static str> {
    let mut names = PURE.names();
    names.extend(["query", "now", "pathPrefix", "externalURL"]);
    names.sort_unstable();
    names
}

/// A map that knows the names only, for parsing.
pub(super) fn names_only() -> &'static FuncMap<'static> {
    static NAMES: LazyLock<FuncMap<'static>> = LazyLock::new(|| {
        let mut map = FuncMap::above(&PURE);
        for name in ["query", "now", "pathPrefix", "externalURL"] {
            map.add(name, Func::variadic(&[&ANY], |_| Ok(Value::Nil)));
        }
        map
    });
    &NAMES
}

/// The path of a URL.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or(path)
}

fn pure() -> FuncMap<'static> {
    let mut map = FuncMap::new();
    map.add(
        "first",
        Func::new(&[&QUERY_RESULT], |args| match args.first() {
            Some(Value::List(List { items, .. })) => {
                items.first().cloned().ok_or_else(|| "first() called on vector with no elements".to_owned())
            }
            _ => Err("first() called on vector with no elements".to_owned()),
        }),
    );
    map.add(
        "label",
        Func::new(&[&STRING, &SAMPLE_POINTER], |args| match args {
            [name, sample @ Value::Pointer(..)] => {
                Ok(Value::string(sample::label(sample, name.as_str().unwrap_or_default())))
            }
            _ => Err(NIL_POINTER.to_owned()),
        }),
    );
    map.add(
        "value",
        Func::new(&[&SAMPLE_POINTER], |args| {
            args.first()
                .and_then(|sample| sample::field(sample, "Value"))
                .cloned()
                .ok_or_else(|| NIL_POINTER.to_owned())
        }),
    );
    map.add(
        "strvalue",
        Func::new(&[&SAMPLE_POINTER], |args| match args.first() {
            Some(sample @ Value::Pointer(..)) => Ok(Value::string(sample::label(sample, "__value__"))),
            _ => Err(NIL_POINTER.to_owned()),
        }),
    );
    map.add(
        "sortByLabel",
        Func::new(&[&STRING, &QUERY_RESULT], |args| match args {
            [name, Value::List(list)] => {
                let name = name.as_str().unwrap_or_default();
                let mut items = list.items.to_vec();
                items.sort_by_cached_key(|sample| sample::label(sample, name));
                Ok(Value::list(items, &QUERY_RESULT))
            }
            _ => Ok(Value::list(Vec::new(), &QUERY_RESULT)),
        }),
    );
    map.add(
        "args",
        Func::variadic(&[&ANY], |args| {
            Ok(Value::any_map(args.iter().enumerate().map(|(at, arg)| (format!("arg{at}"), arg.clone()))))
        }),
    );
    map.add("safeHtml", Func::new(&[&STRING], |args| Ok(Value::html(strings::text(args, 0)))));
    map.add("reReplaceAll", Func::new(&[&STRING, &STRING, &STRING], strings::replace_all));
    map.add("match", Func::new(&[&STRING, &STRING], strings::matches));
    map.add("title", Func::new(&[&STRING], |args| Ok(strings::title(strings::text(args, 0), false).into())));
    map.add("toUpper", Func::new(&[&STRING], |args| Ok(strings::text(args, 0).to_uppercase().into())));
    map.add("toLower", Func::new(&[&STRING], |args| Ok(strings::text(args, 0).to_lowercase().into())));
    map.add("graphLink", Func::new(&[&STRING], |args| Ok(link(strings::text(args, 0), 0))));
    map.add("tableLink", Func::new(&[&STRING], |args| Ok(link(strings::text(args, 0), 1))));
    map.add("stripPort", Func::new(&[&STRING], strings::strip_port));
    map.add("stripDomain", Func::new(&[&STRING], strings::strip_domain));
    map.add("humanize", Func::new(&[&ANY], humanize::humanize));
    map.add("humanize1024", Func::new(&[&ANY], humanize::humanize1024));
    map.add("humanizeDuration", Func::new(&[&ANY], humanize::humanize_duration));
    map.add("humanizePercentage", Func::new(&[&ANY], humanize::humanize_percentage));
    map.add("humanizeTimestamp", Func::new(&[&ANY], humanize::humanize_timestamp));
    map.add("toTime", Func::new(&[&ANY], humanize::as_time));
    map.add("toDuration", Func::new(&[&ANY], humanize::as_duration));
    map.add(
        "parseDuration",
        Func::new(&[&STRING], |args| {
            let ms = parse_signed_duration_ms(strings::text(args, 0)).map_err(|error| error.to_string())?;
            Ok(Value::Float(ms as f64 / 1000.0))
        }),
    );
    map.add("urlQueryEscape", Func::new(&[&STRING], |args| Ok(escape_query(strings::text(args, 0)).into())));
    map
}

fn link(expr: &str, tab: u8) -> Value {
    format!("/graph?g0.expr={}&g0.tab={tab}", escape_query(expr)).into()
}
