//! Go's text/template and html/template as the users of Prometheus and Alertmanager write them, with both programs'
//! functions.
//!
//! [`Template::parse`] reads a text, [`Template::execute`] runs it over a [`Value`]: one of Go's values with its type, so
//! that comparisons, argument checks, `printf` and error messages are Go's. Everything is bounded by [`Limits`].

#![forbid(unsafe_code)]

pub mod alertmanager;
mod builtins;
mod compare;
mod error;
mod escape;
mod exec;
mod func;
mod gofmt;
mod gojson;
pub mod gotime;
mod html;
mod limits;
mod parse;
pub mod prometheus;
mod template;
pub mod types;
mod value;

pub use error::TemplateError;
pub use func::{Func, FuncMap};
pub use html::HtmlTemplate;
pub use limits::Limits;
pub use template::{MissingKey, Template};
pub use types::{Kind, Type};
pub use value::{List, Map, Record, Value};
