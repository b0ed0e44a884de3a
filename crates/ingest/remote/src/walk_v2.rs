//! From a 2.0 request to a batch.
//!
//! Symbols are hashed once; a series' fingerprint is folded from the hashes of the symbols it names, so that it is the
//! same in every request, wherever the symbols stand.

use firesteel_model::{Metadata, MetricType, SeriesRef};
use firesteel_proto::WireError;
use firesteel_proto::fields::{take_bytes, take_varint};
use firesteel_proto::histogram::Histogram;
use firesteel_proto::write_v2::{self, Item, Layout};
use firesteel_storage::Appender;

use crate::batch::{Batch, Begun, Why};
use crate::label_set::LabelSet;
use crate::series_cache::{Follower, Learned, SeriesCache};

/// Where things stand in a request; its memory is used again.
#[derive(Debug, Default)]
pub(crate) struct Request {
    layout: Layout,
    symbol_hashes: Vec<u64>,
    refs: Vec<u32>,
}

/// How a request is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) max_t: i64,
    /// Add the labels `__type__` and `__unit__`.
    pub(crate) type_and_unit_labels: bool,
    /// Hand on what series say of their metrics.
    pub(crate) metadata: bool,
    /// Hand on start timestamps.
    pub(crate) starts: bool,
}

/// The first field of a series in what all known senders write: the list of symbols, packed.
const REFS_KEY: u8 = 0x0a;

fn fold(hash: u64, symbol: u64) -> u64 {
    let product = u128::from(hash ^ symbol) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    product as u64 ^ (product >> 64) as u64
}

impl Request {
    /// Reads the whole request into the batch; series that the cache does not know are looked up or created.
    pub(crate) fn read(
        &mut self,
        request: &[u8],
        batch: &mut Batch,
        cache: &SeriesCache,
        follower: &mut Follower<'_>,
        appender: &mut dyn Appender,
        how: How,
    ) -> Result<(), WireError> {
        self.layout.read(request)?;
        self.symbol_hashes.clear();
        self.symbol_hashes.extend(self.layout.symbols(request).map(|symbol| cache.fingerprint(symbol)));
        let seed = cache.fingerprint(b"io.prometheus.write.v2.Request");
        let start = request.as_ptr() as usize;
        // The layout is borrowed while the rest of `self` changes.
        let layout = std::mem::take(&mut self.layout);
        let outcome = layout.series(request).try_for_each(|series| {
            let begun = batch.begin(series.as_ptr() as usize - start, series.len());
            let (fingerprint, behind) = self.fingerprint(seed, series)?;
            let mut rest = Rest::default();
            rest.read(behind, batch, begun, how)?;
            self.series(&layout, request, series, begun, fingerprint, rest, batch, follower, appender, how)
        });
        self.layout = layout;
        outcome
    }

