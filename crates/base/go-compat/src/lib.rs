//! Go's accents: how upstream reads and writes floats, integers, durations, times, quoted strings and byte sizes,
//! and what its `math` computes.
//!
//! Everything here answers exactly as the Go function named in its documentation, errors included; the tables in the
//! tests are answers of Go itself.

#![forbid(unsafe_code)]

mod api_time;
mod byte_size;
mod civil;
mod duration;
mod float_format;
mod float_parse;
mod float_write;
mod go_duration;
#[cfg(test)]
mod golden;
mod hex_float;
mod int_parse;
mod integer;
pub mod math;
mod number_error;
mod path;
mod printable;
mod quote;
mod rfc3339;

pub use api_time::{
    ApiTimeError, MAX_TIME, MAX_TIME_FORMATTED, MIN_TIME, MIN_TIME_FORMATTED, go_i64, parse_api_duration_ns,
    parse_api_time,
};
pub use byte_size::{ByteSizeError, format_byte_size, parse_byte_size};
pub use civil::{CivilDate, days_in_month, is_leap_year};
pub use duration::{DurationError, format_duration, format_duration_ms, parse_duration, parse_signed_duration_ms};
pub use float_format::{FloatForm, FormattedFloat, format_float, format_float_as, push_float, push_float_precision};
pub use float_parse::{parse_float, parse_float_bytes};
pub use float_write::{FLOAT_ROOM, write_json_float};
pub use go_duration::{GoDurationError, format_go_duration, parse_go_duration};
pub use int_parse::{atoi, parse_int, parse_uint};
pub use integer::{push_i64, push_timestamp_ms, push_u64};
pub use number_error::{NumberError, NumberFault};
pub use path::{clean_path, glob_paths, name_matches};
pub use printable::is_print;
pub use quote::{Quoted, UnquoteError, quote, unquote};
pub use rfc3339::Instant;
