//! `promql format` and `promql label-matchers`.

use firesteel_cli::Matches;
use firesteel_model::{MatchType, Matcher};
use firesteel_promql_syntax::{Expr, ParserOptions, VectorSelector, parse};

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
};

pub(crate) fn format(matches: &Matches, options: ParserOptions, console: &mut Console<'_>) -> u8 {
    print(parse(matches.arg("query"), options).map_err(|error| error.to_string()), console)
}

fn print(expr: Result<Expr, String>, console: &mut Console<'_>) -> u8 {
    match expr {
        Ok(expr) => {
            console.say(expr.pretty());
            SUCCESS
        }
        Err(error) => {
            console.complain(error);
            FAILURE
        }
    }
}

pub(crate) fn set_matcher(matches: &Matches, options: ParserOptions, console: &mut Console<'_>) -> u8 {
    let match_type = match matches.text("type") {
        "!=" => MatchType::NotEqual,
        "=~" => MatchType::Regexp,
        "!~" => MatchType::NotRegexp,
        _ => MatchType::Equal,
    };
    let name = matches.arg("name");
    let run = || {
        let mut expr = parse(matches.arg("query"), options).map_err(|error| error.to_string())?;
        let matcher = Matcher::new(match_type, name, matches.arg("value")).map_err(|error| error.to_string())?;
        each_selector(&mut expr, &mut |selector| match selector
            .matchers
            .iter_mut()
            .find(|present| present.name() == name)
        {
            Some(present) => *present = matcher.clone(),
            None => selector.matchers.push(matcher.clone()),
        });
        Ok(expr)
    };
    print(run(), console)
}

pub(crate) fn delete_matcher(matches: &Matches, options: ParserOptions, console: &mut Console<'_>) -> u8 {
    let name = matches.arg("name");
    let expr = parse(matches.arg("query"), options).map_err(|error| error.to_string()).map(|mut expr| {
        each_selector(&mut expr, &mut |selector| selector.matchers.retain(|present| present.name() != name));
        expr
    });
    print(expr, console)
}

fn each_selector(expr: &mut Expr, change: &mut impl FnMut(&mut VectorSelector)) {
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(selector) => change(selector),
        Expr::Matrix(matrix) => change(&mut matrix.selector),
        Expr::Subquery(node) => each_selector(&mut node.expr, change),
        Expr::Call(node) => node.args.iter_mut().for_each(|arg| each_selector(arg, change)),
        Expr::Aggregate(node) => {
            each_selector(&mut node.expr, change);
            if let Some(param) = &mut node.param {
                each_selector(param, change);
            }
        }
        Expr::Binary(node) => {
            each_selector(&mut node.lhs, change);
            each_selector(&mut node.rhs, change);
        }
        Expr::Unary(node) => each_selector(&mut node.expr, change),
        Expr::Paren(node) => each_selector(&mut node.expr, change),
    }
}
