//! Lines read for more than samples: start timestamps, and classic histograms as native ones.

use firesteel_base::TimestampMs;
use firesteel_model::MetricType;

use crate::NativeHistogram;
use crate::classic_lines::{ClassicLines, Converted};
use crate::created::Starts;
use crate::error::{LabelsError, ParseError};
use crate::event::{Event, ExemplarValue, Sample, SampleLabels};
use crate::parser::Parser;

/// What is wanted beyond samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct RichOptions {
    /// Read `_created` lines of OpenMetrics as start timestamps; they are no samples then.
    pub starts: bool,
    /// Turn classic histograms into native ones with custom buckets.
    pub custom_buckets: bool,
    /// Yield the samples of such classic histograms as well.
    pub always_classic: bool,
}

/// Reads one body from front to back.
#[derive(Clone, Debug)]
pub struct RichParser<'a> {
    parser: Parser<'a>,
    options: RichOptions,
    starts: Option<Starts<'a>>,
    classic: ClassicLines,
    /// The name in the last TYPE line that said histogram.
    family: &'a [u8],
    /// The present entry is `converted`, and this one follows (`None` inside: the end).
    #[expect(
        clippy::option_option,
        reason = "whether one is held, and what the parser said: `Parser::next`'s own type"
    )]
    held: Option<Option<Event<'a>>>,
    converted: Converted,
    /// Of the sample that was read last.
    timestamp: Option<TimestampMs>,
    /// Its exemplar went to the histogram that it is a part of.
    is_exemplar_gone: bool,
    line: SampleLabels,
    exemplar: SampleLabels,
}

impl<'a> RichParser<'a> {
    /// Reads on where `parser` stands, which should be the front of its body.
    pub fn new(parser: Parser<'a>, options: RichOptions) -> Self {
        Self {
            starts: options.starts.then(|| Starts::new(&parser)),
            parser,
            options,
            classic: ClassicLines::default(),
            family: &[],
            held: None,
            converted: Converted::default(),
            timestamp: None,
            is_exemplar_gone: false,
            line: SampleLabels::default(),
            exemplar: SampleLabels::default(),
        }
    }

