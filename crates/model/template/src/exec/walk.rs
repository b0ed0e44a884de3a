//! Walking the nodes of a template.

use std::sync::Arc;

use firesteel_go_compat::quote;

use super::{Done, Exec};
use crate::gofmt;
use crate::parse::{Branch, Node, Pipe};
use crate::value::Value;

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Break,
    Continue,
}

impl<'t> Exec<'t> {
    pub(super) fn walk_list(&mut self, dot: &Value, list: &'t [Node]) -> Done<Flow> {
        for node in list {
            let flow = self.walk(dot, node)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn walk(&mut self, dot: &Value, node: &'t Node) -> Done<Flow> {
        self.at = Some((node.pos(), node));
        self.step()?;
        match node {
            Node::Text { text, .. } => self.write(text)?,
            Node::Action { pipe, .. } => {
                let value = self.eval_pipeline(dot, pipe)?;
                if pipe.decl.is_empty() {
                    self.at = Some((node.pos(), node));
                    self.print(node, &value)?;
                }
            }
            Node::If(branch) => return self.deeper(|exec| exec.if_or_with(dot, branch, false)),
            Node::With(branch) => return self.deeper(|exec| exec.if_or_with(dot, branch, true)),
            Node::Range(branch) => return self.deeper(|exec| exec.range(dot, branch)),
            Node::Template { name, pipe, .. } => self.deeper(|exec| exec.template(dot, name, pipe.as_ref()))?,
            Node::Break { .. } => return Ok(Flow::Break),
            Node::Continue { .. } => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn print(&mut self, node: &Node, value: &Value) -> Done<()> {
        match value.printable() {
            Value::Nil | Value::NilInterface => self.write("<no value>"),
            Value::String(text, _) => self.write(text),
            Value::Func(_) => self.error(format!("can't print {node} of type {}", value.type_name())),
            other => {
                let mut text = String::new();
                gofmt::print_to(&mut text, std::slice::from_ref(other));
                self.write(&text)
            }
        }
    }

    fn if_or_with(&mut self, dot: &Value, branch: &'t Branch, is_with: bool) -> Done<Flow> {
        let mark = self.vars.len();
        let value = self.eval_pipeline(dot, &branch.pipe)?;
        let flow = if value.is_true() {
            self.walk_list(if is_with { &value } else { dot }, &branch.list)?
        } else if let Some(list) = &branch.else_list {
            self.walk_list(dot, list)?
        } else {
            Flow::On
        };
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Done<Flow> {
        let outer = self.vars.len();
        let value = self.eval_pipeline(dot, &branch.pipe)?;
        let value = value.indirect();
        let ran = match value {
            Value::Int(..) | Value::Uint(..) => {
                if branch.pipe.decl.len() > 1 {
                    let shown = gofmt::sprint(std::slice::from_ref(value));
                    return self.error(format!("can't use {shown} to iterate over more than one variable"));
                }
                self.count(value, branch)?
            }
            Value::List(list) => {
                let items = Arc::clone(&list.items);
                for (at, item) in items.iter().enumerate() {
                    if self.one_turn(Value::int(at as i64), item.clone(), branch)? == Flow::Break {
                        break;
                    }
                }
                !items.is_empty()
            }
            Value::Map(map) => {
                let entries = Arc::clone(&map.entries);
                for (key, item) in entries.iter() {
                    if self.one_turn(Value::string(Arc::clone(key)), item.clone(), branch)? == Flow::Break {
                        break;
                    }
                }
                !entries.is_empty()
            }
            Value::Nil => false,
            other => {
                let shown = match other {
                    Value::NilInterface => "<nil>".to_owned(),
                    other => gofmt::sprint(std::slice::from_ref(other)),
                };
                return self.error(format!("range can't iterate over {shown}"));
            }
        };
        self.vars.truncate(outer);
        match &branch.else_list {
            Some(list) if !ran => self.walk_list(dot, list),
            _ => Ok(Flow::On),
        }
    }

    /// Runs over the numbers below one.
    fn count(&mut self, end: &Value, branch: &'t Branch) -> Done<bool> {
        let (end, number): (u64, Box<dyn Fn(u64) -> Value>) = match *end {
            Value::Int(end, type_) => {
                (u64::try_from(end).unwrap_or(0), Box::new(move |at| Value::Int(at as i64, type_)))
            }
            Value::Uint(end, type_) => (end, Box::new(move |at| Value::Uint(at, type_))),
            _ => return Ok(false),
        };
        for at in 0..end {
            if self.one_turn(Value::Nil, number(at), branch)? == Flow::Break {
                break;
            }
        }
        Ok(end > 0)
    }

    fn one_turn(&mut self, index: Value, item: Value, branch: &'t Branch) -> Done<Flow> {
        self.step()?;
        let mark = self.vars.len();
        let decl = &branch.pipe.decl;
        match (decl.as_slice(), branch.pipe.is_assign) {
            ([], _) => {}
            ([name], true) => self.set_var(name, item.clone())?,
            ([_], false) => self.set_top_var(1, item.clone()),
            ([key, name, ..], true) => {
                self.set_var(key, index)?;
                self.set_var(name, item.clone())?;
            }
            ([_, _, ..], false) => {
                self.set_top_var(1, item.clone());
                self.set_top_var(2, index);
            }
        }
        let flow = self.walk_list(&item, &branch.list)?;
        self.vars.truncate(mark);
        Ok(if flow == Flow::Continue { Flow::On } else { flow })
    }

    fn template(&mut self, dot: &Value, name: &'t str, pipe: Option<&'t Pipe>) -> Done<()> {
        let Some(tree) = self.setting.trees.get(name) else {
            return self.error(format!("template {} not defined", quote(name)));
        };
        let dot = match pipe {
            Some(pipe) => self.eval_pipeline(dot, pipe)?,
            None => Value::Nil,
        };
        // A pipeline's own variables are not the called template's.
        let vars = std::mem::replace(&mut self.vars, vec![("$", dot.clone())]);
        let caller = std::mem::replace(&mut self.tree, tree);
        self.walk_list(&dot, &tree.root)?;
        self.tree = caller;
        self.vars = vars;
        Ok(())
    }

    fn set_top_var(&mut self, from_top: usize, value: Value) {
        if let Some(at) = self.vars.len().checked_sub(from_top) {
            self.vars[at].1 = value;
        }
    }

    pub(super) fn set_var(&mut self, name: &str, value: Value) -> Done<()> {
        match self.vars.iter_mut().rev().find(|(known, _)| *known == name) {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => self.error(format!("undefined variable: {name}")),
        }
    }
}
