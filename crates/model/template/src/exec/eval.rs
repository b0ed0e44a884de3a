//! Computing pipelines: constants, fields, variables, and arguments of a wanted type.

use super::{Done, Exec};
use crate::parse::{Command, Number, Operand, OperandKind, Pipe};
use crate::template::MissingKey;
use crate::types::{self, Kind, Type};
use crate::value::Value;

impl<'t> Exec<'t> {
    pub(super) fn eval_pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Done<Value> {
        self.deeper(|exec| {
            exec.at = Some((pipe.pos, pipe));
            let mut value = None;
            for command in &pipe.cmds {
                let mut result = exec.eval_command(dot, command, value.as_ref())?;
                if matches!(result, Value::NilInterface) {
                    result = Value::Nil;
                }
                value = Some(result);
            }
            let value = value.unwrap_or(Value::Nil);
            for name in &pipe.decl {
                if pipe.is_assign {
                    exec.set_var(name, value.clone())?;
                } else {
                    exec.vars.push((name, value.clone()));
                }
            }
            Ok(value)
        })
    }

    /// `last` is the result of the command before this one, which is its last argument.
    fn eval_command(&mut self, dot: &Value, command: &'t Command, last: Option<&Value>) -> Done<Value> {
        self.step()?;
        let Some((first, args)) = command.args.split_first() else { return Ok(Value::Nil) };
        match &first.kind {
            OperandKind::Field(names) => {
                self.at = Some((first.pos, first));
                return self.eval_fields(dot, dot, first, names, args, last);
            }
            OperandKind::Chain(of, names) => return self.eval_chain(dot, first, of, names, args, last),
            OperandKind::Identifier(name) => {
                self.at = Some((first.pos, first));
                return self.eval_function(dot, name, (command.pos, command), args, last);
            }
            OperandKind::Pipe(pipe) => {
                self.not_a_function(first, args, last)?;
                return self.eval_pipeline(dot, pipe);
            }
            OperandKind::Variable(names) => return self.eval_variable(dot, first, names, args, last),
            _ => {}
        }
        self.at = Some((first.pos, first));
        self.not_a_function(first, args, last)?;
        match &first.kind {
            OperandKind::Bool(v) => Ok(Value::Bool(*v)),
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Nil => self.error("nil is not a command"),
            OperandKind::Number(number) => self.constant(first, number),
            OperandKind::String { text, .. } => Ok(Value::String(text.clone(), &types::STRING)),
            _ => self.error(format!("can't evaluate command {:?}", first.to_string())),
        }
    }

    fn not_a_function(&self, first: &Operand, args: &[Operand], last: Option<&Value>) -> Done<()> {
        if args.is_empty() && last.is_none() {
            return Ok(());
        }
        // Go names a parenthesised pipeline without its parentheses here.
        let shown = match &first.kind {
            OperandKind::Pipe(pipe) => pipe.to_string(),
            _ => first.to_string(),
        };
        self.error(format!("can't give argument to non-function {shown}"))
    }

    /// A number of the type that it has where any would do.
    fn constant(&mut self, at: &'t Operand, number: &Number) -> Done<Value> {
        self.at = Some((at.pos, at));
        match (number.float, number.int) {
            (Some(float), _) if number.reads_as_float() => Ok(Value::Float(float)),
            (_, Some(int)) => Ok(Value::int(int)),
            _ => self.error(format!("{} overflows int", number.text)),
        }
    }

    fn eval_chain(
        &mut self,
        dot: &Value,
        at: &'t Operand,
        of: &'t Operand,
        names: &'t [String],
        args: &'t [Operand],
        last: Option<&Value>,
    ) -> Done<Value> {
        self.at = Some((at.pos, at));
        if matches!(of.kind, OperandKind::Nil) {
            return self.error(format!("indirection through explicit nil in {at}"));
        }
        let receiver = self.eval_arg(dot, &types::ANY, of)?;
        self.eval_fields(dot, &receiver, at, names, args, last)
    }

