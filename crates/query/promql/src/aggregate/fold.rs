//! Aggregations that keep a fixed state for each group and step: sum, avg, min, max, count, group, stddev, stdvar.

use std::sync::Arc;

use firesteel_promql_syntax::{AggregateOp, Span};

use super::GroupBy;
use crate::QueryError;
use crate::annotations::Note;
use crate::budget::Charge;
use crate::context::{Context, row_bytes};
use crate::grid::Grid;
use crate::histograms::HistogramStates;
use crate::kernels::kahan;
use crate::operators::{Emitter, Flow, Input, Operator};
use crate::series::OutputSeries;
use crate::tile::{Row, RowMut, Tile, bits, words_for};

pub(crate) struct Fold {
    op: AggregateOp,
    /// Where the aggregated vector stands.
    span: Span,
    grid: Grid,
    by: GroupBy,
    input: Input,
    series: Arc<[OutputSeries]>,
    group_of: Vec<usize>,
    n_groups: usize,
    emitter: Option<Emitter>,
    /// For the states.
    charge: Charge,
}

impl Fold {
    /// `of`: the operation, and where its vector stands.
    pub(crate) fn new(of: (AggregateOp, Span), grid: Grid, by: GroupBy, input: Box<dyn Operator>) -> Self {
        let (op, span) = of;
        let (input, series) = (Input::new(input), Arc::default());
        let (group_of, charge) = (Vec::new(), Charge::default());
        Self { op, span, grid, by, input, series, group_of, n_groups: 0, emitter: None, charge }
    }

    fn fold(&mut self, cx: &Context<'_>) -> Result<Tile, QueryError> {
        let columns = match self.op {
            AggregateOp::Avg | AggregateOp::Stddev | AggregateOp::Stdvar => 3,
            AggregateOp::Sum | AggregateOp::Count => 2,
            _ => 1,
        };
        let of_floats = row_bytes(self.grid.n).saturating_mul(self.n_groups.saturating_mul(columns) as u64);
        self.charge = cx.charge(of_floats)?;
        let mut largest = 0;
        let mut states = States::new(self.op, self.n_groups, self.grid.n);
        let mut histograms = HistogramStates::new(self.op == AggregateOp::Avg);
        let mut tile = Tile::default();
        while self.input.next(cx, &mut tile)? == Flow::More {
            for i in 0..tile.n_rows() {
                let (row, group) = (tile.row(i), self.group_of[tile.first + i]);
                if tile.has_histograms() && row.has_histograms() {
                    self.add_histograms(cx, &mut states, &mut histograms, group, tile.first + i, row);
                }
                states.add(group, row);
            }
            if tile.has_histograms() {
                largest = largest.max(tile.largest_histogram());
                self.charge.grow_to(cx.node, of_floats + histograms.bytes(largest))?;
            }
        }
        let mut out = states.finish();
        for group in 0..self.n_groups {
            let note = |note| cx.note(note, self.span);
            histograms.finish(group * self.grid.n, &mut out.row_mut(group), note);
        }
        Ok(out)
    }

    /// Adds a row's histograms to its group, or notes that they count for nothing.
    fn add_histograms(
        &self,
        cx: &Context<'_>,
        states: &mut States,
        histograms: &mut HistogramStates,
        group: usize,
        series: usize,
        row: Row<'_>,
    ) {
        use AggregateOp as A;
        let note = |note| cx.note(note, self.span);
        match self.op {
            A::Sum | A::Avg => {
                let metric = self.series[series].labels.metric_name();
                histograms.add(row, group * self.grid.n, states.main.row(group), metric, note);
            }
            A::Count | A::Group => {}
            _ => note(Note::HistogramIgnoredInAggregation { aggregation: self.op.as_str() }),
        }
    }
}

impl Operator for Fold {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        let (group_of, groups) = self.by.groups(&series);
        self.group_of = group_of;
        self.n_groups = groups.len();
        self.series = series;
        Ok(groups.into())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if self.emitter.is_none() {
            self.emitter = Some(Emitter::new(self.fold(cx)?));
        }
        Ok(self.emitter.as_mut().map_or(Flow::End, |rows| rows.next(self.grid, out)))
    }
}

