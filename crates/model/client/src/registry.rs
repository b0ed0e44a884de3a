//! Where instruments are made and their values gathered.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use firesteel_base::{Clock, SystemClock};
use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue};
use indexmap::IndexMap;
use parking_lot::Mutex;

use crate::{Counter, Family, Gauge, Histogram, HistogramBuckets, Instrument, NativeBuckets, Summary};

/// Values that are read when a page is gathered, such as those of a data structure or of the kernel.
pub trait Collect: Send + Sync {
    /// Appends families. Those of one name are put together, so several collectors may add to one.
    fn collect(&self, out: &mut Vec<MetricFamily>);
}

/// Makes instruments and gathers their values. Clones share them.
///
/// Asking again for an instrument of the same name, labels and settings returns the same one: two engines in one
/// process count together. Asking for the same name in another shape is a mistake of the program and panics.
#[derive(Clone, Default)]
pub struct Registry(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Held to add and to copy the list; values are read outside.
    families: Mutex<IndexMap<String, Arc<dyn AnyFamily>>>,
    collectors: Mutex<Vec<Arc<dyn Collect>>>,
}

/// A family of whatever instrument.
trait AnyFamily: Send + Sync {
    fn gather(&self) -> Option<MetricFamily>;
    fn as_any(&self) -> &dyn Any;
}

impl<T: Instrument> AnyFamily for Family<T> {
    fn gather(&self) -> Option<MetricFamily> {
        Family::gather(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Registry {
    /// Returns an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a counter, which shows from the start, at 0.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.counter_vec(name, help, &[]).with(&[])
    }

    /// Makes a family of counters.
    pub fn counter_vec(&self, name: &str, help: &str, label_names: &[&str]) -> Family<Counter> {
        self.family(name, help, label_names, ())
    }

    /// Makes a gauge, which shows from the start, at 0.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.gauge_vec(name, help, &[]).with(&[])
    }

    /// Makes a family of gauges.
    pub fn gauge_vec(&self, name: &str, help: &str, label_names: &[&str]) -> Family<Gauge> {
        self.family(name, help, label_names, ())
    }

    /// Makes a histogram with these upper bounds.
    pub fn histogram(&self, name: &str, help: &str, upper_bounds: &[f64]) -> Histogram {
        self.histogram_vec(name, help, &[], upper_bounds).with(&[])
    }

    /// Makes a family of histograms with these upper bounds.
    pub fn histogram_vec(
        &self,
        name: &str,
        help: &str,
        label_names: &[&str],
        upper_bounds: &[f64],
    ) -> Family<Histogram> {
        let settings = HistogramBuckets { upper_bounds: upper_bounds.to_vec(), native: None };
        self.family(name, help, label_names, settings)
    }

    /// Makes a histogram with native buckets beside classic ones of these upper bounds, or alone.
    pub fn native_histogram(&self, name: &str, help: &str, upper_bounds: &[f64]) -> Histogram {
        self.native_histogram_vec(name, help, &[], upper_bounds).with(&[])
    }

    /// Makes a family of histograms with native buckets beside classic ones of these upper bounds, or alone.
    pub fn native_histogram_vec(
        &self,
        name: &str,
        help: &str,
        label_names: &[&str],
        upper_bounds: &[f64],
    ) -> Family<Histogram> {
        let native = Some(NativeBuckets::default());
        self.family(name, help, label_names, HistogramBuckets { upper_bounds: upper_bounds.to_vec(), native })
    }

    /// Makes a summary with quantiles of these ranks, or none.
    pub fn summary(&self, name: &str, help: &str, ranks: &[f64]) -> Summary {
        self.summary_vec(name, help, &[], ranks).with(&[])
    }

    /// Makes a family of summaries with quantiles of these ranks, or none.
    pub fn summary_vec(&self, name: &str, help: &str, label_names: &[&str], ranks: &[f64]) -> Family<Summary> {
        self.family(name, help, label_names, ranks.to_vec())
    }

    /// Shows a gauge whose value `read` gives whenever a page is gathered.
    pub fn gauge_fn(&self, name: &str, help: &str, read: impl Fn() -> f64 + Send + Sync + 'static) {
        self.register_fn(name, help, MetricType::Gauge, None, move || MetricValue::Gauge(read()));
    }

    /// Shows a counter whose value `read` gives whenever a page is gathered, and which begins now.
    pub fn counter_fn(&self, name: &str, help: &str, read: impl Fn() -> f64 + Send + Sync + 'static) {
        let read = move || MetricValue::Counter { value: read(), exemplar: None };
        self.register_fn(name, help, MetricType::Counter, Some(SystemClock.now().0), read);
    }

    /// Adds a collector. It stays as long as the registry.
    pub fn register(&self, collector: Arc<dyn Collect>) {
        self.0.collectors.lock().push(collector);
    }

    /// Returns all values, families by name and metrics by label values.
    pub fn gather(&self) -> Vec<MetricFamily> {
        let families: Vec<Arc<dyn AnyFamily>> = self.0.families.lock().values().map(Arc::clone).collect();
        let collectors: Vec<Arc<dyn Collect>> = self.0.collectors.lock().clone();
        let mut out: Vec<MetricFamily> = families.iter().filter_map(|family| family.gather()).collect();
        for collector in collectors {
            collector.collect(&mut out);
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        out.dedup_by(|later, kept| {
            let same = later.name == kept.name;
            if same {
                kept.metrics.append(&mut later.metrics);
                kept.metrics.sort_by(|a, b| a.labels.cmp(&b.labels));
            }
            same
        });
        out
    }

    fn family<T: Instrument>(&self, name: &str, help: &str, label_names: &[&str], settings: T::Settings) -> Family<T> {
        let mut families = self.0.families.lock();
        if let Some(known) = families.get(name) {
            let same = known.as_any().downcast_ref::<Family<T>>().filter(|f| f.is_like(label_names, &settings));
            return same.unwrap_or_else(|| panic!("{name} is registered in another shape")).clone();
        }
        let family = Family::new(name, help, label_names, settings);
        families.insert(name.to_owned(), Arc::new(family.clone()));
        family
    }

    fn register_fn(
        &self,
        name: &str,
        help: &str,
        metric_type: MetricType,
        created_ms: Option<i64>,
        read: impl Fn() -> MetricValue + Send + Sync + 'static,
    ) {
        let (name, help) = (name.to_owned(), help.to_owned());
        self.register(Arc::new(CollectFn { name, help, metric_type, created_ms, read }));
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.families.lock().keys()).finish()
    }
}

struct CollectFn<F> {
    name: String,
    help: String,
    metric_type: MetricType,
    created_ms: Option<i64>,
    read: F,
}

impl<F: Fn() -> MetricValue + Send + Sync> Collect for CollectFn<F> {
    fn collect(&self, out: &mut Vec<MetricFamily>) {
        let metric = Metric { created_ms: self.created_ms, ..Metric::new(Labels::empty(), (self.read)()) };
        out.push(MetricFamily {
            name: self.name.clone(),
            help: self.help.clone(),
            unit: String::new(),
            metric_type: self.metric_type,
            metrics: vec![metric],
        });
    }
}
