//! The templates of Prometheus 3.14: functions, data and wording of template/template.go.

mod expand;

pub use expand::{AlertTemplate, Expander, QuerySource, Sample, SampleValue, alert_data, check_alert_template};
