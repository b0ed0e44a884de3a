//! Type checks, and the few rules of meaning that the grammar does not hold.

use firesteel_go_compat::quote;

use crate::{
    expr::{AggregateExpr, BinaryExpr, Call, Expr},
    functions::Variadic,
    operators::{AggregateOp, MatchCardinality},
    parser::Parser,
    selector::VectorSelector,
    span::Span,
    value_type::ValueType,
};

impl Parser<'_> {
    /// Checks a tree, notes its faults, and settles what depends on types: the matching of operators.
    pub(crate) fn check(&mut self, expr: &mut Expr) -> ValueType {
        let span = expr.span();
        match expr {
            Expr::Number(_) => ValueType::Scalar,
            Expr::String(_) => ValueType::String,
            Expr::Vector(selector) => {
                self.check_selector(selector);
                ValueType::Vector
            }
            Expr::Matrix(matrix) => {
                self.check_selector(&matrix.selector);
                ValueType::Matrix
            }
            Expr::Subquery(subquery) => {
                let inner = self.check(&mut subquery.expr);
                if inner != ValueType::Vector {
                    self.fault(span, format!("subquery is only allowed on instant vector, got {inner} instead"));
                }
                ValueType::Matrix
            }
            Expr::Call(call) => self.check_call(call),
            Expr::Aggregate(aggregate) => self.check_aggregate(aggregate),
            Expr::Binary(binary) => self.check_binary(binary),
            Expr::Unary(unary) => {
                let inner = self.check(&mut unary.expr);
                if !is_arithmetic(inner) {
                    let got = inner.documented();
                    self.fault(
                        span,
                        format!(
                            "unary expression only allowed on expressions of type scalar or instant vector, got \"{got}\""
                        ),
                    );
                }
                inner
            }
            Expr::Paren(paren) => self.check(&mut paren.expr),
        }
    }

    fn expect_type(&mut self, expr: &mut Expr, want: ValueType, context: &str) {
        let got = self.check(expr);
        if got != want {
            let (want, got) = (want.documented(), got.documented());
            self.fault(expr.span(), format!("expected type {want} in {context}, got {got}"));
        }
    }

    fn check_aggregate(&mut self, aggregate: &mut AggregateExpr) -> ValueType {
        self.expect_type(&mut aggregate.expr, ValueType::Vector, "aggregation expression");
        if let Some(param) = &mut aggregate.param {
            let want = if aggregate.op == AggregateOp::CountValues { ValueType::String } else { ValueType::Scalar };
            self.expect_type(param, want, "aggregation parameter");
        }
        ValueType::Vector
    }

    fn check_call(&mut self, call: &mut Call) -> ValueType {
        let function = call.function;
        let (span, name, given) = (call.span, function.name, call.args.len());
        let types = function.args.len();
        let fewest = types.saturating_sub(1);
        match function.variadic {
            Variadic::No if given != types => {
                self.fault(span, format!("expected {types} argument(s) in call to \"{name}\", got {given}"));
            }
            Variadic::Extra(_) | Variadic::Unbounded if given < fewest => {
                self.fault(span, format!("expected at least {fewest} argument(s) in call to \"{name}\", got {given}"));
            }
            Variadic::Extra(extra) if given > fewest + extra => {
                let most = fewest + extra;
                self.fault(span, format!("expected at most {most} argument(s) in call to \"{name}\", got {given}"));
            }
            _ => {}
        }
        if name == "info"
            && let Some(selector) = call.args.get_mut(1)
        {
            self.check_info_selector(span, selector);
        }
        for (at, arg) in call.args.iter_mut().enumerate() {
            let want = match (function.args.get(at), function.args.last()) {
                (Some(want), _) => *want,
                (None, Some(last)) if function.variadic != Variadic::No => *last,
                (None, _) => break,
            };
            let got = self.check(arg);
            if got != want {
                let (want, got) = (want.documented(), got.documented());
                self.fault(arg.span(), format!("expected type {want} in call to function \"{name}\", got {got}"));
            }
        }
        function.returns
    }

    /// The second argument of `info` names labels, not a metric.
    fn check_info_selector(&mut self, call: Span, selector: &mut Expr) {
        let got = selector.value_type();
        if got != ValueType::Vector {
            let got = got.documented();
            self.fault(call, format!("expected type instant vector in call to function \"info\", got {got}"));
        }
        match selector {
            Expr::Vector(node) if !node.name.is_empty() => {
                self.fault(node.span, "expected label selectors only, got vector selector instead");
            }
            Expr::Vector(node) => node.may_match_all = true,
            other => self.fault(other.span(), "expected label selectors only"),
        }
    }

    fn check_selector(&mut self, selector: &VectorSelector) {
        if !selector.name.is_empty() {
            // The last matcher is the one that the name itself made.
            let inside = selector.matchers.split_last().map_or(&[][..], |(_, inside)| inside);
            for matcher in inside.iter().filter(|matcher| matcher.name() == "__name__") {
                let (a, b) = (quote(&selector.name), quote(matcher.value()));
                self.fault(selector.span, format!("metric name must not be set twice: {a} or {b}"));
            }
        } else if !selector.may_match_all && selector.matchers.iter().all(firesteel_model::Matcher::matches_empty) {
            self.fault(selector.span, "vector selector must contain at least one non-empty matcher");
        }
    }

    fn check_binary(&mut self, binary: &mut BinaryExpr) -> ValueType {
        let left = self.check(&mut binary.lhs);
        let right = self.check(&mut binary.rhs);
        let op = binary.op;
        let both_scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        let both_vectors = left == ValueType::Vector && right == ValueType::Vector;
        let span = binary.span();

        if binary.return_bool && !op.is_comparison() {
            self.fault(self.operator_span(binary), "bool modifier can only be used on comparison operators");
        }
        if op.is_comparison() && !binary.return_bool && both_scalars {
            self.fault(self.operator_span(binary), "comparisons between scalars must use BOOL modifier");
        }
        let mut matching = binary.matching.take().unwrap_or_default();
        if op.is_set() && matching.cardinality == MatchCardinality::OneToOne {
            matching.cardinality = MatchCardinality::ManyToMany;
        }
        if matching.on {
            for label in &matching.labels {
                for _ in matching.include.iter().filter(|included| *included == label) {
                    let label = quote(label);
                    let message = format!("label {label} must not occur in ON and GROUP clause at once");
                    self.fault(self.operator_span(binary), message);
                }
            }
        }
        for (side, expr) in [(left, &binary.lhs), (right, &binary.rhs)] {
            if !is_arithmetic(side) {
                self.fault(expr.span(), "binary expression must contain only scalar and instant vector types");
            }
        }
        if !both_vectors {
            if !matching.labels.is_empty() {
                self.fault(span, "vector matching only allowed between instant vectors");
            }
            if matching.fill.is_set() {
                self.fault(span, "filling in missing series only allowed between instant vectors");
            }
        } else {
            if op.is_set() {
                if matching.cardinality != MatchCardinality::ManyToMany {
                    self.fault(span, format!("no grouping allowed for \"{op}\" operation"));
                    self.fault(span, "set operations must always be many-to-many");
                }
                if matching.fill.is_set() {
                    self.fault(span, "filling in missing series not allowed for set operators");
                }
            }
            binary.matching = Some(matching);
        }
        if op.is_set() && (left == ValueType::Scalar || right == ValueType::Scalar) {
            self.fault(span, format!("set operator \"{op}\" not allowed in binary scalar expression"));
        }
        if both_scalars { ValueType::Scalar } else { ValueType::Vector }
    }

    /// Returns the place between the two sides, without blanks around it.
    fn operator_span(&self, binary: &BinaryExpr) -> Span {
        let (from, to) = (binary.lhs.span().end, binary.rhs.span().start);
        let between = self.input().get(from..to).unwrap_or("");
        let blank = [' ', '\t', '\n', '\r'];
        let start = from + (between.len() - between.trim_start_matches(blank).len());
        Span::new(start, from + between.trim_end_matches(blank).len())
    }
}

const fn is_arithmetic(value: ValueType) -> bool {
    matches!(value, ValueType::Scalar | ValueType::Vector)
}
