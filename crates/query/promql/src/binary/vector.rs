//! Arithmetic and comparison of two vectors, matched by signatures.
//!
//! One side (the right one, the left one under `group_right`) may have one element a signature and step: it is read
//! whole, a row a signature. The other, the many side, is streamed. Duplicates are found by bit operations over steps;
//! the errors are upstream's (`promql/engine.go`, VectorBinop).

use std::sync::Arc;

use firesteel_base::FastHashMap;
use firesteel_model::{Labels, LabelsBuilder};
use firesteel_promql_syntax::{BinaryOp, MatchCardinality, Span, VectorMatching};

use super::matching::{Signatures, match_labels};
use super::scalar;
use crate::QueryError;
use crate::annotations::Note;
use crate::budget::Charge;
use crate::context::{Context, row_bytes};
use crate::grid::Grid;
use crate::histograms::{Answer, Cell, Refused, element};
use crate::operators::{Flow, Input, Operator};
use crate::series::{OutputSeries, remove_metadata};
use crate::tile::{Row, RowMut, Tile, bits, has_bit, words_for};

/// What is to be computed.
#[derive(Clone, Debug)]
pub(crate) struct VectorMatch {
    pub(crate) op: BinaryOp,
    pub(crate) matching: VectorMatching,
    pub(crate) return_bool: bool,
    pub(crate) span: Span,
}

pub(crate) struct VectorOperation {
    what: VectorMatch,
    grid: Grid,
    many: Input,
    one: Input,
    /// Series and signatures, once prepared.
    layout: Option<Layout>,
    /// The one side's values, once read.
    ones: Option<Ones>,
    /// Steps at which the many side has any element.
    many_steps: Vec<u64>,
    /// One bitmap of steps a signature: a pair was computed.
    matched: Vec<u64>,
    /// One bitmap a label set that several rows of a signature share.
    taken: Vec<u64>,
    scratch: Tile,
    filled: bool,
    charge: Charge,
}

/// What a row of the output takes while rows are laid out, beside its labels.
const PAIR_BYTES: u64 = size_of::<OutputSeries>() as u64 + 16 + 4 * 8;

/// Which row goes where.
struct Layout {
    many_signatures: Vec<usize>,
    one_signatures: Vec<usize>,
    n_signatures: usize,
    one_series: Arc<[OutputSeries]>,
    /// The first output row of each row of the many side, and at the end the first of the rows that are filled in.
    first_out: Vec<usize>,
    /// Within a signature, which set of included labels a row of the one side has.
    variant_of_one: Vec<usize>,
    /// How many such sets a signature has, the one of a filled-in element among them.
    n_variants: Vec<usize>,
    /// For each output row the bitmap in `taken` that it shares with others.
    shared: Vec<Option<usize>>,
    n_shared: usize,
}

/// The one side: a row a signature.
struct Ones {
    rows: Tile,
    /// Which row of the one side an element comes from, by signature and step; empty if that does not matter.
    source: Vec<u32>,
    /// Steps with two elements of one signature, and the first such pair of each.
    duplicate_steps: Vec<u64>,
    duplicates: FastHashMap<usize, (usize, usize)>,
}

impl VectorOperation {
    pub(crate) fn new(what: VectorMatch, grid: Grid, lhs: Box<dyn Operator>, rhs: Box<dyn Operator>) -> Self {
        let swapped = what.matching.cardinality == MatchCardinality::OneToMany;
        let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
        Self {
            what,
            grid,
            many: Input::new(many),
            one: Input::new(one),
            layout: None,
            ones: None,
            many_steps: Vec::new(),
            matched: Vec::new(),
            taken: Vec::new(),
            scratch: Tile::default(),
            filled: false,
            charge: Charge::default(),
        }
    }

    fn one_to_one(&self) -> bool {
        self.what.matching.cardinality == MatchCardinality::OneToOne
    }

    /// Returns the labels of a result (`promql/engine.go`, resultMetric).
    fn result(&self, many: &Labels, include: &Labels, cx: &Context<'_>) -> OutputSeries {
        let matching = &self.what.matching;
        let mut builder = LabelsBuilder::from_labels(many);
        if scalar::changes_metric(self.what.op) || self.what.return_bool && !cx.delayed_names() {
            remove_metadata(&mut builder);
        }
        if self.one_to_one() {
            builder.retain(|name, _| matching.labels.iter().any(|known| known == name) == matching.on);
        }
        for name in &matching.include {
            builder.set(name, include.value(name));
        }
        OutputSeries { labels: builder.build(), drop_name: self.what.return_bool, apart: false }
    }

