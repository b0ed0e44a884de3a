//! A day of a small fleet, 10,000 series at 30 s, as blocks: what `cargo xtask bench promql` asks its queries of.
//!
//! `dashboard_blocks DIR START_MS` writes a block of 18 hours and one of 6 below DIR, which neither server has a reason to
//! compact when START_MS is a multiple of 18 hours. The same START_MS gives the same samples.
#![expect(clippy::print_stdout, reason = "it is for people")]

use std::error::Error;
use std::path::Path;

use firesteel_base::TimestampMs;
use firesteel_base::vfs::OsVfs;
use firesteel_model::Labels;
use firesteel_storage::chunkenc::XorChunk;
use firesteel_storage::{ChunkBytes, ChunkView, Encoding};
use firesteel_tsdb_block::{BlockSpec, LabelledSource, Ulid, WriteOptions, write_block};

const HOUR_MS: i64 = 3_600_000;
const STEP_MS: i64 = 30_000;
/// Of the two blocks.
const HOURS: [i64; 2] = [18, 6];
const BUCKETS: [&str; 15] =
    ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "1", "1.5", "2.5", "5", "10", "30", "+Inf"];
/// Which part of all requests each bucket holds.
const SHARES: [f64; 15] =
    [0.03, 0.11, 0.27, 0.48, 0.67, 0.83, 0.915, 0.95, 0.967, 0.98, 0.991, 0.997, 0.9994, 0.99996, 1.0];
const NODE_GAUGES: i64 = 100;

/// How a series goes on.
enum Shape {
    /// Whole events, so many a step on average.
    Events(f64),
    /// Bytes, so many a step on average.
    Bytes(f64),
    /// Seconds with so many digits, of which a step takes so many.
    Seconds(f64, f64),
    /// A share of the events of a handler: bucket by bucket the same noise.
    Bucket(f64, f64),
    /// Seconds spent on the events.
    BucketSum(f64),
    /// A walk in whole units of so much around so much.
    Walk(f64, f64),
    /// A walk with two digits.
    Load(f64),
    Constant(f64),
}

/// A series with what makes its samples.
struct Series {
    labels: Labels,
    shape: Shape,
    /// Where its target is scraped within the interval, and what its noise starts from; the same for one target.
    target: u64,
    seed: u64,
}

/// A generator of noise.
struct Noise(u64);

impl Noise {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 ^ self.0 >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11
    }

    /// Between 0 and 1.
    fn unit(&mut self) -> f64 {
        self.bits() as f64 / (1_u64 << 53) as f64
    }
}

#[derive(Default)]
struct Fleet(Vec<Series>);

impl Fleet {
    fn add(&mut self, target: u64, seed: u64, shape: Shape, name: &str, labels: &[(&str, String)]) {
        let name = [("__name__", name.to_owned())];
        let labels = Labels::from_pairs(name.iter().chain(labels).map(|(n, v)| (*n, v.as_str())));
        self.0.push(Series { labels, shape, target, seed });
    }

    /// Returns the 10,000 series.
    fn of_a_day() -> Self {
        let mut fleet = Self::default();
        fleet.services();
        fleet.nodes();
        fleet.containers();
        let labels = |i: u64| [("instance", format!("10.3.0.{i}:8080")), ("job", format!("small-{}", i % 6))];
        (0..60).for_each(|i| fleet.add(1000 + i, i, Shape::Constant(1.0), "up", &labels(i)));
        fleet
    }

    /// 2,200 requests by code and 120 histograms of 17 series.
    fn services(&mut self) {
        for i in 0..20 {
            let target = [("instance", format!("10.1.0.{i}:8080")), ("job", "api".to_owned())];
            for handler in 0..11 {
                for (c, code) in ["200", "204", "400", "404", "500"].iter().enumerate() {
                    for (m, method) in ["GET", "POST"].iter().enumerate() {
                        let labels = [
                            ("code", (*code).to_owned()),
                            ("handler", format!("/api/v1/resource/{handler}")),
                            ("method", (*method).to_owned()),
                        ];
                        let rate = [400.0, 40.0, 6.0, 3.0, 0.4][c] / (1 + handler + 2 * m) as f64;
                        let labels = [&labels[..], &target].concat();
                        let seed = self.0.len() as u64;
                        self.add(i, seed, Shape::Events(rate), "http_requests_total", &labels);
                    }
                }
            }
        }
        for i in 0..30 {
            for handler in 0..4 {
                let labels = [
                    ("handler", format!("/api/v1/resource/{handler}")),
                    ("instance", format!("10.1.0.{i}:8080")),
                    ("job", "api".to_owned()),
                ];
                let seed = 1_000_000 + i * 4 + handler;
                let rate = 300.0 / (1 + handler) as f64;
                let name = |part: &str| format!("http_request_duration_seconds_{part}");
                for (le, share) in BUCKETS.iter().zip(SHARES) {
                    let labels = [&labels[..], &[("le", (*le).to_owned())]].concat();
                    self.add(i, seed, Shape::Bucket(rate, share), &name("bucket"), &labels);
                }
                self.add(i, seed, Shape::Bucket(rate, 1.0), &name("count"), &labels);
                self.add(i, seed, Shape::BucketSum(rate), &name("sum"), &labels);
            }
        }
    }

