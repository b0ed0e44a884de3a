//! The functions that every template has: Go's `text/template/funcs.go`.

use std::sync::{Arc, LazyLock};

use crate::compare;
use crate::escape::{escape_html, escape_js, escape_query};
use crate::func::Func;
use crate::gofmt;
use crate::types::{ANY, Kind, STRING, Type, VALUE};
use crate::value::{List, Value};

/// One of Go's own functions.
pub(crate) struct Builtin {
    name: &'static str,
    pub(crate) func: Func<'static>,
    /// `and` stops at the first false argument, `or` at the first true one.
    pub(crate) stops_at: Option<bool>,
    /// `call` wants to know how its function was written.
    pub(crate) is_call: bool,
}

type Answer = Result<Value, String>;

/// Looks one up.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    static TABLE: LazyLock<Vec<Builtin>> = LazyLock::new(table);
    TABLE.iter().find(|builtin| builtin.name == name)
}

fn table() -> Vec<Builtin> {
    type Body = fn(&[Value]) -> Answer;
    let fixed = |name, params: &[&'static Type], body: Body| Builtin {
        name,
        func: Func::new(params, body),
        stops_at: None,
        is_call: false,
    };
    let open = |name, params: &[&'static Type], body: Body| Builtin {
        func: Func::variadic(params, body),
        ..fixed(name, params, body)
    };
    let not_called: Body = |_| Ok(Value::Nil);
    vec![
        Builtin { stops_at: Some(false), ..open("and", &[&VALUE, &VALUE], not_called) },
        Builtin { stops_at: Some(true), ..open("or", &[&VALUE, &VALUE], not_called) },
        Builtin { is_call: true, ..open("call", &[&VALUE, &VALUE], not_called) },
        open("html", &[&ANY], |args| Ok(escape_html(&text_of(args)).into())),
        open("js", &[&ANY], |args| Ok(escape_js(&text_of(args)).into())),
        open("urlquery", &[&ANY], |args| Ok(escape_query(&text_of(args)).into())),
        open("print", &[&ANY], |args| Ok(gofmt::sprint(args).into())),
        open("println", &[&ANY], |args| Ok(gofmt::sprintln(args).into())),
        open("printf", &[&STRING, &ANY], printf),
        open("index", &[&VALUE, &VALUE], index),
        open("slice", &[&VALUE, &VALUE], slice),
        fixed("len", &[&VALUE], length),
        fixed("not", &[&VALUE], |args| Ok(Value::Bool(!args.first().is_some_and(Value::is_true)))),
        open("eq", &[&VALUE, &VALUE], |args| match args.split_first() {
            Some((first, others)) => compare::equal(first, others).map(Value::Bool),
            None => Ok(Value::Nil),
        }),
        fixed("ne", &[&VALUE, &VALUE], |args| two(args, |a, b| Ok(!compare::equal(a, std::slice::from_ref(b))?))),
        fixed("lt", &[&VALUE, &VALUE], |args| two(args, compare::less)),
        fixed("le", &[&VALUE, &VALUE], |args| two(args, compare::less_or_equal)),
        fixed("gt", &[&VALUE, &VALUE], |args| two(args, |a, b| Ok(!compare::less_or_equal(a, b)?))),
        fixed("ge", &[&VALUE, &VALUE], |args| two(args, |a, b| Ok(!compare::less(a, b)?))),
    ]
}

fn two(args: &[Value], test: fn(&Value, &Value) -> Result<bool, String>) -> Answer {
    match args {
        [a, b] => test(a, b).map(Value::Bool),
        _ => Ok(Value::Nil),
    }
}

/// The arguments as one text, as `print` writes them, but pointers are followed.
pub(crate) fn text_of(args: &[Value]) -> String {
    if let [Value::String(text, _)] = args {
        return text.to_string();
    }
    let shown: Vec<Value> = args
        .iter()
        .map(|arg| match arg.printable() {
            Value::Nil | Value::NilInterface => Value::string("<no value>"),
            other => other.clone(),
        })
        .collect();
    gofmt::sprint(&shown)
}

fn printf(args: &[Value]) -> Answer {
    match args.split_first() {
        Some((Value::String(format, _), rest)) => Ok(gofmt::sprintf(format, rest).into()),
        _ => Ok(Value::Nil),
    }
}

fn length(args: &[Value]) -> Answer {
    let length = match args.first().map(Value::indirect) {
        None | Some(Value::Nil) => return Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        Some(Value::NilInterface) => return Err("len of nil pointer".to_owned()),
        Some(Value::String(text, _)) => text.len(),
        Some(Value::List(list)) => list.items.len(),
        Some(Value::Map(map)) => map.entries.len(),
        Some(other) => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::int(length as i64))
}