    /// Folds the symbols of the first field; `None` when it is not the list of symbols, or names none.
    #[inline]
    fn fingerprint<'a>(&self, seed: u64, series: &'a [u8]) -> Result<(Option<u64>, &'a [u8]), WireError> {
        let [REFS_KEY, rest @ ..] = series else { return Ok((None, series)) };
        let mut rest = rest;
        let mut refs = take_bytes(&mut rest)?;
        let mut hash = Some(seed);
        while !refs.is_empty() {
            let symbol = self.symbol_hashes.get(take_varint(&mut refs)? as u32 as usize);
            hash = hash.zip(symbol).map(|(hash, symbol)| fold(hash, *symbol));
        }
        Ok((hash, rest))
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one walk, spread so that its parts borrow apart")]
    #[inline]
    fn series(
        &mut self,
        layout: &Layout,
        request: &[u8],
        series: &[u8],
        begun: Begun,
        fingerprint: Option<u64>,
        rest: Rest<'_>,
        batch: &mut Batch,
        follower: &mut Follower<'_>,
        appender: &mut dyn Appender,
        how: How,
    ) -> Result<(), WireError> {
        let about = rest.metadata;
        let mut fingerprint = fingerprint.filter(|_| !rest.labels_follow);
        if how.type_and_unit_labels {
            let unit = self.symbol_hashes.get(about.unit_ref as usize).copied().unwrap_or(0);
            fingerprint = fingerprint.map(|hash| fold(fold(hash, about.metric_type as u64), unit));
        }
        let size = layout.symbol_count();
        for (name, at) in [("unit_ref", about.unit_ref), ("help_ref", about.help_ref)] {
            if at as usize >= size {
                // Upstream looks at the labels first.
                batch.labels.clear();
                let text = match self.spell(layout, request, series, &mut batch.labels) {
                    Err(text) => {
                        batch.bad_samples += batch.brought(begun);
                        text
                    }
                    Ok(()) => {
                        let refs = shown(&self.refs);
                        format!(
                            "parsing metadata for series {refs}: metadata {name} {at} outside of symbols table (size {size})"
                        )
                    }
                };
                batch.refuse(begun, Why::Message(text));
                return Ok(());
            }
        }
        let mut known = fingerprint.and_then(|hash| follower.series(hash));
        let empty = batch.brought(begun) == 0;
        if known.is_none() || empty {
            batch.labels.clear();
            if let Err(text) = self.spell(layout, request, series, &mut batch.labels) {
                batch.bad_samples += batch.brought(begun);
                batch.refuse(begun, Why::Message(text));
                return Ok(());
            }
            if how.type_and_unit_labels {
                add_type_and_unit(&mut batch.labels, about, layout.symbol(request, about.unit_ref).unwrap_or_default());
            }
            if empty {
                let why = match batch.labels.series() {
                    Err(bad) => Why::Labels(bad),
                    Ok(_) => Why::Message(format!(
                        "TimeSeries must contain at least one sample or histogram for series {}",
                        batch.labels.shown()
                    )),
                };
                batch.refuse(begun, why);
                return Ok(());
            }
            if batch.holds_nothing(begun) {
                if let Err(bad) = batch.labels.series() {
                    batch.refuse(begun, Why::Labels(bad));
                }
                return Ok(());
            }
            match batch.look_up(appender) {
                Ok(found) => {
                    known = Some(found);
                    batch.learned.extend(fingerprint.map(|fingerprint| Learned { fingerprint, len: 0, series: found }));
                }
                Err(why) => {
                    batch.refuse(begun, why);
                    return Ok(());
                }
            }
        }
        let Some(found) = known else { return Ok(()) };
        batch.end(begun, found);
        for bytes in rest.exemplars {
            self.exemplar(layout, request, series, bytes, begun, found, batch, how.max_t)?;
        }
        if how.metadata {
            let text = |at| String::from_utf8_lossy(layout.symbol(request, at).unwrap_or_default()).into_owned();
            let metric_type = metric_type(about.metric_type);
            batch.metadata(found, Metadata { metric_type, unit: text(about.unit_ref), help: text(about.help_ref) });
        }
        Ok(())
    }

    fn exemplar(
        &mut self,
        layout: &Layout,
        request: &[u8],
        series: &[u8],
        bytes: &[u8],
        begun: Begun,
        found: SeriesRef,
        batch: &mut Batch,
        max_t: i64,
    ) -> Result<(), WireError> {
        self.refs.clear();
        let refs = &mut self.refs;
        let (t, v) = write_v2::exemplar(bytes, |at| refs.push(at))?;
        batch.labels.clear();
        match name(layout, request, &self.refs, &mut batch.labels) {
            Ok(()) => {
                if let Some(labels) = batch.labels.exemplar() {
                    batch.exemplar(begun, found, labels, t, v, max_t);
                }
            }
            Err(fault) => {
                batch.labels.clear();
                // It was spelled without a fault before.
                let _ = self.spell(layout, request, series, &mut batch.labels);
                let text = format!("parsing exemplar for series {}: {fault}", batch.labels.shown());
                batch.bad_exemplar(begun, text);
            }
        }
        Ok(())
    }

    /// Adds the labels of a series to the set; an error is upstream's text.
    fn spell(&mut self, layout: &Layout, request: &[u8], series: &[u8], labels: &mut LabelSet) -> Result<(), String> {
        self.refs.clear();
        let refs = &mut self.refs;
        let walked = write_v2::items(series, |item| {
            if let Item::LabelRef(at) = item {
                refs.push(at);
            }
        });
        walked.map_err(|e| e.to_string())?;
        let named = name(layout, request, &self.refs, labels);
        named.map_err(|fault| format!("parsing labels for series {}: {fault}", shown(&self.refs)))
    }

    /// Adds the labels of a series that was read without a fault, as [`Request::read`] reads it.
    pub(crate) fn spell_again(&self, request: &[u8], series: &[u8], labels: &mut LabelSet, how: How) {
        let (mut refs, mut about) = (Vec::new(), write_v2::Metadata::default());
        let _ = write_v2::items(series, |item| match item {
            Item::LabelRef(at) => refs.push(at),
            Item::Metadata(metadata) => about = metadata,
            _ => {}
        });
        let _ = name(&self.layout, request, &refs, labels);
        if how.type_and_unit_labels {
            add_type_and_unit(labels, about, self.layout.symbol(request, about.unit_ref).unwrap_or_default());
        }
    }

    /// Returns the fingerprint under which [`Request::read`] looked a series up.
    pub(crate) fn fingerprint_again(&self, series: &[u8], cache: &SeriesCache, how: How) -> Option<u64> {
        let seed = cache.fingerprint(b"io.prometheus.write.v2.Request");
        let (hash, behind) = self.fingerprint(seed, series).ok()?;
        let (mut about, mut more) = (write_v2::Metadata::default(), false);
        let _ = write_v2::items(behind, |item| match item {
            Item::LabelRef(_) => more = true,
            Item::Metadata(metadata) => about = metadata,
            _ => {}
        });
        let hash = hash.filter(|_| !more)?;
        if !how.type_and_unit_labels {
            return Some(hash);
        }
        let unit = self.symbol_hashes.get(about.unit_ref as usize).copied().unwrap_or(0);
        Some(fold(fold(hash, about.metric_type as u64), unit))
    }
}