    /// 25 machines of 148 series.
    fn nodes(&mut self) {
        for i in 0..25 {
            let target = [("instance", format!("10.2.0.{i}:9100")), ("job", "node".to_owned())];
            for cpu in 0..4 {
                for (mode, part) in [
                    ("idle", 0.8),
                    ("iowait", 0.02),
                    ("irq", 0.0),
                    ("nice", 0.001),
                    ("softirq", 0.01),
                    ("steal", 0.004),
                    ("system", 0.05),
                    ("user", 0.115),
                ] {
                    let labels = [("cpu", format!("{cpu}")), ("mode", mode.to_owned())];
                    let labels = [&labels[..], &target].concat();
                    let seed = self.0.len() as u64;
                    self.add(100 + i, seed, Shape::Seconds(30.0 * part, 100.0), "node_cpu_seconds_total", &labels);
                }
            }
            for device in ["eth0", "eth1", "lo", "docker0"] {
                for (name, rate) in
                    [("receive_bytes", 4e6), ("transmit_bytes", 1e6), ("receive_packets", 3e3), ("receive_drop", 0.01)]
                {
                    let labels = [&[("device", device.to_owned())], &target[..]].concat();
                    let shape = if rate > 1e5 { Shape::Bytes(rate) } else { Shape::Events(rate) };
                    let seed = self.0.len() as u64;
                    self.add(100 + i, seed, shape, &format!("node_network_{name}_total"), &labels);
                }
            }
            for gauge in 0..NODE_GAUGES {
                let seed = self.0.len() as u64;
                let (name, shape) = match gauge {
                    0 => ("node_load1".to_owned(), Shape::Load(2.0)),
                    1 => ("node_memory_MemAvailable_bytes".to_owned(), Shape::Walk(8e9, 4096.0)),
                    2 => ("node_memory_MemTotal_bytes".to_owned(), Shape::Constant(16e9)),
                    3..25 => (format!("node_memory_part{gauge}_bytes"), Shape::Walk(1e8 * gauge as f64, 4096.0)),
                    25..45 => (format!("node_pressure_part{gauge}_ratio"), Shape::Load(0.5)),
                    45..70 => (format!("node_setting_part{gauge}"), Shape::Constant(gauge as f64 * 1024.0)),
                    _ => (format!("node_count_part{gauge}"), Shape::Walk(300.0, 1.0)),
                };
                self.add(100 + i, seed, shape, &name, &target);
            }
        }
    }

    /// 800 containers and where 400 of them run.
    fn containers(&mut self) {
        for i in 0..800 {
            let pod = i / 2;
            let of_pod =
                [("namespace", format!("namespace-{}", pod % 16)), ("pod", format!("service-7f9c6d5b4-{pod:04}"))];
            let target = [
                ("container", ["app", "proxy"][i as usize % 2].to_owned()),
                ("instance", format!("10.2.0.{}:10250", pod % 25)),
                ("job", "kubelet".to_owned()),
            ];
            let labels = [&of_pod[..], &target].concat();
            let bytes = Shape::Walk(2e8 + 1e6 * i as f64, 4096.0);
            self.add(200 + pod % 25, 2_000_000 + i, bytes, "container_memory_working_set_bytes", &labels);
            let seconds = Shape::Seconds(0.1 + 0.02 * (i % 50) as f64, 1e9);
            self.add(200 + pod % 25, 3_000_000 + i, seconds, "container_cpu_usage_seconds_total", &labels);
            if i % 2 == 0 {
                let info = [
                    ("host_ip", format!("10.2.0.{}", pod % 25)),
                    ("instance", "10.4.0.1:8080".to_owned()),
                    ("job", "kube-state-metrics".to_owned()),
                    ("node", format!("node-{:02}", pod % 25)),
                ];
                let labels = [&of_pod[..], &info].concat();
                self.add(300, i, Shape::Constant(1.0), "kube_pod_info", &labels);
            }
        }
    }
}

