//! The templates of Prometheus 3.14: functions, data and wording of template/template.go.

mod console;
mod expand;
mod functions;
mod humanize;
mod sample;
mod strings;

pub(crate) use humanize::humanize_duration;
pub(crate) use strings::{matches, replace_all, text, title};

pub use console::{ConsoleData, expand_console};
pub use expand::{AlertTemplate, Expander, alert_data, check_alert_template};
pub use functions::{function_names, functions};
pub use sample::{QuerySource, Sample, SampleValue};
