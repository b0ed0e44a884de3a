//! Go's answers to inputs of ours: the edges of each function and of its branches by row, many more by digest.

use super::*;
use crate::golden::rows;

type Unary = fn(f64) -> f64;
type Binary = fn(f64, f64) -> f64;

const UNARY: [(&str, Unary); 18] = [
    ("exp", exp),
    ("exp2", exp2),
    ("ln", ln),
    ("ln_1p", ln_1p),
    ("log2", log2),
    ("log10", log10),
    ("sin", sin),
    ("cos", cos),
    ("tan", tan),
    ("asin", asin),
    ("acos", acos),
    ("atan", atan),
    ("sinh", sinh),
    ("cosh", cosh),
    ("tanh", tanh),
    ("asinh", asinh),
    ("acosh", acosh),
    ("atanh", atanh),
];
const BINARY: [(&str, Binary); 2] = [("pow", pow), ("atan2", atan2)];

/// Compares a row; returns what differs.
fn differs(row: &[&str]) -> Option<String> {
    let &[name, inputs, want] = row else { panic!("a row has three columns: {row:?}") };
    let hex = |text: &str| u64::from_str_radix(text, 16).expect("hexadecimal bits");
    let unary = UNARY.iter().find(|(n, _)| *n == name).map(|(_, f)| *f);
    let binary = BINARY.iter().find(|(n, _)| *n == name).map(|(_, f)| *f);
    if let Some(count) = inputs.strip_prefix("digest ") {
        let mut inputs = Inputs(7);
        let got = (0..count.parse().expect("a count")).fold(0xcbf2_9ce4_8422_2325, |sum: u64, _: u64| {
            let a = inputs.value();
            let v = unary.map_or_else(|| binary.expect("a known function")(a, inputs.value()), |f| f(a));
            let sum = (sum ^ bits(v)).wrapping_mul(0x100_0000_01b3);
            sum ^ sum >> 29
        });
        return (got != hex(want)).then(|| format!("{name}: one of {count} inputs from the seed"));
    }
    let args: Vec<f64> = inputs.split(' ').map(|text| f64::from_bits(hex(text))).collect();
    let got = match args[..] {
        [a] => unary.expect("a known function")(a),
        [a, b] => binary.expect("a known function")(a, b),
        _ => panic!("{name} takes one or two inputs"),
    };
    let want = f64::from_bits(hex(want));
    (bits(got) != bits(want)).then(|| format!("{name}{args:?} = {got:?}, Go says {want:?}"))
}

/// All NaNs are alike: their bits are the processor's.
fn bits(v: f64) -> u64 {
    if v.is_nan() { NAN.to_bits() } else { v.to_bits() }
}

/// The inputs behind the digests: SplitMix64, spread over raw bits, the middle exponents, [-1, 1), ±750 and integers.
struct Inputs(u64);

impl Inputs {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn value(&mut self) -> f64 {
        match self.next() % 5 {
            0 => f64::from_bits(self.next()),
            1 => {
                let exponent = 1023 - 32 + self.next() % 44;
                f64::from_bits(self.next() & 0x800f_ffff_ffff_ffff | exponent << 52)
            }
            2 => self.unit(),
            3 => self.unit() * 750.0,
            _ => (self.next() % 2001) as f64 - 1000.0,
        }
    }
}

#[test]
fn every_function_is_go_s_bit_for_bit() {
    let faults: Vec<String> =
        rows(include_str!("../../testdata/math.tsv")).iter().filter_map(|row| differs(row)).collect();
    assert!(faults.is_empty(), "{} rows differ:\n{}", faults.len(), faults[..faults.len().min(60)].join("\n"));
}

#[test]
fn every_function_has_its_rows() {
    let table = rows(include_str!("../../testdata/math.tsv"));
    for name in UNARY.iter().map(|(n, _)| n).chain(BINARY.iter().map(|(n, _)| n)) {
        assert!(table.iter().filter(|row| row[0] == *name).count() > 100, "{name} has lost its rows");
    }
}