/// The states of all groups: one value a group and step in each column that the operation needs.
struct States {
    op: AggregateOp,
    n_steps: usize,
    /// The running value; for the means of avg after the switch, the mean.
    main: Tile,
    /// Compensation (sum, avg) or mean (stddev, stdvar).
    second: Vec<f64>,
    count: Vec<f64>,
    /// avg: the sum would have overflowed, so the mean is kept incrementally. Allocated when first needed.
    incremental: Vec<bool>,
}

impl States {
    fn new(op: AggregateOp, n_groups: usize, n_steps: usize) -> Self {
        use AggregateOp as A;
        let cells = n_groups * n_steps;
        let column = |needed: bool| if needed { vec![0.0; cells] } else { Vec::new() };
        let mut main = Tile::default();
        main.reset(0, n_groups, n_steps);
        Self {
            op,
            n_steps,
            main,
            second: column(matches!(op, A::Sum | A::Avg | A::Stddev | A::Stdvar)),
            count: column(matches!(op, A::Avg | A::Count | A::Stddev | A::Stdvar)),
            incremental: Vec::new(),
        }
    }

    /// Adds a series' row to its group.
    fn add(&mut self, group: usize, row: Row<'_>) {
        use AggregateOp as A;
        let cells = group * self.n_steps..(group + 1) * self.n_steps;
        let mut main = self.main.row_mut(group);
        match self.op {
            A::Sum => add_to_sum(row, &mut main, &mut self.second[cells]),
            A::Avg => {
                let (second, count) = (&mut self.second[cells.clone()], &mut self.count[cells.clone()]);
                if self.incremental.is_empty() && add_to_mean(row, &mut main, second, count) {
                    return;
                }
                let n_cells = self.main.n_rows() * self.n_steps;
                self.incremental.resize(n_cells, false);
                let mut main = self.main.row_mut(group);
                let incremental = &mut self.incremental[cells.clone()];
                add_to_mean_slowly(row, &mut main, second, count, incremental);
            }
            A::Count => {
                for step in row.points().map(|(step, _)| step).chain(row.histogram_points().map(|(step, _)| step)) {
                    self.count[cells.start + step] += 1.0;
                }
                main.present.iter_mut().enumerate().for_each(|(at, seen)| *seen |= row.either(at));
            }
            A::Group => main.present.iter_mut().enumerate().for_each(|(at, seen)| *seen |= row.either(at)),
            A::Min => fold_each(row, &mut main, |least, v| if least > v || least.is_nan() { v } else { least }),
            A::Max => fold_each(row, &mut main, |most, v| if most < v || most.is_nan() { v } else { most }),
            _ => add_to_variance(row, &mut main, &mut self.second[cells.clone()], &mut self.count[cells]),
        }
    }

    /// Returns a row a group.
    fn finish(mut self) -> Tile {
        use AggregateOp as A;
        for group in 0..self.main.n_rows() {
            let cells = group * self.n_steps..(group + 1) * self.n_steps;
            let values = self.main.row_mut(group).values;
            let cell = |column: &[f64], step: usize| column.get(cells.start + step).copied().unwrap_or_default();
            for (step, v) in values.iter_mut().enumerate() {
                let (second, count) = (cell(&self.second, step), cell(&self.count, step));
                *v = match self.op {
                    A::Sum => *v + second,
                    A::Avg if self.incremental.get(cells.start + step) == Some(&true) => *v + second,
                    A::Avg => *v / count + second / count,
                    A::Count => count,
                    A::Group => 1.0,
                    A::Stdvar => *v / count,
                    A::Stddev => (*v / count).sqrt(),
                    _ => *v,
                };
            }
        }
        self.main
    }
}

/// How a word of presence bits of a row meets that of its group.
enum Meeting {
    /// All steps have both: no bit needs to be looked at.
    All,
    /// All steps have the row's value only.
    New,
    Mixed,
}

/// Compares the words for `n` steps (at most 64).
fn meeting(row: u64, group: u64, n: usize) -> Meeting {
    let full = if n == 64 { u64::MAX } else { (1 << n) - 1 };
    match (row == full, group) {
        (true, 0) => Meeting::New,
        (true, group) if group == full => Meeting::All,
        _ => Meeting::Mixed,
    }
}

fn steps_of(word: usize, n_steps: usize) -> std::ops::Range<usize> {
    word * 64..(word * 64 + 64).min(n_steps)
}