    /// Returns the parser of plain lines, for a known line of a sample (`sets` is `None`) or of metadata, which may set a type;
    /// `None` where such a line must be read by [`Self::next`].
    #[inline]
    pub fn known(&mut self, is_metadata: bool, sets: Option<MetricType>) -> Option<&mut Parser<'a>> {
        if self.held.is_some() || self.classic.is_gathering() {
            return None;
        }
        if let Some(starts) = &mut self.starts {
            // How long the family's name is counts, too.
            if is_metadata || Starts::concerns(self.parser.metric_type()) {
                return None;
            }
            starts.step_over();
        }
        let histograms = self.options.custom_buckets
            && (sets == Some(MetricType::Histogram)
                || !is_metadata && self.parser.metric_type() == MetricType::Histogram);
        (!histograms).then_some(&mut self.parser)
    }

    /// Returns the next entry, or `None` at the end of the body. After an error the parser must not be used again.
    #[expect(clippy::should_implement_trait, reason = "a pull parser that borrows itself for labels is no iterator")]
    pub fn next(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        if let Some(held) = self.held.take() {
            // It was read, and ended the histogram before it.
            if let Some(Event::Sample(sample)) = &held
                && self.gather(sample.value)
                && !self.options.always_classic
            {
                return self.read();
            }
            return Ok(held);
        }
        self.read()
    }

    fn read(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        loop {
            self.is_exemplar_gone = false;
            let event = self.parser.next()?;
            if let Some(Event::Sample(sample)) = &event {
                if self.options.starts && Starts::is_created(&self.parser) {
                    continue;
                }
                if !self.options.custom_buckets {
                    return Ok(event);
                }
                // upstream: a histogram that this sample ends gets this sample's time (nhcbparse.go, Histogram); kept.
                self.timestamp = sample.timestamp;
                let is_histogram = self.parser.metric_type() == MetricType::Histogram;
                if is_histogram && self.parser.labels(&mut self.line).is_err() {
                    // Who asks for the labels will be told.
                    return Ok(event);
                }
                if self.classic.is_gathering() && (!is_histogram || self.classic.is_other(&self.line)) && self.finish()
                {
                    self.held = Some(event);
                    return Ok(Some(self.converted_sample()));
                }
                if self.gather(sample.value) && !self.options.always_classic {
                    continue;
                }
                return Ok(event);
            }
            if let Some(Event::Type { name, metric_type: MetricType::Histogram }) = &event {
                self.family = name;
            }
            if self.finish() {
                self.held = Some(event);
                return Ok(Some(self.converted_sample()));
            }
            return Ok(event);
        }
    }

    fn finish(&mut self) -> bool {
        self.classic.finish(&mut self.converted)
    }

    /// Takes the line in hand as a part of a histogram; false: it is none.
    fn gather(&mut self, value: f64) -> bool {
        let Self { parser, classic, starts, exemplar, line, family, .. } = self;
        if parser.metric_type() != MetricType::Histogram {
            return false;
        }
        let found = parser.exemplar(exemplar).map(|found| (found, &*exemplar));
        let start = || starts.as_mut().map_or(TimestampMs(0), |starts| starts.of(parser));
        let taken = classic.take(family, line, value, found, start);
        self.is_exemplar_gone = taken;
        taken
    }

    fn converted_sample(&self) -> Event<'a> {
        Event::Sample(Sample { series: &[], value: 0.0, timestamp: self.timestamp })
    }

    /// Returns name and labels (each but `le`) of the histogram that the present entry is; `None` for a plain sample.
    pub fn converted(&self) -> Option<(&str, impl Iterator<Item = (&str, &str)>)> {
        self.held.is_some().then(|| (&*self.converted.name, self.converted.own_labels()))
    }

    /// Writes the labels of the present sample, as [`Parser::labels`] does.
    pub fn labels(&self, out: &mut SampleLabels) -> Result<(), LabelsError> {
        let Some((name, labels)) = self.converted() else { return self.parser.labels(out) };
        out.clear();
        out.push_name(name, "");
        for (name, value) in labels {
            out.push(name, value);
        }
        Ok(())
    }

    /// Returns the native histogram that the present sample is; `None` for a float.
    pub fn histogram(&mut self) -> Option<NativeHistogram> {
        if self.held.is_some() { self.converted.histogram.take() } else { None }
    }

    /// Returns the start timestamp of the present sample; 0 when there is none, or none is wanted.
    pub fn start(&mut self) -> TimestampMs {
        let Some(starts) = &mut self.starts else { return TimestampMs(0) };
        if self.held.is_some() {
            self.converted.start
        } else if self.classic.is_gathering() {
            // upstream: all samples of a histogram have the start timestamp of its first (nhcbparse.go, StartTimestamp).
            self.classic.start()
        } else {
            starts.of(&self.parser)
        }
    }

    /// Calls `each` with the exemplars of the present sample. A native histogram has those of its lines that have a time, and
    /// the lines have none then.
    pub fn exemplars(&self, labels: &mut SampleLabels, mut each: impl FnMut(ExemplarValue, &SampleLabels)) {
        if self.held.is_some() {
            let timed = self.converted.exemplars.iter().filter(|(exemplar, _)| exemplar.timestamp.is_some());
            timed.for_each(|(exemplar, labels)| each(*exemplar, labels));
        } else if !self.is_exemplar_gone
            && let Some(exemplar) = self.parser.exemplar(labels)
        {
            each(exemplar, labels);
        }
    }

    /// Returns the type that the last TYPE line gave.
    pub fn metric_type(&self) -> MetricType {
        self.parser.metric_type()
    }

    /// Returns the unit that the last UNIT line gave.
    pub fn unit(&self) -> &'a [u8] {
        self.parser.unit()
    }

    /// Returns the parser of plain lines, to ask where it stands.
    pub fn plain(&self) -> &Parser<'a> {
        &self.parser
    }
}
