//! From a page to rows of samples: what is computed for one scrape.
//!
//! The page is followed beside the target's cache. While both keep step nothing is parsed but values, nothing is
//! allocated and nothing is looked up. When a line does not fit, the rest of this one scrape is rebuilt: known lines
//! are found in a table of fingerprints, new ones are parsed and become series.

use firesteel_base::{FastHashSet, TimestampMs};
use firesteel_expfmt::{
    Event, Format, LabelsError, NativeHistogram, ParseError, Parser, ParserOptions, ProtobufError, ProtobufOptions,
    ProtobufParser, RichOptions, RichParser, SampleLabels,
};
use firesteel_model::{LabelsBuilder, MetricType, SeriesRef};
use firesteel_storage::{AppendError, Appendable, Appender, Exemplar, HistogramSample, Rejected, SampleBatch};

use crate::cache::{Entry, Kind, LINE_MAX, TargetCache};
use crate::metadata_store::{Change, MetadataStore};
use crate::page_order::{NEW, Rebuild};
use crate::sample_rules::{RuleError, SampleRules};
use crate::source::{Lines, Messages, RichLines, Source};

/// A fetched page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub body: &'a [u8],
    pub format: PageFormat,
    /// The time of samples without a time of their own.
    pub scrape_time: TimestampMs,
    /// The clock, to refuse what is too far ahead.
    pub now: TimestampMs,
}

/// How a page is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageFormat {
    Lines(Format),
    Protobuf,
}

/// What was found on a page; counts also stand when the page is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Sample lines.
    pub scraped: u64,
    /// Those that relabelling left.
    pub post_relabel: u64,
    /// Those whose line was not known.
    pub series_added: u64,
    pub out_of_order: u64,
    pub duplicates: u64,
    pub out_of_bounds: u64,
    pub exemplars_out_of_order: u64,
}

/// Why a page is refused as a whole.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// Upstream's text, and where in the page.
    #[error("{error} (line {} of the page{})", error.line, hint(.html))]
    Parse { error: ParseError, html: bool },
    #[error("{error} (line {line} of the page)")]
    Labels { error: LabelsError, line: usize },
    #[error("{0}")]
    Rules(#[from] RuleError),
    #[error("{0} (byte {offset} of the page)", offset = .0.offset)]
    Protobuf(ProtobufError),
    #[error("sample limit exceeded")]
    SampleLimit,
    #[error("histogram bucket limit exceeded")]
    BucketLimit,
    #[error("{0}")]
    Append(#[from] AppendError),
}

fn hint(html: &bool) -> &'static str {
    if *html { ", which is HTML or XML and not metrics: check the target's address and metrics_path" } else { "" }
}

/// The buffers of ingestion, reused from scrape to scrape.
#[derive(Debug, Default)]
pub struct Ingester {
    pub(crate) batch: SampleBatch,
    /// For each row the place of its line in the new order.
    pub(crate) row_lines: Vec<u32>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) refused: Vec<u32>,
    pub(crate) histograms: Vec<HistogramSample>,
    pub(crate) histogram_lines: Vec<u32>,
    pub(crate) exemplars: Vec<Exemplar>,
    pub(crate) labels: SampleLabels,
    pub(crate) exemplar_labels: SampleLabels,
    pub(crate) builder: LabelsBuilder,
    /// The bytes of a label set under way.
    pub(crate) packed: Vec<u8>,
    pub(crate) rebuild: Rebuild,
    pub(crate) vanished: Vec<SeriesRef>,
    pub(crate) alive: FastHashSet<SeriesRef>,
}

/// One scrape under way.
pub(crate) struct Run<'r, 'b, S> {
    pub(crate) source: S,
    pub(crate) page: Page<'b>,
    pub(crate) rules: &'r SampleRules,
    pub(crate) cache: &'r mut TargetCache,
    pub(crate) store: &'r mut MetadataStore,
    pub(crate) app: &'r mut dyn Appender,
    pub(crate) s: &'r mut Ingester,
    pub(crate) counts: Counts,
    pub(crate) cursor: usize,
    /// The type in force, mixed into fingerprints.
    pub(crate) salt: u64,
    /// Append attempts, against the sample limit.
    pub(crate) attempts: u64,
    pub(crate) family: Option<u32>,
    /// The family's metadata changed on this page and goes to the storage with each of its series.
    pub(crate) changed: bool,
    /// Of the present sample, where the source is a rich one.
    pub(crate) histogram: Option<NativeHistogram>,
    /// The present line was not read: it is a float without a start timestamp.
    pub(crate) is_stepped_over: bool,
    /// A histogram has too many buckets.
    pub(crate) over_buckets: bool,
    /// All lines are parsed: a reference turned out to be unknown to the storage.
    pub(crate) afresh: bool,
}

