//! Appending histograms to a chunk, byte for byte as upstream does (`chunkenc/{histogram,float_histogram}{,_st}.go`, 3.14).
//!
//! All histograms of a chunk have one layout. A histogram with more buckets makes the chunk be written anew with those, one
//! with fewer gets empty ones; a counter reset, another schema, zero threshold or bounds, and a sample behind a staleness
//! marker begin a new chunk. Format: `docs/format/histogram-chunk.md`.

use firesteel_base::TimestampMs;
use firesteel_model::histogram::is_custom_schema;
use firesteel_model::{CounterReset, FloatHistogram, Histogram, Span, is_stale_nan};

use super::bit_buffer::BitBuffer;
use super::histogram_decoder::Decoder;
use super::histogram_expand::Union;
use super::histogram_kind::{Float, Header, Int, Kind, View};
use super::histogram_layout::Layout;
use super::start_time::StartTimes;
use super::{ChunkError, ChunkFull, HISTOGRAM_HEADER_BYTES};
use crate::Encoding;

/// Most samples of a chunk with start timestamps: the count shares its two bytes with the counter reset header.
const MAX_SAMPLES_WITH_STARTS: u16 = 0x3fff;

/// What became of an appended histogram.
#[derive(Debug)]
pub enum Appended<A> {
    /// It is in the chunk.
    InPlace,
    /// It is in the chunk, all of whose bytes are new, because it brought new buckets.
    Recoded,
    /// It is the first sample of this new chunk; the old one is complete.
    Cut(Box<A>),
}

/// An open chunk of integer histograms: encodings 2, and 5 with start timestamps.
pub type HistogramAppender = Appender<Int>;
/// An open chunk of float histograms: encodings 3, and 6 with start timestamps.
pub type FloatHistogramAppender = Appender<Float>;

/// An open histogram chunk with its bytes.
#[derive(Clone, Debug)]
pub struct Appender<K: Kind> {
    out: BitBuffer,
    layout: Layout,
    values: K::Values,
    starts: Option<StartTimes>,
    header: Header,
    samples: u16,
    t: i64,
    delta: i64,
}

/// Whether a histogram fits the chunk, and how.
enum Fit {
    /// With these unions of buckets, positive and negative.
    Fits([Union; 2]),
    /// It needs none: a staleness marker.
    Marker,
    /// It does not; the header of the chunk that begins with it.
    Cut(Header),
}

impl HistogramAppender {
    /// Appends a histogram, `start` = 0 when it has no start timestamp. The first sample of a chunk is compared with `before`,
    /// the chunk so far, for the counter reset header. The order of times is the caller's business.
    pub fn append(
        &mut self,
        before: Option<&Self>,
        start: TimestampMs,
        t: TimestampMs,
        h: &Histogram,
    ) -> Result<Appended<Self>, ChunkFull> {
        self.append_view(before, start.0, t.0, Int::view(h))
    }
}

impl FloatHistogramAppender {
    /// Appends a histogram, as [`HistogramAppender::append`] does.
    pub fn append(
        &mut self,
        before: Option<&Self>,
        start: TimestampMs,
        t: TimestampMs,
        h: &FloatHistogram,
    ) -> Result<Appended<Self>, ChunkFull> {
        self.append_view(before, start.0, t.0, Float::view(h))
    }
}

impl<K: Kind> Appender<K> {
    /// Returns an empty chunk, with room for start timestamps or not.
    pub fn new(with_starts: bool) -> Self {
        Self {
            out: BitBuffer::with_header(HISTOGRAM_HEADER_BYTES),
            layout: Layout::default(),
            values: K::Values::default(),
            starts: with_starts.then(StartTimes::default),
            header: Header::Unknown,
            samples: 0,
            t: 0,
            delta: 0,
        }
    }

    /// Returns the state behind the last sample of `chunk`. Costs a decode of the whole chunk. Errors: as decoding; also an
    /// encoding that is not of this kind.
    pub fn resume(chunk: &[u8], encoding: Encoding) -> Result<Self, ChunkError> {
        let mut decoder = Decoder::<K>::new(chunk, encoding)?;
        while decoder.advance()?.is_some() {}
        let mut appender = Self::new(decoder.starts.is_some());
        (appender.samples, appender.header) = (decoder.read as u16, decoder.header);
        if decoder.read > 0 {
            appender.out = BitBuffer::resume(chunk, decoder.end_bit());
            K::resumed(&mut decoder.values);
            (appender.layout, appender.values, appender.starts) = (decoder.layout, decoder.values, decoder.starts);
            (appender.t, appender.delta) = (decoder.t, decoder.delta);
        }
        appender.write_header();
        Ok(appender)
    }

