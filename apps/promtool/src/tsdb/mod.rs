//! `tsdb …`: what can be done to a data directory without a server.

mod analyze;
mod bench_write;
mod block_builder;
mod block_table;
mod chunk_table;
mod dump;
mod openmetrics_blocks;
mod rule_blocks;

pub(crate) use analyze::analyze;
pub(crate) use bench_write::bench_write;
pub(crate) use block_table::list;
pub(crate) use dump::{dump, dump_openmetrics};
pub(crate) use openmetrics_blocks::from_openmetrics;
pub(crate) use rule_blocks::from_rules;