    /// Lays out the output: a row for each element of the many side and each set of labels that it may include.
    fn lay_out(
        &mut self,
        cx: &Context<'_>,
        many: &[OutputSeries],
        one: Arc<[OutputSeries]>,
        signatures: Signatures,
    ) -> Result<(Layout, Vec<OutputSeries>), QueryError> {
        let matching = &self.what.matching;
        let swapped = matching.cardinality == MatchCardinality::OneToMany;
        let (many_signatures, one_signatures) =
            if swapped { (signatures.rhs, signatures.lhs) } else { (signatures.lhs, signatures.rhs) };
        // Sets of included labels: by signature, each with one of the series that have it.
        let mut variants: Vec<Vec<usize>> = vec![Vec::new(); signatures.n];
        let included =
            |row: usize| -> Vec<&str> { matching.include.iter().map(|name| one[row].labels.value(name)).collect() };
        let mut variant_of_one = Vec::with_capacity(one.len());
        let mut numbers: FastHashMap<(usize, Vec<&str>), usize> = FastHashMap::default();
        for (row, &signature) in one_signatures.iter().enumerate() {
            let known = &mut variants[signature];
            let number = numbers.entry((signature, included(row))).or_insert_with(|| {
                known.push(row);
                known.len() - 1
            });
            variant_of_one.push(*number);
        }
        drop(numbers);
        let fills_one = matching.fill.rhs.is_some();
        let per_row = 8 * (many.len() + 2 * one.len() + 4 * signatures.n) as u64;
        let mut charge = cx.charge(per_row)?;
        let n_variants: Vec<usize> = variants.iter().map(|known| known.len() + usize::from(fills_one)).collect();
        let mut first_out = Vec::with_capacity(many.len() + 1);
        let mut outputs = Vec::new();
        let mut signature_of_out = Vec::new();
        for (row, &signature) in many_signatures.iter().enumerate() {
            first_out.push(outputs.len());
            let labels = &many[row].labels;
            // Every element with every set of labels that it may include: this is where a join explodes.
            let n_new = variants[signature].len() + usize::from(fills_one);
            charge.add(cx.node, n_new as u64 * (PAIR_BYTES + labels.as_packed().len() as u64))?;
            if row % 1024 == 0 {
                cx.check()?;
            }
            for &one_row in &variants[signature] {
                outputs.push(self.result(labels, &one[one_row].labels, cx));
            }
            if fills_one {
                outputs.push(self.result(labels, &match_labels(matching, labels), cx));
            }
            signature_of_out.resize(outputs.len(), signature);
        }
        first_out.push(outputs.len());
        if matching.fill.lhs.is_some() {
            for row in one.iter() {
                outputs.push(self.result(&match_labels(matching, &row.labels), &row.labels, cx));
            }
        }
        let (shared, n_shared) =
            if self.one_to_one() { (Vec::new(), 0) } else { find_shared(&outputs, &signature_of_out) };
        let layout = Layout {
            many_signatures,
            one_signatures,
            n_signatures: signatures.n,
            one_series: one,
            first_out,
            variant_of_one,
            n_variants,
            shared,
            n_shared,
        };
        self.charge = charge;
        Ok((layout, outputs))
    }

    /// Reads the one side.
    fn read_ones(&mut self, cx: &Context<'_>, layout: &Layout) -> Result<Ones, QueryError> {
        let n_steps = self.grid.n;
        // Its values, and from which row they come.
        let per_signature = row_bytes(n_steps) + 4 * n_steps as u64;
        self.charge.add(cx.node, per_signature.saturating_mul(layout.n_signatures as u64))?;
        let mut ones = Ones {
            rows: Tile::default(),
            source: vec![0; layout.n_signatures * n_steps],
            duplicate_steps: vec![0; words_for(n_steps)],
            duplicates: FastHashMap::default(),
        };
        ones.rows.reset(0, layout.n_signatures, n_steps);
        let mut tile = Tile::default();
        while self.one.next(cx, &mut tile)? == Flow::More {
            self.charge.add(cx.node, tile.histogram_bytes())?;
            for i in 0..tile.n_rows() {
                let row = tile.first + i;
                let signature = layout.one_signatures[row];
                let mut target = ones.rows.row_mut(signature);
                let points = tile.row(i).points().map(|(step, v)| (step, Ok(v)));
                let histograms = tile.row(i).histogram_points().map(|(step, h)| (step, Err(h)));
                for (step, point) in points.chain(histograms) {
                    let source = &mut ones.source[signature * n_steps + step];
                    if target.as_row().has(step) {
                        ones.duplicate_steps[step / 64] |= 1 << (step % 64);
                        ones.duplicates.entry(step).or_insert((*source as usize, row));
                        continue;
                    }
                    *source = row as u32;
                    match point {
                        Ok(v) => target.set(step, v),
                        Err(h) => target.set_histogram(step, Arc::clone(h)),
                    }
                }
            }
        }
        if self.what.matching.fill.is_set() {
            // Filling computes something at every step where either side has an element.
            self.check_duplicates(&ones, layout, &ones.duplicate_steps)?;
        }
        Ok(ones)
    }