    /// Returns the chunk's bytes, header included.
    pub fn bytes(&self) -> &[u8] {
        self.out.bytes()
    }

    /// Returns how many samples the chunk has.
    pub fn samples(&self) -> u16 {
        self.samples
    }

    /// Returns the time of the last sample; 0 when there is none.
    pub fn last_t(&self) -> TimestampMs {
        TimestampMs(self.t)
    }

    /// Returns whether the last sample is a staleness marker.
    pub fn ends_stale(&self) -> bool {
        self.samples > 0 && is_stale_nan(K::last(&self.values).sum)
    }

    /// Returns what the chunk says of counter resets before its first sample.
    pub fn counter_reset_header(&self) -> Header {
        self.header
    }

    /// Returns whether the chunk has room for start timestamps.
    pub fn has_starts(&self) -> bool {
        self.starts.is_some()
    }

    fn append_view(
        &mut self,
        before: Option<&Self>,
        start: i64,
        t: i64,
        h: View<'_, K>,
    ) -> Result<Appended<Self>, ChunkFull> {
        if self.samples == 0 {
            self.header = match h.hint {
                CounterReset::Gauge => Header::Gauge,
                CounterReset::Reset => Header::Reset,
                _ => before.map_or(self.header, |before| K::LIKE_BEFORE(before.verdict(&h))),
            };
            self.put(start, t, &h);
            return Ok(Appended::InPlace);
        }
        if self.samples == if self.starts.is_some() { MAX_SAMPLES_WITH_STARTS } else { u16::MAX } {
            return Err(ChunkFull::Samples);
        }
        let unions = match self.fit(&h) {
            Fit::Marker => {
                self.put(start, t, &h);
                return Ok(Appended::InPlace);
            }
            Fit::Cut(header) => {
                let mut cut = Box::new(Self::new(self.starts.is_some()));
                cut.header = header;
                cut.put(start, t, &h);
                return Ok(Appended::Cut(cut));
            }
            Fit::Fits(unions) => unions,
        };
        let forward = unions.iter().any(|u| u.forward);
        let backward = unions.iter().any(|u| u.backward);
        let spans: [Vec<Span>; 2] = std::array::from_fn(|side| {
            // upstream: layouts of counters are only made anew on the side that lacks buckets (chunkenc/histogram.go).
            let anew = backward && (h.hint == CounterReset::Gauge || unions[side].backward);
            if forward && anew { unions[side].spans() } else { h.spans[side].to_vec() }
        });
        let mut buckets: [Vec<K::Bucket>; 2] = Default::default();
        if backward {
            for (side, union) in unions.iter().enumerate() {
                let mut counts = Vec::new();
                K::absolute(h.buckets[side], &mut counts);
                union.expand(&counts, false, &mut buckets[side]);
                K::stored(&mut buckets[side]);
            }
        }
        let h = View {
            buckets: if backward { [&buckets[0], &buckets[1]] } else { h.buckets },
            spans: [&spans[0], &spans[1]],
            ..h
        };
        if forward {
            self.recode(&unions, h.spans)?;
        }
        self.put(start, t, &h);
        Ok(if forward { Appended::Recoded } else { Appended::InPlace })
    }

    /// Says which header a chunk gets whose first histogram follows this chunk.
    fn verdict(&self, h: &View<'_, K>) -> Header {
        match self.fit_counter(h) {
            Fit::Cut(header) => header,
            Fit::Fits(_) | Fit::Marker => Header::NotReset,
        }
    }

    fn fit(&self, h: &View<'_, K>) -> Fit {
        if h.hint == CounterReset::Gauge { self.fit_gauge(h) } else { self.fit_counter(h) }
    }

