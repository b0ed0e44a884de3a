//! Where the samples of a page come from: lines of text or messages of protobuf, as ingestion sees them.

use std::hash::{BuildHasher, Hasher};

use firesteel_base::TimestampMs;
use firesteel_expfmt::{
    Event, ExemplarValue, LabelsError, NativeHistogram, ParseError, Parser, Part, ProtobufError, ProtobufParser,
    RichParser, Sample, SampleLabels,
};
use firesteel_model::MetricType;

use crate::cache::{Entry, Kind, TargetCache};
use crate::ingest::IngestError;

/// Yields the entries of one page.
pub(crate) trait Source<'b> {
    /// Samples may be histograms, or have start timestamps.
    const RICH: bool;

    /// Returns the parser of lines if the next line, where it is the one that `entry` stands for, can be stepped over.
    fn known(&mut self, entry: Entry) -> Option<&mut Parser<'b>>;
    /// Returns where in the body the present line begins, and where the next.
    fn line(&self) -> Option<(usize, usize)>;
    /// Returns the next entry, or `None` at the end.
    fn next(&mut self) -> Result<Option<Event<'b>>, IngestError>;
    /// Returns what tells the present sample's series from all others of the page.
    fn fingerprint(&mut self, sample: &Sample<'b>, cache: &TargetCache) -> u64;
    /// Writes the labels of the present sample.
    fn labels(&self, out: &mut SampleLabels) -> Result<(), IngestError>;
    /// Returns the name and labels of the present sample if they are as they stand on its line; a name may stand twice.
    fn plain_labels(&self) -> Option<(&str, impl Iterator<Item = (&str, &str)>)>;
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

#[cold]
fn bad_line(error: ParseError, body: &[u8]) -> IngestError {
    IngestError::Parse { error, html: body.trim_ascii_start().first() == Some(&b'<') }
}

#[cold]
fn bad_labels(error: LabelsError, parser: &Parser<'_>) -> IngestError {
    IngestError::Labels { error, line: parser.line_number() }
}

impl<'b> Source<'b> for Lines<'b> {
    const RICH: bool = false;

    #[inline(always)]
    fn known(&mut self, _: Entry) -> Option<&mut Parser<'b>> {
        Some(&mut self.parser)
    }

    fn line(&self) -> Option<(usize, usize)> {
        Some((self.parser.line_start(), self.parser.position()))
    }

    fn next(&mut self) -> Result<Option<Event<'b>>, IngestError> {
        self.parser.next().map_err(|error| bad_line(error, self.body))
    }

    fn fingerprint(&mut self, sample: &Sample<'b>, cache: &TargetCache) -> u64 {
        cache.fingerprint(sample.series)
    }

    fn labels(&self, out: &mut SampleLabels) -> Result<(), IngestError> {
        self.parser.labels(out).map_err(|error| bad_labels(error, &self.parser))
    }

    #[inline]
    fn plain_labels(&self) -> Option<(&str, impl Iterator<Item = (&str, &str)>)> {
        self.parser.plain_labels()
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

/// The lines of a text page where start timestamps or custom buckets are wanted.
pub(crate) struct RichLines<'b> {
    parser: RichParser<'b>,
    body: &'b [u8],
}

impl<'b> RichLines<'b> {
    pub(crate) fn new(parser: RichParser<'b>, body: &'b [u8]) -> Self {
        Self { parser, body }
    }
}

impl<'b> Source<'b> for RichLines<'b> {
    const RICH: bool = true;

    #[inline]
    fn known(&mut self, entry: Entry) -> Option<&mut Parser<'b>> {
        let is_metadata = entry.kind() == Kind::Metadata;
        self.parser.known(is_metadata, if is_metadata { entry.sets_type() } else { None })
    }

    fn line(&self) -> Option<(usize, usize)> {
        let parser = self.parser.plain();
        Some((parser.line_start(), parser.position()))
    }

    fn next(&mut self) -> Result<Option<Event<'b>>, IngestError> {
        self.parser.next().map_err(|error| bad_line(error, self.body))
    }

    fn fingerprint(&mut self, sample: &Sample<'b>, cache: &TargetCache) -> u64 {
        let Some((name, labels)) = self.parser.converted() else { return cache.fingerprint(sample.series) };
        let mut hasher = cache.seed().build_hasher();
        // No line begins so.
        hasher.write_u8(0);
        hasher.write(name.as_bytes());
        // The order of labels does not matter: it may come from any line of the histogram.
        let mut all = 0u64;
        for (name, value) in labels {
            let mut pair = cache.seed().build_hasher();
            pair.write_usize(name.len());
            pair.write(name.as_bytes());
            pair.write(value.as_bytes());
            all = all.wrapping_add(pair.finish());
        }
        hasher.write_u64(all);
        hasher.finish()
    }

    fn labels(&self, out: &mut SampleLabels) -> Result<(), IngestError> {
        self.parser.labels(out).map_err(|error| bad_labels(error, self.parser.plain()))
    }

    fn plain_labels(&self) -> Option<(&str, impl Iterator<Item = (&str, &str)>)> {
        None::<(&str, std::iter::Empty<(&str, &str)>)>
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

    fn known(&mut self, _: Entry) -> Option<&mut Parser<'b>> {
        None
    }

    fn line(&self) -> Option<(usize, usize)> {
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

    fn plain_labels(&self) -> Option<(&str, impl Iterator<Item = (&str, &str)>)> {
        None::<(&str, std::iter::Empty<(&str, &str)>)>
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
