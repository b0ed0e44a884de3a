//! What a request brings, on its way to the store: columns of samples, and whose they are.

use firesteel_base::TimestampMs;
use firesteel_model::{HistogramError, Labels, Metadata, SeriesRef};
use firesteel_storage::{
    AppendError, AppendOptions, Appender, Exemplar, HistogramSample, HistogramValue, Rejected, SampleBatch, SeriesMeta,
};

use crate::label_set::{BadLabels, LabelSet};
use crate::series_cache::Learned;

/// How the batch is taken: acknowledged only when it is with the operating system.
const DURABLE: AppendOptions = AppendOptions { refuse_out_of_order: false, stale_marker: false, durable: true };

/// What something refused belongs to; in the order in which upstream looks at a series.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Part {
    Series,
    Sample,
    Histogram,
    Exemplar,
}

/// Why something was refused.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Why {
    /// The sample's time or the histogram's shape: the sender's fault.
    Refused(AppendError),
    /// The newest sample of the series has that time and another value; `None` = it is a histogram.
    Duplicate { existing: Option<f64>, new: f64 },
    /// Later than upstream's ten minutes ahead; no row was made of it.
    TooFarAhead,
    /// A histogram that breaks its own rules, or whose resolution cannot be brought down to what is known; no row was made
    /// of it.
    Unreadable(AppendError),
    /// The labels are not to be taken; 1.0 skips the series.
    Labels(BadLabels),
    /// Anything else about the series that is the sender's fault: the whole message for it (2.0).
    Message(String),
    /// A bound refuses the series, all others are taken.
    Bound(AppendError),
    /// The server's fault.
    Internal(AppendError),
}

/// One thing that was refused.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Fault {
    /// Number of the series in the request.
    pub(crate) series: u32,
    pub(crate) part: Part,
    /// Number within the columns of its part.
    pub(crate) row: u32,
    pub(crate) t: TimestampMs,
    pub(crate) why: Why,
}

/// The memory of a request; used again by the next one.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Where each series stands in the request.
    pub(crate) series: Vec<(u32, u32)>,
    pub(crate) rows: SampleBatch,
    row_series: Vec<u32>,
    pub(crate) histograms: Vec<HistogramSample>,
    histogram_series: Vec<u32>,
    exemplars: Vec<Exemplar>,
    exemplar_series: Vec<u32>,
    metadata: Vec<(SeriesRef, Metadata)>,
    pub(crate) learned: Vec<Learned>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) labels: LabelSet,
    rejected: Vec<Rejected>,
    again: SampleBatch,
    again_rows: Vec<u32>,
    /// Series whose labels were refused, and samples and histograms that went with them.
    pub(crate) bad_series: usize,
    pub(crate) bad_samples: usize,
}

/// Where a series' rows begin in the columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) series: u32,
    rows: usize,
    histograms: usize,
    faults: usize,
}

/// Rows that a kept batch may have room for.
const KEPT_ROWS_MAX: usize = 64 << 10;

impl Batch {
    pub(crate) fn clear(&mut self) {
        self.series.clear();
        self.rows.clear();
        self.row_series.clear();
        self.histograms.clear();
        self.histogram_series.clear();
        self.exemplars.clear();
        self.exemplar_series.clear();
        self.metadata.clear();
        self.learned.clear();
        self.faults.clear();
        (self.bad_series, self.bad_samples) = (0, 0);
    }

    /// Returns whether the memory is of a usual size.
    pub(crate) fn worth_keeping(&self) -> bool {
        self.rows.t.capacity() <= KEPT_ROWS_MAX && self.series.capacity() <= KEPT_ROWS_MAX
    }

    #[inline]
    pub(crate) fn begin(&mut self, from: usize, len: usize) -> Begun {
        let series = self.series.len() as u32;
        self.series.push((from as u32, len as u32));
        Begun { series, rows: self.rows.t.len(), histograms: self.histograms.len(), faults: self.faults.len() }
    }

    /// Adds a sample of the series that has begun; [`Self::end`] says which one it is.
    #[inline]
    pub(crate) fn sample(&mut self, begun: Begun, t_ms: i64, v: f64, max_t: i64) {
        if t_ms > max_t {
            self.too_far(begun, Part::Sample, self.rows.t.len(), t_ms);
            return;
        }
        self.rows.t.push(TimestampMs(t_ms));
        self.rows.v.push(v);
    }

    /// Notes the start timestamp of the sample that comes next.
    pub(crate) fn start(&mut self, start_ms: i64, t_ms: i64, max_t: i64) {
        if t_ms <= max_t {
            self.rows.st.resize(self.rows.t.len(), TimestampMs(0));
            self.rows.st.push(TimestampMs(start_ms));
        }
    }

