//! Blocks by hand, to set their making beside a reference's: `by_hand write DIR SERIES BLOCKS` makes level 1 blocks of two
//! hours, `by_hand compact DIR BLOCKS` compacts the oldest so many of them and says what that cost.
#![expect(clippy::print_stdout, reason = "it is for people")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use firesteel_base::TimestampMs;
use firesteel_base::vfs::{OsVfs, Vfs};
use firesteel_storage::chunkenc::XorChunk;
use firesteel_storage::{ChunkBytes, ChunkView, Encoding};
use firesteel_tsdb_block::{
    Block, BlockError, BlockSpec, SeriesSource, SourceSeries, Ulid, WriteOptions, compact, write_block,
};

const T0: i64 = 1_700_006_400_000;
const BLOCK_MS: i64 = 7_200_000;
/// One sample every 30 seconds, 120 a chunk.
const STEP_MS: i64 = 30_000;

/// Series of ten labels, about the mix of a fleet of services.
struct Fleet {
    symbols: Vec<String>,
    next_symbol: usize,
    series: usize,
    next: usize,
    /// The series of the current name in label order.
    order: Vec<usize>,
    from: i64,
}

impl Fleet {
    fn texts(i: usize, series: usize) -> [(&'static str, String); 10] {
        // Sorted by name and then instance, as the labels order.
        let per_name = (series / 200).max(1);
        let (name, instance) = (i / per_name, i % per_name);
        [
            ("__name__", format!("service_metric_{name:04}_total")),
            ("cluster", "production-eu".to_owned()),
            ("code", ["200", "404", "500"][instance % 3].to_owned()),
            ("handler", format!("/api/v1/resource/{:02}", instance % 40)),
            ("instance", format!("10.{}.{}.{}:9100", instance / 65536, instance / 256 % 256, instance % 256)),
            ("job", format!("job-{:02}", instance % 20)),
            ("method", ["GET", "POST"][instance % 2].to_owned()),
            ("namespace", format!("namespace-{:02}", instance % 30)),
            ("pod", format!("service-7f9c6d5b4-{instance:06}")),
            ("region", format!("region-{}", instance % 4)),
        ]
    }

    fn new(series: usize, from: i64) -> Self {
        let mut symbols: Vec<String> =
            (0..series).flat_map(|i| Self::texts(i, series)).flat_map(|(n, v)| [n.to_owned(), v]).collect();
        symbols.sort_unstable();
        symbols.dedup();
        Self { symbols, next_symbol: 0, series, next: 0, order: Vec::new(), from }
    }

    fn symbol(&self, text: &str) -> u32 {
        self.symbols.binary_search_by(|s| s.as_str().cmp(text)).unwrap_or(0) as u32
    }
}

impl SeriesSource for Fleet {
    fn next_symbol(&mut self, text: &mut Vec<u8>) -> Result<bool, BlockError> {
        text.clear();
        let Some(next) = self.symbols.get(self.next_symbol) else { return Ok(false) };
        text.extend_from_slice(next.as_bytes());
        self.next_symbol += 1;
        Ok(true)
    }

    fn next_series(&mut self, series: &mut SourceSeries) -> Result<bool, BlockError> {
        series.clear();
        if self.next == self.series {
            return Ok(false);
        }
        // Labels must ascend, and codes differ between neighbours: series of one name are sorted by all their labels.
        let per_name = (self.series / 200).max(1);
        let name = self.next / per_name;
        if self.next.is_multiple_of(per_name) {
            self.order = (name * per_name..((name + 1) * per_name).min(self.series)).collect();
            self.order.sort_by_cached_key(|&i| Self::texts(i, self.series));
        }
        let i = self.order.get(self.next % per_name).copied().unwrap_or(0);
        self.next += 1;
        series.labels.extend(Self::texts(i, self.series).iter().map(|(n, v)| (self.symbol(n), self.symbol(v))));
        let mut state = i as u64 + 1;
        let mut value = i as f64;
        for c in 0..2 {
            let from = self.from + c * 120 * STEP_MS;
            let mut chunk = XorChunk::new();
            for k in 0..120 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // A third are constant, a third counters, a third gauges.
                value = match i % 3 {
                    0 => value,
                    1 => value + (state >> 60) as f64,
                    _ => (state >> 54) as f64 / 8.0,
                };
                let t = TimestampMs(from + k * STEP_MS + (i % 1000) as i64);
                chunk.push(t, value).map_err(|e| BlockError::Source(e.to_string()))?;
            }
            let bytes: Arc<[u8]> = Arc::from(chunk.into_bytes());
            let len = bytes.len();
            let (min, max) =
                (TimestampMs(from + (i % 1000) as i64), TimestampMs(from + 119 * STEP_MS + (i % 1000) as i64));
            let bytes = ChunkBytes::Copied(bytes, 0..len);
            series.chunks.push(ChunkView { min, max, encoding: Encoding::Xor, samples: 120, bytes });
        }
        Ok(true)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["write", dir, series, blocks] => {
            for n in 0..blocks.parse::<i64>()? {
                let from = T0 + n * BLOCK_MS;
                let ulid = Ulid::from_parts(T0 as u64 + n as u64, 7);
                let spec = BlockSpec::of_head(ulid, from, from + BLOCK_MS);
                let mut source = Fleet::new(series.parse()?, from);
                let began = Instant::now();
                write_block(&OsVfs, Path::new(dir), &spec, &mut source, &mut WriteOptions::default())?;
                println!("{ulid} {:?}", began.elapsed());
            }
        }
        ["compact", dir, count] => {
            let dir = Path::new(dir);
            let mut names: Vec<String> = OsVfs.list(dir)?.into_iter().map(|e| e.name).collect();
            names.retain(|name| Ulid::from_string(name).is_ok());
            names.sort_unstable();
            names.truncate(count.parse()?);
            let blocks: Vec<Arc<Block>> =
                names.iter().map(|name| Block::open(&OsVfs, &dir.join(name))).collect::<Result<_, _>>()?;
            let (began, before) = (Instant::now(), cost()?);
            let meta = compact(&OsVfs, dir, &blocks, Ulid::from_parts(9, 9), &mut WriteOptions::default())?;
            let after = cost()?;
            println!("{meta:?}");
            println!("{:?}, {} ticks of CPU (100 a second)", began.elapsed(), after.0 - before.0);
            println!("before:\n{}after:\n{}", before.1, after.1);
        }
        _ => return Err("by_hand write DIR SERIES BLOCKS | by_hand compact DIR BLOCKS".into()),
    }
    Ok(())
}

/// Returns CPU time in ticks, and the lines of memory.
fn cost() -> Result<(u64, String), Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = fields.get(11..13).unwrap_or(&[]).iter().map(|f| f.parse::<u64>().unwrap_or(0)).sum();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let memory = status.lines().filter(|l| ["VmHWM", "VmRSS", "RssAnon", "RssFile"].iter().any(|n| l.starts_with(n)));
    Ok((ticks, memory.map(|l| format!("  {l}\n")).collect()))
}
