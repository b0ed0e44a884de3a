//! What all operators of one query share: its querier, its limits, its notes, its counts.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use firesteel_model::Matcher;
use firesteel_promql_syntax::Span;
use firesteel_storage::{LabelsWanted, Querier, Selected, Selection, SelectionHints, SeriesEntry};
use parking_lot::Mutex;

use crate::annotations::{Annotations, Note};
use crate::budget::{Account, Charge};
use crate::cancel::Stop;
use crate::operators::{KnownRows, SharedLeaves};
use crate::plan::SelectorPlan;
use crate::series::METADATA_LABELS;
use crate::tile::TILE_ROWS;
use crate::trace::Node;
use crate::{EngineFeatures, QueryError};

/// Where a query is when it is told to stop.
const EVALUATION: &str = "expression evaluation";

/// Rows are dense: this many steps take 400 MB, whatever the limit on samples says.
const MAX_STEPS: u64 = 50_000_000;

/// What one operator sees of its query: what all share, and its own node.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    shared: &'a Shared<'a>,
    pub(crate) node: &'a Arc<Node>,
}

/// One query's surroundings; shared by the threads that evaluate it.
pub(crate) struct Shared<'q> {
    querier: &'q dyn Querier,
    pub(crate) lookback_ms: i64,
    pub(crate) features: EngineFeatures,
    /// How many threads the pool has.
    pub(crate) threads: usize,
    /// Set while the caller's thread works alone.
    alone: AtomicBool,
    /// How many tiles of an operator the caller's thread makes alone.
    tiles_alone: usize,
    /// Whether there was too much for one thread.
    outgrown: AtomicBool,
    stop: Stop,
    account: Arc<Account>,
    max_samples: u64,
    pub(crate) limit: usize,
    /// What the answer does not depend on need not be read.
    pub(crate) leave_unread: bool,
    /// Series are wanted in order of labels.
    sorted: bool,
    // Counters: nothing is published through them, so relaxed ordering is enough.
    held: AtomicU64,
    peak: AtomicU64,
    total: AtomicU64,
    read: AtomicU64,
    notes: Mutex<Annotations>,
    /// Selections made, so that equal selectors of one query share their look-up.
    selections: Mutex<Vec<KnownSelection>>,
    /// What other queries of the same moment have read.
    pub(crate) known: Option<Arc<KnownRows>>,
    /// Leaves that may stand more than once. Taken while operators are built only.
    pub(crate) leaves: Mutex<SharedLeaves>,
}

/// A selection that was made: its matchers and its series.
struct KnownSelection {
    matchers: Vec<Matcher>,
    labels: Option<Arc<[String]>>,
    selected: Arc<dyn Selected>,
    _charge: Charge,
}

/// The limits of one query.
pub(crate) struct Limits {
    pub(crate) stop: Stop,
    pub(crate) account: Arc<Account>,
    /// 0 = no limit.
    pub(crate) max_samples: usize,
    /// How many series the answer needs at least; 0 = all.
    pub(crate) series: usize,
    /// What the answer does not depend on need not be read.
    pub(crate) leave_unread: bool,
    /// Series are wanted in order of labels.
    pub(crate) sorted: bool,
    /// How many tiles of an operator the caller's thread makes alone, before query threads are worth waking.
    pub(crate) tiles_alone: usize,
    /// What other queries of the same moment have read.
    pub(crate) known: Option<Arc<KnownRows>>,
}

impl<'q> Shared<'q> {
    pub(crate) fn new(
        querier: &'q dyn Querier,
        lookback_ms: i64,
        features: EngineFeatures,
        threads: usize,
        limits: Limits,
    ) -> Self {
        Self {
            querier,
            lookback_ms,
            features,
            threads,
            alone: AtomicBool::new(false),
            tiles_alone: limits.tiles_alone,
            outgrown: AtomicBool::new(false),
            stop: limits.stop,
            account: limits.account,
            limit: limits.series,
            leave_unread: limits.leave_unread,
            sorted: limits.sorted,
            max_samples: if limits.max_samples == 0 { u64::MAX } else { limits.max_samples as u64 },
            held: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            total: AtomicU64::new(0),
            read: AtomicU64::new(0),
            notes: Mutex::default(),
            selections: Mutex::default(),
            known: limits.known,
            leaves: Mutex::default(),
        }
    }

