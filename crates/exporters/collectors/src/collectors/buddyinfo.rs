//! How many runs of free pages of each size a zone of memory has, from `/proc/buddyinfo`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Buddyinfo;

impl Collector for Buddyinfo {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("buddyinfo")?;
        let mut sizes = None;
        for (number, line) in file.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, node, _, zone, counts @ ..] = words.as_slice() else {
                return Err(file.malformed(number, "fewer than four words"));
            };
            if *sizes.get_or_insert(counts.len()) != counts.len() {
                return Err(file.malformed(number, "another number of sizes than in the lines before"));
            }
            let (node, zone) = (node.trim_end_matches(','), zone.trim_end_matches(','));
            for (size, count) in counts.iter().enumerate() {
                let labels = [("node", node), ("size", &*size.to_string()), ("zone", zone)];
                let help = "Count of free blocks according to size.";
                out.gauge("buddyinfo_blocks", help, &labels, file.number(number, count)?);
            }
        }
        Ok(())
    }
}
