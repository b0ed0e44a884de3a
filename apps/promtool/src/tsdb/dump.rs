//! `tsdb dump` and `tsdb dump-openmetrics`: what is in a data directory, as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_cli::Matches;
use firesteel_go_compat::{FloatForm, format_float_as, quote};
use firesteel_model::{Labels, METRIC_NAME};
use firesteel_promql_syntax::parse_metric_selector;
use firesteel_storage::chunkenc::{Row, RowValue, decode_rows};
use firesteel_storage::{ChunkView, HistogramValue, Queryable, Selected, Selection};
use firesteel_tsdb::ReadOnlyDb;

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    file_error::no_db_dir,
};

/// How series are written.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Prom,
    SeriesJson,
    OpenMetrics,
}

/// Runs `tsdb dump`.
pub(crate) fn dump(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let form = if matches.text("format") == "seriesjson" { Form::SeriesJson } else { Form::Prom };
    run(matches, form, console)
}

/// Runs `tsdb dump-openmetrics`.
pub(crate) fn dump_openmetrics(matches: &Matches, console: &mut Console<'_>) -> u8 {
    run(matches, Form::OpenMetrics, console)
}

fn run(matches: &Matches, form: Form, console: &mut Console<'_>) -> u8 {
    let mut out = BufWriter::with_capacity(1 << 16, &mut *console.out);
    let written = write_all(matches, form, &mut out);
    // Nobody listens any more if this fails.
    let _ = out.flush();
    drop(out);
    match written {
        Ok(()) => SUCCESS,
        Err(error) => {
            console.complain(error);
            FAILURE
        }
    }
}

fn write_all(matches: &Matches, form: Form, out: &mut dyn Write) -> Result<(), String> {
    let dir = Path::new(matches.arg("db path"));
    std::fs::metadata(dir).map_err(|error| no_db_dir(dir, &error))?;
    let db = ReadOnlyDb::open(dir).map_err(|e| e.to_string())?;
    let time = |flag: &str| TimestampMs(matches.int(flag));
    let range = TimeRange { min: time("min-time"), max: time("max-time") };
    let querier = db.querier(range).map_err(|e| e.to_string())?;
    let selectors = matches.texts("match");
    let mut parts: Vec<Box<dyn Selected>> = Vec::with_capacity(selectors.len());
    for selector in &selectors {
        let matchers = parse_metric_selector(selector).map_err(|e| e.to_string())?;
        if matchers.is_empty() {
            // `{}` selects nothing, as upstream.
            continue;
        }
        let sorted = selectors.len() > 1;
        let what = Selection { matchers: &matchers, sorted, ..Selection::default() };
        parts.push(querier.select(&what).map_err(|e| e.to_string())?);
    }
    let mut writer = SeriesWriter { form, seen: BTreeSet::new(), line: String::new() };
    let mut at = vec![0; parts.len()];
    loop {
        let next = |part: usize| parts.get(part).and_then(|p| p.series().get(*at.get(part)?)).map(|s| &s.labels);
        let Some(labels) = (0..parts.len()).filter_map(next).min().cloned() else { break };
        let holders: Vec<usize> = (0..parts.len()).filter(|&part| next(part) == Some(&labels)).collect();
        let mut chunks = Vec::new();
        for part in holders {
            if let (Some(selected), Some(at)) = (parts.get(part), at.get_mut(part)) {
                selected.chunks(*at, &mut chunks).map_err(|e| e.to_string())?;
                *at += 1;
            }
        }
        let rows = rows(&chunks, range).map_err(|e| format!("series {labels}: {e}"))?;
        if writer.write(&labels, &rows, out).is_err() {
            return Ok(());
        }
    }
    if form == Form::OpenMetrics {
        let _ = out.write_all(b"# EOF\n");
    }
    let warnings: Vec<String> = parts.iter().flat_map(|part| part.warnings()).collect();
    if warnings.is_empty() { Ok(()) } else { Err(warnings.join("\n")) }
}

/// Returns the samples of chunks that may overlap: by time, the first of equal times, within the range.
fn rows(chunks: &[ChunkView], range: TimeRange) -> Result<Vec<Row>, firesteel_storage::chunkenc::ChunkError> {
    let mut rows = Vec::new();
    for chunk in chunks {
        decode_rows(chunk, &mut rows)?;
    }
    rows.retain(|row| range.contains(row.t));
    rows.sort_by_key(|row| row.t);
    rows.dedup_by_key(|row| row.t);
    Ok(rows)
}

struct SeriesWriter {
    form: Form,
    /// What was written as JSON already.
    seen: BTreeSet<String>,
    line: String,
}

impl SeriesWriter {
    fn write(&mut self, labels: &Labels, rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
        match self.form {
            Form::Prom => self.prom(labels, rows, out),
            Form::SeriesJson => {
                let text = json(labels);
                if self.seen.insert(text.clone()) {
                    writeln!(out, "{text}")?;
                }
                Ok(())
            }
            Form::OpenMetrics => self.openmetrics(labels, rows, out),
        }
    }

    fn prom(&mut self, labels: &Labels, rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
        let head = labels.to_string();
        for row in rows {
            self.line.clear();
            let _ = match &row.value {
                RowValue::Float(v) => write!(self.line, "{head} {}", format_float_as(*v, FloatForm::General)),
                RowValue::Histogram(HistogramValue::Int(h)) => write!(self.line, "{head} {h}"),
                RowValue::Histogram(HistogramValue::Float(h)) => write!(self.line, "{head} {h}"),
            };
            writeln!(out, "{} {}", self.line, row.t.0)?;
        }
        Ok(())
    }

    /// Ends at the first histogram, which OpenMetrics cannot show.
    fn openmetrics(&mut self, labels: &Labels, rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
        self.line.clear();
        self.line.push_str(labels.metric_name());
        self.line.push('{');
        for (i, (name, value)) in labels.iter().filter(|(name, _)| *name != METRIC_NAME).enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(self.line, "{comma}{name}={}", quote(value));
        }
        self.line.push('}');
        for row in rows {
            let RowValue::Float(v) = row.value else { return Ok(()) };
            writeln!(out, "{} {} {:.3}", self.line, format_float_as(v, FloatForm::General), row.t.0 as f64 / 1000.0)?;
        }
        Ok(())
    }
}

/// Returns labels as Go's `encoding/json` writes them, with its escapes for HTML.
fn json(labels: &Labels) -> String {
    let map: serde_json::Map<String, serde_json::Value> =
        labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let text = serde_json::Value::Object(map).to_string();
    let escapes =
        [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];
    escapes.into_iter().fold(text, |text, (c, escape)| text.replace(c, escape))
}