/// Adds with compensation; the first value of a step seeds it, so that -0 stays -0.
fn add_to_sum(row: Row<'_>, sum: &mut RowMut<'_>, compensation: &mut [f64]) {
    let n_steps = row.values.len();
    for word in 0..words_for(n_steps) {
        let incoming = row.present[word];
        let steps = steps_of(word, n_steps);
        match meeting(incoming, sum.present[word], steps.len()) {
            Meeting::All => {
                let columns = sum.values[steps.clone()].iter_mut().zip(&mut compensation[steps.clone()]);
                for ((s, c), x) in columns.zip(&row.values[steps]) {
                    (*s, *c) = kahan::inc(*x, *s, *c);
                }
            }
            Meeting::New => sum.values[steps.clone()].copy_from_slice(&row.values[steps]),
            Meeting::Mixed => {
                for step in bits(&[incoming]).map(|bit| word * 64 + bit) {
                    let x = row.values[step];
                    if sum.present[word] >> (step % 64) & 1 == 1 {
                        (sum.values[step], compensation[step]) = kahan::inc(x, sum.values[step], compensation[step]);
                    } else {
                        sum.values[step] = x;
                    }
                }
            }
        }
        sum.present[word] |= incoming;
    }
}

/// Adds to sums that become means, unless one of them overflows: then nothing is changed and false returned.
fn add_to_mean(row: Row<'_>, sum: &mut RowMut<'_>, compensation: &mut [f64], count: &mut [f64]) -> bool {
    let overflows = row.points().any(|(step, x)| {
        let seen = crate::tile::has_bit(sum.present, step);
        seen && (sum.values[step] + x).is_infinite()
    });
    if overflows {
        return false;
    }
    for (step, _) in row.points() {
        count[step] += 1.0;
    }
    add_to_sum(row, sum, compensation);
    true
}

/// The same with the switch to incremental means, step by step.
fn add_to_mean_slowly(
    row: Row<'_>,
    sum: &mut RowMut<'_>,
    compensation: &mut [f64],
    count: &mut [f64],
    incremental: &mut [bool],
) {
    for (step, x) in row.points() {
        count[step] += 1.0;
        if !crate::tile::has_bit(sum.present, step) {
            sum.set(step, x);
            continue;
        }
        let n = count[step];
        if !incremental[step] {
            let (s, c) = kahan::inc(x, sum.values[step], compensation[step]);
            if !s.is_infinite() {
                (sum.values[step], compensation[step]) = (s, c);
                continue;
            }
            incremental[step] = true;
            sum.values[step] /= n - 1.0;
            compensation[step] /= n - 1.0;
        }
        let q = (n - 1.0) / n;
        (sum.values[step], compensation[step]) = kahan::inc(x / n, q * sum.values[step], q * compensation[step]);
    }
}

fn fold_each(row: Row<'_>, state: &mut RowMut<'_>, f: impl Fn(f64, f64) -> f64) {
    for word in 0..state.present.len() {
        let incoming = row.present[word];
        let steps = steps_of(word, row.values.len());
        if let Meeting::All = meeting(incoming, state.present[word], steps.len()) {
            for (v, x) in state.values[steps.clone()].iter_mut().zip(&row.values[steps]) {
                *v = f(*v, *x);
            }
            continue;
        }
        for step in bits(&[incoming]).map(|bit| word * 64 + bit) {
            let seen = state.present[word] >> (step % 64) & 1 == 1;
            state.values[step] = if seen { f(state.values[step], row.values[step]) } else { row.values[step] };
        }
        state.present[word] |= incoming;
    }
}

/// Welford's update in plain doubles; a first value that is NaN or infinite makes the result NaN.
fn add_to_variance(row: Row<'_>, aux: &mut RowMut<'_>, mean: &mut [f64], count: &mut [f64]) {
    for (step, x) in row.points() {
        count[step] += 1.0;
        if !crate::tile::has_bit(aux.present, step) {
            aux.set(step, if x.is_finite() { 0.0 } else { f64::NAN });
            mean[step] = x;
            continue;
        }
        let delta = x - mean[step];
        mean[step] += delta / count[step];
        aux.values[step] += delta * (x - mean[step]);
    }
}
