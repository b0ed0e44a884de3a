//! Metrics that scripts leave in files: `*.prom` in directories, in the text format.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use firesteel_cli::{FlagDef, FlagKind};
use firesteel_expfmt::text_to_families;
use firesteel_go_compat::{clean_path, glob_paths};
use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue, ValidationScheme, push_packed};
use tracing::error;

use crate::{CollectError, Collector, HostRoots, MetricSink, Settings};

const DIRECTORY: &str = "collector.textfile.directory";

pub(super) const FLAGS: &[FlagDef] = &[FlagDef::new(
    DIRECTORY,
    FlagKind::Text,
    "Directory to read text files with metrics from, supports glob matching. (repeatable)",
)
.default(&[""])
.repeatable()];

/// A file above this is refused: its metrics would fill the memory of whoever reads the page.
const FILE_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug)]
pub(crate) struct Textfile {
    directories: Vec<String>,
}

impl Textfile {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { directories: settings.texts(DIRECTORY).into_iter().map(str::to_owned).collect() }
    }
}

/// Why a file is left out as a whole.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("failed to open textfile data file {path:?}: {source}")]
    Open { path: String, source: io::Error },
    #[error("failed to parse textfile data from {path:?}: {source}")]
    Read { path: String, source: io::Error },
    #[error("failed to parse textfile data from {path:?}: {source}")]
    Parse { path: String, source: firesteel_expfmt::TextFamiliesError },
    #[error("textfile {0:?} contains unsupported client-side timestamps, skipping entire file")]
    Timestamps(String),
    // upstream dies of it (textfile.go, convertMetricFamily).
    #[error("textfile {0:?} contains a gauge histogram, which the page cannot show, skipping entire file")]
    GaugeHistogram(String),
}

/// What is known of the families of one name in all files.
#[derive(Debug, Default)]
struct Known {
    help: Option<String>,
    /// Another help came: whatever comes after it is refused too.
    is_in_conflict: bool,
    files: Vec<String>,
}

impl Collector for Textfile {
    fn collect(&self, _: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut failed = false;
        let mut families: Vec<MetricFamily> = Vec::new();
        let mut known: HashMap<String, Known> = HashMap::new();
        for path in self.paths() {
            let names = match prom_files(&path) {
                Ok(names) => names,
                Err(_) if path.is_empty() => continue,
                Err(err) => {
                    failed = true;
                    error!(path, %err, "failed to read textfile collector directory");
                    continue;
                }
            };
            for name in names {
                let file = clean_path(&Path::new(&path).join(&name));
                let (found, mtime) = match read(&file) {
                    Ok(read) => read,
                    Err(err) => {
                        failed = true;
                        error!(file = name, %err, "failed to collect textfile data");
                        continue;
                    }
                };
                for family in found {
                    let seen = known.entry(family.name.clone()).or_default();
                    if let Some(help) = &seen.help
                        && (seen.is_in_conflict || !family.help.is_empty() && family.help != *help)
                    {
                        seen.is_in_conflict = true;
                        failed = true;
                        error!(
                            metric = family.name,
                            original_help_text = help,
                            new_help_text = family.help,
                            file = seen.files.first(),
                            "inconsistent metric help text"
                        );
                        continue;
                    }
                    if !family.help.is_empty() {
                        seen.help = Some(family.help.clone());
                    }
                    seen.files.push(file.clone());
                    families.push(family);
                }
                let help = "Unixtime mtime of textfiles successfully read.";
                out.gauge("textfile_mtime_seconds", help, &[("file", &file)], mtime);
            }
        }
        for mut family in families {
            if family.help.is_empty() {
                let files = known.get(&family.name).map_or(String::new(), |known| known.files.join(", "));
                family.help = format!("Metric read from {files}");
            }
            with_equal_labels(&mut family);
            family.metrics.iter_mut().for_each(|metric| sort_parts(&mut metric.value));
            let name = family.name.clone();
            // upstream: its registry leaves these out and logs (client_golang, registry.go, checkMetricConsistency).
            if !out.family(family) {
                error!(metric = name, "collected metric has another help or type than before");
            }
        }
        let help = "1 if there was an error opening or reading a file, 0 otherwise";
        out.gauge("textfile_scrape_error", help, &[], f64::from(u8::from(failed)));
        Ok(())
    }
}

