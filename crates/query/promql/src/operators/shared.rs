//! Leaves that stand more than once in a query, as in `a / on() sum(a)`, are read and computed once.
//!
//! Each place has an operator of its own. The first that is prepared becomes the one that reads; the tiles that it makes
//! are kept until the others have taken them. Samples are counted, and notes made, at each place as if it had read by
//! itself, so that neither statistics nor annotations tell the difference. When the rows would take too much memory every
//! place reads by itself.
//!
//! Queries that share a view of storage ([`KnownRows`]) share the rows of equal leaves as well.

use std::collections::VecDeque;
use std::sync::Arc;

use firesteel_model::Matcher;
use firesteel_promql_syntax::{RangeMode, Span};
use parking_lot::Mutex;

use super::known::{KnownLeaf, KnownRows};
use super::{Flow, Operator};
use crate::QueryError;
use crate::annotations::Note;
use crate::budget::Charge;
use crate::context::{Context, row_bytes};
use crate::grid::Grid;
use crate::plan::{Plan, RangeFunction, RangeSource, SelectorPlan};
use crate::series::OutputSeries;
use crate::tile::Tile;

/// Rows that take more than this are read again rather than kept.
const KEPT_BYTES: u64 = 64 << 20;

/// What makes two leaves the same: all but their places in the query.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LeafKey {
    /// The function with its range and the bits of its parameters; `None` for an instant selector.
    function: Option<(RangeFunction, i64, Vec<u64>)>,
    matchers: Vec<Matcher>,
    at: Option<i64>,
    offset_ms: i64,
    mode: RangeMode,
    stats_only: bool,
    labels: Option<Arc<[String]>>,
    renamed: bool,
    grid: Grid,
}

impl LeafKey {
    /// Returns the key of a plan that can be shared, and the place that its notes are about.
    pub(crate) fn of(plan: &Plan, grid: Grid) -> Option<(Self, Span)> {
        let key = |function, selector: &SelectorPlan| Self {
            function,
            matchers: selector.matchers.clone(),
            at: selector.at,
            offset_ms: selector.offset_ms,
            mode: selector.mode,
            stats_only: selector.stats_only,
            labels: selector.labels.clone(),
            renamed: selector.renamed,
            grid,
        };
        match plan {
            Plan::Selector(selector) => Some((key(None, selector), selector.span)),
            Plan::RangeCall { function, source: RangeSource::Series { selector, range_ms }, params, arg } => {
                let bits = |param: &Plan| match param {
                    Plan::Number(v) => Some(v.to_bits()),
                    _ => None,
                };
                let params: Option<Vec<u64>> = params.iter().map(bits).collect();
                Some((key(Some((*function, *range_ms, params?)), selector), *arg))
            }
            _ => None,
        }
    }
}

/// The leaves of a query by what makes them the same.
#[derive(Default)]
pub(crate) struct SharedLeaves(Vec<(LeafKey, Arc<Mutex<Group>>)>);

impl SharedLeaves {
    /// Puts a leaf beside those that are the same.
    pub(crate) fn join(&mut self, key: LeafKey, own: Box<dyn Operator>, span: Span) -> SharedLeaf {
        let known = self.0.iter().find(|(known, _)| *known == key).map(|(_, group)| Arc::clone(group));
        let group = known.unwrap_or_else(|| {
            let group = Arc::<Mutex<Group>>::default();
            self.0.push((key.clone(), Arc::clone(&group)));
            group
        });
        let me = {
            let mut group = group.lock();
            group.taken.push(0);
            group.taken.len() - 1
        };
        SharedLeaf { own: Some(own), group, me, span, key }
    }
}

/// The places of one leaf.
#[derive(Default)]
pub(crate) struct Group {
    /// How many tiles each place has taken.
    taken: Vec<usize>,
    state: State,
}

#[derive(Default)]
enum State {
    /// Nobody was prepared yet.
    #[default]
    Open,
    /// Each place reads by itself.
    Apart,
    Together(Reading),
}

/// The reading of one place for all.
struct Reading {
    /// `None` when another query has read all that there is.
    reader: Option<Box<dyn Operator>>,
    series: Arc<[OutputSeries]>,
    /// The tiles that not all have taken, the first of them being tile `first`.
    kept: VecDeque<Kept>,
    first: usize,
    ended: bool,
    /// All tiles so far, for other queries.
    for_others: Option<Vec<Taken>>,
}

/// A tile with what was said while it was made.
struct Kept {
    taken: Taken,
    _charge: Charge,
}

/// A tile as it was made.
#[derive(Clone)]
pub(crate) struct Taken {
    tile: Tile,
    /// Samples looked at, and read.
    counts: (u64, u64),
    notes: Vec<Note>,
}

/// One place of a leaf.
pub(crate) struct SharedLeaf {
    /// The leaf itself, unless another place reads.
    own: Option<Box<dyn Operator>>,
    group: Arc<Mutex<Group>>,
    me: usize,
    span: Span,
    key: LeafKey,
}

