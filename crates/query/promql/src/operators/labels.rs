//! `label_replace` and `label_join`, and the removal of metric names at the end: rows stay, identities change.

use std::sync::Arc;

use super::{Flow, Input, Operator};
use crate::QueryError;
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
}

impl Relabel {
    pub(crate) fn new(input: Box<dyn Operator>, change: LabelChange) -> Self {
        Self { input: Input::new(input), change }
    }
}

impl Operator for Relabel {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        Ok(series
            .iter()
            .map(|one| match &self.change {
                LabelChange::Replace(replace) => replace.apply(one),
                LabelChange::Join(join) => join.apply(one),
                LabelChange::DropNames if one.drop_name => OutputSeries::plain(without_metadata(&one.labels)),
                LabelChange::DropNames => one.clone(),
            })
            .collect())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        self.input.next(cx, out)
    }
}
