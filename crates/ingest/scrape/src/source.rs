//! Where the samples of a page come from: lines of text or messages of protobuf, as ingestion sees them.

use std::hash::{BuildHasher, Hasher};

use firesteel_base::TimestampMs;
use firesteel_expfmt::{
    Event, ExemplarValue, NativeHistogram, Parser, Part, ProtobufError, ProtobufParser, Sample, SampleLabels,
};
use firesteel_model::MetricType;

use crate::cache::TargetCache;
use crate::ingest::IngestError;

/// Yields the entries of one page.
pub(crate) trait Source<'b> {
    /// Samples may be histograms, or have start timestamps.
    const RICH: bool;

    /// Returns the parser of lines, where known ones can be stepped over.
    fn lines(&mut self) -> Option<&mut Parser<'b>>;
    /// Returns the next entry, or `None` at the end.
    fn next(&mut self) -> Result<Option<Event<'b>>, IngestError>;
    /// Returns what tells the present sample's series from all others of the page.
    fn fingerprint(&mut self, sample: &Sample<'b>, cache: &TargetCache) -> u64;
    /// Writes the labels of the present sample.
    fn labels(&self, out: &mut SampleLabels) -> Result<(), IngestError>;
    /// Calls `each` with the exemplars of the present sample.
    fn each_exemplar(&self, labels: &mut SampleLabels, each: impl FnMut(ExemplarValue, &SampleLabels));
    fn metric_type(&self) -> MetricType;
    fn unit(&self) -> &[u8];
    /// Returns the histogram that the present sample is; `None` for a float.
    fn histogram(&mut self) -> Option<NativeHistogram>;
    /// Returns the start timestamp of the present sample; 0 when there is none.
    fn start(&mut self) -> TimestampMs;
}

/// The lines of a text page.
pub(crate) struct Lines<'b> {
    parser: Parser<'b>,
    body: &'b [u8],
}

impl<'b> Lines<'b> {
    pub(crate) fn new(parser: Parser<'b>, body: &'b [u8]) -> Self {
        Self { parser, body }
    }
}

impl<'b> Source<'b> for Lines<'b> {
    const RICH: bool = false;

    #[inline(always)]
    fn lines(&mut self) -> Option<&mut Parser<'b>> {
        Some(&mut self.parser)
    }

    fn next(&mut self) -> Result<Option<Event<'b>>, IngestError> {
        self.parser.next().map_err(|error| {
            let html = self.body.trim_ascii_start().first() == Some(&b'<');
            IngestError::Parse { error, html }
        })
    }

    fn fingerprint(&mut self, sample: &Sample<'b>, cache: &TargetCache) -> u64 {
        cache.fingerprint(sample.series)
    }

    fn labels(&self, out: &mut SampleLabels) -> Result<(), IngestError> {
        let labels = self.parser.labels(out);
        labels.map_err(|error| IngestError::Labels { error, line: self.parser.line_number() })
    }

    fn each_exemplar(&self, labels: &mut SampleLabels, mut each: impl FnMut(ExemplarValue, &SampleLabels)) {
        if let Some(exemplar) = self.parser.exemplar(labels) {
            each(exemplar, labels);
        }
    }

    fn metric_type(&self) -> MetricType {
        self.parser.metric_type()
    }

    fn unit(&self) -> &[u8] {
        self.parser.unit()
    }

    fn histogram(&mut self) -> Option<NativeHistogram> {
        None
    }

    fn start(&mut self) -> TimestampMs {
        TimestampMs(0)
    }
}

/// The messages of a protobuf page.
pub(crate) struct Messages<'b> {
    parser: ProtobufParser<'b>,
    /// Hash of the family's name and the metric's labels, which its samples share.
    labels: u64,
}

impl<'b> Messages<'b> {
    pub(crate) fn new(parser: ProtobufParser<'b>) -> Self {
        Self { parser, labels: 0 }
    }
}

fn refused(error: ProtobufError) -> IngestError {
    IngestError::Protobuf(error)
}

impl<'b> Source<'b> for Messages<'b> {
    const RICH: bool = true;

    fn lines(&mut self) -> Option<&mut Parser<'b>> {
        None
    }

    fn next(&mut self) -> Result<Option<Event<'b>>, IngestError> {
        self.parser.next().map_err(refused)
    }

    fn fingerprint(&mut self, _sample: &Sample<'b>, cache: &TargetCache) -> u64 {
        let (part, number) = self.parser.part();
        if matches!(part, Part::Whole | Part::Count | Part::Native) {
            // The metric's first sample, or one that may be.
            let mut hasher = cache.seed().build_hasher();
            hasher.write(self.parser.family().as_bytes());
            hasher.write_usize(self.parser.label_messages().len());
            for message in self.parser.label_messages() {
                hasher.write(message);
            }
            self.labels = hasher.finish();
        }
        let (kind, number) = match part {
            Part::Whole => (0u8, 0),
            Part::Count => (1, 0),
            Part::Sum => (2, 0),
            Part::Nth(_) => (3, number.to_bits()),
            Part::Native => (4, 0),
        };
        let mut hasher = cache.seed().build_hasher();
        hasher.write_u64(self.labels);
        hasher.write_u8(kind);
        hasher.write_u64(number);
        hasher.finish()
    }

    fn labels(&self, out: &mut SampleLabels) -> Result<(), IngestError> {
        self.parser.labels(out).map_err(refused)
    }

    fn each_exemplar(&self, labels: &mut SampleLabels, each: impl FnMut(ExemplarValue, &SampleLabels)) {
        self.parser.exemplars(labels, each);
    }

    fn metric_type(&self) -> MetricType {
        self.parser.metric_type()
    }

    fn unit(&self) -> &[u8] {
        self.parser.unit()
    }

    fn histogram(&mut self) -> Option<NativeHistogram> {
        self.parser.histogram()
    }

    fn start(&mut self) -> TimestampMs {
        self.parser.start()
    }
}
