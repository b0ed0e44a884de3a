//! A sender of remote write: the same series, times and values to whoever is measured.
//!
//! The mix of series is that of the scrape bench (40 % buckets of histograms, 35 % counters, 25 % gauges; about 150 bytes of
//! labels); a few connections each send their share in order, 2,000 samples a request, as Prometheus' own sender does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use firesteel_proto::{snappy, write_v1, write_v2};

/// Samples of one request.
const REQUEST_SAMPLES: usize = 2_000;
/// Connections of the sender.
const CONNECTIONS: usize = 2;

/// The two messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    V1,
    V2,
}

/// Series to push.
#[derive(Debug)]
pub(crate) struct Series {
    /// The number of the first one: another number makes other series.
    pub(crate) first: usize,
    pub(crate) count: usize,
}

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const BOUNDS: [&str; 10] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"];

/// Calls `label` with the labels of a series, in order of name.
fn labels(n: usize, mut label: impl FnMut(&str, &str)) {
    let instance = format!("10.0.{}.{}:9100", n / 1000 / 250, n / 1000 % 250);
    let (of_target, target) = (n % 1000, n / 1000);
    let job = format!("app-{:03}", target % 100);
    match of_target {
        0..400 => {
            label("__name__", "http_request_duration_seconds_bucket");
            label("handler", &format!("/api/v1/resource/{}", of_target / 10));
            label("instance", &instance);
            label("job", &job);
            label("le", BOUNDS[of_target % 10]);
            label("method", METHODS[of_target / 10 % 4]);
            label("service", "checkout-service");
        }
        400..750 => {
            label("__name__", "app_operations_total");
            label("component", "storage-engine");
            label("instance", &instance);
            label("job", &job);
            label("operation", &format!("operation-{of_target:04}"));
            label("result", "success");
            label("zone", ["zone-0", "zone-1", "zone-2"][of_target % 3]);
        }
        _ => {
            label("__name__", "app_pool_usage_ratio");
            label("component", "database-client");
            label("instance", &instance);
            label("job", &job);
            label("pool", &format!("connection-pool-{of_target:04}"));
            label("region", "eu-central");
        }
    }
}

/// Returns the value of a series in a round: counters climb, gauges wander.
fn value(n: usize, round: u64) -> f64 {
    if n % 1000 < 750 {
        return (round * (n as u64 % 23 + 1) * 15 + n as u64) as f64;
    }
    let mixed =
        (round.wrapping_mul(6_364_136_223_846_793_005) ^ (n as u64).wrapping_mul(1_442_695_040_888_963_407)) >> 40;
    (mixed % 1_000_000) as f64 / 1e6
}

/// Labels as the first message has them, spelled once: the sender is not what is measured.
struct Spelled {
    first: usize,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Spelled {
    fn new(series: std::ops::Range<usize>) -> Self {
        let mut spelled = Self { first: series.start, bytes: Vec::new(), ends: Vec::with_capacity(series.len()) };
        for n in series {
            labels(n, |name, value| write_v1::put_label(&mut spelled.bytes, name, value));
            spelled.ends.push(spelled.bytes.len());
        }
        spelled
    }

    fn of(&self, n: usize) -> &[u8] {
        let at = n - self.first;
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[from..self.ends[at]]
    }
}

fn message_v1(spelled: &Spelled, series: std::ops::Range<usize>, round: u64, t_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(series.len() * 220);
    for n in series {
        write_v1::put_series(&mut out, |out| {
            out.extend_from_slice(spelled.of(n));
            write_v1::put_sample(out, t_ms, value(n, round));
        });
    }
    out
}

fn message_v2(series: std::ops::Range<usize>, round: u64, t_ms: i64) -> Vec<u8> {
    let mut encoder = write_v2::Encoder::default();
    let mut refs = Vec::new();
    for n in series {
        refs.clear();
        labels(n, |name, value| {
            refs.push(encoder.symbol(name));
            refs.push(encoder.symbol(value));
        });
        encoder.series(&refs, |out| write_v2::put_sample(out, t_ms, value(n, round), 0));
    }
    encoder.finish()
}

struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(2)))?;
        Ok(Self { stream: BufReader::new(stream), host: host.to_owned() })
    }

    fn push(&mut self, version: Version, body: &[u8]) -> Result<()> {
        let (kind, number) = match version {
            Version::V1 => ("application/x-protobuf", "0.1.0"),
            Version::V2 => ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
        };
        let head = format!(
            "POST /api/v1/write HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\nContent-Encoding: snappy\r\n\
             X-Prometheus-Remote-Write-Version: {number}\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(n) = line.strip_prefix("content-length:") {
                length = n.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if !status.contains(" 20") {
            bail!("{}: {} {}", self.host, status.trim(), String::from_utf8_lossy(&body));
        }
        Ok(())
    }
}

/// What pushing took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pushed {
    pub(crate) samples: usize,
    pub(crate) body_bytes: usize,
    /// Waiting for answers, all connections together.
    pub(crate) waited: Duration,
}

/// Pushes one sample of each series for every round, and waits for the answers. The times are `t_ms(round)`.
pub(crate) fn push(
    host: &str,
    version: Version,
    series: &Series,
    rounds: std::ops::Range<u64>,
    t_ms: &(dyn Fn(u64) -> i64 + Sync),
) -> Result<Pushed> {
    let share = series.count.div_ceil(CONNECTIONS);
    let of_connection = |c: usize| -> Result<Pushed> {
        let (from, to) = (series.first + c * share, series.first + series.count.min((c + 1) * share));
        let mut connection = Connection::open(host)?;
        let mut pushed = Pushed::default();
        let mut packed = Vec::new();
        let spelled = Spelled::new(if version == Version::V1 { from..to } else { from..from });
        for round in rounds.clone() {
            let mut at = from;
            while at < to {
                let end = to.min(at + REQUEST_SAMPLES);
                let message = match version {
                    Version::V1 => message_v1(&spelled, at..end, round, t_ms(round)),
                    Version::V2 => message_v2(at..end, round, t_ms(round)),
                };
                packed.clear();
                snappy::encode(&message, &mut packed)?;
                let began = Instant::now();
                connection.push(version, &packed)?;
                pushed.waited += began.elapsed();
                pushed.samples += end - at;
                pushed.body_bytes += packed.len();
                at = end;
            }
        }
        Ok(pushed)
    };
    let shares = std::thread::scope(|scope| {
        let of_connection = &of_connection;
        let threads: Vec<_> = (0..CONNECTIONS).map(|c| scope.spawn(move || of_connection(c))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| bail!("a sending thread panicked")))
            .collect::<Result<Vec<_>>>()
    })?;
    Ok(shares.into_iter().fold(Pushed::default(), |sum, one| Pushed {
        samples: sum.samples + one.samples,
        body_bytes: sum.body_bytes + one.body_bytes,
        waited: sum.waited + one.waited,
    }))
}
