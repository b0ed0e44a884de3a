//! Fuzz targets: each takes any bytes and must neither panic, nor hang, nor take memory out of proportion.

mod block;
mod chunks_head;
mod config;
mod exposition;
mod gateway;
mod head;
mod node_answers;
mod node_files;
mod promql;
mod promql_eval;
mod relabel;
mod remote;
mod sample_chunk;
mod template;
mod wal_records;
mod wal_segment;
mod xor_chunk;

pub use block::{block_chunks, block_index, block_meta, block_tombstones};
pub use chunks_head::chunks_head;
pub use config::config;
pub use exposition::{openmetrics, protobuf, rich_lines, text};
pub use gateway::{push_body, pushgateway_file};
pub use head::{chunk_snapshot, head_snapshot};
pub use node_answers::{ANSWERERS, node_answers};
pub use node_files::{READERS, node_files, text_families};
pub use promql::promql;
pub use promql_eval::promql_eval;
pub use relabel::relabel;
pub use remote::{remote_wrapping, remote_write_v1, remote_write_v2};
pub use sample_chunk::sample_chunk;
pub use template::template;
pub use wal_records::wal_records;
pub use wal_segment::wal_segment;
pub use xor_chunk::xor_chunk;

/// A target by name, as the folders of the corpus are called.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 28] = [
    ("block_chunks", block_chunks),
    ("block_index", block_index),
    ("block_meta", block_meta),
    ("block_tombstones", block_tombstones),
    ("chunk_snapshot", chunk_snapshot),
    ("chunks_head", chunks_head),
    ("config", config),
    ("head_snapshot", head_snapshot),
    ("node_answers", node_answers),
    ("node_files", node_files),
    ("openmetrics", openmetrics),
    ("promql", promql),
    ("promql_eval", promql_eval),
    ("protobuf", protobuf),
    ("push_body", push_body),
    ("pushgateway_file", pushgateway_file),
    ("relabel", relabel),
    ("remote_wrapping", remote_wrapping),
    ("remote_write_v1", remote_write_v1),
    ("remote_write_v2", remote_write_v2),
    ("rich_lines", rich_lines),
    ("sample_chunk", sample_chunk),
    ("template", template),
    ("text", text),
    ("text_families", text_families),
    ("wal_records", wal_records),
    ("wal_segment", wal_segment),
    ("xor_chunk", xor_chunk),
];
