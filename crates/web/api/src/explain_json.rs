//! The `explain` member of an answer. Ours; upstream has no such thing, and it is there only when it was asked for.

use firesteel_promql::{Explain, ExplainNode, ExplainPlan};

use crate::Json;

/// Appends a comma and the `explain` member, if there is anything to tell.
pub(crate) fn push_explain(out: &mut Json, explain: &Explain) {
    let Explain { plan } = explain;
    let Some(plan) = plan else { return };
    out.raw(r#","explain":{"#);
    push_plan(out.raw(r#""plan":"#), plan);
    out.raw("}");
}

fn push_plan(out: &mut Json, plan: &ExplainPlan) {
    out.raw(r#"{"peakBytes":"#).int(plan.peak_bytes as i64);
    out.raw(r#","operators":"#).list(&plan.roots, push_node);
    out.raw("}");
}

fn push_node(out: &mut Json, node: &ExplainNode) {
    out.raw(r#"{"operator":"#).string(&node.operator).raw(r#","expression":"#).string(&node.expression);
    out.raw(r#","start":"#).int(node.span.start as i64).raw(r#","end":"#).int(node.span.end as i64);
    out.raw(r#","series":"#).int(node.series as i64).raw(r#","points":"#).int(node.points as i64);
    out.raw(r#","samples":{"totalQueryableSamples":"#).int(node.samples as i64);
    out.raw(r#","samplesRead":"#).int(node.samples_read as i64).raw("}");
    out.raw(r#","peakBytes":"#).int(node.peak_bytes as i64);
    out.raw(r#","timings":{"wallTime":"#).number(node.wall.as_secs_f64());
    out.raw(r#","selfWallTime":"#).number(node.self_wall.as_secs_f64());
    out.raw(r#","cpuTime":"#).number(node.cpu.as_secs_f64());
    out.raw(r#","selfCpuTime":"#).number(node.self_cpu.as_secs_f64());
    out.raw(r#"},"children":"#).list(&node.children, push_node);
    out.raw("}");
}
