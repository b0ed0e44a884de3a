//! The functions of PromQL: their names and types. What they compute is the engine's matter.

use crate::value_type::ValueType;
use ValueType::{Matrix as M, Scalar as S, String as T, Vector as V};

/// The signature of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function {
    pub name: &'static str,
    /// The types of the arguments; the last one is that of every further argument too.
    pub args: &'static [ValueType],
    pub variadic: Variadic,
    pub returns: ValueType,
    /// Whether `promql-experimental-functions` must be switched on for it.
    pub experimental: bool,
}

/// How far the number of arguments may differ from the number of types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variadic {
    /// Exactly as many arguments as types.
    No,
    /// The last type may be left out, or repeated until this many arguments stand in its place.
    Extra(usize),
    /// The last type may be left out, or repeated without end.
    Unbounded,
}

/// Returns the function of that name. Names are case-sensitive.
pub fn function(name: &str) -> Option<&'static Function> {
    let at = FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok()?;
    FUNCTIONS.get(at)
}

const fn known(name: &'static str, args: &'static [ValueType], variadic: Variadic, returns: ValueType) -> Function {
    Function { name, args, variadic, returns, experimental: false }
}

const fn trial(name: &'static str, args: &'static [ValueType], variadic: Variadic, returns: ValueType) -> Function {
    Function { name, args, variadic, returns, experimental: true }
}

/// Every function of Prometheus 3.14, sorted by name.
pub static FUNCTIONS: &[Function] = &[
    known("abs", &[V], Variadic::No, V),
    known("absent", &[V], Variadic::No, V),
    known("absent_over_time", &[M], Variadic::No, V),
    known("acos", &[V], Variadic::No, V),
    known("acosh", &[V], Variadic::No, V),
    known("asin", &[V], Variadic::No, V),
    known("asinh", &[V], Variadic::No, V),
    known("atan", &[V], Variadic::No, V),
    known("atanh", &[V], Variadic::No, V),
    known("avg_over_time", &[M], Variadic::No, V),
    known("ceil", &[V], Variadic::No, V),
    known("changes", &[M], Variadic::No, V),
    known("clamp", &[V, S, S], Variadic::No, V),
    known("clamp_max", &[V, S], Variadic::No, V),
    known("clamp_min", &[V, S], Variadic::No, V),
    known("cos", &[V], Variadic::No, V),
    known("cosh", &[V], Variadic::No, V),
    known("count_over_time", &[M], Variadic::No, V),
    known("day_of_month", &[V], Variadic::Extra(1), V),
    known("day_of_week", &[V], Variadic::Extra(1), V),
    known("day_of_year", &[V], Variadic::Extra(1), V),
    known("days_in_month", &[V], Variadic::Extra(1), V),
    known("deg", &[V], Variadic::No, V),
    known("delta", &[M], Variadic::No, V),
    known("deriv", &[M], Variadic::No, V),
    trial("double_exponential_smoothing", &[M, S, S], Variadic::No, V),
    trial("end", &[], Variadic::No, S),
    known("exp", &[V], Variadic::No, V),
    known("first_over_time", &[M], Variadic::No, V),
    known("floor", &[V], Variadic::No, V),
    known("histogram_avg", &[V], Variadic::No, V),
    known("histogram_count", &[V], Variadic::No, V),
    known("histogram_fraction", &[S, S, V], Variadic::No, V),
    known("histogram_quantile", &[S, V], Variadic::No, V),
    trial("histogram_quantiles", &[V, T, S, S], Variadic::Extra(9), V),
    known("histogram_stddev", &[V], Variadic::No, V),
    known("histogram_stdvar", &[V], Variadic::No, V),
    known("histogram_sum", &[V], Variadic::No, V),
    known("hour", &[V], Variadic::Extra(1), V),
    known("idelta", &[M], Variadic::No, V),
    known("increase", &[M], Variadic::No, V),
    trial("info", &[V, V], Variadic::Extra(1), V),
    known("irate", &[M], Variadic::No, V),
    known("label_join", &[V, T, T, T], Variadic::Unbounded, V),
    known("label_replace", &[V, T, T, T, T], Variadic::No, V),
    known("last_over_time", &[M], Variadic::No, V),
    known("ln", &[V], Variadic::No, V),
    known("log10", &[V], Variadic::No, V),
    known("log2", &[V], Variadic::No, V),
    trial("mad_over_time", &[M], Variadic::No, V),
    trial("max_of", &[S, S], Variadic::No, S),
    known("max_over_time", &[M], Variadic::No, V),
    trial("min_of", &[S, S], Variadic::No, S),
    known("min_over_time", &[M], Variadic::No, V),
    known("minute", &[V], Variadic::Extra(1), V),
    known("month", &[V], Variadic::Extra(1), V),
    known("pi", &[], Variadic::No, S),
    known("predict_linear", &[M, S], Variadic::No, V),
    known("present_over_time", &[M], Variadic::No, V),
    known("quantile_over_time", &[S, M], Variadic::No, V),
    known("rad", &[V], Variadic::No, V),
    trial("range", &[], Variadic::No, S),
    known("rate", &[M], Variadic::No, V),
    known("resets", &[M], Variadic::No, V),
    known("round", &[V, S], Variadic::Extra(1), V),
    known("scalar", &[V], Variadic::No, S),
    known("sgn", &[V], Variadic::No, V),
    known("sin", &[V], Variadic::No, V),
    known("sinh", &[V], Variadic::No, V),
    known("sort", &[V], Variadic::No, V),
    trial("sort_by_label", &[V, T], Variadic::Unbounded, V),
    trial("sort_by_label_desc", &[V, T], Variadic::Unbounded, V),
    known("sort_desc", &[V], Variadic::No, V),
    known("sqrt", &[V], Variadic::No, V),
    trial("start", &[], Variadic::No, S),
    trial("start_timestamp", &[V], Variadic::No, V),
    known("stddev_over_time", &[M], Variadic::No, V),
    known("stdvar_over_time", &[M], Variadic::No, V),
    trial("step", &[], Variadic::No, S),
    known("sum_over_time", &[M], Variadic::No, V),
    known("tan", &[V], Variadic::No, V),
    known("tanh", &[V], Variadic::No, V),
    known("time", &[], Variadic::No, S),
    known("timestamp", &[V], Variadic::No, V),
    trial("ts_of_first_over_time", &[M], Variadic::No, V),
    trial("ts_of_last_over_time", &[M], Variadic::No, V),
    trial("ts_of_max_over_time", &[M], Variadic::No, V),
    trial("ts_of_min_over_time", &[M], Variadic::No, V),
    known("vector", &[S], Variadic::No, V),
    known("year", &[V], Variadic::Extra(1), V),
];