impl Ingester {
    /// Returns buffers that are empty yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a page's samples and the staleness markers of series that are gone. On an error the appender must be
    /// dropped without a commit; the cache still stands for the last page that was taken, and [`Self::mark_all_stale`]
    /// writes the markers of a failed scrape.
    pub fn ingest<'s>(
        &mut self,
        page: Page<'_>,
        rules: &SampleRules,
        cache: &mut TargetCache,
        store: &mut MetadataStore,
        storage: &'s dyn Appendable,
    ) -> (Counts, Result<Box<dyn Appender + 's>, IngestError>) {
        let mut afresh = false;
        loop {
            let mut app = storage.appender();
            self.clear();
            let state = (rules, &mut *cache, &mut *store, &mut *app);
            let (counts, result) = match page.format {
                PageFormat::Lines(format) => {
                    let options = ParserOptions { type_and_unit_labels: rules.type_and_unit_labels };
                    let parser = Parser::new(format, page.body, options);
                    let starts = rules.starts && format == Format::OpenMetrics;
                    if starts || rules.custom_buckets {
                        let (custom_buckets, always_classic) = (rules.custom_buckets, rules.always_classic_histograms);
                        let options = RichOptions { starts, custom_buckets, always_classic };
                        let lines = RichLines::new(RichParser::new(parser, options), page.body);
                        self.run(lines, page, state, afresh)
                    } else {
                        self.run(Lines::new(parser, page.body), page, state, afresh)
                    }
                }
                PageFormat::Protobuf => {
                    let options = ProtobufOptions {
                        native_histograms: rules.native_histograms,
                        always_classic: rules.always_classic_histograms,
                        custom_buckets: rules.custom_buckets,
                        type_and_unit_labels: rules.type_and_unit_labels,
                    };
                    self.run(Messages::new(ProtobufParser::new(page.body, options)), page, state, afresh)
                }
            };
            match result {
                // The storage forgot a series (the target was silent for long): all lines are read again, once.
                Err(IngestError::Append(AppendError::UnknownSeries)) if !afresh => afresh = true,
                Ok(()) => {
                    store.scrape_done(true);
                    return (counts, Ok(app));
                }
                Err(e) => {
                    store.scrape_done(false);
                    return (counts, Err(e));
                }
            }
        }
    }

    fn run<'r, 'b, S: Source<'b>>(
        &'r mut self,
        source: S,
        page: Page<'b>,
        (rules, cache, store, app): (
            &'r SampleRules,
            &'r mut TargetCache,
            &'r mut MetadataStore,
            &'r mut (dyn Appender + '_),
        ),
        afresh: bool,
    ) -> (Counts, Result<(), IngestError>) {
        let mut run = Run {
            source,
            page,
            rules,
            cache,
            store,
            app,
            s: self,
            counts: Counts::default(),
            cursor: 0,
            salt: 0,
            attempts: 0,
            family: None,
            changed: false,
            histogram: None,
            is_stepped_over: false,
            over_buckets: false,
            afresh,
        };
        let result = run.page().and_then(|()| run.finish());
        (run.counts, result)
    }

    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.row_lines.clear();
        self.rejected.clear();
        self.refused.clear();
        self.histograms.clear();
        self.histogram_lines.clear();
        self.exemplars.clear();
        self.vanished.clear();
        self.alive.clear();
        self.rebuild.clear();
    }
}

impl<'b, S: Source<'b>> Run<'_, 'b, S> {
    fn page(&mut self) -> Result<(), IngestError> {
        if self.afresh {
            self.leave_order();
        }
        loop {
            if !self.afresh
                && !self.changed
                && let Some(&entry) = self.cache.entries.get(self.cursor)
                && self.follow(entry)?
            {
                continue;
            }
            match self.source.next()? {
                None => break,
                Some(event) => self.event(event)?,
            }
        }
        if self.rules.sample_limit > 0 && self.attempts > self.rules.sample_limit {
            return Err(IngestError::SampleLimit);
        }
        if self.over_buckets {
            return Err(IngestError::BucketLimit);
        }
        self.flush()
    }

