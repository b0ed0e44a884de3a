//! The pushgateway without HTTP: groups of pushed metrics, their consistency, and the file that keeps them.
//!
//! A push names its group by labels ([`GroupLabels`], as a URL path spells them) and brings families. [`Gateway`] puts the
//! group's labels on every metric, checks that a scrape of all groups would still make sense, and keeps the result until
//! somebody replaces or deletes it. [`Saver`] writes everything to a file of upstream's format now and then.
//!
//! What upstream does not have is asked for by each push ([`PushOptions`]): groups that expire, that add up what they are
//! sent, that are known to have gone quiet.
#![forbid(unsafe_code)]

mod consistency;
mod describe;
mod error;
mod file;
mod gateway;
mod gob;
mod group;
mod group_labels;
mod options;
mod quiet;
mod sanitise;
mod saver;
mod sum;

pub use error::{FileError, PathError, PushError};
pub use file::{encode_groups, load, read_groups, save};
pub use gateway::{Body, Gateway, GatewayOptions, Push};
pub use group::{Group, Kept, PUSH_FAILURE_TIME, PUSH_TIME};
pub use group_labels::{GroupLabels, PathRules};
pub use options::{OptionsError, PushOptions};
pub use saver::Saver;
