//! What a metric's HELP, TYPE and UNIT lines say.

/// The type of a metric family. `as_str` gives the words of the API and of OpenMetrics.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum MetricType {
    /// Also `untyped` of the text format 0.0.4.
    #[default]
    Unknown = 0,
    Counter = 1,
    Gauge = 2,
    Histogram = 3,
    GaugeHistogram = 4,
    Summary = 5,
    Info = 6,
    StateSet = 7,
}

impl MetricType {
    /// Returns upstream's word for the type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

/// Metadata of one metric family on one target.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Metadata {
    pub metric_type: MetricType,
    pub unit: String,
    pub help: String,
}
