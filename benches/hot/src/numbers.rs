//! Numbers as the API writes them and as pages hold them.

use std::hint::black_box;

use firesteel_expfmt::parse_value;
use firesteel_go_compat as go;

pub(crate) const COUNT: u64 = 1_000;

fn values() -> Vec<f64> {
    (0..COUNT).map(|i| (i * i) as f64 / 8.0 + 0.1).collect()
}

pub(crate) fn format(rounds: u64) {
    let values = values();
    let mut out = Vec::with_capacity(32 << 10);
    for _ in 0..rounds {
        out.clear();
        for v in &values {
            go::push_float(&mut out, *v, go::FloatForm::Fixed);
        }
        black_box(&mut out);
    }
}

pub(crate) fn parse(rounds: u64) {
    let texts: Vec<String> = values().iter().map(f64::to_string).collect();
    for _ in 0..rounds {
        for text in &texts {
            black_box(parse_value(text.as_bytes()).ok());
        }
    }
}
