//! Walking a tree.

use firesteel_model::Matcher;

use crate::expr::Expr;

impl Expr {
    /// Returns the direct sub-expressions in upstream's order: an aggregation's vector comes before its parameter.
    ///
    /// The selector inside a range selector is not an expression of its own here.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => Vec::new(),
            Self::Subquery(node) => vec![&node.expr],
            Self::Call(node) => node.args.iter().collect(),
            Self::Aggregate(node) => std::iter::once(&*node.expr).chain(node.param.as_deref()).collect(),
            Self::Binary(node) => vec![&node.lhs, &node.rhs],
            Self::Unary(node) => vec![&node.expr],
            Self::Paren(node) => vec![&node.expr],
        }
    }

    /// Calls `visit` for this expression and everything below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        let mut pending = vec![self];
        while let Some(expr) = pending.pop() {
            visit(expr);
            pending.extend(expr.children().into_iter().rev());
        }
    }

    /// Returns the matchers of every selector, from left to right.
    pub fn selectors(&self) -> Vec<&[Matcher]> {
        let mut found = Vec::new();
        self.walk(&mut |expr| match expr {
            Self::Vector(selector) => found.push(selector.matchers.as_slice()),
            Self::Matrix(matrix) => found.push(matrix.selector.matchers.as_slice()),
            _ => {}
        });
        found
    }
}