    fn eval_variable(
        &mut self,
        dot: &Value,
        at: &'t Operand,
        names: &'t [String],
        args: &'t [Operand],
        last: Option<&Value>,
    ) -> Done<Value> {
        self.at = Some((at.pos, at));
        let Some((name, fields)) = names.split_first() else { return Ok(Value::Nil) };
        let Some((_, value)) = self.vars.iter().rev().find(|(known, _)| known == name) else {
            return self.error(format!("undefined variable: {name}"));
        };
        let value = value.clone();
        if fields.is_empty() {
            self.not_a_function(at, args, last)?;
            return Ok(value);
        }
        self.eval_fields(dot, &value, at, fields, args, last)
    }

    fn eval_fields(
        &mut self,
        dot: &Value,
        receiver: &Value,
        at: &'t Operand,
        names: &'t [String],
        args: &'t [Operand],
        last: Option<&Value>,
    ) -> Done<Value> {
        let Some((name, path)) = names.split_last() else { return Ok(receiver.clone()) };
        let mut receiver = receiver.clone();
        // What comes out of a field or map of any type is of that type to Go, and only inside of its own.
        let mut type_ = receiver.type_of();
        for name in path {
            let next = self.eval_field(dot, (&receiver, type_), at, name, &[], None)?;
            type_ = if holds_any(&receiver, name) { Some(&types::ANY) } else { next.type_of() };
            receiver = next;
        }
        self.eval_field(dot, (&receiver, type_), at, name, args, last)
    }

    fn eval_field(
        &mut self,
        dot: &Value,
        (receiver, shown_type): (&Value, Option<&'static Type>),
        at: &'t Operand,
        name: &'t str,
        args: &'t [Operand],
        last: Option<&Value>,
    ) -> Done<Value> {
        let Some(type_) = receiver.type_of() else {
            if self.setting.missing_key == MissingKey::Error {
                return self.error(format!("nil data; no entry for key {}", firesteel_go_compat::quote(name)));
            }
            return Ok(Value::Nil);
        };
        if matches!(receiver, Value::NilInterface) {
            return self.error(format!("nil pointer evaluating {type_}.{name}"));
        }
        let own = receiver.indirect();
        let method = type_.method.and_then(|method| method(receiver, name)).or_else(|| {
            let method = own.type_of().and_then(|type_| type_.method)?;
            method(own, name)
        });
        if let Some(method) = method {
            return self.eval_call(dot, &method, None, (at.pos, at), name, args, last);
        }
        let has_args = !args.is_empty() || last.is_some();
        match own {
            Value::Record(record) => {
                if let Some((_, field)) = record.fields.iter().find(|(known, _)| *known == name) {
                    if has_args {
                        return self.error(format!("{name} has arguments but cannot be invoked as function"));
                    }
                    return Ok(field.clone());
                }
            }
            Value::Map(map) => {
                if has_args {
                    return self.error(format!("{name} is not a method but has arguments"));
                }
                return match (map.entries.get(name), self.setting.missing_key) {
                    (Some(value), _) => Ok(value.clone()),
                    (None, MissingKey::Invalid) => Ok(Value::Nil),
                    (None, MissingKey::Zero) => Ok(map.type_.elem.map_or(Value::NilInterface, Value::zero)),
                    (None, MissingKey::Error) => {
                        self.error(format!("map has no entry for key {}", firesteel_go_compat::quote(name)))
                    }
                };
            }
            _ => {}
        }
        self.error(format!("can't evaluate field {name} in type {}", shown_type.unwrap_or(type_)))
    }

    /// Computes an argument of that type.
    pub(super) fn eval_arg(&mut self, dot: &Value, wanted: &'static Type, at: &'t Operand) -> Done<Value> {
        self.at = Some((at.pos, at));
        if let OperandKind::Pipe(pipe) = &at.kind {
            self.at = Some((at.pos, &**pipe));
        }
        let value = match &at.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil => {
                return match wanted.kind {
                    Kind::Any => Ok(Value::Nil),
                    _ if wanted.can_be_nil() => Ok(Value::zero(wanted)),
                    _ => self.error(format!("cannot assign nil to {wanted}")),
                };
            }
            OperandKind::Field(names) => self.eval_fields(dot, dot, at, names, &[], None)?,
            OperandKind::Variable(names) => self.eval_variable(dot, at, names, &[], None)?,
            OperandKind::Pipe(pipe) => self.eval_pipeline(dot, pipe)?,
            OperandKind::Identifier(name) => self.eval_function(dot, name, (at.pos, at), &[], None)?,
            OperandKind::Chain(of, names) => self.eval_chain(dot, at, of, names, &[], None)?,
            OperandKind::Bool(_) | OperandKind::Number(_) | OperandKind::String { .. } => {
                return self.literal(wanted, at);
            }
        };
        self.validate(value, wanted)
    }