    /// Runs a small query on this thread: to wake another would take longer than the query. Returns `None` when it turns
    /// out not to be small; what it counted so far is forgotten then.
    pub(crate) fn alone<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        self.alone.store(true, Ordering::Relaxed);
        let done = work();
        self.alone.store(false, Ordering::Relaxed);
        if !self.outgrown.load(Ordering::Relaxed) {
            return Some(done);
        }
        for counter in [&self.held, &self.peak, &self.total, &self.read] {
            counter.store(0, Ordering::Relaxed);
        }
        *self.leaves.lock() = SharedLeaves::default();
        None
    }

    /// Says that an operator has so many tiles to make; an error ends the attempt to do without the query threads.
    pub(crate) fn expect_tiles(&self, n: usize) -> Result<(), QueryError> {
        if n > self.tiles_alone && self.is_alone() {
            self.outgrown.store(true, Ordering::Relaxed);
            return Err(QueryError::Canceled(EVALUATION));
        }
        Ok(())
    }

    /// Returns whether the caller's thread works, and not a query thread.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone.load(Ordering::Relaxed)
    }

    /// Returns whether metric names go at the end only.
    pub(crate) fn delayed_names(&self) -> bool {
        self.features.delayed_name_removal
    }

    /// Errors when the query was canceled or its time is over; asked once a tile.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.stop.cancel.is_canceled() {
            return Err(QueryError::Canceled(EVALUATION));
        }
        if self.stop.is_late() {
            return Err(QueryError::Timeout(EVALUATION));
        }
        self.account.check()
    }

    /// Returns what ends the query, for what runs long between two checks.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Errors when a row of so many steps would by itself be more than may be held: `x[100y:1ms]`.
    pub(crate) fn check_steps(&self, n_steps: usize) -> Result<(), QueryError> {
        if n_steps as u64 > self.max_samples.min(MAX_STEPS) { Err(QueryError::TooManySamples) } else { Ok(()) }
    }

    /// Counts samples that are now held; errors when they are too many.
    pub(crate) fn hold(&self, n: u64) -> Result<(), QueryError> {
        let held = self.held.fetch_add(n, Ordering::Relaxed) + n;
        self.note_peak(held)
    }

    fn note_peak(&self, held: u64) -> Result<(), QueryError> {
        self.peak.fetch_max(held, Ordering::Relaxed);
        if held > self.max_samples { Err(QueryError::TooManySamples) } else { Ok(()) }
    }

    /// Counts samples that are no longer held.
    pub(crate) fn release(&self, n: u64) {
        self.held.fetch_sub(n, Ordering::Relaxed);
    }

    /// Returns total, read and peak.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.total), load(&self.read), load(&self.peak))
    }

    /// Returns warnings and infos with their places in `query`.
    pub(crate) fn notes(&self, query: &str) -> (Vec<String>, Vec<String>) {
        self.notes.lock().render(query)
    }
}

impl<'a> Deref for Context<'a> {
    type Target = Shared<'a>;

    fn deref(&self) -> &Shared<'a> {
        self.shared
    }
}

/// What a series of a selection costs beside its labels: its entry, the head of its label set, and its share of the open
/// chunks that the head copies.
const SERIES_BYTES: u64 = 24 + 16 + 200;

impl<'a> Context<'a> {
    pub(crate) fn new(shared: &'a Shared<'a>, node: &'a Arc<Node>) -> Self {
        Self { shared, node }
    }

