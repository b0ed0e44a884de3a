//! The templates of Prometheus 3.14: functions, data and wording of template/template.go.

mod expand;
mod functions;
mod humanize;
mod sample;
mod strings;

pub use expand::{AlertTemplate, Expander, alert_data, check_alert_template};
pub use functions::{function_names, functions};
pub use sample::{QuerySource, Sample, SampleValue};
