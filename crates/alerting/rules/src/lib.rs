//! Recording and alerting rules, as Prometheus 3.14 evaluates them.
//!
//! A [`Group`] is pure: [`Group::eval`] takes a time and an [`EvalContext`] (who answers queries, who stores samples, who
//! is told of alerts, what the clock says), so that a server, a test of rules and a trial over the past are the same code.
//! [`load_groups`] makes groups of files. The [`RuleManager`] evaluates groups at their slots and puts new ones in force.
//!
//! Rules yield samples, which go to a store, and alerts, which go to an [`AlertSink`].
#![forbid(unsafe_code)]

mod active;
mod alerting;
mod context;
mod dependency;
mod error;
mod group;
mod load;
mod manager;
mod metrics;
mod nothing;
mod output;
mod recording;
mod restore;
mod rule;
mod sink;
mod view;
mod write;

pub use active::{ActiveAlert, AlertState};
pub use alerting::AlertingRule;
pub use context::{EngineQueries, EvalContext, RuleQueries, RuleSettings};
pub use error::RulesError;
pub use group::{EvalSummary, Group, GroupTimes};
pub use load::{LoadOptions, RuleFile, check_files, expression_fault, load_groups};
pub use manager::RuleManager;
pub use recording::RecordingRule;
pub use rule::{Health, NothingMatched, Rule, RuleCore, RuleStatus};
pub use sink::{AlertSink, NoSink};
