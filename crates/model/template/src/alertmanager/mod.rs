//! The templates of Alertmanager 0.34: functions, data and wording of its `template` package.

mod data;
mod functions;
mod kv;
mod templates;
mod text;

pub use data::{Alert, Data, Status};
pub use functions::function_names;
pub use templates::Templates;
