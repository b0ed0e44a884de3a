//! Makes a failing expression smaller: parts in place of the whole, plain selectors and numbers in place of parts.

use firesteel_promql::Engine;
use firesteel_promql_syntax::{Expr, ParserOptions, ValueType, parse};

use super::compare::Verdict;
use super::world::World;
use super::{Question, ask};

/// Returns the smallest expression found that still differs, with its difference.
pub(crate) fn smallest(world: &World, engines: &[Engine], question: &Question, difference: String) -> String {
    let (mut best, mut difference) = (question.clone(), difference);
    'again: loop {
        let Ok(expr) = parse(&best.text, ParserOptions::ALL) else { break };
        for text in candidates(&expr) {
            if text.len() >= best.text.len() {
                continue;
            }
            let Ok(expr) = parse(&text, ParserOptions::ALL) else { continue };
            let smaller = Question { text, ..best.clone() };
            if let Verdict::Differs(what) = ask(world, engines, &smaller, &expr) {
                (best, difference) = (smaller, what);
                continue 'again;
            }
        }
        break;
    }
    format!("{}\n  {:?}\n  {difference}\n  from {}", best.text, best.setup, question.text)
}

/// Returns texts with one node replaced by something simpler.
fn candidates(expr: &Expr) -> Vec<String> {
    let whole = expr.to_string();
    let mut out = Vec::new();
    expr.walk(&mut |node| {
        let own = node.to_string();
        let mut simpler: Vec<String> = Vec::new();
        node.walk(&mut |part| {
            if !std::ptr::eq(part, node) && part.value_type() == node.value_type() {
                simpler.push(part.to_string());
            }
        });
        match node.value_type() {
            ValueType::Scalar => simpler.push("1".to_owned()),
            ValueType::Vector => simpler.extend(["level", "spread", "bounds", "mixed"].map(str::to_owned)),
            ValueType::Matrix => simpler.extend(["level[5m]", "spread[5m]", "mixed[5m]"].map(str::to_owned)),
            ValueType::String => {}
        }
        out.extend(simpler.into_iter().map(|part| whole.replacen(&own, &part, 1)));
    });
    out.sort_by_key(String::len);
    out.dedup();
    out
}