    pub(crate) fn histogram(&mut self, begun: Begun, wire: firesteel_proto::histogram::Histogram, max_t: i64) {
        let (t, start_t) = (TimestampMs(wire.timestamp_ms), TimestampMs(wire.start_timestamp_ms));
        if t.0 > max_t {
            self.too_far(begun, Part::Histogram, self.histograms.len(), t.0);
            return;
        }
        match crate::histograms::from_wire(wire) {
            Ok(value) => {
                self.histograms.push(HistogramSample { series: SeriesRef(0), t, start_t, value });
            }
            Err(e) => {
                let (row, why) = (self.histograms.len() as u32, Why::Unreadable(e.into()));
                self.faults.push(Fault { series: begun.series, part: Part::Histogram, row, t, why });
            }
        }
    }

    #[cold]
    fn too_far(&mut self, begun: Begun, part: Part, row: usize, t_ms: i64) {
        let why = Why::TooFarAhead;
        self.faults.push(Fault { series: begun.series, part, row: row as u32, t: TimestampMs(t_ms), why });
    }

    /// Returns how many samples and histograms came since the series began, refused ones included.
    pub(crate) fn brought(&self, begun: Begun) -> usize {
        self.rows.t.len() - begun.rows + self.histograms.len() - begun.histograms + self.faults.len() - begun.faults
    }

    /// Returns whether nothing of what came since the series began can be stored, so that a series that is not there need
    /// not be created for it. Histograms that break their own rules become faults here, if all that came are such.
    pub(crate) fn holds_nothing(&mut self, begun: Begun) -> bool {
        let of_series = &self.histograms[begun.histograms..];
        if self.rows.t.len() > begun.rows || of_series.iter().any(|h| broken(&h.value).is_none()) {
            return false;
        }
        let row = begun.histograms as u32;
        for h in self.histograms.drain(begun.histograms..) {
            if let Some(why) = broken(&h.value) {
                let why = Why::Unreadable(why.into());
                self.faults.push(Fault { series: begun.series, part: Part::Histogram, row, t: h.t, why });
            }
        }
        true
    }

    /// Says whose the rows since `begun` are.
    #[inline]
    pub(crate) fn end(&mut self, begun: Begun, series: SeriesRef) {
        self.rows.refs.resize(self.rows.t.len(), series);
        self.row_series.resize(self.rows.t.len(), begun.series);
        if self.histograms.len() > begun.histograms {
            self.histograms[begun.histograms..].iter_mut().for_each(|h| h.series = series);
            self.histogram_series.resize(self.histograms.len(), begun.series);
        }
    }

    /// Drops the rows since `begun`, because the series is not taken.
    #[cold]
    pub(crate) fn refuse(&mut self, begun: Begun, why: Why) {
        if matches!(why, Why::Labels(_)) {
            self.bad_series += 1;
            self.bad_samples += self.brought(begun);
        }
        self.rows.t.truncate(begun.rows);
        self.rows.v.truncate(begun.rows);
        self.rows.st.truncate(begun.rows);
        self.histograms.truncate(begun.histograms);
        self.faults.truncate(begun.faults);
        self.faults.push(Fault { series: begun.series, part: Part::Series, row: 0, t: TimestampMs(0), why });
    }

    /// Adds an exemplar of a series that has ended.
    pub(crate) fn exemplar(&mut self, begun: Begun, series: SeriesRef, labels: Labels, t_ms: i64, v: f64, max_t: i64) {
        if t_ms > max_t {
            tracing::debug!(component = "web", t_ms, "Error while adding exemplar: timestamp is too far in the future");
            return;
        }
        self.exemplars.push(Exemplar { series, labels, t: TimestampMs(t_ms), v, timestamped: t_ms != 0 });
        self.exemplar_series.push(begun.series);
    }

    /// Notes an exemplar that could not be read.
    pub(crate) fn bad_exemplar(&mut self, begun: Begun, text: String) {
        let row = self.exemplars.len() as u32;
        let (part, why) = (Part::Exemplar, Why::Message(text));
        self.faults.push(Fault { series: begun.series, part, row, t: TimestampMs(0), why });
    }

    pub(crate) fn metadata(&mut self, series: SeriesRef, about: Metadata) {
        self.metadata.push((series, about));
    }

    /// Returns the store's number of the series whose labels stand in [`Self::labels`].
    pub(crate) fn look_up(&mut self, appender: &mut dyn Appender) -> Result<SeriesRef, Why> {
        let labels = self.labels.series().map_err(Why::Labels)?;
        create(appender, &labels)
    }

