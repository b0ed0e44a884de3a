//! Floats as text against Go's answers, and there and back.

use proptest::prelude::*;

use super::*;
use crate::float_write::short_decimal;
use crate::golden::rows;
use crate::parse_float;

fn shortest(v: f64, form: FloatForm) -> String {
    format_float_as(v, form).to_string()
}

fn precise(v: f64, form: FloatForm, precision: usize) -> String {
    let mut out = Vec::new();
    push_float_precision(&mut out, v, form, precision);
    String::from_utf8(out).unwrap()
}

#[test]
fn writes_what_go_writes() {
    for row in rows(include_str!("../../testdata/floats.tsv")) {
        let v = f64::from_bits(u64::from_str_radix(row[0], 16).unwrap());
        let check = |got: String, want: &str| {
            if want != "-" {
                assert_eq!(got, want, "{v:e}");
            }
        };
        check(shortest(v, FloatForm::Fixed), row[1]);
        check(shortest(v, FloatForm::Exponent), row[2]);
        check(shortest(v, FloatForm::General), row[3]);
        check(shortest(v, FloatForm::Json), row[4]);
        check(precise(v, FloatForm::General, 4), row[5]);
        check(precise(v, FloatForm::General, 0), row[6]);
        check(precise(v, FloatForm::General, 17), row[7]);
        check(precise(v, FloatForm::Exponent, 3), row[8]);
        check(precise(v, FloatForm::Fixed, 3), row[9]);
    }
}

#[test]
fn appends_and_pads() {
    let mut out = b"v=".to_vec();
    push_float(&mut out, 1.5, FloatForm::Fixed);
    push_float(&mut out, -0.0, FloatForm::Fixed);
    assert_eq!(out, b"v=1.5-0");
    assert_eq!(format!("[{:>6}]", format_float(2.5)), "[   2.5]");
}

/// The way for short decimals and the general one agree, whichever takes the number.
#[test]
fn short_decimals_are_written_as_all() {
    let mut seed = 1u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 11
    };
    let mut short = 0;
    for i in 0..200_000 {
        let scale = 10f64.powi((next() % 13) as i32);
        let v = match i % 4 {
            0 => (next() % 1_000_000_000_000_000) as f64 / scale,
            1 => (next() % 100_000) as f64 / scale,
            // A neighbour of a short decimal is long.
            2 => f64::from_bits(((next() % 1_000_000_000) as f64 / scale).to_bits() + next() % 3),
            _ => (next() % 1_000_000_000) as f64 / scale * 1.1,
        };
        let v = if next() % 2 == 0 { v } else { -v };
        if v.abs() < 1e-4 || v.fract() == 0.0 || v.abs() >= 1e15 {
            continue;
        }
        short += usize::from(short_decimal(v.abs()).is_some());
        let mut out = b"-".to_vec();
        push_float(&mut out, v, FloatForm::Fixed);
        let mut buffer = zmij::Buffer::new();
        assert_eq!(std::str::from_utf8(&out[1..]), Ok(buffer.format_finite(v)), "{v:e}");
    }
    assert!(short > 50_000, "{short}");
}

proptest! {
    #[test]
    fn every_form_reads_back(bits: u64) {
        let v = f64::from_bits(bits);
        prop_assume!(v.is_finite());
        for form in [FloatForm::Fixed, FloatForm::Exponent, FloatForm::General, FloatForm::Json] {
            let text = shortest(v, form);
            prop_assert_eq!(parse_float(&text).unwrap().to_bits(), bits, "{}", text);
        }
    }

    #[test]
    fn short_decimals_read_back(mantissa in -1_000_000_000i64..1_000_000_000, places in 0i32..12) {
        let v = mantissa as f64 / 10f64.powi(places);
        let text = shortest(v, FloatForm::Fixed);
        prop_assert!(!text.contains('e') && !text.ends_with(".0"), "{}", text);
        prop_assert_eq!(parse_float(&text).unwrap(), v);
    }
}