/// Adds the labels that a list of symbols names.
fn name(layout: &Layout, request: &[u8], refs: &[u32], labels: &mut LabelSet) -> Result<(), String> {
    let (pairs, odd) = refs.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(format!("invalid labelRefs length {}", refs.len()));
    }
    for &[name, value] in pairs {
        let (Some(name), Some(value)) = (layout.symbol(request, name), layout.symbol(request, value)) else {
            return Err(format!(
                "labelRefs {name} (name) = {value} (value) outside of symbols table (size {})",
                layout.symbol_count()
            ));
        };
        labels.push(name, value);
    }
    Ok(())
}

/// Writes numbers as Go prints a slice.
fn shown(refs: &[u32]) -> String {
    format!("[{}]", refs.iter().map(u32::to_string).collect::<Vec<_>>().join(" "))
}

fn metric_type(number: i32) -> MetricType {
    match number {
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => MetricType::Unknown,
    }
}

/// Type and unit as labels, in place of such labels that came (upstream's feature `type-and-unit-labels`).
fn add_type_and_unit(labels: &mut LabelSet, about: write_v2::Metadata, unit: &[u8]) {
    let metric_type = metric_type(about.metric_type);
    if metric_type == MetricType::Unknown && unit.is_empty() {
        return;
    }
    labels.remove("__type__");
    labels.remove("__unit__");
    if metric_type != MetricType::Unknown {
        labels.push(b"__type__", metric_type.as_str().as_bytes());
    }
    if !unit.is_empty() {
        labels.push(b"__unit__", unit);
    }
}

/// What stands behind a series' list of symbols, samples and histograms aside.
#[derive(Default)]
struct Rest<'a> {
    exemplars: Vec<&'a [u8]>,
    metadata: write_v2::Metadata,
    /// There are more symbols: the list in front does not spell the series.
    labels_follow: bool,
}

impl<'a> Rest<'a> {
    #[inline]
    fn read(&mut self, bytes: &'a [u8], batch: &mut Batch, begun: Begun, how: How) -> Result<(), WireError> {
        let mut outcome = Ok(());
        write_v2::items(bytes, |item| match item {
            Item::LabelRef(_) => self.labels_follow = true,
            Item::Sample { t_ms, v, start_t_ms } => {
                if how.starts && start_t_ms != 0 {
                    batch.start(start_t_ms, t_ms, how.max_t);
                }
                batch.sample(begun, t_ms, v, how.max_t);
            }
            Item::Exemplar(bytes) => self.exemplars.push(bytes),
            Item::Histogram(bytes) => match Histogram::decode(bytes) {
                Ok(mut histogram) => {
                    if !how.starts {
                        histogram.start_timestamp_ms = 0;
                    }
                    batch.histogram(begun, histogram, how.max_t);
                }
                Err(e) => outcome = Err(e),
            },
            Item::Metadata(metadata) => self.metadata = metadata,
        })?;
        outcome
    }
}
