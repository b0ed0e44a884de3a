//! Printing one operand with a verb.

use std::sync::Arc;

use crate::types::Kind;
use crate::value::{Record, Value};

/// What stands between `%` and the verb.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Flags {
    pub(super) sharp: bool,
    pub(super) zero: bool,
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) space: bool,
    /// `%#v`
    pub(super) sharp_v: bool,
    /// `%+v`
    pub(super) plus_v: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

pub(super) struct Printer {
    pub(super) out: String,
    pub(super) flags: Flags,
    /// While a fault is written no method is called.
    faulty: bool,
}

impl Printer {
    pub(super) fn new(out: String) -> Self {
        Self { out, flags: Flags::default(), faulty: false }
    }

    /// Prints an operand.
    pub(super) fn arg(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil | Value::NilInterface, 'T' | 'v') => self.pad("<nil>"),
            (Value::Nil | Value::NilInterface, _) => self.bad_verb(value, verb),
            (_, 'T') => self.text(value.type_name(), 's', value),
            (_, 'p') => self.pointer(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    pub(super) fn bad_verb(&mut self, value: &Value, verb: char) {
        let was = std::mem::replace(&mut self.faulty, true);
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        self.out.push_str(value.type_name());
        if !value.is_nil() {
            self.out.push('=');
            self.value(value, 'v', 0);
        }
        self.out.push(')');
        self.faulty = was;
    }

    /// The value's own `String` method, if the verb is one for texts.
    fn own_text(&self, value: &Value, verb: char) -> Option<String> {
        if self.faulty || self.flags.sharp_v || !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return None;
        }
        match value {
            Value::Pointer(inner, type_) => type_
                .text
                .map(|text| text(value))
                .or_else(|| inner.type_of().and_then(|type_| type_.text).map(|text| text(inner))),
            other => other.type_of().and_then(|type_| type_.text).map(|text| text(other)),
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if let Some(text) = self.own_text(value, verb) {
            return self.text(&text, verb, value);
        }
        match value {
            Value::Nil | Value::NilInterface if self.flags.sharp_v => self.out.push_str("interface {}(nil)"),
            Value::Nil | Value::NilInterface => self.out.push_str("<nil>"),
            Value::Bool(v) => match verb {
                't' | 'v' => self.pad(if *v { "true" } else { "false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(v, _) => self.integer(v.unsigned_abs(), *v < 0, true, verb, value),
            Value::Uint(v, _) => self.integer(*v, false, false, verb, value),
            Value::Float(v) => self.float(*v, verb, value),
            Value::String(text, _) => {
                let text = Arc::clone(text);
                self.text(&text, verb, value);
            }
            Value::List(list) => {
                let items = Arc::clone(&list.items);
                if self.flags.sharp_v {
                    self.out.push_str(list.type_.name);
                    self.sequence('{', '}', items.iter(), ", ", verb, depth);
                } else {
                    self.sequence('[', ']', items.iter(), " ", verb, depth);
                }
            }
            Value::Map(map) => {
                let entries = Arc::clone(&map.entries);
                let (open, between, close) = if self.flags.sharp_v { ("{", ", ", '}') } else { ("[", " ", ']') };
                self.out.push_str(if self.flags.sharp_v { map.type_.name } else { "map" });
                self.out.push_str(open);
                for (at, (key, item)) in entries.iter().enumerate() {
                    if at > 0 {
                        self.out.push_str(between);
                    }
                    self.value(&Value::string(Arc::clone(key)), verb, depth + 1);
                    self.out.push(':');
                    self.value(item, verb, depth + 1);
                }
                self.out.push(close);
            }
            Value::Record(record) => self.record(record, verb, depth),
            Value::Pointer(inner, type_) => {
                let composite =
                    type_.elem.is_some_and(|elem| matches!(elem.kind, Kind::Struct | Kind::Slice | Kind::Map));
                if depth == 0 && composite && verb != 'p' {
                    self.out.push('&');
                    self.value(inner, verb, depth + 1);
                } else {
                    self.pointer(value, verb);
                }
            }
            Value::Func(_) => self.pointer(value, verb),
        }
    }

    fn record(&mut self, record: &Record, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.out.push_str(record.type_.name);
        }
        self.out.push('{');
        for (at, (name, field)) in record.fields.iter().enumerate() {
            if at > 0 {
                self.out.push_str(if self.flags.sharp_v { ", " } else { " " });
            }
            if self.flags.plus_v || self.flags.sharp_v {
                self.out.push_str(name);
                self.out.push(':');
            }
            self.value(field, verb, depth + 1);
        }
        self.out.push('}');
    }

    fn sequence<'v>(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = &'v Value>,
        between: &str,
        verb: char,
        depth: usize,
    ) {
        self.out.push(open);
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.out.push_str(between);
            }
            self.value(item, verb, depth + 1);
        }
        self.out.push(close);
    }

    /// An address. Where Go's lies in its heap, ours says only that there is one.
    fn pointer(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Pointer(..) | Value::Func(_) | Value::Map(_) | Value::List(_), 'v' | 'p') => {
                self.pad("0xc000000000");
            }
            (Value::Pointer(..) | Value::Func(_) | Value::Map(_) | Value::List(_), 'b' | 'o' | 'd' | 'x' | 'X') => {
                self.integer(0xc0_0000_0000, false, false, verb, value);
            }
            _ => self.bad_verb(value, verb),
        }
    }

    /// Appends a text at the width that was asked for.
    pub(super) fn pad(&mut self, text: &str) {
        let Some(width) = self.flags.width else {
            self.out.push_str(text);
            return;
        };
        let missing = width.saturating_sub(text.chars().count());
        if self.flags.minus {
            self.out.push_str(text);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.out.push_str(text);
        }
    }

    pub(super) fn padding(&mut self, count: usize) {
        let filler = if self.flags.zero && !self.flags.minus { '0' } else { ' ' };
        self.out.extend(std::iter::repeat_n(filler, count));
    }

    /// As [`Self::pad`], with blanks only.
    pub(super) fn pad_with_blanks(&mut self, text: &str) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(text);
        self.flags.zero = zero;
    }
}
