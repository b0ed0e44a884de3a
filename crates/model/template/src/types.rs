//! Go's types, as far as templates show them: in error messages, in what a function takes, in what is comparable.

use std::fmt;

use crate::func::Func;
use crate::value::Value;

/// What Go's `reflect` calls the kind of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Interface,
    Bool,
    Int,
    Uint,
    Float,
    String,
    Slice,
    Map,
    Struct,
    Pointer,
    Func,
    /// `reflect.Value`: what Go's own functions take, and anything can be.
    Any,
}

/// A Go type. Types are compared by name, so a name stands for one type.
pub struct Type {
    /// As `%T` prints it: `map[string]string`, `template.queryResult`.
    pub name: &'static str,
    pub kind: Kind,
    /// Of slices and pointers what they hold, of maps what their values are.
    pub elem: Option<&'static Type>,
    /// Looks up a method, bound to its receiver.
    pub method: Option<fn(&Value, &str) -> Option<Func<'static>>>,
    /// `String() string`, which `fmt` prefers to what it would print itself.
    pub text: Option<fn(&Value) -> String>,
    /// Whether `==` is defined.
    pub comparable: bool,
    /// Of structs the fields that hold any type, which errors call by that name.
    pub any_fields: &'static [&'static str],
    /// The type without a name that this one may stand for.
    pub under: &'static str,
    /// Names of fields in JSON, where they differ.
    pub json_names: &'static [(&'static str, &'static str)],
}

impl Type {
    const fn basic(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            elem: None,
            method: None,
            text: None,
            comparable: true,
            any_fields: &[],
            under: "",
            json_names: &[],
        }
    }

    /// A slice.
    pub const fn slice(name: &'static str, elem: &'static Self) -> Self {
        Self { elem: Some(elem), comparable: false, ..Self::basic(name, Kind::Slice) }
    }

    /// A map from strings.
    pub const fn map(name: &'static str, elem: &'static Self) -> Self {
        Self { elem: Some(elem), comparable: false, ..Self::basic(name, Kind::Map) }
    }

    /// A struct whose fields are all comparable, or not.
    pub const fn record(name: &'static str, comparable: bool) -> Self {
        Self { comparable, ..Self::basic(name, Kind::Struct) }
    }

    /// A pointer to `elem`.
    pub const fn pointer(name: &'static str, elem: &'static Self) -> Self {
        Self { elem: Some(elem), ..Self::basic(name, Kind::Pointer) }
    }

    /// The same struct with fields that hold any type.
    pub const fn with_any_fields(self, any_fields: &'static [&'static str]) -> Self {
        Self { any_fields, ..self }
    }

    /// The same type, which may stand for another one.
    pub const fn also(self, under: &'static str) -> Self {
        Self { under, ..self }
    }

    /// The same struct with other names in JSON.
    pub const fn with_json_names(self, json_names: &'static [(&'static str, &'static str)]) -> Self {
        Self { json_names, ..self }
    }

    /// The same type with methods.
    pub const fn with_methods(self, method: fn(&Value, &str) -> Option<Func<'static>>) -> Self {
        Self { method: Some(method), ..self }
    }

    /// The same type with `String() string`.
    pub const fn with_text(self, text: fn(&Value) -> String) -> Self {
        Self { text: Some(text), ..self }
    }

    /// A type of another's kind with a name of its own.
    pub const fn named(name: &'static str, kind: Kind) -> Self {
        Self::basic(name, kind)
    }

    /// Whether a value of this type may stand where `wanted` is asked for.
    pub fn fits(&self, wanted: &Self) -> bool {
        matches!(wanted.kind, Kind::Interface | Kind::Any)
            || self.name == wanted.name
            || (!wanted.name.is_empty() && self.under == wanted.name)
    }

    /// Whether there is a `nil` of this type.
    pub fn can_be_nil(&self) -> bool {
        matches!(self.kind, Kind::Interface | Kind::Any | Kind::Map | Kind::Slice | Kind::Pointer | Kind::Func)
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// `interface {}`
pub static ANY: Type = Type::basic("interface {}", Kind::Interface);
/// `reflect.Value`
pub static VALUE: Type = Type::basic("reflect.Value", Kind::Any);
pub static BOOL: Type = Type::basic("bool", Kind::Bool);
pub static INT: Type = Type::basic("int", Kind::Int);
pub static INT32: Type = Type::basic("int32", Kind::Int);
pub static INT64: Type = Type::basic("int64", Kind::Int);
pub static UINT8: Type = Type::basic("uint8", Kind::Uint);
pub static UINT64: Type = Type::basic("uint64", Kind::Uint);
pub static FLOAT64: Type = Type::basic("float64", Kind::Float);
pub static STRING: Type = Type::basic("string", Kind::String);
/// `[]string`
pub static STRINGS: Type = Type::slice("[]string", &STRING);
/// `[]interface {}`
pub static ANYS: Type = Type::slice("[]interface {}", &ANY);
/// `map[string]string`
pub static STRING_MAP: Type = Type::map("map[string]string", &STRING);
/// `map[string]interface {}`
pub static ANY_MAP: Type = Type::map("map[string]interface {}", &ANY);
/// A function of a shape that nobody asks for.
pub static FUNC: Type = Type { comparable: false, ..Type::basic("func()", Kind::Func) };
/// `template.HTML` of html/template: markup that is not escaped again.
pub static HTML: Type = Type::basic("template.HTML", Kind::String);
/// `template.URL` of html/template: a URL that is not filtered.
pub static URL: Type = Type::basic("template.URL", Kind::String);
