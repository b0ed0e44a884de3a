//! `eq`, `lt` and their kin, with Go's rules of which types compare.

use std::sync::Arc;

use crate::gofmt;
use crate::value::Value;

const BAD_TYPE: &str = "invalid type for comparison";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    Bool,
    Int,
    Float,
    String,
    Uint,
}

fn basic(value: &Value) -> Option<Basic> {
    Some(match value {
        Value::Bool(_) => Basic::Bool,
        Value::Int(..) => Basic::Int,
        Value::Uint(..) => Basic::Uint,
        Value::Float(_) => Basic::Float,
        Value::String(..) => Basic::String,
        _ => return None,
    })
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

/// Whether the first equals any of the others.
pub(crate) fn equal(first: &Value, others: &[Value]) -> Result<bool, String> {
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equals(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equals(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(match (a, b) {
        (Value::Int(a, _), Value::Uint(b, _)) => u64::try_from(*a).is_ok_and(|a| a == *b),
        (Value::Uint(a, _), Value::Int(b, _)) => u64::try_from(*b).is_ok_and(|b| *a == b),
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Int(a, _), Value::Int(b, _)) => a == b,
        (Value::Uint(a, _), Value::Uint(b, _)) => a == b,
        (Value::String(a, _), Value::String(b, _)) => a == b,
        _ if basic(a) != basic(b) => {
            if !a.is_nil() && !b.is_nil() {
                return Err(incompatible(a, b));
            }
            false
        }
        _ => return composite(a, b),
    })
}

/// Values that are neither numbers nor texts.
fn composite(a: &Value, b: &Value) -> Result<bool, String> {
    if a.is_nil() || b.is_nil() {
        return Ok(a.is_nil() == b.is_nil());
    }
    let (Some(of_a), Some(of_b)) = (a.type_of(), b.type_of()) else { return Ok(false) };
    if of_a.kind != of_b.kind {
        let (left, right) = (gofmt::sprintf("%s", std::slice::from_ref(a)), gofmt::sprint(std::slice::from_ref(b)));
        return Err(format!("non-comparable types {left}: {of_a}, {of_b}: {right}"));
    }
    if !of_b.comparable {
        return Err(format!("non-comparable type {}: {of_b}", gofmt::sprintf("%s", std::slice::from_ref(b))));
    }
    Ok(same(a, b))
}

/// Go's `==` of two interfaces.
fn same(a: &Value, b: &Value) -> bool {
    if a.type_of() != b.type_of() {
        return false;
    }
    match (a, b) {
        (Value::Pointer(a, _), Value::Pointer(b, _)) => Arc::ptr_eq(a, b),
        (Value::Record(a), Value::Record(b)) => {
            a.fields.len() == b.fields.len()
                && a.fields.iter().zip(&b.fields).all(|((_, a), (_, b))| equals(a, b).unwrap_or(false))
                && (a.inner.is_none() || Arc::ptr_eq(a, b))
        }
        (Value::List(_) | Value::Map(_) | Value::Func(_), _) => false,
        _ => equals(a, b).unwrap_or(false),
    }
}

/// `lt`
pub(crate) fn less(a: &Value, b: &Value) -> Result<bool, String> {
    if basic(a).is_none() || basic(b).is_none() {
        return Err(BAD_TYPE.to_owned());
    }
    Ok(match (a, b) {
        (Value::Int(a, _), Value::Uint(b, _)) => u64::try_from(*a).map_or(true, |a| a < *b),
        (Value::Uint(a, _), Value::Int(b, _)) => u64::try_from(*b).is_ok_and(|b| *a < b),
        (Value::Float(a), Value::Float(b)) => a < b,
        (Value::Int(a, _), Value::Int(b, _)) => a < b,
        (Value::Uint(a, _), Value::Uint(b, _)) => a < b,
        (Value::String(a, _), Value::String(b, _)) => a < b,
        (Value::Bool(_), Value::Bool(_)) => return Err(BAD_TYPE.to_owned()),
        _ => return Err(incompatible(a, b)),
    })
}

/// `le`
pub(crate) fn less_or_equal(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(less(a, b)? || equals(a, b)?)
}
