//! Tree to text over several lines, as upstream's `Prettify` writes it.
//!
//! A node whose one-line form is longer than 100 bytes is split over lines, its children two blanks deeper.

use std::iter;

use crate::expr::Expr;

const MAX_LINE_BYTES: usize = 100;

impl Expr {
    /// Returns the expression laid out for people: what `format_query` and `promtool promql format` print.
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        self.write_pretty(&mut out, 0);
        out
    }

    fn write_pretty(&self, out: &mut String, level: usize) {
        let line = self.to_string();
        let fits = line.len() <= MAX_LINE_BYTES;
        match self {
            // upstream does not indent a subquery that fits (promql/parser/prettier.go); kept.
            Self::Subquery(_) if fits => out.push_str(&line),
            Self::Subquery(node) => {
                node.expr.write_pretty(out, level);
                out.push_str(&node.suffix());
            }
            Self::Unary(node) => {
                let mut child = String::new();
                node.expr.write_pretty(&mut child, level);
                indent(out, level);
                out.push_str(node.op.as_str());
                out.push_str(child.trim());
            }
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => {
                indent(out, level);
                out.push_str(&line);
            }
            _ if fits => {
                indent(out, level);
                out.push_str(&line);
            }
            Self::Aggregate(node) => {
                let children: Vec<&Self> =
                    node.param.iter().chain(iter::once(&node.expr)).map(|child| &**child).collect();
                write_block(out, level, &format!("{}(", node.head()), &children);
            }
            Self::Call(node) => {
                let children: Vec<&Self> = node.args.iter().collect();
                write_block(out, level, &format!("{}(", node.function.name), &children);
            }
            Self::Paren(node) => write_block(out, level, "(", &[&node.expr]),
            Self::Binary(node) => {
                node.lhs.write_pretty(out, level + 1);
                out.push('\n');
                indent(out, level);
                out.push_str(&node.operator());
                out.push('\n');
                node.rhs.write_pretty(out, level + 1);
            }
        }
    }
}

/// Writes an opening, the children one level deeper, and `)`.
fn write_block(out: &mut String, level: usize, open: &str, children: &[&Expr]) {
    indent(out, level);
    out.push_str(open);
    for (at, child) in children.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        child.write_pretty(out, level + 1);
    }
    out.push('\n');
    indent(out, level);
    out.push(')');
}

fn indent(out: &mut String, level: usize) {
    out.extend(iter::repeat_n("  ", level));
}
