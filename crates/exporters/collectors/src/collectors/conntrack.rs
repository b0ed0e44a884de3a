//! Entries of the kernel's connection tracking table.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Conntrack;

/// Column of `/proc/net/stat/nf_conntrack`, metric, help.
const COLUMNS: [(usize, &str, &str); 8] = [
    (2, "nf_conntrack_stat_found", "Number of searched entries which were successful."),
    (4, "nf_conntrack_stat_invalid", "Number of packets seen which can not be tracked."),
    (5, "nf_conntrack_stat_ignore", "Number of packets seen which are already connected to a conntrack entry."),
    (8, "nf_conntrack_stat_insert", "Number of entries inserted into the list."),
    (9, "nf_conntrack_stat_insert_failed", "Number of entries for which list insertion was attempted but failed."),
    (10, "nf_conntrack_stat_drop", "Number of packets dropped due to conntrack failure."),
    (
        11,
        "nf_conntrack_stat_early_drop",
        "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
    ),
    (
        16,
        "nf_conntrack_stat_search_restart",
        "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
    ),
];

impl Collector for Conntrack {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let limits = [
            (
                "sys/net/netfilter/nf_conntrack_count",
                "nf_conntrack_entries",
                "Number of currently allocated flow entries for connection tracking.",
            ),
            (
                "sys/net/netfilter/nf_conntrack_max",
                "nf_conntrack_entries_limit",
                "Maximum size of connection tracking table.",
            ),
        ];
        for (path, name, help) in limits {
            // Missing where the module is not loaded.
            let file = host.proc_opt(path)?.ok_or(CollectError::NoData)?;
            out.gauge(name, help, &[], file.number(1, file.text.trim())?);
        }
        let file = host.proc_opt("net/stat/nf_conntrack")?.ok_or(CollectError::NoData)?;
        let mut sums = [0u64; COLUMNS.len()];
        // A line of headings, then one for each CPU in base 16.
        for (number, line) in file.lines().skip(1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            // Kernels before 2.6.35 have no search_restart.
            if !(16..=17).contains(&words.len()) {
                return Err(file.malformed(number, format!("{} fields, not 17", words.len())));
            }
            for (sum, (column, ..)) in sums.iter_mut().zip(COLUMNS) {
                if let Some(word) = words.get(column) {
                    *sum = sum.wrapping_add(file.hex(number, word)?);
                }
            }
        }
        for (sum, (_, name, help)) in sums.into_iter().zip(COLUMNS) {
            out.gauge(name, help, &[], sum as f64);
        }
        Ok(())
    }
}
