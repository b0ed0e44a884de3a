//! How a value comes out of a YAML node and goes back: one trait, implemented by hand for words and by `section!` for
//! blocks of settings.
//!
//! Reading happens *into* a value that already holds its default, as in Go: a key that is absent leaves the default, a
//! key that is there but empty (null) leaves Go's zero value.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use firesteel_go_compat::{format_duration, parse_duration};
use firesteel_yaml::{Entry, Fix, Node, Out, Reader};

/// A value of a configuration file.
pub trait Decode: Sized {
    /// Go's name of the type, for upstream's messages.
    fn go_type() -> String;

    /// Returns Go's zero value: what null leaves behind.
    fn zero() -> Self;

    /// Returns what an optional or a list item starts from.
    fn fresh() -> Self {
        Self::zero()
    }

    /// Reads a node into `self`; faults are noted and leave `self` as far as it came.
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>);

    /// Returns whether Go's `omitempty` leaves this out.
    fn is_zero(&self) -> bool;

    /// Returns what to print; secrets are `<secret>`.
    fn encode(&self) -> Out;

    /// Makes relative paths of files relative to `dir`.
    fn set_directory(&mut self, _dir: &Path) {}
}

/// A block of settings with known keys; made by `section!`.
pub(crate) trait Section: Decode {
    /// Adds the legal keys, those of inlined blocks included.
    fn keys(out: &mut Vec<&'static str>);

    /// Reads the value under one of the keys; false when the key is not of this block.
    fn set(&mut self, entry: &Entry<'_>, reader: &mut Reader<'_>) -> bool;

    /// Adds the pairs to print, in the order of the Go struct.
    fn pairs(&self, out: &mut Vec<(String, Out)>);
}

macro_rules! words {
    ($ty:ty, $go:literal, $zero:expr, $read:expr, $is_zero:expr, $out:expr) => {
        impl Decode for $ty {
            fn go_type() -> String {
                $go.to_owned()
            }
            fn zero() -> Self {
                $zero
            }
            fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
                let read: fn(&Node, &mut Reader<'_>) -> Option<Self> = $read;
                if let Some(value) = read(node, reader) {
                    *self = value;
                }
            }
            fn is_zero(&self) -> bool {
                let is_zero: fn(&Self) -> bool = $is_zero;
                is_zero(self)
            }
            fn encode(&self) -> Out {
                let out: fn(&Self) -> Out = $out;
                out(self)
            }
        }
    };
}
pub(crate) use words;

words!(String, "string", Self::new(), |n, r| r.string(n), Self::is_empty, |v| Out::Str(v.clone()));
words!(bool, "bool", false, |n, r| r.boolean(n), |v| !v, |v| Out::Bool(*v));
words!(i64, "int", 0, |n, r| r.int(n, "int"), |v| *v == 0, |v| Out::Int(*v));
words!(u64, "uint", 0, |n, r| r.uint(n, "uint"), |v| *v == 0, |v| Out::Uint(*v));
words!(f64, "float64", 0.0, |n, r| r.float(n), |v| *v == 0.0, |v| Out::Float(*v));
words!(Duration, "model.Duration", Self::ZERO, read_duration, Self::is_zero, |v| Out::Str(format_duration(*v)));

/// Reads a Prometheus duration; a bare number is told the unit it most likely lacks.
fn read_duration(node: &Node, reader: &mut Reader<'_>) -> Option<Duration> {
    if node.is_null() {
        return Some(Duration::ZERO);
    }
    let text = reader.string(node)?;
    let error = match parse_duration(&text) {
        Ok(value) => return Some(value),
        Err(error) => error,
    };
    let meant = meant_duration(&text);
    let key = reader.key().to_owned();
    let message = format!("`{key}` is not a duration: {}", if text.is_empty() { "it is empty" } else { text.as_str() });
    let found = reader.error(node.span, "FS0130", message).upstream(error.to_string());
    match meant {
        Some(meant) if text.bytes().all(|b| b.is_ascii_digit()) => found
            .label(format!("{text} needs a unit: {meant}? (ms s m h d w y, no space)"))
            .fix(Fix::replace(node.span, meant)),
        Some(meant) => found.label(format!("did you mean {meant}?")).fix(Fix::replace(node.span, meant)),
        None => found.label("write a number and a unit: ms s m h d w y, as in 15s or 1h30m"),
    };
    None
}

/// Returns the duration that a person meant with `15`, `15 s`, `5 minutes` or `1.5h`.
fn meant_duration(text: &str) -> Option<String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim().to_lowercase());
    if number.is_empty() {
        return None;
    }
    let unit = match unit.as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "ms" | "msec" | "millisecond" | "milliseconds" => "ms",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        "y" | "year" | "years" => "y",
        _ => return None,
    };
    let meant = format!("{number}{unit}");
    parse_duration(&meant).ok().map(|_| meant)
}

impl<T: Decode> Decode for Option<T> {
    fn go_type() -> String {
        format!("*{}", T::go_type())
    }
    fn zero() -> Self {
        None
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        if node.is_null() {
            *self = None;
        } else {
            self.get_or_insert_with(T::fresh).decode(node, reader);
        }
    }
    fn is_zero(&self) -> bool {
        self.is_none()
    }
    fn encode(&self) -> Out {
        self.as_ref().map_or(Out::Null, T::encode)
    }
    fn set_directory(&mut self, dir: &Path) {
        if let Some(value) = self {
            value.set_directory(dir);
        }
    }
}

impl<T: Decode> Decode for Box<T> {
    fn go_type() -> String {
        T::go_type()
    }
    fn zero() -> Self {
        Box::new(T::zero())
    }
    fn fresh() -> Self {
        Box::new(T::fresh())
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        (**self).decode(node, reader);
    }
    fn is_zero(&self) -> bool {
        (**self).is_zero()
    }
    fn encode(&self) -> Out {
        (**self).encode()
    }
    fn set_directory(&mut self, dir: &Path) {
        (**self).set_directory(dir);
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn go_type() -> String {
        format!("[]{}", T::go_type())
    }
    fn zero() -> Self {
        Vec::new()
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        self.clear();
        if node.is_null() {
            return;
        }
        let Some(items) = reader.sequence(node, &Self::go_type()) else { return };
        for (at, item) in items.iter().enumerate() {
            reader.within(format!("[{at}]"), |reader| {
                if item.is_null() && crate::empty_item::refuse(item, reader) {
                    return;
                }
                let mut value = if item.is_null() { T::zero() } else { T::fresh() };
                value.decode(item, reader);
                self.push(value);
            });
        }
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn encode(&self) -> Out {
        Out::Seq(self.iter().map(T::encode).collect())
    }
    fn set_directory(&mut self, dir: &Path) {
        for value in self {
            value.set_directory(dir);
        }
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn go_type() -> String {
        format!("map[string]{}", T::go_type())
    }
    fn zero() -> Self {
        Self::new()
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        self.clear();
        if node.is_null() {
            return;
        }
        for entry in reader.free_mapping(node, &Self::go_type()).unwrap_or_default() {
            reader.within(entry.name, |reader| {
                let mut value = T::fresh();
                value.decode(entry.value, reader);
                self.insert(entry.name.to_owned(), value);
            });
        }
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn encode(&self) -> Out {
        Out::sorted_map(self.iter().map(|(name, value)| (name.clone(), value.encode())))
    }
    fn set_directory(&mut self, dir: &Path) {
        for value in self.values_mut() {
            value.set_directory(dir);
        }
    }
}
