//! Recording rules: the answer of an expression under another name.

use firesteel_base::TimestampMs;
use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME};

use crate::context::{EvalContext, RuleFailure};
use crate::output::{Output, OutputMemory};
use crate::rule::RuleCore;
use crate::view::View;

/// Records the answer of an expression as series.
#[derive(Debug)]
pub struct RecordingRule {
    pub(crate) core: RuleCore,
}

impl RecordingRule {
    /// Evaluates at `at`, which has the query offset in it already (`rules/recording.go`, `Eval`).
    pub(crate) fn eval(
        &self,
        cx: &EvalContext,
        view: &View<'_>,
        at: TimestampMs,
        limit: usize,
        memory: &OutputMemory,
    ) -> Result<Output, RuleFailure> {
        let samples = cx.vector_in(view, &self.core.expr, at, &self.core.options)?;
        let mut builder = LabelsBuilder::new();
        let output = memory.matched(samples, |labels| self.renamed(labels, &mut builder));
        let output = output.ok_or(RuleFailure::DuplicateSeries)?;
        let n = output.len();
        if limit > 0 && n > limit {
            return Err(RuleFailure::Limit { limit, n, what: "series" });
        }
        Ok(output)
    }

    fn renamed(&self, labels: &Labels, builder: &mut LabelsBuilder) -> Labels {
        builder.reset(labels);
        builder.set(METRIC_NAME, self.core.name());
        for (name, value) in self.core.labels() {
            builder.set(name, value);
        }
        builder.build()
    }
}
