//! An alert for tests.

use firesteel_base::TimestampNs;
use firesteel_model::{Alert, Labels};

/// Returns an alert with these labels.
pub(crate) fn alert(labels: &[(&str, &str)]) -> Alert {
    Alert {
        labels: Labels::from_pairs(labels.iter().copied()),
        annotations: Labels::empty(),
        starts_at: TimestampNs(0),
        ends_at: None,
        generator_url: "".into(),
    }
}
