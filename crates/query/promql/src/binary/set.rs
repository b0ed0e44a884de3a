//! `and`, `or`, `unless`: elements pass by the presence of a partner.

use std::sync::Arc;

use firesteel_promql_syntax::{BinaryOp, VectorMatching};

use super::matching::Signatures;
use crate::QueryError;
use crate::budget::Charge;
use crate::context::Context;
use crate::grid::Grid;
use crate::operators::{Flow, Input, Operator};
use crate::series::OutputSeries;
use crate::tile::{Row, Tile, words_for};

pub(crate) struct SetOperation {
    op: BinaryOp,
    matching: VectorMatching,
    grid: Grid,
    lhs: Input,
    rhs: Input,
    signatures: Option<Signatures>,
    n_left: usize,
    /// One bitmap of steps a signature: `and` and `unless` fill it from the right, `or` from the left.
    seen: Vec<u64>,
    state: State,
    charge: Charge,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Left,
    /// `or` only: the elements on the right without a partner.
    Right,
}

impl SetOperation {
    pub(crate) fn new(
        op: BinaryOp,
        matching: VectorMatching,
        grid: Grid,
        lhs: Box<dyn Operator>,
        rhs: Box<dyn Operator>,
    ) -> Self {
        Self {
            op,
            matching,
            grid,
            lhs: Input::new(lhs),
            rhs: Input::new(rhs),
            signatures: None,
            n_left: 0,
            seen: Vec::new(),
            state: State::Start,
            charge: Charge::default(),
        }
    }

    fn note_seen(&mut self, signature: usize, row: Row<'_>) {
        let words = words_for(self.grid.n);
        for (at, seen) in self.seen[signature * words..(signature + 1) * words].iter_mut().enumerate() {
            *seen |= row.either(at);
        }
    }

    /// Keeps of the tile what has a partner, or has none.
    fn filter(&self, out: &mut Tile, signature: impl Fn(usize) -> usize, keep_seen: bool) {
        let words = words_for(self.grid.n);
        for i in 0..out.n_rows() {
            let at = signature(out.first + i) * words;
            let mut row = out.row_mut(i);
            for (word, seen) in self.seen[at..at + words].iter().enumerate() {
                row.keep(word, if keep_seen { *seen } else { !*seen });
            }
        }
    }
}

impl Operator for SetOperation {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let (lhs, rhs) = (self.lhs.prepare(cx)?, self.rhs.prepare(cx)?);
        let signatures = Signatures::new(&self.matching, &lhs, &rhs);
        let bytes = 8 * (signatures.n * words_for(self.grid.n) + lhs.len() + rhs.len());
        self.charge = cx.charge(bytes as u64)?;
        self.seen = vec![0; signatures.n * words_for(self.grid.n)];
        self.signatures = Some(signatures);
        self.n_left = lhs.len();
        if self.op == BinaryOp::Or { Ok(lhs.iter().chain(rhs.iter()).cloned().collect()) } else { Ok(lhs) }
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        let Some(signatures) = self.signatures.take() else { return Ok(Flow::End) };
        if self.state == State::Start {
            self.state = State::Left;
            if self.op != BinaryOp::Or {
                while self.rhs.next(cx, out)? == Flow::More {
                    for i in 0..out.n_rows() {
                        self.note_seen(signatures.rhs[out.first + i], out.row(i));
                    }
                }
            }
        }
        let mut flow = Flow::End;
        if self.state == State::Left {
            flow = self.lhs.next(cx, out)?;
            if flow == Flow::More && self.op == BinaryOp::Or {
                for i in 0..out.n_rows() {
                    self.note_seen(signatures.lhs[out.first + i], out.row(i));
                }
            } else if flow == Flow::More {
                self.filter(out, |row| signatures.lhs[row], self.op == BinaryOp::And);
            } else if self.op == BinaryOp::Or {
                self.state = State::Right;
            }
        }
        if self.state == State::Right {
            flow = self.rhs.next(cx, out)?;
            if flow == Flow::More {
                self.filter(out, |row| signatures.rhs[row], false);
                out.first += self.n_left;
            }
        }
        self.signatures = Some(signatures);
        Ok(flow)
    }
}
