//! One view of storage for the rules of a group that are evaluated one after the other.
//!
//! Rules of a group mostly ask for the same series. As long as none of them may read what another has written since, they
//! share queriers, the series that these found with the chunks that were read of them, and what range functions made of
//! them.

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::{TimeRange, TimestampMs, TimestampNs};
use firesteel_model::Matcher;
use firesteel_promql::{KnownRows, QueryOptions};
use firesteel_storage::{
    ChunkView, ChunkVisitor, LabelsWanted, Order, Querier, Queryable, Selected, Selection, SeriesEntry, StorageError,
};
use parking_lot::Mutex;

/// What arrives later than this is for a new view: a group may take long.
const LASTS: Duration = Duration::from_secs(1);
/// How many selections are kept, and how many series in them together.
const SELECTIONS: usize = 256;
const SERIES: usize = 16_384;

/// Storage as it was when it was first asked, or a moment later.
pub(crate) struct View<'a> {
    storage: &'a dyn Queryable,
    /// Queries look back so far at least: shorter ranges use one querier.
    reach: Duration,
    began: TimestampNs,
    queriers: Mutex<Vec<(TimeRange, Arc<SharedQuerier>)>>,
    /// What queries have read through it.
    rows: Arc<KnownRows>,
}

impl<'a> View<'a> {
    pub(crate) fn new(storage: &'a dyn Queryable, reach: Duration, began: TimestampNs) -> Self {
        Self { storage, reach, began, queriers: Mutex::default(), rows: Arc::default() }
    }

    /// Returns the options of a query through this view.
    pub(crate) fn options(&self, of_rule: &QueryOptions) -> QueryOptions {
        QueryOptions { known: Some(Arc::clone(&self.rows)), ..of_rule.clone() }
    }

    /// Returns whether a new view should be taken.
    pub(crate) fn is_old(&self, now: TimestampNs) -> bool {
        now.since(self.began) > LASTS
    }
}

impl Queryable for View<'_> {
    fn querier(&self, range: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        let reach = i64::try_from(self.reach.as_millis()).unwrap_or(i64::MAX);
        let least = TimestampMs(range.max.0.saturating_sub(reach));
        let range = TimeRange { min: range.min.min(least), max: range.max };
        let mut queriers = self.queriers.lock();
        if let Some((_, known)) = queriers.iter().find(|(of, _)| *of == range) {
            return Ok(Box::new(SharedHandle(Arc::clone(known))));
        }
        let made = Arc::new(SharedQuerier { querier: self.storage.querier(range)?, kept: Mutex::default() });
        queriers.push((range, Arc::clone(&made)));
        Ok(Box::new(SharedHandle(made)))
    }
}

/// A querier that remembers what it found.
struct SharedQuerier {
    querier: Box<dyn Querier>,
    /// Held to look or to add only: two who ask for the same at once both search.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    selections: Vec<Known>,
    series: usize,
}

struct Known {
    matchers: Vec<Matcher>,
    sorted: bool,
    labels: Option<Vec<String>>,
    selected: Arc<dyn Selected>,
}

impl Known {
    fn answers(&self, what: &Selection<'_>) -> bool {
        let labels = match (what.labels, &self.labels) {
            (LabelsWanted::All, None) => true,
            (LabelsWanted::Only(wanted), Some(known)) => wanted == known,
            _ => false,
        };
        labels
            && self.sorted == what.sorted
            && is_within(what.limit, self.selected.series().len())
            && self.matchers == what.matchers
    }
}

/// Returns whether that many series may be all of them: a limit was not met.
fn is_within(limit: usize, series: usize) -> bool {
    limit == 0 || series < limit
}

struct SharedHandle(Arc<SharedQuerier>);

impl Querier for SharedHandle {
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError> {
        let known = self.0.kept.lock().selections.iter().find(|one| one.answers(what)).map(|one| one.selected.clone());
        if let Some(known) = known {
            return Ok(Box::new(SharedSelected(known)));
        }
        let selected: Arc<dyn Selected> = Arc::from(self.0.querier.select(what)?);
        let series = selected.series().len();
        let mut kept = self.0.kept.lock();
        if is_within(what.limit, series) && kept.selections.len() < SELECTIONS && kept.series + series <= SERIES {
            kept.series += series;
            let labels = match what.labels {
                LabelsWanted::All => None,
                LabelsWanted::Only(names) => Some(names.to_vec()),
            };
            let (matchers, selected) = (what.matchers.to_vec(), Arc::clone(&selected));
            kept.selections.push(Known { matchers, sorted: what.sorted, labels, selected });
        }
        Ok(Box::new(SharedSelected(selected)))
    }

    fn label_values(&self, name: &str, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.0.querier.label_values(name, what)
    }

    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.0.querier.label_names(what)
    }
}

struct SharedSelected(Arc<dyn Selected>);

impl Selected for SharedSelected {
    fn series(&self) -> &[SeriesEntry] {
        self.0.series()
    }

    fn order(&self) -> Order {
        self.0.order()
    }

    fn chunks(&self, i: usize, out: &mut Vec<ChunkView>) -> Result<(), StorageError> {
        self.0.chunks(i, out)
    }

    fn visit_chunks(&self, i: usize, visit: &mut ChunkVisitor<'_>) -> Result<(), StorageError> {
        self.0.visit_chunks(i, visit)
    }

    fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
}
