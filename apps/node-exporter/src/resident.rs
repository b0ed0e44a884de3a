//! Keeping resident only the code that scrapes run.
//!
//! This program is one of many in one binary. What its start ran stays mapped, and so do 64 KiB around each place that a
//! scrape touches (the kernel's fault-around), which counts as resident memory although it is its cache of a file. So the
//! code goes once when the start is over, and once more after a few scrapes, which show where the code that they need
//! lies. There every other page gets a mark of its own (that it is not for core dumps, where code never is): the kernel maps
//! around a touched page only what is marked like it, so from then on what is resident is what runs. No scrape pays for
//! pages that come and go.
#![expect(unsafe_code, reason = "madvise takes addresses")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use rustix::mm::{Advice, madvise};
use rustix::param::page_size;
use tokio::sync::Notify;
use tracing::debug;

/// How many answers tell where the code of scrapes lies.
const ANSWERS: usize = 3;

/// Bit of an entry of `/proc/self/pagemap`: the page is mapped (`Documentation/admin-guide/mm/pagemap.rst`).
const PRESENT: u64 = 1 << 63;

#[derive(Debug, Default)]
pub(crate) struct Resident {
    answered: Notify,
}

impl Resident {
    /// Says that a request was answered.
    pub(crate) fn answered(&self) {
        self.answered.notify_one();
    }

    /// Lets go of the code of the start, and later of what only lies beside the code of scrapes. Never ends.
    pub(crate) async fn keep_what_runs(&self) {
        for range in clean_code(&mappings()) {
            give_back(range);
        }
        for _ in 0..ANSWERS {
            self.answered.notified().await;
        }
        for range in clean_code(&mappings()) {
            for mapped in mapped_parts(range) {
                part(mapped);
            }
            give_back(range);
        }
        std::future::pending::<()>().await;
    }
}

fn mappings() -> String {
    fs::read_to_string("/proc/self/smaps").unwrap_or_default()
}

/// Addresses of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    start: usize,
    bytes: usize,
}

/// Returns the mappings of files that hold code or constants, cannot be written, and of which no page is our own copy:
/// relocated constants look the same but for their anonymous pages.
fn clean_code(smaps: &str) -> Vec<Range> {
    let mut ranges = Vec::new();
    let mut current: Option<Range> = None;
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [addresses, permissions, _, _, _, path] if permissions.len() == 4 => {
                let of_a_file = matches!(*permissions, "r-xp" | "r--p") && path.starts_with('/');
                current = addresses.split_once('-').filter(|_| of_a_file).and_then(|(start, end)| {
                    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
                    Some(Range { start, bytes: end.checked_sub(start)? })
                });
            }
            [_, permissions, ..] if permissions.len() == 4 && permissions.ends_with(['p', 's']) => current = None,
            ["Anonymous:", "0", "kB"] => {}
            ["Anonymous:", ..] => current = None,
            ["Swap:", "0", "kB"] => ranges.extend(current.take()),
            ["Swap:", ..] => current = None,
            _ => {}
        }
    }
    ranges
}

/// Returns the parts of a mapping whose pages are mapped now; none when that cannot be told.
fn mapped_parts(range: Range) -> Vec<Range> {
    let page = page_size();
    let mut entries = vec![0; range.bytes / page * 8];
    let at = (range.start / page * 8) as u64;
    if let Err(error) = File::open("/proc/self/pagemap").and_then(|file| file.read_exact_at(&mut entries, at)) {
        debug!(%error, "cannot see which pages are mapped");
        return Vec::new();
    }
    let mut parts: Vec<Range> = Vec::new();
    for (i, entry) in entries.as_chunks::<8>().0.iter().enumerate() {
        if u64::from_ne_bytes(*entry) & PRESENT == 0 {
            continue;
        }
        let start = range.start + i * page;
        match parts.last_mut() {
            Some(last) if last.start + last.bytes == start => last.bytes += page,
            _ => parts.push(Range { start, bytes: page }),
        }
    }
    parts
}

/// Marks every other page, so that the kernel maps none beside one that is touched.
fn part(range: Range) {
    let page = page_size();
    for at in (0..range.bytes).step_by(2 * page) {
        advise(Range { start: range.start + at, bytes: page }, Advice::LinuxDontDump);
    }
}

fn give_back(range: Range) {
    advise(range, Advice::LinuxDontNeed);
}

fn advise(range: Range, advice: Advice) {
    let start = std::ptr::with_exposed_provenance_mut(range.start);
    // SAFETY: the range is within a private mapping of a file that this process cannot write and has no copies of; whoever
    // touches a page of it next gets the same bytes from the file.
    if let Err(error) = unsafe { madvise(start, range.bytes, advice) } {
        debug!(%error, "cannot advise the kernel about code");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clean_mappings_of_files_are_taken() {
        let smaps = "1000-3000 r-xp 00001000 fe:00 7                    /bin/x\nRss: 8 kB\nAnonymous:             0 kB\nSwap:  0 kB\n\
                     3000-4000 r--p 00003000 fe:00 7                    /bin/x\nAnonymous:             4 kB\nSwap:  0 kB\n\
                     4000-5000 rw-p 00004000 fe:00 7                    /bin/x\nAnonymous:             0 kB\nSwap:  0 kB\n\
                     5000-6000 r--p 00000000 00:00 0\nAnonymous:             0 kB\nSwap:  0 kB\n\
                     6000-7000 r-xp 00000000 00:00 0                    [vdso]\nAnonymous:             0 kB\nSwap:  0 kB\n\
                     7000-8000 r--p 00000000 fe:00 8                    /lib/y\nAnonymous:             0 kB\nSwap:  4 kB\n";
        let smaps =
            &format!("{smaps}8000-9000 r--p 00000000 fe:00 8      /lib/y\nAnonymous:             0 kB\nSwap:  0 kB\n");
        let (program, library) = (Range { start: 0x1000, bytes: 0x2000 }, Range { start: 0x8000, bytes: 0x1000 });
        assert_eq!(clean_code(smaps), [program, library]);
        assert!(clean_code("x\n1-0 r-xp 0 0 0 /a\nSwap: 0 kB\n").is_empty());
    }

    #[test]
    fn the_program_goes_on_with_the_pages_that_it_touches() {
        let resident = |range: Range| mapped_parts(range).iter().map(|part| part.bytes).sum::<usize>();
        let ranges = clean_code(&mappings());
        assert!(!ranges.is_empty());
        for &range in &ranges {
            let before = mapped_parts(range);
            assert!(before.iter().all(|part| part.start >= range.start && part.bytes <= range.bytes));
            for mapped in before {
                part(mapped);
            }
            give_back(range);
        }
        assert_eq!("still here".replace("still", "all"), "all here");
        // Split by the marks, they are still all of the code.
        let bytes = |ranges: &[Range]| ranges.iter().map(|range| range.bytes).sum::<usize>();
        let after = clean_code(&mappings());
        assert!(after.len() > ranges.len() && bytes(&after) >= bytes(&ranges));
        assert!(after.iter().any(|&range| resident(range) > 0), "what ran since is mapped");
    }
}
