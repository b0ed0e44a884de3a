//! An expression as JSON, for editors and tree views (`web/api/v1/translate_ast.go`, 3.14). Keys come sorted, as Go writes
//! its maps.

use firesteel_go_compat::{FloatForm, push_float};
use firesteel_model::Matcher;
use firesteel_promql_syntax::{
    AtModifier, DurationExpr, DurationNode, Expr, MatchCardinality, NumberLiteral, RangeMode, TimeSpec, Variadic,
    VectorMatching, VectorSelector,
};

use crate::Json;

/// Appends an expression. As deep as the tree, whose depth the parser bounds.
pub(crate) fn push_expression(json: &mut Json, expr: &Expr) {
    match expr {
        Expr::Number(number) => {
            json.raw(r#"{"type":"numberLiteral","val":"#);
            push_value(json, number);
        }
        Expr::String(string) => {
            json.raw(r#"{"type":"stringLiteral","val":"#).string(&string.text());
        }
        Expr::Vector(selector) => {
            push_selector(json, selector, None);
            json.raw(r#","type":"vectorSelector""#);
        }
        Expr::Matrix(matrix) => {
            push_selector(json, &matrix.selector, Some(&matrix.range));
            json.raw(r#","type":"matrixSelector""#);
        }
        Expr::Subquery(subquery) => {
            json.raw(r#"{"expr":"#);
            push_expression(json, &subquery.expr);
            push_time(json, "offset", &subquery.offset);
            push_time(json, "range", &subquery.range);
            push_start_or_end(json, subquery.at);
            push_time(json, "step", subquery.step.as_ref().unwrap_or(&TimeSpec::ZERO));
            push_timestamp(json, subquery.at);
            json.raw(r#","type":"subquery""#);
        }
        Expr::Call(call) => {
            let function = call.function;
            json.raw(r#"{"args":"#).list(&call.args, push_expression);
            json.raw(r#","func":{"argTypes":"#).list(function.args, |json, kind| {
                json.string(kind.as_str());
            });
            json.raw(r#","name":"#).string(function.name);
            json.raw(r#","returnType":"#).string(function.returns.as_str()).raw(r#","variadic":"#);
            json.int(match function.variadic {
                Variadic::No => 0,
                Variadic::Extra(n) => n as i64,
                Variadic::Unbounded => -1,
            });
            json.raw(r#"},"type":"call""#);
        }
        Expr::Aggregate(aggregate) => {
            json.raw(r#"{"expr":"#);
            push_expression(json, &aggregate.expr);
            json.raw(r#","grouping":"#);
            push_strings(json, &aggregate.grouping);
            json.raw(r#","op":"#).string(aggregate.op.as_str()).raw(r#","param":"#);
            match &aggregate.param {
                Some(param) => push_expression(json, param),
                None => {
                    json.raw("null");
                }
            }
            json.raw(r#","type":"aggregation","without":"#).bool(aggregate.without);
        }
        Expr::Binary(binary) => {
            json.raw(r#"{"bool":"#).bool(binary.return_bool).raw(r#","lhs":"#);
            push_expression(json, &binary.lhs);
            json.raw(r#","matching":"#);
            match &binary.matching {
                Some(matching) => push_matching(json, matching),
                None => {
                    json.raw("null");
                }
            }
            json.raw(r#","op":"#).string(binary.op.as_str()).raw(r#","rhs":"#);
            push_expression(json, &binary.rhs);
            json.raw(r#","type":"binaryExpr""#);
        }
        Expr::Unary(unary) => {
            json.raw(r#"{"expr":"#);
            push_expression(json, &unary.expr);
            json.raw(r#","op":"#).string(unary.op.as_str()).raw(r#","type":"unaryExpr""#);
        }
        Expr::Paren(paren) => {
            json.raw(r#"{"expr":"#);
            push_expression(json, &paren.expr);
            json.raw(r#","type":"parenExpr""#);
        }
    }
    json.raw("}");
}

fn push_selector(json: &mut Json, selector: &VectorSelector, range: Option<&TimeSpec>) {
    json.raw(r#"{"anchored":"#).bool(selector.mode == RangeMode::Anchored);
    json.raw(r#","matchers":"#).list(&selector.matchers, push_matcher);
    json.raw(r#","name":"#).string(&selector.name);
    push_time(json, "offset", &selector.offset);
    if let Some(range) = range {
        push_time(json, "range", range);
    }
    json.raw(r#","smoothed":"#).bool(selector.mode == RangeMode::Smoothed);
    push_start_or_end(json, selector.at);
    push_timestamp(json, selector.at);
}

fn push_matcher(json: &mut Json, matcher: &Matcher) {
    let kind = matcher.match_type().as_str();
    json.raw(r#"{"name":"#).string(matcher.name()).raw(r#","type":"#).string(kind);
    json.raw(r#","value":"#).string(matcher.value()).raw("}");
}

/// Appends `"name":milliseconds,"nameExpr":expression-or-null`, each after a comma.
fn push_time(json: &mut Json, name: &str, time: &TimeSpec) {
    json.raw(",\"").raw(name).raw("\":").int(time.literal_ms().unwrap_or(0));
    json.raw(",\"").raw(name).raw("Expr\":");
    match time {
        TimeSpec::Literal { .. } => {
            json.raw("null");
        }
        TimeSpec::Expr(expr) => push_duration(json, expr),
    }
}

fn push_duration(json: &mut Json, expr: &DurationExpr) {
    let (op, sides): (&str, [Option<&DurationExpr>; 2]) = match &expr.node {
        DurationNode::Literal(number) => {
            json.raw(r#"{"duration":"#).bool(number.is_duration).raw(r#","type":"numberLiteral","val":"#);
            push_value(json, number);
            json.raw("}");
            return;
        }
        DurationNode::Step => ("step", [None, None]),
        DurationNode::Range => ("range", [None, None]),
        DurationNode::MinOf(sides) => ("min_of", [Some(&sides[0]), Some(&sides[1])]),
        DurationNode::MaxOf(sides) => ("max_of", [Some(&sides[0]), Some(&sides[1])]),
        DurationNode::Negate(inner) => ("-", [None, Some(inner)]),
        DurationNode::Keep(inner) => ("+", [None, Some(inner)]),
        DurationNode::Binary { op, sides } => (op.as_str(), [Some(&sides[0]), Some(&sides[1])]),
    };
    for (key, side) in [("{\"lhs\":", sides[0]), (",\"rhs\":", sides[1])] {
        if key.starts_with(',') {
            json.raw(r#","op":"#).string(op);
        }
        json.raw(key);
        match side {
            Some(side) => push_duration(json, side),
            None => {
                json.raw("null");
            }
        }
    }
    json.raw(r#","type":"durationExpr","wrapped":"#).bool(expr.wrapped).raw("}");
}

fn push_start_or_end(json: &mut Json, at: Option<AtModifier>) {
    json.raw(r#","startOrEnd":"#).raw(match at {
        Some(AtModifier::Start) => "\"start\"",
        Some(AtModifier::End) => "\"end\"",
        _ => "null",
    });
}

fn push_timestamp(json: &mut Json, at: Option<AtModifier>) {
    json.raw(r#","timestamp":"#);
    match at {
        Some(AtModifier::Timestamp(t)) => json.int(t.0),
        _ => json.raw("null"),
    };
}

fn push_matching(json: &mut Json, matching: &VectorMatching) {
    let card = match matching.cardinality {
        MatchCardinality::OneToOne => "one-to-one",
        MatchCardinality::ManyToOne => "many-to-one",
        MatchCardinality::OneToMany => "one-to-many",
        MatchCardinality::ManyToMany => "many-to-many",
    };
    json.raw(r#"{"card":"#).string(card);
    for (key, value) in [(r#","fillValues":{"lhs":"#, matching.fill.lhs), (r#","rhs":"#, matching.fill.rhs)] {
        json.raw(key);
        match value {
            Some(value) => json.number(value),
            None => json.raw("null"),
        };
    }
    json.raw(r#"},"include":"#);
    push_strings(json, &matching.include);
    json.raw(r#","labels":"#);
    push_strings(json, &matching.labels);
    json.raw(r#","on":"#).bool(matching.on).raw("}");
}

fn push_strings(json: &mut Json, strings: &[String]) {
    json.list(strings, |json, text| {
        json.string(text);
    });
}

fn push_value(json: &mut Json, number: &NumberLiteral) {
    json.raw("\"");
    push_float(&mut json.0, number.value, FloatForm::Fixed);
    json.raw("\"");
}