    fn fit_counter(&self, h: &View<'_, K>) -> Fit {
        if self.samples > 0 && self.header == Header::Gauge {
            return Fit::Cut(K::CUT_FROM_GAUGE);
        }
        if h.hint == CounterReset::Reset {
            return Fit::Cut(Header::Reset);
        }
        if h.is_stale() {
            return Fit::Marker;
        }
        let last = K::last(&self.values);
        if last.is_stale() {
            return Fit::Cut(Header::Unknown);
        }
        if h.count < last.count {
            return Fit::Cut(Header::Reset);
        }
        if h.schema != self.layout.schema || h.zero_threshold != self.layout.zero_threshold {
            return Fit::Cut(Header::Unknown);
        }
        if (is_custom_schema(h.schema) && h.bounds != self.layout.bounds) || h.zero_count < last.zero_count {
            return Fit::Cut(Header::Reset);
        }
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        let mut union = |side: usize, spans: &[Span]| {
            K::last_buckets(&self.values, side, &mut mine);
            K::absolute(h.buckets[side], &mut theirs);
            Union::of_counter((spans, &mine), (h.spans[side], &theirs))
        };
        match (union(0, &self.layout.positive), union(1, &self.layout.negative)) {
            (Some(positive), Some(negative)) => Fit::Fits([positive, negative]),
            _ => Fit::Cut(Header::Reset),
        }
    }

    fn fit_gauge(&self, h: &View<'_, K>) -> Fit {
        if self.samples > 0 && self.header != Header::Gauge {
            return Fit::Cut(Header::Gauge);
        }
        if h.is_stale() {
            return Fit::Marker;
        }
        let other_layout = h.schema != self.layout.schema || h.zero_threshold != self.layout.zero_threshold;
        let other_bounds = is_custom_schema(h.schema) && h.bounds != self.layout.bounds;
        if K::last(&self.values).is_stale() || other_layout || other_bounds {
            return Fit::Cut(Header::Gauge);
        }
        let Layout { positive, negative, .. } = &self.layout;
        Fit::Fits([Union::of_gauge(positive, h.spans[0]), Union::of_gauge(negative, h.spans[1])])
    }

    /// Writes the chunk anew with more buckets.
    fn recode(&mut self, unions: &[Union; 2], spans: [&[Span]; 2]) -> Result<(), ChunkFull> {
        let mut recoded = Self::new(self.starts.is_some());
        recoded.header = self.header;
        let encoding = K::encoding(self.starts.is_some());
        let mut decoder = Decoder::<K>::new(self.bytes(), encoding).map_err(|_| ChunkFull::Unreadable)?;
        let (mut counts, mut buckets) = (Vec::new(), <[Vec<K::Bucket>; 2]>::default());
        while let Some(sample) = decoder.advance().map_err(|_| ChunkFull::Unreadable)? {
            for (side, union) in unions.iter().enumerate() {
                K::last_buckets(&decoder.values, side, &mut counts);
                union.expand(&counts, true, &mut buckets[side]);
                K::stored(&mut buckets[side]);
            }
            let h = View {
                schema: self.layout.schema,
                zero_threshold: self.layout.zero_threshold,
                bounds: &self.layout.bounds,
                spans,
                buckets: [&buckets[0], &buckets[1]],
                ..K::last(&decoder.values)
            };
            recoded.put(sample.start.0, sample.t.0, &h);
        }
        *self = recoded;
        Ok(())
    }

    /// Appends a sample that fits.
    fn put(&mut self, start: i64, t: i64, h: &View<'_, K>) {
        let marker;
        let h = if h.is_stale() {
            marker = View::stale(h.sum);
            &marker
        } else {
            h
        };
        let before = self.t;
        if self.samples == 0 {
            self.layout = Layout {
                schema: h.schema,
                zero_threshold: h.zero_threshold,
                positive: h.spans[0].to_vec(),
                negative: h.spans[1].to_vec(),
                bounds: h.bounds.to_vec(),
            };
            self.layout.put(&mut self.out);
            self.out.put_varbit(t);
            K::put_first(&mut self.values, &mut self.out, h);
        } else {
            let delta = t.wrapping_sub(self.t);
            self.out.put_varbit(delta.wrapping_sub(self.delta));
            self.delta = delta;
            K::put_next(&mut self.values, &mut self.out, h);
        }
        if let Some(starts) = &mut self.starts {
            starts.put(&mut self.out, self.samples, t, before, start);
        }
        self.t = t;
        self.samples += 1;
        self.write_header();
    }

    fn write_header(&mut self) {
        let (samples, header) = (self.samples.to_be_bytes(), self.header as u8);
        let bytes = match self.starts {
            Some(starts) => [samples[0] & !Header::MASK | header, samples[1], starts.header],
            None => [samples[0], samples[1], header],
        };
        for (place, byte) in self.out.header_mut().iter_mut().zip(bytes) {
            *place = byte;
        }
    }
}