impl Series {
    /// Returns the samples of `hours` from `start` on, in chunks of one hour.
    fn chunks(&self, start: i64, hours: i64) -> Result<Vec<ChunkView>, Box<dyn Error>> {
        let mut noise = Noise(self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x63);
        let mut scrape = Noise(self.target);
        let offset = 137 + (scrape.bits() % 29_000) as i64;
        let per_hour = HOUR_MS / STEP_MS;
        let mut state = State::new(&mut noise, &self.shape);
        let mut views = Vec::with_capacity(hours as usize);
        for hour in 0..hours {
            let mut chunk = XorChunk::new();
            let (mut first, mut last) = (0, 0);
            for at in 0..per_hour {
                // Nearly all scrapes are taken as being on time.
                let late = if scrape.bits().is_multiple_of(50) { (scrape.bits() % 5) as i64 } else { 0 };
                last = start + hour * HOUR_MS + at * STEP_MS + offset + late;
                first = if at == 0 { last } else { first };
                chunk.push(TimestampMs(last), state.next(&mut noise, &self.shape))?;
            }
            let bytes = chunk.into_bytes();
            let len = bytes.len();
            views.push(ChunkView {
                min: TimestampMs(first),
                max: TimestampMs(last),
                encoding: Encoding::Xor,
                samples: per_hour as u32,
                bytes: ChunkBytes::Copied(bytes.into(), 0..len),
            });
        }
        Ok(views)
    }
}

/// Where a series is.
struct State {
    total: f64,
    value: f64,
    left: u64,
}

impl State {
    fn new(noise: &mut Noise, shape: &Shape) -> Self {
        let total = match shape {
            Shape::Constant(v) | Shape::Walk(v, _) | Shape::Load(v) => *v,
            Shape::Bucket(rate, share) => rate * 5000.0 * share,
            Shape::BucketSum(rate) => rate * 600.0,
            Shape::Events(rate) | Shape::Bytes(rate) => rate * 10_000.0,
            Shape::Seconds(rate, _) => rate * 20_000.0,
        };
        // A process of every third series began within the day.
        let left = if noise.bits().is_multiple_of(3) { noise.bits() % 2880 } else { u64::MAX };
        let seed = noise.unit();
        Self {
            total: if matches!(shape, Shape::Bucket(..)) { total.floor() } else { (total * (0.5 + seed)).floor() },
            value: 0.0,
            left,
        }
    }

    fn next(&mut self, noise: &mut Noise, shape: &Shape) -> f64 {
        let (a, b) = (noise.unit(), noise.unit());
        let restarts = self.left == 0;
        self.left = self.left.wrapping_sub(1);
        if restarts && !matches!(shape, Shape::Walk(..) | Shape::Load(_) | Shape::Constant(_)) {
            self.total = 0.0;
            self.value = 0.0;
        }
        match shape {
            Shape::Events(rate) => {
                let whole = rate * (0.6 + 0.8 * a);
                self.total += (whole + b).floor();
                self.total
            }
            Shape::Bytes(rate) => {
                self.total += (rate * (0.3 + 1.4 * a)).floor();
                self.total
            }
            Shape::Seconds(rate, digits) => {
                // The total counts in the last digit, as the kernel does.
                self.total += (rate * digits * (0.4 + 1.2 * a)).floor();
                self.total / digits
            }
            Shape::Bucket(rate, share) => {
                self.value += (rate * (0.5 + a)).floor();
                self.total + (self.value * share).floor()
            }
            Shape::BucketSum(rate) => {
                self.total += rate * (0.5 + a) * 0.12 * (0.9 + 0.2 * b);
                self.total
            }
            Shape::Walk(middle, unit) => {
                let back = (middle - self.total) * 0.02;
                if b < 0.8 {
                    self.total += ((a - 0.5) * middle * 0.01 + back).round();
                }
                (self.total / unit).floor() * unit
            }
            Shape::Load(middle) => {
                self.total += (a - 0.5) * 0.1 * middle + (middle - self.total) * 0.01;
                (self.total.max(0.0) * 100.0).round() / 100.0
            }
            Shape::Constant(v) => *v,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, start] = args.as_slice() else { return Err("usage: dashboard_blocks DIR START_MS".into()) };
    let start: i64 = start.parse()?;
    let fleet = Fleet::of_a_day().0;
    let whole: i64 = HOURS.iter().sum();
    let mut blocks: Vec<Vec<(Labels, Vec<ChunkView>)>> = HOURS.iter().map(|_| Vec::new()).collect();
    let mut bytes = 0;
    for series in &fleet {
        let mut chunks = series.chunks(start, whole)?.into_iter();
        bytes += chunks.as_slice().iter().map(|chunk| chunk.bytes.as_slice().len()).sum::<usize>();
        for (block, hours) in blocks.iter_mut().zip(HOURS) {
            block.push((series.labels.clone(), chunks.by_ref().take(hours as usize).collect()));
        }
    }
    let mut from = start;
    for (number, (series, hours)) in blocks.into_iter().zip(HOURS).enumerate() {
        let to = from + hours * HOUR_MS;
        let spec = BlockSpec::of_head(Ulid::from_parts(to as u64, 1 + number as u128), from, to);
        let mut source = LabelledSource::new(series);
        write_block(&OsVfs, Path::new(dir), &spec, &mut source, &mut WriteOptions::default())?;
        from = to;
    }
    let samples = fleet.len() as i64 * whole * HOUR_MS / STEP_MS;
    println!("{} series, {samples} samples, {:.2} bytes a sample", fleet.len(), bytes as f64 / samples as f64);
    Ok(())
}
