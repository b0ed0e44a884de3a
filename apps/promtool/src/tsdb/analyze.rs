//! `tsdb analyze`: churn, cardinality and, on request, how full a block's chunks are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use firesteel_base::TimeRange;
use firesteel_base::vfs::OsVfs;
use firesteel_cli::Matches;
use firesteel_go_compat::format_go_duration;
use firesteel_model::Matcher;
use firesteel_promql_syntax::parse_metric_selector;
use firesteel_storage::{Querier, Queryable, Selection};
use firesteel_tsdb_block::{Block, Ulid};

use super::chunk_table::chunk_table;
use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    file_error::{file_error, no_db_dir},
};

/// Runs the command.
pub(crate) fn analyze(matches: &Matches, console: &mut Console<'_>) -> u8 {
    match report(matches) {
        Ok(text) => {
            let _ = console.out.write_all(text.as_bytes());
            SUCCESS
        }
        Err(error) => {
            console.complain(error);
            FAILURE
        }
    }
}

fn report(matches: &Matches) -> Result<String, String> {
    let selector = matches.text("match");
    let matchers = match selector {
        "" => Vec::new(),
        text => parse_metric_selector(text).map_err(|e| e.to_string())?,
    };
    let block = open(Path::new(matches.arg("db path")), matches.arg("block id"))?;
    let limit = usize::try_from(matches.int("limit")).unwrap_or(0);
    let mut out = String::new();
    overview(&block, selector, &matchers, limit, &mut out).map_err(|e| e.to_string())?;
    if matches.bool("extended") {
        out.push_str(&chunk_table(&block, &matchers).map_err(|e| e.to_string())?);
    }
    Ok(out)
}

/// Opens a block by name, or the one that was made last.
fn open(dir: &Path, id: &str) -> Result<Arc<Block>, String> {
    std::fs::metadata(dir).map_err(|error| no_db_dir(dir, &error))?;
    let id = match id {
        "" => {
            let entries = std::fs::read_dir(dir).map_err(|e| file_error("open", dir.display(), &e))?;
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let ids = names.filter_map(|name| Some((Ulid::from_string(&name).ok()?.timestamp_ms(), name)));
            ids.max().ok_or("no blocks found")?.1
        }
        id => id.to_owned(),
    };
    let path = dir.join(&id);
    if !path.exists() {
        return Err(format!("invalid block ID {id}"));
    }
    Block::open(&OsVfs, &path).map_err(|e| e.to_string())
}

/// Sums over series.
#[derive(Default)]
struct Sums {
    /// By label pair: series, and milliseconds of the block that they do not cover.
    pairs: BTreeMap<String, (u64, u64)>,
    /// By label name, milliseconds not covered.
    names: BTreeMap<String, u64>,
    metrics: BTreeMap<String, u64>,
    entries: u64,
    series: u64,
}

fn overview(
    block: &Arc<Block>,
    selector: &str,
    matchers: &[Matcher],
    limit: usize,
    out: &mut String,
) -> Result<(), Box<dyn std::error::Error>> {
    let meta = block.meta();
    let span = meta.max_time.wrapping_sub(meta.min_time);
    writeln!(out, "Block ID: {}", meta.ulid)?;
    writeln!(out, "Duration: {}", format_go_duration(span.saturating_mul(1_000_000)))?;
    writeln!(out, "Total Series: {}", meta.stats.num_series)?;
    let querier = block.querier(TimeRange::ALL)?;
    let what = Selection { matchers, ..Selection::default() };
    let names = querier.label_names(&what)?;
    if !selector.is_empty() {
        writeln!(out, "Matcher: {selector}")?;
    }
    writeln!(out, "Label names: {}", names.len())?;
    let mut sums = Sums::default();
    block.walk(matchers, |labels, held| {
        let uncovered = (span as u64).wrapping_sub(held.max.0.wrapping_sub(held.min.0) as u64);
        sums.series += 1;
        for (name, value) in labels {
            let pair = sums.pairs.entry(format!("{name}={value}")).or_default();
            *pair = (pair.0 + 1, pair.1.wrapping_add(uncovered));
            let all = sums.names.entry(name.to_owned()).or_default();
            *all = all.wrapping_add(uncovered);
            sums.entries += 1;
        }
        *sums.metrics.entry(labels.metric_name().to_owned()).or_default() += 1;
    })?;
    if !selector.is_empty() {
        writeln!(out, "Matched series: {}", sums.series)?;
    }
    writeln!(out, "Postings (unique label pairs): {}", sums.pairs.len())?;
    writeln!(out, "Postings entries (total label pairs): {}", sums.entries)?;
    let in_blocks = |uncovered: u64| (uncovered as f64 / span as f64) as u64;
    let mut section = |title: &str, rows: Vec<(&str, u64)>| section(title, rows, limit, out);
    let pairs = || sums.pairs.iter().map(|(pair, sums)| (pair.as_str(), *sums));
    section("Label pairs most involved in churning", pairs().map(|(p, s)| (p, in_blocks(s.1))).collect());
    let churn = sums.names.iter().map(|(name, &s)| (name.as_str(), in_blocks(s)));
    section("Label names most involved in churning", churn.collect());
    section("Most common label pairs", pairs().map(|(p, s)| (p, s.0)).collect());
    let values = values_of(&*querier, &names, &what)?;
    section(
        "Label names with highest cumulative label value length",
        values.iter().map(|&(name, _, bytes)| (name, bytes)).collect(),
    );
    section("Highest cardinality labels", values.iter().map(|&(name, count, _)| (name, count)).collect());
    let metrics = sums.metrics.iter().filter(|(name, _)| !name.is_empty());
    section("Highest cardinality metric names", metrics.map(|(name, &n)| (name.as_str(), n)).collect());
    Ok(())
}

/// Returns for each name how many values it has and how long they are together.
fn values_of<'n>(
    querier: &dyn Querier,
    names: &'n [Arc<str>],
    what: &Selection<'_>,
) -> Result<Vec<(&'n str, u64, u64)>, firesteel_storage::StorageError> {
    let of = |name: &'n Arc<str>| {
        let values = querier.label_values(name, what)?;
        Ok((&**name, values.len() as u64, values.iter().map(|v| v.len() as u64).sum()))
    };
    names.iter().map(of).collect()
}

/// Writes a list, largest first; upstream's order among equals is by chance, ours by name.
fn section(title: &str, mut rows: Vec<(&str, u64)>, limit: usize, out: &mut String) {
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let _ = write!(out, "\n{title}:\n");
    for (key, n) in rows.into_iter().take(limit) {
        let _ = writeln!(out, "{n} {key}");
    }
}
