//! Service discovery: every kind that upstream knows, read strictly.
//!
//! `static_configs` and `file_sd_configs` act; the others are kept as they stand (see `Config::unsupported`).

mod file;

pub use file::FileSd;

use crate::TargetGroup;
use crate::section::section;

section! {
    /// All kinds, in the order in which upstream prints them.
    pub struct SdConfigs("the service discovery settings", "discovery.Configs", "discovery.Configs") {
        file_sd_configs: Vec<FileSd>,
        static_configs: Vec<TargetGroup>,
    }
}
