//! The values that templates see: Go's, with their types.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::func::Func;
use crate::types::{self, Kind, Type};

/// One of Go's values.
#[derive(Clone)]
pub enum Value {
    /// No value at all, or an untyped `nil`: printed as `<no value>`.
    Nil,
    /// A `nil` where a map or a field holds any type; it differs from [`Value::Nil`] only in that nothing can be asked of it.
    NilInterface,
    Bool(bool),
    /// A signed integer of that type.
    Int(i64, &'static Type),
    /// An unsigned integer of that type.
    Uint(u64, &'static Type),
    Float(f64),
    /// A string of that type (`string`, `template.HTML`, …).
    String(Arc<str>, &'static Type),
    List(List),
    Map(Map),
    Record(Arc<Record>),
    /// A pointer that is not nil, and its type.
    Pointer(Arc<Value>, &'static Type),
    Func(Arc<Func<'static>>),
}

/// A slice.
#[derive(Clone)]
pub struct List {
    pub items: Arc<[Value]>,
    pub type_: &'static Type,
}

/// A map from strings, which keeps its keys sorted as Go's templates do.
#[derive(Clone)]
pub struct Map {
    pub entries: Arc<BTreeMap<Arc<str>, Value>>,
    pub type_: &'static Type,
}

/// A struct.
pub struct Record {
    pub type_: &'static Type,
    /// The fields that templates may read, in order.
    pub fields: Vec<(&'static str, Value)>,
    /// What methods need beyond the fields.
    pub inner: Option<Arc<dyn Any + Send + Sync>>,
}

impl Value {
    /// A Go `int`.
    pub fn int(v: i64) -> Self {
        Self::Int(v, &types::INT)
    }

    /// A Go `string`.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into(), &types::STRING)
    }

    /// Markup that html/template does not escape again.
    pub fn html(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into(), &types::HTML)
    }

    /// A slice of that type.
    pub fn list(items: impl Into<Arc<[Self]>>, type_: &'static Type) -> Self {
        Self::List(List { items: items.into(), type_ })
    }

    /// A `[]string`.
    pub fn strings<T: Into<Arc<str>>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::list(items.into_iter().map(Self::string).collect::<Vec<_>>(), &types::STRINGS)
    }

    /// A map of that type.
    pub fn map(entries: BTreeMap<Arc<str>, Self>, type_: &'static Type) -> Self {
        Self::Map(Map { entries: Arc::new(entries), type_ })
    }

    /// A `map[string]string`, for example of labels.
    pub fn string_map<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::map(
            pairs.into_iter().map(|(name, value)| (name.into(), Self::string(value))).collect(),
            &types::STRING_MAP,
        )
    }

    /// A `map[string]interface {}`.
    pub fn any_map<K: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect(), &types::ANY_MAP)
    }

    /// A struct of that type.
    pub fn record(type_: &'static Type, fields: Vec<(&'static str, Self)>) -> Self {
        Self::Record(Arc::new(Record { type_, fields, inner: None }))
    }

    /// A pointer to `value`.
    pub fn pointer(value: Self, type_: &'static Type) -> Self {
        Self::Pointer(Arc::new(value), type_)
    }

    /// The type; none for nil.
    pub fn type_of(&self) -> Option<&'static Type> {
        Some(match self {
            Self::Nil => return None,
            Self::NilInterface => &types::ANY,
            Self::Bool(_) => &types::BOOL,
            Self::Int(_, type_) | Self::Uint(_, type_) | Self::String(_, type_) | Self::Pointer(_, type_) => type_,
            Self::Float(_) => &types::FLOAT64,
            Self::List(list) => list.type_,
            Self::Map(map) => map.type_,
            Self::Record(record) => record.type_,
            Self::Func(_) => &types::FUNC,
        })
    }

    /// The type's name as Go prints it; `<nil>` for nil.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil | Self::NilInterface => "<nil>",
            other => other.type_of().map_or("<nil>", |type_| type_.name),
        }
    }

    /// Whether this is nil of some sort.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil | Self::NilInterface)
    }

    /// Follows pointers to what they point at.
    pub fn indirect(&self) -> &Self {
        let mut at = self;
        while let Self::Pointer(inner, _) = at {
            at = inner;
        }
        at
    }

    /// What is printed for a value: pointers are followed, unless only they have a text of their own.
    pub(crate) fn printable(&self) -> &Self {
        match self {
            Self::Pointer(_, type_) if type_.text.is_some() => self,
            other => other.indirect(),
        }
    }

    /// Go's truth: whether `if` takes the value.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil | Self::NilInterface => false,
            Self::Bool(b) => *b,
            Self::Int(v, _) => *v != 0,
            Self::Uint(v, _) => *v != 0,
            Self::Float(v) => *v != 0.0,
            Self::String(text, _) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Record(_) | Self::Pointer(..) | Self::Func(_) => true,
        }
    }

    /// The zero value of a type.
    pub fn zero(type_: &'static Type) -> Self {
        match type_.kind {
            Kind::Interface | Kind::Any | Kind::Pointer | Kind::Func => Self::NilInterface,
            Kind::Bool => Self::Bool(false),
            Kind::Int => Self::Int(0, type_),
            Kind::Uint => Self::Uint(0, type_),
            Kind::Float => Self::Float(0.0),
            Kind::String => Self::String("".into(), type_),
            Kind::Slice => Self::list(Vec::new(), type_),
            Kind::Map => Self::map(BTreeMap::new(), type_),
            Kind::Struct => Self::record(type_, Vec::new()),
        }
    }

    /// The text of a string of any type.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text, _) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::NilInterface => f.write_str("nil interface"),
            Self::Bool(v) => write!(f, "{v}"),
            Self::Int(v, type_) => write!(f, "{type_}({v})"),
            Self::Uint(v, type_) => write!(f, "{type_}({v})"),
            Self::Float(v) => write!(f, "{v:?}"),
            Self::String(v, type_) if **type_ == types::STRING => write!(f, "{v:?}"),
            Self::String(v, type_) => write!(f, "{type_}({v:?})"),
            Self::List(list) => f.debug_list().entries(&*list.items).finish(),
            Self::Map(map) => f.debug_map().entries(map.entries.iter()).finish(),
            Self::Record(record) => {
                f.debug_map().entries(record.fields.iter().map(|(name, value)| (name, value))).finish()
            }
            Self::Pointer(inner, _) => write!(f, "&{inner:?}"),
            Self::Func(_) => f.write_str("func"),
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&*self.items).finish()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter()).finish()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.type_.name).finish_non_exhaustive()
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Float(v)
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Self::int(v)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::string(text)
    }
}
