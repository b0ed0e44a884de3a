//! How samples are queued for remote write.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::rules_of_choice::wrong;
use crate::section::section;

section! {
    /// Shards and batches.
    pub struct QueueConfig("`queue_config`", "config.QueueConfig", "config.QueueConfig") {
        /// Samples held per shard before reading waits.
        capacity: i64 = 10_000,
        max_shards: i64 = 50,
        min_shards: i64 = 1,
        max_samples_per_send: i64 = 2000,
        batch_send_deadline: Duration = Duration::from_secs(5),
        min_backoff: Duration = Duration::from_millis(30),
        max_backoff: Duration = Duration::from_secs(5),
        retry_on_http_429: bool,
        /// Older samples are dropped; 0 keeps all.
        sample_age_limit: Duration,
    }
}

section! {
    /// Sending of metadata (version 1 messages only).
    pub struct MetadataConfig("`metadata_config`", "config.MetadataConfig", "config.MetadataConfig") {
        send: bool [keep] = true,
        send_interval: Duration [keep] = Duration::from_secs(60),
        max_samples_per_send: i64 = 2000,
    }
}

/// Notes numbers that cannot work; `node` is the remote write block.
pub(crate) fn check_queue(queue: &QueueConfig, node: &Node, reader: &mut Reader<'_>) {
    let block = node.get("queue_config").unwrap_or(node);
    let mut fault = |key: &str, message: String, upstream: &str| {
        wrong(block, reader, key, "FS0184", message, format!("remote write queue {upstream}"));
    };
    for (key, value) in [
        ("max_shards", queue.max_shards),
        ("min_shards", queue.min_shards),
        ("max_samples_per_send", queue.max_samples_per_send),
        ("capacity", queue.capacity),
    ] {
        if value <= 0 {
            fault(key, format!("`{key}` must be above zero"), &format!("{key} must be positive"));
        }
    }
    if queue.min_shards > queue.max_shards && queue.max_shards > 0 {
        let message = format!("`min_shards` {} > `max_shards` {}", queue.min_shards, queue.max_shards);
        fault("min_shards", message, "min_shards must not be greater than max_shards");
    }
    if queue.max_backoff < queue.min_backoff {
        let message = "`max_backoff` is below `min_backoff`".to_owned();
        fault("max_backoff", message, "max_backoff must not be less than min_backoff");
    }
}
