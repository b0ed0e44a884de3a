//! Software RAID, from `/proc/mdstat` and `/sys/block/md*`.

use crate::host::ProcFile;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Mdadm;

/// Value of the label, and the word for it in [`Array::state`].
const STATES: [(&str, &str); 5] = [
    ("active", "active"),
    ("inactive", "inactive"),
    ("recovering", "recovering"),
    ("resync", "resyncing"),
    ("check", "checking"),
];

impl Collector for Mdadm {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc_opt("mdstat")?.ok_or(CollectError::NoData)?;
        for array in parse(&file)? {
            let labels = [("device", array.name)];
            out.gauge("md_disks_required", "Total number of disks of device.", &labels, array.required);
            for (state, count) in [("active", array.active), ("failed", array.failed), ("spare", array.spare)] {
                let help = "Number of active/failed/spare disks of device.";
                out.gauge("md_disks", help, &[labels[0], ("state", state)], count);
            }
            for (state, word) in STATES {
                let is = f64::from(u8::from(array.state == word));
                out.gauge("md_state", "Indicates the state of md-device.", &[labels[0], ("state", state)], is);
            }
            out.gauge("md_blocks", "Total number of blocks on device.", &labels, array.blocks);
            out.gauge("md_blocks_synced", "Number of blocks synced on device.", &labels, array.synced);
        }
        let Some(block) = host.sys_dir("block")? else { return Ok(()) };
        for device in block.names().into_iter().filter(|name| name.starts_with("md")) {
            let Some(dir) = block.dir(&format!("{device}/md")) else { continue };
            let labels = [("device", device.as_str())];
            let level = dir.required_text("level")?;
            // A container of arrays has no disks of its own. While an array grows, the number before stands behind.
            let has_disks = !matches!(level.as_str(), "" | "container" | "imsm" | "ddf");
            let disks = if has_disks { dir.required_text("raid_disks")? } else { String::new() };
            if let Some(disks) = disks.split(' ').next().and_then(|word| word.parse().ok()) {
                out.gauge("md_raid_disks", "Number of raid disks on device.", &labels, disks);
            }
            let redundant = matches!(level.as_str(), "raid1" | "raid4" | "raid5" | "raid6" | "raid10");
            let degraded = if redundant { dir.required_number("degraded")? } else { 0.0 };
            out.gauge("md_degraded", "Number of degraded disks on device.", &labels, degraded);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Array<'a> {
    name: &'a str,
    state: &'a str,
    required: f64,
    active: f64,
    failed: f64,
    spare: f64,
    blocks: f64,
    synced: f64,
}

/// An array is a line `md0 : active raid1 sdb1[1] sda1[0]`, then lines that begin with blanks: its size and disks, at
/// times a bitmap, at times what it is busy with.
fn parse(file: &ProcFile) -> Result<Vec<Array<'_>>, CollectError> {
    let lines: Vec<(usize, &str)> = file.lines().collect();
    let mut arrays = Vec::new();
    for (at, (number, line)) in lines.iter().enumerate() {
        if line.trim().is_empty() || line.starts_with([' ', '\t']) || line.starts_with("unused") {
            continue;
        }
        if line.starts_with("Personalities :") {
            continue;
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(_), Some(state)) = (words.next(), words.next(), words.next()) else {
            return Err(file.malformed(*number, "fewer than three words"));
        };
        let Some(&(below, status)) = lines.get(at + 1) else {
            return Err(file.malformed(*number, format!("too few lines for {name}")));
        };
        let count = |text: &str| line.matches(text).count() as f64;
        let size = status.split_ascii_whitespace().next().unwrap_or_default();
        let blocks = file.number(below, size)?;
        let (required, active) = if line.contains("raid0") || line.contains("linear") {
            // These show no disks in use: only disks have a number in brackets.
            (count("["), count("["))
        } else if line.contains("inactive") {
            (0.0, 0.0)
        } else {
            disks(status).ok_or_else(|| file.malformed(below, "no disks such as [2/1]"))?
        };
        let mut busy = lines.get(at + 2).copied().unwrap_or_default();
        if busy.1.contains("bitmap") {
            busy = lines.get(at + 3).copied().unwrap_or_default();
        }
        let (state, synced) = match activity(busy.1) {
            None => (state, blocks),
            Some(activity) if busy.1.contains("PENDING") || busy.1.contains("DELAYED") => (activity, 0.0),
            Some(activity) => {
                // As "(196176/1953513392)".
                let done = busy.1.split_once('(').and_then(|(_, rest)| rest.split_once('/')).map(|(done, _)| done);
                (activity, file.number(busy.0, done.unwrap_or_default())?)
            }
        };
        let (failed, spare) = (count("(F)"), count("(S)"));
        arrays.push(Array { name, state, required, active, failed, spare, blocks, synced });
    }
    Ok(arrays)
}

fn activity(line: &str) -> Option<&'static str> {
    [("recovery", "recovering"), ("reshape", "reshaping"), ("check", "checking"), ("resync", "resyncing")]
        .into_iter()
        .find(|(word, _)| line.contains(word))
        .map(|(_, activity)| activity)
}

/// Reads `[2/1]`: how many disks there should be, and how many are in use.
fn disks(status: &str) -> Option<(f64, f64)> {
    status.split('[').skip(1).find_map(|part| {
        let (required, active) = part.split_once(']')?.0.split_once('/')?;
        Some((required.parse().ok()?, active.parse().ok()?))
    })
}