    /// Returns the surroundings of the operator that `node` is of.
    pub(crate) fn at<'b>(&self, node: &'b Arc<Node>) -> Context<'b>
    where
        'a: 'b,
    {
        Context { shared: self.shared, node }
    }

    /// Says something about the answer.
    pub(crate) fn note(&self, note: Note, span: Span) {
        if !self.node.hear(&note) {
            self.shared.notes.lock().add(note, span);
        }
    }

    /// Returns how many bytes the query may still take, if there is a bound.
    pub(crate) fn room(&self) -> Option<u64> {
        self.shared.account.room()
    }

    /// Charges bytes that are about to be allocated.
    pub(crate) fn charge(&self, bytes: u64) -> Result<Charge, QueryError> {
        Charge::new(self.node, bytes)
    }

    /// Charges rows of values at so many steps.
    pub(crate) fn charge_rows(&self, n_rows: usize, n_steps: usize) -> Result<Charge, QueryError> {
        self.charge(row_bytes(n_steps).saturating_mul(n_rows as u64))
    }

    /// Counts samples looked at, and those read for the first time.
    pub(crate) fn count(&self, total: u64, read: u64) {
        self.shared.total.fetch_add(total, Ordering::Relaxed);
        self.shared.read.fetch_add(read, Ordering::Relaxed);
        self.node.count(total, read);
    }

    /// Selects the series of a selector with the labels that the plan wants. Also returns whether these may be only some of
    /// theirs.
    pub(crate) fn select_for(
        &self,
        plan: &SelectorPlan,
        hints: SelectionHints,
    ) -> Result<(Arc<dyn Selected>, bool), QueryError> {
        // Who does not name the metric gets several, all but always: their whole sets are read at once, not as a second try.
        if plan.labels.is_some() && (!plan.renamed || plan.is_one_metric()) {
            let selected = self.select(&plan.matchers, hints, plan.labels.as_ref())?;
            // Series of one metric stay different when they lose its name; of several, whole sets must tell.
            if !plan.renamed || is_one_metric(selected.series()) {
                return Ok((selected, true));
            }
        }
        Ok((self.select(&plan.matchers, hints, None)?, false))
    }

    /// Selects the series that satisfy the matchers, once per query; `labels`: those that are wanted, `None` = all.
    pub(crate) fn select(
        &self,
        matchers: &[Matcher],
        hints: SelectionHints,
        labels: Option<&Arc<[String]>>,
    ) -> Result<Arc<dyn Selected>, QueryError> {
        let known = self
            .shared
            .selections
            .lock()
            .iter()
            .find(|one| one.labels.as_ref() == labels && one.matchers == matchers)
            .map(|one| Arc::clone(&one.selected));
        if let Some(selected) = known {
            return Ok(selected);
        }
        self.check()?;
        // So many series would by themselves be too much: one more than that need not be looked for.
        let limit = self.shared.account.room().map_or(0, |room| (room / SERIES_BYTES).saturating_add(1));
        let limit = usize::try_from(limit).ok().filter(|limit| *limit < MOST_SERIES).unwrap_or(0);
        let wanted = labels.map_or(LabelsWanted::All, |names| LabelsWanted::Only(names));
        let what = Selection { matchers, hints, limit, sorted: self.shared.sorted, labels: wanted };
        let selected: Arc<dyn Selected> = Arc::from(self.shared.querier.select(&what)?);
        let series = selected.series();
        self.node.note_series(series.len());
        let charge = self.charge(label_bytes(series) + SERIES_BYTES * series.len() as u64)?;
        for warning in selected.warnings() {
            self.note(Note::Storage(warning), Span::default());
        }
        let known = KnownSelection {
            matchers: matchers.to_vec(),
            labels: labels.cloned(),
            selected: Arc::clone(&selected),
            _charge: charge,
        };
        self.shared.selections.lock().push(known);
        // Kept for whoever takes over.
        self.expect_tiles(selected.series().len().div_ceil(TILE_ROWS))?;
        Ok(selected)
    }
}

/// Returns how many bytes the labels take; series in a row may share them.
fn label_bytes(series: &[SeriesEntry]) -> u64 {
    let mut before = None;
    let mut bytes = 0;
    for SeriesEntry { labels, .. } in series {
        if !before.replace(labels).is_some_and(|before| labels.is_shared_with(before)) {
            bytes += labels.as_packed().len() as u64;
        }
    }
    bytes
}

/// Returns whether all series have the same name, type and unit.
fn is_one_metric(series: &[SeriesEntry]) -> bool {
    let metric = |one: &SeriesEntry| METADATA_LABELS.map(|name| one.labels.value(name).to_owned());
    let Some(first) = series.first() else { return true };
    let known = metric(first);
    let mut before = &first.labels;
    series.iter().all(|one| {
        let labels = std::mem::replace(&mut before, &one.labels);
        one.labels.is_shared_with(labels)
            || METADATA_LABELS.iter().zip(&known).all(|(name, v)| one.labels.value(name) == v)
    })
}

/// More series than this are no bound worth telling the store.
const MOST_SERIES: usize = u32::MAX as usize;

/// Returns how many bytes a row of values takes.
pub(crate) fn row_bytes(n_steps: usize) -> u64 {
    let n_steps = n_steps as u64;
    n_steps.saturating_mul(8).saturating_add(n_steps.div_ceil(64) * 8)
}
