//! Appending: one batch, one owner. Columns, because scrapes and the WAL both are.

use firesteel_base::TimestampMs;
use firesteel_model::{FloatHistogram, Histogram, HistogramError, Labels, Metadata, SeriesRef};

use crate::StorageError;

/// Gives out appenders. Shared by all scrape loops.
pub trait Appendable: Send + Sync {
    /// Returns an appender for one batch. Dropping it without `commit` leaves nothing visible.
    fn appender(&self) -> Box<dyn Appender + '_>;
}

/// Takes one batch of samples and commits it as a whole.
pub trait Appender: Send {
    /// Finds or creates the series. `labels` are sorted and valid; a series outlives a rollback.
    /// Errors: `InvalidSample` for an empty set, `SeriesLimit` when a bound on growth refuses a new series.
    fn series(&mut self, labels: &Labels, about: &SeriesMeta<'_>) -> Result<SeriesRef, AppendError>;
    /// Looks a series up without creating it (stale markers).
    fn known(&self, labels: &Labels) -> Option<SeriesRef>;
    /// Returns the newest float of a series, to word a refusal; `None` when it is not known or a histogram.
    fn last_float(&self, _series: SeriesRef) -> Option<f64> {
        None
    }
    /// Appends rows in order; rows that cannot be taken land in `rejected` with the reason (also `UnknownSeries`).
    /// May be called several times before `commit`.
    fn append(&mut self, rows: &SampleBatch, how: AppendOptions, rejected: &mut Vec<Rejected>);
    /// Appends histograms in order, as [`Appender::append`] does floats; refused rows land in `rejected`, numbered within
    /// `rows`. A series may hold floats and histograms at different times.
    fn append_histograms(&mut self, rows: &[HistogramSample], how: AppendOptions, rejected: &mut Vec<Rejected>);
    /// Appends exemplars; refused rows land in `rejected`, numbered within `rows`.
    fn append_exemplars(&mut self, rows: &[Exemplar], rejected: &mut Vec<Rejected>);
    /// Notes a series' metadata.
    fn metadata(&mut self, series: SeriesRef, about: &Metadata);
    /// Gives the batch to the operating system (WAL) and then makes it visible as a whole.
    fn commit(self: Box<Self>) -> Result<Committed, StorageError>;
}

/// What is known of a series when it is created.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeriesMeta<'a> {
    /// The scrape job or sender, to which a bound on series growth is charged.
    pub job: &'a str,
}

/// Parallel columns, one row a float sample. Cleared and reused by its owner.
#[derive(Clone, Debug, Default)]
pub struct SampleBatch {
    pub refs: Vec<SeriesRef>,
    pub t: Vec<TimestampMs>,
    pub v: Vec<f64>,
    /// Start timestamps, 0 = none. Shorter than the rest when the last rows have none, so mostly empty.
    pub st: Vec<TimestampMs>,
}

impl SampleBatch {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, series: SeriesRef, t: TimestampMs, v: f64) {
        self.refs.push(series);
        self.t.push(t);
        self.v.push(v);
    }

    /// Adds a row with a start timestamp (0 = none).
    #[inline]
    pub fn push_with_start(&mut self, series: SeriesRef, start_t: TimestampMs, t: TimestampMs, v: f64) {
        if start_t.0 != 0 {
            self.st.resize(self.refs.len(), TimestampMs(0));
            self.st.push(start_t);
        }
        self.push(series, t, v);
    }

    /// Returns the start timestamp of row `i`, 0 = none.
    #[inline]
    pub fn start(&self, i: usize) -> TimestampMs {
        self.st.get(i).copied().unwrap_or(TimestampMs(0))
    }

    /// Returns the number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Returns whether there are no rows.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.refs.clear();
        self.t.clear();
        self.v.clear();
        self.st.clear();
    }
}

/// A native histogram of either kind.
#[derive(Clone, Debug)]
pub enum HistogramValue {
    Int(Box<Histogram>),
    Float(Box<FloatHistogram>),
}

/// One histogram sample.
#[derive(Clone, Debug)]
pub struct HistogramSample {
    pub series: SeriesRef,
    pub t: TimestampMs,
    /// When counting began; 0 = not known.
    pub start_t: TimestampMs,
    pub value: HistogramValue,
}

/// An exemplar of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    pub series: SeriesRef,
    pub labels: Labels,
    pub t: TimestampMs,
    pub v: f64,
    /// Whether the time came with the exemplar; else it is the sample's, and tells nothing when two are compared.
    pub timestamped: bool,
}

/// How a batch is to be taken, as upstream's appender options.
#[derive(Clone, Copy, Debug, Default)]
pub struct AppendOptions {
    /// Refuse out-of-order rows even where a window allows them (rules).
    pub refuse_out_of_order: bool,
    /// The rows are staleness markers: an out-of-order or duplicate one is dropped in silence.
    pub stale_marker: bool,
    /// Refuse the whole batch at `commit`, with [`StorageError::NotDurable`], when the log cannot be written: the sender
    /// still has the samples and sends them again (pushes). Otherwise they are kept in memory (scrapes, rules).
    pub durable: bool,
}

/// A row that was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Index of the row in the batch it came with.
    pub row: u32,
    pub why: AppendError,
}

/// Why a sample is not taken. The texts are upstream's (`storage/interface.go`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    #[error("out of order sample")]
    OutOfOrder,
    #[error("duplicate sample for timestamp")]
    Duplicate,
    #[error("out of bounds")]
    OutOfBounds,
    #[error("too old sample")]
    TooOld,
    #[error("invalid sample")]
    InvalidSample,
    /// A histogram that breaks its own rules.
    #[error(transparent)]
    InvalidHistogram(#[from] HistogramError),
    #[error("native histograms are disabled")]
    NativeHistogramsDisabled,
    #[error("start timestamp out of order, ignoring")]
    OutOfOrderStart,
    #[error("ST is newer or the same as sample's timestamp, ignoring")]
    StartNewerThanSample,
    /// The reference is unknown (the series was garbage collected): create it again from its labels.
    #[error("unknown series reference")]
    UnknownSeries,
    #[error("out of order exemplar")]
    OutOfOrderExemplar,
    #[error("duplicate exemplar")]
    DuplicateExemplar,
    #[error("label length for exemplar exceeds maximum of 128 UTF-8 characters")]
    ExemplarLabelLength,
    /// A bound on the number of series refuses a new one.
    #[error("limit of active series reached")]
    SeriesLimit,
}

/// What a commit did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Committed {
    /// Rows that are now visible.
    pub appended: usize,
    /// Rows refused under the lock because another appender was faster.
    pub rejected: usize,
    /// False when the log could not be written and the batch is in memory only.
    pub durable: bool,
}
