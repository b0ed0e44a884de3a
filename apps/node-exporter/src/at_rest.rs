//! Giving code back between scrapes.
//!
//! This program is one of many in one binary. What start-up and a scrape run of it stays mapped, 64 KiB around each place
//! that was touched (fault-around), and counts as resident memory although it is the kernel's cache of a file. An
//! exporter rests for 99.9 % of its time; when an answer is on its way and no other request follows at once, it lets go of the
//! mapped pages. The next scrape maps what it needs again, about a hundred minor faults of a microsecond each.
#![expect(unsafe_code, reason = "madvise takes addresses")]

use std::fs;
use std::time::Duration;

use rustix::mm::{Advice, madvise};
use tokio::sync::Notify;
use tracing::debug;

/// Nobody has asked for so long. An answer is written in less, and scrapers ask every few seconds.
const QUIET: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(crate) struct AtRest {
    scraped: Notify,
}

impl AtRest {
    /// Says that a request was answered.
    pub(crate) fn answered(&self) {
        self.scraped.notify_one();
    }

    /// Gives code back, first that of the start, then after each time of use. Never ends.
    pub(crate) async fn give_back(&self) {
        let mappings = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        clean_code(&mappings, "/").iter().for_each(release);
        // Libraries are small, and a scrape uses half of what is mapped of them: they stay.
        let program = fs::read_link("/proc/self/exe").unwrap_or_default();
        let ranges = clean_code(&mappings, &program.to_string_lossy());
        loop {
            ranges.iter().for_each(release);
            self.scraped.notified().await;
            while tokio::time::timeout(QUIET, self.scraped.notified()).await.is_ok() {}
        }
    }
}

/// Addresses of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    start: usize,
    bytes: usize,
}

/// Returns the mappings of files whose paths begin with `file` that hold code or constants, cannot be written, and of which
/// no page is our own copy: relocated constants look the same but for their anonymous pages.
fn clean_code(smaps: &str, file: &str) -> Vec<Range> {
    let mut ranges = Vec::new();
    let mut current: Option<Range> = None;
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [addresses, permissions, _, _, _, path] if permissions.len() == 4 => {
                let of_a_file = matches!(*permissions, "r-xp" | "r--p") && path.starts_with(file);
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

fn release(range: &Range) {
    let start = std::ptr::with_exposed_provenance_mut(range.start);
    // SAFETY: the range is a private mapping of a file that this process cannot write and has no copies of; whoever
    // touches a page of it next gets the same bytes from the file.
    if let Err(error) = unsafe { madvise(start, range.bytes, Advice::LinuxDontNeed) } {
        debug!(%error, "cannot give back code");
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
        assert_eq!(clean_code(smaps, "/"), [program, library]);
        assert_eq!(clean_code(smaps, "/bin/x"), [program]);
        assert!(clean_code("x\n1-0 r-xp 0 0 0 /a\nSwap: 0 kB\n", "/").is_empty());
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        let ranges = clean_code(&fs::read_to_string("/proc/self/smaps").unwrap(), "/");
        assert!(!ranges.is_empty());
        ranges.iter().for_each(release);
        assert_eq!("still here".replace("still", "all"), "all here");
    }
}