    /// A constant as a value of that type.
    fn literal(&mut self, wanted: &'static Type, at: &'t Operand) -> Done<Value> {
        let number = |kind: &OperandKind| match kind {
            OperandKind::Number(number) => Some((number.int, number.uint, number.float)),
            _ => None,
        };
        match wanted.kind {
            Kind::Interface | Kind::Any => match &at.kind {
                OperandKind::Bool(v) => Ok(Value::Bool(*v)),
                OperandKind::Number(number) => self.constant(at, number),
                OperandKind::String { text, .. } => Ok(Value::String(text.clone(), &types::STRING)),
                _ => self.error(format!("can't handle assignment of {at} to empty interface argument")),
            },
            Kind::Bool => match &at.kind {
                OperandKind::Bool(v) => Ok(Value::Bool(*v)),
                _ => self.error(format!("expected bool; found {at}")),
            },
            Kind::String => match &at.kind {
                OperandKind::String { text, .. } => Ok(Value::String(text.clone(), wanted)),
                _ => self.error(format!("expected string; found {at}")),
            },
            Kind::Int => match number(&at.kind) {
                Some((Some(int), _, _)) => Ok(Value::Int(int, wanted)),
                _ => self.error(format!("expected integer; found {at}")),
            },
            Kind::Uint => match number(&at.kind) {
                Some((_, Some(uint), _)) => Ok(Value::Uint(uint, wanted)),
                _ => self.error(format!("expected unsigned integer; found {at}")),
            },
            Kind::Float => match number(&at.kind) {
                Some((_, _, Some(float))) => Ok(Value::Float(float)),
                _ => self.error(format!("expected float; found {at}")),
            },
            Kind::Slice | Kind::Map | Kind::Struct | Kind::Pointer | Kind::Func => {
                self.error(format!("can't handle {at} for arg of type {wanted}"))
            }
        }
    }

    /// Checks that a value may be given where a type is wanted.
    pub(super) fn validate(&mut self, value: Value, wanted: &'static Type) -> Done<Value> {
        let Some(type_) = value.type_of() else {
            return match wanted.kind {
                Kind::Any => Ok(Value::Nil),
                _ if wanted.can_be_nil() => Ok(Value::zero(wanted)),
                _ => self.error(format!("invalid value; expected {wanted}")),
            };
        };
        if type_.fits(wanted) {
            return Ok(value);
        }
        if let Value::Pointer(inner, _) = &value
            && inner.type_of().is_some_and(|type_| type_.fits(wanted))
        {
            return Ok((**inner).clone());
        }
        self.error(format!("wrong type for value; expected {wanted}; got {type_}"))
    }
}

/// Whether a field or key of a value may hold any type.
fn holds_any(value: &Value, name: &str) -> bool {
    let of = value.indirect();
    match of {
        // A method's answer is of its own type.
        _ if of.type_of().and_then(|type_| type_.method).is_some_and(|method| method(of, name).is_some()) => false,
        Value::Map(map) => map.type_.elem.is_some_and(|elem| elem.kind == Kind::Interface),
        Value::Record(record) => record.type_.any_fields.contains(&name),
        _ => false,
    }
}
