//! The bytes that Prometheus 3.14 makes of our samples, from `testdata/xor-chunks.txt`: name, samples, chunk.

use super::{decode, encode};

#[test]
fn bytes_are_upstreams() {
    let mut cases = 0;
    for line in include_str!("../../../testdata/xor-chunks.txt").lines().filter(|l| !l.starts_with('#')) {
        let [name, samples, chunk] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("bad line {line}") };
        let samples: Vec<(i64, u64)> = samples
            .split_whitespace()
            .map(|s| {
                let (t, v) = s.split_once(':').expect("time:value");
                (t.parse().expect("a time"), u64::from_str_radix(v, 16).expect("a value's bits"))
            })
            .collect();
        let expected: Vec<u8> = (0..chunk.len() / 2)
            .map(|i| u8::from_str_radix(&chunk[2 * i..2 * i + 2], 16).expect("hexadecimal digits"))
            .collect();
        assert_eq!(encode(&samples), expected, "{name}");
        assert_eq!(decode(&encode(&samples), 11).as_deref(), Ok(&samples[..]), "{name}");
        cases += 1;
    }
    assert!(cases >= 8, "the file has been emptied");
}