    /// Errors when the one side has two elements of a signature at one of these steps.
    fn check_duplicates(&self, ones: &Ones, layout: &Layout, steps: &[u64]) -> Result<(), QueryError> {
        let Some(step) = bits(&ones.duplicate_steps).find(|&step| has_bit(steps, step)) else {
            return Ok(());
        };
        let (a, b) = ones.duplicates.get(&step).copied().unwrap_or_default();
        let matching = &self.what.matching;
        let labels = |row: usize| &layout.one_series[row].labels;
        let group = match_labels(matching, labels(b)).to_string();
        let side = if matching.cardinality == MatchCardinality::OneToMany { "left" } else { "right" };
        let mut texts = [labels(a).to_string(), labels(b).to_string()];
        texts.sort();
        let [a, b] = texts;
        Err(QueryError::Execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{a}, {b}]\
             ;many-to-many matching not allowed: matching labels must be unique on one side"
        )))
    }

    /// Computes the output rows of row `i` of `tile`, a tile of the many side.
    fn combine(
        &mut self,
        cx: &Context<'_>,
        layout: &Layout,
        ones: &Ones,
        tile: &Tile,
        i: usize,
        out: &mut Tile,
    ) -> Result<(), QueryError> {
        let row = tile.first + i;
        let signature = layout.many_signatures[row];
        let many = tile.row(i);
        for (at, seen) in self.many_steps.iter_mut().enumerate() {
            *seen |= many.either(at);
        }
        let fill = self.what.matching.fill.rhs;
        let n_variants = layout.n_variants[signature];
        if n_variants == 0 || many.is_empty() {
            return Ok(());
        }
        let one = ones.rows.row(signature);
        self.scratch.reset(0, 1, self.grid.n);
        let mut computed = self.scratch.row_mut(0);
        for (at, pairs) in computed.present.iter_mut().enumerate() {
            *pairs = many.either(at) & if fill.is_none() { one.either(at) } else { u64::MAX };
        }
        // Where there are histograms it takes the operation to know which of the pairs count.
        let trims = matches!(self.what.op, BinaryOp::TrimLower | BinaryOp::TrimUpper);
        let answers = (trims || !many.histograms.is_empty() || !one.histograms.is_empty()).then(|| {
            let one_cell = |step: usize| cell(one, step).or(fill.map(Cell::Float));
            operate_on_cells(&self.what, cx, |step| cell(many, step).zip(one_cell(step)), computed.present)
        });
        if computed.as_row().is_empty() {
            return Ok(());
        }
        let base = layout.first_out[row];
        // Which of the output rows a step goes to.
        let n_steps = self.grid.n;
        let variant = |step: usize| {
            if n_variants == 1 {
                0
            } else if one.has(step) {
                layout.variant_of_one[ones.source[signature * n_steps + step] as usize]
            } else {
                n_variants - 1
            }
        };
        let words = words_for(n_steps);
        let matched = &mut self.matched[signature * words..(signature + 1) * words];
        if self.what.matching.cardinality == MatchCardinality::OneToOne {
            if matched.iter().zip(&*computed.present).any(|(a, b)| a & b != 0) {
                // Upstream looks at the other side first.
                let clash = matched.iter().zip(&*computed.present).map(|(a, b)| a & b);
                let clash: Vec<u64> = clash.collect();
                let last = bits(&clash).next().unwrap_or(0);
                let mut steps = vec![0; words];
                (0..=last).for_each(|step| steps[step / 64] |= many.either(step / 64) & 1 << (step % 64));
                self.check_duplicates(ones, layout, &steps)?;
                return Err(QueryError::Execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                        .to_owned(),
                ));
            }
        } else {
            for step in bits(computed.present) {
                let Some(Some(group)) = layout.shared.get(base + variant(step)) else { continue };
                let word = &mut self.taken[group * words + step / 64];
                if *word >> (step % 64) & 1 == 1 {
                    return Err(QueryError::Execution(
                        "multiple matches for labels: grouping labels must ensure unique matches".to_owned(),
                    ));
                }
                *word |= 1 << (step % 64);
            }
        }
        matched.iter_mut().zip(&*computed.present).for_each(|(a, b)| *a |= b);
        if let Some(answers) = answers {
            computed.present.fill(0);
            for (step, answer) in answers {
                put(answer, step, &mut computed);
            }
        } else if let Some(fill) = fill {
            for (step, v) in computed.values.iter_mut().enumerate() {
                *v = one.get(step).unwrap_or(fill);
            }
            operate(&self.what, cx, many.values, &mut computed);
        } else {
            computed.values.copy_from_slice(one.values);
            operate(&self.what, cx, many.values, &mut computed);
        }
        let computed = self.scratch.row(0);
        if n_variants == 1 {
            out.row_mut(base - out.first).copy_from(computed);
        } else {
            for (step, v) in computed.points() {
                out.row_mut(base - out.first + variant(step)).set(step, v);
            }
            for (step, h) in computed.histogram_points() {
                out.row_mut(base - out.first + variant(step)).set_histogram(step, Arc::clone(h));
            }
        }
        Ok(())
    }

    /// Fills in the many side for elements of the one side that found nobody.
    fn fill_many(&mut self, cx: &Context<'_>, layout: &Layout, ones: &Ones, fill: f64, out: &mut Tile) {
        let n_steps = self.grid.n;
        let words = words_for(n_steps);
        let first = layout.first_out.last().copied().unwrap_or_default();
        out.reset(first, layout.one_series.len(), n_steps);
        let filled = vec![fill; n_steps];
        for (row, &signature) in layout.one_signatures.iter().enumerate() {
            let one = ones.rows.row(signature);
            let mut target = out.row_mut(row);
            let wanted = |step: usize| {
                let mine = ones.source[signature * n_steps + step] as usize == row;
                mine && !has_bit(&self.matched[signature * words..], step)
            };
            for (step, v) in one.points().filter(|(step, _)| wanted(*step)) {
                target.set(step, v);
            }
            operate(&self.what, cx, &filled, &mut target);
            for (step, h) in one.histogram_points().filter(|(step, _)| wanted(*step)) {
                if let Ok(Some(answer)) = element_of(&self.what, cx, Cell::Float(fill), Cell::Histogram(h)) {
                    put(answer, step, &mut target);
                }
            }
        }
    }
}