impl Textfile {
    /// Returns the directories; what is no pattern, or matches nothing, stands for itself.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for directory in &self.directories {
            match glob_paths(&PathBuf::from(directory)).as_slice() {
                [] => paths.push(directory.clone()),
                found => paths.extend(found.iter().map(|path| path.to_string_lossy().into_owned())),
            }
        }
        paths
    }
}

/// Returns the names of the files that count, sorted.
fn prom_files(directory: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.strip_suffix(".prom").is_some() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Reads a file: its families, and when it was written, in whole seconds.
fn read(path: &str) -> Result<(Vec<MetricFamily>, f64), FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    // A pipe must not stop the scrape.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|source| FileError::Open { path: path.to_owned(), source })?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(failed(io::Error::other("not a regular file")));
    }
    if meta.len() > FILE_BYTES_MAX {
        return Err(failed(io::Error::other(format!("more than {FILE_BYTES_MAX} bytes"))));
    }
    let mut page = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or_default());
    file.take(FILE_BYTES_MAX).read_to_end(&mut page).map_err(failed)?;
    let families = text_to_families(&page, ValidationScheme::Legacy)
        .map_err(|source| FileError::Parse { path: path.to_owned(), source })?;
    if families.iter().any(|family| family.metrics.iter().any(|metric| metric.timestamp_ms.is_some())) {
        return Err(FileError::Timestamps(path.to_owned()));
    }
    if families.iter().any(|family| family.metric_type == MetricType::GaugeHistogram) {
        return Err(FileError::GaugeHistogram(path.to_owned()));
    }
    let mtime = meta.modified().unwrap_or(UNIX_EPOCH);
    Ok((families, seconds(mtime)))
}

/// Whole seconds, cut towards the epoch, as upstream's.
fn seconds(time: SystemTime) -> f64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs() as f64,
        Err(before) => -(before.duration().as_secs() as f64),
    }
}

/// Gives every metric of a family the labels of all others, empty where it has none of that name.
fn with_equal_labels(family: &mut MetricFamily) {
    let is_equal = |a: &Metric, b: &Metric| a.labels.iter().map(|(n, _)| n).eq(b.labels.iter().map(|(n, _)| n));
    if family.metrics.windows(2).all(|pair| matches!(pair, [a, b] if is_equal(a, b))) {
        return;
    }
    let mut names: Vec<String> = Vec::new();
    for metric in &family.metrics {
        names.extend(metric.labels.iter().map(|(name, _)| name.to_owned()));
        names.sort_unstable();
        names.dedup();
    }
    let mut packed = Vec::new();
    for metric in &mut family.metrics {
        packed.clear();
        for name in &names {
            push_packed(&mut packed, name);
            push_packed(&mut packed, metric.labels.value(name));
        }
        metric.labels = Labels::from_packed(&packed);
    }
}

/// Sorts quantiles and buckets; of two for the same limit the last counts.
fn sort_parts(value: &mut MetricValue) {
    match value {
        MetricValue::Summary(summary) => {
            summary.quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
            summary.quantiles.dedup_by(|later, first| {
                let is_same = later.0 == first.0;
                if is_same {
                    *first = *later;
                }
                is_same
            });
        }
        MetricValue::Histogram(histogram) => {
            histogram.buckets.sort_by(|a, b| a.upper_bound.total_cmp(&b.upper_bound));
            histogram.buckets.dedup_by(|later, first| {
                let is_same = later.upper_bound == first.upper_bound;
                if is_same {
                    std::mem::swap(later, first);
                }
                is_same
            });
        }
        // upstream: it shows the counts as zeros (textfile.go, convertMetricFamily reads only whole ones).
        MetricValue::RichHistogram(histogram) => {
            if let Some(floats) = &mut histogram.float_counts {
                let buckets = std::mem::take(&mut histogram.classic.buckets);
                let mut pairs: Vec<_> = buckets.into_iter().zip(std::mem::take(&mut floats.buckets)).collect();
                pairs.sort_by(|(a, _), (b, _)| a.upper_bound.total_cmp(&b.upper_bound));
                pairs.dedup_by(|later, first| {
                    let is_same = later.0.upper_bound == first.0.upper_bound;
                    if is_same {
                        std::mem::swap(later, first);
                    }
                    is_same
                });
                (histogram.classic.buckets, floats.buckets) = pairs.into_iter().unzip();
            }
        }
        MetricValue::Counter { .. } | MetricValue::Gauge(_) | MetricValue::Untyped(_) => {}
    }
}
