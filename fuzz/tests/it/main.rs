//! The fuzz targets without a fuzzer.

mod corpora;
mod counted;
