//! Target groups: of `static_configs`, and of the files and answers of discovery.

use crate::LabelSet;
use crate::section::section;

section! {
    /// Targets that share labels.
    pub struct TargetGroup("a target group", "*targetgroup.Group", "struct { Targets []string \"yaml:\\\"targets\\\"\"; Labels model.LabelSet \"yaml:\\\"labels\\\"\" }") {
        /// `host:port` each.
        targets: Vec<String> [keep],
        labels: LabelSet,
    }
}
