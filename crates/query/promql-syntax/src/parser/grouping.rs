//! Lists of labels, and the modifiers of aggregations and operators that carry them.

use firesteel_go_compat::quote;

use super::{Parsed, Parser, expression::signed};
use crate::{
    expr::NumberLiteral,
    operators::{BinaryOp, MatchCardinality, UnaryOp, VectorMatching},
    token::{Keyword, Kind},
};

/// `by (…)` or `without (…)`.
#[derive(Debug, Default)]
pub(super) struct AggregateModifier {
    pub(super) grouping: Vec<String>,
    pub(super) without: bool,
}

/// `bool`, `on (…)`, `group_left (…)`, `fill (…)`.
#[derive(Debug)]
pub(super) struct BinaryModifiers {
    pub(super) return_bool: bool,
    pub(super) matching: VectorMatching,
}

const CONTEXT: &str = "grouping opts";

impl Parser<'_> {
    pub(super) fn aggregate_modifier(&mut self) -> Parsed<Option<AggregateModifier>> {
        let without = match self.peek_kind() {
            Kind::Keyword(Keyword::By) => false,
            Kind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.take();
        Ok(Some(AggregateModifier { grouping: self.grouping_labels()?, without }))
    }

    fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
        if self.take_if(Kind::LeftParen).is_none() {
            return Err(self.unexpected(CONTEXT, "\"(\""));
        }
        let mut labels = Vec::new();
        while self.take_if(Kind::RightParen).is_none() {
            labels.push(self.grouping_label()?);
            match self.peek_kind() {
                Kind::Comma => _ = self.take(),
                Kind::RightParen => {}
                _ => return Err(self.unexpected(CONTEXT, "\",\" or \")\"")),
            }
        }
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Parsed<String> {
        let token = self.peek();
        let label = match token.kind {
            Kind::String => {
                self.take();
                self.unquoted_text(token)
            }
            kind if kind.is_grouping_label() => {
                self.take();
                self.text(token).to_owned()
            }
            _ => return Err(self.unexpected(CONTEXT, "label")),
        };
        if label.is_empty() {
            self.fault(token.span, format!("invalid label name for grouping: {}", quote(&label)));
        }
        Ok(label)
    }

    pub(super) fn binary_modifiers(&mut self) -> Parsed<BinaryModifiers> {
        let return_bool = self.take_if(Kind::Keyword(Keyword::Bool)).is_some();
        let mut matching = VectorMatching::default();
        if let Kind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.peek_kind() {
            self.take();
            matching.on = keyword == Keyword::On;
            matching.labels = self.grouping_labels()?;
            self.group_modifier(&mut matching)?;
        }
        self.fill_modifiers(&mut matching)?;
        Ok(BinaryModifiers { return_bool, matching })
    }

    fn group_modifier(&mut self, matching: &mut VectorMatching) -> Parsed<()> {
        matching.cardinality = match self.peek_kind() {
            Kind::Keyword(Keyword::GroupLeft) => MatchCardinality::ManyToOne,
            Kind::Keyword(Keyword::GroupRight) => MatchCardinality::OneToMany,
            _ => return Ok(()),
        };
        self.take();
        // The labels may be missing, but then an operand must follow.
        if self.peek_kind() == Kind::LeftParen || !self.peek_kind().starts_expression() {
            matching.include = self.grouping_labels()?;
        }
        Ok(())
    }

    fn fill_modifiers(&mut self, matching: &mut VectorMatching) -> Parsed<()> {
        let fill = &mut matching.fill;
        match self.peek_kind() {
            Kind::Keyword(Keyword::Fill) => {
                let value = Some(self.fill_value()?);
                (fill.lhs, fill.rhs) = (value, value);
            }
            Kind::Keyword(Keyword::FillLeft) => {
                fill.lhs = Some(self.fill_value()?);
                if self.peek_kind() == Kind::Keyword(Keyword::FillRight) {
                    fill.rhs = Some(self.fill_value()?);
                }
            }
            Kind::Keyword(Keyword::FillRight) => {
                fill.rhs = Some(self.fill_value()?);
                if self.peek_kind() == Kind::Keyword(Keyword::FillLeft) {
                    fill.lhs = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the keyword and its value in parentheses.
    fn fill_value(&mut self) -> Parsed<f64> {
        self.take();
        if self.take_if(Kind::LeftParen).is_none() {
            return Err(self.unexpected_here());
        }
        let number = self.signed_number_or_duration_literal()?;
        if self.take_if(Kind::RightParen).is_none() {
            return Err(self.unexpected_here());
        }
        Ok(number.value)
    }

    fn signed_number_or_duration_literal(&mut self) -> Parsed<NumberLiteral> {
        let sign = self.peek();
        let op = match sign.kind {
            Kind::Op(BinaryOp::Add) => Some(UnaryOp::Plus),
            Kind::Op(BinaryOp::Sub) => Some(UnaryOp::Minus),
            _ => None,
        };
        if op.is_some() {
            self.take();
        }
        match self.peek_kind() {
            Kind::Number | Kind::Duration => {}
            _ => return Err(self.unexpected_here()),
        }
        let number = self.number_or_duration_literal();
        Ok(op.map_or(number, |op| signed(op, sign.span.start, number)))
    }
}