impl SharedLeaf {
    /// Returns what other queries of this moment know, and may come to know through this leaf.
    fn known<'c>(&self, cx: &'c Context<'_>) -> Option<&'c KnownRows> {
        cx.known.as_deref().filter(|_| self.key.grid.is_instant())
    }

    /// Takes over what another query has read.
    fn take_over(leaf: &KnownLeaf, cx: &Context<'_>) -> Result<Reading, QueryError> {
        let keep = |taken: &Taken| -> Result<Kept, QueryError> {
            let _charge = cx.charge(taken.tile.bytes())?;
            Ok(Kept { taken: taken.clone(), _charge })
        };
        let kept = leaf.tiles.iter().map(keep).collect::<Result<_, _>>()?;
        Ok(Reading { reader: None, series: Arc::clone(&leaf.series), kept, first: 0, ended: true, for_others: None })
    }
}

impl Operator for SharedLeaf {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let mut group = self.group.lock();
        match &group.state {
            State::Apart => {}
            State::Together(reading) => {
                self.own = None;
                return Ok(Arc::clone(&reading.series));
            }
            State::Open => {
                let Some(mut reader) = self.own.take() else { return Err(lost()) };
                let known = self.known(cx);
                if let Some(leaf) = known.and_then(|known| known.get(&self.key)) {
                    group.state = State::Together(Self::take_over(&leaf, cx)?);
                    return Ok(leaf.series);
                }
                // What storage says of itself belongs to the query that asked.
                cx.node.listen();
                let prepared = reader.prepare(cx);
                let said = cx.node.heard();
                let for_others = known.filter(|_| said.is_empty()).map(|_| Vec::new());
                for note in said {
                    cx.note(note, Span::default());
                }
                let series = prepared?;
                let bytes = row_bytes(self.key.grid.n).saturating_mul(series.len() as u64);
                let room = cx.room().unwrap_or(u64::MAX);
                let wanted = group.taken.len() > 1 || for_others.is_some();
                if wanted && bytes <= KEPT_BYTES.min(room / 4) {
                    let (kept, series_of_all) = (VecDeque::new(), Arc::clone(&series));
                    let reader = Some(reader);
                    let reading = Reading { reader, series: series_of_all, kept, first: 0, ended: false, for_others };
                    group.state = State::Together(reading);
                } else {
                    group.state = State::Apart;
                    self.own = Some(reader);
                }
                return Ok(series);
            }
        }
        drop(group);
        self.own.as_mut().ok_or_else(lost)?.prepare(cx)
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if let Some(own) = &mut self.own {
            return own.next(cx, out);
        }
        let group = &mut *self.group.lock();
        let State::Together(reading) = &mut group.state else { return Err(lost()) };
        let at = group.taken.get(self.me).copied().unwrap_or(0);
        let is_last = group.taken.iter().enumerate().all(|(i, taken)| i == self.me || *taken > at);
        if let Some(kept) = at.checked_sub(reading.first).and_then(|i| reading.kept.get_mut(i)) {
            // The last one to take it need not copy.
            let kept = &mut kept.taken;
            if is_last {
                std::mem::swap(out, &mut kept.tile);
            } else {
                out.copy_tile(&kept.tile);
            }
            cx.count(kept.counts.0, kept.counts.1);
            kept.notes.iter().for_each(|note| cx.note(note.clone(), self.span));
        } else {
            if reading.ended {
                return Ok(Flow::End);
            }
            let before = cx.node.counts();
            cx.node.listen();
            let Some(reader) = &mut reading.reader else { return Err(lost()) };
            let flow = reader.next(cx, out);
            let notes = cx.node.heard();
            for note in &notes {
                cx.note(note.clone(), self.span);
            }
            if flow? == Flow::End {
                reading.ended = true;
                if let (Some(tiles), Some(known)) = (reading.for_others.take(), cx.known.as_deref()) {
                    known.put(self.key.clone(), Arc::clone(&reading.series), tiles);
                }
                return Ok(Flow::End);
            }
            let after = cx.node.counts();
            let counts = (after.0 - before.0, after.1 - before.1);
            if let Some(tiles) = &mut reading.for_others {
                tiles.push(Taken { tile: out.clone(), counts, notes: notes.clone() });
            }
            if is_last {
                reading.first += 1;
            } else {
                let _charge = cx.charge(out.bytes())?;
                reading.kept.push_back(Kept { taken: Taken { tile: out.clone(), counts, notes }, _charge });
            }
        }
        if let Some(taken) = group.taken.get_mut(self.me) {
            *taken += 1;
        }
        while !reading.kept.is_empty() && group.taken.iter().all(|taken| *taken > reading.first) {
            reading.kept.pop_front();
            reading.first += 1;
        }
        Ok(Flow::More)
    }
}

fn lost() -> QueryError {
    QueryError::Execution("a shared selector was asked before it was prepared".to_owned())
}
