//! Files of `file_sd_configs`: a list of target groups, in YAML or JSON.

use std::path::Path;

use firesteel_yaml::{Diagnostic, Kind, Node, Reader, Source, Span, parse};

use crate::TargetGroup;
use crate::decode::Decode;

/// Reads a file of target groups; the ending of its name says whether it is JSON.
///
/// Errors: every fault, each with its place. An empty YAML file holds no groups; an empty JSON file is an error.
pub fn load_target_groups(path: &Path, text: &str) -> Result<Vec<TargetGroup>, Vec<Diagnostic>> {
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let source = Source::new(path.to_string_lossy(), text);
    let root = if is_json { json_tree(&source) } else { parse(&source) };
    let root = match root {
        Ok(root) => root,
        Err(fault) => return Err(vec![*fault]),
    };
    let mut reader = Reader::new(&source);
    let mut groups: Vec<TargetGroup> = Vec::new();
    if let Some(root) = root {
        reader.within("target groups", |reader| {
            for item in root.items().iter().filter(|item| item.is_null()) {
                reader
                    .error(item.span, "FS0116", "this target group is empty")
                    .label("remove it")
                    .upstream("nil target group item found");
            }
            groups.decode(&root, reader);
        });
        if is_json {
            refuse_bare_words(&root, &mut reader);
        }
    }
    if reader.error_count() > 0 { Err(reader.into_diagnostics()) } else { Ok(groups) }
}

/// JSON does not turn numbers and bools into text.
fn refuse_bare_words(root: &Node, reader: &mut Reader<'_>) {
    for group in root.items() {
        let targets = group.get("targets").map_or(&[][..], Node::items);
        let labels = group.get("labels").map_or(&[][..], Node::pairs);
        for node in targets.iter().chain(labels.iter().map(|(_, value)| value)) {
            if let (Kind::Scalar { text, plain: true }, false) = (&node.kind, node.is_null()) {
                let kind = if &**text == "true" || &**text == "false" { "bool" } else { "number" };
                reader
                    .error(node.span, "FS0111", format!("`{text}` must be text: write \"{text}\""))
                    .upstream(format!("json: cannot unmarshal {kind} into Go value of type string"));
            }
        }
    }
}

/// Checks that the text is JSON, then takes the places from the YAML reading of it, of which JSON is a part.
fn json_tree(source: &Source) -> Result<Option<Node>, Box<Diagnostic>> {
    let value: serde_json::Value = serde_json::from_str(source.text()).map_err(|error| {
        let (line, column) = (error.line().max(1), error.column().max(1));
        let start = source.offset(line, column);
        let span = Span { line, column, start, end: start };
        let mut fault = Diagnostic::error(source, span, "FS0007", format!("this is not JSON: {error}"));
        fault.upstream(error.to_string());
        Box::new(fault)
    })?;
    // A TAB may indent JSON, not YAML; inside JSON's strings there is none, so places stay what they are.
    let spaced = Source::new(source.name(), source.text().replace('\t', " "));
    match parse(&spaced) {
        Ok(root) => Ok(root),
        Err(_) => Ok(Some(placeless(&value))),
    }
}

/// For JSON that YAML cannot read (surrogate escapes): the same tree, all of it at the first line.
fn placeless(value: &serde_json::Value) -> Node {
    use serde_json::Value;
    let scalar = |text: &str, plain| Kind::Scalar { text: text.into(), plain };
    let kind = match value {
        Value::Null => scalar("null", true),
        Value::Bool(v) => scalar(if *v { "true" } else { "false" }, true),
        Value::Number(v) => scalar(&v.to_string(), true),
        Value::String(v) => scalar(v, false),
        Value::Array(items) => Kind::Seq(items.iter().map(placeless).collect::<Vec<_>>().into()),
        Value::Object(pairs) => {
            let pair = |(k, v): (&String, &Value)| (placeless(&Value::String(k.clone())), placeless(v));
            Kind::Map(pairs.iter().map(pair).collect::<Vec<_>>().into())
        }
    };
    Node { span: Span { line: 1, column: 1, start: 0, end: 0 }, tag: None, kind }
}
