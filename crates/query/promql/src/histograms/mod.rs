//! Native histograms in evaluation: what operators, functions and aggregations make of them (3.14).
//!
//! Floats keep their columns and kernels; whoever meets histograms comes here, point by point.

mod element;
mod extended;
mod fold;
mod function;
mod quantile;
mod range;
mod rate;

pub(crate) use element::{Answer, Cell, Refused, element};
pub(crate) use extended::smooth_histograms;
pub(crate) use fold::HistogramStates;
pub(crate) use function::HistogramFunction;
pub(crate) use quantile::{fraction, quantile};
pub(crate) use range::{RangeOf, Series, over_windows};
