//! The table of blocks that `tsdb list` prints, and backfilling after each block.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use firesteel_base::vfs::OsVfs;
use firesteel_cli::Matches;
use firesteel_go_compat::{Instant, format_go_duration};
use firesteel_tsdb_block::{Block, BlockError, Ulid};

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    file_error::no_db_dir,
};

const HEADER: [&str; 8] =
    ["BLOCK ULID", "MIN TIME", "MAX TIME", "DURATION", "NUM SAMPLES", "NUM CHUNKS", "NUM SERIES", "SIZE"];
/// Widths as upstream's table writer has them: cells at least this wide, blanks between them included.
const CELL_MIN: usize = 13;
const BLANKS: usize = 2;

/// `tsdb list`: the blocks of a data directory by time.
pub(crate) fn list(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let dir = Path::new(matches.arg("db path"));
    match open_blocks(dir) {
        Ok(blocks) => {
            let rows: Vec<_> = blocks.iter().map(|block| row(block, matches.bool("human-readable"))).collect();
            let _ = write!(console.out, "{}", table(&rows, true));
            SUCCESS
        }
        Err(error) => {
            console.complain(error);
            FAILURE
        }
    }
}

/// Opens all blocks of a directory, sorted by time. Errors: the directory or a block cannot be read.
pub(crate) fn open_blocks(dir: &Path) -> Result<Vec<std::sync::Arc<Block>>, String> {
    let entries = std::fs::read_dir(dir).map_err(|error| no_db_dir(dir, &error))?;
    let mut blocks = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| no_db_dir(dir, &error))?;
        if Ulid::from_string(&entry.file_name().to_string_lossy()).is_err() || !entry.path().is_dir() {
            continue;
        }
        blocks.push(Block::open(&OsVfs, &entry.path()).map_err(|error: BlockError| error.to_string())?);
    }
    blocks.sort_by_key(|block| (block.meta().min_time, block.ulid()));
    Ok(blocks)
}

/// Returns a block's cells.
pub(crate) fn row(block: &Block, human_readable: bool) -> Vec<String> {
    let meta = block.meta();
    let time = |ms: i64| if human_readable { go_time(ms) } else { ms.to_string() };
    let span = Duration::from_millis(meta.max_time.saturating_sub(meta.min_time).max(0) as u64);
    vec![
        meta.ulid.to_string(),
        time(meta.min_time),
        time(meta.max_time),
        format_go_duration(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)),
        meta.stats.num_samples.to_string(),
        meta.stats.num_chunks.to_string(),
        meta.stats.num_series.to_string(),
        if human_readable { base2_bytes(block.size_bytes()) } else { block.size_bytes().to_string() },
    ]
}

/// Lays rows out in columns.
pub(crate) fn table(rows: &[Vec<String>], header: bool) -> String {
    let head = HEADER.map(str::to_owned).to_vec();
    let lines: Vec<&Vec<String>> = header.then_some(&head).into_iter().chain(rows).collect();
    let width = |column: usize| {
        let widest = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
        (widest.unwrap_or(0) + BLANKS).max(CELL_MIN)
    };
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        for (i, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let last = i + 1 == line.len();
            let _ = if last { writeln!(out, "{cell}") } else { write!(out, "{cell:width$}") };
        }
    }
    out
}

/// Writes a time as Go prints one in UTC, to the second.
fn go_time(ms: i64) -> String {
    let text = Instant::from_unix_ms(ms / 1000 * 1000).to_rfc3339();
    format!("{} +0000 UTC", text.trim_end_matches('Z').replacen('T', " ", 1))
}

/// Writes bytes in all units that they fill: `1MiB23KiB45B`.
fn base2_bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes == 0 {
        return "0B".to_owned();
    }
    let mut out = String::new();
    for (power, unit) in UNITS.iter().enumerate().rev() {
        let n = bytes >> (10 * power) & 1023;
        if n > 0 {
            let _ = write!(out, "{n}{unit}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_as_go_prints_it() {
        assert_eq!(base2_bytes(0), "0B");
        assert_eq!(base2_bytes(1023), "1023B");
        assert_eq!(base2_bytes((3 << 20) + 5), "3MiB5B");
        assert_eq!(go_time(1_700_000_000_999), "2023-11-14 22:13:20 +0000 UTC");
    }
}
