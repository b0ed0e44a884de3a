//! Functions that are not about windows: of single values, of dates, of labels, of classic histograms.

pub(crate) mod calendar;
pub(crate) mod classic_histogram;
pub(crate) mod elementwise;
pub(crate) mod histogram_operators;
pub(crate) mod label_functions;
pub(crate) mod natural_order;
