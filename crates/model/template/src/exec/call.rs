//! Calling functions and methods.

use std::fmt::Display;

use firesteel_go_compat::quote;

use super::{Done, Exec};
use crate::builtins::{self, Builtin};
use crate::func::Func;
use crate::parse::Operand;
use crate::value::Value;

impl<'t> Exec<'t> {
    pub(super) fn eval_function(
        &mut self,
        dot: &Value,
        name: &'t str,
        at: (usize, &'t dyn Display),
        args: &'t [Operand],
        last: Option<&Value>,
    ) -> Done<Value> {
        let funcs = self.setting.funcs;
        if let Some(func) = funcs.get(name) {
            return self.eval_call(dot, func, None, at, name, args, last);
        }
        if let Some(escaper) = crate::html::escaper(name) {
            return self.eval_call(dot, escaper, None, at, name, args, last);
        }
        let Some(builtin) = builtins::find(name) else {
            return self.error(format!("{} is not a defined function", quote(name)));
        };
        self.eval_call(dot, &builtin.func, Some(builtin), at, name, args, last)
    }

    pub(super) fn eval_call(
        &mut self,
        dot: &Value,
        func: &Func<'_>,
        builtin: Option<&Builtin>,
        at: (usize, &'t dyn Display),
        name: &str,
        args: &'t [Operand],
        last: Option<&Value>,
    ) -> Done<Value> {
        let given = args.len() + usize::from(last.is_some());
        let fixed = func.params.len() - usize::from(func.variadic);
        if func.variadic && given < fixed {
            return self.error(format!("wrong number of args for {name}: want at least {fixed} got {}", args.len()));
        }
        if !func.variadic && given != fixed {
            return self.error(format!("wrong number of args for {name}: want {fixed} got {given}"));
        }
        if let Some(Builtin { stops_at: Some(stops_at), .. }) = builtin {
            return self.and_or(dot, *stops_at, args, last);
        }
        let wanted = |at: usize| func.params[at.min(func.params.len() - 1)];
        let mut values = Vec::with_capacity(given);
        for (at, arg) in args.iter().enumerate() {
            values.push(self.eval_arg(dot, wanted(at), arg)?);
        }
        if let Some(last) = last {
            values.push(self.validate(last.clone(), wanted(args.len()))?);
        }
        let result = if builtin.is_some_and(|builtin| builtin.is_call) {
            let callee = match args.first() {
                Some(operand) => operand.to_string(),
                None => values.first().map(|value| format!("<{} Value>", value.type_name())).unwrap_or_default(),
            };
            builtins::call(&callee, &values)
        } else {
            func.call(&values)
        };
        match result {
            Ok(value) => {
                if let Value::String(text, _) = &value {
                    self.bounded(text.len())?;
                }
                Ok(value)
            }
            Err(error) => {
                self.at = Some(at);
                self.error(format!("error calling {name}: {error}"))
            }
        }
    }

    /// `and` and `or`, which compute no more arguments than they need.
    fn and_or(&mut self, dot: &Value, stops_at: bool, args: &'t [Operand], last: Option<&Value>) -> Done<Value> {
        let mut value = Value::Nil;
        for arg in args {
            value = self.eval_arg(dot, &crate::types::VALUE, arg)?;
            if value.is_true() == stops_at {
                return Ok(value);
            }
        }
        match last {
            Some(last) => self.validate(last.clone(), &crate::types::VALUE),
            None => Ok(value),
        }
    }
}
