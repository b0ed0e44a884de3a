//! `label_replace` and `label_join`, and the removal of metric names at the end: rows stay, identities change.

use std::sync::Arc;

use super::{Flow, Input, Operator};
use crate::QueryError;
use crate::budget::Charge;
use crate::context::Context;
use crate::functions::label_functions::{LabelJoin, LabelReplace};
use crate::series::{OutputSeries, without_metadata};
use crate::tile::Tile;

/// How labels change.
pub(crate) enum LabelChange {
    Replace(LabelReplace),
    Join(LabelJoin),
    /// Delayed name removal.
    DropNames,
}

pub(crate) struct Relabel {
    input: Input,
    change: LabelChange,
    /// For the labels.
    charge: Charge,
}

impl Relabel {
    pub(crate) fn new(input: Box<dyn Operator>, change: LabelChange) -> Self {
        Self { input: Input::new(input), change, charge: Charge::default() }
    }
}

impl Operator for Relabel {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        let mut charge = cx.charge(0)?;
        let mut relabelled = Vec::with_capacity(series.len());
        for one in series.iter() {
            let one = match &self.change {
                LabelChange::Replace(replace) => replace.apply(one),
                LabelChange::Join(join) => join.apply(one),
                LabelChange::DropNames if one.drop_name => OutputSeries::plain(without_metadata(&one.labels)),
                LabelChange::DropNames => one.clone(),
            };
            // A replacement may be of any length.
            charge.add(cx.node, one.labels.as_packed().len() as u64)?;
            relabelled.push(one);
        }
        self.charge = charge;
        Ok(relabelled.into())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        self.input.next(cx, out)
    }
}