/// An index into what has so many elements; the number of them is allowed.
fn index_of(index: &Value, length: usize) -> Result<usize, String> {
    let at = match index {
        Value::Int(at, _) => *at,
        Value::Uint(at, _) => *at as i64,
        Value::Nil | Value::NilInterface => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    match usize::try_from(at) {
        Ok(index) if index <= length => Ok(index),
        _ => Err(format!("index out of range: {at}")),
    }
}

/// Checks an argument for a function or key of that type.
fn fitting(value: &Value, wanted: &'static Type) -> Answer {
    let Some(type_) = value.type_of().filter(|_| !value.is_nil()) else {
        return if wanted.can_be_nil() {
            Ok(Value::zero(wanted))
        } else {
            Err(format!("value is nil; should be of type {wanted}"))
        };
    };
    if type_.fits(wanted) {
        return Ok(value.clone());
    }
    match (value, wanted.kind) {
        (Value::Int(v, _), Kind::Int) => Ok(Value::Int(*v, wanted)),
        (Value::Int(v, _), Kind::Uint) => Ok(Value::Uint(*v as u64, wanted)),
        (Value::Uint(v, _), Kind::Int) => Ok(Value::Int(*v as i64, wanted)),
        (Value::Uint(v, _), Kind::Uint) => Ok(Value::Uint(*v, wanted)),
        _ => Err(format!("value has type {type_}; should be {wanted}")),
    }
}

fn index(args: &[Value]) -> Answer {
    let Some((first, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if first.is_nil() {
        return Err("index of untyped nil".to_owned());
    }
    let mut item = first.clone();
    for at in indexes {
        item = match item.indirect() {
            Value::Nil | Value::NilInterface => return Err("index of nil pointer".to_owned()),
            Value::List(list) => {
                let at = index_of(at, list.items.len())?;
                list.items.get(at).cloned().ok_or("reflect: slice index out of range")?
            }
            Value::String(text, _) => {
                let at = index_of(at, text.len())?;
                let byte = text.as_bytes().get(at).ok_or("reflect: string index out of range")?;
                Value::Uint(u64::from(*byte), &crate::types::UINT8)
            }
            Value::Map(map) => match fitting(at, &STRING)? {
                Value::String(key, _) => match map.entries.get(&*key) {
                    Some(value) => value.clone(),
                    None => map.type_.elem.map_or(Value::NilInterface, Value::zero),
                },
                _ => Value::Nil,
            },
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn slice(args: &[Value]) -> Answer {
    let Some((item, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if item.is_nil() {
        return Err("slice of untyped nil".to_owned());
    }
    let item = item.indirect();
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Value::String(..) if indexes.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
        Value::String(text, _) => text.len(),
        Value::List(list) => list.items.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = index_of(index, length)?;
    }
    let [from, to, end] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > end {
        return Err(format!("invalid slice index: {to} > {end}"));
    }
    Ok(match item {
        Value::String(text, type_) => {
            let bytes = text.as_bytes().get(from..to).unwrap_or_default();
            Value::String(String::from_utf8_lossy(bytes).into(), type_)
        }
        Value::List(list) => {
            let items: Arc<[Value]> = list.items.get(from..to).unwrap_or_default().into();
            Value::List(List { items, type_: list.type_ })
        }
        _ => Value::Nil,
    })
}

/// `call`: the function is a value.
pub(crate) fn call(name: &str, args: &[Value]) -> Answer {
    let Some((callee, args)) = args.split_first() else { return Ok(Value::Nil) };
    let func = match callee {
        Value::Func(func) => func,
        Value::Nil | Value::NilInterface => return Err("call of nil".to_owned()),
        other => return Err(format!("non-function {name} of type {}", other.type_name())),
    };
    let fixed = func.params.len() - usize::from(func.variadic);
    if func.variadic && args.len() < fixed {
        return Err(format!("wrong number of args for {name}: got {} want at least {fixed}", args.len()));
    }
    if !func.variadic && args.len() != fixed {
        return Err(format!("wrong number of args for {name}: got {} want {fixed}", args.len()));
    }
    let mut values = Vec::with_capacity(args.len());
    for (at, arg) in args.iter().enumerate() {
        let wanted = func.params[at.min(func.params.len() - 1)];
        values.push(fitting(arg, wanted).map_err(|error| format!("arg {at}: {error}"))?);
    }
    func.call(&values)
}
