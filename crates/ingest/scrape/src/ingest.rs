//! From a page to rows of samples: what is computed for one scrape.
//!
//! The page is followed beside the target's cache. While both keep step nothing is parsed but values, nothing is
//! allocated and nothing is looked up. When a line does not fit, the rest of this one scrape is rebuilt: known lines
//! are found in a table of fingerprints, new ones are parsed and become series.

use firesteel_base::{FastHashSet, TimestampMs};
use firesteel_expfmt::{
    Event, Format, LabelsError, NativeHistogram, ParseError, Parser, ParserOptions, ProtobufError, ProtobufOptions,
    ProtobufParser, Sample, SampleLabels,
};
use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME, MetricType, SeriesRef, stale_nan};
use firesteel_storage::{
    AppendError, AppendOptions, Appendable, Appender, Exemplar, HistogramSample, Rejected, SampleBatch, SeriesMeta,
};
use hashbrown::HashTable;

use crate::cache::{Entry, Kind, LINE_MAX, TargetCache};
use crate::family::is_part_of_family;
use crate::metadata_store::{Change, MetadataStore};
use crate::sample_rules::{RuleError, SampleRules};
use crate::source::{Lines, Messages, Source};

/// Rows handed to the storage at once: 96 KiB of columns stay in the second-level cache.
pub(crate) const BATCH_ROWS: usize = 4096;
/// Samples may be this far ahead of the clock (upstream: `maxAheadTime`).
const AHEAD_MS: i64 = 10 * 60 * 1000;

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
    labels: SampleLabels,
    exemplar_labels: SampleLabels,
    pub(crate) builder: LabelsBuilder,
    pub(crate) rebuild: Rebuild,
    pub(crate) vanished: Vec<SeriesRef>,
    pub(crate) alive: FastHashSet<SeriesRef>,
}

/// The state of a scrape that left the old order.
#[derive(Debug, Default)]
pub(crate) struct Rebuild {
    pub(crate) active: bool,
    pub(crate) next: Vec<Entry>,
    /// Fingerprint and place of old lines, and of new ones above `NEW`.
    index: HashTable<(u64, u32)>,
    /// Which old lines were seen.
    pub(crate) seen: Vec<bool>,
    /// The places of new series in `next`, ascending.
    pub(crate) fresh: Vec<u32>,
}

const NEW: u32 = 1 << 31;

