//! Pages of each zone of memory, from `/proc/zoneinfo`.

use std::collections::BTreeMap;

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Zoneinfo;

/// First word of a line, metric without `zoneinfo_`, help. Those that end in `_total` are counters.
#[rustfmt::skip]
const FIELDS: [(&str, &str, &str); 34] = [
    ("nr_free_pages", "nr_free_pages", "Total number of free pages in the zone"),
    ("min", "min_pages", "Zone watermark pages_min"),
    ("low", "low_pages", "Zone watermark pages_low"),
    ("high", "high_pages", "Zone watermark pages_high"),
    ("scanned", "scanned_pages", "Pages scanned since last reclaim"),
    ("spanned", "spanned_pages", "Total pages spanned by the zone, including holes"),
    ("present", "present_pages", "Physical pages existing within the zone"),
    ("managed", "managed_pages", "Present pages managed by the buddy system"),
    ("nr_active_anon", "nr_active_anon_pages", "Number of anonymous pages recently more used"),
    ("nr_inactive_anon", "nr_inactive_anon_pages", "Number of anonymous pages recently less used"),
    ("nr_isolated_anon", "nr_isolated_anon_pages", "Temporary isolated pages from anon lru"),
    ("nr_anon_pages", "nr_anon_pages", "Number of anonymous pages currently used by the system"),
    ("nr_anon_transparent_hugepages", "nr_anon_transparent_hugepages", "Number of anonymous transparent huge pages currently used by the system"),
    ("nr_active_file", "nr_active_file_pages", "Number of active pages with file-backing"),
    ("nr_inactive_file", "nr_inactive_file_pages", "Number of inactive pages with file-backing"),
    ("nr_isolated_file", "nr_isolated_file_pages", "Temporary isolated pages from file lru"),
    ("nr_file_pages", "nr_file_pages", "Number of file pages"),
    ("nr_slab_reclaimable", "nr_slab_reclaimable_pages", "Number of reclaimable slab pages"),
    ("nr_slab_unreclaimable", "nr_slab_unreclaimable_pages", "Number of unreclaimable slab pages"),
    ("nr_mlock_stack", "nr_mlock_stack_pages", "mlock()ed pages found and moved off LRU"),
    ("nr_kernel_stack", "nr_kernel_stacks", "Number of kernel stacks"),
    ("nr_mapped", "nr_mapped_pages", "Number of mapped pages"),
    ("nr_dirty", "nr_dirty_pages", "Number of dirty pages"),
    ("nr_writeback", "nr_writeback_pages", "Number of writeback pages"),
    ("nr_unevictable", "nr_unevictable_pages", "Number of unevictable pages"),
    ("nr_shmem", "nr_shmem_pages", "Number of shmem pages (included tmpfs/GEM pages)"),
    ("nr_dirtied", "nr_dirtied_total", "Page dirtyings since bootup"),
    ("nr_written", "nr_written_total", "Page writings since bootup"),
    ("numa_hit", "numa_hit_total", "Allocated in intended node"),
    ("numa_miss", "numa_miss_total", "Allocated in non intended node"),
    ("numa_foreign", "numa_foreign_total", "Was intended here, hit elsewhere"),
    ("numa_interleave", "numa_interleave_total", "Interleaver preferred this zone"),
    ("numa_local", "numa_local_total", "Allocation from local node"),
    ("numa_other", "numa_other_total", "Allocation from other node"),
];

impl Collector for Zoneinfo {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("zoneinfo")?;
        let mut zone = Zone::default();
        for (_, line) in file.lines() {
            if let Some((node, name)) = heading(line) {
                std::mem::replace(&mut zone, Zone { node, name, ..Zone::default() }).put(out);
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            let (Some(first), Some(second)) = (words.next(), words.next()) else { continue };
            if first == "protection:" {
                let list = line.split_once(':').map_or("", |(_, rest)| rest.trim());
                let list = list.trim_start_matches('(').trim_end_matches(')');
                zone.protection =
                    list.split(", ").map(|word| word.parse().ok()).collect::<Option<_>>().unwrap_or_default();
            } else if let Some(at) = FIELDS.iter().position(|(word, ..)| *word == first)
                // A word that is no number is a heading of another kind.
                && let Ok(value) = second.parse::<i64>()
            {
                zone.fields.insert(at, value);
            }
        }
        zone.put(out);
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Zone<'a> {
    node: &'a str,
    name: &'a str,
    /// By place in [`FIELDS`]; of two lines with the same name the later counts.
    fields: BTreeMap<usize, i64>,
    protection: Vec<i64>,
}

impl Zone<'_> {
    fn put(self, out: &mut MetricSink) {
        let labels = [("node", self.node), ("zone", self.name)];
        for (at, value) in self.fields {
            let Some((_, metric, help)) = FIELDS.get(at) else { continue };
            let name = format_args!("zoneinfo_{metric}");
            if metric.ends_with("_total") {
                out.counter(name, help, &labels, value as f64);
            } else {
                out.gauge(name, help, &labels, value as f64);
            }
        }
        for (at, value) in self.protection.iter().enumerate() {
            let help = format_args!("Protection array {at}. field");
            out.gauge(format_args!("zoneinfo_protection_{at}"), help, &labels, *value as f64);
        }
    }
}

/// Reads "Node 0, zone   Normal".
fn heading(line: &str) -> Option<(&str, &str)> {
    let (node, zone) = line.strip_prefix("Node ")?.split_once(", zone")?;
    Some((node.trim(), zone.trim()))
}
