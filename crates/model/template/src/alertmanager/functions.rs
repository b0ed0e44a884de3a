//! The functions of the templates of Alertmanager.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::text;
use crate::func::{Func, FuncMap};
use crate::gojson;
use crate::gotime::{self, TIME, Time, Zone};
use crate::prometheus::{humanize_duration, matches, replace_all, text as text_arg, title};
use crate::types::{ANY, ANY_MAP, ANYS, STRING, STRINGS, URL};
use crate::value::{List, Value};

/// Functions that need nothing but their arguments.
static PURE: LazyLock<FuncMap<'static>> = LazyLock::new(pure);

/// Those and the ones that know what time it is.
pub(super) fn functions<'a>(now_ns: i64) -> FuncMap<'a> {
    let mut map = FuncMap::above(&PURE);
    let (secs, nanos) = (now_ns.div_euclid(1_000_000_000), now_ns.rem_euclid(1_000_000_000) as u32);
    map.add("now", Func::new(&[], move |_| Ok(gotime::time(secs, nanos))));
    map.add(
        "since",
        Func::new(&[&TIME], move |args| {
            let (from, from_nanos) = args.first().and_then(gotime::as_time).unwrap_or_default();
            let ns = i128::from(secs - from) * 1_000_000_000 + i128::from(nanos) - i128::from(from_nanos);
            let (low, high) = (i128::from(i64::MIN), i128::from(i64::MAX));
            Ok(gotime::duration(i64::try_from(ns.clamp(low, high)).unwrap_or(0)))
        }),
    );
    map
}

/// Names of all functions.
pub fn function_names() -> Vec<&'static str> {
    let mut names = PURE.names();
    names.extend(["now", "since", "routeLabels"]);
    names.sort_unstable();
    names
}

fn items(args: &[Value], at: usize) -> Vec<Value> {
    match args.get(at) {
        Some(Value::List(List { items, .. })) => items.to_vec(),
        _ => Vec::new(),
    }
}

fn pure() -> FuncMap<'static> {
    let mut map = FuncMap::new();
    map.add("toUpper", Func::new(&[&STRING], |args| Ok(text_arg(args, 0).to_uppercase().into())));
    map.add("toLower", Func::new(&[&STRING], |args| Ok(text_arg(args, 0).to_lowercase().into())));
    map.add("title", Func::new(&[&STRING], |args| Ok(title(text_arg(args, 0), true).into())));
    map.add("trimSpace", Func::new(&[&STRING], |args| Ok(text_arg(args, 0).trim().into())));
    map.add(
        "join",
        Func::new(&[&STRING, &STRINGS], |args| match args {
            [between, list] => Ok(text::joined(list, between.as_str().unwrap_or_default()).into()),
            _ => Ok("".into()),
        }),
    );
    map.add("match", Func::new(&[&STRING, &STRING], matches));
    map.add("safeHtml", Func::new(&[&STRING], |args| Ok(Value::html(text_arg(args, 0)))));
    map.add("safeUrl", Func::new(&[&STRING], |args| Ok(Value::String(text_arg(args, 0).into(), &URL))));
    map.add("urlUnescape", Func::new(&[&STRING], |args| text::query_unescape(text_arg(args, 0))));
    map.add("reReplaceAll", Func::new(&[&STRING, &STRING, &STRING], replace_all));
    map.add("stringSlice", Func::variadic(&[&STRING], |args| Ok(Value::list(args.to_vec(), &STRINGS))));
    map.add(
        "date",
        Func::new(&[&STRING, &TIME], |args| {
            Ok(args.get(1).and_then(Time::of).map(|time| time.format(text_arg(args, 0))).unwrap_or_default().into())
        }),
    );
    map.add(
        "tz",
        Func::new(&[&STRING, &TIME], |args| {
            let zone = Zone::load(text_arg(args, 0))?;
            let time = args.get(1).and_then(Time::of).ok_or("no time")?;
            Ok(Time { zone, ..time.clone() }.into_value())
        }),
    );
    map.add(
        "toDate",
        Func::new(&[&STRING, &STRING], |args| {
            Ok(gotime::parse(text_arg(args, 0), text_arg(args, 1)).unwrap_or_else(|_| gotime::zero()))
        }),
    );
    map.add("mustToDate", Func::new(&[&STRING, &STRING], |args| gotime::parse(text_arg(args, 0), text_arg(args, 1))));
    map.add("humanizeDuration", Func::new(&[&ANY], humanize_duration));
    map.add("toJson", Func::new(&[&ANY], |args| gojson::marshal(args.first().unwrap_or(&Value::Nil)).map(Value::from)));
    map.add("base64encode", Func::new(&[&STRING], |args| Ok(text::base64_encode(text_arg(args, 0).as_bytes()).into())));
    map.add("base64decode", Func::new(&[&STRING], |args| text::base64_decode(text_arg(args, 0))));
    map.add("list", Func::variadic(&[&ANY], |args| Ok(Value::list(args.to_vec(), &ANYS))));
    map.add(
        "append",
        Func::variadic(&[&ANYS, &ANY], |args| {
            let mut all = items(args, 0);
            all.extend_from_slice(args.get(1..).unwrap_or_default());
            Ok(Value::list(all, &ANYS))
        }),
    );
    map.add(
        "dict",
        Func::variadic(&[&ANY], |args| {
            if !args.len().is_multiple_of(2) {
                return Err("dict requires an even number of arguments".to_owned());
            }
            let mut entries = BTreeMap::new();
            for pair in args.chunks_exact(2) {
                match &pair[0] {
                    Value::String(key, type_) if type_.name == STRING.name => {
                        entries.insert(key.clone(), pair[1].clone());
                    }
                    _ => return Err("dict keys must be strings".to_owned()),
                }
            }
            Ok(Value::map(entries, &ANY_MAP))
        }),
    );
    map
}
