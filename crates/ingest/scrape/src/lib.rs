//! Scrape pools, loops, targets and the scrape cache.
//!
//! [`ScrapeManager`] runs a pool a job, a pool runs a loop a target. Loops run on threads of their own, where
//! pages are fetched, unpacked, parsed and appended ([`Ingester`] and [`TargetCache`] need no runtime).
#![forbid(unsafe_code)]

mod cache;
mod diagnose;
mod failure_log;
mod family;
mod fetch;
mod fnv;
mod formats;
mod histogram_rows;
mod ingest;
mod ingest_finish;
mod manager;
mod metadata_cache;
mod metadata_store;
mod metrics;
mod new_lines;
mod page_order;
mod plain_labels;
mod pool;
mod report;
mod rows;
mod sample_rules;
mod scrape_loop;
mod source;
mod target;
mod target_check;
mod target_url;
mod unpack;
mod workers;

pub use cache::TargetCache;
pub use diagnose::{Diagnosis, diagnose};
pub use ingest::{Counts, IngestError, Ingester, Page, PageFormat};
pub use manager::{PoolSnapshot, ScrapeError, ScrapeManager, ScrapeOptions};
pub use metadata_store::MetadataStore;
pub use sample_rules::{RuleError, SampleRules};
pub use target::{ExplainedTarget, Health, LastScrape, Target};
pub use target_check::check_targets;
