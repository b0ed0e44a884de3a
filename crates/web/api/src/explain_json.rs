//! The `explain` member of an answer. Ours; upstream has no such thing, and it is there only when it was asked for.

use firesteel_promql::{EmptyReason, Explain, ExplainNode, ExplainPlan};

use crate::Json;

/// Appends a comma and the `explain` member, if there is anything to tell.
pub(crate) fn push_explain(out: &mut Json, explain: &Explain) {
    let Explain { plan, empty } = explain;
    if plan.is_none() && empty.is_none() {
        return;
    }
    out.raw(r#","explain":{"#);
    if let Some(plan) = plan {
        push_plan(out.raw(r#""plan":"#), plan);
    }
    if let Some(reasons) = empty {
        out.raw(if plan.is_some() { r#","empty":"# } else { r#""empty":"# });
        out.list(reasons, push_reason);
    }
    out.raw("}");
}

fn push_reason(out: &mut Json, reason: &EmptyReason) {
    let strings = |out: &mut Json, all: &[String]| {
        out.list(all, |out, text| _ = out.string(text));
    };
    out.raw(r#"{"code":"#).string(reason.code).raw(r#","message":"#).string(&reason.message);
    out.raw(r#","start":"#).int(reason.span.start as i64).raw(r#","end":"#).int(reason.span.end as i64);
    if let Some(fix) = &reason.fix {
        out.raw(r#","fix":"#).string(fix);
    }
    if !reason.near.is_empty() {
        strings(out.raw(r#","near":"#), &reason.near);
    }
    if !reason.matchers.is_empty() {
        out.raw(r#","matchers":"#).list(&reason.matchers, |out, report| {
            out.raw(r#"{"matcher":"#).string(&report.matcher);
            out.raw(r#","series":"#).int(report.alone as i64).raw(r#","seriesWithout":"#).int(report.without as i64);
            strings(out.raw(r#","near":"#), &report.near);
            out.raw("}");
        });
    }
    if !reason.examples.is_empty() {
        out.raw(r#","examples":"#).list(&reason.examples, |out, example| {
            out.raw(r#"{"metric":"#).labels(&example.labels);
            if !example.side.is_empty() {
                out.raw(r#","side":"#).string(example.side);
            }
            if let Some(v) = example.value {
                out.raw(r#","value":"#).value(v);
            }
            out.raw("}");
        });
    }
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
    if let Some(labels) = &node.labels {
        out.raw(r#","labels":"#).list(labels.iter(), |out, name| _ = out.string(name));
    }
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