/// Finds output rows of one signature that have the same labels: they may not both get a value at a step.
fn find_shared(outputs: &[OutputSeries], signature_of_out: &[usize]) -> (Vec<Option<usize>>, usize) {
    let mut first: FastHashMap<(usize, &Labels), usize> = FastHashMap::default();
    let mut shared = vec![None; signature_of_out.len()];
    let mut n_shared = 0;
    for (row, (output, &signature)) in outputs.iter().zip(signature_of_out).enumerate() {
        let &mut other = first.entry((signature, &output.labels)).or_insert(row);
        if other != row {
            let group = *shared[other].get_or_insert_with(|| {
                n_shared += 1;
                n_shared - 1
            });
            shared[row] = Some(group);
        }
    }
    (shared, n_shared)
}

/// Returns the point at a step.
fn cell(row: Row<'_>, step: usize) -> Option<Cell<'_>> {
    row.get(step).map(Cell::Float).or(row.histogram(step).map(Cell::Histogram))
}

/// Combines points of either kind, step by step. Steps whose points are refused lose their bit in `pairs`.
fn operate_on_cells<'a>(
    what: &VectorMatch,
    cx: &Context<'_>,
    pair: impl Fn(usize) -> Option<(Cell<'a>, Cell<'a>)>,
    pairs: &mut [u64],
) -> Vec<(usize, Answer)> {
    let steps: Vec<usize> = bits(pairs).collect();
    let mut answers = Vec::with_capacity(steps.len());
    for step in steps {
        let Some((many, one)) = pair(step) else { continue };
        match element_of(what, cx, many, one) {
            Ok(Some(answer)) => answers.push((step, answer)),
            Ok(None) => {}
            Err(_) => pairs[step / 64] &= !(1 << (step % 64)),
        }
    }
    answers
}

