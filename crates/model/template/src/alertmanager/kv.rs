//! Sets of names and values, as labels and annotations are to notification templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::func::Func;
use crate::types::{STRING, STRINGS, Type};
use crate::value::Value;

/// `template.KV`
static KV: Type =
    Type::map("template.KV", &STRING).also("map[string]string").with_methods(kv_method).with_text(kv_text);
static PAIR: Type = Type::record("template.Pair", true);
static PAIRS: Type = Type::slice("template.Pairs", &PAIR).with_methods(pairs_method).with_text(pairs_text);
/// `template.Strings`, which may stand for a `[]string`
static STRING_LIST: Type = Type::slice("template.Strings", &STRING).also("[]string").with_methods(strings_method);

pub(super) fn kv<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    Value::map(pairs.into_iter().map(|(name, value)| (name.into(), Value::string(value))).collect(), &KV)
}

/// The pairs by name, but the name of the alert first.
fn sorted(value: &Value) -> Vec<(Arc<str>, Value)> {
    let Value::Map(map) = value.indirect() else { return Vec::new() };
    let mut pairs: Vec<(Arc<str>, Value)> =
        map.entries.iter().map(|(name, value)| (Arc::clone(name), value.clone())).collect();
    pairs.sort_by_key(|(name, _)| &**name != "alertname");
    pairs
}

fn shown<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

fn kv_text(value: &Value) -> String {
    let pairs = sorted(value);
    shown(pairs.iter().map(|(name, value)| (&**name, value.as_str().unwrap_or_default())))
}

fn strings(items: Vec<Value>) -> Value {
    Value::list(items, &STRING_LIST)
}

fn kv_method(value: &Value, name: &str) -> Option<Func<'static>> {
    let own = value.clone();
    Some(match name {
        "SortedPairs" => Func::new(&[], move |_| {
            let pair = |(name, value)| Value::record(&PAIR, vec![("Name", Value::string(name)), ("Value", value)]);
            Ok(Value::list(sorted(&own).into_iter().map(pair).collect::<Vec<_>>(), &PAIRS))
        }),
        "Names" => Func::new(&[], move |_| {
            Ok(strings(sorted(&own).into_iter().map(|(name, _)| Value::string(name)).collect()))
        }),
        "Values" => Func::new(&[], move |_| Ok(strings(sorted(&own).into_iter().map(|(_, value)| value).collect()))),
        "Remove" => Func::new(&[&STRINGS], move |args| {
            let names: Vec<&str> = match args.first() {
                Some(Value::List(list)) => list.items.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            let Value::Map(map) = own.indirect() else { return Ok(own.clone()) };
            let kept = map.entries.iter().filter(|(name, _)| !names.contains(&&***name));
            let kept: BTreeMap<Arc<str>, Value> = kept.map(|(name, value)| (Arc::clone(name), value.clone())).collect();
            Ok(Value::map(kept, &KV))
        }),
        "String" => Func::new(&[], move |_| Ok(kv_text(&own).into())),
        _ => return None,
    })
}

fn field<'v>(pair: &'v Value, name: &str) -> &'v str {
    match pair.indirect() {
        Value::Record(record) => {
            let field = record.fields.iter().find(|(known, _)| *known == name);
            field.and_then(|(_, value)| value.as_str()).unwrap_or_default()
        }
        _ => "",
    }
}

fn pairs_text(value: &Value) -> String {
    match value.indirect() {
        Value::List(list) => shown(list.items.iter().map(|pair| (field(pair, "Name"), field(pair, "Value")))),
        _ => String::new(),
    }
}

fn pairs_method(value: &Value, name: &str) -> Option<Func<'static>> {
    let own = value.clone();
    let each = |name: &'static str, own: Value| {
        Func::new(&[], move |_| match own.indirect() {
            Value::List(list) => Ok(strings(list.items.iter().map(|pair| field(pair, name).into()).collect())),
            _ => Ok(strings(Vec::new())),
        })
    };
    Some(match name {
        "Names" => each("Name", own),
        "Values" => each("Value", own),
        "String" => Func::new(&[], move |_| Ok(pairs_text(&own).into())),
        _ => return None,
    })
}

fn strings_method(value: &Value, name: &str) -> Option<Func<'static>> {
    let own = value.clone();
    (name == "Join").then(|| {
        Func::new(&[&STRING], move |args| {
            Ok(super::text::joined(&own, args.first().and_then(Value::as_str).unwrap_or_default()).into())
        })
    })
}
