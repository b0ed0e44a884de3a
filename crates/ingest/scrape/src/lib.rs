//! Discovery, scrape pools, loops, targets and the scrape cache.
#![forbid(unsafe_code)]

mod cache;
mod family;
mod ingest;
mod md5;
mod metadata_store;
mod relabel;
mod sample_rules;

pub use cache::TargetCache;
pub use ingest::{Counts, IngestError, Ingester, Page};
pub use metadata_store::MetadataStore;
pub use relabel::RelabelRules;
pub use sample_rules::{RuleError, SampleRules};
