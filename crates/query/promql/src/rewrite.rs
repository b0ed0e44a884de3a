//! Changing one node of an expression: how suggestions are made.

use firesteel_promql_syntax::{Expr, ParserOptions, parse};

/// Returns `whole` as text with the first node that `is_meant` accepts changed; `None` if there is none, or if the outcome
/// would not parse.
pub(crate) fn rewritten(
    whole: &Expr,
    is_meant: impl Fn(&Expr) -> bool,
    change: impl FnOnce(&mut Expr),
) -> Option<String> {
    let mut whole = whole.clone();
    change(find(&mut whole, &is_meant)?);
    let text = whole.to_string();
    parse(&text, ParserOptions::ALL).is_ok().then_some(text)
}

fn find<'a>(expr: &'a mut Expr, is_meant: &dyn Fn(&Expr) -> bool) -> Option<&'a mut Expr> {
    if is_meant(expr) {
        return Some(expr);
    }
    match expr {
        Expr::Binary(node) => {
            let (lhs, rhs) = (&mut node.lhs, &mut node.rhs);
            find(lhs, is_meant).or_else(|| find(rhs, is_meant))
        }
        Expr::Subquery(node) => find(&mut node.expr, is_meant),
        Expr::Call(node) => node.args.iter_mut().find_map(|arg| find(arg, is_meant)),
        Expr::Aggregate(node) => {
            let (inner, param) = (&mut node.expr, &mut node.param);
            find(inner, is_meant).or_else(|| find(param.as_mut()?, is_meant))
        }
        Expr::Unary(node) => find(&mut node.expr, is_meant),
        Expr::Paren(node) => find(&mut node.expr, is_meant),
        Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => None,
    }
}
