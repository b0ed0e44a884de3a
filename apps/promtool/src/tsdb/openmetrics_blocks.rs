//! `tsdb create-blocks-from openmetrics`: past samples from a file into blocks.
//!
//! The file is read once; all of it is held as chunks, about three bytes a sample, and a block is written for each range
//! that has samples. Unlike upstream, samples of a series may come in any order.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use firesteel_base::FastHashMap;
use firesteel_base::vfs::{OsVfs, Vfs};
use firesteel_cli::Matches;
use firesteel_expfmt::{Event, Format, Parser, ParserOptions, SampleLabels};
use firesteel_model::{Labels, LabelsBuilder};
use firesteel_tsdb_block::Block;

use super::block_builder::{BlockBuilder, block_range_ms};
use super::block_table::{row, table};
use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    file_error::{file_error, mkdir_error},
    key_value::key_value,
};

/// What upstream does when it meets a fault. It reads the file once for each block, and once before.
const FIRST_PASS: &str = "getting min and max timestamp";
const ADDING: &str = "block creation: process blocks: add sample";

pub(crate) fn from_openmetrics(matches: &Matches, console: &mut Console<'_>) -> u8 {
    match import(matches, console) {
        Ok(()) => SUCCESS,
        Err(message) => {
            console.complain(message);
            FAILURE
        }
    }
}

fn import(matches: &Matches, console: &mut Console<'_>) -> Result<(), String> {
    let (input, dir) = (matches.arg("input file"), Path::new(matches.arg("output directory")));
    let range_ms = block_range_ms(matches.duration("max-block-duration"));
    let mut extra = Vec::new();
    for label in matches.texts("label") {
        let pair = key_value(label).filter(|(name, _)| !name.is_empty());
        extra.push(pair.ok_or_else(|| format!("promtool: error: expected KEY=VALUE got '{label}'"))?);
    }
    let failed = |error: std::io::Error| file_error("open", input, &error);
    let file = fs::metadata(input).map_err(|error| file_error("stat", input, &error))?;
    let blocks = if file.is_file() {
        let mapped = (&OsVfs as &dyn Vfs).map(Path::new(input)).map_err(failed)?;
        read(input, &mapped, range_ms, &extra)?
    } else {
        let mut bytes = Vec::new();
        File::open(input).and_then(|mut pipe| pipe.read_to_end(&mut bytes)).map_err(failed)?;
        read(input, &bytes, range_ms, &extra)?
    };
    fs::create_dir_all(dir).map_err(|error| format!("create output dir: {}", mkdir_error(dir, &error)))?;
    let mut header = true;
    for block in blocks.into_values() {
        let written = block.write(dir);
        let Some(meta) = written.map_err(|error| format!("block creation: process blocks: flush: {error}"))? else {
            continue;
        };
        if !matches.bool("quiet") {
            let block = Block::open(&OsVfs, &dir.join(meta.ulid.to_string())).map_err(|error| error.to_string())?;
            let _ = write!(console.out, "{}", table(&[row(&block, matches.bool("human-readable"))], header));
            header = false;
        }
    }
    Ok(())
}

/// Sorts the samples of a body into blocks by the start of their range.
fn read(
    input: &str,
    body: &[u8],
    range_ms: i64,
    extra: &[(&str, &str)],
) -> Result<BTreeMap<i64, BlockBuilder>, String> {
    let mut blocks = BTreeMap::<i64, BlockBuilder>::new();
    // Equal bytes are the same series: the labels of each are read once.
    let mut known = FastHashMap::<&[u8], Labels>::default();
    let mut parser = Parser::new(Format::OpenMetrics, body, ParserOptions::default());
    let mut names = SampleLabels::default();
    while let Some(event) = parser.next().map_err(|error| format!("{FIRST_PASS}: next: {error}"))? {
        let Event::Sample(sample) = event else { continue };
        if !known.contains_key(sample.series) {
            parser.labels(&mut names).map_err(|error| format!("{ADDING}: {error}"))?;
            let mut builder = LabelsBuilder::default();
            for (name, value) in names.iter().chain(extra.iter().copied()) {
                builder.set(name, value);
            }
            known.insert(sample.series, builder.build());
        }
        let Some(labels) = known.get(sample.series) else { continue };
        let Some(t) = sample.timestamp else {
            let line = parser.line_number();
            return Err(format!("{FIRST_PASS}: expected timestamp for series got none: {input}:{line}: {labels}"));
        };
        let start = t.0.div_euclid(range_ms).saturating_mul(range_ms);
        let series = blocks.entry(start).or_default().series(labels);
        series.add(t.0, sample.value).map_err(|error| format!("{ADDING}: {error}"))?;
    }
    Ok(blocks)
}