    /// Takes the next line if it is the one that `entry` stands for and only its value is new.
    #[inline(always)]
    fn follow(&mut self, entry: Entry) -> Result<bool, IngestError> {
        let Some(parser) = self.source.known(entry) else { return Ok(false) };
        let rest = parser.rest();
        let len = entry.len();
        let (Some(bytes), Some(&after)) = (rest.get(..len), rest.get(len)) else { return Ok(false) };
        if after == b' ' {
            if self.cache.fingerprint(bytes) ^ self.salt != entry.fingerprint || entry.kind() == Kind::Metadata {
                return Ok(false);
            }
            let Some((value, timestamp)) = parser.known_sample(len) else { return Ok(false) };
            if S::RICH {
                self.histogram = None;
                self.is_stepped_over = true;
            }
            self.known(self.cursor, entry, value, timestamp)?;
            return Ok(true);
        }
        if after == b'\n' && entry.kind() == Kind::Metadata && self.cache.fingerprint(bytes) == entry.fingerprint {
            let sets = entry.sets_type();
            if !parser.known_metadata(len, sets) {
                return Ok(false);
            }
            self.family = Some(entry.family());
            self.store.touch(entry.family());
            if sets.is_some() {
                self.set_salt();
            }
            self.take(self.cursor, entry);
            return Ok(true);
        }
        Ok(false)
    }

    /// Counts and appends a sample whose line stood at `at` on the last page; false: it is dropped, or a duplicate.
    #[inline(always)]
    pub(crate) fn known(
        &mut self,
        at: usize,
        mut entry: Entry,
        value: f64,
        timestamp: Option<TimestampMs>,
    ) -> Result<bool, IngestError> {
        let timestamp = if self.rules.honor_timestamps { timestamp } else { None };
        self.counts.scraped += 1;
        if entry.kind() == Kind::Dropped {
            self.take(at, entry);
            return Ok(false);
        }
        let again = if self.s.rebuild.active {
            self.was_on_this_page(at, entry.fingerprint)
        } else {
            entry.kind() == Kind::Duplicate
        };
        self.counts.post_relabel += 1;
        if again && timestamp.is_none() {
            // upstream: equal lines are duplicates before their values are looked at (scrape.go, append).
            self.counts.duplicates += 1;
            self.take(at, Entry::new(entry.fingerprint, entry.len(), Kind::Duplicate, entry.series(), false));
            return Ok(false);
        }
        let tracked = timestamp.is_none() || self.rules.track_timestamps_staleness;
        if entry.is_tracked() != tracked || entry.kind() != Kind::Sample {
            entry = Entry::new(entry.fingerprint, entry.len(), Kind::Sample, entry.series(), tracked);
            if !self.s.rebuild.active
                && let Some(slot) = self.cache.entries.get_mut(at)
            {
                *slot = entry;
            }
        }
        let line = self.take(at, entry);
        self.row(entry.series(), timestamp, value, line)?;
        Ok(true)
    }

    fn set_salt(&mut self) {
        self.salt = if self.rules.type_and_unit_labels {
            let mut about = vec![self.source.metric_type() as u8];
            about.extend_from_slice(self.source.unit());
            self.cache.fingerprint(&about)
        } else {
            match self.source.metric_type() {
                MetricType::Histogram => 0x9e37_79b9_7f4a_7c15,
                MetricType::Summary => 0xc2b2_ae3d_27d4_eb4f,
                _ => 0,
            }
        };
    }

    fn event(&mut self, event: Event<'b>) -> Result<(), IngestError> {
        match event {
            Event::Sample(sample) => self.sample(sample),
            Event::Comment(_) => Ok(()),
            Event::Type { name, metric_type } => {
                let family = self.store.set(name, Change::Type(metric_type));
                self.set_salt();
                self.metadata_event(family, Some(metric_type));
                Ok(())
            }
            Event::Help { name, text } => {
                let family = self.store.set(name, Change::Help(&text));
                self.metadata_event(family, None);
                Ok(())
            }
            Event::Unit { name, unit } => {
                let unit = String::from_utf8_lossy(unit).into_owned();
                self.family = Some(self.store.set(name, Change::Unit(&unit)));
                self.set_salt();
                Ok(())
            }
        }
    }

    /// Notes a HELP or TYPE line.
    fn metadata_event(&mut self, family: u32, sets: Option<MetricType>) {
        self.family = Some(family);
        self.changed = self.rules.append_metadata && self.store.has_changed(family);
        let Some((from, to)) = self.source.line() else { return };
        let Some([line @ .., b'\n']) = self.page.body.get(from..to) else { return };
        if line.len() > LINE_MAX {
            return;
        }
        let fingerprint = self.cache.fingerprint(line);
        let entry = Entry::metadata(fingerprint, line.len(), family, sets);
        match self.find(fingerprint) {
            Some(at) if at < NEW => {
                self.take(at as usize, entry);
            }
            _ => {
                self.push_new(entry);
            }
        }
    }
}