fn element_of(what: &VectorMatch, cx: &Context<'_>, many: Cell<'_>, one: Cell<'_>) -> Result<Option<Answer>, Refused> {
    // Under group_right the many side is the right operand.
    let many_is_left = what.matching.cardinality != MatchCardinality::OneToMany;
    let (a, b) = if many_is_left { (many, one) } else { (one, many) };
    element(what.op, a, b, what.return_bool, |note| cx.note(note, what.span))
}

fn put(answer: Answer, step: usize, row: &mut RowMut<'_>) {
    match answer {
        Answer::Float(v) => row.set(step, v),
        Answer::Histogram(h) => row.set_histogram(step, h),
    }
}

/// Combines the many side's values with the one side's in `row`, whose bits tell where, into `row`.
fn operate(what: &VectorMatch, cx: &Context<'_>, many: &[f64], row: &mut RowMut<'_>) {
    // Under group_right the many side is the right operand.
    let many_is_left = what.matching.cardinality != MatchCardinality::OneToMany;
    if !what.op.is_comparison() {
        if matches!(what.op, BinaryOp::TrimLower | BinaryOp::TrimUpper) && !row.as_row().is_empty() {
            cx.note(Note::IncompatibleTypes { left: "float", op: what.op.as_str(), right: "float" }, what.span);
        }
        scalar::combine_rows(what.op, many_is_left, many, row);
        return;
    }
    for word in 0..row.present.len() {
        let mut kept = 0;
        for (bit, step) in (word * 64..(word * 64 + 64).min(row.values.len())).enumerate() {
            let (a, b) = if many_is_left { (many[step], row.values[step]) } else { (row.values[step], many[step]) };
            let holds = scalar::compare(what.op, a, b);
            row.values[step] = if what.return_bool { f64::from(u8::from(holds)) } else { a };
            kept |= u64::from(holds || what.return_bool) << bit;
        }
        row.present[word] &= kept;
    }
}

impl Operator for VectorOperation {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let swapped = self.what.matching.cardinality == MatchCardinality::OneToMany;
        // The left side is evaluated first, whichever it is: errors and annotations come in that order.
        let (many, one) = if swapped {
            let one = self.one.prepare(cx)?;
            (self.many.prepare(cx)?, one)
        } else {
            let many = self.many.prepare(cx)?;
            (many, self.one.prepare(cx)?)
        };
        let signatures = if swapped {
            Signatures::new(&self.what.matching, &one, &many)
        } else {
            Signatures::new(&self.what.matching, &many, &one)
        };
        let (layout, outputs) = self.lay_out(cx, &many, one, signatures)?;
        let words = words_for(self.grid.n);
        let bitmaps = (layout.n_signatures + layout.n_shared).saturating_mul(8 * words);
        self.charge.add(cx.node, bitmaps as u64)?;
        self.many_steps = vec![0; words];
        self.matched = vec![0; layout.n_signatures * words];
        self.taken = vec![0; layout.n_shared * words];
        self.layout = Some(layout);
        Ok(outputs.into())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        let Some(layout) = self.layout.take() else { return Ok(Flow::End) };
        let ones = match self.ones.take() {
            Some(ones) => ones,
            None => self.read_ones(cx, &layout)?,
        };
        let mut tile = Tile::default();
        let mut flow = if self.filled { Flow::End } else { self.many.next(cx, &mut tile)? };
        if flow == Flow::More {
            let first = layout.first_out[tile.first];
            let end = layout.first_out[tile.first + tile.n_rows()];
            out.reset(first, end - first, self.grid.n);
            for i in 0..tile.n_rows() {
                self.combine(cx, &layout, &ones, &tile, i, out)?;
            }
            self.check_duplicates(&ones, &layout, &self.many_steps)?;
        } else if let Some(fill) = self.what.matching.fill.lhs
            && !std::mem::replace(&mut self.filled, true)
        {
            self.fill_many(cx, &layout, &ones, fill, out);
            flow = Flow::More;
        }
        self.layout = Some(layout);
        self.ones = Some(ones);
        Ok(flow)
    }
}
