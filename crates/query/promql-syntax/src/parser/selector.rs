//! Selectors: a name, and conditions in braces.

use firesteel_model::{MatchType, Matcher};

use super::{Parsed, Parser};
use crate::{
    duration_expr::TimeSpec,
    operators::BinaryOp,
    selector::{RangeMode, VectorSelector},
    span::Span,
    token::{Kind, Token},
};

const METRIC_NAME: &str = "__name__";
const CONTEXT: &str = "label matching";

impl Parser<'_> {
    /// A selector that is only a name.
    pub(super) fn bare_selector(&mut self, name: Token) -> VectorSelector {
        self.assemble(Some(name), Vec::new(), name.span)
    }

    fn assemble(&mut self, name: Option<Token>, mut matchers: Vec<Matcher>, span: Span) -> VectorSelector {
        let name = name.map_or(String::new(), |token| self.text(token).to_owned());
        if !name.is_empty() {
            matchers.push(Matcher::equal(METRIC_NAME, &name));
        }
        VectorSelector {
            name,
            matchers,
            offset: TimeSpec::ZERO,
            at: None,
            mode: RangeMode::Plain,
            may_match_all: false,
            span,
        }
    }

    /// Takes the braces, which must be next, and what is in them.
    pub(super) fn selector_in_braces(&mut self, name: Option<Token>) -> Parsed<VectorSelector> {
        let open = self.take();
        let mut matchers = Vec::new();
        while self.take_if(Kind::RightBrace).is_none() {
            matchers.extend(self.label_matcher()?);
            match self.peek_kind() {
                Kind::Comma => _ = self.take(),
                Kind::RightBrace => {}
                _ => return Err(self.unexpected(CONTEXT, "\",\" or \"}\"")),
            }
        }
        let span = Span::new(name.map_or(open, |name| name).span.start, self.taken_end);
        Ok(self.assemble(name, matchers, span))
    }

    /// `None` when the regular expression is wrong, which is noted.
    fn label_matcher(&mut self) -> Parsed<Option<Matcher>> {
        let label = self.peek();
        let name = match label.kind {
            Kind::Identifier => {
                self.take();
                self.text(label).to_owned()
            }
            Kind::String => {
                self.take();
                self.unquoted_text(label)
            }
            _ => return Err(self.unexpected(CONTEXT, "identifier or \"}\"")),
        };
        let match_type = match self.peek_kind() {
            Kind::Equal => MatchType::Equal,
            Kind::Op(BinaryOp::Ne) => MatchType::NotEqual,
            Kind::EqualRegex => MatchType::Regexp,
            Kind::NotEqualRegex => MatchType::NotRegexp,
            _ if label.kind == Kind::String => return Ok(Some(Matcher::equal(METRIC_NAME, &name))),
            _ => return Err(self.unexpected(CONTEXT, "label matching operator")),
        };
        self.take();
        let value = self.peek();
        if value.kind != Kind::String {
            return Err(self.unexpected(CONTEXT, "string"));
        }
        self.take();
        let text = self.unquoted_text(value);
        match Matcher::new(match_type, &name, &text) {
            Ok(matcher) => Ok(Some(matcher)),
            Err(error) => {
                self.fault(label.span.to(value.span), error.to_string());
                Ok(None)
            }
        }
    }

    /// A selector with nothing behind it, as `match[]` takes.
    pub(crate) fn metric_selector(&mut self) -> Parsed<Vec<Matcher>> {
        let token = self.peek();
        let selector = match token.kind {
            Kind::LeftBrace => self.selector_in_braces(None)?,
            kind if kind.is_metric_name() => {
                self.take();
                match self.peek_kind() {
                    Kind::LeftBrace => self.selector_in_braces(Some(token))?,
                    _ => self.bare_selector(token),
                }
            }
            _ => return Err(self.unexpected_here()),
        };
        self.expect_end()?;
        Ok(selector.matchers)
    }
}
