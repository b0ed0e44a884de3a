//! Escapers at the end of pipelines, beside `html` and `urlquery` that people wrote there themselves.

use crate::parse::{Command, Operand, OperandKind, Pipe};

/// What a function escapes for; those of one kind need not be there twice.
fn kind(name: &str) -> &str {
    match name {
        "_html_template_attrescaper" | "_html_template_htmlescaper" | "_html_template_rcdataescaper" => "html",
        "_html_template_urlescaper" | "_html_template_urlnormalizer" => "urlquery",
        other => other,
    }
}

/// Whether `next` has nothing left to do behind `last`.
fn is_redundant(last: &str, next: &str) -> bool {
    match next {
        "_html_template_attrescaper" => matches!(
            last,
            "_html_template_commentescaper"
                | "_html_template_cssescaper"
                | "_html_template_jsregexpescaper"
                | "_html_template_jsstrescaper"
                | "_html_template_jstmpllitescaper"
        ),
        "_html_template_htmlescaper" => last == "_html_template_commentescaper",
        "_html_template_urlnormalizer" => last == "_html_template_urlescaper",
        _ => false,
    }
}

/// Escapers that people may write.
pub(super) fn is_predefined(name: &str) -> bool {
    matches!(name, "html" | "urlquery")
}

/// The function of a command.
pub(super) fn function(command: &Command) -> Option<&str> {
    match command.args.first().map(|first| &first.kind) {
        Some(OperandKind::Identifier(name)) => Some(name),
        _ => None,
    }
}

fn push(commands: &mut Vec<Command>, name: &str, pos: usize) {
    let last = commands.last().and_then(function).unwrap_or_default();
    if !is_redundant(last, name) {
        let kind = OperandKind::Identifier(name.to_owned());
        commands.push(Command { pos, args: vec![Operand { pos, kind }] });
    }
}

/// The pipeline with these escapers at its end.
pub(super) fn with_escapers(pipe: &Pipe, escapers: &[&'static str]) -> Pipe {
    let mut pipe = pipe.clone();
    let mut wanted: Vec<String> = escapers.iter().map(|name| (*name).to_owned()).collect();
    let own = pipe.cmds.last().and_then(function).filter(|name| is_predefined(name)).map(ToOwned::to_owned);
    if let (Some(own), false) = (own, wanted.is_empty()) {
        // `html a b` is `_eval_args_ a b | html`.
        if pipe.cmds.len() == 1 && pipe.cmds[0].args.len() > 1 {
            pipe.cmds[0].args[0].kind = OperandKind::Identifier("_eval_args_".to_owned());
            push(&mut pipe.cmds, &own, pipe.pos);
        }
        // It takes its place among the escapers.
        let mut is_there = false;
        for name in wanted.iter_mut().filter(|name| kind(name) == own) {
            name.clone_from(&own);
            is_there = true;
        }
        if is_there {
            pipe.cmds.pop();
        }
    }
    let there: Vec<String> = pipe.cmds.iter().filter_map(function).map(|name| kind(name).to_owned()).collect();
    for name in &wanted {
        if !there.iter().any(|known| known == kind(name)) {
            push(&mut pipe.cmds, name, pipe.pos);
        }
    }
    pipe
}