    /// Hands everything to the appender. `spell` puts the labels of a series into the set, for references that turned out
    /// to be of series that are gone, and tells what to learn from them.
    pub(crate) fn append(
        &mut self,
        appender: &mut dyn Appender,
        spell: impl Fn(u32, &mut LabelSet) -> Option<Learned>,
    ) {
        self.rejected.clear();
        // Also without rows: it tells the appender how to commit.
        appender.append(&self.rows, DURABLE, &mut self.rejected);
        self.again.clear();
        self.again_rows.clear();
        for rejected in std::mem::take(&mut self.rejected) {
            let row = rejected.row as usize;
            if rejected.why == AppendError::Duplicate {
                let why = Why::Duplicate { existing: appender.last_float(self.rows.refs[row]), new: self.rows.v[row] };
                self.fault(Part::Sample, row, why);
                continue;
            }
            if rejected.why != AppendError::UnknownSeries {
                self.note(Part::Sample, row, rejected.why);
                continue;
            }
            match self.find_again(appender, self.row_series[row], &spell) {
                Ok(series) => {
                    let (start, t, v) = (self.rows.start(row), self.rows.t[row], self.rows.v[row]);
                    self.again.push_with_start(series, start, t, v);
                    self.again_rows.push(rejected.row);
                }
                Err(why) => self.fault(Part::Sample, row, why),
            }
        }
        if !self.again.is_empty() {
            let mut rejected = std::mem::take(&mut self.rejected);
            rejected.clear();
            appender.append(&self.again, DURABLE, &mut rejected);
            for one in &rejected {
                self.note(Part::Sample, self.again_rows[one.row as usize] as usize, one.why);
            }
            self.rejected = rejected;
        }
        if !self.histograms.is_empty() {
            self.append_histograms(appender, &spell);
        }
        if !self.exemplars.is_empty() {
            let mut rejected = Vec::new();
            appender.append_exemplars(&self.exemplars, &mut rejected);
            for one in rejected {
                self.note(Part::Exemplar, one.row as usize, one.why);
            }
        }
        for (series, about) in &self.metadata {
            appender.metadata(*series, about);
        }
    }

    fn append_histograms(
        &mut self,
        appender: &mut dyn Appender,
        spell: &impl Fn(u32, &mut LabelSet) -> Option<Learned>,
    ) {
        let mut rejected = Vec::new();
        appender.append_histograms(&self.histograms, DURABLE, &mut rejected);
        let (mut again, mut again_rows) = (Vec::new(), Vec::new());
        for one in rejected {
            let row = one.row as usize;
            if one.why != AppendError::UnknownSeries {
                self.note(Part::Histogram, row, one.why);
                continue;
            }
            match self.find_again(appender, self.histogram_series[row], spell) {
                Ok(series) => {
                    again.push(HistogramSample { series, ..self.histograms[row].clone() });
                    again_rows.push(row);
                }
                Err(why) => self.fault(Part::Histogram, row, why),
            }
        }
        if !again.is_empty() {
            let mut rejected = Vec::new();
            appender.append_histograms(&again, DURABLE, &mut rejected);
            for one in rejected {
                self.note(Part::Histogram, again_rows[one.row as usize], one.why);
            }
        }
    }

    #[cold]
    fn find_again(
        &mut self,
        appender: &mut dyn Appender,
        series: u32,
        spell: &impl Fn(u32, &mut LabelSet) -> Option<Learned>,
    ) -> Result<SeriesRef, Why> {
        self.labels.clear();
        let learned = spell(series, &mut self.labels);
        let found = self.look_up(appender)?;
        self.learned.extend(learned.map(|one| Learned { series: found, ..one }));
        Ok(found)
    }

    fn note(&mut self, part: Part, row: usize, why: AppendError) {
        let why = match why {
            AppendError::OutOfOrder
            | AppendError::OutOfBounds
            | AppendError::Duplicate
            | AppendError::TooOld
            | AppendError::InvalidHistogram(_)
            | AppendError::OutOfOrderExemplar => Why::Refused(why),
            other => Why::Internal(other),
        };
        self.fault(part, row, why);
    }

    fn fault(&mut self, part: Part, row: usize, why: Why) {
        let (series, t) = match part {
            Part::Histogram => (self.histogram_series[row], self.histograms[row].t),
            Part::Exemplar => (self.exemplar_series[row], self.exemplars[row].t),
            Part::Sample | Part::Series => (self.row_series[row], self.rows.t[row]),
        };
        self.faults.push(Fault { series, part, row: row as u32, t, why });
    }

    /// Puts the faults into the order in which upstream meets them.
    pub(crate) fn sort_faults(&mut self) {
        self.faults.sort_by_key(|fault| (fault.series, fault.part, fault.row));
    }

    /// Returns how many samples, histograms and exemplars were taken.
    pub(crate) fn taken(&self) -> (usize, usize, usize) {
        // Of the others no row was made.
        let was_row = |why: &Why| {
            matches!(why, Why::Refused(_) | Why::Duplicate { .. } | Why::Internal(_) | Why::Bound(_) | Why::Labels(_))
        };
        let of = |part| self.faults.iter().filter(|f| f.part == part && was_row(&f.why)).count();
        (
            self.rows.len() - of(Part::Sample),
            self.histograms.len() - of(Part::Histogram),
            self.exemplars.len() - of(Part::Exemplar),
        )
    }
}

/// Returns which of its own rules a histogram breaks.
fn broken(value: &HistogramValue) -> Option<HistogramError> {
    let checked = match value {
        HistogramValue::Int(h) => h.validate(),
        HistogramValue::Float(h) => h.validate(),
    };
    checked.err()
}

/// Finds or creates a series.
fn create(appender: &mut dyn Appender, labels: &Labels) -> Result<SeriesRef, Why> {
    appender.series(labels, &SeriesMeta { job: labels.value("job") }).map_err(|why| match why {
        AppendError::SeriesLimit | AppendError::InvalidSample => Why::Bound(why),
        other => Why::Internal(other),
    })
}
