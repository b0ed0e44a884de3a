//! Exposition formats: zero-copy readers and writers.
//!
//! [`Parser`] pulls [`Event`]s from a body in the text format 0.0.4 or OpenMetrics 1.0, [`ProtobufParser`] from one in
//! protobuf: borrowed bytes, labels only on demand. [`RichParser`] adds to a [`Parser`] start timestamps and native histograms.
//! [`text_to_families`] and [`protobuf_to_families`] read a whole page into families.
//! [`write_text`], [`write_openmetrics`] and [`write_protobuf`] write gathered families, [`negotiate`] says which a reader
//! wants. [`choose`] finds the parser for a content type.
#![forbid(unsafe_code)]

mod classic_lines;
mod content_type;
mod created;
mod custom_buckets;
mod error;
mod escape;
mod event;
mod float;
mod lexer;
mod name_escape;
mod negotiate;
mod normalise;
mod openmetrics;
mod openmetrics_lexer;
mod parser;
mod plain_line;
mod protobuf;
mod protobuf_families;
mod protobuf_metric;
mod quoted;
mod rich_parser;
mod text;
mod text_families;
mod text_lexer;
mod token;
mod write_labels;
mod write_openmetrics;
mod write_protobuf;
mod write_text;

pub use content_type::{ContentTypeError, MediaType, choose};
pub use custom_buckets::ClassicHistogram;
pub use error::{Fault, LabelsError, NumberFault, ParseError};
pub use event::{Event, ExemplarValue, Sample, SampleLabels};
pub use firesteel_model::NativeHistogram;
pub use float::{NORMAL_NAN_BITS, parse_value, short_decimal};
pub use name_escape::Escaping;
pub use negotiate::{Exposition, negotiate, negotiate_text};
pub use normalise::{openmetrics_float, push_openmetrics_float};
pub use parser::{Format, Parser, ParserOptions};
pub use protobuf::{Part, ProtobufError, ProtobufOptions, ProtobufParser};
pub use protobuf_families::{MetricFault, OddMetric, ProtobufFamiliesError, message_to_family, protobuf_to_families};
pub use rich_parser::{RichOptions, RichParser};
pub use text_families::{TextFamiliesError, text_to_families};
pub use write_openmetrics::write_openmetrics;
pub use write_protobuf::{family_to_message, write_protobuf};
pub use write_text::{push_text_sample, push_text_type, write_text};