/// One scrape under way.
pub(crate) struct Run<'r, 'b, S> {
    source: S,
    pub(crate) page: Page<'b>,
    pub(crate) rules: &'r SampleRules,
    pub(crate) cache: &'r mut TargetCache,
    store: &'r mut MetadataStore,
    pub(crate) app: &'r mut dyn Appender,
    pub(crate) s: &'r mut Ingester,
    pub(crate) counts: Counts,
    pub(crate) cursor: usize,
    /// The type in force, mixed into fingerprints.
    salt: u64,
    /// Append attempts, against the sample limit.
    attempts: u64,
    family: Option<u32>,
    /// The family's metadata changed on this page and goes to the storage with each of its series.
    changed: bool,
    /// Of the present sample, where the source is a rich one.
    histogram: Option<NativeHistogram>,
    pub(crate) start: TimestampMs,
    /// A histogram has too many buckets.
    pub(crate) over_buckets: bool,
    /// All lines are parsed: a reference turned out to be unknown to the storage.
    afresh: bool,
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
                    let lines = Lines::new(Parser::new(format, page.body, options), page.body);
                    self.run(lines, page, state, afresh)
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
            start: TimestampMs(0),
            over_buckets: false,
            afresh,
        };
        let result = run.page().and_then(|()| run.finish());
        (run.counts, result)
    }

    /// Appends a staleness marker for every series of the last page that was taken; for failed scrapes and for targets
    /// that are gone. Returns how many.
    pub fn mark_all_stale(&mut self, cache: &mut TargetCache, t: TimestampMs, app: &mut dyn Appender) -> usize {
        self.clear();
        for entry in &mut cache.entries {
            if entry.is_tracked() {
                entry.set_tracked(false);
                if entry.kind() == Kind::Sample && self.alive.insert(entry.series()) {
                    self.vanished.push(entry.series());
                }
            }
        }
        self.append_stale(t, app);
        self.vanished.len()
    }

    pub(crate) fn append_stale(&mut self, t: TimestampMs, app: &mut dyn Appender) {
        for rows in self.vanished.chunks(BATCH_ROWS) {
            self.batch.clear();
            for &series in rows {
                self.batch.push(series, t, stale_nan());
            }
            // Refusals are expected: the target may have come back under another loop.
            self.rejected.clear();
            app.append(
                &self.batch,
                AppendOptions { refuse_out_of_order: true, stale_marker: true, durable: false },
                &mut self.rejected,
            );
        }
        self.batch.clear();
    }

    fn clear(&mut self) {
        self.batch.clear();
        self.row_lines.clear();
        self.rejected.clear();
        self.refused.clear();
        self.histograms.clear();
        self.histogram_lines.clear();
        self.exemplars.clear();
        self.vanished.clear();
        self.alive.clear();
        self.rebuild.active = false;
        self.rebuild.next.clear();
        self.rebuild.index.clear();
        self.rebuild.seen.clear();
        self.rebuild.fresh.clear();
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
        let Some(parser) = self.source.lines() else { return Ok(false) };
        let rest = parser.rest();
        let len = entry.len();
        let (Some(bytes), Some(&after)) = (rest.get(..len), rest.get(len)) else { return Ok(false) };
        if after == b' ' {
            if self.cache.fingerprint(bytes) ^ self.salt != entry.fingerprint || entry.kind() == Kind::Metadata {
                return Ok(false);
            }
            let Some((value, timestamp)) = parser.known_sample(len) else { return Ok(false) };
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

    /// Counts and appends a sample whose line stood at `at` on the last page.
    #[inline(always)]
    fn known(
        &mut self,
        at: usize,
        mut entry: Entry,
        value: f64,
        timestamp: Option<TimestampMs>,
    ) -> Result<(), IngestError> {
        let timestamp = if self.rules.honor_timestamps { timestamp } else { None };
        self.counts.scraped += 1;
        if entry.kind() == Kind::Dropped {
            self.take(at, entry);
            return Ok(());
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
            return Ok(());
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
        self.row(entry.series(), timestamp, value, line)
    }

    /// Moves on past the old line `at`; returns the line's place in the new order.
    #[inline(always)]
    fn take(&mut self, at: usize, entry: Entry) -> u32 {
        self.cursor = at + 1;
        let rebuild = &mut self.s.rebuild;
        if !rebuild.active {
            return at as u32;
        }
        if let Some(seen) = rebuild.seen.get_mut(at) {
            *seen = true;
        }
        rebuild.next.push(entry);
        rebuild.next.len() as u32 - 1
    }

    #[inline(always)]
    fn row(
        &mut self,
        series: SeriesRef,
        timestamp: Option<TimestampMs>,
        value: f64,
        line: u32,
    ) -> Result<(), IngestError> {
        self.attempts += 1;
        if self.rules.sample_limit > 0 && self.attempts > self.rules.sample_limit {
            return Ok(());
        }
        let t = match timestamp {
            None => self.page.scrape_time,
            Some(t) if t.0 > self.page.now.0.saturating_add(AHEAD_MS) => {
                self.counts.out_of_bounds += 1;
                self.s.refused.push(line);
                return Ok(());
            }
            Some(t) => t,
        };
        if S::RICH {
            if let Some(histogram) = self.histogram.take() {
                return self.histogram_row(series, t, histogram, line);
            }
            self.s.batch.push_with_start(series, self.start, t, value);
        } else {
            self.s.batch.push(series, t, value);
        }
        self.s.row_lines.push(line);
        if self.s.batch.len() >= BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Hands the rows to the storage and sorts out refusals.
    pub(crate) fn flush(&mut self) -> Result<(), IngestError> {
        let s = &mut *self.s;
        s.rejected.clear();
        self.app.append(&s.batch, AppendOptions::default(), &mut s.rejected);
        for rejected in &s.rejected {
            match rejected.why {
                AppendError::OutOfOrder => self.counts.out_of_order += 1,
                AppendError::Duplicate => self.counts.duplicates += 1,
                AppendError::OutOfBounds => self.counts.out_of_bounds += 1,
                why => return Err(why.into()),
            }
            s.refused.extend(s.row_lines.get(rejected.row as usize));
        }
        s.batch.clear();
        s.row_lines.clear();
        if S::RICH && !self.s.histograms.is_empty() { self.flush_histograms() } else { Ok(()) }
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

    /// Leaves the old order: from here on every line's entry is written anew.
    #[cold]
    fn leave_order(&mut self) {
        let rebuild = &mut self.s.rebuild;
        let old = &self.cache.entries;
        rebuild.active = true;
        rebuild.next.extend_from_slice(old.get(..self.cursor).unwrap_or_default());
        rebuild.seen.resize(self.cursor, true);
        rebuild.seen.resize(old.len(), false);
        rebuild.index.reserve(old.len(), |&(fingerprint, _)| fingerprint);
        for (at, entry) in old.iter().enumerate() {
            // The first of equal lines counts; the others were its duplicates.
            let fingerprint = entry.fingerprint;
            if rebuild.index.find(fingerprint, |&(f, _)| f == fingerprint).is_none() {
                rebuild.index.insert_unique(fingerprint, (fingerprint, at as u32), |&(f, _)| f);
            }
        }
    }

    /// Finds a line by fingerprint: its place on the last page, or on this one with `NEW` set.
    fn find(&mut self, fingerprint: u64) -> Option<u32> {
        if !self.s.rebuild.active {
            if self.cache.entries.get(self.cursor).is_some_and(|e| e.fingerprint == fingerprint) {
                return Some(self.cursor as u32);
            }
            self.leave_order();
        } else if let Some(entry) = self.cache.entries.get(self.cursor)
            && entry.fingerprint == fingerprint
            && self.s.rebuild.seen.get(self.cursor) == Some(&false)
            && !self.afresh
        {
            return Some(self.cursor as u32);
        }
        self.s.rebuild.index.find(fingerprint, |&(f, _)| f == fingerprint).map(|&(_, at)| at)
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
        let Some(parser) = self.source.lines() else { return };
        let (from, to) = (parser.line_start(), parser.position());
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

    /// Adds an entry for a line that was not on the last page; returns its place.
    fn push_new(&mut self, entry: Entry) -> u32 {
        debug_assert!(self.s.rebuild.active, "a line that is not found leaves the order");
        let rebuild = &mut self.s.rebuild;
        let line = rebuild.next.len() as u32;
        rebuild.next.push(entry);
        let fingerprint = entry.fingerprint;
        rebuild.index.insert_unique(fingerprint, (fingerprint, NEW | line), |&(f, _)| f);
        line
    }

    /// Returns whether the line, or one equal to it, was seen on this page already.
    fn was_on_this_page(&self, at: usize, fingerprint: u64) -> bool {
        let rebuild = &self.s.rebuild;
        let first = rebuild.index.find(fingerprint, |&(f, _)| f == fingerprint).map_or(at as u32, |&(_, first)| first);
        first >= NEW || rebuild.seen.get(first as usize) == Some(&true)
    }

    fn sample(&mut self, sample: Sample<'b>) -> Result<(), IngestError> {
        let len = sample.series.len();
        let fingerprint = self.source.fingerprint(&sample, self.cache) ^ self.salt;
        if S::RICH {
            self.histogram = self.source.histogram();
            self.start = if self.rules.starts { self.source.start() } else { TimestampMs(0) };
        }
        let is_histogram = self.histogram.is_some();
        let found = if len > LINE_MAX { None } else { self.find(fingerprint) };
        let timestamp = sample.timestamp.filter(|_| self.rules.honor_timestamps);
        let series = match found {
            Some(at) if at < NEW && !self.afresh => match self.cache.entries.get(at as usize).copied() {
                Some(entry) => {
                    self.known(at as usize, entry, sample.value, timestamp)?;
                    (entry.kind() != Kind::Dropped).then_some(entry.series())
                }
                None => None,
            },
            Some(at) if at >= NEW => self.again(at & !NEW, sample.value, timestamp)?,
            known => {
                let series = self.new_line(&sample, fingerprint, timestamp, known.is_some())?;
                self.note_metadata(series)?;
                series
            }
        };
        if self.changed && found.is_some_and(|at| at < NEW) {
            self.source.labels(&mut self.s.labels)?;
            self.note_metadata(series)?;
        }
        if let Some(series) = series
            && self.rules.exemplars
        {
            let default_t = timestamp.unwrap_or(self.page.scrape_time);
            let from = self.s.exemplars.len();
            let Ingester { exemplars, exemplar_labels, .. } = &mut *self.s;
            self.source.each_exemplar(exemplar_labels, |exemplar, labels| {
                let t = exemplar.timestamp.unwrap_or(default_t);
                let labels = Labels::from_pairs(labels.iter());
                let timestamped = exemplar.timestamp.is_some();
                exemplars.push(Exemplar { series, labels, t, v: exemplar.value, timestamped });
            });
            if is_histogram {
                // In order of time, as the store wants them.
                exemplars[from..].sort_by(|a, b| a.t.cmp(&b.t).then(a.v.total_cmp(&b.v)));
            }
        }
        Ok(())
    }

    /// Takes a line that stands on this page for the second time.
    fn again(
        &mut self,
        first: u32,
        value: f64,
        timestamp: Option<TimestampMs>,
    ) -> Result<Option<SeriesRef>, IngestError> {
        self.counts.scraped += 1;
        let Some(&entry) = self.s.rebuild.next.get(first as usize) else { return Ok(None) };
        if entry.kind() == Kind::Dropped {
            self.s.rebuild.next.push(entry);
            return Ok(None);
        }
        self.counts.post_relabel += 1;
        if timestamp.is_none() {
            self.counts.duplicates += 1;
            let copy = Entry::new(entry.fingerprint, entry.len(), Kind::Duplicate, entry.series(), false);
            self.s.rebuild.next.push(copy);
            return Ok(None);
        }
        let line = self.s.rebuild.next.len() as u32;
        self.s.rebuild.next.push(entry);
        self.row(entry.series(), timestamp, value, line)?;
        Ok(Some(entry.series()))
    }

    /// Takes a line that was not on the last page: parses its labels and finds or creates its series.
    #[cold]
    fn new_line(
        &mut self,
        sample: &Sample<'b>,
        fingerprint: u64,
        timestamp: Option<TimestampMs>,
        was_known: bool,
    ) -> Result<Option<SeriesRef>, IngestError> {
        let len = sample.series.len();
        let keep = len <= LINE_MAX;
        self.counts.scraped += 1;
        self.source.labels(&mut self.s.labels)?;
        let Some(labels) = self.rules.apply(&self.s.labels, &mut self.s.builder)? else {
            if keep {
                self.push_new(Entry::new(fingerprint, len, Kind::Dropped, SeriesRef(0), false));
            }
            return Ok(None);
        };
        self.counts.post_relabel += 1;
        if self.rules.sample_limit > 0 && self.attempts >= self.rules.sample_limit {
            self.attempts += 1;
            return Ok(None);
        }
        if timestamp.is_some_and(|t| t.0 > self.page.now.0.saturating_add(AHEAD_MS)) {
            self.attempts += 1;
            self.counts.out_of_bounds += 1;
            return Ok(None);
        }
        let series = match self.app.series(&labels, &SeriesMeta { job: &self.rules.job }) {
            // The job grows beyond the store's bound: what it has goes on, and this line is tried again at the next scrape.
            Err(AppendError::SeriesLimit) => return Ok(None),
            series => series?,
        };
        let mut line = u32::MAX;
        if keep {
            let tracked = timestamp.is_none() || self.rules.track_timestamps_staleness;
            line = self.push_new(Entry::new(fingerprint, len, Kind::Sample, series, tracked));
            if !was_known {
                self.counts.series_added += 1;
                self.s.rebuild.fresh.push(line);
            }
        }
        self.row(series, timestamp, sample.value, line)?;
        Ok(Some(series))
    }

    /// Hands the family's metadata to the storage, if it is wanted and the series belongs to the family.
    fn note_metadata(&mut self, series: Option<SeriesRef>) -> Result<(), IngestError> {
        if self.rules.append_metadata
            && let Some(series) = series
            && let Some((family, about)) = self.family.and_then(|at| self.store.family(at))
            && is_part_of_family(self.s.labels.get(METRIC_NAME).unwrap_or_default(), family, about.metric_type)
        {
            self.app.metadata(series, about);
        }
        Ok(())
    }
}
