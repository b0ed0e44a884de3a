//! The exposition formats that a scrape may ask for.

use firesteel_yaml::{Node, Out, Reader};

use crate::Decode;
use crate::rules_of_choice::not_a_choice;

/// A format, by its name in the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScrapeProtocol {
    PrometheusProto,
    PrometheusText0_0_4,
    PrometheusText1_0_0,
    OpenMetricsText0_0_1,
    OpenMetricsText1_0_0,
}

impl ScrapeProtocol {
    /// In the order of upstream's messages.
    pub const ALL: [Self; 5] = [
        Self::OpenMetricsText0_0_1,
        Self::OpenMetricsText1_0_0,
        Self::PrometheusProto,
        Self::PrometheusText0_0_4,
        Self::PrometheusText1_0_0,
    ];

    /// What is asked for when nothing else is said, best first.
    pub const DEFAULT: [Self; 4] =
        [Self::OpenMetricsText1_0_0, Self::OpenMetricsText0_0_1, Self::PrometheusText1_0_0, Self::PrometheusText0_0_4];

    /// What is asked for when native histograms are wanted.
    pub const PROTO_FIRST: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// Returns the name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrometheusProto => "PrometheusProto",
            Self::PrometheusText0_0_4 => "PrometheusText0.0.4",
            Self::PrometheusText1_0_0 => "PrometheusText1.0.0",
            Self::OpenMetricsText0_0_1 => "OpenMetricsText0.0.1",
            Self::OpenMetricsText1_0_0 => "OpenMetricsText1.0.0",
        }
    }

    /// Returns the media type with its parameters, as an Accept header carries it.
    pub fn header(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::PrometheusText0_0_4 => "text/plain;version=0.0.4",
            Self::PrometheusText1_0_0 => "text/plain;version=1.0.0",
            Self::OpenMetricsText0_0_1 => "application/openmetrics-text;version=0.0.1",
            Self::OpenMetricsText1_0_0 => "application/openmetrics-text;version=1.0.0",
        }
    }
}

impl Decode for ScrapeProtocol {
    fn go_type() -> String {
        "config.ScrapeProtocol".to_owned()
    }
    fn zero() -> Self {
        Self::PrometheusText0_0_4
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(word) = reader.string_as(node, "config.ScrapeProtocol") else { return };
        if let Some(found) = Self::ALL.into_iter().find(|p| p.name() == word) {
            *self = found;
            return;
        }
        let legal = Self::ALL.map(Self::name);
        let upstream = format!("unknown scrape protocol {word}, supported: [{}]", legal.join(" "));
        let upstream =
            if reader.key() == "scrape_protocols" { format!("scrape_protocols: {upstream}") } else { upstream };
        not_a_choice(reader, node.span, "a scrape protocol", &word, &legal, upstream);
    }
    fn is_zero(&self) -> bool {
        false
    }
    fn encode(&self) -> Out {
        Out::Str(self.name().to_owned())
    }
}
